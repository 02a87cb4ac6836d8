"""An upstream that sends back what it was sent: no secret of it reaches the terminal, the tables, state or raw."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest

from chalicelib.errors import ChartlakeError
from chalicelib.lake.lake import Lake
from chalicelib.settings import Settings
from chalicelib.snapshots.pipeline import open_pipeline
from chalicelib.spotify.consent import SignIn
from chalicelib.spotify.secrecy import Secrets
from chalicelib.spotify.tokens import Credentials

from .conftest import Clock

ROOT = Path(__file__).parents[1]
PLAYLIST = "5" * 22
CLIENT_ID = "c" * 32
# A real one has no slash; others write one as \/ in JSON.
CLIENT_SECRET = "canary/secret/0123456789abcdef"
REFRESH_TOKEN = "canary-refresh-token-0123456789"
ACCESS_TOKEN = "BQcanary-access-token-0123456789"
CODE = "canary-code-0123456789"
BASIC = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
FORBIDDEN = [CLIENT_SECRET, CLIENT_SECRET.replace("/", r"\/"), REFRESH_TOKEN, ACCESS_TOKEN, CODE, BASIC]
FORBIDDEN += [base64.b64encode(one.encode()).decode().rstrip("=") for one in FORBIDDEN[:5]]

Reply = tuple[int, dict[str, str], Any]


class Echo(BaseHTTPRequestHandler):
    """Gives tokens, unless `refuse_token` says what else; and answers everything with what `reply` makes of it."""

    server: EchoServer

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        told = [self.headers.get("Authorization", ""), *(value for values in sent.values() for value in values)]
        granted = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}
        self._send(self.server.refuse_token(told) if self.server.refuse_token else (200, {}, granted))

    def do_GET(self) -> None:
        self._send(self.server.reply([self.headers["Authorization"]]))

    def _send(self, reply: Reply) -> None:
        status, headers, document = reply
        body = json.dumps(document).replace("canary/secret/", r"canary\/secret\/").encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class EchoServer(ThreadingHTTPServer):
    reply: Callable[[list[str]], Reply]
    refuse_token: Callable[[list[str]], Reply] | None = None


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    server = EchoServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def everything(told: list[str]) -> str:
    """All that is known of the credentials, as it came and as base64."""
    words = [*told, CLIENT_SECRET, REFRESH_TOKEN]
    return " ".join([*words, *(base64.b64encode(one.encode()).decode() for one in words)])


def text_of(lake: Lake) -> str:
    """All that stands in the lake, unpacked."""
    seen = repr([lake.snapshots(*one) for one in lake.held()])
    for key in lake.store.list(""):
        data = lake.store.get(key).data  # type: ignore[union-attr]
        seen += data.decode("latin-1") + (gzip.decompress(data).decode() if key.endswith(".gz") else "")
    return seen


def shown(text: str) -> list[str]:
    return [one for one in FORBIDDEN if one in text]


def settings(echo: EchoServer, **more: Any) -> Settings:
    url = f"http://127.0.0.1:{echo.server_port}"
    told = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    return Settings(**told | {"api_url": f"{url}/v1", "accounts_url": url} | more)


@pytest.mark.parametrize(
    ("reply", "where"),
    [
        (lambda told: (403, {}, {"error": {"status": 403, "message": everything(told)}}), "tables/snapshots/"),
        (lambda told: (429, {"Retry-After": "90000"}, {"error": {"message": everything(told)}}), "state/not_before"),
        (lambda told: (200, {"ETag": everything(told)}, [everything(told)]), "raw/"),
        (lambda told: (200, {}, {"id": PLAYLIST, "name": everything(told)}), "raw/"),
        (lambda told: (500, {}, everything(told)), "tables/snapshots/"),
    ],
)
def test_what_spotify_echoes_is_kept_and_told_without_the_secrets(
    echo: EchoServer, lake: Lake, clock: Clock, caplog: pytest.LogCaptureFixture, reply: Any, where: str
) -> None:
    caplog.set_level(logging.DEBUG)
    echo.reply = reply
    run = open_pipeline(settings(echo), clock.world(), lake).extract([PLAYLIST])
    kept = text_of(lake)
    assert any(key.startswith(where) for key in lake.store.list(""))
    assert "[secret]" in kept
    assert shown(kept + repr(run) + json.dumps(run.to_json()) + caplog.text) == []


def test_what_the_token_endpoint_echoes_is_told_without_the_secrets(
    echo: EchoServer, lake: Lake, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    echo.refuse_token = lambda told: (400, {}, {"error": "invalid_client", "error_description": everything(told)[:180]})
    run = open_pipeline(settings(echo), clock.world(), lake).extract([PLAYLIST])
    assert "[secret]" in str(run.stopped)
    assert shown(text_of(lake) + str(run.stopped) + json.dumps(run.to_json()) + caplog.text) == []


@pytest.mark.parametrize("secret", [CLIENT_SECRET, ""])
def test_what_a_sign_in_is_answered_is_told_without_the_secrets(echo: EchoServer, clock: Clock, secret: str) -> None:
    echo.refuse_token = lambda told: (400, {}, {"error": "invalid_grant", "error_description": " ".join(told)})
    url = settings(echo).accounts_url
    sign_in = SignIn.begin(url, Credentials(CLIENT_ID, secret), "http://127.0.0.1/callback", clock.world())
    with pytest.raises(ChartlakeError) as caught:
        sign_in.finish(f"/callback?code={CODE}&state={sign_in.state}", clock.world())
    assert "[secret]" in caught.value.message
    assert shown(caught.value.message) == []
    assert not sign_in.verifier or sign_in.verifier not in caught.value.message


def test_an_answer_without_a_secret_stays_byte_for_byte() -> None:
    secrets = Secrets()
    secrets.know("", "short", "0123456789abcdef")
    body = b'{"name": "a short song", "\xff": "012345678"}'
    assert secrets.removed_from(body) is body


def test_the_longer_of_two_secrets_goes_as_a_whole() -> None:
    secrets = Secrets()
    secrets.know("0123456789", "0123456789abcdef")
    assert secrets.removed_from(b"0123456789abcdef and 0123456789") == b"[secret] and [secret]"


def test_at_debug_with_a_lake_in_a_folder_neither_the_parameter_nor_the_session_is_logged(
    echo: EchoServer, aws: str, tmp_path: Path
) -> None:
    echo.reply = lambda told: (404, {}, {"error": {"status": 404, "message": "none"}})
    told = settings(echo)
    name = f"/chartlake/{uuid.uuid4().hex}"
    value = json.dumps({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN})
    boto3.client("ssm").put_parameter(Name=name, Type="SecureString", Value=value)
    code = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from chalicelib import cli
cli.main(["-v", "extract", sys.argv[1]])
"""
    environment = {one: text for one, text in os.environ.items() if not one.startswith(("SPOTI", "CHARTLAKE"))} | {
        "CHARTLAKE_LAKE": str(tmp_path / "lake"),
        "CHARTLAKE_SECRET": name,
        "SPOTIFY_API_URL": told.api_url,
        "SPOTIFY_ACCOUNTS_URL": told.accounts_url,
        "AWS_SESSION_TOKEN": "canary-session-token",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", code, PLAYLIST]
    found = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "404" in found.stdout + found.stderr
    assert "DEBUG:" in found.stderr
    assert shown(found.stdout + found.stderr) == []
    assert "canary-session-token" not in found.stderr
