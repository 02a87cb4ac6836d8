"""One CloudFormation stack: show what would change, change it, say what came of it; remove it and keep the data.

Through boto3 rather than the AWS command line: nothing more to install, and a failing resource's own words at hand.
"""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    WaiterError,
)

from chalicelib.errors import Final

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

_CAPABILITIES: Any = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
_DELAY: Any = {"Delay": 5, "MaxAttempts": 360}
_UPLOADS_KEPT_DAYS = 30
_NEW = (None, "REVIEW_IN_PROGRESS")
# What the first deployment decided from the account as it found it.
DECIDED_ONCE = ("MakeApiLogsRole",)


class CannotDeploy(Final):
    """AWS refuses, or cannot be asked."""

    advice = "Correct what the message names and run the same command again."


@dataclass(frozen=True)
class Change:
    """One line of a change set."""

    action: str
    kind: str
    name: str
    replaced: bool


class Stack:
    """The stack `chartlake-<stage>` in one account and region, with the bucket that its uploads go through."""

    def __init__(self, stage: str) -> None:
        """Raises `CannotDeploy` where there are no credentials, no such profile, or no region."""
        self.name = f"chartlake-{stage}"
        self.stage = stage
        with explained():
            session = boto3.Session()
            self._formation: CloudFormationClient = session.client("cloudformation")
            self._s3 = session.client("s3")
            self._gateway = session.client("apigateway")
            self.account = session.client("sts").get_caller_identity()["Account"]
        self.region = self._formation.meta.region_name
        self.lake = f"{self.name}-{self.account}-{self.region}"
        self._uploads = f"chartlake-uploads-{self.account}-{self.region}"

    def upload(self, template: Mapping[str, Any], bundle: Path) -> str:
        """Put bundle and template where CloudFormation reads them; gives the template's address."""
        with explained():
            self._make_upload_bucket()
            code = f"{self.stage}/{_digest(_files_of(bundle))}.zip"
            self._s3.upload_file(str(bundle), self._uploads, code)
            complete = complete_template(template, f"s3://{self._uploads}/{code}", self.lake)
            text = json.dumps(complete).encode()
            key = f"{self.stage}/{_digest(text)}.template"
            self._s3.put_object(Bucket=self._uploads, Key=key, Body=text)
        return f"https://{self._uploads}.s3.{self.region}.amazonaws.com/{key}"

    def propose(self, template_url: str, parameters: Mapping[str, str]) -> tuple[str, list[Change]]:
        """Make a change set; gives its ARN and its lines, none where nothing would change."""
        new = self._status() in _NEW
        with explained():
            # A bucket that an earlier stack left behind is taken back: it has this very name and is retained.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
            arn = self._formation.create_change_set(
                StackName=self.name,
                ChangeSetName=f"deploy-{time.time_ns()}",
                ChangeSetType="CREATE" if new else "UPDATE",
                TemplateURL=template_url,
                Parameters=[
                    {"ParameterKey": name, "UsePreviousValue": True}
                    if name in DECIDED_ONCE and not new
                    else {"ParameterKey": name, "ParameterValue": value}
                    for name, value in parameters.items()
                ],
                Capabilities=_CAPABILITIES,
                ImportExistingResources=new,
            )["Id"]
            try:
                self._formation.get_waiter("change_set_create_complete").wait(
                    StackName=self.name, ChangeSetName=arn, WaiterConfig=_DELAY
                )
            except WaiterError:
                if not self._is_empty(arn):
                    raise
                self._formation.delete_change_set(StackName=self.name, ChangeSetName=arn)
                return arn, []
            return arn, list(self._changes(arn))

    def execute(self, change_set: str) -> dict[str, str]:
        """Carry the change set out; gives the stack's outputs. Raises `CannotDeploy` with each resource's words."""
        began = self._last_event()
        new = self._status() in _NEW
        # The bucket that an earlier stack left behind has kept its policy, which would be in the way of the new one.
        kept = self._take_off_policy() if new else None
        with explained():
            self._formation.execute_change_set(StackName=self.name, ChangeSetName=change_set)
            waiter = "stack_create_complete" if new else "stack_update_complete"
            try:
                self._formation.get_waiter(waiter).wait(StackName=self.name, WaiterConfig=_DELAY)  # type: ignore[call-overload]
            except WaiterError:
                if kept:
                    self._s3.put_bucket_policy(Bucket=self.lake, Policy=kept)
                raise CannotDeploy(
                    f"The stack {self.name} could not be changed; AWS put back what was there:\n"
                    + self._failures(began),
                    advice=self._advice_after_failure(new),
                ) from None
        return self.outputs()

    def outputs(self) -> dict[str, str]:
        """What the stack tells: EndpointURL, LakeBucket and so on."""
        with explained():
            (stack,) = self._formation.describe_stacks(StackName=self.name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """The values that the stack was last deployed with; none where it is new."""
        if self._status() in _NEW:
            return {}
        with explained():
            (stack,) = self._formation.describe_stacks(StackName=self.name)["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}

    def has_queue(self) -> bool:
        """Whether the stack spreads its lists over workers already."""
        return self._status() not in _NEW and "ListQueue" in self.outputs()

    def remove(self) -> str | None:
        """Delete the stack; gives the name of the bucket that stays, None where there is no stack."""
        if self._status() is None:
            return None
        bucket = self.outputs().get("LakeBucket", self.lake)
        with explained():
            self._formation.delete_stack(StackName=self.name)
            self._formation.get_waiter("stack_delete_complete").wait(StackName=self.name, WaiterConfig=_DELAY)
        return bucket

    def gateway_may_log(self) -> bool:
        """Whether this account's API Gateway has a role for its logs already: a setting of account and region."""
        with explained():
            return bool(self._gateway.get_account().get("cloudwatchRoleArn"))

    def _take_off_policy(self) -> str | None:
        """Remove the policy of the stack's bucket, and give it; None where there is no policy, or no bucket."""
        with explained():
            try:
                policy: str = self._s3.get_bucket_policy(Bucket=self.lake)["Policy"]
            except ClientError as error:
                if _code(error) in ("NoSuchBucket", "NoSuchBucketPolicy"):
                    return None
                raise
            self._s3.delete_bucket_policy(Bucket=self.lake)
        return policy

    def _make_upload_bucket(self) -> None:
        where: Any = {"LocationConstraint": self.region}
        facts = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": where}
        try:
            self._s3.create_bucket(Bucket=self._uploads, **facts)
        except ClientError as error:
            if error.response["Error"].get("Code") != "BucketAlreadyOwnedByYou":
                raise
        names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        block: Any = dict.fromkeys(names, True)
        self._s3.put_public_access_block(Bucket=self._uploads, PublicAccessBlockConfiguration=block)
        self._s3.put_bucket_lifecycle_configuration(
            Bucket=self._uploads,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "OldUploads",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": _UPLOADS_KEPT_DAYS},
                    }
                ]
            },
        )

    def _status(self) -> str | None:
        try:
            with explained():
                (stack,) = self._formation.describe_stacks(StackName=self.name)["Stacks"]
        except CannotDeploy as error:
            if "does not exist" in error.message:
                return None
            raise
        return stack["StackStatus"]

    def _is_empty(self, change_set: str) -> bool:
        found = self._formation.describe_change_set(StackName=self.name, ChangeSetName=change_set)
        reason = found.get("StatusReason", "")
        if "didn't contain changes" in reason or "No updates are to be performed" in reason:
            return True
        raise CannotDeploy(f"CloudFormation refuses the change: {reason}")

    def _changes(self, change_set: str) -> Iterator[Change]:
        pages = self._formation.get_paginator("describe_change_set")
        for page in pages.paginate(StackName=self.name, ChangeSetName=change_set):
            for one in page["Changes"]:
                found = one["ResourceChange"]
                replaced = found.get("Replacement", "False") != "False"
                yield Change(found["Action"], found["ResourceType"], found["LogicalResourceId"], replaced)

    def _events(self) -> list[Any]:
        return self._formation.describe_stack_events(StackName=self.name)["StackEvents"]

    def _last_event(self) -> str:
        with explained():
            events = self._events()
        return events[0]["EventId"] if events else ""

    def _failures(self, since: str) -> str:
        lines = []
        for event in self._events():
            if event["EventId"] == since:
                break
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("FAILED") and "cancelled" not in reason:
                lines.append(f"  {event['LogicalResourceId']} ({event['ResourceType']}): {reason}")
        return "\n".join(reversed(lines)) or "  CloudFormation gave no reason; look at the stack's events."

    def _advice_after_failure(self, new: bool) -> str:
        if new:
            return "Correct it, run `make undeploy` (an unfinished stack cannot be updated), then deploy again."
        return "Correct it and deploy again; the stack is as it was before."


def complete_template(template: Mapping[str, Any], code: str, lake: str) -> dict[str, Any]:
    """The template with the address of the uploaded code and the bucket's own name.

    CloudFormation takes a retained bucket back only by a name that stands in the template as it is.
    """
    complete: dict[str, Any] = json.loads(json.dumps(template))
    for resource in complete["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code
    if "Lake" in complete["Resources"]:
        complete["Resources"]["Lake"]["Properties"]["BucketName"] = lake
    return complete


_ADVICE: tuple[tuple[Callable[[Exception], bool], str], ...] = (
    (
        lambda error: isinstance(error, NoCredentialsError),
        "Sign in: `aws configure` or `aws sso login`, or set AWS_PROFILE.",
    ),
    (
        lambda error: isinstance(error, ProfileNotFound),
        "Correct AWS_PROFILE: `aws configure list-profiles` shows which there are.",
    ),
    (lambda error: isinstance(error, NoRegionError), "Set AWS_REGION, for instance AWS_REGION=eu-west-1."),
    (
        lambda error: isinstance(error, EndpointConnectionError),
        "Check AWS_REGION (is it spelled as in eu-west-1?) and the network.",
    ),
    (
        lambda error: _code(error) in ("ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        "Sign in to AWS again: `aws sso login`, or renew the keys; `aws sts get-caller-identity` shows who you are.",
    ),
    (
        lambda error: _code(error) in ("AccessDenied", "AccessDeniedException", "403"),
        "This AWS identity may not do that; deploying needs an administrator of CloudFormation, IAM, Lambda and S3.",
    ),
    (
        lambda error: "ROLLBACK_COMPLETE state" in str(error),
        "A stack that was never finished cannot be updated. Run `make undeploy`, then deploy again; the bucket stays.",
    ),
    (
        lambda error: _code(error) == "BucketAlreadyExists",
        "Another AWS account owns a bucket of that name; deploy in another region (AWS_REGION).",
    ),
)


@contextmanager
def explained() -> Iterator[None]:
    """Turn AWS's refusals into words and an advice."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        advice = next((words for fits, words in _ADVICE if fits(error)), None)
        raise CannotDeploy(f"AWS: {error}", advice=advice) from None


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _files_of(bundle: Path) -> bytes:
    """What is in a bundle, whatever the order of its files, which is the file system's."""
    with zipfile.ZipFile(bundle) as archive:
        told = [
            f"{hashlib.sha256(archive.read(file)).hexdigest()} {file.external_attr} {file.filename}\n"
            for file in archive.infolist()
        ]
    return "".join(sorted(told)).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
