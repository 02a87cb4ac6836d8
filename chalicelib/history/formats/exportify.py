"""CSV of Exportify: one playlist, in its order, in all the forms that its two makers have given it.

watsonbox's has `Track URI`, `Artist URI(s)`, `Track Duration (ms)`, and as many further columns as were ticked; that of
exportify.net `Release Date`, `Duration (ms)`, `Record Label`. The list's name is the file's, changed; it has no id.
Empty slots were left out, so positions are those among what was left.
"""

from __future__ import annotations

import re

from ...spotify.entries import Row
from .. import features
from ..naming import Named
from ..saved import Cells, cells_row, one_list, uri_id
from ..table import Layout, Table

_NAMES = frozenset({"track name", "artist name(s)"})
_URIS = ("track uri", "spotify uri", "spotify id", "track id")
# One of these is there.
REQUIRED = tuple(_NAMES | {uri} for uri in _URIS)
_COLUMNS = {
    "uri": _URIS,
    "name": ("track name",),
    "artists": ("artist name(s)",),
    "artist_uris": ("artist uri(s)", "artist ids", "artist id(s)"),
    "album": ("album name",),
    "album_uri": ("album uri",),
    "released": ("album release date", "release date"),
    "image": ("album image url",),
    "disc_number": ("disc number",),
    "track_number": ("track number",),
    "duration_ms": ("track duration (ms)", "duration (ms)"),
    "explicit": ("explicit", "explicit?"),
    "is_playable": ("is playable", "is playable?"),
    "popularity": ("popularity",),
    "isrc": ("isrc",),
    "label": ("label", "record label"),
    "added_by": ("added by",),
    "added_at": ("added at",),
}
# A comma within a name has a backslash before it; one without divides names.
_DIVIDER = re.compile(r"(?<!\\), ?")
_NET = {"release date", "duration (ms)"}


def table(header: list[str], layout: Layout, named: Named) -> Table:
    """Raises `BadImport` where list or day are nowhere to be found."""
    return one_list("exportify", layout, named, _Row(header))


class _Row:
    def __init__(self, header: list[str]) -> None:
        self._cells = Cells(header, _COLUMNS)
        # exportify.net divides names by semicolons.
        self._divides = set(header) >= _NET
        self._features = features.reader(header)

    def __call__(self, fields: list[str]) -> Row:
        cells = self._cells(fields)
        row = cells_row(cells, self._artists(cells["artists"], cells.get("artist_uris", "")))
        told = self._features(fields) if row["item_type"] == "track" and row["item_id"] else None
        return row | {features.HELD: told} if told else row

    def _artists(self, names: str, uris: str) -> list[tuple[str | None, str]]:
        """Pairs of (id, name) where there are as many names as URIs; else names, told apart only where that is sure."""
        apart = [name.replace("\\,", ",") for name in _DIVIDER.split(names)]
        ids = [_artist_id(uri) for uri in re.split(r", ?", uris)] if uris else []
        if ids and len(ids) == len(apart):
            return list(zip(ids, apart, strict=True))
        if "\\," in names:
            return [(None, name) for name in apart]
        return [(None, name) for name in (names.split(";") if self._divides else [names])]


def _artist_id(text: str) -> str | None:
    return uri_id(text if ":" in text else f"spotify:artist:{text}", "artist")
