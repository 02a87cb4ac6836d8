"""What docs/scale.md says of many lists: the tables are the command's, and the simulated queue keeps its rules."""

from __future__ import annotations

import pytest

from benchmarks.scale import DOCUMENT, Course, Load, money, queues


@pytest.mark.parametrize(("name", "lines"), [("money", money), ("queue", queues)])
def test_the_tables_are_what_the_command_prints(name: str, lines: object) -> None:
    assert callable(lines)
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
