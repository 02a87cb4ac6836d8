"""What every invocation of a function needs: its own end, and the parts of a run that are no job of their own."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from ..settings import Settings
from ..time_and_chance import World

if TYPE_CHECKING:
    from ..snapshots.outcome import Run

FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
FUNCTION_MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
# Kept free at the end of an invocation for the last writes.
_RESERVE_SECONDS = 5.0
# Less time than this is left: no rendering is begun. It reads every list's commits twice, of 1,000 lists in some 10 s;
# where that takes longer than the time that is left, it stops there and leaves pages and index to the next.
_RENDER_SECONDS = 10.0
# Less time than this is left: no telling is begun.
_TELL_SECONDS = 15.0
# The name under which alarms find this deployment's metrics; without it nothing is counted, and nothing is to pay.
_METRICS = "CHARTLAKE_METRICS"

_log = logging.getLogger(__name__)

# Takes how many of how many are done.
Progress = Callable[[int, int], None]


def limited_world(world: World | None, milliseconds_left: Callable[[], int], seconds: float) -> World:
    """The world with the end of this invocation in it; outside Lambda nothing ends it."""
    world = world or World()
    if FUNCTION_NAME not in os.environ:
        return world
    until = world.monotonic() + seconds
    return replace(
        world,
        time_left=lambda: min(milliseconds_left() / 1000 - _RESERVE_SECONDS, until - world.monotonic()),
    )


def extract_playlists(
    settings: Settings,
    playlists: list[str] | None,
    again: bool,
    world: World,
    progress: Progress = lambda done, total: None,
) -> Run:
    from ..snapshots.following import Followed, follow_list
    from ..snapshots.pipeline import open_lake, open_pipeline

    lake = open_lake(settings, world)
    said = None if playlists else follow_list(settings, lake)
    pipeline = open_pipeline(settings, world, lake)
    found = pipeline.followed(said) if said else Followed(playlists or [])
    done = count(1)
    run = pipeline.extract(
        found.playlist_ids, again=again, report=lambda outcome: progress(next(done), len(found.playlist_ids))
    )
    # What is left is read first; a run that was stopped would not go on.
    return run if run.left else replace(run, stopped=run.stopped or found.wrong)


def count_run(run: Run, world: World | None, *, whole: bool) -> None:
    """Tell CloudWatch of the run; see `metrics`."""
    from .metrics import values_of

    count_values(values_of(run, whole=whole), (world or World()).now())


def count_values(values: Mapping[str, int], now: datetime) -> None:
    """Tell CloudWatch of a run that was counted already."""
    from .metrics import line

    if stack := os.environ.get(_METRICS):
        print(line(values, stack, now), flush=True)


def render_pages(playlist_ids: Sequence[str], settings: Settings, world: World, *, missed: bool = True) -> int:
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


def tell_news(settings: Settings, world: World) -> None:
    """Tell the channels of the watchlist what happened, while time is left. No run fails by it."""
    from ..snapshots.pipeline import open_lake
    from .telling import tell_all

    if world.time_left() < _TELL_SECONDS:
        return
    try:
        accounts = tell_all(settings, open_lake(settings, world), world)
    except Exception:
        _log.warning("what happened could not be told; the next run tells it", exc_info=True)
        return
    if accounts:
        _log.info("told", extra={"channels": [account.to_json() for account in accounts]})
        count_values({"ChannelsDead": sum(account.dead for account in accounts)}, world.now())


def remember_usage(run: Run, settings: Settings, world: World, began: float, extracted: float, pages: int) -> None:
    """Keep what this invocation took up to now, if it is one of Lambda's; see `measured`."""
    from ..snapshots.pipeline import open_lake
    from .lambda_usage import remember

    if memory := os.environ.get(FUNCTION_MEMORY):
        ended, lake = world.monotonic(), open_lake(settings, world)
        remember(lake, run, ended - began, int(memory), world.now(), pages, ended - extracted)
