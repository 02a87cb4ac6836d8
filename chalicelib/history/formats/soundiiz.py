"""CSV of Soundiiz: one playlist in its order, `title;artist;album;isrc;addedDate;addedBy;duration;url` or four of them.

An entry has a link at best; else it is known by its ISRC, its title and its artists alone. Durations in seconds are not
made into milliseconds.
"""

from __future__ import annotations

from ...spotify.entries import Row
from ..naming import Named
from ..saved import Cells, cells_row, one_list
from ..table import Layout, Table

REQUIRED = frozenset({"title", "artist", "album", "isrc"})
_COLUMNS = {
    "uri": ("url", "link", "spotify url", "spotify uri"),
    "name": ("title",),
    "artists": ("artist",),
    "album": ("album",),
    "isrc": ("isrc",),
    "added_at": ("addeddate", "added date"),
    "added_by": ("addedby", "added by"),
}


def table(header: list[str], layout: Layout, named: Named) -> Table:
    """Raises `BadImport` where list or day are nowhere to be found."""
    cells_of = Cells(header, _COLUMNS)

    def row_of(fields: list[str]) -> Row:
        cells = cells_of(fields)
        # Of other services it may have the links as well.
        if "spotify" not in cells.get("uri", ""):
            cells["uri"] = ""
        return cells_row(cells, [(None, cells["artists"])])

    return one_list("soundiiz", layout, named, row_of)
