"""Coverage as one sees it: a grid a month, and the gaps in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from ..lake.schema import PUBLISHED
from ..lake.tables import Row
from ..text import counted
from .phrases import STATUSES, clean, month_words, short_day, span_words

# How a day looks; whatever else was tried is a failure.
_LOOKS = {"ok": "known", "unchanged": "carried", "missed": "missed"}


@dataclass(frozen=True)
class Month:
    """A month: what is known of it, the weekday of the first day shown (1 is Monday), a (look, tooltip) for each day.

    The look of a day on which a weekly list has no chart is empty.
    """

    title: str
    summary: str
    weekday: int
    days: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Gap:
    """Days in a row without a snapshot, for one reason."""

    span: str
    days: str
    why: str


def look(status: str) -> str:
    """`known`, `carried`, `missed` or `failed`."""
    return _LOOKS.get(status, "failed")


def why(status: str, reason: str | None) -> str:
    """What a day's status means, in words, with the reason that was written down."""
    meaning = STATUSES.get(status, status)
    return f"{meaning}: {clean(reason)}" if reason else meaning


def months(coverage: Iterable[Row], unit: str) -> list[Month]:
    """The months of rows of the view `coverage`, in order; each row is a `unit`, day or week, of the list."""
    groups = groupby(coverage, key=lambda row: (row["snapshot_date"].year, row["snapshot_date"].month))
    return [_month(list(rows), unit) for _, rows in groups]


def gaps(coverage: Iterable[Row], unit: str) -> list[Gap]:
    """The days that are not known, those in a row with one reason together, the newest first."""
    groups = groupby(coverage, key=lambda row: (row["status"], row["reason"]))
    return [_gap(list(rows), unit) for (status, _), rows in groups if status not in PUBLISHED][::-1]


def _month(rows: Sequence[Row], unit: str) -> Month:
    first: date = rows[0]["snapshot_date"]
    known = sum(row["status"] in PUBLISHED for row in rows)
    by_day = {row["snapshot_date"]: row for row in rows}
    whole = (first + timedelta(days=count) for count in range((rows[-1]["snapshot_date"] - first).days + 1))
    return Month(
        month_words(first),
        f"{month_words(first)}: {known} of {counted(len(rows), unit)} known",
        first.isoweekday(),
        tuple(_cell(by_day.get(day)) for day in whole),
    )


def _cell(row: Row | None) -> tuple[str, str]:
    if row is None:
        return "", ""
    if row["status"] == "ok":
        return "known", ""
    return look(row["status"]), f"{short_day(row['snapshot_date'])}: {why(row['status'], row['reason'])}"


def _gap(rows: Sequence[Row], unit: str) -> Gap:
    first, last = rows[0], rows[-1]
    span = span_words(first["snapshot_date"], last["snapshot_date"])
    return Gap(span, counted(len(rows), unit), why(first["status"], first["reason"]))
