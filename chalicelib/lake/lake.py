"""The lake: raw captures, the table of entries in segments, the table of snapshots as the commit, and some state.

A table object has one writer, its playlist. Every write is a compare-and-swap decided from the object as just read, so
any number of runs of one day, at once or one after another, end in the same lake.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from ..errors import DamagedFile
from ..world import World
from . import keys
from .schema import ENTRIES, PUBLISHED, SNAPSHOTS
from .store import Conflict, ObjectStore, Stored, update
from .tables import Row, Scratch, Tables, to_json

# A rewrite of a segment of this many rows takes half a second and 290 MB; a year of a Top 50 is a tenth of it.
SEGMENT_ROWS = 250_000

# Where two sources tell of one day, what was read from Spotify wins over anything else.
_TRUST = {"spotify": 2, "simulator": 0}
_OTHER_TRUST = 1


class Lake:
    """One lake in one store."""

    def __init__(self, store: ObjectStore, world: World, segment_rows: int = SEGMENT_ROWS) -> None:
        self.store = store
        self._world = world
        self._segment_rows = segment_rows
        self._tables = Tables()

    # Raw captures.

    def put_raw(self, playlist_id: str, day: date, captured_at: datetime, capture_id: str, data: bytes) -> Row:
        """Keep a capture's document for ever; gives `raw_key` and `raw_sha256` for the snapshot's row."""
        key = keys.raw(playlist_id, day, captured_at, capture_id)
        try:
            self.store.create(key, data)
        except Conflict:
            raise DamagedFile(f"{self.store.locate(key)} exists already with other content.") from None
        return {"raw_key": key, "raw_sha256": hashlib.sha256(data).hexdigest()}

    # Entries.

    def put_entries(self, playlist_id: str, day: date, captured_at: datetime, source: str, rows: Iterable[Row]) -> str:
        """Make these the day's entries, unless newer ones (or a more trusted source's) are there; gives the key."""
        with self._tables.scratch(f"the entries of {playlist_id} of {day}") as scratch:
            relation = scratch.rows(rows, ENTRIES)
            return self._rewrite(scratch, playlist_id, day, relation, _rank(source, captured_at))

    def carry_entries(self, playlist_id: str, earlier: date, day: date) -> str:
        """Let the entries of an earlier day stand for `day` too, with their own capture and moment."""
        with self._tables.scratch(f"the entries of {playlist_id} of {earlier}") as scratch:
            key, found = self._find_segment(scratch, playlist_id, earlier)
            if found is None:
                raise DamagedFile(f"{self.store.locate(key)} is missing, but {earlier} is committed as complete.")
            earlier_rows = f"(SELECT * FROM {scratch.parquet(found.data)} WHERE snapshot_date = DATE '{earlier}')"
            facts = scratch.read(f"SELECT source, max(captured_at) AS captured_at FROM {earlier_rows} GROUP BY source")
            if not facts:
                raise DamagedFile(f"{self.store.locate(key)} lacks {earlier}, which is committed as complete.")
            relation = f"(SELECT * REPLACE (DATE '{day}' AS snapshot_date) FROM {earlier_rows})"
            return self._rewrite(
                scratch, playlist_id, day, relation, _rank(facts[0]["source"], facts[0]["captured_at"])
            )

    def entries(self, playlist_id: str, day: date) -> list[Row]:
        """A day's entries in order; [] where there are none."""
        with self._tables.scratch(f"the entries of {playlist_id} of {day}") as scratch:
            _, found = self._find_segment(scratch, playlist_id, day)
            if found is None:
                return []
            return scratch.read(
                f"SELECT * FROM {scratch.parquet(found.data)} WHERE snapshot_date = DATE '{day}' ORDER BY position"
            )

    def captures_of_day(self, playlist_id: str, day: date) -> list[str]:
        """The capture ids of a day's entries: one, where they are there."""
        with self._tables.scratch(f"the entries of {playlist_id} of {day}") as scratch:
            _, found = self._find_segment(scratch, playlist_id, day)
            if found is None:
                return []
            rows = f"{scratch.parquet(found.data)} WHERE snapshot_date = DATE '{day}'"
            return [row["capture_id"] for row in scratch.read(f"SELECT DISTINCT capture_id FROM {rows}")]

    def segment_keys(self, playlist_id: str, year: int) -> list[str]:
        """A playlist's segments of a year, oldest first."""
        found = self.store.list(keys.segments_prefix(playlist_id, year))
        return [key for key in found if keys.segment_first_day(key, playlist_id, year)]

    def segment_days(self, key: str) -> list[Row]:
        """What a segment holds: a row (snapshot_date, capture_id, entries, positions) for each of its days."""
        with self._tables.scratch(self.store.locate(key)) as scratch:
            found = self.store.get(key)
            if found is None:
                return []
            return scratch.read(
                "SELECT snapshot_date, any_value(capture_id) AS capture_id, count(*) AS entries, "
                "count(DISTINCT position) AS positions, count(DISTINCT capture_id) AS captures "
                f"FROM {scratch.parquet(found.data)} GROUP BY snapshot_date ORDER BY snapshot_date"
            )

    def _rewrite(self, scratch: Scratch, playlist_id: str, day: date, relation: str, rank: tuple[int, datetime]) -> str:
        def change(old: bytes | None) -> bytes | None:
            sources = [relation]
            if old is not None:
                kept = scratch.parquet(old)
                there = scratch.read(
                    "SELECT source, max(captured_at) AS captured_at "
                    f"FROM {kept} WHERE snapshot_date = DATE '{day}' GROUP BY source"
                )
                if any(_rank(row["source"], row["captured_at"]) > rank for row in there):
                    return None
                sources.insert(0, f"{kept} WHERE snapshot_date <> DATE '{day}'")
            columns = ", ".join(f'"{name}"' for name in ENTRIES)
            selects = " UNION ALL ".join(f"SELECT {columns} FROM {source}" for source in sources)
            if old is None and not scratch.read(f"SELECT 1 FROM {relation} LIMIT 1"):
                return None  # an empty list needs no segment
            return scratch.write(f"SELECT * FROM ({selects}) ORDER BY snapshot_date, position")

        return update(self.store, lambda: self._find_segment(scratch, playlist_id, day), change, self._world)

    def _find_segment(self, scratch: Scratch, playlist_id: str, day: date) -> tuple[str, Stored | None]:
        """The segment that `day` belongs to, as it is now (None: `day` starts it)."""
        starts = [
            first
            for key in self.store.list(keys.segments_prefix(playlist_id, day.year))
            if (first := keys.segment_first_day(key, playlist_id, day.year)) and first <= day
        ]
        if not starts:
            return keys.segment(playlist_id, day), None
        key = keys.segment(playlist_id, max(starts))
        found = self.store.get(key)
        if found is not None and max(starts) != day:
            held = scratch.read(
                f"SELECT count(*) AS rows, max(snapshot_date) AS last FROM {scratch.parquet(found.data)}"
            )[0]
            if held["rows"] >= self._segment_rows and held["last"] < day:
                key = keys.segment(playlist_id, day)
                return key, self.store.get(key)
        return key, found

    # Snapshots: the commit.

    def put_snapshot(self, row: Mapping[str, Any]) -> bool:
        """Commit what a day is worth; False where a better or newer row stands already.

        A success replaces a failure and never the other way round; of two equals the newer `captured_at` stays.
        """
        day, playlist_id = row["snapshot_date"], row["playlist_id"]
        key = keys.snapshots(playlist_id, day.year)
        written = False
        with self._tables.scratch(self.store.locate(key)) as scratch:
            relation = scratch.rows([to_json(row)], SNAPSHOTS)

            def change(old: bytes | None) -> bytes | None:
                nonlocal written
                selects = [f"SELECT * FROM {relation}"]
                if old is not None:
                    kept = scratch.parquet(old)
                    there = scratch.read(f"SELECT * FROM {kept} WHERE snapshot_date = DATE '{day}'")
                    if there and _worth(there[0]) > _worth(row):
                        written = False
                        return None
                    selects.append(f"SELECT * FROM {kept} WHERE snapshot_date <> DATE '{day}'")
                written = True
                return scratch.write(f"SELECT * FROM ({' UNION ALL '.join(selects)}) ORDER BY snapshot_date")

            update(self.store, lambda: (key, self.store.get(key)), change, self._world)
        return written

    def snapshots(self, playlist_id: str, year: int) -> list[Row]:
        """A playlist's rows of a year, by day."""
        key = keys.snapshots(playlist_id, year)
        found = self.store.get(key)
        if found is None:
            return []
        with self._tables.scratch(self.store.locate(key)) as scratch:
            return scratch.read(f"SELECT * FROM {scratch.parquet(found.data)} ORDER BY snapshot_date")

    def snapshot(self, playlist_id: str, day: date) -> Row | None:
        """The row of one day."""
        return next((row for row in self.snapshots(playlist_id, day.year) if row["snapshot_date"] == day), None)

    def history(self, playlist_id: str, until: date) -> list[Row]:
        """The rows of this year and the last one up to and including `until`, by day."""
        rows = self.snapshots(playlist_id, until.year - 1) + self.snapshots(playlist_id, until.year)
        return [row for row in rows if row["snapshot_date"] <= until]

    def tried(self) -> list[tuple[str, int]]:
        """Every (playlist, year) that has snapshots."""
        found = self.store.list(keys.SNAPSHOTS)
        return [(keys.playlist_of_snapshots(key), keys.year_of(key)) for key in found if key.endswith(".parquet")]

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


def _rank(source: str, captured_at: datetime) -> tuple[int, datetime]:
    return _TRUST.get(source, _OTHER_TRUST), captured_at.astimezone(UTC)


def _worth(row: Mapping[str, Any]) -> tuple[bool, int, datetime]:
    return row["status"] in PUBLISHED, *_rank(row["source"] or "", row["captured_at"])
