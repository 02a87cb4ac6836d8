"""Puts playlists into the words of the three dialects that Spotify speaks, one for each class of app.

`extended` answers as always (`tracks`, `track`); `grandfathered` gives old and new names side by side; `development`
knows only the new names (`items`, `item`) and leaves fields out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from .accounts import DISPLAY_NAMES
from .catalogue import Album, Artist, Catalogue, Episode, Song
from .entries import Altered, Content, Entry, EpisodeRef, LocalFile, SongRef
from .playlists import Playlist, State

EMBEDDED = 100
WRAPPERS = {"extended": ("tracks",), "grandfathered": ("tracks", "items"), "development": ("items",)}
PAGE_LIMITS = {"tracks": (100, 100), "items": (20, 50)}
"""Endpoint to its default and its largest `limit`."""
_ENTRY_KEYS = {"extended": ("track",), "grandfathered": ("track", "item"), "development": ("item",)}
_LEFT_OUT = ("popularity", "available_markets", "linked_from", "publisher")
_SHARED_QUERY = ("additional_types", "market", "fields")
_OPEN = "https://open.spotify.com"

Json = dict[str, Any]


@dataclass(frozen=True)
class View:
    """How one request looks at things.

    `api` is the base of hrefs; `market` a country, or None where the request named none; `home` the country that the
    token's user is taken to be in; `query` what a link to the next page repeats.
    """

    api: str
    dialect: str
    catalogue: Catalogue
    episodes_in_full: bool = False
    market: str | None = None
    home: str | None = None
    query: tuple[tuple[str, str], ...] = ()

    @property
    def reduced(self) -> bool:
        """Whether fields are left out."""
        return self.dialect == "development"


def shared_query(arguments: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Give the arguments that a link to another page repeats."""
    return tuple((name, arguments[name]) for name in _SHARED_QUERY if name in arguments)


def playlist_object(view: View, playlist: Playlist, state: State, with_contents: bool) -> Json:
    """Render `GET /playlists/{id}`: metadata and, if the asker may see them, the first 100 entries."""
    answer = _metadata(view, playlist, state)
    if with_contents:
        for wrapper in WRAPPERS[view.dialect]:
            answer[wrapper] = page(view, playlist.id, state.entries, wrapper, 0, EMBEDDED)
    return answer


def simplified_playlist(view: View, playlist: Playlist, state: State) -> Json:
    """Render a playlist as `/me/playlists` lists it: with the count of its entries only."""
    answer = _metadata(view, playlist, state)
    answer.pop("followers", None)
    for wrapper in WRAPPERS[view.dialect]:
        answer[wrapper] = {"href": f"{view.api}/playlists/{playlist.id}/{wrapper}", "total": len(state.entries)}
    return answer


def page(view: View, playlist_id: str, entries: Sequence[Entry], endpoint: str, offset: int, limit: int) -> Json:
    """Render one page of entries; `endpoint` is `tracks` or `items`."""
    path = f"playlists/{playlist_id}/{endpoint}"
    shown = [entry_object(view, entry) for entry in entries[offset : offset + limit]]
    return paging(view, path, shown, len(entries), offset, limit, PAGE_LIMITS[endpoint][1])


def paging(view: View, path: str, shown: list[Json], total: int, offset: int, limit: int, most: int) -> Json:
    """Wrap what is shown of a longer list. A link never asks for more than the `most` its endpoint gives."""

    def link(start: int) -> str:
        query = [("offset", str(start)), ("limit", str(min(limit, most))), *view.query]
        return f"{view.api}/{path}?{urlencode(query, safe=',')}"

    return {
        "href": link(offset),
        "items": shown,
        "limit": limit,
        "next": link(offset + limit) if offset + limit < total else None,
        "offset": offset,
        "previous": link(max(0, offset - limit)) if offset else None,
        "total": total,
    }


def entry_object(view: View, entry: Entry) -> Json:
    """Render one slot, its content under the name or names of the dialect."""
    content = content_object(view, entry.content)
    return {
        "added_at": entry.added_at,
        "added_by": None if entry.added_by is None else user_stub(view, entry.added_by),
        "is_local": isinstance(entry.content, LocalFile),
        "primary_color": None,
        **dict.fromkeys(_ENTRY_KEYS[view.dialect], content),
        "video_thumbnail": {"url": None},
    }


def saved_track(view: View, entry: Entry) -> Json:
    """Render one of the Liked Songs: `track` in every dialect."""
    return {"added_at": entry.added_at, "track": content_object(view, entry.content)}


def content_object(view: View, content: Content) -> Json | None:
    """Render a song, episode or local file; None for the null slot."""
    match content:
        case None:
            return None
        case LocalFile():
            return _local_file(view, content)
        case Altered(base, changes, album):
            whole = content_object(view, base) or {}
            if album:
                whole["album"] = {**whole["album"], **album}
            return {**whole, **changes}
        case SongRef(key):
            return _song(view, view.catalogue.song(key))
        case EpisodeRef(key):
            episode = view.catalogue.episode(key)
            return _episode(view, episode) if view.episodes_in_full else _episode_as_track(view, episode)


def user_stub(view: View, user: str) -> Json:
    """Render a user as `added_by` holds it; the empty id makes the stub of Spotify's own lists."""
    return {
        "external_urls": {"spotify": f"{_OPEN}/user/{user}"},
        "href": f"{view.api}/users/{user}",
        "id": user,
        "type": "user",
        "uri": f"spotify:user:{user}",
    }


def _metadata(view: View, playlist: Playlist, state: State) -> Json:
    query = f"?{urlencode(view.query, safe=',')}" if view.query else ""
    answer: Json = {
        "collaborative": bool(playlist.collaborators),
        "description": state.description,
        "external_urls": {"spotify": f"{_OPEN}/playlist/{playlist.id}"},
        "followers": {"href": None, "total": state.followers},
        "href": f"{view.api}/playlists/{playlist.id}{query}",
        "id": playlist.id,
        "images": [{"url": _image(playlist.id), "height": None, "width": None}],
        "name": state.name,
        "owner": {"display_name": DISPLAY_NAMES[playlist.owner], **user_stub(view, playlist.owner)},
        "primary_color": None,
        "public": playlist.public,
        "snapshot_id": state.snapshot_id,
        "type": "playlist",
        "uri": f"spotify:playlist:{playlist.id}",
    }
    if view.reduced:
        del answer["followers"]
    return answer


def _song(view: View, song: Song) -> Json:
    market = view.market or view.home
    # Only a request that names a market is relinked: a slot's id must not depend on who happens to look.
    relinked = view.market is not None and song.substitute_id is not None
    answer: Json = {
        **_identity(view, "track", song.substitute_id if relinked and song.substitute_id else song.id),
        "album": _album(view, song.album, song.markets),
        "artists": [_artist(view, artist) for artist in song.artists],
        "available_markets": song.markets,
        "disc_number": 1,
        "duration_ms": song.duration_ms,
        "episode": False,
        "explicit": song.explicit,
        "external_ids": {"isrc": song.isrc},
        "is_local": False,
        "name": song.name,
        "popularity": song.popularity,
        "preview_url": None,
        "track": True,
        "track_number": song.track_number,
    }
    if relinked:
        answer["linked_from"] = _identity(view, "track", song.id)
    if market:
        answer["is_playable"] = market in song.markets
        if market not in song.markets:
            answer["restrictions"] = {"reason": "market"}
    return _reduce(view, answer)


def _album(view: View, album: Album, markets: tuple[str, ...]) -> Json:
    answer: Json = {
        **_identity(view, "album", album.id),
        "album_type": album.kind,
        "artists": [_artist(view, artist) for artist in album.artists],
        "available_markets": markets,
        "images": [{"url": _image(f"{album.id}{size}"), "width": size, "height": size} for size in (640, 300, 64)],
        "name": album.name,
        "release_date": album.release_date,
        "release_date_precision": album.precision,
        "total_tracks": album.total_tracks,
    }
    return _reduce(view, answer)


def _artist(view: View, artist: Artist) -> Json:
    return {**_identity(view, "artist", artist.id), "name": artist.name}


def _episode(view: View, episode: Episode) -> Json:
    text = f"An episode of {episode.show} that nobody recorded."
    show: Json = {
        **_identity(view, "show", episode.show_id),
        "available_markets": ["GB", "SE", "US"],
        "copyrights": [],
        "description": text,
        "explicit": False,
        "html_description": f"<p>{text}</p>",
        "images": [{"url": _image(episode.show_id), "height": 640, "width": 640}],
        "is_externally_hosted": False,
        "languages": ["en"],
        "media_type": "audio",
        "name": episode.show,
        "publisher": "Nobody (simulated)",
        "total_episodes": 500,
    }
    answer: Json = {
        **_identity(view, "episode", episode.id),
        "audio_preview_url": None,
        "available_markets": ["GB", "SE", "US"],
        "description": text,
        "duration_ms": episode.duration_ms,
        "episode": True,
        "explicit": False,
        "html_description": f"<p>{text}</p>",
        "images": [{"url": _image(episode.id), "height": 640, "width": 640}],
        "is_externally_hosted": False,
        "language": "en",
        "languages": ["en"],
        "name": episode.name,
        "release_date": episode.release_date,
        "release_date_precision": "day",
        "show": _reduce(view, show),
        "track": False,
    }
    if view.market or view.home:
        answer["is_playable"] = True
    return _reduce(view, answer)


def _episode_as_track(view: View, episode: Episode) -> Json:
    """Render an episode for a request whose `additional_types` did not ask for episodes: in the clothes of a track."""
    show: Json = {**_identity(view, "show", episode.show_id), "name": episode.show}
    identity = _identity(view, "episode", episode.id)
    album: Json = {
        **show,
        "album_type": "compilation",
        "artists": [show],
        "available_markets": ["GB", "SE", "US"],
        "images": [{"url": _image(episode.show_id), "height": 640, "width": 640}],
        "release_date": None,
        "release_date_precision": None,
        "total_tracks": 1,
    }
    answer: Json = {
        **identity,
        "album": _reduce(view, album),
        "artists": [show],
        "available_markets": ["GB", "SE", "US"],
        "disc_number": 0,
        "duration_ms": episode.duration_ms,
        "episode": False,
        "explicit": False,
        "external_ids": {"spotify": identity["external_urls"]["spotify"]},
        "is_local": False,
        "is_playable": False,
        "name": episode.name,
        "popularity": 0,
        "preview_url": None,
        "track": True,
        "track_number": 0,
    }
    return _reduce(view, answer)


def _local_file(view: View, file: LocalFile) -> Json:
    parts = (quote_plus(part) for part in (file.artist, file.album, file.title, str(file.seconds)))
    album = dict.fromkeys(("album_type", "href", "id", "release_date", "release_date_precision", "uri"))
    artist: Json = {"external_urls": {}, "href": None, "id": None, "name": file.artist, "type": "artist", "uri": None}
    answer: Json = {
        "album": {
            **album,
            "artists": [],
            "available_markets": [],
            "external_urls": {},
            "images": [],
            "name": file.album,
            "type": "album",
        },
        "artists": [artist],
        "available_markets": [],
        "disc_number": 0,
        "duration_ms": file.seconds * 1000,
        "explicit": False,
        "external_ids": {},
        "external_urls": {},
        "href": None,
        "id": None,
        "is_local": True,
        "name": file.title,
        "popularity": 0,
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": f"spotify:local:{':'.join(parts)}",
    }
    answer["album"] = _reduce(view, answer["album"])
    return _reduce(view, answer)


def _reduce(view: View, answer: Json) -> Json:
    """Leave out what the dialect or a named market leaves out. Spotify omits; it never sends null instead."""
    if view.reduced:
        return {name: value for name, value in answer.items() if name not in _LEFT_OUT}
    if view.market:
        answer.pop("available_markets", None)
    return answer


def _identity(view: View, kind: str, identifier: str) -> Json:
    return {
        "type": kind,
        "id": identifier,
        "uri": f"spotify:{kind}:{identifier}",
        "href": f"{view.api}/{kind}s/{identifier}",
        "external_urls": {"spotify": f"{_OPEN}/{kind}/{identifier}"},
    }


def _image(text: str) -> str:
    return f"https://i.scdn.co/image/simulated-{text}"
