"""A person's view of the simulated AWS of tests/cloud.py: starting it, asking it, and the events that it sends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import requests

ROOT = Path(__file__).parents[1]


SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-23T06:15:00Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:events:eu-west-1:123456789012:rule/chartlake-prod-DailyDailyEvent-1"],
    "detail": {},
}


def http_event(
    method: str,
    resource: str,
    body: str | None = None,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A request as API Gateway's Lambda proxy integration sends it; `path` and `query` are its parameters."""
    asked = resource.format(**path or {})
    return {
        "resource": resource,
        "path": asked,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", "Host": "abc.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": path,
        "stageVariables": None,
        "requestContext": {"resourcePath": resource, "httpMethod": method, "path": f"/api{asked}", "stage": "api"},
        "body": body,
        "isBase64Encoded": False,
    }


class Aws:
    """An account of the simulated AWS."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.variables = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def client(self, service: str, keys: dict[str, str] | None = None) -> Any:
        """A client with a person's keys, or with those of a role, which is then held to its policies."""
        keys = self.variables | (keys or {})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
        )

    def keys_of(self, role: str) -> dict[str, str]:
        """Keys as Lambda gives them to a function of that role."""
        found = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    def objects(self, bucket: str) -> list[str]:
        """The keys in a bucket."""
        return [one["Key"] for one in self.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]

    def forget(self) -> None:
        """Make it an empty account again."""
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()


@contextmanager
def simulated(folder: Path, **variables: str) -> Iterator[Aws]:
    """The simulated AWS in its own process; `variables` are its functions' way to Spotify."""
    command = [sys.executable, "-m", "tests.cloud", str(folder)]
    with (folder / "aws.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            assert address, (folder / "aws.log").read_text()
            yield Aws(address)
        finally:
            process.kill()
            process.communicate()
