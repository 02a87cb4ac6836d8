"""Mending what a process that died has left: days whose entries and row may be of different captures, and days that
were read and kept in raw, but never committed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import date, timedelta, tzinfo

from ..errors import NotKept
from ..lake.lake import Lake, is_imported
from ..lake.schema import PUBLISHED, Status, empty_row
from ..lake.tombstones import read_tombstones
from ..spotify.entries import Row
from ..time_and_chance import World
from .judgement import LOOKED_BACK, row_on
from .replay import replay

_DAY = timedelta(days=1)
# No process lives so long, though a clock may jump meanwhile.
_SURELY_DEAD = timedelta(hours=12)

_log = logging.getLogger(__name__)


def heal(lake: Lake, world: World, playlist_id: str, history: list[Row], timezone: tzinfo) -> bool:
    """Mend the days of a list that an earlier process left half done; gives whether there were any.

    `history` holds the list's rows up to today, which every run reads: it names the days that are marked, so nothing
    is asked of the store where nothing is wrong. Only where a day of the last month has no capture behind it is it
    asked whether raw knows of one: a process may have died before its commit, and another one have written down since
    why the day failed, or imported it. And only where the list was empty on a day, or its reading was not believed,
    are its entries looked for: an import may have died that had put some there, or a run whose unchanged list a replay
    did not know any more. Days are those of `timezone`.
    """
    today = world.now().astimezone(timezone).date()
    marked = [row["snapshot_date"] for row in history if row["replacing"]]
    days = sorted({*marked, *_begun(lake, playlist_id, history, today), *_left(lake, playlist_id, history, today)})
    for day in days:
        mend(lake, world, playlist_id, day, timezone)
        _log.warning("mended", extra={"playlist_id": playlist_id, "snapshot_date": day.isoformat()})
    return bool(days)


def _begun(lake: Lake, playlist_id: str, history: list[Row], today: date) -> Iterator[date]:
    """The days of which raw holds another capture than the one of their row, if they have a row at all."""
    since = today - LOOKED_BACK
    recent = [row for row in history if row["snapshot_date"] >= since]
    doubtful = _doubtful(recent, since, today)
    if not doubtful:
        return
    committed = {row["snapshot_date"]: row["raw_key"] for row in recent}
    kept = lake.raw_keys(playlist_id)
    yield from {day for _, day, key in kept if day in doubtful and committed.get(day) != key}


def _left(lake: Lake, playlist_id: str, history: list[Row], today: date) -> Iterator[date]:
    """The days of the last month that have entries, though their row tells of an empty list or of a reading that was
    not believed."""
    without = [
        row["snapshot_date"]
        for row in history
        if row["snapshot_date"] >= today - LOOKED_BACK
        and (not row["entry_count"] if row["status"] in PUBLISHED else row["raw_key"] is not None)
    ]
    for year in sorted({day.year for day in without}):
        held = lake.captures_of_year(playlist_id, year)
        yield from (day for day in without if day in held)


def _doubtful(rows: list[Row], since: date, today: date) -> set[date]:
    """The days before today that have no row, and those whose row commits no entries that were read."""
    # Entries that take the place of none leave no mark, so a day that was doubted or empty is looked at too.
    settled = {row["snapshot_date"] for row in rows if row["status"] in PUBLISHED and row["entry_count"] and _read(row)}
    first = min(settled, default=since)
    if len(settled) == 1:
        # A list's first run may have gone on over midnight, beside the one of the next day.
        first -= _DAY
    missed = {first + timedelta(days=number) for number in range((today - first).days)}
    return (missed | {row["snapshot_date"] for row in rows}) - settled


def _read(row: Row) -> bool:
    """Whether a day was read from Spotify, and its document is there."""
    return row["raw_key"] is not None and not is_imported(row)


def mend(lake: Lake, world: World, playlist_id: str, day: date, timezone: tzinfo) -> None:
    """Make both tables tell of the newest complete capture in raw; where raw is gone, of the entries that are there, if
    they were captured on that day, as `timezone` counts it, and if a purge cannot have left them."""
    try:
        replay(lake, world, playlist_ids=[playlist_id], first=day, last=day)
    except NotKept:
        _log.warning("no raw document is left", extra={"playlist_id": playlist_id, "snapshot_date": day.isoformat()})
    history = lake.history(playlist_id, day)
    row = row_on(day, history)
    if row is not None and row["status"] in PUBLISHED and not row["entry_count"]:
        lake.clear_empty_day(row)
    if _settle(lake, playlist_id, day, history, timezone):
        lake.drop_marks(playlist_id, day)


def _settle(lake: Lake, playlist_id: str, day: date, history: list[Row], timezone: tzinfo) -> bool:
    """Let the row of a day tell of the entries that are there, if it does not; False where the day has to be looked at
    once more, since another process may be at work on it."""
    row = row_on(day, history)
    if (row is None or row["status"] not in PUBLISHED) and read_tombstones(lake).covers(playlist_id, day):
        # What a purge has left when it died goes, but not what a run that is alive is about to commit.
        lake.drop_entries(playlist_id, day, lake.now() - _SURELY_DEAD)
        return not lake.captures_of_day(playlist_id, day)
    if row is not None and is_whole(lake, row, history):
        return True
    return lake.correct(row, _as_found(lake, playlist_id, day, row, timezone))


def is_whole(lake: Lake, row: Row, history: Iterable[Row]) -> bool:
    """Whether a day has the very entries that its row commits; `history` holds the rows up to that day."""
    found = lake.captures_of_day(row["playlist_id"], row["snapshot_date"])
    if row["status"] not in PUBLISHED or not row["entry_count"]:
        return not found
    if row["status"] == Status.OK:
        return found == [row["capture_id"]]
    # Its entries are those of a day on which the same list was read; that day's row may be purged.
    same = {one["capture_id"] for one in history if one["status"] == Status.OK and _is_same_list(one, row)}
    return len(found) == 1 and (not same or found[0] in same)


def _is_same_list(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in ("snapshot_id", "total"))


def _as_found(lake: Lake, playlist_id: str, day: date, row: Row | None, timezone: tzinfo) -> Row:
    """The row of a day whose raw document is gone, made of the entries that are there: only complete ones ever are."""
    entries = lake.entries(playlist_id, day)
    if not entries:
        return _lost(lake, playlist_id, day, row, "Its entries and its raw document are gone.")
    first = entries[0]
    if not is_imported(first) and first["captured_at"].astimezone(timezone).date() != day:
        # A run died that was about to let them stand for this day too, and their own day was purged since.
        lake.drop_entries(playlist_id, day)
        return _lost(lake, playlist_id, day, row, "It was to have the entries of an earlier day, which was purged.")
    reason = f"Its own row was never written and raw is gone: these are the entries of capture {first['capture_id']}."
    return empty_row(playlist_id, day, first["captured_at"]) | {
        "status": Status.OK,
        "reason": reason,
        "entry_count": len(entries),
        "entries_key": lake.segment_of(playlist_id, day),
        "capture_id": first["capture_id"],
        "source": first["source"],
        "position_quality": "exact",
    }


def _lost(lake: Lake, playlist_id: str, day: date, row: Row | None, reason: str) -> Row:
    lost = {"status": Status.INCOMPLETE, "reason": reason, "entry_count": None, "entries_key": None}
    return (row or empty_row(playlist_id, day, lake.now())) | lost
