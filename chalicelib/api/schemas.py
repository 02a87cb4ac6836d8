"""What the answers look like, as JSON Schema. Rows are typed by the views' own columns, which DuckDB tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ..analysis.asked_views import AskedViews
from ..analysis.charts import LEAVER
from ..analysis.views import EVENT_KINDS
from ..lake.schema import Status
from ..lake.warehouse import open_empty
from .routes import LINK, REFERENCE

Schema = dict[str, Any]

# Each kind of row that is answered: a query with its columns, and those of them that are never null.
_ROWS = {
    "Playlist": (
        "SELECT * FROM playlists",
        ("playlist_id", "first_tried_on", "last_tried_on", "last_status", "days_known", "days_failed"),
    ),
    "CoveredDay": ("SELECT * EXCLUDE (playlist_id) FROM coverage", ("snapshot_date", "status")),
    "Entry": (
        "SELECT * EXCLUDE (playlist_id, snapshot_date, previous_date, gap_days) FROM chart",
        ("position", "item_type", "occurrence", "artists", "source"),
    ),
    "Leaver": (
        f"SELECT {LEAVER} FROM runs",
        ("track_key", "last_position", "peak_position", "days", "gap_days", "entered_on", "last_seen_on"),
    ),
    "Run": (
        "SELECT * EXCLUDE (playlist_id) FROM runs",
        (
            *("track_key", "run_number", "entered_on", "last_seen_on", "days", "gap_days"),
            *("peak_position", "first_position", "last_position", "item_type"),
        ),
    ),
    "Standing": ("SELECT snapshot_date, position FROM standings", ("snapshot_date", "position")),
    "Track": (
        "SELECT * FROM tracks",
        (
            *("track_key", "item_type", "first_seen_on", "last_seen_on", "days_seen"),
            *("playlists", "uris", "peak_position"),
        ),
    ),
    "SeenArtist": ("SELECT artist_key, artist_id, name, url FROM artists", ("artist_key",)),
    "Event": (
        "SELECT * FROM events",
        ("playlist_id", "event_id", "kind", "snapshot_date", "after_date", "is_news"),
    ),
    "ComparedItem": (
        "SELECT track_key, change, position AS from_position, position AS to_position, movement, name, artist, "
        "item_id, uri, url FROM chart",
        ("track_key", "change"),
    ),
}

_TYPES: Mapping[str, Schema] = {
    "VARCHAR": {"type": "string"},
    "BOOLEAN": {"type": "boolean"},
    "INTEGER": {"type": "integer"},
    "BIGINT": {"type": "integer"},
    "DATE": {"type": "string", "format": "date"},
    "TIMESTAMP WITH TIME ZONE": {"type": "string", "format": "date-time"},
    "STRUCT(id VARCHAR, name VARCHAR)[]": {"type": "array", "items": {"$ref": "#/components/schemas/Artist"}},
}

_WORTH = [str(status) for status in Status]
_WORDS = {
    ("Playlist", "last_status"): _WORTH,
    ("CoveredDay", "status"): [*_WORTH, "missed"],
    ("Entry", "change"): ["new", "re-entry", "up", "down", "same", "duplicate", "unseen"],
    ("Event", "kind"): [*EVENT_KINDS],
    ("ComparedItem", "change"): ["entered", "left", "up", "down", "same", "unseen"],
}

# What the columns mean that the views add to the tables; those of the tables stand in docs/data.md.
_MEANINGS: dict[str | tuple[str, str], str] = {
    "artist_key": "the id, or where no id is told the name as written",
    "artist_id": "Spotify's id; null where none is told",
    "after_date": "the last known day on which it had not happened yet; it did after this day, up to snapshot_date",
    "artist_ids": "all artists' ids, joined by commas",
    "artist_names": "all artists' names, joined by commas",
    "artist": "all artists' names, joined by commas",
    "became": "the new name, description, owner or number of followers",
    "change": "what became of it since the known day before; null on the first known day",
    ("ComparedItem", "change"): "what became of it from from_date to to_date",
    "days": "known days on the list: the least that it was there",
    "days_failed": "days that were tried in vain",
    "days_known": "days with a complete snapshot",
    "days_on_list": "known days on the list up to this one, with breaks",
    "days_seen": "known days on any list",
    "debut_date": "the first known day on the list; see listed_before",
    "entered_after": "the last day on which it was known not to be there; null where the list is not known any earlier",
    "entered_on": "the first day of the run",
    "event_id": "the same whenever the event is computed",
    "first_date": "the first known day",
    "first_position": "the place on the first day of the run",
    "first_seen_on": "the first known day on any list",
    "first_tried_on": "the first day that was tried, known or not",
    "from_position": "the place on from_date; null: it was not there",
    "gap_days": "days in between of which nothing is known",
    "is_news": "both days were captured, neither was imported",
    "item_key": "the item, as track_key; null for what happened to the list",
    "last_date": "the newest known day",
    "last_position": "the place on the last day of the run",
    "last_reason": "why there is no snapshot of last_tried_on",
    "last_seen_on": "the last known day with it",
    "last_status": "what last_tried_on is worth",
    "last_tried_on": "the last day that was tried, known or not",
    "kind": "what happened",
    "label": "the record label, as the chart's file writes it",
    "left_on": "the first day on which it was known to be gone; null where no known day tells that",
    "listed_before": "it was there on the first known day already, so its true debut is not known",
    "most_days": "the most days that it can have been there; null where nothing tells when it came",
    "movement": "places gained since the known day before; negative: lost",
    ("ComparedItem", "movement"): "places gained from from_date to to_date; negative: lost",
    "number": "moved: places gained; milestone: known days on the list; followers_jump: the difference; gap_began and "
    "gap_ended: days missing; new_peak and number_one: the place",
    "occurrence": "1; more where the list holds the item several times",
    "peak_position": "the best place on the known days up to this one; for runs and tracks on all of theirs",
    "playlist_name": "the latest known name of the list",
    "playlists": "on how many lists it was seen",
    ("Event", "previous_position"): "the place on the known day before; for left the place where it was last seen",
    "previous_position": "the place on the known day before; null: it was not there",
    "reported_days": "days (weeks) on the chart, as its own file tells them",
    "reported_peak": "the best place until that day, as the chart's own file tells it",
    "reported_previous": "the place the day (week) before, as the chart's own file tells it; 0: it was not there",
    "run_number": "1 for the first time on the list, 2 after a break, and so on",
    "streak": "known days of this run, this one included",
    "unseen_days": "known days of the run on which it is not seen, but an empty slot may hold it",
    "to_position": "the place on to_date; null: it was not there",
    "track_key": "what makes it the same item from day to day: its ISRC, else its URI and those that are joined to it, "
    "else its kind and name",
    "uris": "how many URIs stand for it",
    "was": "the old name, description, owner or number of followers",
}


def schemas() -> dict[str, Schema]:
    """Every schema by its name: rows, answers, refusals, and the body of `POST /backfill`."""
    return _row_schemas() | _ANSWERS


def row_types() -> dict[str, dict[str, str]]:
    """The columns of each kind of row that is answered, with their types as DuckDB writes them."""
    with open_empty() as warehouse:
        AskedViews(warehouse, date.min)
        return {kind: warehouse.columns(query) for kind, (query, _) in _ROWS.items()}


def _row_schemas() -> dict[str, Schema]:
    return {
        kind: _object({name: _column(kind, name, duckdb_type) for name, duckdb_type in columns.items()})
        for kind, columns in row_types().items()
    }


def _column(kind: str, name: str, duckdb_type: str) -> Schema:
    schema = dict(_TYPES[duckdb_type.replace('"', "")])
    words: list[str | None] = [*_WORDS.get((kind, name), [])]
    if name not in _ROWS[kind][1]:
        schema["type"] = [schema["type"], "null"]
        words += [None] if words else []
    if words:
        schema["enum"] = words
    meaning = _MEANINGS.get((kind, name), _MEANINGS.get(name))
    if meaning:
        schema["description"] = meaning
    return schema


def _object(properties: Mapping[str, Schema], optional: Iterable[str] = (), **facts: Any) -> Schema:
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False} | facts


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _or_null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


_TEXT: Schema = {"type": "string"}
_DAY: Schema = {"type": "string", "format": "date"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_WITHOUT = ("playlist_id", "status", "reason", "error", "advice")
_CURSOR = _or_null(_TEXT | {"description": "the cursor of the next page; null: this is the last one"})
_GAP: Schema = {"type": "integer", "description": "days in between of which nothing is known"}

# What a backfill of either mode takes.
_ASKED: dict[str, Schema] = {
    "playlists": _or_null(
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": f"^({LINK}|{REFERENCE})$"},
            "description": "ids, URIs or links; null: every followed playlist, or every one that has raw",
        }
    ),
    "key": _or_null(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "pattern": "^[ -~]+$",
            "description": "with it the request is carried out once, however often it arrives",
        }
    ),
}

_ANSWERS: dict[str, Schema] = {
    "Artist": _object({"id": _or_null(_TEXT), "name": _or_null(_TEXT)}),
    "Playlists": _object({"playlists": _list_of("Playlist"), "next_cursor": _CURSOR}),
    "Chart": _object(
        {
            "playlist": _ref("Playlist"),
            "snapshot_date": _DAY,
            "previous_date": _or_null(_DAY | {"description": "the known day before; null: there is none"}),
            "gap_days": _or_null(_GAP),
            "entries": _list_of("Entry"),
            "leavers": _list_of("Leaver"),
            "unseen": _list_of("Leaver"),
            "next_cursor": _CURSOR,
        },
        description="Pages give all entries first, then those that are known to be gone since previous_date. `unseen`, "
        "on every page, are those whom an empty slot may hold.",
    ),
    "Coverage": _object(
        {
            "playlist": _ref("Playlist"),
            "counts": {"type": "object", "additionalProperties": _COUNT, "description": "days of each status, in all"},
            "days": _list_of("CoveredDay"),
            "next_cursor": _CURSOR,
        }
    ),
    "TrackHistory": _object({"track": _ref("Track"), "playlists": _list_of("Listing"), "next_cursor": _CURSOR}),
    "Listing": _object({"playlist": _ref("Playlist"), "runs": _list_of("Run"), "positions": _list_of("Standing")}),
    "ArtistHistory": _object(
        {
            "artist": _ref("SeenArtist"),
            "first_seen": _ref("FirstSeen"),
            "playlists": _list_of("ArtistListing"),
            "next_cursor": _CURSOR,
        }
    ),
    "FirstSeen": _object(
        {
            "playlist_id": _TEXT,
            "playlist_name": _or_null(_TEXT),
            "entered_after": _or_null(_DAY | {"description": _MEANINGS["entered_after"]}),
            "entered_on": _DAY | {"description": "the first known day with a track of the artist"},
            "is_certain": {"type": "boolean", "description": "no other list can have been earlier"},
        }
    ),
    "ArtistListing": _object(
        {
            "playlist": _ref("Playlist"),
            "is_there": {"type": "boolean", "description": "a track stands, or may stand, on the newest known day"},
            "peak_position": {"type": "integer", "minimum": 1},
            "stays": _list_of("Stay"),
            "runs": _list_of("Run"),
        },
        description="Lists with a track of the artist now come first, of these the best place.",
    ),
    "Stay": _object(
        {
            "entered_after": _or_null(_DAY | {"description": _MEANINGS["entered_after"]}),
            "entered_on": _DAY,
            "last_seen_on": _DAY | {"description": _MEANINGS["last_seen_on"]},
            "left_on": _or_null(_DAY | {"description": _MEANINGS["left_on"]}),
        },
        description="A time on the list with one track or another: no known day in it is without all of them.",
    ),
    "Comparison": _object(
        {
            "playlist": _ref("Playlist"),
            "from_date": _DAY,
            "to_date": _DAY,
            "unknown_days": _COUNT | {"description": "days in between of which nothing is known"},
            "items": _list_of("ComparedItem"),
            "next_cursor": _CURSOR,
        }
    ),
    "Events": _object({"events": _list_of("Event"), "next_cursor": _CURSOR}),
    "Report": _object({"url": _TEXT | {"format": "uri"}, "expires_at": _TEXT | {"format": "date-time"}}),
    "Document": {"type": "object", "description": "OpenAPI 3.1"},
    "Health": _object({"status": {"enum": ["fresh", "stale"]}, "age_hours": {"type": ["number", "null"]}}),
    "Version": _object({"chartlake": _TEXT, "python": _TEXT}),
    "Backfill": {
        "anyOf": [
            _object(
                _ASKED
                | {
                    "mode": {"enum": ["extract"], "description": "snapshots now; also without a mode"},
                    "again": {"type": "boolean", "description": "take another snapshot of a day that is there already"},
                },
                optional=("playlists", "key", "mode", "again"),
            ),
            _object(
                _ASKED
                | {"mode": {"enum": ["replay"], "description": "the tables anew from raw"}}
                | {
                    name: _or_null(_DAY | {"description": f"the {place} day"})
                    for name, place in (("from", "first"), ("to", "last"))
                },
                optional=("playlists", "key", "from", "to"),
            ),
        ]
    },
    "BackfillRun": _object(
        {
            "run_id": _TEXT,
            "state": {"enum": ["queued", "running", "done", "failed"]},
            "mode": {"enum": ["extract", "replay", "queue"]},
            "created_at": _TEXT | {"format": "date-time"},
            "done": _COUNT | {"description": "playlists, or raw captures, of `total`"},
            "total": _COUNT,
            "complete": {"type": "boolean"},
            "published": _COUNT,
            "failed": _COUNT,
            "left": {"type": "array", "items": _TEXT},
            "consent_days_left": {"type": ["integer", "null"]},
            "snapshots": _list_of("Outcome"),
            **dict.fromkeys(("stopped", "error", "message", "advice"), _TEXT),
            "statuses": {"type": "object", "additionalProperties": _COUNT, "description": "lists by status"},
            "requests": _COUNT,
            "workers": _COUNT | {"description": "processes that took lists out of the queue"},
            "without": {
                "type": "array",
                "items": _object(dict.fromkeys(_WITHOUT, _TEXT), _WITHOUT[2:]),
                "description": "the first of the lists that have no snapshot",
            },
            "starts_again": _TEXT | {"format": "date-time"},
            "captures": _COUNT,
            "imports": _COUNT | {"description": "imported files that were read once more"},
            "changed_days": _COUNT,
            "changed": {
                "type": "array",
                "items": _object({"playlist_id": _TEXT, "snapshot_date": _DAY}),
                "description": "the first of the days that the replay changed",
            },
            "purged": _COUNT | {"description": "raw captures that were left out because they were purged"},
            "damaged": {
                "type": "array",
                "items": _object({"raw_key": _TEXT, "problem": _TEXT}),
                "description": "raw documents that cannot be read; all others were replayed",
            },
        },
        optional=(
            *("complete", "published", "failed", "left", "consent_days_left", "snapshots"),
            *("stopped", "error", "message", "advice", "captures", "imports", "changed_days", "changed"),
            *("purged", "damaged", "statuses", "requests", "workers", "without", "starts_again"),
        ),
    ),
    "Outcome": _object(
        {
            "playlist_id": _TEXT,
            "snapshot_date": _DAY,
            "status": {"enum": _WORTH},
            "already": {"type": "boolean", "description": "the snapshot was there before"},
            "name": _or_null(_TEXT),
            **dict.fromkeys(("entry_count", "total", "requests"), _or_null(_COUNT)),
            **dict.fromkeys(("entries_key", "raw_key", "source"), _or_null(_TEXT)),
            "seconds": {"type": "number"},
            "reason": _or_null(_TEXT),
            **dict.fromkeys(("error", "advice"), _TEXT),
        },
        optional=("reason", "error", "advice"),
    ),
    "Refusal": _object(
        {"error": _TEXT, "message": _TEXT, "advice": _TEXT},
        description="What happened, to which thing and why; and what to do next.",
    ),
    "Unhandled": {
        "type": "object",
        "description": "API Gateway's own words ({message}), or Chalice's ({Code, Message})",
        "properties": dict.fromkeys(("message", "Code", "Message"), _or_null(_TEXT)),
    },
}
