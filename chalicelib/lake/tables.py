"""Parquet in and out, by DuckDB. Works on bytes and local temporary files; knows no store and no keys."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from ..errors import DamagedFile, LakeUnavailable

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Larger row groups would make a reader of one day fetch more, smaller ones compress worse.
_OPTIONS = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"


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
        except RuntimeError as error:
            # Ctrl-C inside DuckDB; as an ordinary error it would be taken for one playlist's trouble.
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise
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
        return self.parquets([data], schema)

    def parquets(self, files: Iterable[bytes], schema: Mapping[str, str]) -> str:
        """One relation over any number of Parquet files; a column that one does not have yet is null."""
        paths = ", ".join(f"'{self._write('parquet', [data])}'" for data in files)
        if not paths:
            nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in schema.items())
            return f"(SELECT {nothing} WHERE false)"
        file = f"read_parquet([{paths}], union_by_name = true)"
        held = {str(column[0]) for column in self._cursor.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
        if held >= set(schema):
            return file
        columns = (
            f'"{name}"' if name in held else f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in schema.items()
        )
        return f"(SELECT {', '.join(columns)} FROM {file})"

    def rows(self, rows: Iterable[Mapping[str, Any]] | Path, schema: Mapping[str, str]) -> str:
        """A relation over Python rows, typed by `schema`: the rows go to a file one at a time, or are in one already
        (a JSON object a line)."""
        path = rows if isinstance(rows, Path) else self._write("ndjson", (_line(row) for row in rows))
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in schema.items())
        return f"read_json('{path}', format='newline_delimited', columns={{{columns}}}, maximum_object_size=67108864)"

    def define(self, name: str, query: str) -> None:
        """Name a query; the name ends with this piece of work."""
        self._cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")

    def narrow(self, name: str, condition: str, parameters: Mapping[str, Any]) -> None:
        """Let a named query keep only the rows that meet the condition, and hold them in memory."""
        self._cursor.execute(f"CREATE TEMP TABLE narrow_{name} AS SELECT * FROM {name} WHERE {condition}", parameters)
        self.define(name, f"SELECT * FROM narrow_{name}")

    def write(self, query: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """The result of a query as a Parquet file: equal rows give equal bytes."""
        path = self._path("parquet")
        self._cursor.execute(f"COPY ({query}) TO '{path}' ({_OPTIONS})", dict(parameters or {}))
        return path.read_bytes()

    def read(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The result of a query as dicts; instants come as aware UTC datetimes."""
        columns = self.columns(query, parameters)
        instants = [name for name, kind in columns.items() if kind == "TIMESTAMP WITH TIME ZONE"]
        replaced = ", ".join(f'epoch_us("{name}") AS "{name}"' for name in instants)
        select = f"SELECT * REPLACE ({replaced}) FROM ({query})" if instants else query
        found = self._cursor.execute(select, dict(parameters or {})).fetchall()
        rows = [dict(zip(columns, values, strict=True)) for values in found]
        for row in rows:
            row.update({name: _instant(row[name]) for name in instants})
        return rows

    def columns(self, query: str, parameters: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The names and types of a query's columns, without computing it."""
        described = self._cursor.execute(f"DESCRIBE {query}", dict(parameters or {})).fetchall()
        return {str(column[0]): str(column[1]) for column in described}

    def _write(self, ending: str, chunks: Iterable[bytes]) -> Path:
        path = self._path(ending)
        with path.open("wb") as file:
            file.writelines(chunks)
        return path

    def _path(self, ending: str) -> Path:
        self._files += 1
        return self._folder / f"{self._files}.{ending}"


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"


def to_json(row: Mapping[str, Any]) -> Row:
    """A row as `Scratch.rows` takes it: days and instants as ISO text, UTC as Z."""
    return {name: _iso(value) if isinstance(value, date) else value for name, value in row.items()}


def _iso(value: date) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
