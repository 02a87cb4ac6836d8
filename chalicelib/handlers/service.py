"""What the deployed functions do: an event in, one job, an answer out. Imports the heavy rooms only when a job runs."""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import BadSetting, ChartlakeError, OutOfTime
from ..settings import Settings, from_environment
from ..time_and_chance import World

if TYPE_CHECKING:
    from ..lake.lake import Lake
    from ..snapshots.outcome import Run
    from .runs import Run as Record

STALE_AFTER_HOURS = 26.0
# API Gateway hangs up after 29 s; what does not fit goes to the worker function.
_HTTP_SECONDS = 22.0
_FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
_FUNCTION_MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
# Kept free at the end of an invocation for the last writes.
_RESERVE_SECONDS = 5.0
_MOST_BYTES = 65_536
# Less time than this is left: no rendering is begun. It reads every list's commits twice, of 1,000 lists in some 10 s;
# where that takes longer than the time that is left, it stops there and leaves pages and index to the next.
_RENDER_SECONDS = 10.0
# The name under which alarms find this deployment's metrics; without it nothing is counted, and nothing is to pay.
_METRICS = "CHARTLAKE_METRICS"

# What an error means over HTTP; any other is somebody else's: 502.
_STATUS = {"BadSetting": 400, "NotKept": 404, "KeyTaken": 409, "LakeUnavailable": 503}

_log = logging.getLogger(__name__)

# Takes how many of how many are done.
Progress = Callable[[int, int], None]


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
    world = _limited(world, milliseconds_left, float("inf"))
    began = world.monotonic()
    run = _extract(settings, None, False, world)
    _count(run, world, whole=True)
    extracted = world.monotonic()
    pages = _render([outcome.playlist_id for outcome in run.outcomes], settings, world)
    _remember(run, settings, world, began, extracted, pages)
    return _finished(run)


def extract(
    event: Mapping[str, Any], milliseconds_left: Callable[[], int], world: World | None = None
) -> dict[str, Any]:
    """The worker behind `POST /backfill`: `{"run": "…"}` goes on with a run, the fields of `POST /backfill` begin one.

    Raises where the run fails, so that Lambda counts an error.
    """
    from ..snapshots.pipeline import open_lake
    from . import backfill, runs

    settings = from_environment(os.environ)
    limited = _limited(world, milliseconds_left, float("inf"))
    lake = open_lake(settings, limited)
    if "run" in event:
        run = runs.read(lake, str(event["run"]))
        if run is None:
            raise BadSetting(f"There is no run {event['run']!r}.")
        new = not run.ended
        run = runs.take(lake, limited, run) if new else run
    else:
        run, new = runs.begin(lake, limited, *backfill.parse(event))
    if new:
        run, error = _turn(settings, lake, limited, run, counted=True)
        if error is not None:
            raise error
    return run.to_json(limited.now())


def upload(
    detail: Mapping[str, Any], milliseconds_left: Callable[[], int], world: World | None = None
) -> dict[str, Any]:
    """What follows on a file that was dropped below `imports/`; see `uploads.take_in`.

    Raises where a file is refused, so that Lambda counts an error.
    """
    from ..snapshots.pipeline import open_lake
    from .uploads import take_in

    settings = from_environment(os.environ)
    limited = _limited(world, milliseconds_left, float("inf"))
    memory = os.environ.get(_FUNCTION_MEMORY)
    told, refused = take_in(open_lake(settings, limited), limited, detail, int(memory) if memory else None)
    if files := told.get("files"):
        changed = [file for file in files if file["changed"]]
        _render([playlist_id for file in changed for playlist_id in file["playlists"]], settings, limited)
    if refused is not None:
        raise refused
    return told


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
        request, key = backfill.parse(_json_object(body))
        settings = from_environment(os.environ)
        limited = _limited(world, milliseconds_left, _HTTP_SECONDS)
        lake = open_lake(settings, limited)
        run, new = runs.begin(lake, limited, request, key)
        if new:
            run, _ = _turn(settings, lake, limited, run)
        return _answer(run, limited)
    except ChartlakeError as error:
        return Answer(_STATUS.get(error.kind, 502), error.to_json())


def run(run_id: str, world: World | None = None) -> Answer:
    """How far a run is, and what came of it: 200, or 404 where there is none."""
    from ..snapshots.pipeline import open_lake
    from . import runs

    world = world or World()
    try:
        found = runs.read(open_lake(from_environment(os.environ), world), run_id)
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


def version() -> Answer:
    """Which chartlake this is, on which Python."""
    return Answer(200, {"chartlake": __version__, "python": platform.python_version()})


def _count(run: Run, world: World | None, *, whole: bool) -> None:
    """Tell CloudWatch of the run; see `metrics`."""
    from . import metrics

    if stack := os.environ.get(_METRICS):
        values = metrics.values_of(run, whole=whole)
        print(metrics.line(values, stack, (world or World()).now()), flush=True)


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadSetting("The body is not JSON.", advice='Send {"playlists": ["…"]}.') from None
    if not isinstance(found, dict):
        raise BadSetting("The body is not a JSON object.", advice='Send {"playlists": ["…"]}.')
    return found


def _turn(
    settings: Settings, lake: Lake, world: World, run: Record, counted: bool = False
) -> tuple[Record, ChartlakeError | None]:
    """This process's share of a run; what is left is handed over to the worker function."""
    from .backfill import touched, turn
    from .runs import fail

    began = world.monotonic()
    extracts: list[Run] = []

    def extract(playlists: list[str] | None, again: bool, progress: Progress) -> Run:
        found = _extract(settings, playlists, again, world, progress)
        extracts.append(found)
        if counted:
            _count(found, world, whole=run.request["playlists"] is None)
        return found

    run, error = turn(run, lake, world, extract)
    extracted = world.monotonic()
    # A person waits for a request's answer, so what was missed before is left to the worker and the daily run.
    pages = _render(touched(run), settings, world, missed=counted) if run.ended else 0
    for one in extracts:
        _remember(one, settings, world, began, extracted, pages)
    if error is not None or run.ended:
        return run, error
    try:
        _hand_over(run)
    except ChartlakeError as refused:
        return fail(lake, world, run, refused), refused
    return run, None


def _answer(run: Record, world: World) -> Answer:
    body = run.to_json(world.now())
    if body["state"] == "failed":
        return Answer(_STATUS.get(body.get("stopped") or body.get("error", ""), 502), body)
    return Answer(200 if body["state"] == "done" else 202, body)


def _extract(
    settings: Settings,
    playlists: list[str] | None,
    again: bool,
    world: World,
    progress: Progress = lambda done, total: None,
) -> Run:
    from ..snapshots.pipeline import followed_playlists, open_lake, open_pipeline

    lake = open_lake(settings, world)
    playlist_ids, wrong = (playlists, None) if playlists else followed_playlists(settings, lake)
    done = count(1)
    run = open_pipeline(settings, world, lake).extract(
        playlist_ids, again=again, report=lambda outcome: progress(next(done), len(playlist_ids))
    )
    # What is left is read first; a run that was stopped would not go on.
    return run if run.left else replace(run, stopped=run.stopped or wrong)


def _remember(run: Run, settings: Settings, world: World, began: float, extracted: float, pages: int) -> None:
    """Keep what this invocation took up to now, if it is one of Lambda's; see `measured`."""
    from ..snapshots.pipeline import open_lake
    from .lambda_usage import remember

    if memory := os.environ.get(_FUNCTION_MEMORY):
        ended, lake = world.monotonic(), open_lake(settings, world)
        remember(lake, run, ended - began, int(memory), world.now(), pages, ended - extracted)


def _render(playlist_ids: Sequence[str], settings: Settings, world: World, *, missed: bool = True) -> int:
    """Make these playlists' pages anew while time is left, then (`missed`) those that were missed before; gives how
    many pages. Pages are derived, so no run fails by them."""
    from ..report.site import render_site
    from ..snapshots.pipeline import open_lake

    if world.time_left() < _RENDER_SECONDS or not (playlist_ids or missed):
        return 0
    try:
        wanted = list(dict.fromkeys(playlist_ids))
        rendered = render_site(open_lake(settings, world), world, settings.timezone, wanted, missed=missed)
        _log.info("pages rendered", extra=rendered.to_json())
        return len(rendered.pages)
    except Exception:
        _log.warning("the pages could not be rendered; the rows are not affected", exc_info=True)
        return 0


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


def _hand_over(run: Record) -> None:
    """Start the worker function, which goes on with the run. Raises `ChartlakeError` where it cannot be started."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    function = os.environ[_FUNCTION_NAME]

    # `chalice deploy` names the API's function <app>-<stage> and the worker <app>-<stage>-extract.
    worker = os.environ.get("CHARTLAKE_WORKER") or f"{function.removesuffix('-extract')}-extract"
    payload = json.dumps({"run": run.run_id}).encode()
    try:
        boto3.client("lambda").invoke(FunctionName=worker, InvocationType="Event", Payload=payload)
    except (BotoCoreError, ClientError) as error:
        raise ChartlakeError(
            f"The function {worker} could not be started: {error}",
            advice="Its name is CHARTLAKE_WORKER's value; this function's role needs lambda:InvokeFunction on it.",
        ) from None
    _log.info("handed over", extra={"worker": worker, "run_id": run.run_id, "left": len(run.left)})
