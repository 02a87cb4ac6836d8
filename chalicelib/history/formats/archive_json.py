"""JSON of mackorone's spotify-playlist-archive: `playlists/pretty/<id>.json`, one state of a playlist.

Empty slots and local files were dropped before it was written, so positions are those among what was left.
`playlists/cumulative/<id>.json` tells when a track came and went but no order, so it is no day; `playlists/followers`
has numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ...spotify.entries import Json, playlist_facts
from ..day import Day, Problems, iso_date, refused, rows_of_entries
from ..document import entries_of, id_in, linked, parsed, single_day, track_entry
from ..naming import Named
from ..opening import Limits, Opener, whole
from ..table import decoded

_ZONELESS = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)


def is_cumulative(body: Mapping[str, Json]) -> bool:
    return "date_first_scraped" in body and "tracks" in body


def is_pretty(body: Mapping[str, Json]) -> bool:
    return isinstance(body.get("tracks"), list) and "num_followers" in body and "url" in body


def is_followers(body: Mapping[str, Json]) -> bool:
    return bool(body) and all(_is_count(day, count) for day, count in body.items())


def _is_count(day: str, count: Json) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", day)) and isinstance(count, int) and not isinstance(count, bool)


def refuse_cumulative(file: str) -> None:
    raise refused(
        file,
        "a cumulative file of the playlist archive: it says when each track came and went, but has no order and no "
        "state of any day",
        "Import playlists/pretty/<id>.json, or a clone of the archive, whose history has a state for each day.",
    )


def read_pretty(body: Mapping[str, Json], named: Named, problems: Problems) -> list[Day]:
    playlist_id = id_in(body.get("url"))
    if playlist_id is None or not re.fullmatch(r"[0-9A-Za-z]{22}", playlist_id):
        raise refused(named.file, "its 'url' is no link to a playlist", "The file is damaged; fetch it again.")
    rows = list(rows_of_entries(entries_of(body["tracks"], _entry, problems)))
    return [single_day(named, playlist_id, "archive-pretty-json", _facts(body), "approx", rows, len(body["tracks"]))]


def _entry(track: Json) -> Json:
    added_at = track.get("added_at") if isinstance(track, Mapping) else None
    found = _ZONELESS.fullmatch(added_at) if isinstance(added_at, str) else None
    return track_entry(track, f"{found[1]}T{found[2]}Z" if found else None)


def _facts(body: Mapping[str, Json]) -> dict[str, Json]:
    owner = linked(body.get("owner")) or {}
    return playlist_facts(
        {
            "name": body.get("original_name") or body.get("unique_name"),
            "description": body.get("description"),
            "owner": {"id": owner.get("id"), "display_name": owner.get("name")},
            "followers": {"total": body.get("num_followers")},
            "snapshot_id": body.get("snapshot_id"),
        }
    )


@dataclass(frozen=True)
class Followers:
    """How many followed a playlist on each day; `playlist_id` is None where the file's name has none."""

    playlist_id: str | None
    counts: dict[date, int]


def read_followers(name: str, open_bytes: Opener, *, limits: Limits | None = None) -> Followers:
    """The numbers in `playlists/followers/<id>.json`, `{"2024-05-31": 17023257, …}`. Raises `BadImport`."""
    body = parsed(name, decoded(whole(name, open_bytes, limits or Limits())))
    if not isinstance(body, Mapping) or not is_followers(body):
        raise refused(
            name, "it is no list of followers by day", 'Such a file reads {"2024-05-31": 17023257, …} and no more.'
        )
    problems = Problems(name)
    counts = {}
    for day, count in body.items():
        try:
            counts[iso_date(day)] = count
        except ValueError as error:
            problems.add(0, str(error))
    problems.raise_if_any()
    return Followers(Named(name).playlist_or_none(), counts)
