"""Rebuilding the tables from raw, with today's code. Asks nothing of Spotify."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from typing import Any

from ..errors import BadSetting, DamagedFile, NotKept
from ..lake.lake import Lake, Rank, rank, worth
from ..lake.schema import PUBLISHED
from ..lake.tables import to_json
from ..lake.tombstones import Tombstones, read_tombstones
from ..spotify.capture import UNCHANGED, Capture, from_raw
from ..spotify.entries import Origin, Row, entry_rows
from ..time_and_chance import World
from .judgement import judge, last_published, row_of, unchanged_row
from .named_users import users_of

# Less time than this is left (seconds): nothing further is begun.
_SHORTEST = 5.0
# Entries that are written at once: they wait in a temporary file.
_MOST = 250_000

# A raw document: its day and its key.
_Raw = tuple[date, str]


@dataclass(frozen=True)
class Replayed:
    """What a replay read, the days whose rows it changed (or would change), and where it was when the time was over:
    the (playlist, day) at which it is to be continued, and how many captures remain. Of the captures that stand in raw
    `purged` were left out because they were purged, and `damaged` (their keys, each with the reason) are no captures
    that can be read; the former are not among `captures`, the latter are."""

    captures: int
    changed: tuple[tuple[str, date], ...]
    left: tuple[str, date] | None = None
    remaining: int = 0
    purged: int = 0
    damaged: tuple[tuple[str, str], ...] = ()
    # Imported files that were read besides, where they are replayed too.
    imports: int = 0

    def to_json(self) -> dict[str, Any]:
        changed = [{"playlist_id": one, "snapshot_date": day.isoformat()} for one, day in self.changed]
        damaged = [{"raw_key": key, "problem": problem} for key, problem in self.damaged]
        counts = {"captures": self.captures, "imports": self.imports, "purged": self.purged}
        return counts | {"changed": changed, "damaged": damaged}


@dataclass
class _Course:
    """How far a replay is: the captures that are done with, those of them that were not judged, the days that are other
    ones now, and where the time was over."""

    total: int
    tell: Callable[[int, int], None]
    done: int = 0
    purged: int = 0
    damaged: list[tuple[str, str]] = field(default_factory=list)
    changed: list[tuple[str, date]] = field(default_factory=list)
    left: tuple[str, date] | None = None

    def one_more(self) -> None:
        self.done += 1
        self.tell(self.done, self.total)

    def compare(self, playlist_id: str, before: dict[date, str], after: dict[date, str]) -> None:
        """Note which days of a list are other ones, by their fingerprints."""
        days = sorted({*before, *after})
        self.changed += [(playlist_id, day) for day in days if before.get(day) != after.get(day)]

    def has_passed(self, playlist_id: str, day: date) -> bool:
        """Whether a day is done with. What comes after is counted by whoever goes on there."""
        return self.left is None or (playlist_id, day) < self.left


@dataclass(frozen=True)
class _Day:
    """A day's row, and where its entries come from: a raw document, or an earlier day that the lake holds."""

    row: Row
    rank: Rank
    raw_key: str | None = None
    held_since: date | None = None


def replay(
    lake: Lake,
    world: World,
    *,
    playlist_ids: Iterable[str] = (),
    first: date = date.min,
    last: date = date.max,
    start: tuple[str, date] | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Replayed:
    """Make the rows of both tables anew from every raw document of these playlists (none: all) and days.

    What raw does not tell stays as it is: days without raw, and days on which something newer stands. What was purged
    is not brought back, and a damaged document holds up no other. Interrupted and run again it does the same once more;
    where the process's time was over, `start` goes on at what was left. `progress` gets how many captures of how many
    are done. Raises `BadSetting`, and `NotKept` for a playlist without any raw document.
    """
    if first > last:
        raise BadSetting(f"The first day, {first}, is after the last one, {last}.", advice="Exchange them.")
    target = lake.dry_run() if dry_run else lake
    asked = _captures(lake, sorted(set(playlist_ids)), first, last, start)
    purged = read_tombstones(lake)
    found = [one for one in asked if not purged.covers_raw(*one[:2])]
    course = _Course(len(found), progress)
    for (playlist_id, year), group in groupby(found, key=lambda one: (one[0], one[1].year)):
        before = lake.fingerprints(playlist_id, year)
        remaining = _replay_year(target, world, playlist_id, [(day, key) for _, day, key in group], purged, course)
        course.compare(playlist_id, before, target.fingerprints(playlist_id, year))
        if remaining:
            course.left = playlist_id, remaining[0][0]
            break
    over = sum(purged.covers_raw(*one[:2]) and course.has_passed(*one[:2]) for one in asked)
    return Replayed(
        captures=course.done,
        changed=tuple(course.changed),
        left=course.left,
        remaining=course.total - course.done,
        purged=course.purged + over,
        damaged=tuple(course.damaged),
    )


def _captures(
    lake: Lake, playlist_ids: list[str], first: date, last: date, start: tuple[str, date] | None
) -> list[tuple[str, date, str]]:
    """Raw documents as (playlist, day, key), by playlist and day. Raises `NotKept`."""
    found: list[tuple[str, date, str]] = []
    for playlist_id in playlist_ids or [""]:
        those = list(lake.raw_keys(playlist_id))
        if playlist_id and not those:
            raise NotKept(f"The lake holds no raw document of playlist {playlist_id}; there is nothing to replay.")
        found += those
    return sorted(one for one in found if first <= one[1] <= last and (start is None or one[:2] >= start))


def _replay_year(
    lake: Lake, world: World, playlist_id: str, captures: list[_Raw], purged: Tombstones, course: _Course
) -> list[_Raw]:
    """Replay a year's captures while there is time; gives those that are left."""
    while captures and (course.done == 0 or world.time_left() > _SHORTEST):
        batch = _Batch(lake, world, playlist_id, captures)
        while captures and batch.has_room_for(captures[0][0]):
            batch.take(*captures[0], purged, course)
            captures = captures[1:]
            course.one_more()
        batch.write()
    return captures


class _Batch:
    """Days that are judged one after the other and written at once; `captures` are what is left of their year."""

    def __init__(self, lake: Lake, world: World, playlist_id: str, captures: list[_Raw]) -> None:
        self._lake = lake
        self._world = world
        self._playlist_id = playlist_id
        self._began = world.monotonic()
        self._known = lake.history(playlist_id, captures[-1][0])
        earlier = captures[0][0]
        self._history = [row for row in self._known if row["snapshot_date"] < earlier or _lost_raw(row)]
        self._days: dict[date, _Day] = {}

    def has_room_for(self, day: date) -> bool:
        """Whether a capture of that day should be judged before these are written."""
        if not self._days or day in self._days:
            return True
        entries = sum(made.row["entry_count"] or 0 for made in self._days.values())
        # Writing reads the raw documents again.
        needed = 2 * (self._world.monotonic() - self._began) + _SHORTEST
        return entries < _MOST and self._world.time_left() >= needed

    def take(self, day: date, key: str, purged: Tombstones, course: _Course) -> None:
        """Judge one capture, unless it was purged or is damaged."""
        try:
            data = self._lake.read_raw(key)
            capture = from_raw(data, self._lake.store.locate(key))
        except DamagedFile as error:
            course.damaged.append((key, error.message))
            self._keep_known(day, key)
            return
        if purged.users and purged.covers_any_user(users_of(capture), day):
            course.purged += 1
            return
        until = [row for row in self._history if row["snapshot_date"] <= day]
        made = _judged(self._lake, capture, day, _raw_facts(key, data), until, self._days)
        if day not in self._days or worth(made.row) >= worth(self._days[day].row):
            self._days[day] = made
            self._history = _with(self._history, [made.row])

    def _keep_known(self, day: date, key: str) -> None:
        """Later days may still stand on what was kept of a damaged document."""
        if day not in self._days:
            self._history = _with(self._history, [row for row in self._known if row["raw_key"] == key])

    def write(self) -> None:
        """Entries first, then the commits of the days that have these entries now."""
        if not self._days:
            return
        published = self._published()
        ranks = {day: made.rank for day, made in published.items()}
        captures = {day: made.row["capture_id"] for day, made in published.items()}
        entries = _entries(self._lake, self._playlist_id, published)
        placed = self._lake.put_days(self._playlist_id, ranks, entries, captures)
        rows = [
            made.row | {"entries_key": placed.keys[day] if day in placed.keys and made.row["entry_count"] else None}
            for day, made in sorted(self._days.items())
            if day not in placed.stayed
        ]
        self._lake.put_snapshots(self._playlist_id, min(self._days).year, rows)

    def _published(self) -> dict[date, _Day]:
        """The days whose entries are to be written."""
        published = {day: made for day, made in self._days.items() if made.row["status"] in PUBLISHED}
        for row in self._known:
            # An empty list has no entries that older ones would have to give way to.
            made = published.get(row["snapshot_date"])
            if made and not row["entry_count"] and worth(row) > worth(made.row):
                del published[row["snapshot_date"]]
        return published


def _with(history: list[Row], rows: list[Row]) -> list[Row]:
    """The history, by day, with these days' rows in place of its own."""
    given = {row["snapshot_date"] for row in rows}
    others = [row for row in history if row["snapshot_date"] not in given]
    return sorted([*others, *rows], key=lambda row: row["snapshot_date"])


def _lost_raw(row: Row) -> bool:
    """Whether it is a captured day whose raw document was purged: later days may still stand on it."""
    return row["raw_key"] is None and row["status"] in PUBLISHED and not (row["source"] or "").startswith("import:")


def _raw_facts(key: str, data: bytes) -> Row:
    return {"raw_key": key, "raw_sha256": hashlib.sha256(data).hexdigest()}


def _judged(lake: Lake, capture: Capture, day: date, raw: Row, history: list[Row], days: dict[date, _Day]) -> _Day:
    last = _meant(capture, day, history) if capture.proof == UNCHANGED else None
    if last is not None:
        row = unchanged_row(capture, day, raw, last)
        standing = days.get(last["snapshot_date"])
        if standing is not None:
            return replace(standing, row=row)
        held = lake.entries(capture.playlist_id, last["snapshot_date"])
        if held:
            return _Day(row, rank(held[0]["source"], held[0]["captured_at"]), held_since=last["snapshot_date"])
    row, _ = judge(capture, day, raw, history)
    return _Day(row, rank(capture.source, capture.captured_at), raw["raw_key"])


def _meant(capture: Capture, day: date, history: list[Row]) -> Row | None:
    """The day whose list an unchanged one is: where that day's document is damaged, an earlier one is another list."""
    told = row_of(capture, day)
    same = [row for row in history if all(row[name] == told[name] for name in ("snapshot_id", "total"))]
    return last_published([row for row in same if row["snapshot_date"] < day])


def _entries(lake: Lake, playlist_id: str, days: dict[date, _Day]) -> Iterator[Row]:
    for day, made in days.items():
        if made.raw_key:
            capture = from_raw(lake.read_raw(made.raw_key), lake.store.locate(made.raw_key))
            origin = Origin(day, playlist_id, capture.captured_at, capture.capture_id, capture.source)
            yield from entry_rows(capture.pages(), origin)
        elif made.held_since:
            for entry in lake.entries(playlist_id, made.held_since):
                yield to_json(entry) | {"snapshot_date": day.isoformat()}
