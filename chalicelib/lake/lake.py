"""The lake: raw captures, the table of entries in segments, the table of snapshots as the commit, and some state.

A table object has one writer, its playlist. Every write is a compare-and-swap decided from the object as just read, so
any number of runs of one day, at once or one after another, end in the same lake.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ..errors import DamagedFile
from ..time_and_chance import World
from . import keys
from .schema import ENTRIES, PUBLISHED, SNAPSHOTS
from .store import Conflict, ObjectStore, Stored, update
from .tables import Row, Scratch, Tables, to_json

# A rewrite of a segment of this many rows takes half a second and 290 MB; a year of a Top 50 is a tenth of it.
SEGMENT_ROWS = 250_000

Rank = tuple[int, datetime]

# Where two sources tell of one day, what was read from Spotify wins over anything else, and a copy over nothing but
# what was invented.
_TRUST = {"spotify": 3, "simulator": 0}
_OTHER_TRUST = 2
_COPY, _TRUST_OF_COPY = "import:chartlake-export:", 1


@dataclass(frozen=True)
class Placed:
    """The segment's key of each day that was given; the days whose entries are new or other than before; and those on
    which other entries stay, since they are worth more."""

    keys: dict[date, str]
    changed: set[date]
    stayed: set[date]


class Lake:
    """One lake in one store."""

    def __init__(self, store: ObjectStore, world: World, segment_rows: int = SEGMENT_ROWS) -> None:
        self.store = store
        self._world = world
        self._segment_rows = segment_rows
        self._tables = Tables()

    def scratch(self, what: str) -> AbstractContextManager[Scratch]:
        """Room for SQL over objects of this lake, known to a person as `what`."""
        return self._tables.scratch(what)

    def folder(self) -> AbstractContextManager[Path]:
        """A temporary folder for rows that are to be put into this lake."""
        return self._tables.folder()

    def now(self) -> datetime:
        """The moment, as whoever opened the lake tells it."""
        return self._world.now()

    # Raw captures.

    def put_raw(self, playlist_id: str, day: date, captured_at: datetime, capture_id: str, data: bytes) -> Row:
        """Keep a capture's document for ever; gives `raw_key` and `raw_sha256` for the snapshot's row."""
        key = keys.raw(playlist_id, day, captured_at, capture_id)
        try:
            self.store.create(key, data)
        except Conflict:
            raise DamagedFile(f"{self.store.locate(key)} exists already with other content.") from None
        return {"raw_key": key, "raw_sha256": hashlib.sha256(data).hexdigest()}

    def raw_keys(self, playlist_id: str = "") -> Iterable[tuple[str, date, str]]:
        """Every raw document as (playlist_id, day, key), a playlist's in the order in which they were captured."""
        for key in self.store.list(keys.raw_prefix(playlist_id)):
            owner = keys.raw_owner(key)
            if owner:
                yield *owner, key

    def read_raw(self, key: str) -> bytes:
        """A raw document's bytes. Raises `DamagedFile` where it is gone."""
        found = self.store.get(key)
        if found is None:
            raise DamagedFile(f"{self.store.locate(key)} is gone.")
        return found.data

    # Entries.

    def put_entries(self, playlist_id: str, day: date, captured_at: datetime, source: str, rows: Iterable[Row]) -> str:
        """Make these the day's entries, unless newer ones (or a more trusted source's) are there; gives the key."""
        return self.put_days(playlist_id, {day: rank(source, captured_at)}, rows).keys[day]

    def put_days(self, playlist_id: str, ranks: Mapping[date, Rank], rows: Iterable[Row] | Path) -> Placed:
        """Do `put_entries` for many days, with one write a segment, and none where nothing is new.

        `ranks` names the days and what each is worth beside what is there already; `rows` are theirs, in any order, or
        a file of them (`tables.packed`).
        """
        with self._tables.scratch(f"the entries of {playlist_id}") as scratch:
            return self._put_days(scratch, playlist_id, ranks, scratch.rows(rows, ENTRIES))

    def carry_entries(self, playlist_id: str, earlier: date, day: date) -> str:
        """Let the entries of an earlier day stand for `day` too, with their own capture and moment."""
        held = self.entries(playlist_id, earlier)
        if not held:
            where = f"the entries of {playlist_id} of {earlier}"
            raise DamagedFile(f"{where} are missing, though the day is committed.", advice="Run `chartlake replay`.")
        rows = (to_json(entry) | {"snapshot_date": day.isoformat()} for entry in held)
        return self.put_entries(playlist_id, day, held[0]["captured_at"], held[0]["source"], rows)

    def entries(self, playlist_id: str, day: date) -> list[Row]:
        """A day's entries in order; [] where there are none."""
        with self._tables.scratch(f"the entries of {playlist_id} of {day}") as scratch:
            _, found = self._find_segment(scratch, playlist_id, day)
            if found is None:
                return []
            kept = scratch.parquet(found.data, ENTRIES)
            return scratch.read(f"SELECT * FROM {kept} WHERE snapshot_date = DATE '{day}' ORDER BY position")

    def captures_of_day(self, playlist_id: str, day: date) -> list[str]:
        """The capture ids of a day's entries: one, where they are there."""
        with self._tables.scratch(f"the entries of {playlist_id} of {day}") as scratch:
            _, found = self._find_segment(scratch, playlist_id, day)
            if found is None:
                return []
            rows = f"{scratch.parquet(found.data, ENTRIES)} WHERE snapshot_date = DATE '{day}'"
            return [row["capture_id"] for row in scratch.read(f"SELECT DISTINCT capture_id FROM {rows}")]

    def captures_of_year(self, playlist_id: str, year: int) -> dict[date, str]:
        """The capture id of the entries of each day that has any."""
        found = (row for key in self.segment_keys(playlist_id, year) for row in self.segment_days(key))
        return {row["snapshot_date"]: row["capture_id"] for row in found}

    def segment_keys(self, playlist_id: str, year: int) -> list[str]:
        """A playlist's segments of a year, oldest first."""
        return [keys.segment(playlist_id, first) for first in sorted(self._segment_starts(playlist_id, year))]

    def segment_days(self, key: str) -> list[Row]:
        """What a segment holds: a row (snapshot_date, capture_id, entries, positions) for each of its days."""
        with self._tables.scratch(self.store.locate(key)) as scratch:
            found = self.store.get(key)
            if found is None:
                return []
            return scratch.read(
                "SELECT snapshot_date, any_value(capture_id) AS capture_id, count(*) AS entries, "
                "count(DISTINCT position) AS positions, count(DISTINCT capture_id) AS captures "
                f"FROM {scratch.parquet(found.data, ENTRIES)} GROUP BY snapshot_date ORDER BY snapshot_date"
            )

    def _put_days(self, scratch: Scratch, playlist_id: str, ranks: Mapping[date, Rank], relation: str) -> Placed:
        given = _contents(scratch, relation)
        counts = {day: rows for day, (rows, _) in given.items()}
        todo, placed = sorted(ranks), Placed({}, set(), set())
        while todo:
            batch: list[date] = []
            changed: list[date] = []
            stayed: list[date] = []

            def find(todo: list[date] = todo, batch: list[date] = batch) -> tuple[str, Stored | None]:
                key, found = self._find_segment(scratch, playlist_id, todo[0])
                batch[:] = self._days_of_segment(scratch, playlist_id, key, found, todo, counts)
                return key, found

            def change(
                old: bytes | None,
                batch: list[date] = batch,
                changed: list[date] = changed,
                stayed: list[date] = stayed,
            ) -> bytes | None:
                kept = scratch.parquet(old, ENTRIES) if old is not None else None
                changed[:], stayed[:] = _fresh(scratch, kept, given, {day: ranks[day] for day in batch})
                return _merged(scratch, kept, relation, changed) if changed else None

            key = update(self.store, find, change, self._world)
            placed.keys.update(dict.fromkeys(batch, key))
            placed.changed.update(changed)
            placed.stayed.update(stayed)
            todo = todo[len(batch) :]
        return placed

    def _days_of_segment(
        self,
        scratch: Scratch,
        playlist_id: str,
        key: str,
        found: Stored | None,
        todo: list[date],
        counts: Mapping[date, int],
    ) -> list[date]:
        """The first days of `todo`, as many as go into this segment one after the other."""
        days = [day for day in todo if day.year == todo[0].year]
        if len(days) == 1:
            return days
        starts = self._segment_starts(playlist_id, days[0].year)
        end = min((first for first in starts if first > days[0]), default=date.max)
        rows, last = 0, date.min
        if found is not None:
            held = _extent(scratch, found.data)
            rows, last = held["rows"], held["last"] or date.min
        taken = [days[0]]
        for day in days[1:]:
            rows += counts.get(taken[-1], 0) if taken[-1] > last else 0
            if day >= end or (day > last and rows >= self._segment_rows):
                break
            taken.append(day)
        return taken

    def _segment_starts(self, playlist_id: str, year: int) -> list[date]:
        found = self.store.list(keys.segments_prefix(playlist_id, year))
        return [first for key in found if (first := keys.segment_first_day(key, playlist_id, year))]

    def _find_segment(self, scratch: Scratch, playlist_id: str, day: date) -> tuple[str, Stored | None]:
        """The segment that `day` belongs to, as it is now (None: `day` starts it)."""
        starts = [first for first in self._segment_starts(playlist_id, day.year) if first <= day]
        if not starts:
            return keys.segment(playlist_id, day), None
        key = keys.segment(playlist_id, max(starts))
        found = self.store.get(key)
        if found is not None and max(starts) != day:
            held = _extent(scratch, found.data)
            if held["rows"] >= self._segment_rows and held["last"] < day:
                key = keys.segment(playlist_id, day)
                return key, self.store.get(key)
        return key, found

    # Snapshots: the commit.

    def put_snapshot(self, row: Mapping[str, Any]) -> bool:
        """Commit what a day is worth; False where a better or newer row stands already.

        A success replaces a failure and never the other way round; of two equals the newer `captured_at` stays.
        """
        return bool(self.put_snapshots(row["playlist_id"], row["snapshot_date"].year, [row]))

    def put_snapshots(self, playlist_id: str, year: int, rows: Iterable[Mapping[str, Any]]) -> list[date]:
        """Do `put_snapshot` for many days of one year with one write; gives the days whose row is now the given one."""
        key = keys.snapshots(playlist_id, year)
        given = {row["snapshot_date"]: row for row in rows}
        placed: list[date] = []

        def change(old: bytes | None) -> bytes | None:
            kept = scratch.parquet(old, SNAPSHOTS) if old is not None else ""
            facts = f"SELECT snapshot_date, status, source, captured_at FROM {kept}"
            there = scratch.read(f"{facts} WHERE snapshot_date IN ({_dates(given)})") if kept and given else []
            better = {row["snapshot_date"] for row in there if worth(row) > worth(given[row["snapshot_date"]])}
            placed[:] = [day for day in given if day not in better]
            if not placed:
                return None
            selects = [f"SELECT * FROM {scratch.rows([to_json(given[day]) for day in placed], SNAPSHOTS)}"]
            if kept:
                selects.append(f"SELECT * FROM {kept} WHERE snapshot_date NOT IN ({_dates(placed)})")
            return scratch.write(f"SELECT * FROM ({' UNION ALL '.join(selects)}) ORDER BY snapshot_date")

        with self._tables.scratch(self.store.locate(key)) as scratch:
            update(self.store, lambda: (key, self.store.get(key)), change, self._world)
        return placed

    def snapshots(self, playlist_id: str, year: int) -> list[Row]:
        """A playlist's rows of a year, by day."""
        key = keys.snapshots(playlist_id, year)
        found = self.store.get(key)
        if found is None:
            return []
        with self._tables.scratch(self.store.locate(key)) as scratch:
            return scratch.read(f"SELECT * FROM {scratch.parquet(found.data, SNAPSHOTS)} ORDER BY snapshot_date")

    def snapshot(self, playlist_id: str, day: date) -> Row | None:
        """The row of one day."""
        return next((row for row in self.snapshots(playlist_id, day.year) if row["snapshot_date"] == day), None)

    def committed(self, playlist_id: str, day: date) -> tuple[Row, list[Row]]:
        """A published day's row, and the entries that it commits, in order. Raises `DamagedFile` where they are not all
        there."""
        row, entries = self.snapshot(playlist_id, day), self.entries(playlist_id, day)
        count = row["entry_count"] if row else 0
        if row is None or len(entries) != count:
            raise DamagedFile(
                f"playlist {playlist_id}, {day}: {len(entries)} entries are there, {count} were committed.",
                advice="`chartlake verify` tells what is wrong; `chartlake replay` rebuilds days from raw.",
            )
        return row, entries

    def history(self, playlist_id: str, until: date) -> list[Row]:
        """The rows of this year and the last one up to and including `until`, by day."""
        rows = self.snapshots(playlist_id, until.year - 1) + self.snapshots(playlist_id, until.year)
        return [row for row in rows if row["snapshot_date"] <= until]

    def held(self) -> list[tuple[str, int]]:
        """Every (playlist, year) that has anything in a table, be it committed or not."""
        segments = {keys.segment_owner(key) for key in self.store.list(keys.ENTRIES)}
        return sorted(set(self.tried()) | {owner for owner in segments if owner})

    def tried(self) -> list[tuple[str, int]]:
        """Every (playlist, year) that has snapshots."""
        return [owner for key in self.store.list(keys.SNAPSHOTS) if (owner := keys.snapshots_owner(key))]

    def strays(self) -> list[str]:
        """What lies among the tables and is no playlist's: another one's copy is read by whoever takes all files."""
        entries = (key for key in self.store.list(keys.ENTRIES) if not keys.segment_owner(key))
        snapshots = (key for key in self.store.list(keys.SNAPSHOTS) if not keys.snapshots_owner(key))
        return [key for key in (*entries, *snapshots) if not key.rpartition("/")[2].startswith(("_", "."))]

    def fingerprints(self, playlist_id: str, year: int) -> dict[date, str]:
        """For each day a text that is another one as soon as any value of its rows, in either table, is."""
        prints = {row["snapshot_date"]: repr(sorted(row.items())) for row in self.snapshots(playlist_id, year)}
        for key in self.segment_keys(playlist_id, year):
            with self._tables.scratch(self.store.locate(key)) as scratch:
                found = self.store.get(key)
                rows = scratch.parquet(found.data, ENTRIES) if found else ""
                for day, content in _contents(scratch, rows).items() if rows else ():
                    prints[day] = f"{prints.get(day, '')} {content}"
        return prints

    # Removal.

    def remove_rows(self, key: str, schema: Mapping[str, str], where: str, parameters: Mapping[str, Any]) -> int:
        """Take the rows that the SQL condition names out of a table object, and delete an object that has no rows
        left; gives how many went."""
        return self._without(key, schema, where, parameters, lambda kept: f"FROM {kept} WHERE ({where}) IS NOT TRUE")

    def forget(
        self, key: str, schema: Mapping[str, str], columns: Iterable[str], where: str, parameters: Mapping[str, Any]
    ) -> int:
        """Make columns null in the rows that the SQL condition names; gives in how many."""
        nulls = ", ".join(f'CASE WHEN {where} THEN NULL ELSE "{name}" END AS "{name}"' for name in columns)
        return self._without(key, schema, where, parameters, lambda kept: f"SELECT * REPLACE ({nulls}) FROM {kept}")

    def _without(
        self,
        key: str,
        schema: Mapping[str, str],
        where: str,
        parameters: Mapping[str, Any],
        query: Callable[[str], str],
    ) -> int:
        order = "snapshot_date, position" if "position" in schema else "snapshot_date"
        touched = 0

        def change(old: bytes | None) -> bytes | None:
            nonlocal touched
            kept = scratch.parquet(old, schema) if old is not None else ""
            counted = f"SELECT count(*) AS rows FROM {kept} WHERE {where}"
            touched = scratch.read(counted, parameters)[0]["rows"] if kept else 0
            return scratch.write(f"{query(kept)} ORDER BY {order}", parameters) if touched else None

        with self._tables.scratch(self.store.locate(key)) as scratch:
            update(self.store, lambda: (key, self.store.get(key)), change, self._world)
            left = self.store.get(key)
            if left is not None and _extent(scratch, left.data, schema)["rows"] == 0:
                self.store.delete(key)
        return touched

    # Small state.

    def read_state(self, key: str) -> dict[str, Any]:
        """A small JSON object; {} where there is none."""
        found = self.store.get(key)
        return _state(found.data, self.store.locate(key)) if found else {}

    def update_state(self, key: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change a small JSON object by compare-and-swap."""

        def changed(old: bytes | None) -> bytes:
            state = change(_state(old, self.store.locate(key)) if old else {})
            return json.dumps(state, indent=2, sort_keys=True).encode() + b"\n"

        update(self.store, lambda: (key, self.store.get(key)), changed, self._world)


def _state(data: bytes, name: str) -> dict[str, Any]:
    try:
        state = json.loads(data)
    except ValueError as error:
        raise DamagedFile(f"{name} is not JSON: {error}", advice="Delete the file; it is made again.") from error
    return state if isinstance(state, dict) else {}


def rank(source: str, captured_at: datetime) -> Rank:
    """What a capture is worth beside another one of its day: the higher one stays."""
    trust = _TRUST_OF_COPY if source.startswith(_COPY) else _TRUST.get(source, _OTHER_TRUST)
    return trust, captured_at.astimezone(UTC)


def worth(row: Mapping[str, Any]) -> tuple[bool, int, datetime]:
    """What a snapshot's row is worth beside another one of its day: the higher one stays."""
    return row["status"] in PUBLISHED, *rank(row["source"] or "", row["captured_at"])


def _contents(scratch: Scratch, relation: str, where: str = "true") -> dict[date, tuple[int, int]]:
    """How many rows each day has, and a number that is another one as soon as any of their values is."""
    rows = scratch.read(
        "SELECT snapshot_date, count(*) AS rows, sum(hash(entry)) AS digest "
        f"FROM {relation} AS entry WHERE {where} GROUP BY snapshot_date"
    )
    return {row["snapshot_date"]: (row["rows"], row["digest"]) for row in rows}


def _fresh(
    scratch: Scratch, kept: str | None, given: Mapping[date, tuple[int, int]], ranks: Mapping[date, Rank]
) -> tuple[list[date], list[date]]:
    """The days that are other than in the segment `kept`: those that are to be written, and those that are worth more
    there."""
    if kept is None:
        return [day for day in ranks if day in given], []
    those = f"snapshot_date IN ({_dates(ranks)})"
    facts = scratch.read(
        f"SELECT snapshot_date, source, max(captured_at) AS captured_at FROM {kept} WHERE {those} "
        "GROUP BY snapshot_date, source"
    )
    better = {f["snapshot_date"] for f in facts if rank(f["source"], f["captured_at"]) > ranks[f["snapshot_date"]]}
    there = _contents(scratch, kept, those)
    other = [day for day in ranks if given.get(day) != there.get(day)]
    return [day for day in other if day not in better], [day for day in other if day in better]


def _merged(scratch: Scratch, kept: str | None, relation: str, days: Iterable[date]) -> bytes:
    """A segment with these days from `relation` in place of its own."""
    sources = [f"{relation} WHERE snapshot_date IN ({_dates(days)})"]
    if kept:
        sources.append(f"{kept} WHERE snapshot_date NOT IN ({_dates(days)})")
    columns = ", ".join(f'"{name}"' for name in ENTRIES)
    selects = " UNION ALL ".join(f"SELECT {columns} FROM {source}" for source in sources)
    return scratch.write(f"SELECT * FROM ({selects}) ORDER BY snapshot_date, position")


def _extent(scratch: Scratch, data: bytes, schema: Mapping[str, str] = ENTRIES) -> Row:
    return scratch.read(f"SELECT count(*) AS rows, max(snapshot_date) AS last FROM {scratch.parquet(data, schema)}")[0]


def _dates(days: Iterable[date]) -> str:
    return ", ".join(f"DATE '{day}'" for day in days)
