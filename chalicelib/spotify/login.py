"""A person's sign-in, through their browser and a page on this machine that waits for its answer."""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from ..errors import BadSetting, ChartlakeError, SignInFailed
from ..time_and_chance import World
from .consent import SCOPES, SignIn
from .tokens import Credentials

HOST, PATH = "127.0.0.1", "/callback"
DEFAULT_PORT = 8731
DEFAULT_SECONDS = 300.0

_PAGE = (
    "<!doctype html><meta charset=utf-8><title>chartlake</title>"
    '<body style="font: 1.2em sans-serif; margin: 4em"><h1>{title}</h1><p>{words}</p>'
)


def redirect_uri(port: int) -> str:
    """What has to be registered with the Spotify app; Spotify accepts `localhost` no longer."""
    return f"http://{HOST}:{port}{PATH}"


def sign_in_by_browser(
    accounts_url: str,
    app: Credentials,
    world: World,
    show: Callable[[str], None],
    *,
    port: int = DEFAULT_PORT,
    seconds: float = DEFAULT_SECONDS,
    scopes: str = SCOPES,
) -> Credentials:
    """Wait on 127.0.0.1 until Spotify sends the person back; `show` gets the address to open.

    Port 0 takes any free one. Raises `SignInFailed` (denied, nothing within `seconds`), `BadSetting`
    (port in use), or what the token endpoint's refusal stands for.
    """
    with _waiting(port, world) as server:
        server.sign_in = SignIn.begin(accounts_url, app, redirect_uri(server.server_port), world, scopes)
        show(server.sign_in.address)
        try:
            found = server.outcomes.get(timeout=seconds)
        except queue.Empty:
            raise SignInFailed(
                f"Nobody came back from Spotify within {seconds:g} s.",
                advice=(
                    "If Spotify's page showed INVALID_CLIENT, the client id is wrong, or "
                    f"{redirect_uri(server.server_port)} is not among the app's redirect URIs on "
                    "developer.spotify.com/dashboard. On a machine without a browser use --paste."
                ),
            ) from None
    if isinstance(found, ChartlakeError):
        raise found
    return found


def sign_in_by_paste(
    accounts_url: str,
    app: Credentials,
    world: World,
    ask: Callable[[str], str],
    *,
    port: int = DEFAULT_PORT,
    scopes: str = SCOPES,
) -> Credentials:
    """`ask` gets the address to open on another machine, and gives the one that the browser ended at.

    Raises as `sign_in_by_browser` does.
    """
    sign_in = SignIn.begin(accounts_url, app, redirect_uri(port), world, scopes)
    return sign_in.finish(ask(sign_in.address), world)


class _Server(ThreadingHTTPServer):
    """Takes the first answer to its own sign-in; threads, since browsers also open connections on which they say
    nothing."""

    daemon_threads = True

    def __init__(self, port: int, world: World) -> None:
        super().__init__((HOST, port), _Handler)
        self.outcomes: queue.Queue[Credentials | ChartlakeError] = queue.Queue()
        self.sign_in: SignIn | None = None
        self._world = world
        self._first = threading.Lock()

    def finish(self, path: str) -> Credentials | ChartlakeError | None:
        """What an answer brings; None where it is none to this sign-in, or not the first."""
        if urlsplit(path).path != PATH or self.sign_in is None or not self.sign_in.is_answered_by(path):
            return None
        if not self._first.acquire(blocking=False):
            return None
        try:
            return self.sign_in.finish(path, self._world)
        except ChartlakeError as error:
            return error


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0

    def do_GET(self) -> None:
        outcome = self.server.finish(self.path)
        try:
            self._show(outcome)
        finally:
            # Only now: the process ends with it, and would take the page along.
            if outcome is not None:
                self.server.outcomes.put(outcome)

    def _show(self, outcome: Credentials | ChartlakeError | None) -> None:
        status, title, words = HTTPStatus.OK, "You are signed in", "All done. You can close this page."
        if outcome is None:
            status, title = HTTPStatus.NOT_FOUND, "Nothing here"
            words = "This is no answer to the sign-in that waits. Go back to the terminal, and use its address."
        elif isinstance(outcome, ChartlakeError):
            status, title, words = HTTPStatus.BAD_REQUEST, "Not signed in", f"{outcome.message} {outcome.advice}"
        body = _PAGE.format(title=escape(title), words=escape(words)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the request's line holds the code."""


@contextmanager
def _waiting(port: int, world: World) -> Iterator[_Server]:
    try:
        server = _Server(port, world)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise BadSetting(
            f"Port {port} of {HOST} " + ("is in use." if taken else f"cannot be used: {error.strerror}."),
            advice="Choose another with --port, and register that redirect URI with the Spotify app too.",
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="login", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
