"""What the lake asks of rows that have a day, and how it rewrites them: the SQL behind its plans, and nothing else.

A relation is a text that only the `DayScratch` that gave it understands. The simulation in tests/simulation has another
`DayTables`, which keeps rows in memory; a test holds it equal to this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from .schema import ENTRIES
from .tables import Row, Scratch, Tables


class Content(NamedTuple):
    """What a day holds: how many rows, a number that is another one as soon as any of their values is, and the capture
    that they are of."""

    rows: int
    digest: int
    capture_id: str


class Held(NamedTuple):
    """What can be told of a day without a look at all of its columns: how many rows, and the capture that they are
    of."""

    rows: int
    capture_id: str


@dataclass(frozen=True)
class Files:
    """Rows of a table in files below a `folder`: lines as `packed` gives them, and Parquet with few columns, since each
    costs more than its values. These and a day's row in `days` are columns of the table, or what such a column follows
    from, as `columns` tells in SQL; all others are null. `held` is what the days have in both."""

    lines: Path | None
    tables: Sequence[Path]
    columns: Mapping[str, str]
    days: Sequence[Row]
    held: Mapping[date, Held]


class _Brief(NamedTuple):
    """The two steps in which `Files` become rows of a table: few columns, and all of them; and what the days hold."""

    few: str
    columns: str
    held: Mapping[date, Held]


class DayTables:
    """Room for work on tables, by DuckDB."""

    def __init__(self) -> None:
        self._tables = Tables()

    def scratch(self, what: str) -> AbstractContextManager[Scratch]:
        """Room for SQL over objects, known to a person as `what`."""
        return self._tables.scratch(what)

    def folder(self) -> AbstractContextManager[Path]:
        """A temporary folder for files that are to become rows."""
        return self._tables.folder()

    @contextmanager
    def open(self, what: str) -> Iterator[DayScratch]:
        """Room for work on rows that have a day."""
        with self._tables.scratch(what) as scratch:
            yield DayScratch(scratch)


class DayScratch:
    """Relations of rows that have a day, for the time of one piece of work."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._briefs: dict[str, _Brief] = {}

    def parquet(self, data: bytes, schema: Mapping[str, str]) -> str:
        """A relation over a table object's bytes."""
        return self._scratch.parquet(data, schema)

    def rows_of(self, data: bytes, schema: Mapping[str, str]) -> list[Row]:
        """All rows of a table object's bytes, in order."""
        return _in_order(self._scratch.rows_of(data, schema), schema)

    def rows(self, rows: Iterable[Mapping[str, Any]] | Path | Files, schema: Mapping[str, str]) -> str:
        """A relation over rows as `Scratch.rows` takes them, or over those in `Files`."""
        if not isinstance(rows, Files):
            return self._scratch.rows(rows, schema)
        brief = self._brief_of(rows, schema)
        relation = f"(SELECT {brief.columns} FROM {brief.few})"
        if rows.lines:
            return f"(FROM {self._scratch.rows(rows.lines, schema)} UNION ALL FROM {relation})"
        self._briefs[relation] = brief
        return relation

    def _brief_of(self, files: Files, schema: Mapping[str, str]) -> _Brief:
        tables = self._scratch.own_files(files.tables)
        days = self._scratch.rows(files.days, {name: schema[name] for name in files.days[0]})
        few = f"(FROM {tables} JOIN {days} USING (snapshot_date))"
        held = self._scratch.columns(f"FROM {few}")
        # Parquet tells of a column that nothing in it is null, JSON does not; and DuckDB then writes other bytes.
        columns = (
            f'CASE WHEN snapshot_date IS NOT NULL THEN CAST({told} AS {kind}) END AS "{name}"'
            if (told := files.columns.get(name, name if name in held else ""))
            else f'CAST(NULL AS {kind}) AS "{name}"'
            for name, kind in schema.items()
        )
        return _Brief(few, ", ".join(columns), files.held)

    def select(self, relation: str, schema: Mapping[str, str], days: Iterable[date] | None = None) -> list[Row]:
        """The rows of these days (None: of all), by day and position."""
        return _in_order(self._scratch.select(f"SELECT * FROM {relation} WHERE {_of(days)}", schema), schema)

    def contents(self, relation: str, days: Iterable[date] | None = None) -> dict[date, Content]:
        """What each of these days (None: of all) holds that has any row."""
        rows = self._scratch.tuples(
            "SELECT snapshot_date, count(*) AS rows, sum(hash(entry)) AS digest, min(capture_id) AS capture_id "
            f"FROM {relation} AS entry WHERE {_of(days)} GROUP BY snapshot_date"
        )
        return {day: Content(*content) for day, *content in rows}

    def held(self, relation: str) -> dict[date, Held]:
        """What each day holds that has any row, in a fraction of the time of `contents`."""
        if relation in self._briefs:
            return dict(self._briefs[relation].held)
        rows = self._scratch.tuples(
            f"SELECT snapshot_date, count(*), min(capture_id) FROM {relation} GROUP BY snapshot_date"
        )
        return {day: Held(*held) for day, *held in rows}

    def summaries(self, relation: str) -> list[Row]:
        """For each day, in order: a capture_id, how many entries, positions and captures there are, and the digest that
        `contents` gives."""
        return self._scratch.read(
            "SELECT snapshot_date, any_value(capture_id) AS capture_id, count(*) AS entries, "
            "count(DISTINCT position) AS positions, count(DISTINCT capture_id) AS captures, sum(hash(entry)) AS digest "
            f"FROM {relation} AS entry GROUP BY snapshot_date ORDER BY snapshot_date"
        )

    def moments(self, relation: str, days: Iterable[date]) -> list[tuple[date, str, datetime]]:
        """The newest `captured_at` of each of these days and each source on it."""
        facts = self._scratch.select(
            f"SELECT snapshot_date, source, max(captured_at) AS captured_at FROM {relation} "
            f"WHERE {_of(days)} GROUP BY snapshot_date, source",
            {name: ENTRIES[name] for name in ("snapshot_date", "source", "captured_at")},
        )
        return [(fact["snapshot_date"], fact["source"], fact["captured_at"]) for fact in facts]

    def extent(self, relation: str) -> tuple[int, date]:
        """How many rows there are, and the last day (`date.min` where there is none)."""
        rows, last = self._scratch.extent(relation)
        return rows, last or date.min

    def merged(self, kept: str | None, relation: str, schema: Mapping[str, str], days: Iterable[date]) -> bytes:
        """A table object with these days from `relation` in place of the ones in `kept`."""
        brief = self._briefs.get(relation)
        if brief and not kept:
            # A year of days takes a while to look for, and few columns a tenth of the time to be sorted.
            those = None if brief.held.keys() <= set(days) else days
            few = f"SELECT * FROM {brief.few} WHERE {_of(those)} ORDER BY {_order(schema)}"
            return self._scratch.write(f"SELECT {brief.columns} FROM ({few})")
        sources = [f"{relation} WHERE {_of(days)}"]
        if kept:
            sources.append(f"{kept} WHERE NOT {_of(days)}")
        columns = ", ".join(f'"{name}"' for name in schema)
        selects = " UNION ALL ".join(f"SELECT {columns} FROM {source}" for source in sources)
        return self._scratch.write(f"SELECT * FROM ({selects}) ORDER BY {_order(schema)}")

    def count(self, relation: str, where: str, parameters: Mapping[str, Any]) -> int:
        """How many rows meet the SQL condition."""
        found: int = self._scratch.tuples(f"SELECT count(*) FROM {relation} WHERE {where}", parameters)[0][0]
        return found

    def without(self, relation: str, schema: Mapping[str, str], where: str, parameters: Mapping[str, Any]) -> bytes:
        """A table object without the rows that meet the SQL condition."""
        query = f"FROM {relation} WHERE ({where}) IS NOT TRUE ORDER BY {_order(schema)}"
        return self._scratch.write(query, parameters)

    def forgetting(
        self,
        relation: str,
        schema: Mapping[str, str],
        columns: Iterable[str],
        where: str,
        parameters: Mapping[str, Any],
    ) -> bytes:
        """A table object in which these columns are null in the rows that meet the SQL condition."""
        nulls = ", ".join(f'CASE WHEN {where} THEN NULL ELSE "{name}" END AS "{name}"' for name in columns)
        query = f"SELECT * REPLACE ({nulls}) FROM {relation} ORDER BY {_order(schema)}"
        return self._scratch.write(query, parameters)


def _of(days: Iterable[date] | None) -> str:
    if days is None:
        return "true"
    named = ", ".join(f"DATE '{day}'" for day in days)
    return f"(snapshot_date IN ({named}))"


def _in_order(rows: list[Row], schema: Mapping[str, str]) -> list[Row]:
    """Rows by day and position, those without a position last. Few as they are, DuckDB would take longer."""
    if "position" not in schema:
        return sorted(rows, key=itemgetter("snapshot_date"))
    return sorted(rows, key=lambda row: (row["snapshot_date"], row["position"] is None, row["position"] or 0))


def _order(schema: Mapping[str, str]) -> str:
    return "snapshot_date, position" if "position" in schema else "snapshot_date"
