"""What docs/scale.md says of many lists: the tables are the command's, and the simulated queue keeps its rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from benchmarks.scale import COMPUTING, DOCUMENT, GET, PARTS, PUT, RECORD, TABLES
from benchmarks.simulated_queue import Course, Load
from chalicelib.cli import cost


@pytest.mark.parametrize(("name", "lines"), TABLES.items())
def test_the_tables_are_what_the_command_prints(name: str, lines: Callable[[], Iterable[str]]) -> None:
    table = DOCUMENT.read_text("utf-8").partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end of {name} -->")[0]
    assert table.splitlines()[2:] == list(lines())


@pytest.mark.parametrize("allowed", [None, 100])
def test_every_list_is_kept_and_none_is_asked_for_faster_than_the_pace(allowed: int | None) -> None:
    load = Load(1_000, allowed=allowed)
    course = Course(load)
    told = course.run()
    assert told.kept == load.lists
    assert told.requests >= load.lists + told.refused
    assert bool(told.refused) == (allowed is not None)
    # Beyond the first 30 seconds no more than the pace is asked for, or than Spotify allows.
    rate = min(load.rate, allowed / 30 if allowed else load.rate)
    assert told.seconds >= load.lists / rate - 30


def test_the_parts_of_a_day_are_all_that_the_bill_counts() -> None:
    counted: Counter[str] = Counter()
    for part in PARTS:
        counted[part.price] += part.number
    day = cost.assumed(1, 50)
    seconds = day.seconds_a_request.value + day.seconds_a_page.value
    assert counted == {PUT: cost.PUTS + cost.LISTS, GET: cost.GETS, COMPUTING: seconds}


def test_one_pause_costs_all_workers_its_time_and_no_list_more_than_a_request() -> None:
    load = Load(400, workers=2, rate=1000.0, fails_in=0, throttled_after=50, pause=10.0)
    told, alone = Course(load).run(), Course(replace(load, throttled_after=None)).run()
    assert (told.kept, told.refused, told.requests) == (load.lists, 1, load.lists + 1)
    assert told.seconds >= alone.seconds + load.pause


def test_what_is_simulated_is_what_real_workers_did() -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    load, real = Load(**record["load"]), record["told"]
    told = Course(load).run()
    assert load.lists >= 2_000
    assert real["kept"] == told.kept == load.lists
    assert told.requests == pytest.approx(real["requests"], rel=0.05)
    assert told.refused == real["refused"]
    assert told.seconds == pytest.approx(real["seconds"], rel=0.1)
