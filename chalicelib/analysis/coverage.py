"""Which days of a playlist are known, and what is known of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from ..lake.lake import Lake
from .charts import open_charts

MISSED = "missed"


@dataclass(frozen=True)
class Day:
    """One calendar day: a status of the table `snapshots`, or `missed` where nobody tried."""

    day: date
    status: str
    reason: str | None


@dataclass(frozen=True)
class Coverage:
    """A playlist's days without a break, from the first that was tried; see the view `coverage`."""

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
    """Each playlist's calendar up to yesterday, and today where it was tried; of all playlists, or of those named."""
    wanted = list(playlist_ids)
    with open_charts(lake, today, wanted, entries=False) as charts:
        known = {row["playlist_id"]: row for row in charts.playlists()}
        rows = charts.warehouse.read("SELECT * FROM coverage ORDER BY playlist_id, snapshot_date")
    days = {
        playlist_id: tuple(Day(row["snapshot_date"], row["status"], row["reason"]) for row in group)
        for playlist_id, group in groupby(rows, key=lambda row: row["playlist_id"])
    }
    nothing = {"name": None, "source": None}
    return [
        Coverage(one, known.get(one, nothing)["name"], known.get(one, nothing)["source"], days.get(one, ()))
        for one in wanted or sorted(known)
    ]
