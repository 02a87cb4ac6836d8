"""Parquet in and out, by DuckDB. Works on bytes and local temporary files; knows no store and no keys."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import chain, count, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from ..errors import BadSetting, DamagedFile, LakeUnavailable
from ..text import FORMULA
from .schema import FIRST_DAY, LAST_DAY

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Larger row groups would make a reader of one day fetch more, smaller ones compress worse.
_OPTIONS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880",
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
}
_NO_ROOM = (duckdb.OutOfMemoryException, duckdb.IOException)
_MEMORY = "Give this process more memory; 512 MB do for lists of 10,000 entries. Then run the same command again."
_INSTANT = "TIMESTAMP WITH TIME ZONE"
# PIVOT is more than one statement to DuckDB; like a SELECT it can only stand in parentheses if it writes nothing.
_QUESTIONS = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
# What a WITH may hold beside a SELECT; as a name such a word needs quotes.
_WORD = re.compile(rb"\w+")
_WRITING = {b"COPY", b"INSERT", b"UPDATE", b"DELETE", b"MERGE"}
_APOSTROPHE = r"\1'\2"
# A folder of the path called `position=7`, as TMPDIR may be, would else take the place of that column.
PLAIN = "hive_partitioning = false"
# Of every row: a day, and the moment that ranks it, that somebody can have seen.
_SPAN = f"BETWEEN DATE '{FIRST_DAY}' AND DATE '{LAST_DAY}'"
_SOUND = f"CAST(snapshot_date AS DATE) {_SPAN} AND CAST(captured_at AS {_INSTANT}) {_SPAN}"
_FAULT = "concat('a row has the day ', snapshot_date, ' and the moment ', captured_at)"
# Rows that are written and read as one JSON object, and the bytes that it may have: a buffer of that size is filled.
_PACKED_ROWS = 200
LONGEST_PACK = 16 << 20
# Such objects in a file. DuckDB reads up to 2048 of a file at once, in as much memory.
_FILE_PACKS = 5
# Small files whose rows are remembered, and the bytes that such a one may have.
_REMEMBERED, _SMALL = 16, 1 << 18


class Tables:
    """One DuckDB connection (opening one costs more than rewriting a small file) and what is done with it."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._known = Known()

    @cached_property
    def _room(self) -> tuple[Path, duckdb.DuckDBPyConnection]:
        """A private folder that ends with this object, and a connection that reaches nothing else."""
        folder = Path(tempfile.mkdtemp(prefix="chartlake-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder, locked(folder)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder for files that SQL is to read."""
        with tempfile.TemporaryDirectory(dir=self._room[0]) as folder:
            yield Path(folder)

    @contextmanager
    def scratch(self, what: str) -> Iterator[Scratch]:
        """A temporary folder and a cursor, for work on the object that a person knows as `what`."""
        try:
            folder, connection = self._room
            with connection.cursor() as cursor:
                scratch = Scratch(cursor, folder, self._numbers, self._known)
                try:
                    yield scratch
                except _NO_ROOM:
                    raise
                except duckdb.Error as error:
                    raise scratch.damage(error, what) from error
                finally:
                    scratch.tidy()
        except _NO_ROOM as error:
            advice = _MEMORY if isinstance(error, duckdb.OutOfMemoryException) else _room_in(tempfile.gettempdir())
            words = str(error).partition("\n")[0]
            raise LakeUnavailable(f"{what} could not be read or written: {words}", advice=advice) from error
        except RuntimeError as error:
            # Ctrl-C inside DuckDB; as an ordinary error it would be taken for one playlist's trouble.
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise
        except BrokenPipeError:
            raise  # whoever reads the results has enough of them
        except OSError as error:
            raise LakeUnavailable(
                f"{what}: no temporary file could be written: {error.strerror or error}.",
                advice=_room_in(tempfile.gettempdir()),
            ) from error


def _room_in(folder: str) -> str:
    return f"Make room in {folder}, or set TMPDIR to a folder that has some; then run the same command again."


def locked(folder: Path, **limits: str) -> duckdb.DuckDBPyConnection:
    """A connection that can read and write below `folder` and nowhere else, whatever SQL it is given: what is read with
    it is foreign. `limits` are settings of DuckDB, as `memory_limit`."""
    # No extension is ever loaded: Lambda has no writable home, and what is needed is linked in.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "threads": 2,
        "temp_directory": str(folder),
        # A name in SQL is a relation, never a variable of this program.
        "python_enable_replacements": False,
    }
    connection = duckdb.connect(":memory:", config=settings | limits)
    # Of all cursors: without GLOBAL it is this one's, and they have the machine's.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute(f"SET allowed_directories = [{sql_text(folder)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


class Known:
    """The rows of small files that were read and found sound, by the files' very bytes: a run reads a year's rows
    before it asks Spotify, and again at its commit."""

    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[bytes, tuple[str, ...]], list[Row]] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, data: bytes, schema: Mapping[str, str]) -> list[Row] | None:
        """What is remembered of a file, to be changed by nobody; None where nothing is."""
        with self._lock:
            return self._rows.get((data, tuple(schema)))

    def remember(self, data: bytes, schema: Mapping[str, str], rows: list[Row]) -> None:
        with self._lock:
            self._rows[data, tuple(schema)] = rows
            while len(self._rows) > _REMEMBERED:
                self._rows.popitem(last=False)


class Scratch:
    """SQL relations over local files, for the time of one piece of work."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, folder: Path, numbers: Iterator[int], known: Known) -> None:
        self._cursor = cursor
        self._folder = folder
        self._numbers = numbers
        self._known = known
        self._files: list[Path] = []
        self._extents: dict[str, tuple[int, date | None]] = {}
        self._names: list[str] = []
        # The Parquet files with the names by which a person knows them, and their schemas: for errors.
        self._read: list[tuple[Path, str, Mapping[str, str]]] = []

    def parquet(self, data: bytes, schema: Mapping[str, str]) -> str:
        """A relation over a Parquet file's bytes: the schema's columns and no others, in its order and of its types. A
        column that the file does not have yet is null."""
        path = self._write("parquet", [data])
        relation = _casts(path, schema)
        # What is known came whole and sound out of these casts.
        if self._known.rows(data, schema) is not None or self._is_sound(relation):
            return relation
        self._read.append((path, "", schema))
        return self._relation([path], schema)

    def _is_sound(self, relation: str) -> bool:
        """Whether a relation has all columns and no row that `_check` refuses; if not, that takes a closer look."""
        asked = f"SELECT count(*), max(snapshot_date), bool_or(({_SOUND}) IS NOT TRUE) FROM {relation}"
        try:
            ((rows, last, unsound),) = self.tuples(asked)
        except duckdb.Error:
            return False
        self._extents[relation] = rows, last
        return not unsound

    def extent(self, relation: str) -> tuple[int, date | None]:
        """How many rows there are, and the last day (None where there is none)."""
        if relation not in self._extents:
            ((rows, last),) = self.tuples(f"SELECT count(*), max(snapshot_date) FROM {relation}")
            self._extents[relation] = rows, last
        return self._extents[relation]

    def rows_of(self, data: bytes, schema: Mapping[str, str]) -> list[Row]:
        """All rows of a small Parquet file; as `read` of `parquet`, with one query."""
        rows = self._known.rows(data, schema)
        if rows is None:
            rows = self._all_rows(data, schema)
            if len(data) <= _SMALL:
                self._known.remember(data, schema, rows)
        return [dict(row) for row in rows]

    def _all_rows(self, data: bytes, schema: Mapping[str, str]) -> list[Row]:
        path = self._write("parquet", [data])
        query = f"SELECT *, ({_SOUND}) IS NOT TRUE AS unsound FROM {_casts(path, schema)}"
        try:
            found = self.select(query, {**schema, "unsound": "BOOLEAN"})
        except duckdb.Error:
            found = []
        if not found or any(row.pop("unsound") for row in found):
            # An empty one, a strange one, or one that lacks a newer column.
            self._read.append((path, "", schema))
            return self.select(f"SELECT * FROM {self._relation([path], schema)}", schema)
        return found

    def parquets(self, files: Iterable[tuple[str, bytes]], schema: Mapping[str, str]) -> str:
        """One relation over any number of Parquet files, each with the name by which a person knows it; else as
        `parquet`."""
        paths = []
        for name, data in files:
            paths.append(self._write("parquet", [data]))
            self._read.append((paths[-1], name, schema))
        return self._relation(paths, schema)

    def own(self, files: Iterable[bytes]) -> str:
        """A relation over Parquet files, one at least, whose bytes are known to be those that chartlake wrote."""
        listed = ", ".join(sql_text(self._write("parquet", [data])) for data in files)
        return f"(FROM read_parquet([{listed}], {PLAIN}))"

    def own_files(self, paths: Iterable[Path]) -> str:
        """The same over files below a `folder`; a column that some of them lack is null there."""
        listed = ", ".join(map(sql_text, paths))
        return f"read_parquet([{listed}], union_by_name = true, {PLAIN})"

    def foreign(self, name: str, path: Path, schema: Mapping[str, str], needed: Collection[str]) -> str:
        """A relation over a Parquet file below a `folder` that a person knows by that name, as `parquet`. The columns
        of it must be of the schema's own types, and the needed ones there: a cast could change a value unseen."""
        held = self.columns(f"FROM read_parquet({sql_text(path)}, {PLAIN})")
        if missing := [column for column in schema if column in needed and column not in held]:
            raise duckdb.ConversionException(f"it lacks the columns {', '.join(missing)}")
        for column, kind in schema.items():
            found = held.get(column, kind).replace('"', "")
            if found != kind:
                raise duckdb.ConversionException(f"its column {column} is {found[:60]}, not {kind}")
        self._read.append((path, name, schema))
        return self._relation([path], schema)

    def _relation(self, paths: Iterable[Path], schema: Mapping[str, str]) -> str:
        listed = ", ".join(map(sql_text, paths))
        if not listed:
            nothing = ", ".join(f"CAST(NULL AS {kind}) AS {_quoted(name)}" for name, kind in schema.items())
            return f"(SELECT {nothing} WHERE false)"
        file = f"read_parquet([{listed}], union_by_name = true, {PLAIN})"
        relation = self._cursor.sql(f"FROM {file}")
        kinds = (str(kind).replace('"', "") for kind in relation.types)
        held = dict(zip(relation.columns, kinds, strict=True))
        self._check(file)
        if list(held.items()) == list(schema.items()):
            return file
        casts = (
            f"CAST({_quoted(name) if name in held else 'NULL'} AS {kind}) AS {_quoted(name)}"
            for name, kind in schema.items()
        )
        return f"(SELECT {', '.join(casts)} FROM {file})"

    def _check(self, file: str) -> None:
        """Raises where a row has no day, or not the moment that ranks it, or one that nobody can have seen."""
        for (fault,) in self._execute(f"SELECT {_FAULT} FROM {file} WHERE ({_SOUND}) IS NOT TRUE LIMIT 1").fetchall():
            raise duckdb.ConversionException(fault)

    def damage(self, error: duckdb.Error, what: str) -> DamagedFile:
        """The error in words for a person, with the file that it comes from."""
        for path, name, schema in self._read:
            try:
                columns = ", ".join(map(_quoted, schema))
                self._execute(f"SELECT sum(hash({columns})) FROM {self._relation([path], schema)}").fetchall()
            except duckdb.Error as found:
                named = name or what
                return DamagedFile(f"{named} is not a table that chartlake wrote: {_words(found, path, named)}")
        return DamagedFile(f"{what} is not a table that chartlake wrote: {_words(error)}")

    def rows(self, rows: Iterable[Mapping[str, Any]] | Path, schema: Mapping[str, str]) -> str:
        """A relation over Python rows, typed by `schema`: they go to a file, some at a time, or are in one already
        that holds what `packed` gave."""
        if isinstance(rows, Path):
            return _unpacked([rows], schema)
        remaining = iter(rows)
        some = list(islice(remaining, _PACKED_ROWS))
        if len(some) == _PACKED_ROWS:
            return self._many(chain(some, remaining), schema)
        return self._few(some, schema) if some else self._relation([], schema)

    def _many(self, rows: Iterable[Mapping[str, Any]], schema: Mapping[str, str]) -> str:
        """A relation over rows that are written some at a time; how many there are need not be asked then."""
        number, last = 0, ""

        def counted() -> Iterator[Mapping[str, Any]]:
            nonlocal number, last
            for row in rows:
                number, last = number + 1, max(last, str(row["snapshot_date"]))
                yield row

        packs, paths = packed(counted(), schema), []
        while some := list(islice(packs, _FILE_PACKS)):
            paths.append(self._write("ndjson", some))
        relation = _unpacked(paths, schema)
        self._extents[relation] = number, date.fromisoformat(last)
        return relation

    def _few(self, rows: Sequence[Mapping[str, Any]], schema: Mapping[str, str]) -> str:
        """A relation over so few rows that planning a list for each column would take longer than reading them."""
        told = ({name: row[name] for name in schema if row[name] is not None} for row in rows)
        lines = [json.dumps(one).encode() + b"\n" for one in told]
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in schema.items())
        longest = max(_SMALL, *map(len, lines))
        options = f"format='newline_delimited', columns={{{columns}}}, maximum_object_size={longest}, {PLAIN}"
        relation = f"(FROM read_json({sql_text(self._write('ndjson', lines))}, {options}))"
        self._extents[relation] = len(rows), max(date.fromisoformat(str(row["snapshot_date"])) for row in rows)
        return relation

    def define(self, name: str, query: str) -> None:
        """Name a query; the name ends with this piece of work."""
        self._execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
        self.announce(name)

    def announce(self, *names: str) -> None:
        """Tell of these names a person whose SQL is not understood."""
        self._names += names

    def narrow(self, name: str, condition: str, parameters: Mapping[str, Any]) -> None:
        """Let a named query keep only the rows that meet the condition, and hold them in memory."""
        self.hold(name, f"SELECT * FROM {name} WHERE {condition}", parameters)

    def hold(self, name: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Do `define`, and compute the rows now, once."""
        self._execute(f"CREATE OR REPLACE TEMP TABLE held_{name} AS {query}", parameters)
        self.define(name, f"SELECT * FROM held_{name}")

    def extend(self, name: str, relation: str) -> None:
        """Add the rows of a relation to those that are held of a name."""
        self.define(name, f"SELECT * FROM held_{name} UNION ALL BY NAME FROM {relation}")

    def write(self, query: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """The result of a query as a Parquet file: equal rows give equal bytes."""
        return self.save(query, "parquet", parameters).read_bytes()

    def save(self, query: str, form: str, parameters: Mapping[str, Any] | None = None) -> Path:
        """The result of a query as a file (`parquet`, `csv`, or `json`: one array), written row by row."""
        path = self._path(form)
        self._execute(f"COPY ({query}) TO {sql_text(path)} ({_OPTIONS[form]})", parameters)
        return path

    def read(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The result of a query as dicts; instants come as aware UTC datetimes."""
        return self.select(query, self.columns(query, parameters), parameters)

    def select(self, query: str, columns: Mapping[str, str], parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Do `read` where the names and types of the columns are known: one statement less."""
        instants = [name for name, kind in columns.items() if kind == _INSTANT]
        replaced = ", ".join(f"epoch_us({_quoted(name)}) AS {_quoted(name)}" for name in instants)
        select = f"SELECT * REPLACE ({replaced}) FROM ({query})" if instants else query
        found = self.tuples(select, parameters)
        rows = [dict(zip(columns, values, strict=True)) for values in found]
        for row in rows:
            row.update({name: _instant(row[name]) for name in instants})
        return rows

    def batches(self, query: str, rows: int) -> Iterator[list[Row]]:
        """The result of a query as `to_json` would have it, so many rows at a time."""
        columns = self.columns(query)
        told = ", ".join(f"{_in_form('json', name, kind)} AS {_quoted(name)}" for name, kind in columns.items())
        found = self._execute(f"SELECT {told} FROM ({query})")
        while some := found.fetchmany(rows):
            yield [to_json(dict(zip(columns, values, strict=True))) for values in some]

    def columns(self, query: str, parameters: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The names and types of a query's columns, without computing it."""
        described = self._execute(f"DESCRIBE {query}", parameters).fetchall()
        return {str(column[0]): str(column[1]) for column in described}

    def tuples(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The result of a query that gives no instants."""
        return self._execute(query, parameters).fetchall()

    def ask(self, sql: str) -> Question:
        """A person's own SELECT. Raises `BadSetting` with DuckDB's words where it is not understood."""
        with self.understood():
            statements = self._cursor.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _QUESTIONS:
                raise duckdb.ParserException("Only one SELECT can be asked at a time, and nothing else.")
            if word := _writing(sql):
                raise duckdb.ParserException(f"Only one SELECT can be asked, and no {word}; a name needs quotes.")
            if statements[0].type == duckdb.StatementType.SELECT:
                # Not computed: an error then speaks of the person's own text.
                self._execute(f"EXPLAIN\n{sql}")
            return Question(self, f"SELECT * FROM (\n{statements[0].query.rstrip().rstrip(';')}\n)")

    @contextmanager
    def understood(self, but: tuple[type[duckdb.Error], ...] = ()) -> Iterator[None]:
        """Around a person's own SQL: an error (`but` these) is theirs to correct, and no damage to a table."""
        try:
            yield
        except but:
            raise
        except duckdb.Error as error:
            views = (
                f"There are {', '.join(sorted(set(self._names)))}; `DESCRIBE {self._names[-1]}` shows one's columns."
            )
            raise BadSetting(str(error), advice=views) from None

    def _execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Execute one statement. DuckDB itself would execute any number of them."""
        statements = self._cursor.extract_statements(sql)
        if len(statements) != 1:
            raise duckdb.ParserException("This is more than one statement.")
        return self._cursor.execute(statements[0], dict(parameters or {}))

    def _write(self, ending: str, chunks: Iterable[bytes]) -> Path:
        path = self._path(ending)
        with path.open("wb") as file:
            file.writelines(chunks)
        return path

    def _path(self, ending: str) -> Path:
        self._files.append(self._folder / f"{next(self._numbers)}.{ending}")
        return self._files[-1]

    def tidy(self) -> None:
        """Remove the files of this piece of work."""
        for path in self._files:
            path.unlink(missing_ok=True)


class Question:
    """A person's own SQL, understood but not answered yet; `columns` are the names and types of the answer.

    Answering raises `BadSetting` with DuckDB's words where a value cannot be computed.
    """

    def __init__(self, scratch: Scratch, query: str) -> None:
        self._scratch = scratch
        self._query = query
        self.columns = scratch.columns(query)

    def head(self, rows: int) -> list[tuple[str | None, ...]]:
        """The first rows, every value as text."""
        texts = ", ".join(f"CAST({_quoted(name)} AS VARCHAR)" for name in self.columns)
        with self._scratch.understood(but=_NO_ROOM):
            return self._scratch.tuples(f"SELECT {texts} FROM ({self._query}) LIMIT {rows}")

    def save(self, form: str) -> Path:
        """All rows as a file, however many, that is there as long as the scratch: `csv`, `json` or `parquet`.

        In CSV and JSON instants are ISO 8601 in UTC; in CSV lists and structs are JSON.
        """
        columns = ", ".join(f"{_in_form(form, name, kind)} AS {_quoted(name)}" for name, kind in self.columns.items())
        with self._scratch.understood(but=_NO_ROOM):
            return self._scratch.save(f"SELECT {columns} FROM ({self._query})", form)


def _in_form(form: str, name: str, kind: str) -> str:
    if kind == _INSTANT and form != "parquet":
        return f"replace(CAST({_quoted(name)} AS VARCHAR), ' ', 'T') || ':00'"
    if kind in ("FLOAT", "DOUBLE") and form == "json":
        # JSON has neither NaN nor infinity.
        return f"CASE WHEN isfinite({_quoted(name)}) THEN {_quoted(name)} END"
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
    if form == "csv" and (nested or kind == "VARCHAR"):
        text = f"CAST(to_json({_quoted(name)}) AS VARCHAR)" if nested else _quoted(name)
        return f"regexp_replace({text}, {sql_text(FORMULA)}, {sql_text(_APOSTROPHE)}, 'g')"
    return _quoted(name)


def _casts(path: Path, schema: Mapping[str, str]) -> str:
    """The schema's columns of a file that has them all."""
    casts = ", ".join(f"CAST({_quoted(name)} AS {kind}) AS {_quoted(name)}" for name, kind in schema.items())
    return f"(SELECT {casts} FROM read_parquet({sql_text(path)}, {PLAIN}))"


def _unpacked(paths: Iterable[Path], schema: Mapping[str, str]) -> str:
    """A relation over what `packed` gave."""
    listed = ", ".join(map(sql_text, paths))
    columns = ", ".join(f"'{name}': '{kind}[]'" for name, kind in schema.items())
    options = f"format='newline_delimited', columns={{{columns}}}, maximum_object_size={LONGEST_PACK}, {PLAIN}"
    lists = ", ".join(f'unnest("{name}") AS "{name}"' for name in schema)
    return f"(SELECT {lists} FROM read_json([{listed}], {options}))"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def sql_text(value: object) -> str:
    """A value as a text in SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def _words(error: duckdb.Error, path: Path | None = None, name: str = "") -> str:
    # What follows is the query, with all files that it reads.
    told = str(error).split("\n\nLINE", 1)[0]
    return told.replace(str(path), name) if path else told


def _writing(sql: str) -> str:
    """The first word, not quoted, that begins a statement which writes."""
    text = sql.encode()
    for start, kind in duckdb.tokenize(sql):
        word = _WORD.match(text, start) if kind == duckdb.token_type.keyword else None
        if word and word[0].upper() in _WRITING:
            return word[0].decode().upper()
    return ""


def packed(rows: Iterable[Mapping[str, Any]], columns: Collection[str]) -> Iterator[bytes]:
    """Rows as lines of JSON for `Scratch.rows`: a list for each column, which is half of what an object a row takes,
    in time and in bytes."""
    values_of, remaining = itemgetter(*columns), iter(rows)
    while some := list(islice(remaining, _PACKED_ROWS)):
        lists = zip(columns, zip(*map(values_of, some), strict=True), strict=True)
        told = {name: values for name, values in lists if values.count(None) < len(values)}
        yield json.dumps(told).encode() + b"\n"


def to_json(row: Mapping[str, Any]) -> Row:
    """A row as `Scratch.rows` takes it: days and instants as ISO text, UTC as Z."""
    return {name: _iso(value) if isinstance(value, date) else value for name, value in row.items()}


def _iso(value: date) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _instant(microseconds: int | None) -> datetime | None:
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise duckdb.ConversionException(f"{microseconds} microseconds after 1970 are in no calendar.") from None
