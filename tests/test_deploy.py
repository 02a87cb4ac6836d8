"""What `make deploy` and `make undeploy` say when something is missing and when AWS refuses.

What they make when all is well is seen in test_stack.py.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from click.testing import CliRunner

from chalicelib.errors import ChartlakeError
from deploy import __main__ as command
from deploy.package import Package
from deploy.stack import CannotDeploy, Stack, complete_template

ROOT = Path(__file__).parents[1]


def run(*arguments: str, say: str = "y\n") -> tuple[int, str]:
    found = CliRunner().invoke(command.main, list(arguments), input=say)
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.exit_code, found.output


def test_without_a_mail_address_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run("up")
    assert code == 1
    assert "make deploy EMAIL=you@example.org" in said


def test_the_uploaded_template_names_the_code_and_the_bucket(arm64: Package) -> None:
    found = complete_template(arm64.template, "s3://uploads/code.zip", "my-lake")
    functions = [one for one in found["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    assert [one["Properties"]["CodeUri"] for one in functions] == ["s3://uploads/code.zip"] * 4
    # Static, since CloudFormation takes a retained bucket back by no other name.
    assert found["Resources"]["Lake"]["Properties"]["BucketName"] == "my-lake"
    assert "BucketName" not in arm64.template["Resources"]["Lake"]["Properties"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, ["region", "AWS_REGION=eu-west-1"]),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, ["credentials", "aws sso login"]),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ["Could not connect", "spelled"]),
        ({"AWS_PROFILE": "nope"}, ["(nope)", "list-profiles"]),
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
    return Stack("prod")


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


def test_the_order_of_a_bundles_files_is_no_change_and_what_is_in_them_is(stack: Stack, tmp_path: Path) -> None:
    # Chalice packs them as the file system lists them, and each kind of it has an order of its own.
    template = {"Resources": {"Daily": {"Type": "AWS::Serverless::Function", "Properties": {}}}}

    def uploaded(*files: tuple[str, str]) -> str:
        with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
            for name, text in files:
                archive.writestr(zipfile.ZipInfo(name), text)
        return stack.upload(template, tmp_path / "bundle.zip")

    first = uploaded(("app.py", "1"), ("chalicelib/x.py", "2"))
    assert uploaded(("chalicelib/x.py", "2"), ("app.py", "1")) == first
    assert uploaded(("chalicelib/x.py", "1"), ("app.py", "2")) != first


@pytest.mark.parametrize(
    ("given", "standing", "expected"),
    [
        ({}, {}, ("5", "0")),
        ({}, {"MonthlyBudget": "50", "RawRetentionDays": "90"}, ("50", "90")),
        ({"MonthlyBudget": 0}, {"MonthlyBudget": "50", "RawRetentionDays": "90"}, ("0", "90")),
        ({"RawRetentionDays": 0}, {"MonthlyBudget": "50", "RawRetentionDays": "90"}, ("50", "0")),
    ],
)
def test_what_is_not_given_stays_as_the_stack_has_it(
    given: dict[str, int], standing: dict[str, str], expected: tuple[str, str]
) -> None:
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    names = ("MonthlyBudget", "RawRetentionDays")
    found = command.chosen({name: given.get(name) for name in names}, standing, template)
    assert tuple(found[name] for name in names) == expected


def test_a_stacks_own_parameters_are_read_and_a_new_one_has_none(stack: Stack, formation: Stubber) -> None:
    standing = stack_is("UPDATE_COMPLETE")
    standing["Stacks"][0]["Parameters"] = [{"ParameterKey": "RawRetentionDays", "ParameterValue": "90"}]
    formation.add_response("describe_stacks", standing)
    formation.add_response("describe_stacks", standing)
    assert stack.parameters() == {"RawRetentionDays": "90"}
    formation.add_response("describe_stacks", stack_is("REVIEW_IN_PROGRESS"))
    assert stack.parameters() == {}


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
