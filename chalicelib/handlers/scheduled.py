"""The scheduled job: every followed playlist's day. The heavy rooms are imported when it runs, not before."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ChartlakeError, OutOfTime
from ..settings import Settings, from_environment
from ..time_and_chance import World
from .invocation import count_run, extract_playlists, limited_world, remember_usage, render_pages, tell_news

if TYPE_CHECKING:
    from ..snapshots.outcome import Run


def daily(milliseconds_left: Callable[[], int], world: World | None = None, event_id: str = "") -> dict[str, Any]:
    """The scheduled job: today's snapshot of every followed playlist, or with a queue a message for each of them.

    Raises where the run is not finished, so that Lambda's own retry continues it: what is there already is skipped.
    `event_id` is the same in every retry.
    """
    settings = from_environment(os.environ)
    world = limited_world(world, milliseconds_left, float("inf"))
    if settings.queue:
        return _spread(settings, world, event_id)
    began = world.monotonic()
    run = extract_playlists(settings, None, False, world)
    count_run(run, world, whole=True)
    extracted = world.monotonic()
    pages = render_pages([outcome.playlist_id for outcome in run.outcomes], settings, world)
    remember_usage(run, settings, world, began, extracted, pages)
    tell_news(settings, world)
    return _finished(run)


def _spread(settings: Settings, world: World, event_id: str) -> dict[str, Any]:
    from ..snapshots.pipeline import open_lake
    from .fan_out import send_lists

    return send_lists(settings, open_lake(settings, world), world, event_id or world.new_id()).to_json(world.now())


def _finished(run: Run) -> dict[str, Any]:
    if run.stopped is not None:
        raise run.stopped
    if run.left:
        raise OutOfTime(f"{len(run.left)} playlists are left for the next run, {run.left[0]} first.")
    if run.outcomes and not run.published:
        raise run.outcomes[0].error or ChartlakeError("No playlist could be read.")
    return run.to_json()
