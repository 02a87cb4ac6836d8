"""A small CloudFormation: AWS's own SAM transform, and every resource made through its service's own API.

moto's CloudFormation knows neither the transform nor half of the stack's resource types, and drops most of a bucket's
properties. Here botocore checks each property against the service's API, moto's services keep the result, and a type
or a property that is not carried out makes the stack fail, so that a new one is noticed.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

import boto3
from botocore.exceptions import ClientError, ParamValidationError
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

from tests.resources import KINDS, Made, Refused

_ACCOUNT = "123456789012"
_NEEDED = {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
_NOTHING = object()
Json = dict[str, Any]


class InsufficientCapabilities(CloudFormationError):
    code = "InsufficientCapabilitiesException"


@dataclass
class Stack:
    """One stack as CloudFormation knows it."""

    name: str
    region: str
    status: str = "REVIEW_IN_PROGRESS"
    template: Json = field(default_factory=lambda: {"Resources": {}})
    parameters: dict[str, str] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.arn = f"arn:aws:cloudformation:{self.region}:{_ACCOUNT}:stack/{self.name}/{uuid.uuid4()}"

    def tell(self, logical_id: str, kind: str, status: str, reason: str = "") -> None:
        self.events.insert(
            0,
            {
                "StackId": self.arn,
                "EventId": str(uuid.uuid4()),
                "StackName": self.name,
                "LogicalResourceId": logical_id,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": datetime.now(UTC),
            },
        )


@dataclass
class ChangeSet:
    """What a stack would become."""

    arn: str
    stack: Stack
    template: Json
    parameters: dict[str, str]
    changes: list[Json]
    imported: set[str]
    reason: str = ""


STACKS: dict[str, Stack] = {}
CHANGE_SETS: dict[str, ChangeSet] = {}


class Values:
    """A template's values, with everything that they refer to put in."""

    def __init__(self, stack: Stack, template: Json, parameters: Mapping[str, str]) -> None:
        self._stack = stack
        self._conditions = template.get("Conditions", {})
        numbers = {name for name, one in template.get("Parameters", {}).items() if one["Type"] == "Number"}
        self._known: Json = {name: int(value) if name in numbers else value for name, value in parameters.items()} | {
            "AWS::AccountId": _ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": stack.region,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NOTHING,
        }

    def holds(self, condition: Any) -> bool:
        """Whether a condition, named or written out, is true."""
        if isinstance(condition, str):
            return self.holds(self._conditions[condition])
        ((function, arguments),) = condition.items()
        if function == "Fn::Not":
            return not self.holds(arguments[0])
        assert function == "Fn::Equals", function
        return str(self.of(arguments[0])) == str(self.of(arguments[1]))

    def of(self, value: Any) -> Any:
        """The value itself."""
        if isinstance(value, list):
            return [one for one in map(self.of, value) if one is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, arguments),) = value.items()
            if function == "Ref":
                return self._reference(arguments)
            if function == "Fn::GetAtt":
                return self._attribute(*arguments)
            if function == "Fn::Sub":
                return self._substituted(arguments)
            if function == "Fn::If":
                return self.of(arguments[1 if self.holds(arguments[0]) else 2])
            assert not function.startswith("Fn::"), function
        found = {name: self.of(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one is not _NOTHING}

    def _reference(self, name: str) -> Any:
        return self._known[name] if name in self._known else self._stack.made[name].ref

    def _attribute(self, name: str, attribute: str) -> Any:
        return self._stack.made[name].attributes[attribute]

    def _substituted(self, text: Any) -> str:
        text, own = (text, {}) if isinstance(text, str) else text

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name in own:
                return str(self.of(own[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._reference(name))

        return re.sub(r"\$\{([^}!]+)\}", value, text)


def mentioned(value: Any) -> Iterator[str]:
    """Every name that a value refers to."""
    if isinstance(value, list):
        for one in value:
            yield from mentioned(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "Ref":
                yield one
            elif key == "Fn::GetAtt":
                yield one[0]
            else:
                if key == "Fn::Sub":
                    yield from re.findall(r"\$\{([^}!.]+)", one if isinstance(one, str) else one[0])
                yield from mentioned(one)


class Formation(BaseResponse):
    """CloudFormation's calls, as far as a deployment makes them; moto reads requests and writes answers."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def create_change_set(self) -> ActionResult:
        name, new = self._get_param("StackName"), self._get_param("ChangeSetType") == "CREATE"
        if missing := _NEEDED - set(self._get_param("Capabilities", [])):
            raise InsufficientCapabilities(f"Requires capabilities : {sorted(missing)}")
        stack = STACKS.setdefault(name, Stack(name, self.region)) if new else self._stack(name)
        if stack.status == "ROLLBACK_COMPLETE":
            raise ValidationError(message=f"Stack:{stack.arn} is in ROLLBACK_COMPLETE state and can not be updated.")
        template = json.loads(self._object_at(self._get_param("TemplateURL")))
        parameters = parameters_of(template, self._get_param("Parameters", []), stack)
        arn = f"arn:aws:cloudformation:{self.region}:{_ACCOUNT}:changeSet/{self._get_param('ChangeSetName')}"
        CHANGE_SETS[arn] = self._change_set(arn, stack, template, parameters)
        return ActionResult({"Id": arn, "StackId": stack.arn})

    def _change_set(self, arn: str, stack: Stack, template: Json, parameters: dict[str, str]) -> ChangeSet:
        made = partial(ChangeSet, arn, stack)
        try:
            plain = transform(template, dict(parameters), _NoManagedPolicies())
        except InvalidDocumentException as error:
            return made(
                template, parameters, [], set(), f"Transform AWS::Serverless-2016-10-31 failed: {error.message}"
            )
        imported = set[str]()
        if self._get_param("ImportExistingResources"):
            imported = {name for name, one in plain["Resources"].items() if self._is_there(one)}
        changes = list(changes_of(stack, plain, parameters, imported))
        reason = "" if changes else "The submitted information didn't contain changes."
        return made(plain, parameters, changes, imported, reason)

    def _is_there(self, resource: Json) -> bool:
        """Whether a retained bucket of that very name was left behind."""
        name = resource["Properties"].get("BucketName")
        if resource["Type"] != "AWS::S3::Bucket" or not isinstance(name, str):
            return False
        there = any(one["Name"] == name for one in self._aws("s3").list_buckets()["Buckets"])
        return there and resource.get("DeletionPolicy") == "Retain"

    def describe_change_set(self) -> ActionResult:
        found = CHANGE_SETS[self._get_param("ChangeSetName")]
        return ActionResult(
            {
                "ChangeSetId": found.arn,
                "StackName": found.stack.name,
                "Status": "FAILED" if found.reason else "CREATE_COMPLETE",
                "StatusReason": found.reason,
                "Changes": found.changes,
            }
        )

    def delete_change_set(self) -> EmptyResult:
        del CHANGE_SETS[self._get_param("ChangeSetName")]
        return EmptyResult()

    def execute_change_set(self) -> EmptyResult:
        found = CHANGE_SETS.pop(self._get_param("ChangeSetName"))
        carry_out(found, self._aws)
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        stack = self._stack(self._get_param("StackName"))
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in stack.outputs.items()]
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in stack.parameters.items()]
        told = {"StackId": stack.arn, "StackName": stack.name, "CreationTime": datetime.now(UTC), "Parameters": given}
        return ActionResult({"Stacks": [told | {"StackStatus": stack.status, "Outputs": outputs}]})

    def describe_stack_events(self) -> ActionResult:
        return ActionResult({"StackEvents": self._stack(self._get_param("StackName")).events})

    def delete_stack(self) -> EmptyResult:
        stack = self._stack(self._get_param("StackName"))
        remove_all(stack, stack.template, self._aws)
        del STACKS[stack.name]
        return EmptyResult()

    def _stack(self, name: str) -> Stack:
        by_arn = {one.arn: one for one in STACKS.values()}
        found = STACKS.get(name) or by_arn.get(name)
        if found is None:
            raise ValidationError(name)
        return found

    def _aws(self, service: str) -> Any:
        return boto3.client(service, region_name=self.region)

    def _object_at(self, url: str) -> str:
        bucket, key = re.fullmatch(r"https://([^.]+)\.s3\.[^.]+\.amazonaws\.com/(.+)", url).groups()  # type: ignore[union-attr]
        text: bytes = self._aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return text.decode()


class _NoManagedPolicies:
    def load(self) -> Json:
        return {}


def parameters_of(template: Json, given: list[Json], stack: Stack) -> dict[str, str]:
    """The parameters with their defaults, each held to what the template allows."""
    slots = template.get("Parameters", {})
    found = {name: str(slot["Default"]) for name, slot in slots.items() if "Default" in slot}
    for one in given:
        name = one["ParameterKey"]
        found[name] = stack.parameters[name] if one.get("UsePreviousValue") else one["ParameterValue"]
    if unknown := sorted(set(found) - set(slots)):
        raise ValidationError(message=f"Parameters: {unknown} do not exist in the template")
    if missing := sorted(set(slots) - set(found)):
        raise ValidationError(message=f"Parameters: {missing} must have values")
    for name, value in found.items():
        slot = slots[name]
        fits = re.fullmatch(slot.get("AllowedPattern", ".*"), value) and value in slot.get("AllowedValues", [value])
        if not fits or (slot["Type"] == "Number" and int(value) < slot.get("MinValue", 0)):
            raise ValidationError(message=f"Parameter {name} failed to satisfy constraint")
    return found


def changes_of(stack: Stack, template: Json, parameters: dict[str, str], imported: set[str]) -> Iterator[Json]:
    """The lines of a change set."""
    values, there = Values(stack, template, parameters), stack.template["Resources"]
    changed = {name for name, value in parameters.items() if stack.parameters.get(name) != value}
    wanted = {
        name: one
        for name, one in template["Resources"].items()
        if "Condition" not in one or values.holds(one["Condition"])
    }
    for name, one in wanted.items():
        if name not in stack.made:
            yield _change("Import" if name in imported else "Add", name, one["Type"])
        elif there[name] != one or changed & set(mentioned(one)):
            yield _change("Modify", name, one["Type"])
    for name, held in stack.made.items():
        if name not in wanted:
            yield _change("Remove", name, held.kind)


def _change(action: str, name: str, kind: str) -> Json:
    return {"Type": "Resource", "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind}}


def carry_out(change_set: ChangeSet, aws: Callable[[str], Any]) -> None:
    """Make, change and remove what the change set says; of a new stack that fails only what is retained stays."""
    stack, template = change_set.stack, change_set.template
    new = stack.status == "REVIEW_IN_PROGRESS"
    actions = {
        one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"]["Action"] for one in change_set.changes
    }
    values = Values(stack, template, change_set.parameters)
    resources = template["Resources"]
    graph = {name: set(mentioned(one)) & set(resources) for name, one in resources.items()}
    for name, one in resources.items():
        graph[name] |= set(one.get("DependsOn", []))
    for logical_id in TopologicalSorter(graph).static_order():
        if actions.get(logical_id) in ("Add", "Import", "Modify"):
            kind = resources[logical_id]["Type"]
            try:
                make(stack, logical_id, kind, values.of(resources[logical_id].get("Properties", {})), actions, aws)
            except (ClientError, ParamValidationError, Refused, KeyError) as error:
                stack.tell(logical_id, kind, f"{actions[logical_id].upper()}_FAILED", repr(error))
                if new:
                    remove_all(stack, template, aws)
                stack.status = "ROLLBACK_COMPLETE" if new else "UPDATE_ROLLBACK_COMPLETE"
                return
    for logical_id in [name for name, action in actions.items() if action == "Remove"]:
        unmake(stack, logical_id, aws)
    stack.template, stack.parameters = template, change_set.parameters
    stack.outputs = {name: str(values.of(one["Value"])) for name, one in template.get("Outputs", {}).items()}
    stack.status = "CREATE_COMPLETE" if new else "UPDATE_COMPLETE"


def make(
    stack: Stack, logical_id: str, kind: str, properties: Json, actions: Mapping[str, str], aws: Callable[[str], Any]
) -> None:
    """One resource: made, taken over, or changed (where its kind cannot be, made anew)."""
    if kind not in KINDS:
        raise Refused(f"the stand-in does not know {kind}; add it to tests/resources.py")
    maker = KINDS[kind]
    held = stack.made.get(logical_id)
    name = held.name if held else f"{stack.name}-{logical_id}-{uuid.uuid4().hex[:12]}"
    if actions[logical_id] == "Modify" and held and not maker.change:
        unmake(stack, logical_id, aws)
    do = maker.make if logical_id not in stack.made and actions[logical_id] != "Import" else maker.change
    assert do, f"{kind} cannot be taken over"
    stack.made[logical_id] = Made(kind, name, properties, *do(aws, name, properties))
    stack.tell(logical_id, kind, "CREATE_COMPLETE")


def unmake(stack: Stack, logical_id: str, aws: Callable[[str], Any]) -> None:
    held = stack.made.pop(logical_id)
    KINDS[held.kind].remove(aws, held)


def remove_all(stack: Stack, template: Json, aws: Callable[[str], Any]) -> None:
    """Everything but what is retained, the last one first."""
    for logical_id in reversed(list(stack.made)):
        if template["Resources"][logical_id].get("DeletionPolicy") == "Retain":
            del stack.made[logical_id]
        else:
            unmake(stack, logical_id, aws)
