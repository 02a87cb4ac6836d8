"""CSV of Chosic's playlist exporter and analyzer: one playlist with numbered entries.

`#,Song,Artist,Popularity,BPM,Genres,…,Album,Album Date,…,Added At,Spotify Track Id,…,ISRC`. Its measures are left out.
"""

from __future__ import annotations

from ...spotify.entries import Row
from ..day import whole_number
from ..naming import Named
from ..saved import Cells, cells_row, one_list
from ..table import Layout, Table

REQUIRED = frozenset({"#", "song", "artist", "spotify track id"})
_COLUMNS = {
    "position": ("#",),
    "uri": ("spotify track id",),
    "name": ("song",),
    "artists": ("artist",),
    "album": ("album",),
    "released": ("album date",),
    "popularity": ("popularity",),
    "isrc": ("isrc",),
    "label": ("album label",),
    "added_at": ("added at",),
}


def table(header: list[str], layout: Layout, named: Named) -> Table:
    """Raises `BadImport` where list or day are nowhere to be found."""
    cells_of = Cells(header, _COLUMNS)

    def row_of(fields: list[str]) -> Row:
        cells = cells_of(fields)
        return cells_row(cells, [(None, cells["artists"])], whole_number(cells["position"], "#", smallest=1))

    return one_list("chosic", layout, named, row_of, in_order=False)
