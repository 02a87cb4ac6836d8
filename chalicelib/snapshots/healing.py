"""Mending what a process that died has left: days whose entries and row may be of different captures, and days that
were read and kept in raw, but never committed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from ..errors import NotKept
from ..lake.lake import Lake
from ..lake.schema import PUBLISHED, Status, empty_row
from ..spotify.entries import Row
from ..time_and_chance import World
from .replay import replay

# A list that was not read for longer than this had nobody who could have died over it.
_LOOKED_BACK = timedelta(days=31)

_log = logging.getLogger(__name__)


def heal(lake: Lake, world: World, playlist_id: str, history: list[Row], today: date) -> bool:
    """Mend the days of a list that an earlier process left half done; gives whether there were any.

    `history` holds the list's rows up to today, which every run reads: it names the days that are marked, so nothing
    is asked of the store where nothing is wrong. Only after days without a row is it asked whether raw knows of them.
    """
    marked = [row["snapshot_date"] for row in history if row["replacing"]]
    begun = list(_begun(lake, playlist_id, [row["snapshot_date"] for row in history], today))
    for day in sorted({*marked, *begun}):
        _mend(lake, world, playlist_id, day)
        _log.warning("mended", extra={"playlist_id": playlist_id, "snapshot_date": day.isoformat()})
    return bool(marked or begun)


def _begun(lake: Lake, playlist_id: str, known: list[date], today: date) -> Iterator[date]:
    """The days since the newest row before today that raw knows of."""
    newest = max((day for day in known if day < today), default=today - _LOOKED_BACK)
    missed = {newest + timedelta(days=number) for number in range(1, (today - newest).days)}
    if missed:
        yield from sorted(missed & {day for _, day, _ in lake.raw_keys(playlist_id)})


def _mend(lake: Lake, world: World, playlist_id: str, day: date) -> None:
    """Make both tables tell of the newest complete capture in raw; where raw is gone, of the entries that are there."""
    try:
        replay(lake, world, playlist_ids=[playlist_id], first=day, last=day)
    except NotKept:
        _log.warning("no raw document is left", extra={"playlist_id": playlist_id, "snapshot_date": day.isoformat()})
    history = lake.history(playlist_id, day)
    row = history[-1] if history and history[-1]["snapshot_date"] == day else None
    if row is None or not is_whole(lake, row, history):
        lake.correct(_as_found(lake, playlist_id, day, row))
    lake.drop_marks(playlist_id, day)


def is_whole(lake: Lake, row: Row, history: Iterable[Row]) -> bool:
    """Whether a day has the very entries that its row commits; `history` holds the rows up to that day."""
    found = lake.captures_of_day(row["playlist_id"], row["snapshot_date"])
    if row["status"] not in PUBLISHED or not row["entry_count"]:
        return not found
    owner: Row | None = row
    if row["status"] == Status.UNCHANGED:
        # Its entries are those of the day that was read last.
        owner = next((one for one in reversed(list(history)) if one["status"] == Status.OK), None)
    return owner is not None and found == [owner["capture_id"]]


def _as_found(lake: Lake, playlist_id: str, day: date, row: Row | None) -> Row:
    """The row of a day whose raw document is gone, made of the entries that are there: only complete ones ever are."""
    entries = lake.entries(playlist_id, day)
    if not entries:
        lost = {"status": Status.INCOMPLETE, "reason": "Its entries and its raw document are gone."}
        return (row or empty_row(playlist_id, day, lake.now())) | lost | {"entry_count": None, "entries_key": None}
    first = entries[0]
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
