"""`chartlake backfill` against the deployed handlers over real HTTP: signed, waited for, and told as `extract` tells."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalice.test import Client
from click.testing import CliRunner, Result

from chalicelib.cli import main
from chalicelib.cli.deployed_api import Remote
from chalicelib.errors import ApiRefused, ApiUnavailable, BadSetting, OutOfTime
from chalicelib.handlers import http, worker
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.time_and_chance import World
from simulator import TOP_50, Fault, Simulator

from .conftest import Clock
from .test_app import LAKE, deployed, simulator
from .test_runs import Lambda, aws_lambda

__all__ = ["aws_lambda", "deployed", "simulator"]  # fixtures


class Api(ThreadingHTTPServer):
    """API Gateway's part: HTTP in, the handlers' answers out. Looked at often enough, the worker function runs."""

    daemon_threads = True

    def __init__(self, worker: Lambda) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.worker = worker
        self.url = f"http://127.0.0.1:{self.server_port}/api"
        self.heard: list[tuple[str, str, dict[str, str], bytes]] = []
        self.seconds = 29.0
        self.looks_until_work = 2
        self.faults: list[Any] = []

    def answer(self, method: str, path: str, body: bytes) -> http.Answer:
        if method == "POST":
            return http.backfill(body, lambda: int(self.seconds * 1000))
        looks = sum(one[0] == "GET" for one in self.heard)
        if self.worker.calls and looks >= self.looks_until_work:
            worker.extract(json.loads(self.worker.calls.pop()["Payload"]), lambda: 900_000)
        return http.run(path.rsplit("/", 1)[-1])


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.heard.append((self.command, self.path, dict(self.headers), body))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if fault == "hang up":
            self.connection.close()
            return
        if fault == "answer lost":
            self.server.answer(self.command, self.path, body)
            self.connection.close()
            return
        answer = fault or self.server.answer(self.command, self.path, body)
        data = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def api(deployed: Client, aws_lambda: Lambda) -> Iterator[Api]:
    server = Api(aws_lambda)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def command(api: Api, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["backfill", "--url", api.url, *arguments])


# What a person sees.


def test_it_tells_what_extract_tells(api: Api, simulator: Simulator) -> None:
    found = command(api, f"https://open.spotify.com/playlist/{TOP_50}?si=x")
    assert (found.exit_code, "50 entries, ok" in found.output) == (0, True)
    assert "already there" in command(api, TOP_50).output
    assert "already there" not in command(api, TOP_50, "--again").output
    told = json.loads(command(api, "--json").stdout)
    assert (told["state"], told["complete"], len(told["snapshots"])) == ("done", True, 2)


@pytest.mark.parametrize(
    ("faults", "arguments", "code", "words"),
    [
        ([], [TOP_50, "0" * 22], 3, "Resource not found"),
        ([], ["0" * 22], 1, "Check the link"),
        ([], ["nonsense"], 2, "'nonsense'"),
        ([], ["--from", "2026-11-01"], 2, "'from' means nothing"),
        ([Fault.premium_required(on="playlist", times=None)], [], 1, "Premium"),
    ],
)
def test_exit_codes_and_words_are_those_of_extract(
    api: Api, simulator: Simulator, faults: list[Fault], arguments: list[str], code: int, words: str
) -> None:
    for fault in faults:
        simulator.faults.add(fault)
    found = command(api, *arguments)
    assert (found.exit_code, words in found.output) == (code, True), found.output


def test_a_replay_tells_what_replay_tells(api: Api, simulator: Simulator) -> None:
    command(api)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert "2 raw captures read: every day is as it was." in command(api, "--mode", "replay").output
    store = open_store(LAKE, World())
    for key in list(store.list("tables/")):
        store.delete(key)
    found = command(api, TOP_50, "--mode", "replay", "--from", today, "--to", today)
    assert found.output.splitlines() == [f"{TOP_50} {today}", "1 raw capture read: 1 day changed."]


def test_the_same_key_looks_at_the_same_run(api: Api, simulator: Simulator) -> None:
    first = json.loads(command(api, TOP_50, "--again", "--key", "monday", "--json").stdout)
    assert json.loads(command(api, TOP_50, "--again", "--key", "monday", "--json").stdout) == first
    refused = command(api, TOP_50, "--key", "monday")
    assert (refused.exit_code, "another key" in refused.output) == (2, True)


# Waiting.


def test_a_run_that_is_handed_over_is_waited_for(api: Api, simulator: Simulator, clock: Clock) -> None:
    api.seconds = 6
    seen: list[tuple[int, int]] = []
    told = Remote(api.url, clock.world()).backfill(
        {"key": "x"}, seconds=60, progress=lambda done, total: seen.append((done, total))
    )
    assert (told["state"], told["published"]) == ("done", 2)
    assert seen == [(0, 2), (0, 2)]
    assert [(one[0], one[1][:10]) for one in api.heard] == [("POST", "/api/backf"), *[("GET", "/api/runs/")] * 2]


def test_waiting_has_an_end_and_says_how_to_look_again(api: Api, simulator: Simulator, clock: Clock) -> None:
    api.seconds, api.looks_until_work = 6, 1000
    with pytest.raises(OutOfTime) as caught:
        Remote(api.url, clock.world()).backfill({"key": "7f3c"}, seconds=60)
    assert "--key 7f3c" in caught.value.advice
    assert 60 <= clock.monotonic() < 75


# Trouble on the way.


def test_a_request_whose_answer_got_lost_is_carried_out_once(api: Api, simulator: Simulator, clock: Clock) -> None:
    api.faults = ["hang up", "answer lost", http.Answer(504, {"message": "Endpoint request timed out"})]
    told = Remote(api.url, clock.world()).backfill({"key": "x", "playlists": [TOP_50], "again": True}, seconds=60)
    assert told["state"] == "done"
    assert len({one[3] for one in api.heard}) == 1
    assert len(list(open_store(LAKE, World()).list(keys.RAW))) == 1


def test_an_api_that_stays_away_is_told(clock: Clock, aws: str) -> None:
    with pytest.raises(ApiUnavailable, match="could not be asked"):
        Remote("http://127.0.0.1:9", clock.world()).backfill({"key": "x"}, seconds=60)
    assert 3 < len(clock.slept) + 1 < 7


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, {"Message": "User: x is not authorized to perform: execute-api:Invoke"}, ApiRefused, "not authorized"),
        (403, {"message": "Missing Authentication Token"}, ApiRefused, "Missing Authentication Token"),
        (404, {"message": "Not Found"}, ApiRefused, "Not Found"),
        (413, {"error": "BadSetting", "message": "The body is long.", "advice": "Name fewer."}, BadSetting, "long"),
    ],
)
def test_refusals_are_told_at_once(
    api: Api, clock: Clock, status: int, body: dict[str, Any], kind: type[Exception], words: str
) -> None:
    api.faults = [http.Answer(status, body)]
    with pytest.raises(kind, match=words):
        Remote(api.url, clock.world()).backfill({"key": "x"}, seconds=60)
    assert clock.slept == []


def test_a_lake_that_cannot_be_used_is_told(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", "s3://no-such-bucket-here/lake")
    found = command(api)
    assert (found.exit_code, "Create the bucket" in found.output) == (1, True)


@pytest.mark.parametrize("url", ["abc", "ftp://x/api", "https://x/api?y=1"])
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    found = CliRunner().invoke(main, ["backfill", "--url", url])
    assert (found.exit_code, "--url" in found.output) == (2, True)


# The signature.


def test_every_request_is_signed_as_aws_wants_it(api: Api, simulator: Simulator, clock: Clock) -> None:
    api.seconds = 6
    Remote(api.url, clock.world()).backfill({"key": "x"}, seconds=60)
    for method, path, headers, body in api.heard:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=testing/(\d{8})/eu-west-1/execute-api/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            headers["Authorization"],
        )
        assert found
        assert {"host", "content-type", "x-amz-date"} <= set(found[2].split(";"))
        # What API Gateway does: the same over what arrived.
        signer = SigV4Auth(Credentials("testing", "testing"), "execute-api", "eu-west-1")
        signed = {name: headers[name] for name in headers if name.lower() in found[2].split(";")}
        request = AWSRequest(method, f"http://{headers['Host']}{path}", headers=signed, data=body)
        request.context["timestamp"] = headers["X-Amz-Date"]
        text = signer.string_to_sign(request, signer.canonical_request(request))
        assert signer.signature(text, request) == found[3]


def test_the_region_is_that_of_the_address(monkeypatch: pytest.MonkeyPatch, aws: str) -> None:
    headers = Remote("https://abc.execute-api.ap-southeast-2.amazonaws.com/api", World())._signed("GET", "/runs/x", b"")
    assert "/ap-southeast-2/execute-api/aws4_request" in headers["Authorization"]


def test_without_credentials_only_this_machine_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    boto3.setup_default_session()
    assert "Authorization" not in Remote("http://127.0.0.1:8000", World())._signed("GET", "/runs/x", b"")
    with pytest.raises(ApiRefused) as caught:
        Remote("https://abc.execute-api.eu-west-1.amazonaws.com/api", World()).backfill({"key": "x"}, seconds=1)
    assert "aws sso login" in caught.value.advice
