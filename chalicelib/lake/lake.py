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
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ..errors import DamagedFile
from ..time_and_chance import World
from . import keys
from .days import Content, DayScratch, DayTables, Files, Held
from .marks import only_alive, with_mark, without
from .schema import AUDIO_FEATURES, ENTRIES, PUBLISHED, SNAPSHOTS, Status, empty_row
from .store import Conflict, DryRun, ObjectStore, Plan, Stored, carry_out, update
from .tables import Row, Scratch, to_json

# A rewrite of a segment of this many rows takes half a second and 290 MB; a year of a Top 50 is a tenth of it.
SEGMENT_ROWS = 250_000
_AT_ANY_TIME = datetime.max.replace(tzinfo=UTC)

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


@dataclass(frozen=True)
class Year:
    """A playlist's rows of a year, by day, and the object that held them (None: there is none)."""

    playlist_id: str
    number: int
    found: Stored | None
    rows: list[Row]


@dataclass(frozen=True)
class _Segment:
    """A segment as just read (None: not there yet), what it holds, and its last day."""

    key: str
    found: Stored | None
    relation: str
    rows: int = 0
    last: date = date.min


@dataclass(frozen=True)
class _Given:
    """Days that are to be put: what each is worth, the relation of their entries, and the captures that are going to
    commit some of them."""

    playlist_id: str
    ranks: Mapping[date, Rank]
    relation: str
    scratch: DayScratch
    named: Mapping[date, str]

    @cached_property
    def contents(self) -> Mapping[date, Content]:
        """What each day has; asked for only where there is something to compare it with."""
        return self.scratch.contents(self.relation)

    @cached_property
    def held(self) -> Mapping[date, Held]:
        """The same, where nothing is to be compared."""
        return self.scratch.held(self.relation)

    @cached_property
    def captures(self) -> Mapping[date, str]:
        """The capture that is going to commit each day: the one that was named, else that of its entries."""
        if self.named.keys() >= self.ranks.keys():
            return self.named
        return {day: held.capture_id for day, held in self.held.items()} | dict(self.named)

    def some(self, days: Iterable[date]) -> list[date]:
        """Those of the days that have any entry."""
        if len(self.ranks) > 1:
            return [day for day in days if day in self.held]
        return list(days) if self.scratch.extent(self.relation)[0] else []


@dataclass(frozen=True)
class _SegmentPlan(Plan):
    """What is to become of a segment: its days, and of these the ones to write and the ones that stay."""

    days: list[date]
    changed: list[date]
    stayed: list[date]


@dataclass(frozen=True)
class _RowsPlan(Plan):
    """What is to become of a year's rows, and the rows that stood on the days in question."""

    before: dict[date, Row]


class Lake:
    """One lake in one store."""

    def __init__(
        self, store: ObjectStore, world: World, segment_rows: int = SEGMENT_ROWS, tables: DayTables | None = None
    ) -> None:
        self.store = store
        self._world = world
        self._segment_rows = segment_rows
        self._tables = tables or DayTables()

    def scratch(self, what: str) -> AbstractContextManager[Scratch]:
        """Room for SQL over objects of this lake, known to a person as `what`."""
        return self._tables.scratch(what)

    def folder(self) -> AbstractContextManager[Path]:
        """A temporary folder for rows that are to be put into this lake."""
        return self._tables.folder()

    def dry_run(self) -> Lake:
        """This lake as a place to try a job: what is written or deleted stays in memory."""
        return Lake(DryRun(self.store), self._world, self._segment_rows, self._tables)

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

    def put_days(
        self,
        playlist_id: str,
        ranks: Mapping[date, Rank],
        rows: Iterable[Row] | Path | Files,
        captures: Mapping[date, str] | None = None,
    ) -> Placed:
        """Make these the entries of some days, unless newer ones (or a more trusted source's) are there; with one write
        a segment, and none where nothing is new.

        `ranks` names the days and what each is worth beside what is there already; `rows` are theirs, in any order, or
        in files. Where they take the place of others the day is marked first (see `marks`), by the id in `captures` of
        the capture that is going to commit it, else by that of its entries. A day on which other entries stay must not
        be committed by whoever gave these.
        """
        with self._tables.open(f"the entries of {playlist_id}") as scratch:
            relation = scratch.rows(rows, ENTRIES)
            return self._put_days(scratch, _Given(playlist_id, ranks, relation, scratch, captures or {}))

    def carry_entries(self, playlist_id: str, earlier: date, day: date, capture_id: str) -> Placed:
        """Let the entries of an earlier day stand for `day` too, with their own capture and moment; `capture_id` is
        that of the capture which commits them. See `put_days`."""
        held = self.entries(playlist_id, earlier)
        if not held:
            where = f"the entries of {playlist_id} of {earlier}"
            raise DamagedFile(f"{where} are missing, though the day is committed.", advice="Run `chartlake replay`.")
        rows = (to_json(entry) | {"snapshot_date": day.isoformat()} for entry in held)
        worth_of_held = rank(held[0]["source"], held[0]["captured_at"])
        return self.put_days(playlist_id, {day: worth_of_held}, rows, {day: capture_id})

    def entries(self, playlist_id: str, day: date) -> list[Row]:
        """A day's entries in order; [] where there are none."""
        with self._tables.open(f"the entries of {playlist_id} of {day}") as scratch:
            kept = self._find_segment(scratch, playlist_id, day).relation
            return scratch.select(kept, ENTRIES, [day])

    def segment_of(self, playlist_id: str, day: date) -> str:
        """The key of the segment that a day belongs to."""
        with self._tables.open(f"the entries of {playlist_id} of {day}") as scratch:
            return self._find_segment(scratch, playlist_id, day).key

    def captures_of_day(self, playlist_id: str, day: date) -> list[str]:
        """The capture ids of a day's entries: one, where they are there."""
        with self._tables.open(f"the entries of {playlist_id} of {day}") as scratch:
            kept = self._find_segment(scratch, playlist_id, day).relation
            return sorted({row["capture_id"] for row in scratch.select(kept, ENTRIES, [day])})

    def captures_of_year(self, playlist_id: str, year: int) -> dict[date, str]:
        """The capture id of the entries of each day that has any."""
        found: dict[date, str] = {}
        for key in self.segment_keys(playlist_id, year):
            with self._tables.open(self.store.locate(key)) as scratch:
                if stored := self.store.get(key):
                    held = scratch.held(scratch.parquet(stored.data, ENTRIES))
                    found |= {day: one.capture_id for day, one in held.items()}
        return found

    def segment_keys(self, playlist_id: str, year: int) -> list[str]:
        """A playlist's segments of a year, oldest first."""
        return [keys.segment(playlist_id, first) for first in sorted(self._segment_starts(playlist_id, year))]

    def segment_days(self, key: str) -> list[Row]:
        """What a segment holds: a row (snapshot_date, capture_id, entries, positions, captures, digest) for each of its
        days."""
        with self._tables.open(self.store.locate(key)) as scratch:
            found = self.store.get(key)
            if found is None:
                return []
            return scratch.summaries(scratch.parquet(found.data, ENTRIES))

    def digest(self, playlist_id: str, day: date, rows: Iterable[Row]) -> int | None:
        """The `digest` that a segment tells of that day if it holds these rows; None for no rows."""
        with self._tables.open(f"the entries of {playlist_id} of {day}") as scratch:
            found = scratch.contents(scratch.rows(rows, ENTRIES)).get(day)
            return found.digest if found else None

    def _put_days(self, scratch: DayScratch, given: _Given) -> Placed:
        todo, placed = sorted(given.ranks), Placed({}, set(), set())
        while todo:
            plan = carry_out(self.store, partial(self._plan_segment, scratch, given, todo), self._world)
            placed.keys.update(dict.fromkeys(plan.days, plan.key))
            placed.changed.update(plan.changed)
            placed.stayed.update(plan.stayed)
            todo = todo[len(plan.days) :]
        if placed.stayed:
            # A mark may be there all the same, if others were faster since.
            captures = given.captures
            self.unmark(given.playlist_id, {day: captures[day] for day in placed.stayed if day in captures})
        return placed

    def _plan_segment(self, scratch: DayScratch, given: _Given, todo: list[date]) -> _SegmentPlan:
        """Which segment the first days of `todo` go to, which of them, and what that segment then holds."""
        segment = self._find_segment(scratch, given.playlist_id, todo[0])
        days = self._days_of_segment(segment, given, todo)
        kept = segment.relation if segment.found else None
        if kept is None or segment.last < days[0]:
            # What is later than all that stands there has nothing to be compared with.
            there, other, better = {}, given.some(days), set()
        else:
            there = scratch.contents(kept, days)
            other = [day for day in days if given.contents.get(day) != there.get(day)]
            better = _better(scratch, kept, {day: given.ranks[day] for day in other})
        changed = [day for day in other if day not in better]
        self._mark(given, sorted(there.keys() & changed))
        data = scratch.merged(kept, given.relation, ENTRIES, changed) if changed else None
        return _SegmentPlan(segment.key, segment.found, data, days, changed, stayed=sorted(better))

    def _days_of_segment(self, segment: _Segment, given: _Given, todo: list[date]) -> list[date]:
        """The first days of `todo`, as many as go into this segment one after the other."""
        days = [day for day in todo if day.year == todo[0].year]
        if len(days) == 1:
            return days
        end = self._next_start(given.playlist_id, days[0])
        rows, taken = segment.rows, [days[0]]
        for before, day in pairwise(days):
            if before > segment.last and before in given.held:
                rows += given.held[before].rows
            if day >= end or (day > segment.last and rows >= self._segment_rows):
                break
            taken.append(day)
        return taken

    def _next_start(self, playlist_id: str, day: date) -> date:
        """The first day of the year's next segment after that day."""
        return min((first for first in self._segment_starts(playlist_id, day.year) if first > day), default=date.max)

    def _segment_starts(self, playlist_id: str, year: int) -> list[date]:
        found = self.store.list(keys.segments_prefix(playlist_id, year))
        return [first for key in found if (first := keys.segment_first_day(key, playlist_id, year))]

    def _find_segment(self, scratch: DayScratch, playlist_id: str, day: date) -> _Segment:
        """The segment that `day` belongs to, as it is now.

        One that is not there yet begins with the year, or with the day after the last one of a full segment: whoever
        starts it at the same moment, and for whichever day, starts the same one, so no day can get into two.
        """
        starts = [first for first in self._segment_starts(playlist_id, day.year) if first <= day]
        if not starts:
            return _Segment(keys.segment(playlist_id, date(day.year, 1, 1)), None, scratch.rows([], ENTRIES))
        segment = self._read_segment(scratch, playlist_id, max(starts))
        if segment.rows >= self._segment_rows and segment.last < day:
            return self._read_segment(scratch, playlist_id, segment.last + timedelta(days=1))
        return segment

    def _read_segment(self, scratch: DayScratch, playlist_id: str, first: date) -> _Segment:
        key = keys.segment(playlist_id, first)
        found = self.store.get(key)
        if found is None:
            return _Segment(key, None, scratch.rows([], ENTRIES))
        relation = scratch.parquet(found.data, ENTRIES)
        return _Segment(key, found, relation, *scratch.extent(relation))

    # Snapshots: the commit.

    def put_snapshot(self, row: Mapping[str, Any], read: Year | None = None) -> bool:
        """Commit what a day is worth; False where a better or newer row stands already.

        A success replaces a failure and never the other way round; of two equals the newer `captured_at` stays. Where
        the rows of the year were `read` before, that saves reading them again, if they are the same still.
        """
        return bool(self.put_snapshots(row["playlist_id"], row["snapshot_date"].year, [row], read=read))

    def put_snapshots(
        self,
        playlist_id: str,
        year: int,
        rows: Iterable[Mapping[str, Any]],
        *,
        mark: bool = False,
        read: Year | None = None,
    ) -> list[date]:
        """Do `put_snapshot` for many days of one year with one write; gives the days whose row is now the given one.

        With `mark`, a row that takes the place of another capture's day gets its own mark, to be taken off (`unmark`)
        by whoever has then seen that its entries stand there: among equals others may have been faster with both.
        """
        given = {row["snapshot_date"]: row for row in rows}
        committed = partial(_committed_and_marked, self.now) if mark else _committed_over
        changes = {day: partial(committed, row) for day, row in given.items()}
        before = self._change_rows(playlist_id, year, changes, read)
        return [day for day in given if day not in before or worth(before[day]) <= worth(given[day])]

    def correct(self, found: Row | None, row: Row) -> bool:
        """Put a row in place of the one that was found there, whatever that is worth; the marks of it stay. False where
        another one stands there by now: whoever committed it knows more than whoever looked before."""
        day = row["snapshot_date"]
        before = self._change_rows(row["playlist_id"], day.year, {day: partial(_corrected, found, row)})
        return before.get(day) == found

    def amend(self, playlist_id: str, year: int, changes: Mapping[date, Callable[[Row], Row]]) -> int:
        """Change the rows of some days of a year, where they are there, each from what it holds at that very moment;
        gives how many are other ones now."""
        before = self._change_rows(playlist_id, year, {day: partial(_amended, one) for day, one in changes.items()})
        return sum(changes[day](row) != row for day, row in before.items())

    def drop_marks(self, playlist_id: str, day: date) -> None:
        """Take the marks off a day that was mended, but for those behind which a process may still be."""
        self._change_rows(playlist_id, day.year, {day: partial(_mended, self.now)})

    def _mark(self, given: _Given, days: Iterable[date]) -> None:
        """Mark the days of which other entries are about to be replaced."""
        changes = {
            day: partial(_marked, given.playlist_id, day, given.ranks[day][1], given.captures[day], self.now)
            for day in days
            if day in given.captures
        }
        self._change_years(given.playlist_id, changes)

    def unmark(self, playlist_id: str, captures: Mapping[date, str]) -> None:
        """Take the marks of these captures off, since they are not going to replace anything any more."""
        changes = {day: partial(_unmarked, capture_id) for day, capture_id in captures.items()}
        self._change_years(playlist_id, changes)

    def unmark_committed(self, playlist_id: str, rows: Mapping[date, Row]) -> set[date]:
        """Take the marks of rows off that were put with `mark`, once their entries were seen to stand there. Gives the
        days on which another row has taken the place of that one, though it is worth no more: its entries may not be
        there, so the mark stays, and whoever put the row has to put it again."""
        before = self._change_years(playlist_id, {day: partial(_unmarked_if_kept, row) for day, row in rows.items()})
        return {day for day, row in rows.items() if _is_lost(row, before.get(day))}

    def _change_years(
        self, playlist_id: str, changes: Mapping[date, Callable[[Row | None], Row | None]]
    ) -> dict[date, Row]:
        before: dict[date, Row] = {}
        for year in sorted({day.year for day in changes}):
            of_year = {day: change for day, change in changes.items() if day.year == year}
            before |= self._change_rows(playlist_id, year, of_year)
        return before

    def _change_rows(
        self,
        playlist_id: str,
        year: int,
        changes: Mapping[date, Callable[[Row | None], Row | None]],
        read: Year | None = None,
    ) -> dict[date, Row]:
        """Change the rows of some days by compare-and-swap; gives what stood there before."""
        key = keys.snapshots(playlist_id, year)
        known = [read.found] if read and (read.playlist_id, read.number) == (playlist_id, year) else []

        def make_plan() -> _RowsPlan:
            if known and (plan := self._plan_rows(scratch, key, known.pop(), changes)).data is not None:
                return plan
            # To leave the rows as they are needs a look at how they are now: no write would find them changed.
            return self._plan_rows(scratch, key, self.store.get(key), changes)

        with self._tables.open(self.store.locate(key)) as scratch:
            plan = carry_out(self.store, make_plan, self._world)
        return plan.before

    def _plan_rows(
        self,
        scratch: DayScratch,
        key: str,
        found: Stored | None,
        changes: Mapping[date, Callable[[Row | None], Row | None]],
    ) -> _RowsPlan:
        rows = scratch.rows_of(found.data, SNAPSHOTS) if found else []
        before = {row["snapshot_date"]: row for row in rows if row["snapshot_date"] in changes}
        after = {day: row for day, change in changes.items() if (row := change(before.get(day))) is not None}
        fresh = {day: row for day, row in after.items() if row != before.get(day)}
        if not fresh:
            return _RowsPlan(key, found, None, before)
        relation = scratch.rows(map(to_json, fresh.values()), SNAPSHOTS)
        kept = scratch.parquet(found.data, SNAPSHOTS) if found else None
        return _RowsPlan(key, found, scratch.merged(kept, relation, SNAPSHOTS, fresh), before)

    def snapshots(self, playlist_id: str, year: int) -> list[Row]:
        """A playlist's rows of a year, by day."""
        return self.read_year(playlist_id, year).rows

    def read_year(self, playlist_id: str, year: int) -> Year:
        """The same, with what `put_snapshot` needs to write them without reading them again."""
        key = keys.snapshots(playlist_id, year)
        found = self.store.get(key)
        if found is None:
            return Year(playlist_id, year, None, [])
        with self._tables.open(self.store.locate(key)) as scratch:
            return Year(playlist_id, year, found, scratch.rows_of(found.data, SNAPSHOTS))

    def snapshot(self, playlist_id: str, day: date) -> Row | None:
        """The row of one day."""
        return next((row for row in self.snapshots(playlist_id, day.year) if row["snapshot_date"] == day), None)

    def committed(self, playlist_id: str, day: date) -> tuple[Row, list[Row]]:
        """A published day's row, and the entries that it commits, in order. Raises `DamagedFile` where they are not all
        there."""
        row, entries = self.snapshot(playlist_id, day), self.entries(playlist_id, day)
        refuse_torn(playlist_id, day, row["entry_count"] if row else None, len(entries))
        return cast(Row, row), entries

    def history(self, playlist_id: str, until: date) -> list[Row]:
        """The rows of this year and the last one up to and including `until`, by day."""
        rows = self.snapshots(playlist_id, until.year - 1) + self.snapshots(playlist_id, until.year)
        return [row for row in rows if row["snapshot_date"] <= until]

    def held(self) -> list[tuple[str, int]]:
        """Every (playlist, year) that has anything in a table, be it committed or not."""
        return sorted(self.segments())

    def segments(self) -> dict[tuple[str, int], list[str]]:
        """The segments, oldest first, of every (playlist, year) that has anything in a table: of the whole lake, by
        two lists of keys."""
        found: dict[tuple[str, int], list[str]] = {owner: [] for owner in self.tried()}
        for key in self.store.list(keys.ENTRIES):
            if owner := keys.segment_owner(key):
                found.setdefault(owner, []).append(key)
        return found

    def tried(self) -> list[tuple[str, int]]:
        """Every (playlist, year) that has snapshots."""
        return [owner for key in self.store.list(keys.SNAPSHOTS) if (owner := keys.snapshots_owner(key))]

    def strays(self) -> list[str]:
        """What lies among the tables and is no playlist's: another one's copy is read by whoever takes all files."""
        entries = (key for key in self.store.list(keys.ENTRIES) if not keys.segment_owner(key))
        snapshots = (key for key in self.store.list(keys.SNAPSHOTS) if not keys.snapshots_owner(key))
        features = (key for key in self.store.list(keys.AUDIO_FEATURES) if key != keys.TRACKS_FEATURES)
        return [key for key in (*entries, *snapshots, *features) if not key.rpartition("/")[2].startswith(("_", "."))]

    def fingerprints(self, playlist_id: str, year: int) -> dict[date, str]:
        """For each day a text that is another one as soon as any value of its rows, in either table, is."""
        prints = {row["snapshot_date"]: repr(sorted(row.items())) for row in self.snapshots(playlist_id, year)}
        for key in self.segment_keys(playlist_id, year):
            with self._tables.open(self.store.locate(key)) as scratch:
                found = self.store.get(key)
                rows = scratch.parquet(found.data, ENTRIES) if found else ""
                for day, content in scratch.contents(rows).items() if rows else ():
                    prints[day] = f"{prints.get(day, '')} {content}"
        return prints

    # Audio features.

    def put_features(self, rows: Path) -> int:
        """Let the table `audio_features` tell these rows (a file of `tables.packed`) too, of each track the newest;
        gives of how many tracks it tells other than before."""
        changed = 0

        def merged(old: bytes | None) -> bytes | None:
            nonlocal changed
            sources = [f"SELECT *, 1 AS is_new FROM {scratch.rows(rows, AUDIO_FEATURES)}"]
            if old is not None:
                sources.append(f"SELECT *, 0 AS is_new FROM {scratch.parquet(old, AUDIO_FEATURES)}")
            newest = (
                f"SELECT * FROM ({' UNION ALL '.join(sources)}) AS told QUALIFY row_number() OVER "
                "(PARTITION BY track_id ORDER BY snapshot_date DESC, captured_at DESC, capture_id DESC, "
                "playlist_id DESC, is_new, hash(told)) = 1"
            )
            ((changed,),) = scratch.tuples(f"SELECT coalesce(sum(is_new), 0)::BIGINT FROM ({newest})")
            return scratch.write(f"SELECT * EXCLUDE (is_new) FROM ({newest}) ORDER BY track_id") if changed else None

        with self._tables.scratch(self.store.locate(keys.TRACKS_FEATURES)) as scratch:
            update(self.store, keys.TRACKS_FEATURES, merged, self._world)
        return changed

    def doubled_features(self) -> int:
        """How many rows of `audio_features` are of a track that has one already. Raises `DamagedFile`."""
        found = self.store.get(keys.TRACKS_FEATURES)
        if found is None:
            return 0
        with self._tables.scratch(self.store.locate(keys.TRACKS_FEATURES)) as scratch:
            table = scratch.parquet(found.data, AUDIO_FEATURES)
            ((doubled,),) = scratch.tuples(f"SELECT count(*) - count(DISTINCT track_id) FROM {table}")
        return int(doubled)

    # Removal.

    def remove_rows(self, key: str, schema: Mapping[str, str], where: str, parameters: Mapping[str, Any]) -> int:
        """Take the rows that the SQL condition names out of a table object, and delete an object that has no rows
        left; gives how many went."""

        def rest(scratch: DayScratch, kept: str) -> bytes:
            return scratch.without(kept, schema, where, parameters)

        return self._rewrite(key, schema, where, parameters, rest)

    def forget(
        self, key: str, schema: Mapping[str, str], columns: Iterable[str], where: str, parameters: Mapping[str, Any]
    ) -> int:
        """Make columns null in the rows that the SQL condition names; gives in how many."""

        def rest(scratch: DayScratch, kept: str) -> bytes:
            return scratch.forgetting(kept, schema, columns, where, parameters)

        return self._rewrite(key, schema, where, parameters, rest)

    def _rewrite(
        self,
        key: str,
        schema: Mapping[str, str],
        where: str,
        parameters: Mapping[str, Any],
        rest: Callable[[DayScratch, str], bytes],
    ) -> int:
        touched = 0

        def change(old: bytes | None) -> bytes | None:
            nonlocal touched
            kept = scratch.parquet(old, schema) if old is not None else ""
            touched = scratch.count(kept, where, parameters) if kept else 0
            return rest(scratch, kept) if touched else None

        with self._tables.open(self.store.locate(key)) as scratch:
            update(self.store, key, change, self._world)
            left = self.store.get(key)
            if left is not None and scratch.extent(scratch.parquet(left.data, schema))[0] == 0:
                self.store.delete(key)
        return touched

    def clear_empty_day(self, row: Row) -> None:
        """Take away what others have put under a day that was committed as empty, and commit it anew."""
        playlist_id, day = row["playlist_id"], row["snapshot_date"]
        self.put_days(playlist_id, {day: rank(row["source"], row["captured_at"])}, [], {day: row["capture_id"]})
        self.put_snapshot(row)

    def drop_entries(self, playlist_id: str, day: date, captured_before: datetime = _AT_ANY_TIME) -> None:
        """Take away a day's entries that were captured before that moment, whatever they are worth."""
        where = "snapshot_date = $day AND captured_at < $moment"
        self.remove_rows(self.segment_of(playlist_id, day), ENTRIES, where, {"day": day, "moment": captured_before})

    # Small state.

    def read_state(self, key: str) -> dict[str, Any]:
        """A small JSON object; {} where there is none."""
        found = self.store.get(key)
        return _state(found.data, self.store.locate(key)) if found else {}

    def write_over(self, key: str, data: bytes) -> None:
        """Make these an object's bytes, whatever it was: what is derived from the lake can be derived again."""
        update(self.store, key, lambda _: data, self._world)

    def update_state(self, key: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change a small JSON object by compare-and-swap."""

        def changed(old: bytes | None) -> bytes:
            return _state_bytes(change(_state(old, self.store.locate(key)) if old else {}))

        update(self.store, key, changed, self._world)

    def add_states(self, states: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Write many small JSON objects that are new; gives the keys at which there is one already."""
        return self.store.add({key: _state_bytes(state) for key, state in states.items()})


def _state_bytes(state: Mapping[str, Any]) -> bytes:
    return json.dumps(state, indent=2, sort_keys=True).encode() + b"\n"


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


def refuse_torn(playlist_id: str, day: date, committed: int | None, held: int) -> None:
    """Raises `DamagedFile` where the entries of a published day are not as many as its row commits."""
    if held != committed:
        raise DamagedFile(
            f"playlist {playlist_id}, {day}: {held} entries are there, {committed or 0} were committed.",
            advice="`chartlake verify` tells what is wrong; `chartlake replay` rebuilds days from raw.",
        )


def is_imported(row: Mapping[str, Any]) -> bool:
    """Whether a day's row in `snapshots` was brought in, not captured."""
    return (row["source"] or "").startswith("import:")


def worth(row: Mapping[str, Any]) -> tuple[bool, int, bool, datetime]:
    """What a snapshot's row is worth beside another one of its day: the higher one stays.

    A list that was read outweighs one that was told to be unchanged, as its entries outrank those of an earlier day.
    """
    trust, captured_at = rank(row["source"] or "", row["captured_at"])
    return row["status"] in PUBLISHED, trust, row["status"] != Status.UNCHANGED, captured_at


def _better(scratch: DayScratch, kept: str, ranks: Mapping[date, Rank]) -> set[date]:
    """The days on which the segment `kept` holds what is worth more."""
    if not ranks:
        return set()
    held = scratch.moments(kept, ranks)
    return {day for day, source, captured_at in held if rank(source, captured_at) > ranks[day]}


def _committed_over(row: Mapping[str, Any], before: Row | None) -> Row:
    """The row that a day has once `row` was committed; the marks of others stay, and all of them where it was not. So
    do an imported day's followers, which come from a file of their own, where one import takes the place of another."""
    if before is None:
        return dict(row) | {"replacing": None}
    if worth(before) > worth(row):
        return before
    kept = {"replacing": without(before["replacing"], row["capture_id"])}
    if row["followers"] is None and is_imported(row) and is_imported(before):
        kept["followers"] = before["followers"]
    return dict(row) | kept


# What these ask for the time looks at the clock each time that the rows are read: a mark's age beside the moment at
# which the first try began would tell of a clock that was set back meanwhile, not of the process behind the mark.


def _committed_and_marked(now: Callable[[], datetime], row: Mapping[str, Any], before: Row | None) -> Row:
    """The row of `_committed_over`, with the mark of its own capture where it takes the place of another one's day."""
    after = _committed_over(row, before)
    if before is None or after is before or before["status"] not in PUBLISHED:
        return after
    if before["capture_id"] == row["capture_id"]:
        return after | {"replacing": before["replacing"]}
    return after | {"replacing": with_mark(after["replacing"], row["capture_id"], now())}


def _amended(change: Callable[[Row], Row], before: Row | None) -> Row | None:
    return before and change(before)


def _corrected(found: Row | None, row: Row, before: Row | None) -> Row | None:
    return row | {"replacing": before["replacing"] if before else None} if before == found else before


def _mended(now: Callable[[], datetime], before: Row | None) -> Row | None:
    return before and before | {"replacing": only_alive(before["replacing"], now())}


def _unmarked(capture_id: str, before: Row | None) -> Row | None:
    return before and before | {"replacing": without(before["replacing"], capture_id)}


def _unmarked_if_kept(row: Row, before: Row | None) -> Row | None:
    return before if _is_lost(row, before) else _unmarked(row["capture_id"], before)


def _is_lost(row: Row, before: Row | None) -> bool:
    """Whether another row stands where `row` was committed, is worth no more, and has no mark of its own: a repair put
    it there, of what it had seen before. An import has a mark there until it has looked itself."""
    if before is None or before["capture_id"] == row["capture_id"] or worth(before) > worth(row):
        return False
    marks: str | None = before["replacing"]
    return without(marks, before["capture_id"]) == marks


def _marked(
    playlist_id: str, day: date, moment: datetime, capture_id: str, now: Callable[[], datetime], before: Row | None
) -> Row:
    """The row of a day with one more mark; a day that has none yet is one that was begun."""
    begun = {"status": Status.INCOMPLETE, "reason": "A run that began this day has not finished it."}
    row = before or empty_row(playlist_id, day, moment) | begun
    return row | {"replacing": with_mark(row["replacing"], capture_id, now())}
