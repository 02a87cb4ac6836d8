"""How days, counts, names and changes are written on the page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from ..text import counted

# Not strftime: its names follow the machine's language, and the same data must give the same bytes.
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BLANKS = re.compile(r"[\t\n\r]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Letters by name, of which nothing is seen.
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
_CHART = re.compile(r"chart:(.+)-([^-]+)-(daily|weekly)")
_SPOTIFY_URL = re.compile(r"https://open\.spotify\.com/(?:intl-\w+/)?(\w+/[A-Za-z0-9]+)(?:\?.*)?")
_SPOTIFY_URI = re.compile(r"spotify:(\w+):([A-Za-z0-9]+)")

# What became of an item since the known day before, and what became of a day of the list.
_CHANGES = {
    "new": "new on the list",
    "re-entry": "back on the list",
    "same": "in the same place",
    "duplicate": "listed a second time",
    "unseen": "an empty slot may have held it the known day before",
}
STATUSES = {
    "ok": "known",
    "unchanged": "known, and unchanged since the day before",
    "incomplete": "it kept changing while it was read",
    "forbidden": "refused",
    "not_found": "not found",
    "unavailable": "Spotify did not answer",
    "deferred": "Spotify asked to wait",
    "suspect": "the answer was not understood",
    "ended": "followed no longer",
    "missed": "nothing is known of this day",
}


def clean(text: str | None) -> str:
    """A name as text: blanks are spaces, control characters, which HTML cannot carry, are shown as �; one of which
    nothing would be seen is none."""
    if all(letter in _FILLERS or unicodedata.category(letter) in ("Cf", "Zs", "Zl", "Zp") for letter in text or ""):
        return ""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BLANKS.sub(" ", text or ""))


def unit_of(playlist_id: str) -> str:
    """What lies between two snapshots of a list: weekly charts count in weeks, as the view `known_days` has it."""
    return "week" if playlist_id.startswith("chart:") and playlist_id.endswith("-weekly") else "day"


def untitled(item_type: str | None) -> str:
    """What stands for the title of an item that has none."""
    return "(no longer available)" if item_type == "unavailable" else "(no title)"


def list_name(name: str | None, playlist_id: str) -> str:
    """A list's own name; an imported chart, which has none, is called after its id: `Weekly viral chart, US`."""
    chart = _CHART.fullmatch(playlist_id)
    if name or not chart:
        return clean(name) or playlist_id
    source, region, cadence = chart.groups()
    kind = {"viral": "viral chart", "kaggle-top50": "Top 50", "flat-top50": "Top 50"}.get(source, "chart")
    return f"{cadence.capitalize()} {kind}, {region.upper() if len(region) == 2 else region.capitalize()}"


def day_words(day: date) -> str:
    """`Tue 24 Nov 2026`."""
    return f"{_WEEKDAYS[day.weekday()]} {short_day(day)} {day.year}"


def short_day(day: date) -> str:
    """`24 Nov`."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def month_words(day: date) -> str:
    """`Nov 2026`."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def span_words(first: date, last: date) -> str:
    """`24 Nov 2026`, `3 – 5 Nov 2026`, `30 Oct – 2 Nov 2026`, `30 Dec 2025 – 2 Jan 2026`."""
    end = f"{short_day(last)} {last.year}"
    if first == last:
        return end
    if first.year != last.year:
        return f"{short_day(first)} {first.year} – {end}"
    return f"{first.day if first.month == last.month else short_day(first)} – {end}"


def compared_words(previous: date | None, gap: int | None, unit: str) -> str:
    """What a chart's movements are measured against; `gap` is how many days (or weeks) between are not known."""
    if previous is None:
        return "The first known day: nothing to compare it with."
    if not gap:
        return f"Compared with {day_words(previous)}."
    are, them = ("is", "it") if gap == 1 else ("are", "them")
    return (
        f"Compared with {day_words(previous)}. The {counted(gap, unit)} between {are} not known, so what happened on "
        f"{them} is not told here."
    )


def change_words(entry: Mapping[str, Any]) -> str:
    """A row of the view `chart` for a person who hears it: `up 3 places, from 7`."""
    change = entry["change"]
    if change in ("up", "down"):
        places = counted(abs(entry["movement"]), "place")
        return f"{change} {places}, from {entry['previous_position']}"
    return _CHANGES.get(change or "", "")


def change_mark(entry: Mapping[str, Any]) -> str:
    """The same for one who sees it: `▲ 3`."""
    change = entry["change"]
    if change in ("up", "down"):
        return f"{'▲' if change == 'up' else '▼'} {abs(entry['movement'])}"
    return {"new": "NEW", "re-entry": "BACK", "same": "=", "duplicate": "TWICE", "unseen": "?"}.get(change or "", "")


def spotify_path(url: str | None, uri: str | None) -> str:
    """What stands behind `https://open.spotify.com/` for an item, such as `track/<id>`; empty where it has no page."""
    by_url = _SPOTIFY_URL.fullmatch(url or "")
    if by_url:
        return by_url[1]
    by_uri = _SPOTIFY_URI.fullmatch(uri or "")
    return f"{by_uri[1]}/{by_uri[2]}" if by_uri and by_uri[1] != "local" else ""
