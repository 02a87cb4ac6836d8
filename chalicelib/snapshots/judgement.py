"""What a day is worth: the rows of the table `snapshots`, and the judgement behind their status. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from ..errors import ChartlakeError, InconsistentPlaylist, UnknownShape
from ..lake.schema import PUBLISHED, Status, empty_row
from ..spotify.capture import EQUAL_HEAD, NOT_UNDERSTOOD, Capture
from ..spotify.entries import Row, Summary, UnknownEntryShape, playlist_facts, summarise
from ..spotify.refusals import unexpected_status

# A long list whose snapshot_id stands still is read whole every so many days all the same.
_LONGEST_UNCHANGED = 6
# So far back is looked for what a process may have left, which is longer than any schedule pauses.
LOOKED_BACK = timedelta(days=31)
_BY_HEAD = "Liked Songs have no snapshot_id: their total and their newest entries were the same before and after."
_BELIEVED = "The next reading that says the same is believed."


def judge(capture: Capture, day: date, raw: Row, history: list[Row]) -> tuple[Row, ChartlakeError | None]:
    """A capture's row, with the status that it deserves after the days before it.

    `raw` holds `raw_key` and `raw_sha256`, `history` the playlist's earlier rows by day (the day's own included). Gives
    the row without its `entries_key`, and the error that stands behind a status other than `ok`.
    """
    name = f"playlist {capture.playlist_id}"
    if capture.proof == NOT_UNDERSTOOD:
        return suspect_row(capture, day, raw, _not_understood(capture))
    try:
        summary = summarise(capture.pages())
    except UnknownEntryShape as error:
        return suspect_row(capture, day, raw, UnknownShape(f"{name}: {error}."))
    row = row_of(capture, day) | raw
    row |= {
        "entry_count": summary.entry_count,
        "content_hash": summary.content_hash,
        "dialect": summary.dialect,
        "position_quality": "exact",
        "status": Status.OK,
        "reason": _BY_HEAD if capture.proof == EQUAL_HEAD else None,
    }
    if row["entry_count"] != row["total"]:
        missing = InconsistentPlaylist(f"{name}: Spotify counts {row['total']} entries and gave {row['entry_count']}.")
        return row | {"status": Status.INCOMPLETE, "reason": missing.message}, missing
    doubted = doubt(row, summary, history)
    return (row | {"status": Status.SUSPECT, "reason": doubted} if doubted else row), None


def _not_understood(capture: Capture) -> UnknownShape:
    """Why there is nothing but evidence."""
    answer = capture.answers[-1]
    if answer.status != 200:
        return unexpected_status(answer, capture.playlist_id)
    return UnknownShape(f"playlist {capture.playlist_id}: Spotify's answer was not understood.")


def suspect_row(capture: Capture, day: date, raw: Row, error: UnknownShape) -> tuple[Row, UnknownShape]:
    """The row of what could not be understood."""
    row = empty_row(capture.playlist_id, day, capture.captured_at) | raw
    row |= {"capture_id": capture.capture_id, "source": capture.source, "requests": capture.requests}
    return row | {"status": Status.SUSPECT, "reason": error.message}, error


def unchanged_row(capture: Capture, day: date, raw: Row, last: Row) -> Row:
    """The row of a day whose list is that of `last`, an earlier day."""
    row = row_of(capture, day) | raw
    row |= {name: last[name] for name in ("total", "entry_count", "content_hash", "dialect", "position_quality")}
    reason = f"Spotify's snapshot_id is that of {last['snapshot_date']}, whose entries stand for this day."
    return row | {"status": Status.UNCHANGED, "reason": reason}


def row_of(capture: Capture, day: date) -> Row:
    """What the playlist object itself says, without a status."""
    return (
        empty_row(capture.playlist_id, day, capture.captured_at)
        | playlist_facts(capture.playlist())
        | {
            "total": capture.total,
            "requests": capture.requests,
            "capture_id": capture.capture_id,
            "source": capture.source,
        }
    )


def row_on(day: date, history: list[Row]) -> Row | None:
    """That day's row, in a history that ends with it or before it."""
    return history[-1] if history and history[-1]["snapshot_date"] == day else None


def last_published(history: list[Row]) -> Row | None:
    """The newest day that has its entries."""
    return next((row for row in reversed(history) if row["status"] in PUBLISHED), None)


def needs_year_before(rows: list[Row], today: date) -> bool:
    """Whether the days that a run looks back on may lie in the year before the one of these rows: all of January, and
    until the year has as many published days as decide whether a list is due to be read whole."""
    published = sum(row["status"] in PUBLISHED for row in rows)
    return (today - LOOKED_BACK).year < today.year or published < _LONGEST_UNCHANGED


def known_snapshot(history: list[Row]) -> tuple[str, int] | None:
    """The snapshot_id and total that make a long list's reading unnecessary, unless it is due to be read whole."""
    last = last_published(history)
    published = [row["status"] for row in history if row["status"] in PUBLISHED]
    whole = all(status == Status.UNCHANGED for status in published[-_LONGEST_UNCHANGED:])
    if last is None or last["snapshot_id"] is None or (whole and len(published) >= _LONGEST_UNCHANGED):
        return None
    return last["snapshot_id"], last["total"]


def doubt(row: Row, summary: Summary, history: list[Row]) -> str | None:
    """Why a reading is not believed yet: most of the list is gone at once, and the reading before did not say so."""
    before = last_published(history)
    slots, known = summary.entry_count, summary.identified_count
    if 2 * known >= slots and (slots or not (before and before["entry_count"])):
        return None
    if _was_read_before(row, history):
        return None
    gone = f"of {slots} slots {slots - known} are empty or have lost their id" if slots else "the list is empty"
    was = f"; {before['snapshot_date']} had {before['entry_count']} entries" if before else ""
    return f"{'Most' if known else 'Everything'} vanished at once: {gone}{was}. {_BELIEVED}"


def _was_read_before(row: Row, history: list[Row]) -> bool:
    """Whether the last reading said the same."""
    # A day on which nothing could be read says nothing; a replay does not even know of it.
    last = next((one for one in reversed(history) if one["capture_id"] is not None), None)
    if last is None or last["status"] not in (Status.SUSPECT, *PUBLISHED):
        return False
    return bool(last["content_hash"] == row["content_hash"])
