"""Events never lie: lists of a year with emptied slots, reissues, gaps, failed days, renames and emptied lists, whose
events are judged by what truly happened.

`CHARTLAKE_EVENTS=500x365` is so many lists and days, `80:100x365` the lists 80 to 99; `pytest -s` prints precision and
recall by kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chalicelib.analysis.events import Event, read_events
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from tests.conftest import Clock
from tests.prove.event_judge import Verdict, judge
from tests.prove.planned_lists import Plan, day_of, keep_plan, plan_list

_LISTS, _DAYS = os.environ.get("CHARTLAKE_EVENTS", "20x60").split("x")
LISTS, DAYS = range(*map(int, _LISTS.split(":"))), int(_DAYS)
# So many lists are in one lake: their events are Python objects for a while.
BATCH = 20


def told(plans: list[Plan], days: int) -> Iterator[Event]:
    """What the view `events` tells of these lists, from a lake of their own, on the day after the last one."""
    with TemporaryDirectory() as folder:
        world = Clock().world()
        lake = Lake(open_store(str(Path(folder) / "lake"), world), world)
        for plan in plans:
            keep_plan(lake, plan)
        yield from read_events(lake, today=day_of(days))


def verdict_on(numbers: range) -> Verdict:
    plans = {plan.playlist_id: plan for plan in (plan_list(number, DAYS) for number in numbers)}
    of_each: dict[str, list[Event]] = {playlist_id: [] for playlist_id in plans}
    for event in told(list(plans.values()), DAYS):
        of_each[event.playlist_id].append(event)
    return sum((judge(plan, of_each[playlist_id]) for playlist_id, plan in plans.items()), Verdict())


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    batches = [LISTS[first : first + BATCH] for first in range(0, len(LISTS), BATCH)]
    if len(batches) == 1:
        found = verdict_on(batches[0])
    else:
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
            found = sum(pool.map(verdict_on, batches), Verdict())
    print(f"\n{len(LISTS)} lists, {DAYS} days\n{found.table()}\n{found.summary()}")
    return found


def test_every_event_that_is_told_is_true(verdict: Verdict) -> None:
    assert verdict.false[:20] == []


def test_of_what_happened_one_in_a_thousand_is_missed_at_most(verdict: Verdict) -> None:
    missed, happened = len(verdict.missed), sum(verdict.happened.values())
    assert 1000 * missed <= happened, verdict.missed[:20]
