"""CSV of fycharts, which read spotifycharts.com: many days and regions of one chart in one file.

`position,track name,artist,streams,date,region,spotify_id` (with `track_name` in later versions). A date such as
`2020-01-03--2020-01-10` makes a chart weekly; without `streams` it is a viral chart.
"""

from __future__ import annotations

from operator import itemgetter

from ...spotify.entries import Row
from ..day import bare_track_id, iso_date, track_row, whole_number
from ..naming import last_day_of
from ..regions import region_code
from ..table import Key, Layout, Table
from .charts_official import LENGTHS

_COLUMNS = ("position", "artist", "date", "region", "spotify_id")
_NAMES = ("track name", "track_name")
# One of these is there.
REQUIRED = tuple(frozenset({*_COLUMNS, name}) for name in _NAMES)


def table(header: list[str], layout: Layout) -> Table:
    row = _Row(header)
    return Table("fycharts", layout, row, row.key_of, LENGTHS[row.kind])


class _Row:
    def __init__(self, header: list[str]) -> None:
        name = next(name for name in _NAMES if name in header)
        self._pick = itemgetter(*map(header.index, (*_COLUMNS, name)))
        self._streams = header.index("streams") if "streams" in header else None
        self.kind = "regional" if self._streams is not None else "viral"

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        rank, artist, _, _, item_id, name = self._pick(fields)
        position = whole_number(rank, "position", smallest=1)
        row = track_row(position, bare_track_id(item_id), name, [(None, artist)])
        if self._streams is not None:
            row["streams"] = whole_number(fields[self._streams], "streams", 2**63 - 1)
        return self.key_of(fields), row

    def key_of(self, fields: list[str]) -> Key:
        _, _, period, region, _, _ = self._pick(fields)
        week = last_day_of(period)
        every = "weekly" if week else "daily"
        return f"chart:{self.kind}-{region_code(region)}-{every}", week or iso_date(period)
