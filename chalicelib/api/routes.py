"""The HTTP routes in one table: requests are checked against it, and the OpenAPI document is made of it.

A new route is an entry in `ROUTES` here, a handler in app.py, and a schema of what it gives in `schemas`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..analysis.views import EVENT_KINDS
from ..errors import BadSetting
from ..spotify.references import parse_playlist_reference

MOST_ROWS = 1000
USUAL_ROWS = 500

_ID = r"[0-9A-Za-z]{22}"
_CHART = r"(?:(?:chart|file):[a-z0-9-]{1,80}|liked:[0-9A-Za-z._~%-]{1,100})"
REFERENCE = rf"{_ID}|spotify:playlist:{_ID}"
LINK = rf"https://open\.spotify\.com/playlist/{_ID}(\?[!-~]*)?"
_ISRC = r"[A-Za-z]{2}-?[0-9A-Za-z]{3}-?[0-9]{2}-?[0-9]{5}"
# The last form is a URI, or the key of an item that has none: what kind it is, and its name.
_TRACK = rf"{_ISRC}|{_ID}|[a-z]+:.+"
_CURSOR = r"[0-9]{1,9}-[0-9a-f]{16}"


@dataclass(frozen=True)
class Parameter:
    """A part of a request's path (`place` path) or query. `read` gives its value, or raises `BadSetting`."""

    name: str
    meaning: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    example: Any
    place: str = "query"
    required: bool = False
    usual: Any = None


@dataclass(frozen=True)
class Route:
    """A method of a path. `gives` names for each status the schemas of its body, none where there is no body.

    `public` routes ask for no signature. `tagged` answers have an ETag, so that what did not change is not sent again.
    """

    method: str
    path: str
    name: str
    summary: str
    gives: Mapping[int, tuple[str, ...]]
    parameters: tuple[Parameter, ...] = ()
    takes: str | None = None
    public: bool = False
    tagged: bool = False

    def read(self, path: Mapping[str, str], query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The values of all parameters. Raises `BadSetting` that names the first one that is wrong."""
        known = {one.name for one in self.parameters if one.place == "query"}
        unknown = sorted(set(query) - known)
        if unknown:
            words = f"It takes {_listed(sorted(known))}." if known else "It takes none."
            raise BadSetting(f"Unknown parameter {unknown[0]!r} of {self.method} {self.path}.", advice=words)
        given = {name: [value] for name, value in path.items()} | {name: list(texts) for name, texts in query.items()}
        return {one.name: _value(one, given.get(one.name, [])) for one in self.parameters}


def _value(parameter: Parameter, texts: list[str]) -> Any:
    if not texts and not parameter.required:
        return parameter.usual
    if len(texts) != 1:
        fault = "is given more than once" if texts else "is missing"
        raise BadSetting(f"Parameter {parameter.name!r} {fault}.", advice=f"Give it once, such as {parameter.example}.")
    try:
        return parameter.read(texts[0])
    except BadSetting as error:
        raise BadSetting(f"Parameter {parameter.name!r}: {error.message}", advice=error.advice) from None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _day(text: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadSetting(f"{text!r} is no day.", advice="Write it as 2026-11-23.")


def _playlist(text: str) -> str:
    if re.fullmatch(_CHART, text):
        return text
    try:
        return parse_playlist_reference(text)
    except BadSetting as error:
        advice = "Give an id, or the name of an imported chart such as chart:regional-global-daily."
        raise BadSetting(error.message, advice=advice) from None


def _track(text: str) -> str:
    if re.fullmatch(_TRACK, text, re.DOTALL):
        return text
    raise BadSetting(
        f"{text!r} is no track.",
        advice="Give its ISRC (GBAYE6800011), its id of 22 letters and digits, its URI (spotify:track:…), or the "
        "track_key of an answer, percent-encoded.",
    )


def _artist(text: str) -> str:
    # It is reached through DuckDB, which the app's start should not wait for.
    from ..analysis.watchlist import bare

    try:
        return bare("artist", text)
    except BadSetting as error:
        raise BadSetting(error.message, advice="Give an artist's id, or its URI (spotify:artist:…).") from None


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= MOST_ROWS:
        return int(text)
    raise BadSetting(f"{text!r} is no whole number from 1 to {MOST_ROWS}.", advice=f"Write for instance {USUAL_ROWS}.")


def _kind(text: str) -> str:
    if text in EVENT_KINDS:
        return text
    raise BadSetting(f"{text!r} is no kind of event.", advice=f"The kinds are {', '.join(EVENT_KINDS)}.")


def _places(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,4}", text) and int(text):
        return int(text)
    raise BadSetting(f"{text!r} is no number of places from 1 on.", advice="Write for instance 5.")


def _cursor(text: str) -> tuple[int, str]:
    if re.fullmatch(_CURSOR, text):
        start, digest = text.split("-")
        return int(start), digest
    raise BadSetting(
        f"{text!r} is no cursor.",
        advice="Give the next_cursor of the page before as it is, or none for the first page.",
    )


def _a_day(name: str, meaning: str, *, required: bool = False) -> Parameter:
    schema = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
    return Parameter(name, meaning, schema, _day, "2026-11-23", required=required)


def _a_playlist(name: str, place: str, meaning: str, *, required: bool = True) -> Parameter:
    schema = {"type": "string", "pattern": f"^({REFERENCE}|{_CHART})$"}
    return Parameter(name, meaning, schema, _playlist, "37i9dQZEVXbMDoHDwVN2tF", place, required)


PLAYLIST = _a_playlist("playlist_id", "path", "Spotify's id or URI, or an imported chart: chart:regional-global-daily")
TRACK = Parameter(
    "track_id",
    "The track's ISRC, its Spotify id or URI, or the `track_key` of an answer; percent-encoded",
    {"type": "string", "pattern": f"^({_TRACK})$", "maxLength": 1000},
    _track,
    "GBAYE6800011",
    "path",
    True,
)
ARTIST = Parameter(
    "artist_id",
    "The artist's Spotify id or URI, or the `artist_key` of an answer (a name, where a file gives no ids); "
    "percent-encoded",
    {"type": "string", "minLength": 1, "maxLength": 1000},
    _artist,
    "6M2wZ9GZgrQXHCFfjv46we",
    "path",
    True,
)
LIMIT = Parameter(
    "limit",
    "How many rows a page has at most; fewer where they would be more than an answer can hold",
    {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
    _limit,
    50,
    usual=USUAL_ROWS,
)
CURSOR = Parameter(
    "cursor",
    "Where to go on: the `next_cursor` of the page before, with the same other parameters",
    {"type": "string", "pattern": f"^{_CURSOR}$"},
    _cursor,
    "500-0f1e2d3c4b5a6978",
)

_REFUSAL = ("Refusal",)
_REFUSALS = dict.fromkeys((400, 404, 409, 503), _REFUSAL)
_UNCHANGED: Mapping[int, tuple[str, ...]] = {304: ()}

PLAYLISTS = Route(
    "GET",
    "/playlists",
    "listPlaylists",
    "Every list that was ever tried, by id, with its latest known attributes and what is kept of it",
    {200: ("Playlists",), **_UNCHANGED, **dict.fromkeys((400, 409, 503), _REFUSAL)},
    (LIMIT, CURSOR),
    tagged=True,
)
CHART = Route(
    "GET",
    "/playlists/{playlist_id}/chart",
    "getChart",
    "A list on one day: what moved, what is new, what came back, and what left",
    {200: ("Chart",), **_UNCHANGED, **_REFUSALS, 422: _REFUSAL},
    (PLAYLIST, _a_day("date", "The day; without it the newest known one"), LIMIT, CURSOR),
    tagged=True,
)
COVERAGE = Route(
    "GET",
    "/playlists/{playlist_id}/coverage",
    "getCoverage",
    "Every day of a list from the first that was tried: known, failed and why, or missed",
    {200: ("Coverage",), **_UNCHANGED, **_REFUSALS},
    (PLAYLIST, LIMIT, CURSOR),
    tagged=True,
)
HISTORY = Route(
    "GET",
    "/tracks/{track_id}/history",
    "getTrackHistory",
    "A track's time on every list: its runs, and where it stood on each known day",
    {200: ("TrackHistory",), **_UNCHANGED, **_REFUSALS},
    (
        TRACK,
        _a_playlist("playlist", "query", "Read only this list; without it all of them", required=False),
        LIMIT,
        CURSOR,
    ),
    tagged=True,
)
ARTIST_HISTORY = Route(
    "GET",
    "/artists/{artist_id}",
    "getArtist",
    "An artist across lists: on which ones now and before, since when, with which tracks, and where first",
    {200: ("ArtistHistory",), **_UNCHANGED, **_REFUSALS},
    (ARTIST, LIMIT, CURSOR),
    tagged=True,
)
COMPARE = Route(
    "GET",
    "/compare",
    "compareDays",
    "What became of a list between two known days: entered, left, up, down, same",
    {200: ("Comparison",), **_UNCHANGED, **_REFUSALS},
    (
        _a_playlist("playlist", "query", "Spotify's id or URI, or an imported chart: chart:regional-global-daily"),
        _a_day("from", "The day to compare with", required=True),
        _a_day("to", "The day that is compared; it may be the earlier one", required=True),
        LIMIT,
        CURSOR,
    ),
    tagged=True,
)
EVENTS = Route(
    "GET",
    "/events",
    "listEvents",
    "What happened: who entered, left, came back or moved, what lists were renamed, emptied, or not seen",
    {200: ("Events",), **_UNCHANGED, **_REFUSALS, 422: _REFUSAL},
    (
        _a_playlist("playlist", "query", "Of this list only; without it of all of them", required=False),
        _a_day("since", "The first day; without it the newest known one"),
        _a_day("until", "The last day; without it the newest one"),
        Parameter(
            "kind",
            "Only events of this kind",
            {"type": "string", "enum": list(EVENT_KINDS)},
            _kind,
            "entered",
        ),
        Parameter(
            "min_move",
            "Only moves of so many places or more, up or down",
            {"type": "integer", "minimum": 1, "maximum": 9999},
            _places,
            5,
            usual=1,
        ),
        LIMIT,
        CURSOR,
    ),
    tagged=True,
)
REPORT = Route(
    "GET",
    "/report",
    "getReport",
    "A link to the page, for whoever holds it, that ends within an hour",
    {200: ("Report",), 400: _REFUSAL, 404: _REFUSAL, 503: _REFUSAL},
)
OPENAPI = Route(
    "GET",
    "/openapi.json",
    "getOpenApi",
    "This document",
    {200: ("Document",), **_UNCHANGED, 400: _REFUSAL},
    tagged=True,
)
BACKFILL = Route(
    "POST",
    "/backfill",
    "takeSnapshots",
    "Take today's snapshots now (what is there already is skipped), or rebuild the tables from raw",
    {
        200: ("BackfillRun",),
        202: ("BackfillRun",),
        400: ("BackfillRun", "Refusal"),
        409: _REFUSAL,
        413: _REFUSAL,
        415: ("Unhandled",),
        502: ("BackfillRun", "Refusal"),
        503: ("BackfillRun", "Refusal"),
    },
    takes="Backfill",
)
RUN = Route(
    "GET",
    "/runs/{run_id}",
    "getRun",
    "How far a run of POST /backfill is, and what came of it",
    {200: ("BackfillRun",), 404: _REFUSAL, 503: _REFUSAL},
    (
        Parameter(
            "run_id",
            "The `run_id` that POST /backfill answered with",
            {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            str,
            "0f1e2d3c4b5a6978",
            "path",
            True,
        ),
    ),
)
HEALTH = Route(
    "GET",
    "/health",
    "getHealth",
    "Whether the newest complete snapshot is younger than 26 hours; nothing of what is followed",
    {200: ("Health",), 503: ("Health",)},
    public=True,
)
VERSION = Route("GET", "/version", "getVersion", "Which chartlake answers here", {200: ("Version",)})

ROUTES = (
    *(PLAYLISTS, CHART, COVERAGE, HISTORY, ARTIST_HISTORY, COMPARE, EVENTS),
    *(REPORT, OPENAPI, BACKFILL, RUN, HEALTH, VERSION),
)
