"""Makes the faults happen to requests on their way in and to answers on their way out."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from .faults import Fault
from .playlists import LIKED, Edit
from .spotify import Spotify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DROP = "simulator.drop"
_PAGE = "<!doctype html><title>502 (simulated)</title><h1>502 Bad Gateway</h1><p>Please try again in 30 seconds.</p>"


class Mishaps:
    """The hooks of one application."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def before(self) -> Response | None:
        """Delay the request, edit the playlist under it, or answer in the endpoint's place."""
        if request.path.startswith("/_simulator"):
            return None
        if self._spotify.latency:
            self._spotify.sleep(self._spotify.latency)
        playlist_id = (request.view_args or {}).get("playlist_id")
        for fault in self._spotify.faults.take(request.endpoint or "any", playlist_id):
            if fault.kind == "slow":
                self._spotify.sleep(fault.seconds)
            elif fault.kind == "edit":
                self._edit(fault, fault.playlist or playlist_id)
            elif fault.kind in ("truncated", "drip"):
                g.spoilt = fault
            else:
                return self._answer(fault)
        return None

    def after(self, response: Response) -> Response:
        """Cut the answer in half, or give it byte by byte, where that is due."""
        fault: Fault | None = g.get("spoilt")
        if fault is None:
            return response
        whole = response.get_data()
        if fault.kind == "drip":
            response.response = self._dripping(whole, fault.seconds)
            return response
        response.set_data(whole[: len(whole) // 2])
        if not fault.clean:
            response.headers["Content-Length"] = str(len(whole))
        return response

    def dropping(self, app: WSGIApplication) -> WSGIApplication:
        """Wrap an application so that a `reset` ends in a dropped connection in place of the answer."""

        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            answer = app(environ, start_response)
            if environ.get(_DROP):
                _reset(environ["werkzeug.socket"])
                raise ConnectionResetError("reset by a fault")
            return answer

        return wrapped

    def _dripping(self, whole: bytes, seconds: float) -> Iterator[bytes]:
        for place in range(len(whole)):
            self._spotify.sleep(seconds)
            yield whole[place : place + 1]

    def _answer(self, fault: Fault) -> Response:
        if fault.kind == "reset":
            g.dropped = True
            request.environ[_DROP] = True
            return Response()
        return _ANSWERS[fault.kind](fault)

    def _edit(self, fault: Fault, playlist_id: str | None) -> None:
        playlist = self._spotify.liked if playlist_id == LIKED else self._spotify.playlists.get(playlist_id or "")
        if playlist is None:
            return
        edit = Edit(fault.remove_at, fault.insert_at, fault.rename)
        playlist.edit(Edit(remove_at=0) if edit == Edit() else edit)


def _status(fault: Fault) -> Response:
    return _worded(fault, fault.status, fault.usual_body)


def _body(fault: Fault) -> Response:
    return _worded(fault, 200, "" if fault.body is None else fault.body, "application/json; charset=utf-8")


def _worded(fault: Fault, status: int, body: Any, text_type: str = "text/plain; charset=utf-8") -> Response:
    is_text = isinstance(body, str)
    usual_type = text_type if is_text else "application/json; charset=utf-8"
    text = body if is_text else json.dumps(body, ensure_ascii=False)
    response = Response(text, status, dict(fault.headers), content_type=fault.content_type or usual_type)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


_ANSWERS: dict[str, Callable[[Fault], Response]] = {
    "status": _status,
    "body": _body,
    "empty": lambda fault: Response(b"", content_type=fault.content_type or "application/json; charset=utf-8"),
    "html": lambda fault: Response(_PAGE, content_type=fault.content_type or "text/html; charset=utf-8"),
}


def _reset(connection: socket.socket) -> None:
    """Close with a TCP RST. The descriptor is closed at once: the server's own way out would say goodbye first."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
