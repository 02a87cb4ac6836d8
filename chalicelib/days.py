"""What a day is worth: the rows of the table `snapshots`, and the judgement behind their status. Pure."""

from __future__ import annotations

from datetime import date, datetime

from . import __version__
from .entries import Row, Summary, playlist_facts
from .lake.schema import PUBLISHED, SNAPSHOTS, Status
from .spotify.capture import Capture

# A long list whose snapshot_id stands still is read whole every so many days all the same.
_LONGEST_UNCHANGED = 6


def snapshot_row(capture: Capture, summary: Summary, day: date) -> Row:
    """The row that commits a capture as `ok`, without its entries' key and raw's."""
    return row_of(capture, day) | {
        "entry_count": summary.entry_count,
        "content_hash": summary.content_hash,
        "dialect": summary.dialect,
        "status": Status.OK,
    }


def row_of(capture: Capture, day: date) -> Row:
    """What the playlist object itself says, without a status."""
    page = next(capture.pages(), None)
    return (
        empty_row(capture.playlist_id, day, capture.captured_at)
        | playlist_facts(capture.playlist())
        | {
            "total": page.total if page else None,
            "requests": capture.requests,
            "capture_id": capture.capture_id,
            "source": capture.source,
        }
    )


def empty_row(playlist_id: str, day: date, moment: datetime) -> Row:
    """A day of which nothing is known yet but that it was tried at `moment`."""
    return dict.fromkeys(SNAPSHOTS) | {
        "snapshot_date": day,
        "playlist_id": playlist_id,
        "captured_at": moment,
        "app_version": __version__,
    }


def last_published(history: list[Row]) -> Row | None:
    """The newest day that has its entries."""
    return next((row for row in reversed(history) if row["status"] in PUBLISHED), None)


def known_snapshot(history: list[Row]) -> tuple[str, int] | None:
    """The snapshot_id and total that make a long list's reading unnecessary, unless it is due to be read whole."""
    last = last_published(history)
    published = [row["status"] for row in history if row["status"] in PUBLISHED]
    whole = all(status == Status.UNCHANGED for status in published[-_LONGEST_UNCHANGED:])
    if last is None or last["snapshot_id"] is None or (whole and len(published) >= _LONGEST_UNCHANGED):
        return None
    return last["snapshot_id"], last["total"]


def doubt(row: Row, summary: Summary, history: list[Row]) -> str | None:
    """Why a reading is not believed yet: everything is gone at once, and no earlier reading said so."""
    if summary.readable_count:
        return None
    before = last_published(history)
    if row["total"] == 0 and not (before and before["entry_count"]):
        return None
    if history and history[-1]["status"] == Status.SUSPECT and history[-1]["content_hash"] == row["content_hash"]:
        return None
    gone = "the list is empty" if row["total"] == 0 else f"all {row['total']} slots are empty"
    was = f"; {before['snapshot_date']} had {before['entry_count']} entries" if before else ""
    return f"Everything vanished at once: {gone}{was}. The next reading that says the same is believed."
