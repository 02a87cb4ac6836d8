"""The very zip that is deployed: what is in it, and that it runs as Lambda would run it, under its own policies."""

from __future__ import annotations

import json
import platform
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
import requests
from botocore.exceptions import ClientError

from chalicelib.lake.keys import is_shared_index
from deploy import package
from deploy.package import LAPTOP_ONLY, CannotPackage, Package
from simulator import EXTENDED, TOP_50, Simulator
from tests.aws import SCHEDULED, Aws, http_event, simulated
from tests.lambda_runtime import Function, Invocation, running, runtime_folder
from tests.test_imports import chart
from tests.test_uploads import object_created

MOST_BYTES = 28_000_000
LAKE = "s3://charts/chartlake"
SECRET = "/chartlake/dev/spotify"
# Every top-level name that may be in the bundle besides the *.dist-info folders.
EXPECTED = {
    *("app.py", "chalice", "chalicelib"),
    *("_duckdb-stubs", "_duckdb.abi3.so", "adbc_driver_duckdb", "duckdb"),
    *("certifi", "charset_normalizer", "idna", "requests", "urllib3"),
    *("jinja2", "markupsafe"),
    *("redis", "spotipy", "tenacity", "tzdata"),
}
# What is in it.


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
    # Data files ship beside the code that reads them.
    source = package.ROOT / "chalicelib"
    shipped = {
        path.relative_to(package.ROOT).as_posix()
        for path in source.rglob("*")
        if path.is_file() and not {"__pycache__", *LAPTOP_ONLY} & set(path.relative_to(source).parts)
    }
    assert {name for name in bundle.names if name.startswith("chalicelib/") and not name.endswith("/")} == shipped
    assert all(name.endswith((".py", ".sql", ".json", ".html", ".css", ".js")) for name in shipped)
    assert not [name for name in bundle.names if "__pycache__" in name or name.endswith(".pyc")]


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


@pytest.fixture(scope="module")
def own_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with simulated(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


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
            "CHARTLAKE_SECRET": SECRET,
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
    own_aws.forget()
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
    kept = {key.split("/")[1] for key in deployed.aws.objects("charts")}
    assert kept == {"raw", "site", "state", "tables"}
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
    kept = [key for key in deployed.aws.objects("charts") if not key.startswith("chartlake/imports/")]
    pages = [key for key in kept if key.startswith(("chartlake/site/tracks/", "chartlake/site/artists/"))]
    assert pages
    rest = [key.split("/")[1] for key in kept if key not in pages]
    assert rest == ["raw"] * 2 + ["site"] * 4 + ["state"] + ["tables"] * 2
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
        looked = function.invoke(
            http_event("GET", "/runs/{run_id}", path={"run_id": found.answer["run_id"]}), seconds=29
        )
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


# Under its own policies.


def listed(playlist_id: str) -> dict[str, Any]:
    """A message of the queue as Lambda delivers it."""
    body = json.dumps({"run": "0" * 16, "playlist": playlist_id})
    return {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}


def assume(deployed: Deployed, function: str) -> dict[str, str]:
    """The keys of a role with exactly the policy that is shipped for `function`, for the bucket `charts`."""
    text = (package.ROOT / ".chalice" / f"policy-{function}.json").read_text().replace("YOUR-BUCKET", "charts")
    iam = deployed.aws.client("iam")
    role = iam.create_role(RoleName=function, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(RoleName=function, PolicyName=function, PolicyDocument=text)
    return deployed.aws.keys_of(role)


@pytest.mark.parametrize(
    ("function", "handler", "event"),
    [
        ("daily", "daily", SCHEDULED),
        ("extract", "extract", {"playlists": [TOP_50]}),
        ("api", "app", http_event("POST", "/backfill", "{}")),
        ("upload", "upload", None),
        ("lists", "take_lists", {"Records": [listed(TOP_50)]}),
    ],
)
def test_each_function_runs_under_exactly_its_own_policy(
    deployed: Deployed, function: str, handler: str, event: dict[str, Any] | None
) -> None:
    keys, event = assume(deployed, function), event or dropped(deployed)
    if function == "lists":
        keys["CHARTLAKE_QUEUE"] = "chartlake-dev-lists"
        deployed.aws.client("sqs").create_queue(QueueName=keys["CHARTLAKE_QUEUE"])
    with deployed.running(handler, **keys) as running_function:
        found = running_function.invoke(event)
        again = running_function.invoke(event)
    assert (found.error, again.error) == (None, None)
    told = [found.answer.get(name) for name in ("published", "statusCode", "state", "batchItemFailures")]
    assert any(one in (1, 200, "imported", []) for one in told)
    assert any(key.startswith("chartlake/tables/entries/") for key in deployed.aws.objects("charts"))


def test_a_refresh_token_that_spotify_replaces_outlives_the_environment(deployed: Deployed) -> None:
    deployed.simulator.accounts.rotating = True
    deployed.store_secret(refresh_token=deployed.simulator.refresh_token(app=EXTENDED), consented_at="2026-11-23")
    keys = assume(deployed, "extract")
    for name in ("one", "fifty", "followed"):
        with deployed.running("extract", **keys) as function:
            found = function.invoke({"playlists": [deployed.simulator.playlist_id(name)]})
        assert found.error is None, found.error
    assert "replaced the refresh token" not in deployed.log.read_text()


def test_every_question_is_answered_under_exactly_the_apis_policy(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    with deployed.running("daily") as function:
        function.invoke(SCHEDULED)
    before = deployed.aws.objects("charts")
    keys = assume(deployed, "api")
    with deployed.running("app", **keys) as function:

        def ask(resource: str, path: dict[str, str] | None = None, **query: str) -> Invocation:
            found = function.invoke(http_event("GET", resource, path=path, query=query or None), seconds=29)
            assert found.answer["statusCode"] == 200, found
            return found

        first, second = (ask("/playlists/{playlist_id}/chart", {"playlist_id": TOP_50}) for _ in range(2))
        chart = json.loads(second.answer["body"])
        day, uri = chart["snapshot_date"], quote(chart["entries"][0]["uri"], safe="")
        assert len(chart["entries"]) == 50
        ask("/playlists", limit="10")
        ask("/playlists/{playlist_id}/coverage", {"playlist_id": TOP_50})
        ask("/tracks/{track_id}/history", {"track_id": uri})
        artist = quote(chart["entries"][0]["artists"][0]["id"], safe="")
        ask("/artists/{artist_id}", {"artist_id": artist})
        ask("/compare", playlist=TOP_50, **{"from": day, "to": day})
        described = json.loads(ask("/openapi.json").answer["body"])
        link = json.loads(ask("/report").answer["body"])["url"]
    index = requests.get(link, timeout=10)
    assert index.headers["Content-Type"] == "text/html; charset=utf-8"
    page = unescape(re.search(r'href="(http[^"]*playlists/[^"]*)"', index.text)[1])
    assert "Top 50 - Global (simulated)" in requests.get(page, timeout=10).text
    show(capsys, "chart", function, first, second)
    assert set(described["components"]["schemas"]) >= {"Chart", "Entry"}
    (new,) = set(deployed.aws.objects("charts")) - set(before)
    assert is_shared_index(new.removeprefix("chartlake/"))


@pytest.mark.parametrize("function", ["api", "daily", "extract", "upload", "lists"])
def test_what_the_policy_does_not_name_is_denied(deployed: Deployed, function: str) -> None:
    where = {"LocationConstraint": "eu-west-1"}
    deployed.aws.client("s3").create_bucket(Bucket="others", CreateBucketConfiguration=where)
    keys = assume(deployed, function)
    s3, ssm, iam = (deployed.aws.client(service, keys) for service in ("s3", "ssm", "iam"))
    s3.put_object(Bucket="charts", Key="chartlake/tables/x", Body=b"")
    s3.get_object(Bucket="charts", Key="chartlake/tables/x")
    if function != "upload":
        ssm.get_parameter(Name=SECRET, WithDecryption=True)
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
        lambda: ssm.get_parameter(Name="/other/spotify", WithDecryption=True),
        lambda: ssm.put_parameter(Name="/other/spotify", Type="SecureString", Value="x", Overwrite=True),
        lambda: ssm.delete_parameter(Name=SECRET),
        lambda: iam.list_roles(),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


@pytest.mark.parametrize(("function", "may"), [("api", True), ("extract", True), ("daily", False)])
def test_only_what_hands_work_over_may_start_the_worker_and_nothing_else(
    deployed: Deployed, function: str, may: bool
) -> None:
    keys = assume(deployed, function)
    functions = deployed.aws.client("lambda", keys)
    # A function that is permitted and not there is not found; one that is not permitted is denied.
    for name, words in (("chartlake-dev-extract", "not.?found" if may else "AccessDenied"), ("other", "AccessDenied")):
        with pytest.raises(ClientError, match=f"(?i){words}"):
            functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
