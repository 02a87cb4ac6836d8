"""The "Account data" that Spotify sends on request: `Playlist1.json` and `YourLibrary.json`, as files or as the ZIP.

A playlist has a name and no id; its day is `lastModifiedDate`, as it has stood like that since. An entry is a track, an
episode, an audiobook or a local file, and has the day on which it was added. The library's tracks are the Liked Songs,
in an order that the file does not explain. Listening history is no list, and is refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from ...spotify.entries import Json, Row, playlist_facts
from ..day import Day, Problems, iso_date, refused, rows_of_entries
from ..naming import Named, named_list
from ..saved import added, item_of, refuse_later, told
from ..several import Lists

_LIKED = "Liked Songs"
_UNORDERED = "The file does not say in which order it lists the Liked Songs: positions are those in the file."
# The keys of an entry's item: its name, who made it, what it is a part of, its URI.
_KINDS = {
    "track": ("trackName", "artistName", "albumName", "trackUri"),
    "episode": ("episodeName", "", "showName", "episodeUri"),
    "audiobook": ("audiobookName", "", "", "audiobookUri"),
    "localTrack": ("trackName", "artistName", "albumName", "uri"),
}
_PLAYED = ({"endTime", "msPlayed"}, {"ts", "ms_played"})


def is_playlists(body: Mapping[str, Json]) -> bool:
    playlists = body.get("playlists")
    first = playlists[0] if isinstance(playlists, list) and playlists else None
    return isinstance(first, Mapping) and isinstance(first.get("items"), list) and "lastModifiedDate" in first


def is_library(body: Mapping[str, Json]) -> bool:
    return {"tracks", "albums", "shows", "bannedTracks"} <= set(body) and isinstance(body["tracks"], list)


def refuse_played(file: str, body: Json) -> None:
    """Raises `BadImport` for listening history."""
    first = body[0] if isinstance(body, list) and body else None
    if isinstance(first, Mapping) and any(keys <= set(first) for keys in _PLAYED):
        raise refused(
            file,
            "it is listening history: what one person played, not what stood on a list",
            "Leave it out. The playlists of the same account data are in Playlist1.json.",
        )


def read_playlists(body: Mapping[str, Json], named: Named, problems: Problems) -> Iterator[Day]:
    """Raises `BadImport` where a list tells no day, nor the file's name."""
    lists = Lists(named, problems, len(body["playlists"]))
    for playlist in body["playlists"]:
        if not isinstance(playlist, Mapping) or not isinstance(playlist.get("items"), list):
            problems.add(0, "a playlist has no 'items'", json.dumps(playlist)[:1000])
            continue
        list_id = lists.id_of(playlist.get("name"), None)
        if list_id is None:
            continue
        rows, count = list(_rows(playlist["items"], problems)), len(playlist["items"])
        facts = playlist_facts(dict(playlist) | {"followers": {"total": playlist.get("numberOfFollowers")}})
        day = Day(list_id, _day(playlist, named), "account-playlists", facts, "approx", rows)
        yield refuse_later(replace(day, lengths=(count,) if count else (), skipped=count - len(rows)), named.file)


def read_library(body: Mapping[str, Json], named: Named, problems: Problems) -> list[Day]:
    """Raises `BadImport` where the day is nowhere to be found."""
    snapshot_date, list_ = named.single_day(), named.list or named_list(_LIKED)
    rows, count = list(_library_rows(body["tracks"], problems)), len(body["tracks"])
    facts = playlist_facts({"name": list_.name or _LIKED})
    day = Day(list_.id, snapshot_date, "account-library", facts, "approx", rows, reason=_UNORDERED)
    return [replace(day, lengths=(count,) if count else (), skipped=count - len(rows))]


def _day(playlist: Mapping[str, Json], named: Named) -> date:
    modified = playlist.get("lastModifiedDate")
    if named.has_date() or not isinstance(modified, str):
        return named.single_day()
    try:
        return iso_date(modified)
    except ValueError:
        return named.single_day()


def _rows(items: list[Json], problems: Problems) -> Iterator[Row]:
    for position, item in enumerate(items, start=1):
        try:
            yield next(rows_of_entries([(position, _entry(item))]))
        except ValueError as error:
            problems.add(0, f"item {position}: {error}", json.dumps(item)[:1000])


def _entry(item: Json) -> Json:
    if not isinstance(item, Mapping):
        raise ValueError("it is no object")
    kind = next((kind for kind in _KINDS if isinstance(item.get(kind), Mapping)), None)
    if kind is None and not set(_KINDS) & set(item):
        raise ValueError(f"it is none of {', '.join(_KINDS)}")
    added_at = item.get("addedDate")
    payload = _payload(kind, item[kind]) if kind else None
    return {"added_at": added(added_at) if isinstance(added_at, str) else None, "track": payload}


def _payload(kind: str, item: Mapping[str, Json]) -> Json:
    name, artist, group, uri = (item.get(key) for key in _KINDS[kind])
    if kind == "audiobook":
        return {"type": "audiobook", "uri": uri, "id": None, "name": name}
    shown_in = {"show": {"name": group}} if kind == "episode" else {"album": told(name=group)}
    found = item_of(uri if isinstance(uri, str) else "")
    if shown_in.get("album") == {}:
        del shown_in["album"]
    return found | told(name=name, artists=[{"name": artist}] if artist else None) | shown_in


def _library_rows(tracks: list[Json], problems: Problems) -> Iterator[Row]:
    for position, track in enumerate(tracks, start=1):
        try:
            if not isinstance(track, Mapping) or not isinstance(track.get("uri"), str):
                raise ValueError("it has no 'uri'")
            artists = [{"name": track["artist"]}] if track.get("artist") else []
            item = item_of(track["uri"]) | told(name=track.get("track"), artists=artists)
            yield next(rows_of_entries([(position, {"track": item | {"album": told(name=track.get("album"))}})]))
        except ValueError as error:
            problems.add(0, f"track {position}: {error}", json.dumps(track)[:1000])
