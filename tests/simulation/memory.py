"""Tables that are kept in memory: what `chalicelib.lake.days` does by DuckDB, done to lists of dicts, a hundred times
as fast. test_memory.py holds both equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chalicelib.errors import DamagedFile
from chalicelib.lake.days import Content, DayScratch, DayTables, Files, Held
from chalicelib.lake.tables import Row, Scratch, to_json

Table = list[Row]

# The conditions that are asked for.
_CONDITIONS: dict[str, Callable[[Row, Mapping[str, Any]], bool]] = {
    "snapshot_date = $day AND captured_at < $moment": lambda row, given: (
        row["snapshot_date"] == given["day"] and row["captured_at"] < given["moment"]
    ),
    "snapshot_date < $before": lambda row, given: row["snapshot_date"] < given["before"],
    "snapshot_date < $before AND raw_key IS NOT NULL": lambda row, given: (
        row["snapshot_date"] < given["before"] and row["raw_key"] is not None
    ),
    "list_contains($raw_keys::VARCHAR[], raw_key)": lambda row, given: row["raw_key"] in given["raw_keys"],
    "snapshot_date < $before AND owner_id = $user": lambda row, given: (
        row["snapshot_date"] < given["before"] and row["owner_id"] == given["user"]
    ),
    "snapshot_date < $before AND added_by = $user": lambda row, given: (
        row["snapshot_date"] < given["before"] and row["added_by"] == given["user"]
    ),
}


class MemoryTables(DayTables):
    """`files` holds what was ever written, by the bytes that stand for it."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[bytes, Table] = {}

    @contextmanager
    def scratch(self, what: str) -> Iterator[Scratch]:
        """DuckDB over the rows in memory, for the views and the pages."""

        def parquets(files: Iterable[tuple[str, bytes]], schema: Mapping[str, str]) -> str:
            return scratch.rows([to_json(row) for _, data in files for row in self.files[data]], schema)

        with super().scratch(what) as scratch:
            scratch.parquets = parquets  # type: ignore[method-assign]
            yield scratch

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder, without the connection to DuckDB that takes longer than half a story."""
        with TemporaryDirectory(prefix="chartlake-") as folder:
            yield Path(folder)

    @contextmanager
    def open(self, what: str) -> Iterator[DayScratch]:
        yield _MemoryScratch(self.files, what)


class _MemoryScratch(DayScratch):
    def __init__(self, files: dict[bytes, Table], what: str) -> None:
        self._files = files
        self._what = what
        self._tables: dict[str, Table] = {}

    def parquet(self, data: bytes, schema: Mapping[str, str]) -> str:
        if data not in self._files:
            raise DamagedFile(f"{self._what} is not a table that chartlake wrote.")
        return self._named(self._files[data])

    def rows_of(self, data: bytes, schema: Mapping[str, str]) -> list[Row]:
        return self.select(self.parquet(data, schema), schema)

    def rows(self, rows: Iterable[Mapping[str, Any]] | Path | Files, schema: Mapping[str, str]) -> str:
        assert not isinstance(rows, Files), "no chart is imported here"
        given = _unpacked(rows, schema) if isinstance(rows, Path) else rows
        return self._named([{name: _typed(row[name], kind) for name, kind in schema.items()} for row in given])

    def select(self, relation: str, schema: Mapping[str, str], days: Iterable[date] | None = None) -> list[Row]:
        return [dict(row) for row in _in_order(self._of(relation, days), schema)]

    def contents(self, relation: str, days: Iterable[date] | None = None) -> dict[date, Content]:
        found = {}
        for day, rows in _by_day(self._of(relation, days)):
            found[day] = Content(len(rows), _digest(rows), min(row["capture_id"] for row in rows))
        return found

    def held(self, relation: str) -> dict[date, Held]:
        return {day: Held(one.rows, one.capture_id) for day, one in self.contents(relation).items()}

    def summaries(self, relation: str) -> list[Row]:
        return [
            {
                "snapshot_date": day,
                "capture_id": rows[0]["capture_id"],
                "entries": len(rows),
                "positions": len({row["position"] for row in rows}),
                "captures": len({row["capture_id"] for row in rows}),
                "digest": _digest(rows),
            }
            for day, rows in _by_day(self._tables[relation])
        ]

    def moments(self, relation: str, days: Iterable[date]) -> list[tuple[date, str, datetime]]:
        newest: dict[tuple[date, str], datetime] = {}
        for row in self._of(relation, days):
            key = row["snapshot_date"], row["source"]
            newest[key] = max(row["captured_at"], newest.get(key, row["captured_at"]))
        return [(*key, moment) for key, moment in newest.items()]

    def extent(self, relation: str) -> tuple[int, date]:
        rows = self._tables[relation]
        return len(rows), max((row["snapshot_date"] for row in rows), default=date.min)

    def merged(self, kept: str | None, relation: str, schema: Mapping[str, str], days: Iterable[date]) -> bytes:
        those = set(days)
        others = [row for row in self._tables[kept] if row["snapshot_date"] not in those] if kept else []
        return self._written(self._of(relation, those) + others, schema)

    def count(self, relation: str, where: str, parameters: Mapping[str, Any]) -> int:
        return sum(_CONDITIONS[where](row, parameters) for row in self._tables[relation])

    def without(self, relation: str, schema: Mapping[str, str], where: str, parameters: Mapping[str, Any]) -> bytes:
        meets = _CONDITIONS[where]
        return self._written([row for row in self._tables[relation] if not meets(row, parameters)], schema)

    def forgetting(
        self,
        relation: str,
        schema: Mapping[str, str],
        columns: Iterable[str],
        where: str,
        parameters: Mapping[str, Any],
    ) -> bytes:
        meets, nothing = _CONDITIONS[where], dict.fromkeys(columns)
        rows = self._tables[relation]
        return self._written([row | nothing if meets(row, parameters) else row for row in rows], schema)

    def _named(self, table: Table) -> str:
        name = f"table {len(self._tables)}"
        self._tables[name] = table
        return name

    def _of(self, relation: str, days: Iterable[date] | None) -> Table:
        rows = self._tables[relation]
        if days is None:
            return rows
        those = set(days)
        return [row for row in rows if row["snapshot_date"] in those]

    def _written(self, rows: Table, schema: Mapping[str, str]) -> bytes:
        table = _in_order(rows, schema)
        data = hashlib.sha256(repr(table).encode()).digest()
        self._files[data] = table
        return data


def _in_order(rows: Table, schema: Mapping[str, str]) -> Table:
    if "position" in schema:
        return sorted(rows, key=lambda row: (row["snapshot_date"], row["position"]))
    return sorted(rows, key=lambda row: row["snapshot_date"])


def _digest(rows: Iterable[Row]) -> int:
    return sum(hash(repr(row)) for row in rows)


def _by_day(rows: Table) -> Iterator[tuple[date, Table]]:
    def day_of(row: Row) -> date:
        found: date = row["snapshot_date"]
        return found

    for day, of_day in groupby(sorted(rows, key=day_of), key=day_of):
        yield day, list(of_day)


def _typed(value: Any, kind: str) -> Any:
    if kind == "DATE" and isinstance(value, str):
        return date.fromisoformat(value)
    if kind == "TIMESTAMP WITH TIME ZONE" and value is not None:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)
    return str(value) if kind == "VARCHAR" and value is not None else value


def _unpacked(path: Path, schema: Mapping[str, str]) -> Iterator[Row]:
    """The rows that `tables.packed` put into a file."""
    for line in path.read_bytes().splitlines():
        lists = json.loads(line)
        for number in range(max(map(len, lists.values()))):
            yield {name: lists[name][number] if name in lists else None for name in schema}
