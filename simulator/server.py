"""Serves a simulator over HTTP on this machine only, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from .spotify import Spotify
from .web import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HOST = "127.0.0.1"
_POLL_SECONDS = 0.02


class _Handler(WSGIRequestHandler):
    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin an answer; its Date comes with it, since this machine's is not the simulated one."""
        self.log_request(code)
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())

    # An HTTP/1.1 handler would go on to read the next request from a connection that a fault has closed.
    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """Leave the connection alone."""
        self.close_connection = True


class _QuietHandler(_Handler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: what was asked is in `Simulator.requests`."""


class Server:
    """The address of a running simulator; as a context manager it runs from entry to exit."""

    def __init__(self, spotify: Spotify, port: int, verbose: bool = False) -> None:
        class Handler(_Handler if verbose else _QuietHandler):  # type: ignore[misc]
            def date_time_string(self, timestamp: float | None = None) -> str:
                return str(super().date_time_string(spotify.clock().timestamp()))

        # werkzeug ends the process where a port is taken, so the socket is opened here.
        with socket.create_server((HOST, port), backlog=128) as listener:
            self.port: int = listener.getsockname()[1]
            self._server = make_server(
                HOST,
                self.port,
                create_app(spotify),
                threaded=True,
                request_handler=Handler,
                fd=listener.fileno(),
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="simulator", daemon=True
        )

    @property
    def accounts_url(self) -> str:
        """The base of the token endpoint, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        """The base of the Web API, without a trailing slash."""
        return f"{self.accounts_url}/v1"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
