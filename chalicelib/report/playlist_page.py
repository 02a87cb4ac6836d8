"""What stands on a playlist's page: asked of the lake here, laid out by `templates/playlist.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Any

from ..analysis.charts import Charts
from ..lake.schema import PUBLISHED
from ..lake.tables import Row
from . import calendar
from .list_measures import drawings, read_measures
from .phrases import change_mark, change_words, clean, compared_words, list_name, spotify_path, unit_of, untitled
from .script_data import Past

# What a browser lays out at once, and a person reads.
_ROWS = 1000
_MOVERS = 5
_LEAVERS = 25
_ARTISTS = 15
_ARTIST_DAYS = 30


def read_page(
    charts: Charts, playlist_id: str, coverage: list[Row], followers: list[Row], overlaps: Sequence[Row] = ()
) -> dict[str, Any]:
    """What the template wants for a playlist that has a known day.

    `coverage` are rows of that view and `followers` rows (snapshot_date, followers): they may go further back than
    `charts`, which holds only the newest days of a very long list. `overlaps` are the list's of `read_overlaps`.
    """
    chart = charts.chart(playlist_id)
    past = Past(charts, playlist_id)
    unit = unit_of(playlist_id)
    known = [row for row in coverage if row["status"] in PUBLISHED]
    rows = [_row(entry, past) for entry in chart.entries]
    first = max(chart.playlist["first_date"], chart.snapshot_date - timedelta(days=_ARTIST_DAYS - 1))
    artists = charts.artists(playlist_id, first, chart.snapshot_date)
    measures = read_measures(charts, chart, overlaps)
    return {
        "playlist": playlist_facts(chart.playlist),
        "day": chart.snapshot_date,
        "compared": compared_words(chart.previous_date, chart.gap_days, unit),
        "previous": chart.previous_date,
        "gap_days": chart.gap_days,
        "rows": rows[:_ROWS],
        "total": len(rows),
        "extra": _extra_column(rows),
        "days_at_top": _days_at_top(charts, playlist_id),
        "movers": _movers(rows),
        "leavers": [_leaver(row, past) for row in chart.leavers[:_LEAVERS]],
        "left": len(chart.leavers),
        "unseen": [_leaver(row, past) for row in chart.unseen[:_LEAVERS]],
        "artists": [_artist(row, artists[0]["share"]) for row in artists[:_ARTISTS]],
        "artists_in_all": len(artists),
        "artists_from": first,
        "first_date": chart.playlist["first_date"],
        "cut": any(row["snapshot_date"] < chart.playlist["first_date"] for row in known),
        "months": calendar.months(coverage, unit),
        "gaps": calendar.gaps(coverage, unit),
        "days_known": len(known),
        "days_in_all": len(coverage),
        "depth": past.depth,
        "largest": past.largest,
        "measures": measures,
        "data": past.to_json()
        | drawings(measures)
        | {
            "id": playlist_id,
            "followers": [[row["snapshot_date"].isoformat(), row["followers"]] for row in followers],
        },
    }


def playlist_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the view `playlists` as both kinds of page show it."""
    source = row["source"] or ""
    return {
        "id": row["playlist_id"],
        "name": list_name(row["name"], row["playlist_id"]),
        "owner": clean(row["owner_name"]),
        "path": spotify_path(row["url"], None),
        "followers": row["followers"],
        "simulated": source == "simulator",
        "imported": source.startswith("import:"),
        "unit": unit_of(row["playlist_id"]),
        "chart": row["playlist_id"] if row["playlist_id"].startswith("chart:") else "",
    }


def card_of(page: Mapping[str, Any]) -> dict[str, Any]:
    """What the index tells of a page, as JSON."""
    movers, rows = page["movers"], page["rows"]
    climber = next(iter(movers["climbers"]), None)
    return {
        "day": page["day"].isoformat(),
        "compared": page["previous"] is not None,
        "leader": {name: rows[0][name] for name in ("name", "artist")} if rows else None,
        "leader_days": page["days_at_top"],
        "climber": {name: climber[name] for name in ("name", "artist", "mark", "words", "position")}
        if climber
        else None,
        "new": len(movers["new"]),
        "back": len(movers["back"]),
        "left": page["left"],
    }


def _row(entry: Row, past: Past) -> dict[str, Any]:
    return {
        "position": entry["position"],
        "previous": entry["previous_position"],
        "change": entry["change"] or "",
        "movement": entry["movement"] or 0,
        "mark": change_mark(entry),
        "words": change_words(entry),
        "peak": entry["peak_position"],
        "reported_peak": entry["reported_peak"] if entry["reported_peak"] != entry["peak_position"] else None,
        "days": entry["days_on_list"],
        "streak": entry["streak"],
        "listed_before": entry["listed_before"],
        "streams": entry["streams"],
        "popularity": entry["popularity"],
    } | _item(entry, past)


def _leaver(run: Row, past: Past) -> dict[str, Any]:
    return {name: run[name] for name in ("last_position", "peak_position", "days", "gap_days", "most_days")} | _item(
        run, past
    )


def _extra_column(rows: list[dict[str, Any]]) -> str:
    return next((name for name in ("streams", "popularity") if any(row[name] for row in rows)), "")


def _item(row: Row, past: Past) -> dict[str, Any]:
    number = past.numbers.get(row["track_key"])
    return {
        "name": clean(row["name"]),
        "untitled": untitled(row.get("item_type")),
        "artist": clean(row["artist"]),
        "path": spotify_path(row["url"], row["uri"]),
        "number": number,
        "key": clean(row["track_key"]) if number is not None else "",
    }


def _movers(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The items that came, and those that moved farthest."""
    moved = sorted(rows, key=lambda row: (-abs(row["movement"]), row["position"]))
    return {
        "new": [row for row in rows if row["change"] == "new"],
        "back": [row for row in rows if row["change"] == "re-entry"],
        "climbers": [row for row in moved if row["change"] == "up"][:_MOVERS],
        "fallers": [row for row in moved if row["change"] == "down"][:_MOVERS],
    }


def _artist(row: Row, largest: float) -> dict[str, Any]:
    return {
        "name": clean(row["name"]),
        "path": spotify_path(None, f"spotify:artist:{row['artist_id']}"),
        "share": row["share"],
        "width": round(100 * row["share"] / largest, 1),
        "tracks": row["tracks"],
        "peak": row["peak_position"],
    }


def _days_at_top(charts: Charts, playlist_id: str) -> int:
    """For how many known days in a row, up to the newest, the first place has been the same item's."""
    leaders = charts.warehouse.read(
        "SELECT known_days.day_number, standings.track_key FROM known_days "
        "LEFT JOIN standings ON standings.playlist_id = known_days.playlist_id "
        "AND standings.snapshot_date = known_days.snapshot_date AND standings.position = 1 "
        "WHERE known_days.playlist_id = $id ORDER BY known_days.day_number DESC",
        {"id": playlist_id},
    )
    leader = leaders[0]["track_key"]
    return sum(1 for _ in takewhile(lambda row: row["track_key"] == leader, leaders)) if leader else 0
