"""CSV of TuneMyMusic: entries of several playlists, each with the name of its own, in their order.

`Track name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id`; older files end before `Type`, `ISRC` or the id.
Without an id an entry is known by its ISRC, its title and its artists alone.
"""

from __future__ import annotations

from dataclasses import replace

from ...spotify.entries import Row, playlist_facts
from ..day import Day, refused, shown
from ..naming import Named, named_list
from ..saved import Cells, cells_row, finished
from ..table import Key, Layout, Table

REQUIRED = frozenset({"track name", "artist name", "album", "playlist name"})
_COLUMNS = {
    "uri": ("spotify - id",),
    "name": ("track name",),
    "artists": ("artist name",),
    "album": ("album",),
    "isrc": ("isrc",),
    "list": ("playlist name",),
    "type": ("type",),
}
_LISTS = ("playlist", "favorite", "")


def table(header: list[str], layout: Layout, named: Named) -> Table:
    """Raises `BadImport` where the day is nowhere to be found."""
    row = _Row(header, named)
    return Table("tunemymusic", layout, row, row.key_of, in_order=True, finish=row.finished)


class _Row:
    def __init__(self, header: list[str], named: Named) -> None:
        self._cells = Cells(header, _COLUMNS)
        self._named = named
        self._day = named.single_day()
        self._names: dict[str, str] = {}

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        cells = self._cells(fields)
        if cells.get("type", "").lower() not in _LISTS:
            raise ValueError(f"its type is {shown(cells['type'])}: it is no entry of a playlist")
        return self.key_of(fields), cells_row(cells, [(None, cells["artists"])])

    def key_of(self, fields: list[str]) -> Key:
        name = self._cells(fields)["list"]
        return self._list(name), self._day

    def _list(self, name: str) -> str:
        list_id = named_list(name).id
        if self._names.setdefault(list_id, name) != name:
            raise ValueError(f"two of its lists have one name: {shown(name)} and {shown(self._names[list_id])}")
        if not self._named.list:
            return list_id
        if len(self._names) > 1:
            raise refused(
                self._named.file,
                f"it holds several lists, such as {shown(name)}, and --playlist names one",
                "Leave --playlist out: each becomes a list of its own name.",
            )
        return self._named.list.id

    def finished(self, day: Day) -> Day:
        name = next(iter(self._names.values())) if self._named.list else self._names[day.playlist_id]
        return finished(replace(day, facts=playlist_facts({"name": name})), self._named.file)
