"""What a person says about the columns of a CSV file that chartlake does not know, in words or in a file to share."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadSetting

# What a column can hold. Streams and places are counts; the rest is as the table `entries` has it.
MEANINGS = (
    "position", "uri", "name", "artist", "album", "date", "region", "streams", "isrc", "label", "released", "image",
    "duration_ms", "explicit", "popularity", "disc_number", "track_number", "added_at", "added_by",
)  # fmt: skip
_EXAMPLE = "--map 'position=Rank,uri=Link,name=Title,artist=Artist,date=Day,region=Country'"
_KEYS = {"columns": dict, "playlist": str, "date_format": str, "places": int}


@dataclass(frozen=True)
class ColumnMap:
    """The header of each column by what it holds (a word of `MEANINGS`); the list's name or link, where the map says
    it; how its dates are written (as `strptime` has it; None for 2024-05-31); how many places such a list promises (0:
    not known)."""

    columns: Mapping[str, str] = field(default_factory=dict)
    playlist: str | None = None
    date_format: str | None = None
    places: int = 0


def map_of_words(text: str) -> ColumnMap:
    """`position=Rank,uri=Link` to a map. Raises `BadSetting`."""
    pairs = [tuple(word.strip() for word in part.partition("=")) for part in text.split(",")]
    if not all(all(pair) for pair in pairs):
        raise BadSetting(f"The map {text!r} is none.", advice=f"Write it like this: {_EXAMPLE}.")
    named = [meaning for meaning, _, _ in pairs]
    twice = next((meaning for meaning in named if named.count(meaning) > 1), None)
    if twice:
        raise BadSetting(f"The map names {twice!r} twice.", advice="One column holds it; name that one.")
    return _checked({meaning: column for meaning, _, column in pairs}, {})


def map_of_toml(text: str, name: str) -> ColumnMap:
    """A mapping file to a map: a table `columns`, perhaps `playlist`, `date_format`, `places`. Raises `BadSetting`."""
    advice = "docs/history.md shows a mapping file."
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{name} is no TOML: {error}", advice=advice) from None
    for key, value in body.items():
        if key not in _KEYS:
            raise BadSetting(f"{name} has {key!r}, which means nothing here.", advice=f"Known: {', '.join(_KEYS)}.")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise BadSetting(f"{name}: {key!r} is not of its kind.", advice=advice)
    columns = body.pop("columns", {})
    if not all(isinstance(column, str) for column in columns.values()):
        raise BadSetting(f"{name}: a column's name is a text.", advice=advice)
    return _checked(columns, body)


def _checked(columns: Mapping[str, str], rest: Mapping[str, Any]) -> ColumnMap:
    unknown = next((meaning for meaning in columns if meaning not in MEANINGS), None)
    if unknown:
        raise BadSetting(f"The map names {unknown!r}, which no column holds.", advice=f"Known: {', '.join(MEANINGS)}.")
    if not {"uri", "name"} & set(columns):
        raise BadSetting(
            "The map names neither the column of the links nor that of the titles.", advice=f"Add one: {_EXAMPLE}."
        )
    return ColumnMap(columns, **rest)
