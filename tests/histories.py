"""Small histories, written down by hand."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, empty_row

LIST = "1111111111111111111111"
FIRST = date(2025, 12, 20)


def entry(day: date, position: int, **values: Any) -> dict[str, Any]:
    """A row of `entries` as the lake takes it."""
    return dict.fromkeys(ENTRIES) | {
        "snapshot_date": day.isoformat(),
        "playlist_id": values.pop("playlist_id", LIST),
        "position": position,
        "item_type": "track",
        "artists": [],
        "is_local": False,
        "captured_at": f"{day}T06:00:00Z",
        "capture_id": f"{day.toordinal():016x}",
        "source": values.pop("source", "spotify"),
        **values,
    }


def keep(lake: Lake, days: dict[date, list[dict[str, Any]]], playlist_id: str = LIST, source: str = "spotify") -> None:
    """Commit these days: their entries and the rows of `snapshots`."""
    moments = {day: datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=6) for day in days}
    captures = {day: capture_of(moments[day], rows) for day, rows in days.items()}
    keys = lake.put_days(
        playlist_id,
        {day: rank(source, moments[day]) for day in days},
        (row | {"capture_id": captures[day]} for day, rows in days.items() for row in rows),
        captures,
    ).keys
    for year in {day.year for day in days}:
        rows = [
            empty_row(playlist_id, day, moments[day])
            | {
                "status": "ok",
                "source": source,
                "entry_count": len(days[day]),
                "name": "A list",
                "capture_id": captures[day],
            }
            | {"entries_key": keys[day] if days[day] else None}
            for day in days
            if day.year == year
        ]
        lake.put_snapshots(playlist_id, year, rows)


def capture_of(moment: datetime, rows: list[dict[str, Any]]) -> str:
    """A capture's name that tells these rows from others."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{zlib.crc32(repr(rows).encode()):016x}"


def named(day: date, letters: str) -> list[dict[str, Any]]:
    """A day whose entries are single letters; a dot is a slot whose item is gone."""
    return [
        entry(day, place)
        | ({"item_type": "unavailable"} if one == "." else {"uri": f"spotify:track:{one}", "name": f"Song {one}"})
        for place, one in enumerate(letters, start=1)
    ]
