"""Marks on a day whose entries are being replaced, so that a process that dies in the middle leaves it known as mixed.

A day lives in two objects: its entries, and its row in `snapshots`, which is the commit. Nothing can write both at
once. So before a capture's entries take the place of another's, its mark is put into the day's row, and its own commit
takes the mark away. Entries under another capture's row therefore always have a mark beside them. Every run reads that
row, so it knows at no cost which days have to be looked at.

The marks of a day are one text, with a space between them; null is none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# The longest process is Lambda's, with a quarter of an hour; a mark that is older has nobody behind it any more.
_ALIVE = timedelta(hours=1)
_MOMENT = "%Y%m%dT%H%M%SZ"


def with_mark(marks: str | None, capture_id: str, now: datetime) -> str:
    """The marks with that of a capture that begins now."""
    others = without(marks, capture_id)
    mark = f"{now.astimezone(UTC).strftime(_MOMENT)}-{capture_id}"
    return " ".join(sorted([*(others or "").split(), mark]))


def without(marks: str | None, capture_id: str | None) -> str | None:
    """The marks that are left when this capture has committed."""
    return " ".join(mark for mark in (marks or "").split() if mark.partition("-")[2] != capture_id) or None


def only_alive(marks: str | None, now: datetime) -> str | None:
    """The marks behind which a process may still be."""
    oldest = (now.astimezone(UTC) - _ALIVE).strftime(_MOMENT)
    return " ".join(mark for mark in (marks or "").split() if mark.partition("-")[0] >= oldest) or None
