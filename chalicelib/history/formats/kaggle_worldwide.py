"""Kaggle's "Spotify's Worldwide Daily Song Ranking" (2017 and 2018): the Top 200 of all regions and days in one file.

`Position,Track Name,Artist,Streams,URL,Date,Region`, taken from spotifycharts.com, so its lists are that site's.
`Artist` is the first artist only; a few names are empty.
"""

from __future__ import annotations

from operator import itemgetter

from ...spotify.entries import Row
from ..day import iso_date, track_id, track_row, whole_number
from ..regions import region_code
from ..table import ByColumn, Key, Layout, Table

_COLUMNS = ("position", "track name", "artist", "streams", "url", "date", "region")
_BY_COLUMN = {"position": "position", "address": "url", "name": "track name", "artist": "artist", "streams": "streams"}
REQUIRED = frozenset(_COLUMNS)


def table(header: list[str], layout: Layout) -> Table:
    row = _Row(header)
    places = {column: header.index(name) for column, name in _BY_COLUMN.items()}
    by_column = ByColumn(places, {"streams": "count"}, (header.index("date"), header.index("region")))
    return Table("kaggle-worldwide", layout, row, row.key_of, (200,), by_column=by_column)


class _Row:
    def __init__(self, header: list[str]) -> None:
        self._pick = itemgetter(*map(header.index, _COLUMNS))

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        rank, name, artist, streams, url, _, _ = self._pick(fields)
        row = track_row(whole_number(rank, "Position", smallest=1), track_id(url), name, [(None, artist)])
        row["streams"] = whole_number(streams, "Streams", 2**63 - 1)
        return self.key_of(fields), row

    def key_of(self, fields: list[str]) -> Key:
        *_, day, region = self._pick(fields)
        return f"chart:regional-{region_code(region)}-daily", iso_date(day)
