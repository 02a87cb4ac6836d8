"""What `make deploy` asks of AWS: the packaged template, its policies, its alarms, and that the linters are content."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from chalicelib.analysis.views import VIEWS
from chalicelib.handlers import metrics
from chalicelib.handlers.messages import DELIVERIES
from chalicelib.lake.schema import AUDIO_FEATURES, ENTRIES, SNAPSHOTS
from chalicelib.settings import Settings
from deploy.athena import QUESTIONS
from deploy.package import CannotPackage, Package, build, lint

ROOT = Path(__file__).parents[1]
FUNCTIONS = {"APIHandler": "api", "Daily": "daily", "Extract": "extract", "Upload": "upload"}
HIVE = {
    "DATE": "date",
    "VARCHAR": "string",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "DOUBLE": "double",
    "STRUCT(id VARCHAR, name VARCHAR)[]": "array<struct<id:string,name:string>>",
}


@pytest.fixture(scope="module")
def template(arm64: Package) -> dict[str, Any]:
    return arm64.template


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def test_the_linters_find_nothing(template: dict[str, Any], tmp_path: Path) -> None:
    lint(template, tmp_path)


def test_a_fault_in_the_template_is_shown(template: dict[str, Any], tmp_path: Path) -> None:
    broken = template | {"Outputs": {"Lake": {"Value": {"Ref": "NoSuchThing"}}}}
    with pytest.raises(CannotPackage, match="NoSuchThing"):
        lint(broken, tmp_path)


def test_the_bucket_is_private_encrypted_versioned_and_outlives_the_stack(resources: dict[str, Any]) -> None:
    lake = resources["Lake"]
    assert (lake["DeletionPolicy"], lake["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = lake["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    aborted, results, earlier, raw, runs, links = properties["LifecycleConfiguration"]["Rules"]
    assert (results["Prefix"], results["ExpirationInDays"]) == ("athena-results/", 7)
    assert aborted["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert earlier["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert raw["Fn::If"][0] == "RawExpires"
    assert raw["Fn::If"][1]["Prefix"] == "chartlake/raw/"
    assert (runs["Prefix"], runs["ExpirationInDays"]) == ("chartlake/state/runs/", 30)
    assert (links["Prefix"], links["ExpirationInDays"]) == ("chartlake/site/shared/", 1)
    (statement,) = resources["LakeOnlyOverTls"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    # As long as the data stays.
    assert resources["LakeOnlyOverTls"]["DeletionPolicy"] == "Retain"


def statements(resources: dict[str, Any], role: str) -> list[dict[str, Any]]:
    (policy,) = resources[role]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


@pytest.mark.parametrize("role", ["ApiHandlerRole", "DailyRole", "ExtractRole", "UploadRole"])
def test_each_function_may_do_what_is_enumerated_and_nothing_is_deleted(resources: dict[str, Any], role: str) -> None:
    actions = [action for one in statements(resources, role) for action in one["Action"]]
    allowed = {
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    credentials = {"ssm:GetParameter", "ssm:PutParameter"}
    telling = {"sns:Publish", "events:PutEvents"}
    more = {
        "ApiHandlerRole": credentials | {"lambda:InvokeFunction"},
        "DailyRole": credentials | telling | {"sqs:SendMessage"},
        "ExtractRole": credentials | telling | {"sqs:SendMessage", "lambda:InvokeFunction"},
        "UploadRole": {"sqs:SendMessage"},
    }
    assert set(actions) == allowed | more[role]
    assert "*" not in [one["Resource"] for one in statements(resources, role)]
    listing = next(one for one in statements(resources, role) if one["Action"] == ["s3:ListBucket"])
    # With plain StringLike S3 would answer 403 for every missing object: a GetObject carries no s3:prefix.
    assert listing["Condition"]["StringLikeIfExists"] == {"s3:prefix": "chartlake/*"}
    # A bucket's name alone does not tell whose it is.
    own = {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
    on_lake = [one for one in statements(resources, role) if any(action.startswith("s3:") for action in one["Action"])]
    assert [one["Condition"]["StringEquals"] for one in on_lake] == [own] * 3


@pytest.mark.parametrize("function", ["api", "daily", "extract", "upload"])
def test_a_first_try_reaches_nothing_of_the_real_deployment(function: str) -> None:
    document = json.loads((ROOT / ".chalice" / f"policy-{function}.json").read_text())
    of_prod = [
        "arn:aws:ssm:eu-west-1:123456789012:parameter/chartlake/prod/spotify",
        "arn:aws:lambda:eu-west-1:123456789012:function:chartlake-prod-extract",
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/chartlake-prod-daily",
    ]
    for one in document["Statement"]:
        named = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        assert [arn for arn in of_prod for pattern in named if fnmatchcase(arn, pattern)] == []
        if one["Sid"] != "WriteLogs":
            assert one["Condition"]["StringEquals"] == {"aws:ResourceAccount": "${aws:PrincipalAccount}"}


@pytest.mark.parametrize("function", ["api", "daily", "extract", "upload"])
def test_both_stages_open_the_same_part_of_the_lake(function: str) -> None:
    opened = []
    for ending in ("", "-prod"):
        document = json.loads((ROOT / ".chalice" / f"policy-{function}{ending}.json").read_text())
        on_lake = [one for one in document["Statement"] if any(action.startswith("s3:") for action in one["Action"])]
        text = json.dumps([(one["Action"], one["Resource"], one.get("Condition")) for one in on_lake])
        opened.append(re.findall(r"s3:[A-Z]\w+|/chartlake/\w+/\*|chartlake/\*", text))
    assert opened[0] == opened[1]
    assert {"/chartlake/tables/*", "s3:PutObject"} <= set(opened[0])


def test_each_function_writes_json_into_its_own_group_that_forgets_after_30_days(resources: dict[str, Any]) -> None:
    groups = set()
    for function, name in FUNCTIONS.items():
        logging = resources[function]["Properties"]["LoggingConfig"]
        assert (logging["LogFormat"], logging["ApplicationLogLevel"]) == ("JSON", "INFO")
        groups.add(logging["LogGroup"]["Ref"])
        assert resources[logging["LogGroup"]["Ref"]]["Properties"]["RetentionInDays"] == 30
        role = resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        logs = next(one for one in statements(resources, role) if one["Sid"] == "WriteLogs")
        assert logs["Resource"]["Fn::Sub"].endswith(f"/aws/lambda/${{AWS::StackName}}-{name}:*")
    assert len(groups) == 4


def test_the_functions_know_the_bucket_and_one_another(resources: dict[str, Any]) -> None:
    for function, name in FUNCTIONS.items():
        properties = resources[function]["Properties"]
        variables = properties["Environment"]["Variables"]
        assert properties["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
        assert properties["Architectures"] == ["arm64"]
        assert variables["CHARTLAKE_LAKE"] == {"Fn::Sub": "s3://${Lake}/chartlake"}
        # An upload asks nothing of Spotify.
        assert variables.get("CHARTLAKE_SECRET") == (None if name == "upload" else {"Ref": "SecretName"})
    worker = {"Fn::Sub": "${AWS::StackName}-extract"}
    assert resources["APIHandler"]["Properties"]["Environment"]["Variables"]["CHARTLAKE_WORKER"] == worker
    assert resources["Extract"]["Properties"]["FunctionName"] == worker


@pytest.mark.parametrize("role", ["DailyRole", "ExtractRole"])
def test_what_is_watched_is_told_to_the_stacks_own_topic_and_bus_only(resources: dict[str, Any], role: str) -> None:
    allowed = {one["Sid"]: one["Resource"] for one in statements(resources, role)}
    assert allowed["TellByMail"] == {"Ref": "Mail"}
    assert allowed["TellTheBus"] == {"Fn::GetAtt": ["Bus", "Arn"]}
    variables = resources[role.removesuffix("Role")]["Properties"]["Environment"]["Variables"]
    assert (variables["CHARTLAKE_TOPIC"], variables["CHARTLAKE_BUS"]) == ({"Ref": "Mail"}, {"Ref": "Bus"})


def test_what_fails_for_good_ends_in_a_queue_that_may_be_written(resources: dict[str, Any]) -> None:
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    for function in ("Daily", "Extract", "Upload"):
        invocation = resources[function]["Properties"]["EventInvokeConfig"]
        assert invocation["DestinationConfig"]["OnFailure"]["Destination"] == queue
        assert (invocation["MaximumRetryAttempts"], invocation["MaximumEventAgeInSeconds"]) == (2, 21_600)
        sending = [one for one in statements(resources, f"{function}Role") if one["Action"] == ["sqs:SendMessage"]]
        assert [one["Resource"] for one in sending] == [queue]
    schedule = resources["Daily"]["Properties"]["Events"]["DailyEvent"]["Properties"]
    assert (schedule["Schedule"], schedule["DeadLetterConfig"]) == ("rate(1 day)", {"Arn": queue})
    assert schedule["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 21_600}
    (statement,) = resources["DeadLettersFromTheSchedule"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert "aws:SourceArn" in statement["Condition"]["ArnLike"]
    assert resources["DeadLetters"]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400


def test_a_file_dropped_below_imports_starts_the_upload_function_and_nothing_else_does(
    resources: dict[str, Any],
) -> None:
    assert resources["Lake"]["Properties"]["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    (event,) = resources["Upload"]["Properties"]["Events"].values()
    detail = {"bucket": {"name": [{"Ref": "Lake"}]}, "object": {"key": [{"prefix": "chartlake/imports/"}]}}
    assert event["Properties"]["Pattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": detail,
    }
    assert event["Properties"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert event["Properties"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 21_600
    # A third of it for the file, two thirds for its rows.
    assert resources["Upload"]["Properties"]["EphemeralStorage"] == {"Size": 2048}
    # A refused file ends in the queue, whose alarm is one of the ten.
    assert "state/imports/" in resources["DeadLetterWaits"]["Properties"]["AlarmDescription"]


def test_alarms_stay_free_and_each_writes_a_mail_when_it_rings_and_when_it_ends(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    measured = sum(
        len([m for m in one.get("Metrics", [{"MetricStat": 1}]) if "MetricStat" in m]) for one in alarms.values()
    )
    assert measured <= 10
    assert all(one["AlarmActions"] == one["OKActions"] == [{"Ref": "Mail"}] for one in alarms.values())
    assert resources["MailToOperator"]["Properties"]["Endpoint"] == {"Ref": "Email"}
    text = json.dumps(alarms)
    assert "playlist_id" not in text
    assert set(re.findall(r'"Name": "(\w+)"', text)) == {"FunctionName", "QueueName", "stack"}


def custom_metrics(alarms: dict[str, Any]) -> Iterator[str]:
    for one in alarms.values():
        for metric in [one, *(m["MetricStat"]["Metric"] for m in one.get("Metrics", []) if "MetricStat" in m)]:
            if metric.get("Namespace") == "Chartlake":
                yield metric["MetricName"]


def test_alarms_watch_only_what_the_functions_measure(resources: dict[str, Any]) -> None:
    watched = set(custom_metrics(of_type(resources, "AWS::CloudWatch::Alarm")))
    assert watched <= set(metrics.UNITS)
    assert len(metrics.UNITS) <= 5


def test_a_missed_day_rings_although_nothing_is_measured_on_it(resources: dict[str, Any]) -> None:
    alarm = resources["DayMissed"]["Properties"]
    metric, filled = alarm["Metrics"]
    assert (metric["MetricStat"]["Period"], filled["Expression"]) == (3600, "FILL(completed, 0)")
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["TreatMissingData"]) == (26, 26, "breaching")


@pytest.mark.parametrize("alarm", ["DayMissed", "PlaylistsFailed"])
def test_a_mail_about_gaps_says_where_the_page_is(resources: dict[str, Any], alarm: str) -> None:
    text = resources[alarm]["Properties"]["AlarmDescription"]["Fn::Sub"]
    assert "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api/report" in text
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    assert len(text) < 1024


def test_the_end_of_the_sign_in_rings_three_times(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    assert sorted(one["Threshold"] for one in alarms if one.get("MetricName") == "ConsentDaysLeft") == [3, 14, 30]
    # 80 % of the function's own timeout
    timeout = resources["Daily"]["Properties"]["Timeout"]
    assert resources["NearTimeout"]["Properties"]["Threshold"] == timeout * 800


def test_the_bill_is_watched(resources: dict[str, Any]) -> None:
    budget = resources["Budget"]["Properties"]
    zero, monthly = budget["NotificationsWithSubscribers"]["Fn::If"][1:]
    assert [one["Notification"]["Threshold"] for one in (*zero, *monthly)] == [1, 80, 100]


@pytest.mark.parametrize(
    ("name", "schema"), [("entries", ENTRIES), ("snapshots", SNAPSHOTS), ("audio_features", AUDIO_FEATURES)]
)
def test_athena_sees_every_column_without_a_crawler(
    resources: dict[str, Any], name: str, schema: dict[str, str]
) -> None:
    table = resources[f"{name.title().replace('_', '')}Table"]["Properties"]["TableInput"]
    columns = {one["Name"]: one["Type"] for one in table["StorageDescriptor"]["Columns"]}
    assert columns == {column: HIVE[kind] for column, kind in schema.items()}
    assert table["StorageDescriptor"]["Location"] == {"Fn::Sub": f"s3://${{Lake}}/chartlake/tables/{name}/"}
    if name == "audio_features":
        assert table["PartitionKeys"] == []
        return
    assert table["PartitionKeys"] == [{"Name": "year", "Type": "string"}]
    assert table["Parameters"]["projection.year.range"] == "2006,NOW+1YEARS"


def test_athena_finds_the_views_and_some_questions_and_cannot_surprise_the_bill(resources: dict[str, Any]) -> None:
    (group,) = of_type(resources, "AWS::Athena::WorkGroup").values()
    told = group["WorkGroupConfiguration"]
    assert told["EnforceWorkGroupConfiguration"]
    assert told["BytesScannedCutoffPerQuery"] / 1e12 * 5 <= 0.05  # USD, at 5 a TB
    assert told["ResultConfiguration"]["OutputLocation"] == {"Fn::Sub": "s3://${Lake}/athena-results/"}
    assert group["RecursiveDeleteOption"]
    saved = of_type(resources, "AWS::Athena::NamedQuery")
    texts = [saved[name]["QueryString"] for name in sorted(saved)]
    assert [text.split(" AS\n")[0] for text in texts[: len(VIEWS)]] == [f"CREATE OR REPLACE VIEW {v}" for v in VIEWS]
    assert len(texts) == len(VIEWS) + len(QUESTIONS)
    assert len(QUESTIONS) >= 4
    for one in saved.values():
        assert (one["Database"], one["WorkGroup"]) == ({"Ref": "Catalog"}, {"Ref": "Questions"})
        assert 20 < len(one["Description"]) <= 1024
        # https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
        assert len(one["QueryString"].encode()) < 262_144


def test_the_api_is_regional_throttled_and_logged(resources: dict[str, Any]) -> None:
    api = resources["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    limits = {one["ResourcePath"]: one["ThrottlingRateLimit"] for one in api["MethodSettings"]}
    assert limits == {"/*": 5, "/~1health": 1}, "the public route is what a stranger can run up a bill with"
    assert "$context.status" in api["AccessLogSetting"]["Format"]
    # The role for the logs must be there before the stage; the values of a stage's variables have no spaces.
    (waits_for,) = api["Variables"].values()
    assert waits_for["Fn::If"][:2] == ["ApiLogsNeedARole", {"Ref": "ApiAccount"}]
    assert re.fullmatch(r"[A-Za-z0-9._~:/?#&=,-]+", waits_for["Fn::If"][2])
    for path, methods in api["DefinitionBody"]["paths"].items():
        for method_name, facts in methods.items():
            public = (path, method_name) == ("/health", "get")
            assert bool(facts.get("security")) is not public


# With QUEUE=1.


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if sys.version_info < (3, 12):
        pytest.skip("DuckDB has no wheel for Lambda's Python 3.11, so nothing can be packaged with it")
    return build("prod", tmp_path_factory.mktemp("spread"), queue=True).template


def test_without_a_queue_there_is_nothing_of_it(resources: dict[str, Any]) -> None:
    assert not {"ListQueue", "Lists", "ListsRole", "ListsWaitTooLong"} & set(resources)
    assert "CHARTLAKE_QUEUE" not in json.dumps(resources)


def test_the_linters_find_nothing_with_a_queue_either(spread: dict[str, Any], tmp_path: Path) -> None:
    lint(spread, tmp_path)


def test_workers_take_batches_with_partial_failures_and_share_the_pace(spread: dict[str, Any]) -> None:
    function = spread["Resources"]["Lists"]["Properties"]
    (source,) = function["Events"].values()
    told = source["Properties"]
    assert (source["Type"], told["Queue"], told["BatchSize"]) == ("SQS", {"Fn::Sub": "${ListQueue.Arn}"}, 10)
    assert told["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    variables = function["Environment"]["Variables"]
    workers = told["ScalingConfig"]["MaximumConcurrency"]
    assert float(variables["CHARTLAKE_RATE"]) * workers == Settings().rate
    assert variables["CHARTLAKE_PARTIAL_BATCHES"]
    assert variables["CHARTLAKE_QUEUE"] == {"Fn::GetAtt": ["ListQueue", "QueueName"]}
    assert spread["Resources"]["Daily"]["Properties"]["Environment"]["Variables"]["CHARTLAKE_QUEUE"]
    queue = spread["Resources"]["ListQueue"]["Properties"]
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == DELIVERIES
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_workers_may_use_their_queue_and_start_the_run_again_and_nothing_else(spread: dict[str, Any]) -> None:
    resources = spread["Resources"]
    allowed = {one["Sid"]: one for one in statements(resources, "ListsRole")}
    assert allowed["TakeListsOutOfTheQueue"]["Resource"] == {"Fn::GetAtt": ["ListQueue", "Arn"]}
    assert allowed["StartTheRunAgain"]["Resource"]["Fn::Sub"].endswith(":schedule/default/${AWS::StackName}-again")
    assert allowed["LetSchedulerStartIt"]["Resource"] == {"Fn::GetAtt": ["StartAgainRole", "Arn"]}
    actions = {action for one in allowed.values() for action in one["Action"]}
    assert not [action for action in actions if "*" in action or ("Delete" in action and action != "sqs:DeleteMessage")]
    (starting,) = resources["StartAgainRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert starting["Action"] == ["lambda:InvokeFunction"]
    assert starting["Resource"]["Fn::Sub"].endswith(":function:${AWS::StackName}-daily")
    (filling,) = resources["DailyFillsTheQueue"]["Properties"]["PolicyDocument"]["Statement"]
    assert filling["Action"] == ["sqs:SendMessage", "sqs:GetQueueUrl"]
    assert filling["Resource"] == {"Fn::GetAtt": ["ListQueue", "Arn"]}


def test_the_queue_is_watched_within_the_free_ten(spread: dict[str, Any]) -> None:
    resources = spread["Resources"]
    test_alarms_stay_free_and_each_writes_a_mail_when_it_rings_and_when_it_ends(resources)
    age = resources["ListsWaitTooLong"]["Properties"]
    assert (age["MetricName"], age["Dimensions"][0]["Value"]) == (
        "ApproximateAgeOfOldestMessage",
        {"Fn::GetAtt": ["ListQueue", "QueueName"]},
    )
    assert "a list" in resources["DeadLetterWaits"]["Properties"]["AlarmDescription"]
    # The scheduled job only fills the queue: it cannot come near its time limit any more.
    assert "NearTimeout" not in resources


def test_nothing_secret_and_no_placeholder_is_in_the_template(template: dict[str, Any]) -> None:
    text = json.dumps(template)
    assert "YOUR-BUCKET" not in text
    assert not re.search(r"client_secret|refresh_token|SPOTIPY_", text)
