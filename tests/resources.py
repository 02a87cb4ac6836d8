"""What tests/formation.py makes of each type of resource: the service's own API calls, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Json = dict[str, Any]
Aws = Callable[[str], Any]
Result = tuple[str, dict[str, str]]


class Refused(Exception):
    """A property that this stand-in does not carry out."""


@dataclass(frozen=True)
class Made:
    """A resource that is there: what `Ref` and `Fn::GetAtt` give of it."""

    kind: str
    name: str
    properties: Json
    ref: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Kind:
    """`make` and `change` take (aws, a name that is free, properties) and give what `Ref` and `Fn::GetAtt` give."""

    make: Callable[[Aws, str, Json], Result]
    remove: Callable[[Aws, Made], Any]
    change: Callable[[Aws, str, Json], Result] | None = None


def put(make: Callable[[Aws, str, Json], Result], remove: Callable[[Aws, Made], Any]) -> Kind:
    """A kind that is made and changed by the same calls."""
    return Kind(make, remove, make)


def only(properties: Json, *known: str) -> Json:
    """The properties. Raises `Refused` for one that would be passed over."""
    if passed_over := sorted(set(properties) - set(known)):
        raise Refused(f"the stand-in does not carry out {', '.join(passed_over)}")
    return properties


def make_bucket(aws: Aws, name: str, properties: Json) -> Result:
    bucket = properties["BucketName"]
    where = {"LocationConstraint": aws("s3").meta.region_name}
    aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    return change_bucket(aws, name, properties)


def change_bucket(aws: Aws, _: str, properties: Json) -> Result:
    s3, bucket = aws("s3"), properties["BucketName"]
    only(
        properties,
        *("BucketName", "PublicAccessBlockConfiguration", "OwnershipControls", "BucketEncryption"),
        *("VersioningConfiguration", "LifecycleConfiguration", "NotificationConfiguration"),
    )
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=properties["OwnershipControls"])
    rules = [
        {"ApplyServerSideEncryptionByDefault": one["ServerSideEncryptionByDefault"]}
        for one in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
    lifecycle = [_lifecycle_rule(dict(one)) for one in properties["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": lifecycle})
    told = properties["NotificationConfiguration"]
    assert told == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return bucket, {"Arn": f"arn:aws:s3:::{bucket}"}


def _lifecycle_rule(rule: Json) -> Json:
    found = {"ID": rule.pop("Id"), "Filter": {"Prefix": rule.pop("Prefix", "")}}
    if "ExpirationInDays" in rule:
        found["Expiration"] = {"Days": int(rule.pop("ExpirationInDays"))}
    return found | rule


def put_bucket_policy(aws: Aws, name: str, properties: Json) -> Result:
    only(properties, "Bucket", "PolicyDocument")
    aws("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))
    return name, {}


def make_bucket_policy(aws: Aws, name: str, properties: Json) -> Result:
    bucket = properties["Bucket"]
    try:
        aws("s3").get_bucket_policy(Bucket=bucket)
    except ClientError:
        return put_bucket_policy(aws, name, properties)
    raise Refused(f"The bucket policy already exists on bucket {bucket}.")


def make_queue(aws: Aws, name: str, properties: Json) -> Result:
    name = properties.get("QueueName", name)
    attributes = {
        key: json.dumps(value) if isinstance(value, dict) else str(value).lower()
        for key, value in properties.items()
        if key != "QueueName"
    }
    url = aws("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return url, {"Arn": found["QueueArn"], "QueueName": name}


def put_queue_policy(aws: Aws, name: str, properties: Json) -> Result:
    only(properties, "Queues", "PolicyDocument")
    for url in properties["Queues"]:
        aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(properties["PolicyDocument"])})
    return name, {}


def make_log_group(aws: Aws, _: str, properties: Json) -> Result:
    only(properties, "LogGroupName", "RetentionInDays")
    name = properties["LogGroupName"]
    aws("logs").create_log_group(logGroupName=name)
    aws("logs").put_retention_policy(logGroupName=name, retentionInDays=properties["RetentionInDays"])
    (group,) = aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return name, {"Arn": group["arn"]}


def make_role(aws: Aws, name: str, properties: Json) -> Result:
    only(properties, "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns")
    iam = aws("iam")
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for one in properties.get("Policies", []):
        document = json.dumps(one["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=one["PolicyName"], PolicyDocument=document)
    for policy in properties.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return name, {"Arn": arn}


def put_role_policy(aws: Aws, name: str, properties: Json) -> Result:
    only(properties, "RoleName", "PolicyName", "PolicyDocument")
    document = json.dumps(properties["PolicyDocument"])
    aws("iam").put_role_policy(
        RoleName=properties["RoleName"], PolicyName=properties["PolicyName"], PolicyDocument=document
    )
    return name, {}


def remove_role_policy(aws: Aws, made: Made) -> None:
    aws("iam").delete_role_policy(RoleName=made.properties["RoleName"], PolicyName=made.properties["PolicyName"])


def make_event_source(aws: Aws, _: str, properties: Json) -> Result:
    return aws("lambda").create_event_source_mapping(**properties)["UUID"], {}


def remove_role(aws: Aws, made: Made) -> None:
    for one in made.properties.get("Policies", []):
        aws("iam").delete_role_policy(RoleName=made.ref, PolicyName=one["PolicyName"])
    aws("iam").delete_role(RoleName=made.ref)


def make_function(aws: Aws, _: str, properties: Json) -> Result:
    tags = {one["Key"]: one["Value"] for one in properties.get("Tags", [])}
    found = aws("lambda").create_function(**{**properties, "Tags": tags})
    return found["FunctionName"], {"Arn": found["FunctionArn"]}


def change_function(aws: Aws, _: str, properties: Json) -> Result:
    name, code = properties["FunctionName"], properties["Code"]
    rest = {key: value for key, value in properties.items() if key not in ("Code", "Tags", "Architectures")}
    aws("lambda").update_function_code(FunctionName=name, Architectures=properties["Architectures"], **code)
    return name, {"Arn": aws("lambda").update_function_configuration(**rest)["FunctionArn"]}


def make_permission(aws: Aws, name: str, properties: Json) -> Result:
    aws("lambda").add_permission(StatementId=name, **properties)
    return name, {}


def remove_permission(aws: Aws, made: Made) -> None:
    aws("lambda").remove_permission(FunctionName=made.properties["FunctionName"], StatementId=made.ref)


def put_invoke_config(aws: Aws, name: str, properties: Json) -> Result:
    aws("lambda").put_function_event_invoke_config(**properties)
    return name, {}


def remove_invoke_config(aws: Aws, made: Made) -> None:
    aws("lambda").delete_function_event_invoke_config(FunctionName=made.properties["FunctionName"])


def put_rule(aws: Aws, name: str, properties: Json) -> Result:
    rest = {key: value for key, value in properties.items() if key != "Targets"}
    if "EventPattern" in rest:
        rest["EventPattern"] = json.dumps(rest["EventPattern"])
    arn = aws("events").put_rule(Name=name, **rest)["RuleArn"]
    aws("events").put_targets(Rule=name, Targets=properties["Targets"])
    return name, {"Arn": arn}


def remove_rule(aws: Aws, made: Made) -> None:
    aws("events").remove_targets(Rule=made.ref, Ids=[one["Id"] for one in made.properties["Targets"]])
    aws("events").delete_rule(Name=made.ref)


def make_bus(aws: Aws, _: str, properties: Json) -> Result:
    return properties["Name"], {"Arn": aws("events").create_event_bus(**properties)["EventBusArn"]}


def make_topic(aws: Aws, name: str, properties: Json) -> Result:
    return aws("sns").create_topic(Name=name, Attributes=properties)["TopicArn"], {}


def make_subscription(aws: Aws, _: str, properties: Json) -> Result:
    return aws("sns").subscribe(**properties, ReturnSubscriptionArn=True)["SubscriptionArn"], {}


def put_alarm(aws: Aws, name: str, properties: Json) -> Result:
    aws("cloudwatch").put_metric_alarm(AlarmName=name, **properties)
    return name, {}


def make_budget(aws: Aws, name: str, properties: Json) -> Result:
    budget = properties["Budget"]
    limit = {key: str(value) for key, value in budget["BudgetLimit"].items()}
    account = aws("sts").get_caller_identity()["Account"]
    aws("budgets").create_budget(AccountId=account, **{**properties, "Budget": budget | {"BudgetLimit": limit}})
    return budget["BudgetName"], {}


def remove_budget(aws: Aws, made: Made) -> None:
    account = aws("sts").get_caller_identity()["Account"]
    aws("budgets").delete_budget(AccountId=account, BudgetName=made.ref)


def make_database(aws: Aws, _: str, properties: Json) -> Result:
    aws("glue").create_database(**properties)
    return properties["DatabaseInput"]["Name"], {}


def make_table(aws: Aws, _: str, properties: Json) -> Result:
    aws("glue").create_table(**properties)
    return properties["TableInput"]["Name"], {}


def make_work_group(aws: Aws, _: str, properties: Json) -> Result:
    only(properties, "Name", "Description", "RecursiveDeleteOption", "WorkGroupConfiguration")
    aws("athena").create_work_group(
        Name=properties["Name"],
        Description=properties["Description"],
        Configuration=properties["WorkGroupConfiguration"],
    )
    return properties["Name"], {}


def make_named_query(aws: Aws, _: str, properties: Json) -> Result:
    return aws("athena").create_named_query(**properties)["NamedQueryId"], {}


def make_api(aws: Aws, _: str, properties: Json) -> Result:
    only(properties, "Body", "EndpointConfiguration", "MinimumCompressionSize", "Parameters")
    found = aws("apigateway").import_rest_api(body=json.dumps(properties["Body"]).encode())
    return found["id"], {"RootResourceId": found["rootResourceId"]}


def make_api_deployment(aws: Aws, _: str, properties: Json) -> Result:
    facts = {"restApiId": properties["RestApiId"], "description": properties["Description"]}
    facts |= {"stageName": properties["StageName"]} if "StageName" in properties else {}
    return aws("apigateway").create_deployment(**facts)["id"], {}


def make_api_stage(aws: Aws, _: str, properties: Json) -> Result:
    only(
        properties,
        *("RestApiId", "StageName", "DeploymentId", "Variables", "MethodSettings", "AccessLogSetting"),
    )
    gateway, api, stage = aws("apigateway"), properties["RestApiId"], properties["StageName"]
    facts = {"deploymentId": properties["DeploymentId"], "variables": properties["Variables"]}
    gateway.create_stage(restApiId=api, stageName=stage, **facts)
    log = properties["AccessLogSetting"]
    values = {
        "/accessLogSettings/destinationArn": log["DestinationArn"],
        "/accessLogSettings/format": log["Format"],
    }
    for one in properties["MethodSettings"]:
        throttling = f"{one['ResourcePath']}/{one['HttpMethod']}/throttling"
        values[f"{throttling}/rateLimit"] = str(one["ThrottlingRateLimit"])
        values[f"{throttling}/burstLimit"] = str(one["ThrottlingBurstLimit"])
    operations = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
    gateway.update_stage(restApiId=api, stageName=stage, patchOperations=operations)
    return stage, {}


def put_api_account(aws: Aws, name: str, properties: Json) -> Result:
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": properties["CloudWatchRoleArn"]}
    aws("apigateway").update_account(patchOperations=[operation])
    return name, {}


def goes_with_its_owner(_: Aws, made: Made) -> None:
    """Nothing: it is gone with the resource that it belongs to."""


KINDS = {
    "AWS::ApiGateway::Account": put(put_api_account, goes_with_its_owner),
    "AWS::ApiGateway::Deployment": Kind(make_api_deployment, goes_with_its_owner),
    "AWS::ApiGateway::RestApi": Kind(make_api, lambda aws, made: aws("apigateway").delete_rest_api(restApiId=made.ref)),
    "AWS::ApiGateway::Stage": Kind(
        make_api_stage,
        lambda aws, made: aws("apigateway").delete_stage(restApiId=made.properties["RestApiId"], stageName=made.ref),
    ),
    # moto cannot delete a saved query; in AWS its workgroup takes it along.
    "AWS::Athena::NamedQuery": Kind(make_named_query, goes_with_its_owner),
    "AWS::Athena::WorkGroup": Kind(
        make_work_group,
        lambda aws, made: aws("athena").delete_work_group(WorkGroup=made.ref, RecursiveDeleteOption=True),
    ),
    "AWS::Budgets::Budget": Kind(make_budget, remove_budget),
    "AWS::CloudWatch::Alarm": put(put_alarm, lambda aws, made: aws("cloudwatch").delete_alarms(AlarmNames=[made.ref])),
    "AWS::Events::EventBus": Kind(make_bus, lambda aws, made: aws("events").delete_event_bus(Name=made.ref)),
    "AWS::Events::Rule": put(put_rule, remove_rule),
    "AWS::Glue::Database": Kind(make_database, lambda aws, made: aws("glue").delete_database(Name=made.ref)),
    "AWS::Glue::Table": Kind(
        make_table,
        lambda aws, made: aws("glue").delete_table(DatabaseName=made.properties["DatabaseName"], Name=made.ref),
    ),
    "AWS::IAM::Role": Kind(make_role, remove_role),
    "AWS::IAM::RolePolicy": put(put_role_policy, remove_role_policy),
    "AWS::Lambda::EventInvokeConfig": put(put_invoke_config, remove_invoke_config),
    "AWS::Lambda::EventSourceMapping": Kind(
        make_event_source, lambda aws, made: aws("lambda").delete_event_source_mapping(UUID=made.ref)
    ),
    "AWS::Lambda::Function": Kind(
        make_function, lambda aws, made: aws("lambda").delete_function(FunctionName=made.ref), change_function
    ),
    "AWS::Lambda::Permission": Kind(make_permission, remove_permission),
    "AWS::Logs::LogGroup": Kind(make_log_group, lambda aws, made: aws("logs").delete_log_group(logGroupName=made.ref)),
    "AWS::S3::Bucket": Kind(make_bucket, lambda aws, made: aws("s3").delete_bucket(Bucket=made.ref), change_bucket),
    "AWS::S3::BucketPolicy": Kind(
        make_bucket_policy,
        lambda aws, made: aws("s3").delete_bucket_policy(Bucket=made.properties["Bucket"]),
        put_bucket_policy,
    ),
    "AWS::SNS::Subscription": Kind(
        make_subscription, lambda aws, made: aws("sns").unsubscribe(SubscriptionArn=made.ref)
    ),
    "AWS::SNS::Topic": Kind(make_topic, lambda aws, made: aws("sns").delete_topic(TopicArn=made.ref)),
    "AWS::SQS::Queue": Kind(make_queue, lambda aws, made: aws("sqs").delete_queue(QueueUrl=made.ref)),
    "AWS::SQS::QueuePolicy": put(put_queue_policy, goes_with_its_owner),
}
