"""What the stack holds for those who ask in Athena: views and questions as saved queries, and a bound to their cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.views import VIEWS, view_sql
from chalicelib.views.dialects import create_statements

_QUESTIONS = Path(__file__).parent / "questions"
# At 5 USD a TB (https://aws.amazon.com/athena/pricing/) no query costs more than 5 cents.
MOST_BYTES_A_QUERY = 10_000_000_000
_RESULTS = "athena-results/"
_RESULT_DAYS = 7
_LONGEST_DESCRIPTION = 1024


def questions() -> dict[str, str]:
    """SELECTs over the views that every engine takes as they stand, by name; each begins with a comment on it."""
    return {path.stem: path.read_text("utf-8") for path in sorted(_QUESTIONS.glob("*.sql"))}


def with_athena(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with a workgroup, its saved queries, and a rule that ends what they leave in the bucket."""
    complete: dict[str, Any] = json.loads(json.dumps(template))
    resources = complete["Resources"]
    resources["Questions"] = _workgroup()
    for number, (name, sql) in enumerate(zip(VIEWS, create_statements("athena"), strict=True), start=1):
        logical_id = f"View{number:02}{_camel(name)}"
        resources[logical_id] = _saved_query(f"view {number:02} {name}", view_sql(name), sql)
    for name, sql in questions().items():
        resources[f"Question{_camel(name)}"] = _saved_query(name.replace("_", " "), sql, sql)
    resources["Lake"]["Properties"]["LifecycleConfiguration"]["Rules"].append(
        {
            "Id": "AthenaResults",
            "Status": "Enabled",
            "Prefix": _RESULTS,
            "ExpirationInDays": _RESULT_DAYS,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        }
    )
    return complete


def _workgroup() -> dict[str, Any]:
    return {
        "Type": "AWS::Athena::WorkGroup",
        "Properties": {
            "Name": {"Ref": "AWS::StackName"},
            "Description": "Questions to chartlake's tables",
            # Else a stack whose workgroup somebody saved a query in could not be removed.
            "RecursiveDeleteOption": True,
            "WorkGroupConfiguration": {
                "EnforceWorkGroupConfiguration": True,
                "BytesScannedCutoffPerQuery": MOST_BYTES_A_QUERY,
                "PublishCloudWatchMetricsEnabled": False,
                "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
                "ResultConfiguration": {
                    "OutputLocation": {"Fn::Sub": f"s3://${{Lake}}/{_RESULTS}"},
                    "ExpectedBucketOwner": {"Ref": "AWS::AccountId"},
                    "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
                },
            },
        },
    }


def _saved_query(name: str, commented: str, sql: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {
            "Name": name,
            "Description": _first_comment(commented)[:_LONGEST_DESCRIPTION],
            "WorkGroup": {"Ref": "Questions"},
            "Database": {"Ref": "Catalog"},
            "QueryString": sql,
        },
    }


def _first_comment(sql: str) -> str:
    lines = sql.split("\n")
    end = next(number for number, line in enumerate(lines) if not line.startswith("-- "))
    return " ".join(line.removeprefix("-- ") for line in lines[:end])


def _camel(name: str) -> str:
    return name.title().replace("_", "")
