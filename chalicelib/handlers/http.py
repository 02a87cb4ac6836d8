"""What a person asks for over HTTP: a backfill, how far a run is, whether the lake is fresh."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import __version__
from ..errors import BadSetting, ChartlakeError
from ..settings import from_environment
from ..time_and_chance import World
from .invocation import FUNCTION_NAME, limited_world
from .worker import take_turn

if TYPE_CHECKING:
    from .runs import Run as Record

STALE_AFTER_HOURS = 26.0
# API Gateway hangs up after 29 s; what does not fit goes to the worker function.
_HTTP_SECONDS = 22.0
_MOST_BYTES = 65_536

# What an error means over HTTP; any other is somebody else's: 502.
_STATUS = {"BadSetting": 400, "NotKept": 404, "KeyTaken": 409, "LakeUnavailable": 503}

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: a status code, a JSON body (as an object, or written out already), and headers of its own."""

    status: int
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def backfill(body: bytes, milliseconds_left: Callable[[], int], world: World | None = None) -> Answer:
    """Take snapshots now or replay, on a person's request.

    200: done, with a summary; 202: the worker function goes on, or another request with this key is at work; 400: a
    field is wrong; 409: the key was used for another request; 413: the body is too long; 502: Spotify refuses or
    fails; 503: the lake cannot be used.
    """
    from ..snapshots.pipeline import open_lake
    from . import backfill, runs

    if len(body) > _MOST_BYTES:
        words = f"The body has {len(body)} bytes; {_MOST_BYTES} are the most."
        return Answer(413, BadSetting(words, advice="Name fewer playlists in one request.").to_json())
    try:
        request, key = backfill.parse(json_object(body))
        settings = from_environment(os.environ)
        limited = limited_world(world, milliseconds_left, _HTTP_SECONDS)
        lake = open_lake(settings, limited)
        run, new = runs.begin(lake, limited, request, key)
        if new:
            run, _ = take_turn(settings, lake, limited, run)
        return _answer(run, limited)
    except ChartlakeError as error:
        return Answer(_STATUS.get(error.kind, 502), error.to_json())


def run(run_id: str, world: World | None = None) -> Answer:
    """How far a run is, and what came of it: 200, or 404 where there is none."""
    from ..snapshots.pipeline import open_lake
    from . import runs
    from .fan_out import look

    world = world or World()
    try:
        lake = open_lake(from_environment(os.environ), world)
        found = runs.read(lake, run_id)
        found = found and look(lake, found)
    except ChartlakeError as error:
        return Answer(503, error.to_json())
    if found is None:
        advice = "Take the run_id that POST /backfill answered with."
        return Answer(404, BadSetting("There is no such run.", advice=advice).to_json())
    return Answer(200, found.to_json(world.now()))


def health(world: World | None = None) -> Answer:
    """Whether the newest complete snapshot is fresh, and nothing about what is followed: this route is public."""
    from ..lake import keys
    from ..lake.address import open_store

    world = world or World()
    try:
        store = open_store(from_environment(os.environ).lake, world)
        found = store.get(keys.NEWEST_OK)
        captured_at = datetime.fromisoformat(json.loads(found.data)["captured_at"]) if found else None
    except (ChartlakeError, ValueError, KeyError, TypeError):
        _log.exception("health cannot be told")
        captured_at = None
    if captured_at is None:
        return Answer(503, {"status": "stale", "age_hours": None})
    hours = (world.now() - captured_at).total_seconds() / 3600
    fresh = hours <= STALE_AFTER_HOURS
    return Answer(200 if fresh else 503, {"status": "fresh" if fresh else "stale", "age_hours": round(hours, 1)})


def refusal_of_host(host: str) -> Answer | None:
    """The answer to a request that does not name this machine, where the routes are served on one's own; else None.

    Nothing is authorised there, so a web page whose own name leads to 127.0.0.1 could read the lake in its visitor's
    browser. In AWS API Gateway takes its own names only.
    """
    if FUNCTION_NAME in os.environ or not host or urlsplit(f"//{host}").hostname in THIS_MACHINE:
        return None
    advice = f"Ask http://{THIS_MACHINE[0]} with the port that `make local` shows."
    return Answer(403, ChartlakeError("This address is no name of this machine.", advice=advice).to_json())


def version() -> Answer:
    """Which chartlake this is, on which Python."""
    return Answer(200, {"chartlake": __version__, "python": ".".join(map(str, sys.version_info[:3]))})


def json_object(body: bytes) -> Mapping[str, Any]:
    """The object in a request's body; an empty one is {}. Raises `BadSetting`."""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadSetting("The body is not JSON.", advice='Send {"playlists": ["…"]}.') from None
    if not isinstance(found, dict):
        raise BadSetting("The body is not a JSON object.", advice='Send {"playlists": ["…"]}.')
    return found


def _answer(run: Record, world: World) -> Answer:
    body = run.to_json(world.now())
    if body["state"] == "failed":
        return Answer(_STATUS.get(body.get("stopped") or body.get("error", ""), 502), body)
    return Answer(200 if body["state"] == "done" else 202, body)
