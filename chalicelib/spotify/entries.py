"""What Spotify's JSON means: answers to rows. Pure: no clock, no network, no files.

Spotify speaks three dialects, chosen by the client id: a playlist's page sits under `tracks`, `items` or both, and an
entry's payload under `track`, `item` or both. Fields vanish by omission. So everything here looks at types, never
trusts a name, and reads `track: true` (a boolean inside an item) as what it is.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from .references import LIKED

Json = Any
Row = dict[str, Any]

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_LOCAL = "spotify:local:"
# zlib's level: the higher ones take twice the time for a fifth less.
QUICK = 1


class UnknownEntryShape(ValueError):
    """An entry or a page does not look like anything that Spotify is known to send, or contradicts another."""


@dataclass(frozen=True)
class Page:
    """One run of consecutive entries: `offset` is the 0-based place of the first one (negative where what Spotify gave
    is no place), `total` the whole list's size, `limit` how many entries a page of this reading has before the last."""

    entries: list[Json]
    offset: int
    total: int | None
    wrapper: str = ""
    limit: int | None = None

    @property
    def size(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    def gist(self) -> Gist:
        """What is counted and hashed of the entries. Raises `UnknownEntryShape` rather than guess."""
        lines, identified = [], 0
        keys: set[str] = set()
        for entry in self.entries:
            payload = payload_of(entry)
            facts, item = _mapping(entry), payload or {}
            keys.update(key for key in ("track", "item") if isinstance(facts.get(key), Mapping))
            lines.append(f"{_identity(item)}\x1f{_text(facts.get('added_at')) or ''}\x1e")
            identified += payload is not None and _is_identified(facts, payload)
        return Gist("".join(lines).encode(), identified, frozenset(keys))

    def slots(self) -> Iterable[Row]:
        """What each entry says, as the columns of its row. Raises `UnknownEntryShape` rather than guess."""
        return map(_slot, self.entries)

    def kept(self) -> KeptPage:
        """The same page in a tenth of the memory. Raises `UnknownEntryShape` rather than guess."""
        gist = self.gist()
        return KeptPage(self.size, self.offset, self.total, gist, _packed(self.slots()))


@dataclass(frozen=True)
class KeptPage:
    """A page whose JSON is forgotten: what became of its entries waits, compressed, until a long list is whole."""

    size: int
    offset: int
    total: int | None
    _gist: Gist
    _slots: bytes = field(repr=False)

    def gist(self) -> Gist:
        """See `Page`."""
        return self._gist

    def slots(self) -> Iterable[Row]:
        """See `Page`."""
        slots: list[Row] = json.loads(zlib.decompress(self._slots))
        return slots


def _packed(slots: Iterable[Row]) -> bytes:
    return zlib.compress(json.dumps(list(slots)).encode(), QUICK)


class Gist(NamedTuple):
    """What a page's entries are for `summarise`: a line each for the hash, how many can be followed from day to day,
    and under which keys their items stand."""

    lines: bytes
    identified: int
    keys: frozenset[str]


@dataclass(frozen=True)
class Origin:
    """What every row of one capture has in common."""

    snapshot_date: date
    playlist_id: str
    captured_at: datetime
    capture_id: str
    source: str


def page_of(body: Json) -> Page | None:
    """The page of entries in a playlist object or in a page's own body; None where Spotify gave no contents.

    Raises `UnknownEntryShape` where the same list comes twice, under `items` and `tracks`, and not as the same.
    """
    if not isinstance(body, Mapping):
        return None
    if isinstance(body.get("items"), list):
        return _page(body, "")
    wrappers = {name: body[name] for name in ("items", "tracks") if isinstance(body.get(name), Mapping)}
    pages = [_page(value, name) for name, value in wrappers.items() if isinstance(value.get("items"), list)]
    if not pages:
        return None
    if len(wrappers) > 1:
        _refuse_contradiction(pages, wrappers.values())
    return replace(pages[0], wrapper="+".join(sorted((page.wrapper for page in pages), reverse=True)))


def _refuse_contradiction(pages: list[Page], wrappers: Iterable[Mapping[str, Json]]) -> None:
    totals = {_int(value.get("total")) for value in wrappers} - {None}
    told = [(page.offset, [_names(payload_of(entry)) for entry in page.entries]) for page in pages]
    if len(totals) > 1 or told[0] != told[-1]:
        raise UnknownEntryShape("its 'items' and its 'tracks' are two different lists")


def refuse_another(body: Json, playlist_id: str) -> None:
    """Raise `UnknownEntryShape` where an answer says that it is about another playlist than the one asked for."""
    told = _mapping(body).get("id")
    # The object of the Liked Songs is the user whose they are.
    if told is not None and told != playlist_id.removeprefix(LIKED):
        raise UnknownEntryShape(f"the answer is about another playlist, {str(told)[:40]!r}")


def _page(body: Mapping[str, Json], wrapper: str) -> Page:
    offset = body.get("offset")
    place = 0 if offset is None else _int(offset)
    start = -1 if place is None else place
    return Page(body["items"], start, _int(body.get("total")), wrapper, _int(body.get("limit")))


def payload_of(entry: Json) -> Mapping[str, Json] | None:
    """The track, episode or local file in an entry; None for a slot whose item is gone.

    Raises `UnknownEntryShape` where neither key exists, where the two hold different items, and where an item does not
    even say that it has no name: an unknown dialect read as "gone" would erase a whole list.
    """
    if entry is None:
        return None
    told = _told_payloads(entry)
    if not told:
        return None
    payloads = [value for value in told if isinstance(value, Mapping)]
    if not payloads:
        raise UnknownEntryShape(f"an entry's payload is {_described(told[0])}, not an object")
    payload, other = payloads[0], payloads[-1]
    if _names(payload) != _names(other):
        raise UnknownEntryShape("an entry's 'item' and its 'track' are two different ones")
    if not is_readable(payload) and not _is_dead(payload):
        raise UnknownEntryShape(f"an entry's payload has neither 'uri', 'id' nor 'name', only {_keys_of(payload)}")
    return payload


def _told_payloads(entry: Json) -> list[Json]:
    """What stands under an entry's `item` and `track`, in this order, and is not null."""
    if not isinstance(entry, Mapping):
        raise UnknownEntryShape(f"an entry is {_described(entry)}, not an object")
    if "item" not in entry and "track" not in entry:
        raise UnknownEntryShape(f"an entry has neither 'item' nor 'track', only {_keys_of(entry)}")
    return [value for value in (entry.get("item"), entry.get("track")) if value is not None]


def is_readable(item: Mapping[str, Json]) -> bool:
    """Whether an item tells which one it is. The only definition: what is not readable is `unavailable`."""
    return _is_told(item.get("uri")) or _is_told(item.get("id")) or _is_told(item.get("name"))


def _is_told(value: Json) -> bool:
    return isinstance(value, str) and value != ""


def _is_dead(item: Mapping[str, Json]) -> bool:
    """Whether an item says that it is none any more: `{"id": null, "uri": null, "name": ""}` has been seen."""
    return ("uri" in item or "id" in item) and all(item.get(name) in (None, "") for name in ("uri", "id", "name"))


def _is_identified(facts: Mapping[str, Json], item: Mapping[str, Json]) -> bool:
    """Whether an item of a whole answer can be followed from day to day: it has a URI or an id.

    Null is a known answer. A key that is not there, or holds no text, is a dialect that nobody knows yet; only local
    files come without `id`.
    """
    uri, item_id = item.get("uri", False), item.get("id", False)
    if item_id is False and (facts.get("is_local") is True or (isinstance(uri, str) and uri.startswith(_LOCAL))):
        item_id = None
    for value in (uri, item_id):
        if value is not None and not isinstance(value, str):
            raise UnknownEntryShape(f"an entry's payload lacks 'uri' or 'id', or they are no texts: {_keys_of(item)}")
    return bool(uri or item_id)


def _identity(item: Mapping[str, Json]) -> str:
    """What an item is known by in the hash of a list."""
    return _id(item.get("uri")) or _id(item.get("id")) or _text(item.get("name")) or ""


def _names(payload: Mapping[str, Json] | None) -> tuple[Json, Json]:
    return (payload.get("uri"), payload.get("id")) if payload is not None else (None, None)


def _keys_of(value: Mapping[str, Json]) -> list[str]:
    return sorted(map(str, value))[:8]


def _described(value: Json) -> str:
    return {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"}.get(
        type(value), "something else"
    )


@dataclass(frozen=True)
class Summary:
    """What a reading holds: slots, slots whose item can be followed from day to day, a hash of the content, and the
    dialect it came in."""

    entry_count: int
    identified_count: int
    content_hash: str
    dialect: str | None


def summarise(pages: Iterable[Page | KeptPage]) -> Summary:
    """Count and hash a list in one pass. Raises `UnknownEntryShape` rather than guess.

    `content_hash` is a SHA-256 over what is on the list, in order: equal for equal lists, whatever popularity, markets
    or the order of keys do. `dialect` is `track`, `item` or `track+item`, null for a list without items.
    """
    digest = hashlib.sha256()
    entry_count = identified_count = 0
    keys: set[str] = set()
    for page in pages:
        gist = page.gist()
        digest.update(gist.lines)
        entry_count += page.size
        identified_count += gist.identified
        keys |= gist.keys
    return Summary(entry_count, identified_count, digest.hexdigest(), "+".join(sorted(keys, reverse=True)) or None)


def entry_rows(pages: Iterable[Page | KeptPage], origin: Origin) -> Iterator[Row]:
    """One row a slot, at its true 1-based position, with every column of the table `entries`.

    Pages are taken one at a time, so a list of any length needs the memory of one page.
    Raises `UnknownEntryShape` rather than guess.
    """
    day = origin.snapshot_date.isoformat()
    common = {
        "streams": None,
        "label": None,
        "reported_peak": None,
        "reported_previous": None,
        "reported_days": None,
        "captured_at": _iso(origin.captured_at),
        "capture_id": origin.capture_id,
        "source": origin.source,
    }
    for page in pages:
        for place, slot in enumerate(page.slots(), start=page.offset + 1):
            yield {"snapshot_date": day, "playlist_id": origin.playlist_id, "position": place} | slot | common


def _slot(entry: Json) -> Row:
    """An entry's own columns of its row."""
    payload = payload_of(entry)
    facts, item = _mapping(entry), payload or {}
    item_type = _item_type(facts, payload)
    album = _mapping(item.get("album"))
    show = _mapping(item.get("show"))
    release = album if "release_date" in album else item
    return {
        "item_type": item_type,
        "item_id": _id(item.get("id")),
        "uri": _id(item.get("uri")),
        "name": _text(item.get("name")),
        "url": _id(_mapping(item.get("external_urls")).get("spotify")),
        "artists": _artists(item),
        "album_id": _id(album.get("id")),
        "album_name": _text(album.get("name")),
        "album_type": _lower(album.get("album_type")),
        "album_release_date": _id(release.get("release_date")),
        "album_release_precision": _id(release.get("release_date_precision")),
        "album_total_tracks": _int(album.get("total_tracks")),
        "album_image_url": _image(album) or _image(item) or _image(show),
        "show_id": _id(show.get("id")) or (_id(album.get("id")) if item_type == "episode" and not show else None),
        "show_name": _text(show.get("name")) or (_text(album.get("name")) if item_type == "episode" else None),
        "isrc": _id(_mapping(item.get("external_ids")).get("isrc")),
        "duration_ms": _int(item.get("duration_ms"), _INT64_MAX),
        "explicit": _bool(item.get("explicit")),
        "popularity": _int(item.get("popularity")),
        "disc_number": _int(item.get("disc_number")),
        "track_number": _int(item.get("track_number")),
        "is_local": item_type == "local",
        "is_playable": _bool(item.get("is_playable")),
        "added_at": _instant(facts.get("added_at")),
        "added_by": _id(_mapping(facts.get("added_by")).get("id")),
    }


def _item_type(facts: Mapping[str, Json], payload: Mapping[str, Json] | None) -> str:
    if payload is None or not is_readable(payload):
        return "unavailable"
    uri = _text(payload.get("uri")) or ""
    if facts.get("is_local") is True or payload.get("is_local") is True or uri.startswith(_LOCAL):
        return "local"
    named = _lower(payload.get("type"))
    if named:
        return named
    return "episode" if "show" in payload or uri.startswith("spotify:episode:") else "track"


def _artists(item: Mapping[str, Json]) -> list[Row]:
    artists = item.get("artists")
    if not isinstance(artists, list):
        return []
    return [{"id": _id(one.get("id")), "name": _text(one.get("name"))} for one in artists if isinstance(one, Mapping)]


def playlist_facts(body: Json) -> Row:
    """The playlist's own columns of the table `snapshots`, from the playlist object."""
    playlist = _mapping(body)
    if playlist.get("type") == "user":
        playlist = _liked_songs_of(playlist)
    owner = _mapping(playlist.get("owner"))
    return {
        "name": _text(playlist.get("name")),
        "description": _text(playlist.get("description")),
        "owner_id": _id(owner.get("id")),
        "owner_name": _text(owner.get("display_name")),
        "public": _bool(playlist.get("public")),
        "collaborative": _bool(playlist.get("collaborative")),
        "followers": _int(_mapping(playlist.get("followers")).get("total"), _INT64_MAX),
        "snapshot_id": snapshot_id_of(playlist),
    }


def _liked_songs_of(user: Mapping[str, Json]) -> Mapping[str, Json]:
    """The playlist object that the Liked Songs do not have; only their user can read them."""
    return {"name": "Liked Songs", "owner": user, "public": False, "collaborative": False}


def snapshot_id_of(body: Json) -> str | None:
    return _id(_mapping(body).get("snapshot_id"))


# Values: what is not of the documented type is null, so that one odd field never costs a day.


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Json) -> str | None:
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value
    # JSON may carry half of a surrogate pair, which no UTF-8 file can hold.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _id(value: Json) -> str | None:
    return _text(value) or None


def _lower(value: Json) -> str | None:
    # "TRACK" and "ALBUM" have been seen; https://developer.spotify.com documents lower case.
    text = _id(value)
    return text.lower() if text else None


def _int(value: Json, largest: int = _INT32_MAX) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -largest <= value <= largest else None


def _bool(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _image(item: Mapping[str, Json]) -> str | None:
    images = item.get("images")
    first = images[0] if isinstance(images, list) and images else None
    return _id(_mapping(first).get("url"))


def _instant(value: Json) -> str | None:
    """ISO instants to UTC; Spotify's sentinel of 1970 and anything unreadable to null."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None if moment.year <= 1970 else _iso(moment)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
