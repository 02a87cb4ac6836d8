"""Foreign days on their way into the lake: all of a file on disk first, then playlist by playlist into the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from ..errors import BadImport, LakeUnavailable
from ..lake.lake import Lake, Rank, is_imported, rank, worth
from ..lake.schema import ENTRIES, FIRST_DAY, PUBLISHED, empty_row
from ..lake.tables import LONGEST_PACK, packed, to_json
from ..lake.tombstones import Tombstones, read_tombstones
from ..spotify.entries import Row
from .day import PARTIAL, Day

# How often days are placed anew because another import of the same days came in between.
_TRIES = 12
# Letters: no name or description has a tenth of it, and pages and answers hold hundreds of them.
_LONGEST_TEXT = 5_000


@dataclass(frozen=True)
class Kept:
    """What came of a file's days: their formats, the playlists to which they belong, the days and rows that were
    taken, how many days are new or other than before, and how many were left out because they were purged; `remarks`
    are what is to be said of a day, as (playlist, day, reason)."""

    formats: tuple[str, ...]
    playlists: tuple[str, ...]
    days: int
    rows: int
    changed: int
    purged: int
    remarks: tuple[tuple[str, date, str], ...] = ()


@dataclass
class _Staged:
    """The days of one playlist's year: their entries in a file, for the commits what is not null, and of days that came
    out of a lake the captures that they are copies of."""

    path: Path
    commits: dict[date, Row] = field(default_factory=dict)
    copies: dict[date, frozenset[str]] = field(default_factory=dict)


def keep_days(
    lake: Lake, name: str, days: Iterable[Day], digest: str, progress: Callable[[float], None] = lambda share: None
) -> Kept:
    """Put the days of the file `name` into the lake.

    A fault at the end of the file leaves the lake as it was, and memory holds one day at a time. Killed while it writes
    and run again it comes to the same lake, and writes only what is not there yet. `progress` gets the share that is
    written (0 to 1). Raises `BadImport`, also for what `days` raise.
    """
    staged: dict[tuple[str, int], _Staged] = {}
    formats: dict[str, None] = {}
    remarks: list[tuple[str, date, str]] = []
    purged = read_tombstones(lake)
    # It is tomorrow already somewhere.
    last = lake.now().astimezone(UTC).date() + timedelta(days=1)
    count = rows = left_out = changed = 0
    with lake.folder() as folder:
        for day in days:
            if day.snapshot_date > last:
                raise BadImport(
                    name,
                    [(0, f"it tells of {day.snapshot_date}, a day that is still to come")],
                    advice="Correct the date in the file or its name, or give it with --date; nothing was imported.",
                )
            _refuse_odd(day, name)
            formats[day.format] = None
            if day.reason:
                remarks.append((day.playlist_id, day.snapshot_date, day.reason))
            if purged.covers(day.playlist_id, day.snapshot_date):
                left_out += 1
                continue
            key = (day.playlist_id, day.snapshot_date.year)
            target = staged.setdefault(key, _Staged(folder / f"{len(staged)}.ndjson"))
            _stage(target, _without_users(day, purged), name, digest)
            count, rows = count + 1, rows + len(day.rows)
        for number, (playlist_id, year) in enumerate(sorted(staged), start=1):
            changed += _place(lake, playlist_id, year, staged[playlist_id, year])
            progress(number / len(staged))
    playlists = dict.fromkeys(playlist_id for playlist_id, _ in sorted(staged))
    return Kept(tuple(formats), tuple(playlists), count, rows, changed, left_out, tuple(sorted(remarks)))


def _refuse_odd(day: Day, name: str) -> None:
    """Raises `BadImport` for a day before there were any lists, and for texts that no name or description has."""
    if day.snapshot_date < FIRST_DAY:
        raise BadImport(
            name,
            [(0, f"it tells of {day.snapshot_date}, and Spotify was founded in {FIRST_DAY.year}")],
            advice="Correct the date in the file or its name, or give it with --date; nothing was imported.",
        )
    for row in (day.facts, *day.rows):
        texts = [*row.values(), *(artist["name"] for artist in row.get("artists") or ())]
        if any(isinstance(text, str) and len(text) > _LONGEST_TEXT for text in texts):
            raise BadImport(
                name,
                [(0, f"a text of {day.snapshot_date} has more than {_LONGEST_TEXT:,} letters")],
                advice="Shorten or leave out that line; nothing was imported.",
            )


def _without_users(day: Day, purged: Tombstones) -> Day:
    if not purged.users:
        return day
    rows = [purged.entry_without_users(row, day.snapshot_date) for row in day.rows]
    return replace(day, rows=rows, facts=purged.facts_without_users(day.facts, day.snapshot_date))


def _stage(target: _Staged, day: Day, name: str, digest: str) -> None:
    origin: Row = {
        # The start of the day where the format tells no moment: the same file always gives the same rows.
        "captured_at": day.moment or datetime.combine(day.snapshot_date, time.min, UTC),
        "capture_id": (day.origin or digest)[:16],
        "source": "simulator" if day.simulated else f"import:{day.format}:{name.rsplit('/', 1)[-1]}",
    }
    common = to_json(origin | {"snapshot_date": day.snapshot_date, "playlist_id": day.playlist_id})
    with target.path.open("ab") as file:
        for pack in packed((row | common for row in day.rows), ENTRIES):
            if len(pack) > LONGEST_PACK:
                raise BadImport(name, [(0, f"the texts of {day.snapshot_date} are longer than those of any list")])
            file.write(pack)
    if day.copy_of:
        target.copies[day.snapshot_date] = day.copy_of
    told = {column: value for column, value in day.facts.items() if value is not None}
    target.commits[day.snapshot_date] = told | origin | _verdict(day)


def _verdict(day: Day) -> Row:
    count = len(day.rows) if day.status in PUBLISHED else None
    quality = {"position_quality": day.position_quality, "total": day.total}
    return {"status": day.status, "reason": day.reason, "entry_count": count} | quality


def _place(lake: Lake, playlist_id: str, year: int, staged: _Staged) -> int:
    """Entries first, then their commits; gives how many days are new or other than before.

    Of two imports of one day at once each could leave its commit above the other's entries. So only days whose entries
    are this file's get its commit, and those whose entries were replaced meanwhile are placed anew: whoever writes last
    has seen that both tables tell of one file.
    """
    before = _rows_by_day(lake, playlist_id, year)
    todo = _worth_placing(lake, playlist_id, year, staged, before)
    _tell_gaps(lake, playlist_id, year, {day: todo.pop(day) for day in sorted(todo) if not _is_published(todo[day])})
    changed: set[date] = set()
    for _ in range(_TRIES):
        captures = {day: facts["capture_id"] for day, facts in todo.items()}
        placed = lake.put_days(playlist_id, _ranks(todo), staged.path, captures)
        changed |= placed.changed
        own = {day: facts for day, facts in sorted(todo.items()) if day not in placed.stayed}
        lake.put_snapshots(
            playlist_id, year, [_commit(playlist_id, day, facts, placed.keys[day]) for day, facts in own.items()]
        )
        todo = _replaced_meanwhile(lake, playlist_id, year, own)
        if not todo:
            break
    else:
        raise LakeUnavailable(f"{playlist_id}: its days were changed by other imports {_TRIES} times meanwhile.")
    after = _rows_by_day(lake, playlist_id, year)
    return sum(day in changed or before.get(day) != after.get(day) for day in staged.commits)


def _rows_by_day(lake: Lake, playlist_id: str, year: int) -> dict[date, Row]:
    return {row["snapshot_date"]: row for row in lake.snapshots(playlist_id, year)}


def _is_published(row: Row) -> bool:
    return row["status"] in PUBLISHED


def _tell_gaps(lake: Lake, playlist_id: str, year: int, gaps: Mapping[date, Row]) -> None:
    """Write down why days of the file are gaps; they have no entries to be placed."""
    if gaps:
        lake.put_snapshots(playlist_id, year, [_commit(playlist_id, day, facts) for day, facts in gaps.items()])


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
    return row["capture_id"] in copied or (simulated and row["raw_key"] is not None)


def _is_whole(row: Row) -> bool:
    return is_imported(row) and _is_published(row) and row["position_quality"] != PARTIAL


def _commit(playlist_id: str, day: date, facts: Row, entries_key: str | None = None) -> Row:
    return (
        empty_row(playlist_id, day, facts["captured_at"])
        | facts
        | {"entries_key": entries_key if facts["entry_count"] else None}
    )
