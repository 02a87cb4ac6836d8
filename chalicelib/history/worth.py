"""What an imported day is worth: whether all is there that its source promises, and what cannot be known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..lake.schema import Status
from ..text import counted
from .day import PARTIAL, Day

# Spans of missing places that a reason names.
_SHOWN = 5


def judged(day: Day) -> Day:
    """The day with its verdict: `suspect` and without rows where they are no list, else `ok`, and with places missing
    its `position_quality` is `partial`, its `total` the places that it should have; `reason` tells both.

    Fewer rows than the source promises are never `ok` without a word.
    """
    if not day.rows:
        no_entries = "It has no entries, which is what a failed reading looks like."
        return day if day.total == 0 else _suspect(day, no_entries)
    nameless = sum(map(_is_nameless, day.rows))
    if nameless * 2 > len(day.rows):
        return _suspect(day, f"{nameless} of its {counted(len(day.rows), 'entry', 'entries')} tell no track.")
    total = _expected_total(day)
    holes = _holes([row["position"] for row in day.rows], total)
    if holes:
        reason = f"{_places(holes)} of {total} {'is' if total - len(day.rows) == 1 else 'are'} missing: {_why(day)}"
        return replace(day, position_quality=PARTIAL, total=total, reason=reason)
    if day.cut:
        return replace(day, position_quality=PARTIAL, reason=day.cut)
    if day.lengths and total < day.lengths[-1]:
        return replace(day, reason=f"Such a list has had {total} or {day.lengths[-1]} places: which, is not told.")
    return day


def _is_nameless(row: Mapping[str, Any]) -> bool:
    return not (row["uri"] or row["item_id"] or row["name"])


def _expected_total(day: Day) -> int:
    """The places that the list should have: one of its known lengths, where one holds all of its rows."""
    last: int = day.rows[-1]["position"]
    return next((length for length in day.lengths if length >= last), max(last, len(day.rows) + day.skipped))


def _suspect(day: Day, reason: str) -> Day:
    return replace(day, status=Status.SUSPECT, position_quality=None, rows=[], reason=reason)


def _holes(positions: list[int], total: int) -> list[tuple[int, int]]:
    """The spans from 1 to `total` in which none of these lies, as their first and last places."""
    pairs = zip([0, *positions], [*positions, total + 1], strict=True)
    return [(before + 1, after - 1) for before, after in pairs if after - before > 1]


def _why(day: Day) -> str:
    if day.skipped:
        return f"{counted(day.skipped, 'bad line was', 'bad lines were')} left out."
    return day.reason or day.cut or "the list had none there, or lines were lost; the file does not tell."


def _places(holes: list[tuple[int, int]]) -> str:
    """Spans in words: `Positions 1 and 161 to 200`."""
    shown = [f"{first}" if first == last else f"{first} to {last}" for first, last in holes[:_SHOWN]]
    if len(holes) > _SHOWN:
        shown.append(f"{sum(last - first + 1 for first, last in holes[_SHOWN:]):,} more")
    *head, tail = shown
    word = "Position" if shown == [f"{holes[0][0]}"] else "Positions"
    return f"{word} {', '.join(head)} and {tail}" if head else f"{word} {tail}"
