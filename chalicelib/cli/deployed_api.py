"""A deployed chartlake, asked over HTTP: requests that AWS can tell the sender of, and runs that are waited for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from ..errors import ApiRefused, ApiUnavailable, BadSetting, ChartlakeError, OutOfTime
from ..time_and_chance import World

_API_HOST = re.compile(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")
_LOCAL = ("127.0.0.1", "localhost", "::1")
# Seconds to connect, and to answer: API Gateway gives up after 29.
_TIMEOUT = (10, 35)
_TRIES = 5
# Seconds between two looks at a run, at first and at last.
_SOON, _LATE = 1.0, 10.0


def _aws_session() -> boto3.Session:
    """This person's AWS. Raises `BadSetting` for an AWS_PROFILE that is not there."""
    try:
        return boto3.Session()
    except BotoCoreError as error:
        raise BadSetting(f"AWS: {error}.", advice="Correct AWS_PROFILE, or sign in: `aws configure`.") from None


class Remote:
    """The API at one address, such as https://….execute-api.eu-west-1.amazonaws.com/api."""

    def __init__(self, url: str, world: World) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise BadSetting(f"--url: {url!r} is no web address.", advice="`make deploy` prints the URL of the API.")
        self._url = url.rstrip("/")
        self._host = parts.hostname
        self._world = world
        self._session = _aws_session()
        self._http = requests.Session()

    def backfill(
        self,
        fields: Mapping[str, Any],
        *,
        seconds: float,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> dict[str, Any]:
        """Send a request (with its `key`, so that it can be sent again) and wait until its run has ended; gives what
        the API tells of it, done or failed. Raises `OutOfTime` after `seconds`, and the API's refusals."""
        until, pause = self._world.monotonic() + seconds, _SOON
        told = self._ask("POST", "/backfill", fields)
        while told["state"] in ("queued", "running"):
            progress(told["done"], told["total"])
            if self._world.monotonic() >= until:
                raise OutOfTime(
                    f"Run {told['run_id']} is still {told['state']} after {seconds:.0f} s.",
                    advice=f"It goes on by itself. Look again by the same command with --key {fields['key']}.",
                )
            self._world.sleep(pause)
            pause = min(2 * pause, _LATE)
            told = self._ask("GET", f"/runs/{told['run_id']}")
        return told

    def _ask(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A run as the API tells it. What passes is tried again: a request with a key is carried out once."""
        body = json.dumps(fields).encode() if fields is not None else b""
        for attempt in range(_TRIES):
            if attempt:
                self._world.sleep(self._world.random.uniform(0.5, 1) * 2**attempt)
            try:
                answer = self._http.request(
                    method,
                    self._url + path,
                    data=body,
                    headers=self._signed(method, path, body),
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                trouble = str(error)
                continue
            told = _json(answer)
            if "state" in told:
                return told
            if answer.status_code < 500 and answer.status_code != 429:
                raise _refusal(answer.status_code, told, self._url)
            if "error" in told:
                raise ChartlakeError(told["message"], advice=told["advice"])
            trouble = f"it answered {answer.status_code}"
        raise ApiUnavailable(f"{self._url} could not be asked: {trouble}.")

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """The headers of a request, with AWS's signature (version 4) for API Gateway."""
        headers = {"Content-Type": "application/json"}
        credentials = self._session.get_credentials()
        if credentials is None:
            if self._host in _LOCAL:
                return headers
            raise ApiRefused("There are no AWS credentials to sign the request with.", advice=_SIGN_IN)
        request = AWSRequest(method, self._url + path, headers=headers, data=body)
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self._region()).add_auth(request)
        return dict(request.headers.items())

    def _region(self) -> str:
        found = _API_HOST.search(self._host)
        return found[1] if found else self._session.region_name or "us-east-1"


_SIGN_IN = "Sign in: `aws configure` or `aws sso login`, or set AWS_PROFILE."


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, told: Mapping[str, Any], url: str) -> ChartlakeError:
    words = str(told.get("message") or told.get("Message") or f"status {status}")
    if "advice" in told:
        return BadSetting(words, advice=str(told["advice"]))
    return ApiRefused(f"{url} refuses the request: {words}")
