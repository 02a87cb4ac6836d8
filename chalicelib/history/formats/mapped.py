"""Any other CSV file, read as a person says: which column holds what.

Without a column of positions the entries stand in the order of the file; without one of days the file is one day; with
one of regions each region is a list of its own, `<list>-<region>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from ...errors import BadImport
from ...spotify.entries import Row, playlist_facts
from ..day import Day, iso_date, refused, shown, whole_number
from ..mapping import ColumnMap
from ..naming import Named
from ..regions import region_code
from ..saved import UNKNOWN_END, Cells, cells_row, refuse_later
from ..table import Key, Layout, Table


def required(columns: ColumnMap) -> frozenset[str]:
    """The columns that the file must have, in lower case."""
    return frozenset(column.lower() for column in columns.columns.values())


def table(header: list[str], layout: Layout, named: Named, columns: ColumnMap) -> Table:
    """Raises `BadImport` where list or day are nowhere to be found."""
    row = _Row(header, named, columns)
    lengths = (columns.places,) if columns.places else ()
    return Table(
        "mapped", layout, row, row.key_of, lengths, in_order="position" not in columns.columns, finish=row.finished
    )


class _Row:
    def __init__(self, header: list[str], named: Named, columns: ColumnMap) -> None:
        self._cells = Cells(header, {meaning: (column.lower(),) for meaning, column in columns.columns.items()})
        self._list = named.playlist()
        self._day = None if "date" in columns.columns else named.single_day()
        self._named = named
        self._columns = columns

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        cells = self._cells(fields)
        position = whole_number(cells["position"], "position", smallest=1) if "position" in cells else 1
        return self._key(cells), cells_row(cells, [(None, cells.get("artist", ""))], position)

    def key_of(self, fields: list[str]) -> Key:
        return self._key(self._cells(fields))

    def _key(self, cells: Mapping[str, str]) -> Key:
        region = f"-{region_code(cells['region'])}" if "region" in cells else ""
        return f"{self._list}{region}", self._day or self._day_of(cells["date"])

    def _day_of(self, text: str) -> date:
        form = self._columns.date_format
        try:
            return datetime.strptime(text, form).date() if form else iso_date(text)
        except ValueError:
            raise ValueError(f"{shown(text)} is no day as {form or '2024-05-31'} writes it") from None

    def finished(self, day: Day) -> Day:
        name = self._named.list.name if self._named.list else None
        facts = playlist_facts({"name": name})
        quality = "exact" if "position" in self._columns.columns else "approx"
        reason = None if self._columns.places else UNKNOWN_END
        return refuse_later(replace(day, facts=facts, position_quality=quality, reason=reason), self._named.file)


def lacking(file: str, columns: ColumnMap, header: list[str]) -> BadImport:
    """The error of a file that lacks columns which the map names."""
    there = {name.lower() for name in header}
    missing = [column for column in columns.columns.values() if column.lower() not in there]
    lacks, has = (", ".join(map(shown, names)) for names in (missing, header[:12]))
    return refused(
        file,
        f"it has no header with {lacks}; its first line has {has}",
        "Name the columns in the map as the file's header does.",
    )
