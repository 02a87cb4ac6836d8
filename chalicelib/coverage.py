"""Which days of a playlist are known, and what is known of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from .lake.lake import Lake

MISSED = "missed"


@dataclass(frozen=True)
class Day:
    """One calendar day: a status of the table `snapshots`, or `missed` where nobody tried."""

    day: date
    status: str
    reason: str | None


@dataclass(frozen=True)
class Coverage:
    """A playlist's days without a break, from the first that was tried to the last one asked for."""

    playlist_id: str
    name: str | None
    source: str | None
    days: tuple[Day, ...]

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(day.status for day in self.days))

    def to_json(self) -> dict[str, Any]:
        return {
            "playlist_id": self.playlist_id,
            "name": self.name,
            "counts": self.counts,
            "days": [{"date": day.day.isoformat(), "status": day.status, "reason": day.reason} for day in self.days],
        }


def coverage(lake: Lake, today: date, playlist_ids: Iterable[str] = ()) -> list[Coverage]:
    """Each playlist's calendar up to `today`; of all playlists in the lake, or of those named."""
    years: dict[str, list[int]] = {}
    for playlist_id, year in lake.tried():
        years.setdefault(playlist_id, []).append(year)
    wanted = list(playlist_ids) or sorted(years)
    return [_coverage(lake, playlist_id, sorted(years.get(playlist_id, [])), today) for playlist_id in wanted]


def _coverage(lake: Lake, playlist_id: str, years: list[int], today: date) -> Coverage:
    rows = [row for year in years for row in lake.snapshots(playlist_id, year)]
    tried = {row["snapshot_date"]: row for row in rows}
    if not tried:
        return Coverage(playlist_id, None, None, ())
    first, last = min(tried), max(today, max(tried))
    calendar = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    days = tuple(
        Day(day, tried[day]["status"], tried[day]["reason"]) if day in tried else Day(day, MISSED, None)
        for day in calendar
    )
    named = [row for row in rows if row["name"] is not None]
    return Coverage(playlist_id, named[-1]["name"] if named else None, named[-1]["source"] if named else None, days)
