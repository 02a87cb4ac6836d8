"""What `chartlake export --format exportify` wrote: Exportify's columns, and behind them chartlake's own.

By these the day and the list are known, each place is exact, and the file is a copy of a day that a lake has. What
Exportify has no column for is null; the link and the id are those of the URI.
"""

from __future__ import annotations

import re

from ...spotify.entries import Json, Row
from ...text import cell_text
from ..saved import address_of
from ..table import Key, Layout, Table
from .chartlake_export import FORMAT, finished, from_cell, key_of, keyed

# The columns that Exportify does not have, each with that of the table `entries`.
_OWN = {
    "snapshot date": "snapshot_date",
    "playlist id": "playlist_id",
    "position": "position",
    "item type": "item_type",
    "captured at": "captured_at",
    "capture id": "capture_id",
    "source": "source",
}
REQUIRED = frozenset({"track uri", "artist name(s)", *_OWN})
_COLUMNS = _OWN | {
    "track uri": "uri",
    "track name": "name",
    "album name": "album_name",
    "album release date": "album_release_date",
    "album image url": "album_image_url",
    "disc number": "disc_number",
    "track number": "track_number",
    "track duration (ms)": "duration_ms",
    "explicit": "explicit",
    "popularity": "popularity",
    "isrc": "isrc",
    "added at": "added_at",
    "is playable": "is_playable",
    "label": "label",
}
_DIVIDER = re.compile(r"(?<!\\), ")


def table(header: list[str], layout: Layout) -> Table:
    record = _Record(header)
    return Table(FORMAT, layout, record, record.key_of, finish=finished)


class _Record:
    """One record of the file to its day and row."""

    def __init__(self, header: list[str]) -> None:
        self._header = header

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        cells = dict(zip(self._header, fields, strict=False))
        return keyed(_told(cells) | _taken_apart(cells))

    def key_of(self, fields: list[str]) -> Key:
        return key_of(_told(dict(zip(self._header, fields, strict=False))))


def _told(cells: dict[str, str]) -> dict[str, Json]:
    return {column: from_cell(column, cells[name]) for name, column in _COLUMNS.items() if cells.get(name)}


def _taken_apart(cells: dict[str, str]) -> dict[str, Json]:
    """What stands in a cell with something else. Raises `ValueError` where a name's artist cannot be told."""
    uri, album, added_by = (cell_text(cells.get(name, "")) for name in ("track uri", "album uri", "added by"))
    found = address_of(uri)
    return {
        "item_id": found[1] if found else None,
        "url": f"https://open.spotify.com/{found[0]}/{found[1]}" if found else None,
        "is_local": cells.get("item type") == "local",
        "album_id": album.removeprefix("spotify:album:") or None,
        "added_by": added_by.removeprefix("spotify:user:") or None,
        "artists": _artists(*(cell_text(cells.get(name, "")) for name in ("artist name(s)", "artist uri(s)"))),
    }


def _artists(names: str, uris: str) -> list[dict[str, Json]]:
    if not names and not uris:
        return []
    apart = [name.replace("\\,", ",") for name in _DIVIDER.split(names)]
    ids = [uri.removeprefix("spotify:artist:") for uri in uris.split(", ")]
    if len(apart) != len(ids):
        raise ValueError(f"it has {len(apart)} artists and {len(ids)} URIs of artists")
    return [{"id": id_ or None, "name": name or None} for id_, name in zip(ids, apart, strict=True)]
