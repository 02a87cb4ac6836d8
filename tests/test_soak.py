"""Many days in one process: what is asked of Spotify and of the store is what docs/reliability.md reckons, and memory
stays flat.

`CHARTLAKE_DAYS=365 python -m pytest -s tests/test_soak.py` lives a year.
"""

from __future__ import annotations

import gc
import math
import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.lake.lake import Lake
from chalicelib.snapshots.verify import verify
from simulator import Simulator

from .conftest import Clock
from .test_extract import TODAY, Rig

DAYS = int(os.environ.get("CHARTLAKE_DAYS", "9"))
LISTS = {"top-50": 50, "viral-50": 50, "hundred-and-one": 101}
# A long list that stands still is read whole once a week.
WEEK = 7
# The ban, the sign-in, and the newest good day, which is written too.
A_RUN = Counter(GET=3, PUT=1)
# The ban, and the newest good day; and one look at each list.
A_RUN_FOR_NOTHING = Counter(GET=2 + len(LISTS))
# What a process may hold more on the last of its days than on the third part of them, in MB.
GROWTH = 40


@pytest.fixture
def rig(lake: Lake, clock: Clock) -> Iterator[Rig]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        yield Rig(simulator, server, lake, clock)


class Counted:
    """A store that counts what is asked of it."""

    def __init__(self, store: Any, counts: Counter[str]) -> None:
        self._store, self._counts = store, counts

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _KINDS:
            self._counts[_KINDS[name]] += 1
        found: Callable[..., Any] = getattr(self._store, name)
        return found


_KINDS = {"get": "GET", "create": "PUT", "replace": "PUT", "delete": "DELETE", "list": "LIST", "folders": "LIST"}


def of_spotify(entries: int, day: int) -> int:
    """The requests for a list that stands still, or that one answer holds; the first day is 0."""
    if entries <= 100:
        return 1
    return 2 + math.ceil((entries - 100) / 50) if day % WEEK == 0 else 1


def of_the_store(entries: int, day: int) -> Counter[str]:
    """The requests for a list. The first two days look into raw for what an earlier process may have left; the first of
    a year has no segment to be read; in January, and until six days of the year are kept, the year before is read."""
    carried = entries > 100 and day % WEEK != 0
    of_year = (TODAY + timedelta(days=day)).timetuple().tm_yday
    fresh = day == 0 or of_year == 1
    year_before = of_year <= 31 or day < 6
    return Counter(GET=2 + year_before + carried - fresh, PUT=3, LIST=1 + carried + (day < 2))


def held_mb() -> float:
    """What this process has in memory, in MB: now, and where the system does not tell that, at most up to now. The most
    grows with a year's segment, which is rewritten whole each day."""
    gc.collect()
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmRSS:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_a_year_of_three_lists_asks_what_the_formula_says(rig: Rig) -> None:
    counts: Counter[str] = Counter()
    store, room = rig.lake.store, 0.0
    for day in range(DAYS):
        rig.lake = Lake(Counted(store, counts), rig.clock.world())  # type: ignore[arg-type]
        counts.clear()
        before = rig.asked()
        assert rig.extract(*LISTS).complete
        assert rig.asked() - before == sum(of_spotify(entries, day) for entries in LISTS.values())
        assert counts == sum((of_the_store(entries, day) for entries in LISTS.values()), A_RUN), f"day {day}"
        counts.clear()
        assert rig.extract(*LISTS).complete
        assert counts == A_RUN_FOR_NOTHING, f"day {day}, which is there already"
        rig.clock.advance(days=1)
        if day == DAYS // 3:
            room = held_mb()
    grown = held_mb() - room
    print(f"{DAYS} days of {len(LISTS)} lists: {grown:.1f} MB more than after {DAYS // 3} days")
    assert grown < GROWTH
    rig.lake = Lake(store, rig.clock.world())
    assert verify(rig.lake).findings == ()
