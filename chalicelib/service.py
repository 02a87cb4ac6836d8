"""What the deployed functions do: an event in, one job, an answer out. Imports the heavy rooms only when a job runs."""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import BadSetting, ChartlakeError, LakeUnavailable, OutOfTime
from .settings import Settings, from_environment
from .world import World

if TYPE_CHECKING:
    from .outcome import Run

STALE_AFTER_HOURS = 26.0
# API Gateway hangs up after 29 s; what does not fit goes to the worker function.
_HTTP_SECONDS = 22.0
_FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
_FUNCTION_MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
# Kept free at the end of an invocation for the last writes.
_RESERVE_SECONDS = 5.0
_MOST_BYTES = 65_536
# The name under which alarms find this deployment's metrics; without it nothing is counted, and nothing is to pay.
_METRICS = "CHARTLAKE_METRICS"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: a status code, a JSON body (as an object, or written out already), and headers of its own."""

    status: int
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def daily(milliseconds_left: Callable[[], int], world: World | None = None) -> dict[str, Any]:
    """The scheduled job: today's snapshot of every followed playlist.

    Raises where the run is not finished, so that Lambda's own retry continues it: what is there already is skipped.
    """
    settings = from_environment(os.environ)
    run = _extract(settings, None, False, _limited(world, milliseconds_left, float("inf")))
    _count(run, world, whole=True)
    return _finished(run)


def extract(
    event: Mapping[str, Any], milliseconds_left: Callable[[], int], world: World | None = None
) -> dict[str, Any]:
    """The worker behind `POST /backfill`: `{"playlists": […], "again": false}`, both optional."""
    request = _request(event)
    settings = from_environment(os.environ)
    world = _limited(world, milliseconds_left, float("inf"))
    run = _extract(settings, request.playlists, request.again, world)
    _count(run, world, whole=request.playlists is None)
    if run.left and run.outcomes and run.stopped is None:
        _hand_over(run, request.again)
        return run.to_json()
    return _finished(run)


def backfill(body: bytes, milliseconds_left: Callable[[], int], world: World | None = None) -> Answer:
    """Take snapshots now, on a person's request.

    200: done, with a summary; 202: the rest was handed to the worker function; 400: a field is wrong; 413: the body
    is too long; 502: Spotify refuses or fails; 503: the lake cannot be used.
    """
    if len(body) > _MOST_BYTES:
        error = BadSetting(
            f"The body has {len(body)} bytes; {_MOST_BYTES} are the most.",
            advice="Name fewer playlists in one request.",
        )
        return Answer(413, error.to_json())
    try:
        request = _request(_json_object(body))
        settings = from_environment(os.environ)
        run = _extract(settings, request.playlists, request.again, _limited(world, milliseconds_left, _HTTP_SECONDS))
        if run.stopped is not None:
            return Answer(503 if isinstance(run.stopped, LakeUnavailable) else 502, run.to_json())
        if run.left:
            _hand_over(run, request.again)
            return Answer(202, run.to_json() | {"handed_over": True})
        return Answer(200 if run.published or not run.outcomes else 502, run.to_json())
    except BadSetting as error:
        return Answer(400, error.to_json())
    except LakeUnavailable as error:
        return Answer(503, error.to_json())
    except ChartlakeError as error:
        return Answer(502, error.to_json())


def health(world: World | None = None) -> Answer:
    """Whether the newest complete snapshot is fresh, and nothing about what is followed: this route is public."""
    from .lake import keys
    from .lake.store import open_store

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


def version() -> Answer:
    """Which chartlake this is, on which Python."""
    return Answer(200, {"chartlake": __version__, "python": platform.python_version()})


def _count(run: Run, world: World | None, *, whole: bool) -> None:
    """Tell CloudWatch of the run; see `metrics`."""
    from . import metrics

    if stack := os.environ.get(_METRICS):
        values = metrics.values_of(run, whole=whole)
        print(metrics.line(values, stack, (world or World()).now()), flush=True)


@dataclass(frozen=True)
class _Request:
    playlists: list[str] | None
    again: bool


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadSetting("The body is not JSON.", advice='Send {"playlists": ["…"], "again": false}.') from None
    if not isinstance(found, dict):
        raise BadSetting("The body is not a JSON object.", advice='Send {"playlists": ["…"], "again": false}.')
    return found


def _request(fields: Mapping[str, Any]) -> _Request:
    from .spotify.references import parse_playlist_reference

    unknown = sorted(set(fields) - {"playlists", "again"})
    if unknown:
        raise BadSetting(f"Unknown field {unknown[0]!r}.", advice="The fields are 'playlists' and 'again'.")
    again, references = fields.get("again", False), fields.get("playlists")
    if not isinstance(again, bool):
        raise BadSetting("Field 'again' is not true or false.", advice='Send "again": true or leave it out.')
    if references is None:
        return _Request(None, again)
    if not isinstance(references, list) or not references or not all(isinstance(one, str) for one in references):
        raise BadSetting(
            "Field 'playlists' is not a list of ids, URIs or links.", advice="Leave it out for every followed playlist."
        )
    try:
        return _Request(list(dict.fromkeys(parse_playlist_reference(one) for one in references)), again)
    except BadSetting as error:
        raise BadSetting(f"Field 'playlists': {error.message}", advice=error.advice) from None


def _extract(settings: Settings, playlists: list[str] | None, again: bool, world: World) -> Run:
    began = world.monotonic()
    from .measured import remember
    from .pipeline import followed_playlists, open_lake, open_pipeline

    lake = open_lake(settings, world)
    playlist_ids = playlists or followed_playlists(settings, lake)
    run = open_pipeline(settings, world, lake).extract(playlist_ids, again=again)
    if memory := os.environ.get(_FUNCTION_MEMORY):
        remember(lake, run, world.monotonic() - began, int(memory), world.now())
    return run


def _limited(world: World | None, milliseconds_left: Callable[[], int], seconds: float) -> World:
    """The world with the end of this invocation in it; outside Lambda nothing ends it."""
    world = world or World()
    if _FUNCTION_NAME not in os.environ:
        return world
    until = world.monotonic() + seconds
    return replace(
        world,
        time_left=lambda: min(milliseconds_left() / 1000 - _RESERVE_SECONDS, until - world.monotonic()),
    )


def _finished(run: Run) -> dict[str, Any]:
    if run.stopped is not None:
        raise run.stopped
    if run.left:
        raise OutOfTime(f"{len(run.left)} playlists are left for the next run, {run.left[0]} first.")
    if run.outcomes and not run.published:
        raise run.outcomes[0].error or ChartlakeError("No playlist could be read.")
    return run.to_json()


def _hand_over(run: Run, again: bool) -> None:
    """Start the worker function with what is left."""
    import boto3

    function = os.environ[_FUNCTION_NAME]

    # `chalice deploy` names the API's function <app>-<stage> and the worker <app>-<stage>-extract.
    worker = os.environ.get("CHARTLAKE_WORKER") or f"{function.removesuffix('-extract')}-extract"
    payload = json.dumps({"playlists": list(run.left), "again": again}).encode()
    boto3.client("lambda").invoke(FunctionName=worker, InvocationType="Event", Payload=payload)
    _log.info("handed over", extra={"worker": worker, "left": len(run.left)})
