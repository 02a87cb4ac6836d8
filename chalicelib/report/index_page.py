"""What stands on the index: every list with how fresh it is, what moved, and which of its last days are known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from ..analysis.charts import Charts
from ..lake.schema import PUBLISHED
from ..lake.tables import Row
from .calendar import look, why
from .morning import morning_context
from .phrases import day_words
from .playlist_page import playlist_facts

_STRIP_DAYS = 60
# The groups of the index, in order: what needs a person first, what has ended last.
_GROUPS = (("attention", "Needs attention"), ("fresh", "Up to date"), ("ended", "Imported history"))


def read_overview(charts: Charts, today: date) -> list[dict[str, Any]]:
    """Every list that was ever tried, by name: `state` (a key of `_GROUPS`), why, and its last days."""
    strips = charts.warehouse.read(
        "SELECT playlist_id, snapshot_date, status FROM coverage "
        "QUALIFY row_number() OVER (PARTITION BY playlist_id ORDER BY snapshot_date DESC) <= $days "
        "ORDER BY playlist_id, snapshot_date",
        {"days": _STRIP_DAYS},
    )
    by_list = {key: list(rows) for key, rows in groupby(strips, key=lambda row: row["playlist_id"])}
    found = [_overview(row, by_list.get(row["playlist_id"], []), today) for row in charts.playlists()]
    return sorted(found, key=lambda one: (one["name"].casefold(), one["id"]))


def index_context(overview: list[dict[str, Any]], cards: Mapping[str, Any]) -> dict[str, Any]:
    """What the template wants: what happened, who stands where, and the lists in groups, each with the card of its
    page (None: it has no page)."""
    shown = [one | {"card": cards.get(one["id"])} for one in overview]
    running = [one for one in shown if one["state"] != "ended"]
    days = [one["last_date"] for one in running or shown if one["last_date"]]
    newest = max(days, default=None)
    return morning_context(shown, newest) | {
        "groups": _groups(shown),
        "lists": len(shown),
        "newest": newest,
        "running": bool(running),
        "days_known": _total(shown, "days_known"),
        "days_failed": _total(shown, "days_failed"),
        # A list that was never read has no data from anywhere.
        "read": sum(one["last_date"] is not None for one in shown),
        "simulated": _total(shown, "simulated"),
        "strip_days": _STRIP_DAYS,
    }


def _groups(shown: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups = [(title, [one for one in shown if one["state"] == state]) for state, title in _GROUPS]
    return [(title, lists) for title, lists in groups if lists]


def _total(shown: list[dict[str, Any]], name: str) -> int:
    return sum(one[name] for one in shown)


def _overview(row: Row, strip: list[Row], today: date) -> dict[str, Any]:
    facts = playlist_facts(row)
    state, words = _state(row, facts["imported"], today)
    return facts | {
        "state": state,
        "words": words,
        "last_date": row["last_date"],
        "days_known": row["days_known"],
        "days_failed": row["days_failed"],
        "entry_count": row["entry_count"],
        "strip": _bars([look(day["status"]) for day in strip]),
        "strip_known": sum(day["status"] in PUBLISHED for day in strip),
        "strip_days": len(strip),
    }


def _state(row: Row, imported: bool, today: date) -> tuple[str, str]:
    last: date | None = row["last_date"]
    if imported:
        return "ended", ""
    if row["last_status"] not in PUBLISHED:
        when = day_words(row["last_tried_on"])
        return "attention", f"{when} failed: {why(row['last_status'], row['last_reason'])}"
    # Today's run may still come.
    if last is not None and last < today - timedelta(days=1):
        return "attention", f"No run since {day_words(last)}."
    return "fresh", ""


def _bars(looks: list[str]) -> dict[str, str]:
    """Each look's SVG path: a day is a bar, four units from the next, the newest at the right. A path goes through the
    middle of its bars; its dashes, which the style gives, are the bars: the less is known, the lower."""
    middles = {"known": 7, "carried": 7, "failed": 7, "missed": 12.5}
    paths: dict[str, str] = {}
    number = _STRIP_DAYS - len(looks)
    for one, same in groupby(looks):
        days = len(list(same))
        paths[one] = paths.get(one, "") + f"M{number * 4} {middles[one]}h{days * 4}"
        number += days
    return paths
