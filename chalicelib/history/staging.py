"""Foreign days on their way into the lake: all of a file on disk first, then playlist by playlist into the tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from pathlib import Path
from sys import intern

from ..errors import BadImport, LakeUnavailable
from ..lake import keys
from ..lake.at_once import in_order
from ..lake.days import Files, Held
from ..lake.lake import Lake, Rank, is_imported, rank, worth
from ..lake.schema import ENTRIES, FIRST_DAY, PUBLISHED, empty_row
from ..lake.tables import LONGEST_PACK, packed, to_json
from ..lake.tombstones import Tombstones, read_tombstones
from ..spotify.entries import Row
from .bulk import COLUMNS, Block
from .day import EMPTY_ROW, PARTIAL, Day
from .features import Told

# How often days are placed anew because another import of the same days came in between.
_TRIES = 12
# Rows that wait, from which on two years are written at once: that takes 170 MB more, and files that are gathered have
# half as many.
_ROWS_FOR_TWO = 1_000_000
# Letters: no name or description has a tenth of it, and pages and answers hold hundreds of them.
# A real file has a title of 20,493 letters, decoded wrongly many times over; texts of 124,000 made every answer fail.
_LONGEST_TEXT = 25_000
_TEXTS_OF = itemgetter(*(name for name, kind in ENTRIES.items() if kind == "VARCHAR" and name in EMPTY_ROW))


# What a day and each of its entries tell of where they came from.
_ORIGIN = ("captured_at", "capture_id", "source")

# Whether a day of a playlist is asked for.
Wanted = Callable[[str, date], bool]


def all_days(playlist_id: str, day: date) -> bool:
    """None is left out."""
    return True


# A list's year, of which one file holds the days that wait.
_Year = tuple[str, int]


@dataclass
class _Staged:
    """The days of one playlist's year: their entries in files (of days that are no others' of these), for the commits
    what is not null, and of days that came out of a lake the captures that they are copies of."""

    files: dict[Path, None]
    commits: dict[date, Row] = field(default_factory=dict)
    copies: dict[date, frozenset[str]] = field(default_factory=dict)

    def rows(self, playlist_id: str) -> Path | Files:
        """Its entries: in one file of lines, or beside that in files that lack what is equal for all rows of a day."""
        tables = [path for path in self.files if path.suffix == ".parquet"]
        lines = self._lines([path for path in self.files if path.suffix != ".parquet"])
        return self._beside(lines, tables, playlist_id) if tables or not lines else lines

    def _beside(self, lines: Path | None, tables: Sequence[Path], playlist_id: str) -> Files:
        commits = {day: facts for day, facts in self.commits.items() if facts["entry_count"]}
        days = [
            to_json({name: facts[name] for name in _ORIGIN} | {"snapshot_date": day, "playlist_id": playlist_id})
            for day, facts in commits.items()
        ]
        held = {day: Held(facts["entry_count"], facts["capture_id"]) for day, facts in commits.items()}
        return Files(lines, tables, COLUMNS, days, held)

    def _lines(self, files: Sequence[Path]) -> Path | None:
        """One file of all lines."""
        for path in files[1:]:
            with path.open("rb") as source, files[0].open("ab") as target:
                shutil.copyfileobj(source, target)
            path.unlink()
            del self.files[path]
        return files[0] if files else None

    def remove(self) -> None:
        for path in self.files:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Source:
    """A file whose days are read: its name, the digest of its bytes, and which of its days are asked for."""

    name: str
    digest: str = ""
    wanted: Wanted = all_days


@dataclass
class Taken:
    """What one file told, all of it read: its formats, how many days and rows of it are to be written, and how many
    days were left out because they were purged; `remarks` are what is to be said of a day, as (playlist, day, reason).
    Where `holds_purged`, there is something in the file that was purged and must not be kept."""

    formats: dict[str, None] = field(default_factory=dict)
    days: int = 0
    rows: int = 0
    purged: int = 0
    holds_purged: bool = False
    remarks: list[tuple[str, date, str]] = field(default_factory=list)
    features: Told | None = None
    staged: dict[_Year, _Staged] = field(default_factory=dict)

    @property
    def lists(self) -> dict[str, tuple[date, date]]:
        """The playlists that it tells of, each with the first and the last day."""
        found: dict[str, tuple[date, date]] = {}
        for (playlist_id, _), staged in sorted(self.staged.items()):
            first, last = min(staged.commits), max(staged.commits)
            found[playlist_id] = (found.get(playlist_id, (first, last))[0], last)
        return found

    def settle(self, facts: Row) -> None:
        """Let the row of each of its days tell these facts too."""
        for staged in self.staged.values():
            for commit in staged.commits.values():
                commit.update(facts)

    def changed(self, days: set[tuple[str, date]]) -> int:
        """How many of these days are its own."""
        own = ((playlist_id, day) for (playlist_id, _), staged in self.staged.items() for day in staged.commits)
        return sum(one in days for one in own)


class Staging:
    """Days of any number of files that wait in a folder, to be written with one write a segment."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.rows = 0
        self._lake = lake
        self._folder = folder
        self._files = 0
        self._purged = read_tombstones(lake)
        self._waiting: dict[_Year, _Staged] = {}
        self._numbers: dict[_Year, int] = {}
        self._features = Told(folder / "features.ndjson")

    def read(self, days: Iterable[Day], source: Source) -> Taken:
        """Read all days of a file, but for those that are not wanted; memory holds one day at a time. They are
        written when they were added. Raises `BadImport`, also for what `days` raise; then nothing of them waits."""
        self._files += 1
        taken, last = Taken(features=Told(self._folder / f"{self._files}.features.ndjson")), self.last_day
        try:
            for day in days:
                _refuse_odd(day, source.name, last)
                if taken.features and not self._purged.covers(day.playlist_id, day.snapshot_date):
                    # Also of a day on which another file's stands: its features may be the newest all the same.
                    taken.features.add(day, to_json(_origin(day, source) | _key_of(day)))
                if self._takes(taken, day, source):
                    self._stage_day(taken, day, source)
        except BaseException:
            self.discard(taken)
            raise
        taken.remarks.sort()
        return taken

    @property
    def last_day(self) -> date:
        """The last day that can have been seen by now: it is tomorrow already somewhere."""
        return self._lake.now().astimezone(UTC).date() + timedelta(days=1)

    def read_blocks(self, sources: Sequence[Source], blocks: Iterable[Block]) -> dict[int, Taken]:
        """Do `read` for files whose days come in blocks; gives what each of them told, by its number. A file of which
        no block tells is not there."""
        found: dict[int, Taken] = {}
        try:
            for block in blocks:
                self._read_block(found, sources, block)
        except BaseException:
            for taken in found.values():
                self.discard(taken)
            raise
        for taken in found.values():
            taken.remarks.sort()
        return found

    def _read_block(self, found: dict[int, Taken], sources: Sequence[Source], block: Block) -> None:
        parts: list[int | None] = []
        those: list[tuple[Taken, _Year]] = []
        for number, day in block.days:
            taken, source = found.setdefault(number, Taken()), sources[number]
            parts.append(None)
            # No chart names a user, so none has to be forgotten.
            if self._takes(taken, day, source):
                year = (day.playlist_id, day.snapshot_date.year)
                parts[-1] = self._numbers.setdefault(year, len(self._numbers))
                self._commit_day(taken, day, _origin(day, source))
                those.append((taken, year))
        saved = block.save(parts)
        for taken, year in those:
            taken.staged[year].files.update(dict.fromkeys(saved[self._numbers[year]]))

    def _takes(self, taken: Taken, day: Day, source: Source) -> bool:
        """Whether a day is to be written; what is to be said of it is noted."""
        taken.formats[day.format] = None
        if not source.wanted(day.playlist_id, day.snapshot_date):
            return False
        if day.reason:
            taken.remarks.append((day.playlist_id, day.snapshot_date, day.reason))
        taken.holds_purged |= self._purged.covers_raw(day.playlist_id, day.snapshot_date)
        if self._purged.covers(day.playlist_id, day.snapshot_date):
            taken.purged += 1
            return False
        return True

    def _stage_day(self, taken: Taken, day: Day, source: Source) -> None:
        anonymous = _without_users(day, self._purged)
        taken.holds_purged |= anonymous != day
        origin = _origin(day, source)
        staged = self._commit_day(taken, anonymous, origin)
        if not staged.files:
            self._files += 1
            staged.files[self._folder / f"{self._files}.ndjson"] = None
        _stage(next(iter(staged.files)), anonymous, source.name, origin)

    def _commit_day(self, taken: Taken, day: Day, origin: Row) -> _Staged:
        """Note what a day is worth; gives its year."""
        staged = taken.staged.setdefault((day.playlist_id, day.snapshot_date.year), _Staged({}))
        if day.copy_of:
            staged.copies[day.snapshot_date] = day.copy_of
        told = {column: value for column, value in day.facts.items() if value is not None}
        staged.commits[day.snapshot_date] = told | origin | _verdict(day)
        taken.days, taken.rows = taken.days + 1, taken.rows + len(day.rows)
        return staged

    def discard(self, taken: Taken) -> None:
        """Let nothing of a file wait that was read."""
        for staged in taken.staged.values():
            staged.remove()
        if taken.features:
            taken.features.forget()

    def has_to_go_before(self, taken: Taken) -> bool:
        """Whether what waits has to be written before a file's days may wait: it tells of one of them, or they are
        earlier, and would begin a segment of their own if they came alone."""
        return any(
            min(staged.commits) < min(waiting.commits) or not staged.commits.keys().isdisjoint(waiting.commits)
            for year, staged in taken.staged.items()
            if (waiting := self._waiting.get(year))
        )

    def add(self, taken: Taken) -> None:
        """Let a file's days wait for the next `write`."""
        self.rows += taken.rows
        if taken.features:
            self._features.take(taken.features)
        for year, staged in taken.staged.items():
            waiting = self._waiting.get(year)
            if waiting is None:
                self._waiting[year] = _Staged(dict(staged.files), dict(staged.commits), dict(staged.copies))
                continue
            waiting.commits |= staged.commits
            waiting.copies |= staged.copies
            waiting.files |= staged.files

    def takes_a_place(self, taken: Taken) -> bool:
        """Whether one of the file's days is to stand where now another file's does."""
        for (playlist_id, year), staged in taken.staged.items():
            before = _rows_by_day(self._lake, playlist_id, year)
            todo = _worth_placing(self._lake, playlist_id, year, staged, before)
            if any(day in before and origin_of(before[day]) != origin_of(facts) for day, facts in todo.items()):
                return True
        return False

    def write(self, progress: Callable[[float], None] = lambda share: None) -> set[tuple[str, date]]:
        """Put all that waits into the lake; gives the days that are new or other than before.

        Killed in the middle and done again it comes to the same lake, and writes only what is not there yet.
        `progress` gets the share that is written (0 to 1).
        """
        changed: set[tuple[str, date]] = set()
        years = sorted(self._waiting)
        # Few days are there sooner than a second thread, and years are nothing to each other.
        at_once = 2 if self.rows >= _ROWS_FOR_TWO else 1
        # A large file has some ten thousand files here, and removing them would take a quarter of this time.
        with ThreadPoolExecutor(1) as cleaner:
            placed = in_order(self._place, years, at_once)
            for number, (year, days) in enumerate(zip(years, placed, strict=True), start=1):
                cleaner.submit(self._waiting[year].remove)
                changed |= {(year[0], day) for day in days}
                progress(number / len(years))
        self._waiting, self.rows = {}, 0
        self._features.write(self._lake)
        return changed

    def _place(self, year: _Year) -> set[date]:
        return _place(self._lake, *year, self._waiting[year])

    def told(self) -> dict[tuple[str, date], Row]:
        """What the rows of the days that wait would tell."""
        return {
            (playlist_id, day): facts
            for (playlist_id, _), staged in self._waiting.items()
            for day, facts in staged.commits.items()
        }

    def other_entries(self) -> set[tuple[str, date]]:
        """The days that wait whose entries are other than those in the lake, which is a trial here."""
        found: set[tuple[str, date]] = set()
        for (playlist_id, _), staged in self._waiting.items():
            published = {day: facts for day, facts in staged.commits.items() if _is_published(facts)}
            placed = self._lake.put_days(playlist_id, _ranks(published), staged.rows(playlist_id))
            found |= {(playlist_id, day) for day in placed.changed | placed.stayed}
        return found


def origin_of(row: Row) -> tuple[str, str]:
    """What tells the days of one file, under one name, from those of any other."""
    return row["capture_id"], row["source"]


def _refuse_odd(day: Day, name: str, last: date) -> None:
    """Raises `BadImport` for a day after `last` or before there were any lists, and for texts that no name or
    description has."""
    if day.snapshot_date > last:
        raise BadImport(
            name,
            [(0, f"it tells of {day.snapshot_date}, a day that is still to come")],
            advice="Correct the date in the file or its name, or give it with --date; nothing was imported.",
        )
    if day.snapshot_date < FIRST_DAY:
        raise BadImport(
            name,
            [(0, f"it tells of {day.snapshot_date}, and Spotify was founded in {FIRST_DAY.year}")],
            advice="Correct the date in the file or its name, or give it with --date; nothing was imported.",
        )
    if _longest_text(day) > _LONGEST_TEXT:
        raise BadImport(
            name,
            [(0, f"a text of {day.snapshot_date} has more than {_LONGEST_TEXT:,} letters")],
            advice="Shorten or leave out that line; nothing was imported.",
        )


def _longest_text(day: Day) -> int:
    """Letters. Column by column, since a year of charts has millions of values."""
    columns = [
        *zip(*map(_TEXTS_OF, day.rows), strict=True),
        [one for one in day.facts.values() if isinstance(one, str)],
    ]
    columns.append([artist["name"] for row in day.rows for artist in row["artists"] or ()])
    return max((len(text) for column in columns if (text := max(filter(None, column), key=len, default=""))), default=0)


def _without_users(day: Day, purged: Tombstones) -> Day:
    if not purged.users:
        return day
    rows = [purged.entry_without_users(row, day.snapshot_date) for row in day.rows]
    return replace(day, rows=rows, facts=purged.facts_without_users(day.facts, day.snapshot_date))


def _origin(day: Day, source: Source) -> Row:
    """Where a day came from, as its row and its entries tell it."""
    told = "simulator" if day.simulated else f"import:{day.format}:{source.name.rsplit('/', 1)[-1]}"
    return {
        # The start of the day where the format tells no moment: the same file always gives the same rows.
        "captured_at": day.moment or datetime.combine(day.snapshot_date, time.min, UTC),
        # One text for all days that tell the same: a file has up to two hundred thousand.
        "capture_id": intern((day.origin or source.digest)[:16]),
        "source": intern(told),
    }


def _key_of(day: Day) -> Row:
    return {"snapshot_date": day.snapshot_date, "playlist_id": day.playlist_id}


def _stage(path: Path, day: Day, name: str, origin: Row) -> None:
    common = to_json(origin | _key_of(day))
    with path.open("ab") as file:
        for pack in packed((row | common for row in day.rows), ENTRIES):
            if len(pack) > LONGEST_PACK:
                raise BadImport(name, [(0, f"the texts of {day.snapshot_date} are longer than those of any list")])
            file.write(pack)


def _verdict(day: Day) -> Row:
    count = len(day.rows) if day.status in PUBLISHED else None
    quality = {"position_quality": day.position_quality, "total": day.total}
    return {"status": day.status, "reason": day.reason, "entry_count": count} | quality


def _place(lake: Lake, playlist_id: str, year: int, staged: _Staged) -> set[date]:
    """Entries first, then their commits; gives the days that are new or other than before.

    Of two imports of one day at once each could leave its commit above the other's entries. So only days whose entries
    are this file's get its commit, a commit in place of another file's keeps its mark, and days whose entries were
    replaced meanwhile are placed anew, as are those whose row was, by a repair: whoever takes the mark off has seen
    that both tables tell of one file.
    """
    before = _rows_by_day(lake, playlist_id, year)
    todo = _tell_gaps(lake, playlist_id, year, _worth_placing(lake, playlist_id, year, staged, before))
    changed: set[date] = set()
    own: dict[date, Row] = {}
    for _ in range(_TRIES):
        written, committed = _write(lake, playlist_id, year, staged, todo)
        changed |= written
        own = {day: facts for day, facts in own.items() if day not in todo} | committed
        todo = _replaced_meanwhile(lake, playlist_id, year, committed)
        if todo:
            continue
        after = _rows_by_day(lake, playlist_id, year)
        todo = _finish(lake, playlist_id, staged, own, after)
        if not todo:
            return {day for day in staged.commits if day in changed or before.get(day) != after.get(day)}
    raise LakeUnavailable(f"{playlist_id}: its days were changed by others {_TRIES} times meanwhile.")


def _empty_ones(staged: _Staged, after: Mapping[date, Row]) -> list[Row]:
    """The rows of the days of which the file has entries, and that were committed as empty."""
    rows = (after[day] for day, facts in staged.commits.items() if facts["entry_count"] and day in after)
    return [row for row in rows if _is_published(row) and not row["entry_count"]]


def _finish(
    lake: Lake, playlist_id: str, staged: _Staged, own: Mapping[date, Row], after: Mapping[date, Row]
) -> dict[date, Row]:
    """Take the file's marks off the rows that have any; gives the days of which the commit is not there any more."""
    for row in _empty_ones(staged, after):
        # The list was read meanwhile and had no entries: those of the file may not stay under that day.
        lake.clear_empty_day(row)
    marked = {day: facts for day, facts in staged.commits.items() if after.get(day, {}).get("replacing")}
    lake.unmark(playlist_id, {day: facts["capture_id"] for day, facts in marked.items() if day not in own})
    lost = lake.unmark_committed(playlist_id, {day: own[day] for day in marked if day in own})
    return {day: own[day] for day in sorted(lost)}


def _write(
    lake: Lake, playlist_id: str, year: int, staged: _Staged, todo: Mapping[date, Row]
) -> tuple[set[date], dict[date, Row]]:
    """The entries and commits of these days, once; gives the days whose entries are other ones now, and what was
    committed of those on which no better entries stay."""
    captures = {day: facts["capture_id"] for day, facts in todo.items()}
    placed = lake.put_days(playlist_id, _ranks(todo), staged.rows(playlist_id), captures)
    own = {day: facts for day, facts in sorted(todo.items()) if day not in placed.stayed}
    rows = [_commit(playlist_id, day, facts, placed.keys[day]) for day, facts in own.items()]
    lake.put_snapshots(playlist_id, year, rows, mark=True)
    return placed.changed, own


def _rows_by_day(lake: Lake, playlist_id: str, year: int) -> dict[date, Row]:
    return {row["snapshot_date"]: row for row in lake.snapshots(playlist_id, year)}


def _is_published(row: Row) -> bool:
    return row["status"] in PUBLISHED


def _tell_gaps(lake: Lake, playlist_id: str, year: int, todo: Mapping[date, Row]) -> dict[date, Row]:
    """Write down why days of the file are gaps, which have no entries to be placed; gives the others."""
    gaps = [_commit(playlist_id, day, facts) for day, facts in sorted(todo.items()) if not _is_published(facts)]
    if gaps:
        lake.put_snapshots(playlist_id, year, gaps)
    return {day: facts for day, facts in todo.items() if _is_published(facts)}


def _worth_placing(
    lake: Lake, playlist_id: str, year: int, staged: _Staged, before: Mapping[date, Row]
) -> dict[date, Row]:
    """The staged days that are not worth less than those which are there."""
    there = lake.captures_of_year(playlist_id, year) if staged.copies else {}
    copied = {day: staged.copies.get(day) for day in there}
    return {
        day: facts
        for day, facts in staged.commits.items()
        if day not in before or not _stays(before[day], facts, copied.get(day))
    }


def _ranks(commits: Mapping[date, Row]) -> dict[date, Rank]:
    return {day: rank(facts["source"], facts["captured_at"]) for day, facts in commits.items()}


def _replaced_meanwhile(lake: Lake, playlist_id: str, year: int, own: Mapping[date, Row]) -> dict[date, Row]:
    """Of the days just placed those under whose commit other entries stand."""
    held = lake.captures_of_year(playlist_id, year) if own else {}
    expected = {day: facts["capture_id"] if facts["entry_count"] else None for day, facts in own.items()}
    return {day: facts for day, facts in own.items() if held.get(day) != expected[day]}


def _stays(row: Row, facts: Row, copied: frozenset[str] | None) -> bool:
    """Whether the day in the lake is worth more than that of a file. A whole day is, beside one that lacks places; and
    a copy (of the captures `copied`) knows less than what it was made from, and than what raw proves."""
    if worth(row) > worth(facts):
        return True
    if _is_whole(row) and facts["position_quality"] == PARTIAL and row["capture_id"] != facts["capture_id"]:
        return True
    if not copied or row["status"] not in PUBLISHED:
        return False
    simulated = facts["source"] == "simulator" == row["source"]
    return row["capture_id"] in copied or (simulated and is_captured(row["raw_key"]))


def is_captured(raw_key: str | None) -> bool:
    """Whether that key is one of a capture's document."""
    return raw_key is not None and keys.kept_sha256(raw_key) is None


def _is_whole(row: Row) -> bool:
    return is_imported(row) and _is_published(row) and row["position_quality"] != PARTIAL


def _commit(playlist_id: str, day: date, facts: Row, entries_key: str | None = None) -> Row:
    return (
        empty_row(playlist_id, day, facts["captured_at"])
        | facts
        | {"entries_key": entries_key if facts["entry_count"] else None}
    )
