"""CSV downloads of charts.spotify.com (2021 and later): daily and weekly Top 200, viral 50 or 100.

`rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams`: `weeks_on_chart` makes a chart
weekly, and a viral chart has no `streams`. Withheld tracks leave gaps in the ranks. Day and region stand in the name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from operator import itemgetter

from ...spotify.entries import Row
from ..day import iso_date, track_id, track_row, whole_number
from ..naming import Named
from ..table import ByColumn, Key, Layout, Table

REQUIRED = frozenset({"rank", "uri", "artist_names", "track_name"})
# The places of a chart: a regional one is shorter where fewer tracks were streamed often enough.
LENGTHS = {"regional": (200,), "viral": (50, 100)}
# Columns in which people who re-saved the file noted its day.
_NOTED = {"daily": ("date", "start date", "start_date", "end date"), "weekly": ("date", "end date", "end_date")}

# What a chart tells of an entry's past.
_REPORTED = {
    "peak_rank": "reported_peak",
    "previous_rank": "reported_previous",
    "days_on_chart": "reported_days",
    "weeks_on_chart": "reported_days",
}


def table(header: list[str], layout: Layout, named: Named, sample: Callable[[], list[list[str]]]) -> Table:
    """Raises `BadImport` where day or region are nowhere to be found."""
    every = "weekly" if "weeks_on_chart" in header else "daily"
    kind = "regional" if "streams" in header else "viral"
    name = named.chart()
    region = named.region_or(name.region if name else None)
    day = None if named.has_date() else _noted_day(header, every, sample())
    key = (f"chart:{kind}-{region}-{every}", day or named.single_day())
    format_ = f"charts-official-{every}" if kind == "regional" else f"charts-official-viral-{every}"
    row = _Row(header, key)
    return Table(format_, layout, row, lambda fields: key, LENGTHS[kind], by_column=row.by_column())


def _noted_day(header: list[str], every: str, sample: list[list[str]]) -> date | None:
    for column in _NOTED[every]:
        if column in header and sample:
            try:
                return iso_date(sample[0][header.index(column)])
            except (ValueError, IndexError):
                continue
    return None


class _Row:
    def __init__(self, header: list[str], key: Key) -> None:
        self._key = key
        self._places = [header.index(name) for name in ("rank", "uri", "artist_names", "track_name")]
        self._pick = itemgetter(*self._places)
        self._streams = header.index("streams") if "streams" in header else None
        self._label = header.index("source") if "source" in header else None
        self._reported = [(column, name, header.index(name)) for name, column in _REPORTED.items() if name in header]

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        rank, uri, artists, name = self._pick(fields)
        position = whole_number(rank, "rank", smallest=1)
        row = track_row(position, track_id(uri), name, [(None, artists)])
        if self._streams is not None:
            row["streams"] = whole_number(fields[self._streams], "streams", 2**63 - 1)
        if self._label is not None:
            row["label"] = fields[self._label] or None
        for column, name, place in self._reported:
            row[column] = _reported(fields[place], name)
        return self._key, row

    def by_column(self) -> ByColumn | None:
        """None where two columns tell one thing."""
        places = dict(zip(("position", "address", "artist", "name"), self._places, strict=True))
        kinds = {column: "reported" for column, _, _ in self._reported}
        if len(kinds) < len(self._reported):
            return None
        places |= {column: place for column, _, place in self._reported}
        for column, place, kind in (("streams", self._streams, "count"), ("label", self._label, "text")):
            if place is not None:
                places[column], kinds[column] = place, kind
        return ByColumn(places, kinds)


def _reported(text: str, name: str) -> int | None:
    """-1, the place of what was not there the day before, becomes 0: no place."""
    if not text:
        return None
    return 0 if text in ("-1", "-1.0") else whole_number(text, name)
