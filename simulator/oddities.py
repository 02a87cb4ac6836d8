"""One playlist with every odd entry that Spotify is known to send, each in a slot of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .entries import Altered, Content, Entry, EpisodeRef, LocalFile, SongRef

_ADDED_AT = "2022-05-17T09:30:00Z"
_FIRST_SONG = 600


def oddities(owner: str) -> tuple[Entry, ...]:
    """Give the entries in order; `owner` added those that say so."""
    contents: list[Content] = [
        SongRef(_FIRST_SONG),
        SongRef(_FIRST_SONG),
        *_damaged_songs(),
        EpisodeRef(7),
        Altered(EpisodeRef(8), {"type": "chapter", "uri": "spotify:chapter:simulatedChapter000001"}),
        Altered(EpisodeRef(9), {"name": "", "release_date": "0000", "release_date_precision": "year"}),
        LocalFile("Garage Choir", "Demos & Dust", "Take Four: Reprise", 273),
        LocalFile("", "", "untitled", 0),
        None,
    ]
    entries = [Entry(content, _ADDED_AT, owner) for content in contents]
    plain = [Entry(SongRef(_FIRST_SONG + 10 + place), _ADDED_AT, owner) for place in range(5)]
    return (
        *entries,
        replace(plain[0], added_at=None, added_by=None),
        replace(plain[1], added_at="1970-01-01T00:00:00Z", added_by=""),
        replace(plain[2], added_at="2022-05-17T09:30:00.123Z"),
        replace(plain[3], content=None, added_at="1970-01-01T00:00:00Z", added_by=""),
        plain[4],
    )


def _damaged_songs() -> list[Content]:
    nameless: dict[str, Any] = {
        "id": None,
        "name": None,
        "type": "artist",
        "uri": None,
        "href": None,
        "external_urls": {},
    }
    unplayable = {"is_playable": False, "restrictions": {"reason": "explicit"}}
    gone: dict[str, Any] = {"id": None, "uri": None, "href": None, "external_urls": {}}
    changes: list[dict[str, Any]] = [
        gone,
        gone | {"name": "", "artists": [], "duration_ms": 0, "external_ids": {}},
        {"name": ""},
        {"external_urls": {}},
        {"artists": []},
        {"artists": [nameless]},
        {"external_ids": {}},
        {"external_ids": {"ean": "0000000000000", "upc": "000000000000"}},
        {"type": "hologram"},
        {"name": "النص الطويل " * 12},
        {"album": None},
        unplayable,
    ]
    albums: list[dict[str, Any]] = [
        {"name": "", "artists": []},
        {"release_date": "0000", "release_date_precision": "year"},
        {"release_date": "1998", "release_date_precision": "year"},
        {"release_date": "1998-03", "release_date_precision": "month"},
        {"release_date": None, "release_date_precision": None},
        {"album_type": "COMPILATION", "images": []},
    ]
    songs = [Altered(SongRef(_FIRST_SONG + 20 + place), change) for place, change in enumerate(changes)]
    return [*songs, *(Altered(SongRef(_FIRST_SONG + 50 + place), {}, album) for place, album in enumerate(albums))]
