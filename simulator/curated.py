"""A list that a person keeps: it grows, things move and go, and every quarter it is cleared out and renamed."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from itertools import islice

from .catalogue import LIBRARY_SONGS
from .entries import Content, Entry, EpisodeRef, LocalFile, SongRef
from .hashing import fraction, number

_QUARTER_DAYS = 91
_CLASSICS = 12
_KEPT = 13
"""How many stay of what the last quarter brought."""
_FRIDAY = 4


class Curated:
    """Every state follows from the beginning of its quarter, so that any day can be asked for.

    The owner works between midnight and five (UTC). `owner` is the id of the user who adds.
    """

    def __init__(self, seed: int, owner: str) -> None:
        self._seed = seed
        self._owner = owner
        self._quarter = lru_cache(4)(self._live_through)

    def entries(self, day: date) -> tuple[Entry, ...]:
        """Give the list as it is from five o'clock on."""
        return self._on(day)[0]

    def changed(self, day: date) -> date:
        """Give the day of the last change up to that day."""
        return self._on(day)[1]

    def is_second_volume(self, day: date) -> bool:
        """Tell under which of its two names the list goes: they take turns by the quarter."""
        return day.toordinal() // _QUARTER_DAYS % 2 == 1

    def _on(self, day: date) -> tuple[tuple[Entry, ...], date]:
        quarter, place = divmod(day.toordinal(), _QUARTER_DAYS)
        return self._quarter(quarter)[place]

    def _live_through(self, quarter: int) -> list[tuple[tuple[Entry, ...], date]]:
        """Give, for each day of a quarter, the entries and the day of the last change."""
        first, days = date.fromordinal(quarter * _QUARTER_DAYS), []
        last_quarter = (first + timedelta(days=place) for place in range(-_QUARTER_DAYS, 0))
        came_then = (entry for day in last_quarter for entry in self._additions(day))
        shelf = [*self._classics(), *islice(came_then, _KEPT)]
        added: list[Entry] = []
        changed = first
        for place in range(_QUARTER_DAYS):
            before = list(shelf)
            self._edit(first + timedelta(days=place), shelf, added)
            changed = changed if shelf == before else first + timedelta(days=place)
            days.append((tuple(shelf), changed))
        return days

    def _edit(self, day: date, shelf: list[Entry], added: list[Entry]) -> None:
        """Do a day's work: add at the end, drop something of what `added` holds for this quarter, move something up."""
        dice = number(self._seed, "curator", day)
        new = self._additions(day)
        shelf.extend(new)
        added.extend(new)
        # What came first this quarter outlives it.
        droppable = [entry for entry in added[_KEPT:] if entry in shelf]
        if droppable and (dice % 7 == 0 or day.weekday() == _FRIDAY):
            shelf.remove(droppable[(dice >> 8) % len(droppable)])
        if (dice >> 24) % 8 == 0:
            shelf.insert(0, shelf.pop((dice >> 32) % len(shelf)))

    def _additions(self, day: date) -> list[Entry]:
        """Give what a day brings: a handful on Fridays, now and then one more."""
        dice = number(self._seed, "additions", day)
        count = 3 + dice % 2 if day.weekday() == _FRIDAY else dice % 5 // 4
        return [self._entry(day, place) for place in range(count)]

    def _entry(self, day: date, place: int) -> Entry:
        minute = 60 + 45 * place + number(self._seed, "minute", day, place) % 45
        song = number(self._seed, "choice", day, place) % LIBRARY_SONGS
        return Entry(SongRef(song), f"{day}T{minute // 60:02d}:{minute % 60:02d}:00Z", self._owner)

    def _classics(self) -> list[Entry]:
        songs = [SongRef(int(fraction(self._seed, "classic", place) * LIBRARY_SONGS)) for place in range(_CLASSICS - 2)]
        contents: list[Content] = [*songs, LocalFile("Garage Choir", "Demos & Dust", "Take Four", 181), EpisodeRef(41)]
        return [Entry(one, f"2019-{place + 1:02d}-03T04:10:00Z", self._owner) for place, one in enumerate(contents)]
