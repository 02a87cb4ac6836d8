"""What the tests of telling share: events that happened to nobody, and a web server that receives webhooks."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import xmlschema

from chalicelib.analysis.events import Event
from chalicelib.handlers.webhooks import SIGNATURE, is_genuine

TODAY = date(2026, 11, 23)
LIST = "37i9dQZEVXbMDoHDwVN2tF"
SECRET = "shared by two"


def an_event(which: int = 0, **told: Any) -> Event:
    """Somebody's entry into a list, other than that of any other number."""
    known: dict[str, Any] = {
        "playlist_id": LIST,
        "playlist_name": "Top 50",
        "kind": "entered",
        "snapshot_date": TODAY,
        "after_date": TODAY - timedelta(days=1),
        "item_key": f"key{which}",
        "uri": f"spotify:track:{which:022d}",
        "name": f"Song {which}",
        "artist_names": "Anna, Bert",
        "artist_ids": f"{1:022d}, {2:022d}",
        "isrc": f"GBAYE68{which:05d}",
        "label": "Small Records",
        "position": 3,
        "previous_position": None,
        "number": None,
        "was": None,
        "became": None,
        "is_news": True,
    } | told
    parts = (known["playlist_id"], known["kind"], known["item_key"], known["snapshot_date"], known["number"])
    return Event(**({"event_id": hashlib.md5(repr(parts).encode()).hexdigest()} | known))


@cache
def _atom() -> xmlschema.XMLSchema11:
    return xmlschema.XMLSchema11(Path(__file__).parent / "atom.xsd")


def atom_faults(feed: bytes) -> list[str]:
    """What of a feed is not as RFC 4287 has it."""
    return [f"{error.path}: {error.reason}" for error in _atom().iter_errors(feed.decode())]


class Receiver(ThreadingHTTPServer):
    """Takes webhooks as an honest receiver does: what is not signed gets 401. `answers` are given first, in turn: a
    status, a status with headers, or seconds that it waits."""

    def __init__(self, secret: str = SECRET) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.secret = secret
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.answers: list[tuple[int, dict[str, str]] | float] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?to=us"

    @property
    def ids(self) -> list[str]:
        """The events that were taken, in order."""
        return [event["event_id"] for body in self.taken for event in body["events"]]


class _Request(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        answer = self.server.answers.pop(0) if self.server.answers else (204, {})
        if isinstance(answer, float):
            self.server.released.wait(answer)
            return
        status, headers = answer
        if status < 300 and self.server.secret:
            genuine = is_genuine(self.server.secret, self.headers.get(SIGNATURE, ""), body, self.server.now())
            status = status if genuine else 401
        if status < 300:
            self.server.taken.append(json.loads(body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked += 100
        self.send_error(404)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def receiver(now: Any, secret: str = SECRET) -> Iterator[Receiver]:
    server = Receiver(secret)
    server.now = lambda: int(now().timestamp())  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
