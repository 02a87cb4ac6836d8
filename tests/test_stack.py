"""The two ways of deploying followed by their words, in the simulated AWS of tests/cloud.py.

The commands are those of docs/deploy.md and those that they print; what they make is looked at through AWS's own APIs.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from simulator import EXTENDED, TOP_50, Simulator
from tests.aws import ROOT, SCHEDULED, Aws, http_event, simulated

BUCKET = "chartlake-prod-123456789012-eu-west-1"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Person:
    """Somebody with a clone, a shell that is signed in to AWS, and a Spotify app."""

    clone: Path
    aws: Aws
    spotify: dict[str, str]
    bundles: Path

    def run(self, command: str, say: str = "y\n", **variables: str) -> tuple[int, str]:
        """Exit code and all that was shown."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "AWS_"))}
        environment["BUNDLES"] = str(self.bundles)
        words = shlex.split(command)
        if words[0] == "make":
            # The set-up was done by whoever runs the tests; anew it would make their .venv that of this clone.
            words[1:1] = ["-o", ".venv/ready-for-tests"]
        done = subprocess.run(
            words,
            cwd=self.clone,
            env=environment | self.aws.variables | variables,
            input=say,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout

    def does(self, command: str, say: str = "y\n", **variables: str) -> str:
        """What a command that has to work shows."""
        code, said = self.run(command, say, **variables)
        assert code == 0, said
        return said

    def invoke(self, function: str, event: Any) -> Any:
        """`aws lambda invoke`, of a function that has to answer."""
        found = self.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        answer = json.loads(found["Payload"].read())
        assert "FunctionError" not in found, answer
        return answer

    def next_steps(self, said: str) -> list[list[str]]:
        """The words of each numbered line."""
        return [shlex.split(line) for line in re.findall(r"^  \d\. (.+)$", said, re.MULTILINE)]

    def store_credentials(self, words: list[str]) -> None:
        """`aws ssm put-parameter`, with this person's own values in place of the dots."""
        assert words[:3] == ["aws", "ssm", "put-parameter"]
        assert set(json.loads(words[words.index("--value") + 1])) == {"client_id", "client_secret"}
        self.aws.client("ssm").put_parameter(
            Name=words[words.index("--name") + 1],
            Type=words[words.index("--type") + 1],
            Value=json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret}),
            Overwrite=True,
        )

    def follow(self, said: str) -> Any:
        """Do the steps 2 to 4 as `aws` would; gives what the first run answers."""
        _, store, follow, start, _ = self.next_steps(said)
        self.store_credentials(store)
        assert (follow[0], follow[2:6]) == ("echo", ["|", "aws", "s3", "cp"])
        bucket, _, key = follow[7].removeprefix("s3://").partition("/")
        body = f"https://open.spotify.com/playlist/{TOP_50}\n".encode()
        self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        assert start[:3] == ["aws", "lambda", "invoke"]
        return self.invoke(start[start.index("--function-name") + 1], {})


def documented_command(begins_with: str) -> str:
    """The first line of docs/deploy.md's code that begins so."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    found = re.search(rf"^{re.escape(begins_with)}\S*(?: [A-Z]\S*)*", text, re.MULTILINE)
    assert found, f"docs/deploy.md does not say {begins_with!r}"
    return found[0]


def clone_of_the_project(into: Path) -> Path:
    """A clone, but for this machine's kind of processor, so that what is deployed can run here; with more stages,
    copied in .chalice/config.json as the advice of `make deploy STAGE=dev` says."""
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, into, ignore=ignored)
    own_environment(into / ".venv")
    path = into / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["lambda_architecture"] = ARCHITECTURES[platform.machine()]
    config["stages"] |= dict.fromkeys(("second", "third", "fourth", "fifth"), config["stages"]["prod"])
    path.write_text(json.dumps(config))
    return into


# Chalice does not make a bundle again that it finds among those of the same files.
_CHALICE = """#!/bin/sh
[ -z "$BUNDLES" ] || ln -s "$BUNDLES" .chalice/deployments
exec '{chalice}' "$@"
"""


def own_environment(into: Path) -> None:
    """This environment, whose `chalice` packages what it has packaged before, in the folder BUNDLES, only once."""
    real = Path(sys.prefix)
    (into / "bin").mkdir(parents=True)
    for path in [*real.glob("*"), *real.glob("bin/*")]:
        if path.name not in ("bin", "chalice"):
            (into / path.relative_to(real)).symlink_to(path)
    (into / "bin" / "chalice").write_text(_CHALICE.format(chalice=real / "bin" / "chalice"))
    (into / "bin" / "chalice").chmod(0o755)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES or sys.version_info < (3, 12):
        pytest.skip("what runs in Lambda is packaged and run by Python 3.12 or newer on Linux only")
    clone = clone_of_the_project(tmp_path_factory.mktemp("person") / "chartlake")
    simulator = Simulator()
    with simulator.serve() as server:
        spotify = {"SPOTIFY_API_URL": server.api_url, "SPOTIFY_ACCOUNTS_URL": server.accounts_url}
        with simulated(tmp_path_factory.mktemp("aws"), **spotify) as aws:
            yield Person(clone, aws, spotify, tmp_path_factory.mktemp("bundles"))


@dataclass(frozen=True)
class Deployed:
    """A person after `make deploy` and the four steps."""

    person: Person
    aws: Aws
    said: str
    first_run: Any


@pytest.fixture(scope="module")
def deployed(person: Person) -> Deployed:
    said = person.does(documented_command("make deploy EMAIL="))
    return Deployed(person, person.aws, said, person.follow(said))


def test_the_changes_are_shown_before_they_are_made(deployed: Deployed) -> None:
    before, _, after = deployed.said.partition("Make these changes?")
    assert "+ Lake  AWS::S3::Bucket" in before
    assert f"Bucket: {BUCKET}" in after
    assert re.search(r"URL:    https://\w+\.execute-api\.eu-west-1\.amazonaws\.com/api/", after)


def test_the_first_run_by_hand_brings_a_snapshot_into_the_stacks_own_bucket(deployed: Deployed) -> None:
    (snapshot,) = deployed.first_run["snapshots"]
    assert (snapshot["playlist_id"], snapshot["status"], snapshot["entry_count"]) == (TOP_50, "ok", 50)
    kept = {key.split("/")[1] for key in deployed.aws.objects(BUCKET)}
    assert kept == {"config", "raw", "site", "state", "tables"}


def test_the_schedule_starts_the_function_that_may_be_started_by_it(deployed: Deployed) -> None:
    events, functions = deployed.aws.client("events"), deployed.aws.client("lambda")
    rules = events.list_rules(NamePrefix="chartlake-prod-")["Rules"]
    (rule,) = [one for one in rules if "ScheduleExpression" in one]
    assert rule["ScheduleExpression"] == "rate(1 day)"
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    policy = json.loads(functions.get_policy(FunctionName=target["Arn"])["Policy"])
    (permission,) = policy["Statement"]
    assert permission["Principal"] == {"Service": "events.amazonaws.com"}
    assert rule["Arn"] in json.dumps(permission["Condition"])
    answer = deployed.person.invoke(target["Arn"], SCHEDULED | {"resources": [rule["Arn"]]})
    assert [one["already"] for one in answer["snapshots"]] == [True]


def test_the_api_answers_under_its_own_role(deployed: Deployed) -> None:
    fresh = deployed.person.invoke("chartlake-prod-api", http_event("GET", "/health"))
    assert (fresh["statusCode"], json.loads(fresh["body"])["status"]) == (200, "fresh")
    done = deployed.person.invoke("chartlake-prod-api", http_event("POST", "/backfill", "{}"))
    assert (done["statusCode"], json.loads(done["body"])["published"]) == (200, 1)


def test_there_is_one_stage_of_the_api_and_it_is_throttled_and_logged(deployed: Deployed) -> None:
    gateway = deployed.aws.client("apigateway")
    (api,) = re.findall(r"https://(\w+)\.execute-api", deployed.said)
    (stage,) = gateway.get_stages(restApiId=api)["item"]
    assert stage["stageName"] == "api"
    limits = {path: one["throttlingRateLimit"] for path, one in stage["methodSettings"].items()}
    assert limits == {"*/*": 5, "~1health/GET": 1}
    assert "/aws/apigateway/chartlake-prod" in stage["accessLogSettings"]["destinationArn"]
    assert gateway.get_account()["cloudwatchRoleArn"]


def test_every_function_has_its_own_role_log_group_and_alarm(deployed: Deployed) -> None:
    functions = {one["FunctionName"]: one for one in deployed.aws.client("lambda").list_functions()["Functions"]}
    names = {name for name in functions if name.startswith("chartlake-prod-")}
    assert names == {f"chartlake-prod-{name}" for name in ("api", "daily", "extract", "upload")}
    assert len({functions[name]["Role"] for name in names}) == 4
    prefix = "/aws/lambda/chartlake-prod-"
    groups = deployed.aws.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    assert {(one["logGroupName"], one["retentionInDays"]) for one in groups} == {
        (f"/aws/lambda/{name}", 30) for name in names
    }
    alarms = deployed.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="chartlake-prod-")["MetricAlarms"]
    watched = {
        dimension["Value"]
        for one in alarms
        if one.get("MetricName") == "Errors"
        for dimension in one["Dimensions"]
        if dimension["Name"] == "FunctionName"
    }
    # What upload refuses ends in the queue, whose alarm tells of it: eleven alarms would cost.
    assert watched == names - {"chartlake-prod-upload"}


def test_the_alarms_reach_the_address_that_was_given(deployed: Deployed) -> None:
    subscriptions = deployed.aws.client("sns").list_subscriptions()["Subscriptions"]
    (subscription,) = [one for one in subscriptions if ":chartlake-prod-" in one["TopicArn"]]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "you@example.org")
    alarms = deployed.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="chartlake-prod-")["MetricAlarms"]
    assert len(alarms) == 10
    assert {tuple(one["AlarmActions"]) for one in alarms} == {(subscription["TopicArn"],)}
    facts = {"AccountId": "123456789012", "BudgetName": "chartlake-prod"}
    assert float(deployed.aws.client("budgets").describe_budget(**facts)["Budget"]["BudgetLimit"]["Amount"]) == 5


def test_athena_would_find_the_tables_where_the_functions_write_them(deployed: Deployed) -> None:
    glue = deployed.aws.client("glue")
    for name in ("entries", "snapshots"):
        table = glue.get_table(DatabaseName="chartlake_prod", Name=name)["Table"]
        prefix = table["StorageDescriptor"]["Location"].removeprefix(f"s3://{BUCKET}/")
        assert any(key.startswith(prefix) for key in deployed.aws.objects(BUCKET))


def test_no_secret_is_in_what_the_functions_logged_nor_in_their_variables(deployed: Deployed) -> None:
    logs = deployed.aws.client("logs")
    written = json.dumps(
        [
            logs.filter_log_events(logGroupName=one["logGroupName"])["events"]
            for one in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/chartlake-prod-")["logGroups"]
        ]
    )
    assert "run finished" in written
    variables = json.dumps(deployed.aws.client("lambda").list_functions()["Functions"])
    for secret in (EXTENDED.client_secret, EXTENDED.client_id):
        assert secret not in written + variables


def doctor(deployed: Deployed, **keys: str) -> dict[str, dict[str, str]]:
    """What the last step shows somebody with these keys, by name."""
    person = deployed.person
    command = shlex.join(["env", *person.next_steps(deployed.said)[-1], "--json"])
    _, said = person.run(command, **person.spotify, **keys)
    return {one["name"]: one for one in json.loads(said)}


def test_the_doctor_finds_nothing_to_do(deployed: Deployed) -> None:
    found = doctor(deployed)
    assert {one["mark"] for one in found.values()} == {"good"}, found
    assert "today" in found[f"playlist {TOP_50}"]["message"]
    assert found["versioned"]["mark"] == found["private"]["mark"] == "good"


def test_the_doctor_tells_who_may_not_look_from_who_may_not_run(deployed: Deployed) -> None:
    iam = deployed.aws.client("iam")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    allowed = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_role_policy(RoleName="reader", PolicyName="reader", PolicyDocument=document)
    before = deployed.aws.objects(BUCKET)
    found = doctor(deployed, **deployed.aws.keys_of(role))
    assert deployed.aws.objects(BUCKET) == before
    assert found["lake"]["mark"] == "good"
    assert (found["writing"]["mark"], "s3:PutObject" in found["writing"]["advice"]) == ("bad", True)
    for name, action in {
        "private": "s3:GetBucketPublicAccessBlock",
        "encrypted": "s3:GetEncryptionConfiguration",
        "versioned": "s3:GetBucketVersioning",
    }.items():
        assert (found[name]["mark"], action in found[name]["message"]) == ("warning", True), found[name]
    assert found["parameter"]["mark"] == "bad"


def test_the_bill_rests_on_what_lambda_took(deployed: Deployed) -> None:
    code, said = deployed.person.run(".venv/bin/chartlake cost --json", CHARTLAKE_LAKE=f"s3://{BUCKET}/chartlake")
    assert code == 0, said
    lines = {one["name"]: one for one in json.loads(said)["lines"]}
    assert lines["Lambda: computing"]["basis"] == "measured"
    assert "1,024 MB" in lines["Lambda: computing"]["rests_on"]
    assert "kB an entry a day in raw, of 1 documents" in lines["S3: storage after a year"]["rests_on"]


def over_tls_only(person: Person, bucket: str) -> bool:
    (refusal,) = json.loads(person.aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    return (refusal["Effect"], refusal["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_again_and_away_and_back(person: Person) -> None:
    bucket = BUCKET.replace("prod", "second")
    first = person.does("make deploy EMAIL=me@example.org STAGE=second YES=1")
    person.follow(first)
    kept = person.aws.objects(bucket)
    # The same files, made into a bundle anew.
    assert "Nothing to change." in person.does("make deploy EMAIL=me@example.org STAGE=second", say="", BUNDLES="")

    changed = person.does("make deploy EMAIL=me@example.org STAGE=second RAW_DAYS=90 YES=1")
    assert re.findall(r"^  \S (\w+)", changed, re.MULTILINE) == ["Lake"]
    rules = person.aws.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {"Prefix": "chartlake/raw/"} in [one["Filter"] for one in rules if one.get("Expiration") == {"Days": 90}]
    again = person.does("make deploy EMAIL=me@example.org STAGE=second", say="")
    assert "Raw answers are kept for 90 days" in again
    assert "Nothing to change." in again

    gone = person.does("make undeploy STAGE=second")
    assert f"the bucket {bucket} and all its data are still there" in gone
    assert person.aws.objects(bucket) == kept
    assert over_tls_only(person, bucket)
    left = person.aws.client("lambda").list_functions()["Functions"]
    assert not [one for one in left if "second" in one["FunctionName"]]
    assert "There is no stack chartlake-second" in person.does("make undeploy STAGE=second")

    back = person.does("make deploy EMAIL=me@example.org STAGE=second YES=1")
    assert "< Lake  AWS::S3::Bucket" in back
    assert over_tls_only(person, bucket)
    assert person.follow(back)["snapshots"][0]["already"] is True
    # The same objects, and the record of the run by which that was seen.
    new = set(person.aws.objects(bucket)) - set(kept)
    assert [key.startswith("chartlake/state/runs/") for key in new] == [True]


def test_lists_are_spread_over_workers_where_it_is_asked_for(person: Person) -> None:
    said = person.does("make deploy EMAIL=me@example.org STAGE=fifth QUEUE=1 YES=1")
    assert "Below some hundreds of lists nobody needs that" in said
    functions = person.aws.client("lambda")
    (source,) = functions.list_event_source_mappings(FunctionName="chartlake-fifth-lists")["EventSourceMappings"]
    assert (source["BatchSize"], source["FunctionResponseTypes"]) == (10, ["ReportBatchItemFailures"])
    assert source["ScalingConfig"] == {"MaximumConcurrency": 4}
    person.follow(said)
    # moto starts a worker when a message is sent; the one that closes the run is held back a minute, so here is another.
    told = person.invoke("chartlake-fifth-daily", SCHEDULED)
    sqs = person.aws.client("sqs")
    url = sqs.get_queue_url(QueueName="chartlake-fifth-lists")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"run": told["run_id"]}))
    key, s3 = f"chartlake/state/runs/{told['run_id']}.json", person.aws.client("s3")
    run = json.loads(s3.get_object(Bucket=BUCKET.replace("prod", "fifth"), Key=key)["Body"].read())
    assert (run["state"], run["total"], run["result"]["complete"]) == ("done", 1, True)
    # Without a word the queue stays; then it goes.
    assert "Nothing to change." in person.does("make deploy EMAIL=me@example.org STAGE=fifth", say="")
    gone = person.does("make deploy EMAIL=me@example.org STAGE=fifth QUEUE=0 YES=1")
    assert "- ListQueue  AWS::SQS::Queue" in gone
    assert "+ NearTimeout  AWS::CloudWatch::Alarm" in gone


def test_nothing_is_made_before_a_person_agreed(person: Person) -> None:
    code, said = person.run("make deploy EMAIL=me@example.org STAGE=fourth", say="n\n")
    assert code != 0
    assert "Make these changes?" in said
    assert not [one for one in person.aws.client("s3").list_buckets()["Buckets"] if "fourth" in one["Name"]]
    (stack,) = person.aws.client("cloudformation").describe_stacks(StackName="chartlake-fourth")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"


def test_a_name_that_is_taken_is_told_and_the_way_out_works(person: Person) -> None:
    logs = person.aws.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/chartlake-third-daily")
    code, said = person.run("make deploy EMAIL=me@example.org STAGE=third YES=1")
    assert code != 0
    assert "DailyLogs (AWS::Logs::LogGroup)" in said
    assert "already exists" in said
    assert "run `make undeploy`" in said
    code, said = person.run("make deploy EMAIL=me@example.org STAGE=third YES=1")
    assert (code != 0, "Run `make undeploy" in said) == (True, True), said
    logs.delete_log_group(logGroupName="/aws/lambda/chartlake-third-daily")
    person.does("make undeploy STAGE=third")
    assert "chartlake-third-extract" in person.does("make deploy EMAIL=me@example.org STAGE=third YES=1")


# With `chalice deploy`.


def documented_step(pattern: str) -> str:
    """The one block that begins so in docs/deploy.md's section on `chalice deploy`."""
    section = (
        (ROOT / "docs" / "deploy.md").read_text().split("## A first try with `chalice deploy`")[1].split("\n## ")[0]
    )
    (found,) = re.findall(rf"```.*\n +({pattern}[^`]*?)\s*```", section)
    return str(found)


def test_a_first_try_with_chalice_deploy(person: Person, tmp_path: Path) -> None:
    clone = clone_of_the_project(tmp_path / "chartlake")
    (tmp_path / "bundles").mkdir()
    here = replace(person, clone=clone, bundles=tmp_path / "bundles")
    bucket = documented_step("aws s3 mb ").removeprefix("aws s3 mb s3://")
    s3 = person.aws.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    here.does(f"bash -c {shlex.quote(documented_step('sed '))}")

    config = clone / ".chalice" / "config.json"
    settings = json.loads("{" + documented_step('"environment_variables": ') + "}")
    settings["environment_variables"]["CHARTLAKE_PLAYLISTS"] = TOP_50
    written = json.loads(config.read_text())
    written["stages"]["dev"] |= settings
    config.write_text(json.dumps(written))

    person.store_credentials(shlex.split(documented_step("aws ssm put-parameter ")))
    _, _, command = documented_step("make .venv/ready-for-tests ").partition(" && ")
    said = here.does(command)
    assert "chartlake-dev-daily" in said

    (snapshot,) = here.invoke("chartlake-dev-daily", SCHEDULED)["snapshots"]
    assert (snapshot["status"], snapshot["entry_count"]) == ("ok", 50)
    assert any(key.startswith("chartlake/tables/entries/") for key in person.aws.objects(bucket))
    fresh = here.invoke("chartlake-dev", http_event("GET", "/health"))
    assert (fresh["statusCode"], json.loads(fresh["body"])["status"]) == (200, "fresh")
    iam = person.aws.client("iam")
    for name in ("api_handler", "daily", "extract", "upload"):
        role = f"chartlake-dev-{name}"
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        shipped = clone / ".chalice" / f"policy-{name.removesuffix('_handler')}.json"
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        assert document == json.loads(shipped.read_text())
