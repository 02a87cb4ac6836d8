"""The very zip that is deployed: what is in it, and that it runs as Lambda would run it, under its own policies."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from moto.apigateway.models import APIGatewayBackend
from moto.awslambda.models import lambda_backends

from deploy import package
from deploy.package import CannotPackage, Package
from simulator import EXTENDED, TOP_50, Simulator
from tests.lambda_runtime import Function, Invocation, running, runtime_folder
from tests.test_imports import chart
from tests.test_uploads import object_created

MOST_BYTES = 28_000_000
LAKE = "s3://charts/chartlake"
# Every top-level name that may be in the bundle besides the *.dist-info folders.
EXPECTED = {
    *("app.py", "chalice", "chalicelib"),
    *("_duckdb-stubs", "_duckdb.abi3.so", "adbc_driver_duckdb", "duckdb"),
    *("certifi", "charset_normalizer", "idna", "requests", "urllib3"),
    *("redis", "spotipy", "tenacity", "tzdata"),
}
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-23T06:15:00Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:events:eu-west-1:123456789012:rule/chartlake-prod-DailyDailyEvent-1"],
    "detail": {},
}


def http_event(method: str, path: str, body: str | None = None, **parameters: str) -> dict[str, Any]:
    """A request as API Gateway's Lambda proxy integration sends it."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", "Host": "abc.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "httpMethod": method, "path": f"/api{path}", "stage": "api"},
        "body": body,
        "isBase64Encoded": False,
    }


# What is in it.


@pytest.fixture(scope="module")
def x86_64(arm64: Package, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The same for the other kind of processor."""
    return package.build("prod", tmp_path_factory.mktemp("x86_64"), "x86_64")


@pytest.fixture(scope="module")
def native(arm64: Package, x86_64: Package) -> Package:
    """The one that this machine can run."""
    found = {"x86_64": x86_64, "aarch64": arm64}.get(platform.machine())
    if sys.platform != "linux" or found is None:
        pytest.skip("what runs in Lambda runs on Linux only")
    return found


@pytest.fixture(params=["arm64", "x86_64"])
def bundle(request: pytest.FixtureRequest) -> Package:
    found: Package = request.getfixturevalue(request.param)
    assert found.template["Resources"]["Daily"]["Properties"]["Architectures"] == [request.param]
    return found


def test_the_bundle_is_small(bundle: Package, capsys: pytest.CaptureFixture[str]) -> None:
    size = bundle.bundle.stat().st_size
    with capsys.disabled():
        print(
            f"\nbundle {bundle.template['Resources']['Daily']['Properties']['Architectures'][0]}: {size / 1e6:.1f} MB"
        )
    assert size < MOST_BYTES


def test_the_bundle_holds_what_runs_and_nothing_else(bundle: Package) -> None:
    top = {name.split("/")[0] for name in bundle.names}
    assert {name for name in top if not name.endswith(".dist-info")} == EXPECTED
    inside = [name for name in bundle.names if name.startswith("chalicelib/")]
    assert all(name.endswith((".py", ".sql", ".json", ".html", ".css", ".js")) for name in inside)
    assert not [name for name in bundle.names if "__pycache__" in name or name.endswith(".pyc")]
    assert not [name for name in inside if name.split("/")[1] in package.LAPTOP_ONLY]


def test_the_native_parts_are_of_the_right_kind(bundle: Package) -> None:
    with zipfile.ZipFile(bundle.bundle) as archive:
        native = [name for name in archive.namelist() if name.endswith(".so")]
        # bytes 18 and 19 of an ELF file name the machine
        kinds = {int.from_bytes(archive.open(name).read(20)[18:], "little") for name in native}
    architecture = bundle.template["Resources"]["Daily"]["Properties"]["Architectures"][0]
    assert kinds == {{"arm64": 183, "x86_64": 62}[architecture]}


def test_a_stage_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotPackage, match=r"STAGE=production: .* dev, prod"):
        package.build("production", tmp_path)


def test_the_stage_for_chalice_deploy_is_not_made_into_a_stack(tmp_path: Path) -> None:
    with pytest.raises(CannotPackage, match="STAGE=dev") as refused:
        package.build("dev", tmp_path)
    assert "chalice deploy" in refused.value.advice


def test_a_python_whose_bundle_lambda_could_not_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "sys", SimpleNamespace(version_info=(3, 11, 14)))
    with pytest.raises(CannotPackage) as refused:
        package.build("prod", tmp_path)
    assert "3.11" in refused.value.message
    assert "make clean deploy PYTHON=" in refused.value.advice


def test_a_bundle_that_lambda_would_refuse_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MOST_ZIPPED", 2_000_000)
    with zipfile.ZipFile(tmp_path / "big.zip", "w") as archive:
        archive.writestr("pandas/big", bytes(3_000_000))
        archive.writestr("app.py", "")
    with pytest.raises(CannotPackage, match=r"3\.0 MB zipped and 3 MB unzipped.*pandas 3 MB") as refused:
        package.check_size(tmp_path / "big.zip")
    assert "requirements.txt" in refused.value.advice


# That it runs.


class Aws:
    """moto in its own process, since its switch for IAM is the whole process's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.variables = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def client(self, service: str, keys: dict[str, str] | None = None) -> Any:
        keys = self.variables | (keys or {})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
        )

    @contextmanager
    def enforcing(self) -> Iterator[None]:
        """Policies count from here on."""
        requests.post(f"{self.url}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.post(f"{self.url}/moto-api/reset-auth", data="1000000", timeout=10).raise_for_status()

    def objects(self) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket="charts")
        return [one["Key"] for one in found.get("Contents", [])]


@pytest.fixture(scope="module")
def own_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    log = (tmp_path_factory.mktemp("moto") / "log").open("w+")
    command = [str(Path(sys.executable).parent / "moto_server"), "-p", "0", "-H", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield Aws(_address_in(Path(log.name), process))
    finally:
        process.kill()
        process.wait(10)
        log.close()


def _address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        assert process.poll() is None, log.read_text()
        Event().wait(0.1)
    raise AssertionError("moto did not start within 30 s")


class Deployed:
    """The bundle, unpacked, beside a simulated Spotify and a simulated AWS."""

    def __init__(self, task: Path, runtime: Path, log: Path, aws: Aws, simulator: Simulator, server: Any) -> None:
        self.task, self.runtime, self.log, self.aws, self.simulator = task, runtime, log, aws, simulator
        self.variables = {
            "CHARTLAKE_LAKE": LAKE,
            "CHARTLAKE_PLAYLISTS": TOP_50,
            "CHARTLAKE_METRICS": "chartlake-prod",
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "CHARTLAKE_SECRET": "/chartlake/prod/spotify",
        }
        self.before = sorted(task.rglob("*"))

    def store_secret(self, **more: str) -> None:
        value = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret, **more})
        self.aws.client("ssm").put_parameter(
            Name=self.variables["CHARTLAKE_SECRET"], Type="SecureString", Value=value, Overwrite=True
        )

    @contextmanager
    def running(self, handler: str, **variables: str) -> Iterator[Function]:
        environment = self.aws.variables | self.variables | variables
        with running(self.task, self.runtime, f"app.{handler}", environment, self.log) as function:
            yield function
        assert sorted(self.task.rglob("*")) == self.before, "/var/task is read-only in Lambda"


@pytest.fixture(scope="module")
def unpacked(native: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(native.bundle) as archive:
        archive.extractall(task)
    return task


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runtime_folder(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def deployed(unpacked: Path, runtime: Path, own_aws: Aws, tmp_path: Path) -> Iterator[Deployed]:
    requests.post(f"{own_aws.url}/moto-api/reset", timeout=10).raise_for_status()
    own_aws.client("s3").create_bucket(Bucket="charts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    simulator = Simulator()
    with simulator.serve() as server:
        found = Deployed(unpacked, runtime, tmp_path / "log", own_aws, simulator, server)
        found.store_secret()
        yield found


def told(deployed: Deployed) -> list[dict[str, Any]]:
    """What the function wrote, each line as the JSON that CloudWatch takes."""
    return [json.loads(line) for line in deployed.log.read_text().splitlines()]


def show(
    capsys: pytest.CaptureFixture[str], what: str, function: Function, first: Invocation, second: Invocation
) -> None:
    with capsys.disabled():
        print(
            f"\n{what}: init {function.init_seconds * 1000:.0f} ms, first run {first.seconds * 1000:.0f} ms, "
            f"second {second.seconds * 1000:.0f} ms"
        )


def test_the_scheduled_event_brings_the_snapshot_into_the_bucket(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    consented_at = datetime.now(UTC).date() - timedelta(days=150)
    deployed.store_secret(
        refresh_token=deployed.simulator.refresh_token(app=EXTENDED), consented_at=consented_at.isoformat()
    )
    with deployed.running("daily") as function:
        first, second = function.invoke(SCHEDULED), function.invoke(SCHEDULED)
    show(capsys, "daily", function, first, second)
    assert first.error is None
    assert (first.answer["complete"], first.answer["published"]) == (True, 1)
    assert second.answer["snapshots"][0]["already"] is True
    kept = {key.split("/")[1] for key in deployed.aws.objects()}
    assert kept == {"raw", "state", "tables"}
    lines = told(deployed)
    counted = [(line["RunsCompleted"], line["ConsentDaysLeft"]) for line in lines if "_aws" in line]
    assert counted == [(1, 30), (1, 30)]
    finished = next(line for line in lines if line.get("message") == "run finished")
    assert (finished["level"], finished["published"], finished["consent_days_left"]) == ("INFO", 1, 30)
    assert EXTENDED.client_secret not in deployed.log.read_text()


def test_a_failing_run_is_an_error_that_lambda_counts_and_repeats(deployed: Deployed) -> None:
    with deployed.running("daily", CHARTLAKE_SECRET="/chartlake/prod/nothing") as function:
        found = function.invoke(SCHEDULED)
    assert found.error is not None
    assert found.error["errorType"] == "CredentialsRefused"
    assert "/chartlake/prod/nothing" in found.error["errorMessage"]


def test_api_gateways_events_are_answered(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    with deployed.running("app") as function:
        stale = function.invoke(http_event("GET", "/health"), seconds=29)
        done = function.invoke(http_event("POST", "/backfill", json.dumps({"playlists": [TOP_50]})), seconds=29)
        wrong = function.invoke(http_event("POST", "/backfill", '{"x": 1}'), seconds=29)
        fresh = function.invoke(http_event("GET", "/health"), seconds=29)
    show(capsys, "api", function, stale, fresh)
    answers = [one.answer["statusCode"] for one in (stale, done, wrong, fresh)]
    assert answers == [503, 200, 400, 200]
    assert json.loads(done.answer["body"])["snapshots"][0]["entry_count"] == 50


def test_a_dropped_file_becomes_rows(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    event = dropped(deployed)
    with deployed.running("upload", AWS_LAMBDA_FUNCTION_MEMORY_SIZE="1024") as function:
        first, second = function.invoke(event), function.invoke(event)
        refused = function.invoke(dropped(deployed, "<html>Sign in</html>"))
    show(capsys, "upload", function, first, second)
    assert (first.error, second.error) == (None, None)
    assert (first.answer["state"], first.answer["files"][0]["rows"]) == ("imported", 3)
    assert refused.error is not None
    assert refused.error["errorType"] == "BadImport"
    kept = [key for key in deployed.aws.objects() if not key.startswith("chartlake/imports/")]
    assert [key.split("/")[1] for key in kept] == ["state", "tables", "tables"]
    assert [line["level"] for line in told(deployed) if "upload" in line.get("message", "")] == [
        "INFO",
        "INFO",
        "ERROR",
    ]


def test_a_run_over_http_is_taken_up_by_the_worker(deployed: Deployed) -> None:
    with deployed.running("app", CHARTLAKE_WORKER="no-such-function") as function:
        # Five seconds are kept for the last writes, and five for a playlist.
        short = function.invoke(http_event("POST", "/backfill", '{"key": "x"}'), seconds=8)
        again = function.invoke(http_event("POST", "/backfill", '{"key": "x"}'), seconds=29)
    body = json.loads(short.answer["body"])
    assert (short.answer["statusCode"], body["state"]) == (502, "failed")
    assert "no-such-function" in body["message"]
    assert json.loads(again.answer["body"])["run_id"] == body["run_id"]
    with deployed.running("extract") as function:
        found = function.invoke({"mode": "extract"})
        rebuilt = function.invoke({"mode": "replay"})
        told_again = function.invoke({"run": found.answer["run_id"]})
    assert (found.answer["state"], found.answer["published"]) == ("done", 1)
    assert (rebuilt.answer["captures"], rebuilt.answer["changed_days"]) == (1, 0)
    assert told_again.answer == found.answer
    with deployed.running("app") as function:
        looked = function.invoke(http_event("GET", "/runs/{run_id}", run_id=found.answer["run_id"]), seconds=29)
    assert json.loads(looked.answer["body"]) == found.answer


def dropped(deployed: Deployed, text: str | None = None) -> dict[str, Any]:
    """A file that a person put below imports/, and what EventBridge tells of it."""
    key, body = "chartlake/imports/regional-global-daily-2026-11-23.csv", (text or chart()).encode()
    deployed.aws.client("s3").put_object(Bucket="charts", Key=key, Body=body)
    found: dict[str, Any] = object_created(key, len(body))
    return found


def test_the_worker_takes_what_is_handed_over(deployed: Deployed) -> None:
    with deployed.running("extract") as function:
        found = function.invoke({"playlists": [deployed.simulator.playlist_id("one")], "again": False})
    assert found.error is None
    assert found.answer["published"] == 1


# With plain `chalice deploy`.


@pytest.fixture
def swagger(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto imports OpenAPI 3 only and Chalice sends Swagger 2, so the API is made without its routes."""

    def import_rest_api(self: APIGatewayBackend, api_doc: dict[str, Any], fail_on_warnings: bool) -> Any:
        return self.create_rest_api(name=api_doc["info"]["title"], description="")

    def create_deployment(self: APIGatewayBackend, function_id: str, name: str, *facts: Any) -> Any:
        return self.get_rest_api(function_id).create_deployment(name, "")

    monkeypatch.setattr(APIGatewayBackend, "import_rest_api", import_rest_api)
    monkeypatch.setattr(APIGatewayBackend, "create_deployment", create_deployment)


def as_the_readme_says(project: Path, bucket: str, server: Any) -> None:
    """Steps 2 and 3 of "Deploying with chalice deploy", and where the simulated Spotify is."""
    for policy in (project / ".chalice").glob("policy-*.json"):
        policy.write_text(policy.read_text().replace("YOUR-BUCKET", bucket))
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"] = {
        "CHARTLAKE_LAKE": f"s3://{bucket}/chartlake",
        "CHARTLAKE_PLAYLISTS": TOP_50,
        "CHARTLAKE_SECRET": "/chartlake/spotify",
        "SPOTIFY_API_URL": server.api_url,
        "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
    }
    path.write_text(json.dumps(config))


@pytest.mark.usefixtures("swagger", "native")
def test_what_chalice_deploy_uploads_runs_with_what_it_configured(aws: str, runtime: Path, tmp_path: Path) -> None:
    architecture = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    project = package.clean_copy(tmp_path / "project", "dev", architecture)
    secret = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret})
    boto3.client("ssm").put_parameter(Name="/chartlake/spotify", Type="SecureString", Value=secret, Overwrite=True)
    simulator = Simulator()
    with simulator.serve() as server:
        as_the_readme_says(project, "charts", server)
        command = [str(Path(sys.executable).parent / "chalice"), "deploy"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        uploaded = lambda_backends["123456789012"]["eu-west-1"].get_function("chartlake-dev-daily")
        (tmp_path / "zip").write_bytes(uploaded.code_bytes)
        with zipfile.ZipFile(tmp_path / "zip") as archive:
            archive.extractall(tmp_path / "task")
        variables = {
            name: os.environ[name] for name in os.environ if name.startswith("AWS_")
        } | uploaded.environment_vars
        with running(tmp_path / "task", runtime, uploaded.handler, variables, tmp_path / "log") as function:
            found = function.invoke(SCHEDULED)
    assert found.error is None
    assert found.answer["published"] == 1
    kept = boto3.client("s3").list_objects_v2(Bucket="charts")["Contents"]
    assert any(one["Key"].startswith("chartlake/tables/entries/") for one in kept)
    for name in ("api_handler", "daily", "extract", "upload"):
        (policy,) = boto3.client("iam").list_role_policies(RoleName=f"chartlake-dev-{name}")["PolicyNames"]
        document = boto3.client("iam").get_role_policy(RoleName=f"chartlake-dev-{name}", PolicyName=policy)
        shipped = package.ROOT / ".chalice" / f"policy-{name.removesuffix('_handler')}.json"
        assert document["PolicyDocument"] == json.loads(shipped.read_text().replace("YOUR-BUCKET", "charts"))


# Under its own policies.


def assume(deployed: Deployed, function: str) -> dict[str, str]:
    """The keys of a role with exactly the policy that is shipped for `function`, for the bucket `charts`."""
    text = (package.ROOT / ".chalice" / f"policy-{function}.json").read_text().replace("YOUR-BUCKET", "charts")
    iam = deployed.aws.client("iam")
    role = iam.create_role(RoleName=function, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(RoleName=function, PolicyName=function, PolicyDocument=text)
    keys = deployed.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


# moto denies every SSM call to a policy that names its parameter, so the credentials come from the environment here.
SPOTIFY = {
    "CHARTLAKE_SECRET": "",
    "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
    "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
}


@pytest.mark.parametrize(
    ("function", "handler", "event"),
    [
        ("daily", "daily", SCHEDULED),
        ("extract", "extract", {"playlists": [TOP_50]}),
        ("api", "app", http_event("POST", "/backfill", "{}")),
        ("upload", "upload", None),
    ],
)
def test_each_function_runs_under_exactly_its_own_policy(
    deployed: Deployed, function: str, handler: str, event: dict[str, Any] | None
) -> None:
    keys, event = assume(deployed, function), event or dropped(deployed)
    with deployed.aws.enforcing(), deployed.running(handler, **SPOTIFY, **keys) as running_function:
        found = running_function.invoke(event)
        again = running_function.invoke(event)
    assert (found.error, again.error) == (None, None)
    assert {found.answer.get("published"), found.answer.get("statusCode"), found.answer.get("state")} & {
        1,
        200,
        "imported",
    }
    assert any(key.startswith("chartlake/tables/entries/") for key in deployed.aws.objects())


@pytest.mark.parametrize("function", ["api", "daily", "extract", "upload"])
def test_what_the_policy_does_not_name_is_denied(deployed: Deployed, function: str) -> None:
    deployed.aws.client("s3").create_bucket(
        Bucket="others", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3 = deployed.aws.client("s3", assume(deployed, function))
    with deployed.aws.enforcing():
        s3.put_object(Bucket="charts", Key="chartlake/tables/x", Body=b"")
        s3.get_object(Bucket="charts", Key="chartlake/tables/x")
        for refused in (
            lambda: s3.delete_object(Bucket="charts", Key="chartlake/tables/x"),
            lambda: s3.put_object(Bucket="charts", Key="chartlake/config/playlists.txt", Body=b""),
            lambda: s3.put_object(Bucket="charts", Key="chartlake/imports/x.csv", Body=b""),
            lambda: s3.put_object(Bucket="charts", Key="elsewhere/x", Body=b""),
            lambda: s3.get_object(Bucket="charts", Key="elsewhere/x"),
            lambda: s3.put_object(Bucket="others", Key="chartlake/tables/x", Body=b""),
            lambda: s3.list_objects_v2(Bucket="others"),
            lambda: s3.delete_bucket(Bucket="charts"),
            lambda: s3.put_bucket_policy(Bucket="charts", Policy="{}"),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                refused()
