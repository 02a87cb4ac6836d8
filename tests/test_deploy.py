"""`make deploy` and `make undeploy` against moto's CloudFormation, S3 and STS, and what they say when AWS refuses.

moto knows no AWS::Serverless resource, so the stack that is really made here is a small one; the real template is held
by test_template.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from click.testing import CliRunner
from moto.cloudformation.models import ChangeSet

from chalicelib.errors import ChartlakeError
from deploy import __main__ as command
from deploy.package import Package
from deploy.stack import CannotDeploy, Stack, complete_template

ROOT = Path(__file__).parents[1]
SMALL = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Parameters": {
        name: {"Type": "String"}
        for name in ("Stage", "Email", "MonthlyBudget", "RawRetentionDays", "SecretName", "MakeApiLogsRole")
    },
    "Resources": {
        "Lake": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {},
        },
        "Mail": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Stage"}}},
    },
    "Outputs": {"LakeBucket": {"Value": {"Ref": "Lake"}}, "EndpointURL": {"Value": "https://example.org/api/"}},
}


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto works a stack's outputs out before its change set is carried out, when there are none; AWS after."""
    apply = ChangeSet.apply

    def apply_and_tell(self: ChangeSet) -> None:
        apply(self)
        self.stack.template_dict = self.template_dict
        self.stack.output_map = self.stack._create_output_map()

    monkeypatch.setattr(ChangeSet, "apply", apply_and_tell)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    with zipfile.ZipFile(tmp_path / "deployment.zip", "w") as archive:
        archive.writestr("app.py", "")
    found = Package(tmp_path / "deployment.zip", SMALL)
    monkeypatch.setattr(command, "build", lambda stage, folder: found)
    monkeypatch.setattr(command, "lint", lambda template, folder: None)
    return found


def run(*arguments: str, say: str = "y\n") -> tuple[int, str]:
    found = CliRunner().invoke(command.main, list(arguments), input=say)
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.exit_code, found.output


@pytest.mark.usefixtures("outputs", "small")
def test_from_nothing_to_a_stack_and_back_to_the_data_alone(aws: str) -> None:
    code, said = run("up", "--stage", "e2e", "--email", "me@example.org")
    assert code == 0, said
    assert "+ Lake  AWS::S3::Bucket" in said
    bucket = "chartlake-e2e-123456789012-eu-west-1"
    assert f"Bucket: {bucket}" in said, said
    assert "URL:    https://example.org/api/" in said
    assert "--name /chartlake/e2e/spotify" in said
    uploaded = boto3.client("s3").list_objects_v2(Bucket="chartlake-uploads-123456789012-eu-west-1")["Contents"]
    assert {one["Key"].rsplit(".", 1)[1] for one in uploaded} == {"zip", "template"}
    boto3.client("s3").put_object(Bucket=bucket, Key="chartlake/raw/one", Body=b"")
    code, said = run("down", "--stage", "e2e")
    assert code == 0, said
    assert f"the bucket {bucket} and all its data are still there" in said
    assert boto3.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert "There is no stack chartlake-e2e in eu-west-1." in run("down", "--stage", "e2e")[1]


def test_nothing_is_changed_before_a_person_agreed(aws: str, small: Package) -> None:
    code, said = run("up", "--stage", "asked", "--email", "me@example.org", say="n\n")
    assert code == 1
    assert "Make these changes?" in said
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    assert [one["StackStatus"] for one in stacks if one["StackName"] == "chartlake-asked"] == ["REVIEW_IN_PROGRESS"]


def test_without_a_mail_address_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run("up")
    assert code == 1
    assert "make deploy EMAIL=you@example.org" in said


def test_the_uploaded_template_names_the_code_and_the_bucket(arm64: Package) -> None:
    found = complete_template(arm64.template, "s3://uploads/code.zip", "my-lake")
    functions = [one for one in found["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    assert [one["Properties"]["CodeUri"] for one in functions] == ["s3://uploads/code.zip"] * 3
    # Static, since CloudFormation takes a retained bucket back by no other name.
    assert found["Resources"]["Lake"]["Properties"]["BucketName"] == "my-lake"
    assert "BucketName" not in arm64.template["Resources"]["Lake"]["Properties"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, ["region", "AWS_REGION=eu-west-1"]),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, ["credentials", "aws sso login"]),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ["Could not connect", "spelled"]),
    ],
)
def test_what_is_missing_on_the_persons_side_is_named(
    aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str | None], words: list[str]
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name, value in environment.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    code, said = run("up", "--email", "me@example.org")
    assert code == 1
    assert all(word in said for word in words), said
    assert "Traceback" not in said


@pytest.fixture
def stack(aws: str) -> Stack:
    return Stack(boto3.Session(), "prod")


@pytest.fixture
def formation(stack: Stack) -> Iterator[Stubber]:
    """CloudFormation's answers, one by one, where moto's would differ from AWS's."""
    with Stubber(stack._formation) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def stack_is(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackName": "chartlake-prod", "StackStatus": status, "CreationTime": "2026-11-23T00:00:00Z"}]}


def test_no_change_is_no_failure(stack: Stack, formation: Stubber) -> None:
    refused = {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."}
    formation.add_response("describe_stacks", stack_is("UPDATE_COMPLETE"))
    formation.add_response(
        "create_change_set",
        {"Id": "arn:change"},
        {
            "StackName": "chartlake-prod",
            "ChangeSetName": ANY,
            "ChangeSetType": "UPDATE",
            "TemplateURL": "https://t",
            "Parameters": [
                {"ParameterKey": "Email", "ParameterValue": "a@b.c"},
                {"ParameterKey": "MakeApiLogsRole", "UsePreviousValue": True},
            ],
            "Capabilities": ANY,
            "ImportExistingResources": False,
        },
    )
    formation.add_response("describe_change_set", refused)
    formation.add_response("describe_change_set", refused)
    formation.add_response("delete_change_set", {})
    assert stack.propose("https://t", {"Email": "a@b.c", "MakeApiLogsRole": "no"})[1] == []


def event(number: int, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "StackId": "s",
        "EventId": str(number),
        "StackName": "chartlake-prod",
        "LogicalResourceId": "Lake",
        "ResourceType": "AWS::S3::Bucket",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": "2026-11-23T00:00:00Z",
    }


def test_a_failing_resources_own_words_are_shown(stack: Stack, formation: Stubber) -> None:
    formation.add_response("describe_stack_events", {"StackEvents": [event(1, "CREATE_FAILED", "an older one")]})
    formation.add_response("describe_stacks", stack_is("REVIEW_IN_PROGRESS"))
    formation.add_response("execute_change_set", {})
    formation.add_response("describe_stacks", stack_is("ROLLBACK_COMPLETE"))
    events = [
        event(3, "CREATE_FAILED", "Resource creation cancelled"),
        event(2, "CREATE_FAILED", "chartlake-prod-1 already exists"),
        event(1, "CREATE_FAILED", "an older one"),
    ]
    formation.add_response("describe_stack_events", {"StackEvents": events})
    with pytest.raises(CannotDeploy) as refused:
        stack.execute("arn:change")
    assert "Lake (AWS::S3::Bucket): chartlake-prod-1 already exists" in refused.value.message
    assert "an older one" not in refused.value.message
    assert "cancelled" not in refused.value.message
    assert "make undeploy" in refused.value.advice


@pytest.mark.parametrize(
    ("code", "words"),
    [("ExpiredToken", "aws sso login"), ("AccessDenied", "administrator"), ("BucketAlreadyExists", "another region")],
)
def test_what_aws_refuses_comes_with_advice(stack: Stack, formation: Stubber, code: str, words: str) -> None:
    formation.add_client_error("describe_stacks", code, "no")
    with pytest.raises(ChartlakeError) as refused:
        stack.outputs()
    assert words in refused.value.advice


def test_make_passes_on_what_it_was_told(aws: str, tmp_path: Path) -> None:
    """The Makefile's own lines, with everything installed already and nothing reachable."""
    make = shutil.which("make")
    assert make
    environment = os.environ | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    found = subprocess.run(
        [make, "-n", "deploy", "EMAIL=me@example.org", "STAGE=prod", "BUDGET=0", "YES=1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '--stage "prod" --email "me@example.org" --budget "0" --raw-days "0" --yes' in found.stdout
