"""What stands on the page of a track or an artist across lists: each list with its intervals, places and runs, drawn on
one scale of time; laid out by `templates/across.html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from math import ceil
from typing import Any

from ..analysis.across import PARTS, Across, Subject, parts_of
from ..analysis.artists import ArtistListing, first_seen
from ..lake import keys
from ..lake.tables import Row
from .phrases import clean, list_name, span_words, spotify_path, unit_of, untitled

# So many pages of tracks and as many of artists, lists on a page, runs of a list, and rows of its drawing.
MOST_PAGES = 100
_LISTS = 24
_RUNS = 30
_BARS = 12
# A drawing's own units: its width is PARTS, a row of bars is this high, a line of places that high.
_BAR, _LINE = 4, 24
# On a scale of fewer places than this, a step from 1 to 2 would look like a fall.
_LEAST_PLACES = 10


def page_contexts(across: Across) -> dict[str, dict[str, Any]]:
    """What the template wants for each page, by the page's key."""
    pages = {keys.track_page(one.key): one for one in across.tracks} | {
        keys.artist_page(one.key): one for one in across.artists
    }
    tracks = {one.key for one in across.tracks}
    artists = {one.key for one in across.artists}
    return {key: _context(one, across, tracks, artists) for key, one in pages.items()}


def _context(subject: Subject, across: Across, tracks: set[str], artists: set[str]) -> dict[str, Any]:
    is_track, listings = subject.credits is not None, subject.listings
    begin = min(listing.stays[0].entered_on for listing in listings)
    span = (begin, across.last or begin)
    return {
        "kind": "track" if is_track else "artist",
        "name": clean(subject.name) or (untitled(None) if is_track else "(no name)"),
        "artists": _artists(subject, artists),
        "path": spotify_path(subject.url, subject.uri),
        "is_watched": subject.is_watched,
        "day": span[1],
        "begin": begin,
        "lists": [_list(listing, subject, span, tracks) for listing in listings[:_LISTS]],
        "more": max(0, len(listings) - _LISTS),
    } | _summary(listings)


def _summary(listings: list[ArtistListing]) -> dict[str, Any]:
    there = sum(listing.is_there for listing in listings)
    return {
        "there": there,
        "before": len(listings) - there,
        "peak": min(listing.peak_position for listing in listings),
        "first": _first(listings),
        "simulated": all(listing.playlist["source"] == "simulator" for listing in listings),
    }


def _artists(subject: Subject, with_page: set[str]) -> list[tuple[str, str]]:
    """The artists of a track, each with the link to its page if it has one."""
    return [
        (clean(name), _beside(keys.artist_page(key)) if key in with_page else "") for key, name in subject.credits or ()
    ]


def _first(listings: list[ArtistListing]) -> dict[str, Any]:
    found = first_seen(listings)
    return {
        "when": entered_words(vars(found), found.playlist_id),
        "list": list_name(found.playlist_name, found.playlist_id),
        "link": _beside(keys.playlist_page(found.playlist_id)),
        "is_certain": found.is_certain,
    }


def _list(listing: ArtistListing, subject: Subject, span: tuple[date, date], tracks: set[str]) -> dict[str, Any]:
    playlist, is_track = listing.playlist, subject.credits is not None
    playlist_id = playlist["playlist_id"]
    runs = sorted(listing.runs, key=lambda run: (run["entered_on"], run["track_key"]), reverse=True)
    stay = listing.stays[-1]
    return {
        "name": list_name(playlist["name"], playlist_id),
        "link": _beside(keys.playlist_page(playlist_id)),
        "path": spotify_path(playlist["url"], None),
        "is_there": listing.is_there,
        "since": entered_words(vars(stay), playlist_id),
        "until": left_words(vars(stay), playlist),
        "peak": listing.peak_position,
        "unit": unit_of(playlist_id),
        "runs": [_run(run, playlist, tracks, is_track) for run in runs[:_RUNS]],
        "more": len(runs) - len(runs[:_RUNS]),
        "drawing": _line(subject.places[playlist_id], span, _cadence(playlist_id))
        if is_track
        else _bars(runs[:_BARS], span),
    }


def _run(run: Row, playlist: Row, tracks: set[str], is_track: bool) -> dict[str, Any]:
    key = run["any_key"]
    return {
        "name": clean(run["name"]) or untitled(run["item_type"]),
        "page": _beside(keys.track_page(key)) if key in tracks and not is_track else "",
        "path": spotify_path(run["url"], run["uri"]),
        "entered": entered_words(run, playlist["playlist_id"]),
        "left": left_words(run, playlist),
        "days": run["days"],
        "most_days": run["most_days"] if run["most_days"] != run["days"] else None,
        "peak": run["peak_position"],
    }


def entered_words(run: Mapping[str, Any], playlist_id: str) -> str:
    """`6 Mar 2026`; `4 – 6 Mar 2026` where it was one of these days; `6 Mar 2026 or before`."""
    after, day = run["entered_after"], run["entered_on"]
    return f"{_between(day, day, 1)} or before" if after is None else _between(after, day, _cadence(playlist_id))


def left_words(run: Mapping[str, Any], playlist: Row) -> str:
    """The same of the day on which it was gone; else that it is still there, or may be."""
    if run["left_on"] is not None:
        return _between(run["last_seen_on"], run["left_on"], _cadence(playlist["playlist_id"]))
    newest = playlist["last_date"]
    # An empty slot may hold what is not seen on the newest day.
    return "still there" if run["last_seen_on"] == newest else f"not seen since {_between(newest, newest, 1)}"


def _between(after: date, day: date, cadence_days: int) -> str:
    return span_words(after + timedelta(days=1) if (day - after).days > cadence_days else day, day)


def _cadence(playlist_id: str) -> int:
    return 7 if unit_of(playlist_id) == "week" else 1


# Drawings: `height` in their own units, and paths.


def _line(places: Iterable[tuple[int, int]], span: tuple[date, date], cadence_days: int) -> dict[str, Any]:
    """The places of a track as a line, the first place on top; broken where it was away, or nobody knows."""
    points, days = list(places), (span[1] - span[0]).days + 1
    worst = max(_LEAST_PLACES, *(place for _, place in points))
    step = ceil(cadence_days * parts_of(days) / days)
    path, before = "", -PARTS
    for part, place in points:
        x = round((part + 0.5) * PARTS / parts_of(days), 1)
        y = round(2 + (_LINE - 4) * (place - 1) / (worst - 1), 1)
        path += f"L{x:g} {y:g}" if part <= before + step else f"M{x:g} {y:g}h0"
        before = part
    return {"height": _LINE, "line": path, "bars": "", "faint": ""}


def _bars(runs: list[Row], span: tuple[date, date]) -> dict[str, Any]:
    """A bar a run, in a row for each track; faint where the track may have been there already."""
    rows = {key: number for number, key in enumerate(dict.fromkeys(run["track_key"] for run in runs))}
    bars = faint = ""
    for run in runs:
        top = _BAR * rows[run["track_key"]]
        left, right = _at(run["entered_on"], span), _at(run["last_seen_on"] + timedelta(days=1), span)
        bars += _bar(left, right, top)
        earliest = (run["entered_after"] or run["entered_on"] - timedelta(days=1)) + timedelta(days=1)
        if earliest < run["entered_on"]:
            faint += _bar(max(0.0, _at(earliest, span)), left, top)
    return {"height": _BAR * len(rows), "line": "", "bars": bars, "faint": faint}


def _bar(left: float, right: float, top: int) -> str:
    return f"M{left:g} {top}H{max(right, left + 0.5):g}v{_BAR - 1}H{left:g}z"


def _at(day: date, span: tuple[date, date]) -> float:
    begin, last = span
    return round(PARTS * (day - begin).days / ((last - begin).days + 1), 1)


def _beside(key: str) -> str:
    """From a page in a folder of the site to another one."""
    return f"../{keys.link(key)}"
