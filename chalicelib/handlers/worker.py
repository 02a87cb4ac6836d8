"""The worker: goes on with the runs that a person asked for over HTTP and that do not fit into a request."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import BadSetting, ChartlakeError
from ..settings import Settings, from_environment
from ..time_and_chance import World
from .invocation import (
    FUNCTION_NAME,
    Progress,
    count_run,
    extract_playlists,
    limited_world,
    remember_usage,
    render_pages,
    tell_news,
)

if TYPE_CHECKING:
    from ..lake.lake import Lake
    from ..snapshots.outcome import Run
    from .runs import Run as Record

_log = logging.getLogger(__name__)


def extract(
    event: Mapping[str, Any], milliseconds_left: Callable[[], int], world: World | None = None
) -> dict[str, Any]:
    """The worker behind `POST /backfill`: `{"run": "…"}` goes on with a run, the fields of `POST /backfill` begin one.

    Raises where the run fails, so that Lambda counts an error.
    """
    from ..snapshots.pipeline import open_lake
    from . import backfill, runs

    settings = from_environment(os.environ)
    limited = limited_world(world, milliseconds_left, float("inf"))
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
        run, error = take_turn(settings, lake, limited, run, counted=True)
        if error is not None:
            raise error
    return run.to_json(limited.now())


def take_turn(
    settings: Settings, lake: Lake, world: World, run: Record, counted: bool = False
) -> tuple[Record, ChartlakeError | None]:
    """This process's share of a run; what is left is handed over to the worker function."""
    from .backfill import touched, turn
    from .runs import fail

    began = world.monotonic()
    extracts: list[Run] = []

    def extract(playlists: list[str] | None, again: bool, progress: Progress) -> Run:
        found = extract_playlists(settings, playlists, again, world, progress)
        extracts.append(found)
        if counted:
            count_run(found, world, whole=run.request["playlists"] is None)
        return found

    run, error = turn(run, lake, world, extract)
    extracted = world.monotonic()
    # A person waits for a request's answer, so what was missed before is left to the worker and the daily run.
    pages = render_pages(touched(run), settings, world, missed=counted) if run.ended else 0
    for one in extracts:
        remember_usage(one, settings, world, began, extracted, pages)
    if counted and run.ended:
        # Not in a request, for which a person waits: the worker and the daily run tell it.
        tell_news(settings, world)
    if error is not None or run.ended:
        return run, error
    try:
        _hand_over(run)
    except ChartlakeError as refused:
        return fail(lake, world, run, refused), refused
    return run, None


def _hand_over(run: Record) -> None:
    """Start the worker function, which goes on with the run. Raises `ChartlakeError` where it cannot be started."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    function = os.environ[FUNCTION_NAME]

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
