"""Parquet in and out, by DuckDB. Works on bytes and local temporary files; knows no store and no keys."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from ..errors import DamagedFile, LakeUnavailable

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Larger row groups would make a reader of one day fetch more, smaller ones compress worse.
_OPTIONS = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"
# Rows that are written and read as one JSON object, and the bytes that it may have: a buffer of that size is filled.
_PACKED_ROWS = 200
LONGEST_PACK = 16 << 20


class Tables:
    """One DuckDB connection (opening one costs more than rewriting a small file) and what is done with it."""

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        # No extension is ever loaded: Lambda has no writable home, and what is needed is linked in.
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "threads": 2,
                "temp_directory": tempfile.gettempdir(),
            },
        )
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    @contextmanager
    def scratch(self, what: str) -> Iterator[Scratch]:
        """A temporary folder and a cursor, for work on the object that a person knows as `what`."""
        try:
            with tempfile.TemporaryDirectory(prefix="chartlake-") as folder, self._connection.cursor() as cursor:
                yield Scratch(cursor, Path(folder))
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise LakeUnavailable(f"{what} could not be read or written: {error}") from error
        except duckdb.Error as error:
            raise DamagedFile(f"{what} is not a table that chartlake wrote: {error}") from error
        except OSError as error:
            raise LakeUnavailable(f"{what}: no temporary file could be written: {error.strerror or error}.") from error


class Scratch:
    """SQL relations over local files, for the time of one piece of work."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._cursor = cursor
        self._folder = folder
        self._files = 0

    def parquet(self, data: bytes, schema: Mapping[str, str]) -> str:
        """A relation over a Parquet file's bytes; a column that it does not have yet is null."""
        file = f"read_parquet('{self._write('parquet', [data])}')"
        held = {str(column[0]) for column in self._cursor.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
        if held >= set(schema):
            return file
        columns = (
            f'"{name}"' if name in held else f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in schema.items()
        )
        return f"(SELECT {', '.join(columns)} FROM {file})"

    def rows(self, rows: Iterable[Mapping[str, Any]] | Path, schema: Mapping[str, str]) -> str:
        """A relation over Python rows, typed by `schema`: they go to a file, some at a time, or are in one already
        that holds what `packed` gave."""
        path = rows if isinstance(rows, Path) else self._write("ndjson", packed(rows, schema))
        columns = ", ".join(f"'{name}': '{kind}[]'" for name, kind in schema.items())
        options = f"format='newline_delimited', columns={{{columns}}}, maximum_object_size={LONGEST_PACK}"
        lists = ", ".join(f'unnest("{name}") AS "{name}"' for name in schema)
        return f"(SELECT {lists} FROM read_json('{path}', {options}))"

    def write(self, query: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """The result of a query as a Parquet file: equal rows give equal bytes."""
        path = self._path("parquet")
        self._cursor.execute(f"COPY ({query}) TO '{path}' ({_OPTIONS})", dict(parameters or {}))
        return path.read_bytes()

    def read(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The result of a query as dicts; instants come as aware UTC datetimes."""
        described = self._cursor.execute(f"DESCRIBE {query}", dict(parameters or {})).fetchall()
        names = [str(column[0]) for column in described]
        instants = [name for name, kind in ((c[0], c[1]) for c in described) if kind == "TIMESTAMP WITH TIME ZONE"]
        replaced = ", ".join(f'epoch_us("{name}") AS "{name}"' for name in instants)
        select = f"SELECT * REPLACE ({replaced}) FROM ({query})" if instants else query
        found = self._cursor.execute(select, dict(parameters or {})).fetchall()
        rows = [dict(zip(names, values, strict=True)) for values in found]
        for row in rows:
            row.update({name: _instant(row[name]) for name in instants})
        return rows

    def _write(self, ending: str, chunks: Iterable[bytes]) -> Path:
        path = self._path(ending)
        with path.open("wb") as file:
            file.writelines(chunks)
        return path

    def _path(self, ending: str) -> Path:
        self._files += 1
        return self._folder / f"{self._files}.{ending}"


def packed(rows: Iterable[Mapping[str, Any]], columns: Collection[str]) -> Iterator[bytes]:
    """Rows as lines of JSON for `Scratch.rows`: a list for each column, which is half of what an object a row takes,
    in time and in bytes."""
    values_of, remaining = itemgetter(*columns), iter(rows)
    while some := list(islice(remaining, _PACKED_ROWS)):
        lists = zip(columns, zip(*map(values_of, some), strict=True), strict=True)
        told = {name: values for name, values in lists if values.count(None) < len(values)}
        yield json.dumps(told).encode() + b"\n"


def to_json(row: Mapping[str, Any]) -> Row:
    """A row as `Scratch.rows` takes it: days and instants as ISO text."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
