"""What Athena finds ready: a workgroup that cannot surprise, the views and some questions as saved queries.

A view cannot be made by CloudFormation as SQL; a person runs the saved queries once, in the order of their numbers.
https://docs.aws.amazon.com/athena/latest/ug/saved-queries.html
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from chalicelib.analysis.views import VIEWS, view_sql
from chalicelib.cli.view_dialects import create_statements

QUESTIONS = sorted((Path(__file__).parent / "questions").glob("*.sql"))
# At 5 USD a TB no query can cost more than five cents.
_MOST_BYTES_A_QUERY = 10 * 10**9


def athena_resources() -> dict[str, Any]:
    """The resources by their logical ids; they refer to `Lake`, `Catalog` and the parameter `Stage`."""
    statements = zip(VIEWS, create_statements("athena"), strict=True)
    views = [(f"view {name}", _first_comment(view_sql(name)), sql) for name, sql in statements]
    texts = {path.stem.replace("_", " "): path.read_text("utf-8") for path in QUESTIONS}
    questions = [(title, _first_comment(sql), sql) for title, sql in texts.items()]
    saved = {
        f"SavedQuery{number:02d}": _saved(f"{number:02d} {title}", description, sql)
        for number, (title, description, sql) in enumerate([*views, *questions], start=1)
    }
    return {"Questions": _workgroup()} | saved


def _workgroup() -> dict[str, Any]:
    return {
        "Type": "AWS::Athena::WorkGroup",
        "Properties": {
            "Name": {"Fn::Sub": "chartlake-${Stage}"},
            "Description": "Questions to the lake; results lie in its bucket for a week",
            # Else its own saved queries would keep the stack from being removed.
            "RecursiveDeleteOption": True,
            "WorkGroupConfiguration": {
                "BytesScannedCutoffPerQuery": _MOST_BYTES_A_QUERY,
                "EnforceWorkGroupConfiguration": True,
                "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
                "PublishCloudWatchMetricsEnabled": False,
                "ResultConfiguration": {
                    "OutputLocation": {"Fn::Sub": "s3://${Lake}/athena-results/"},
                    "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
                },
            },
        },
    }


def _saved(title: str, description: str, sql: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {
            "Name": {"Fn::Sub": f"chartlake-${{Stage}} {title}"},
            "Description": description,
            "Database": {"Ref": "Catalog"},
            "QueryString": sql,
            "WorkGroup": {"Ref": "Questions"},
        },
    }


def _first_comment(sql: str) -> str:
    lines = itertools.takewhile(lambda line: line.startswith("-- "), sql.split("\n"))
    return " ".join(line.removeprefix("-- ") for line in lines)
