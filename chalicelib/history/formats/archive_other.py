"""JSON of gesoges0's spotify-archive: one state of a playlist with ids, popularity and albums, but without a day.

How its author treated local files and empty slots is unknown, so positions are approximate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...spotify.entries import Json, playlist_facts
from ..day import Day, Problems, refused, rows_of_entries
from ..document import entries_of, single_day, track_entry
from ..naming import Named


def is_this(body: Mapping[str, Json]) -> bool:
    tracks = body.get("tracks")
    return isinstance(tracks, list) and isinstance(body.get("id"), str) and "num_followers" not in body


def read(body: Mapping[str, Json], named: Named, problems: Problems) -> list[Day]:
    if not re.fullmatch(r"[0-9A-Za-z]{22}", body["id"]):
        raise refused(named.file, "its 'id' is no playlist's", "The file is damaged; fetch it again.")
    rows = list(rows_of_entries(entries_of(body["tracks"], track_entry, problems)))
    facts, length = playlist_facts(body), len(body["tracks"])
    return [single_day(named, body["id"], "other-archive-json", facts, "approx", rows, length)]
