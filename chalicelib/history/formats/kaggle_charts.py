"""Kaggle's "Spotify Charts" (2017 to 2021, 26 million rows): Top 200 and viral 50 of all countries and days in a file.

`title,rank,date,artist,url,region,chart,trend,streams` in two orders of columns. Countries stand by English names, and
`streams` is empty for `viral50`. Taken from spotifycharts.com, so its lists are that site's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from operator import itemgetter

from ...spotify.entries import Row
from ..day import Day, iso_date, shown, track_id, track_row, whole_number
from ..regions import region_code
from ..table import ByColumn, Key, Layout, Table

_COLUMNS = ("title", "rank", "date", "artist", "url", "region", "chart", "streams")
REQUIRED = frozenset(_COLUMNS)
_BY_COLUMN = {"position": "rank", "address": "url", "name": "title", "artist": "artist", "streams": "streams"}
# The kind of a chart, and the places that it has.
_CHARTS = {"top200": ("regional", 200), "viral50": ("viral", 50)}


def table(header: list[str], layout: Layout) -> Table:
    row = _Row(header)
    places = {column: header.index(name) for column, name in _BY_COLUMN.items()}
    key = tuple(map(header.index, ("chart", "region", "date")))
    by_column = ByColumn(places, {"streams": "count or nothing"}, key)
    return Table("kaggle-charts", layout, row, row.key_of, (200,), finish=_finished, by_column=by_column)


def _finished(day: Day) -> Day:
    return replace(day, lengths=(50,)) if day.playlist_id.startswith("chart:viral-") else day


class _Row:
    def __init__(self, header: list[str]) -> None:
        self._pick = itemgetter(*map(header.index, _COLUMNS))
        self._key_columns = itemgetter(*map(header.index, ("chart", "region", "date")))

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        name, rank, _, artist, url, _, chart, streams = self._pick(fields)
        key = self.key_of(fields)
        position = whole_number(rank, "rank", _CHARTS[chart][1], smallest=1)
        row = track_row(position, track_id(url), name, [(None, artist)])
        row["streams"] = whole_number(streams, "streams", 2**63 - 1) if streams else None
        return key, row

    def key_of(self, fields: list[str]) -> Key:
        chart, region, day = self._key_columns(fields)
        return _list(chart, region), _day(day)


@lru_cache(1_000)
def _list(chart: str, region: str) -> str:
    if chart not in _CHARTS:
        raise ValueError(f"chart is {shown(chart)}, neither top200 nor viral50")
    return f"chart:{_CHARTS[chart][0]}-{region_code(region)}-daily"


@lru_cache(10_000)
def _day(text: str) -> date:
    return iso_date(text)
