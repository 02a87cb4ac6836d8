"""A day's entries as other tools save a playlist: Exportify's CSV, spotify-backup's JSON. Pure: rows to text and JSON.

Both tell besides which day of which list it is and where it came from, in columns and keys that those tools do not
have and their readers pass over: so `chartlake import` takes it for the copy that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..lake.schema import SNAPSHOTS
from ..lake.tables import Row, to_json
from .exports import FORMAT, table_lines

# The kinds that Exportify writes; of an empty slot it writes nothing.
_SAVED = ("track", "episode", "local")
# watsonbox's columns in their order, each by what it holds; what the lake does not know stays empty.
_EXPORTIFY: dict[str, Callable[[Row], Any]] = {
    "Track URI": lambda row: row["uri"],
    "Track Name": lambda row: row["name"],
    "Artist URI(s)": lambda row: _joined(_uri("artist", one["id"]) for one in row["artists"]),
    "Artist Name(s)": lambda row: _joined((one["name"] or "").replace(",", "\\,") for one in row["artists"]),
    "Album URI": lambda row: _uri("album", row["album_id"]),
    "Album Name": lambda row: row["album_name"],
    "Album Artist URI(s)": lambda row: None,
    "Album Artist Name(s)": lambda row: None,
    "Album Release Date": lambda row: row["album_release_date"],
    "Album Image URL": lambda row: row["album_image_url"],
    "Disc Number": lambda row: row["disc_number"],
    "Track Number": lambda row: row["track_number"],
    "Track Duration (ms)": lambda row: row["duration_ms"],
    "Track Preview URL": lambda row: None,
    "Explicit": lambda row: row["explicit"],
    "Popularity": lambda row: row["popularity"],
    "ISRC": lambda row: row["isrc"],
    "Added By": lambda row: row["added_by"] and f"spotify:user:{row['added_by']}",
    "Added At": lambda row: row["added_at"],
    "Is Playable": lambda row: row["is_playable"],
    "Label": lambda row: row["label"],
}
# What only chartlake's own have.
_OWN = ("snapshot_date", "playlist_id", "position", "item_type", "captured_at", "capture_id", "source")
# What Spotify's JSON has no place for, or puts in other words.
_UNTOLD = ("label", "streams", "reported_peak", "reported_previous", "reported_days")
_BESIDES = ("position", "item_type", *_UNTOLD, "captured_at", "capture_id", "source")


def is_in_exportify(entry: Row) -> bool:
    """Whether Exportify would write the entry."""
    return entry["item_type"] in _SAVED


def exportify_lines(entries: Iterable[Row]) -> Iterator[str]:
    """Exportify's CSV, with the line feeds, of the entries that `is_in_exportify`.

    A comma within an artist's name has a backslash before it. The last columns are chartlake's: `Snapshot Date` and so
    on to `Source`.
    """
    titles = (name.replace("_", " ").title().replace("Id", "ID") for name in _OWN)
    records = (
        [*(value(entry) for value in _EXPORTIFY.values()), *(entry[name] for name in _OWN)]
        for entry in entries
        if is_in_exportify(entry)
    )
    return table_lines([*_EXPORTIFY, *titles], records)


def backup_document(snapshot: Row, entries: Iterable[Row]) -> dict[str, Any]:
    """spotify-backup's JSON of one playlist: `tracks` are its entries in Spotify's own words.

    `chartlake`, in the playlist and in each entry, has what Spotify's words cannot say.
    """
    playlist = {
        "type": "playlist",
        "id": snapshot["playlist_id"],
        "name": snapshot["name"],
        "description": snapshot["description"],
        "owner": {"id": snapshot["owner_id"], "display_name": snapshot["owner_name"]},
        "public": snapshot["public"],
        "collaborative": snapshot["collaborative"],
        "followers": {"total": snapshot["followers"]},
        "snapshot_id": snapshot["snapshot_id"],
        "chartlake": {"format": FORMAT} | to_json({name: snapshot[name] for name in SNAPSHOTS}),
        "tracks": [_entry(to_json(entry)) for entry in entries],
    }
    return {"playlists": [playlist]}


def _entry(row: Row) -> dict[str, Any]:
    """An entry as Spotify tells it, from values as JSON has them."""
    is_gone = row["item_type"] == "unavailable" and row["uri"] is row["item_id"] is row["name"] is None
    return {
        "added_at": row["added_at"],
        "added_by": {"id": row["added_by"]},
        "is_local": row["is_local"],
        "track": None if is_gone else _item(row),
        "chartlake": {name: row[name] for name in _BESIDES},
    }


def _item(row: Row) -> dict[str, Any]:
    release = {"release_date": row["album_release_date"], "release_date_precision": row["album_release_precision"]}
    album = {"id": row["album_id"], "name": row["album_name"], "album_type": row["album_type"]}
    album |= {"total_tracks": row["album_total_tracks"], "images": [{"url": row["album_image_url"]}]} | release
    item: dict[str, Any] = {name: row[name] for name in ("uri", "name", "explicit", "popularity", "duration_ms")}
    item |= {name: row[name] for name in ("disc_number", "track_number", "is_playable", "is_local", "artists")}
    item |= {"type": row["item_type"], "id": row["item_id"], "external_urls": {"spotify": row["url"]}}
    item |= {"external_ids": {"isrc": row["isrc"]}, "album": album}
    if row["item_type"] == "episode" or row["show_id"] or row["show_name"]:
        item["show"] = {"id": row["show_id"], "name": row["show_name"]}
    return item


def _joined(texts: Iterable[str | None]) -> str:
    return ", ".join(text or "" for text in texts)


def _uri(kind: str, item_id: str | None) -> str | None:
    return item_id and f"spotify:{kind}:{item_id}"
