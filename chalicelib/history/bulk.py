"""Plain charts read by DuckDB, many days at once. What it does not take as the reader of rows would is left to that."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO, NamedTuple

import duckdb

from ..lake.tables import PLAIN, locked, sql_text
from ..spotify.entries import Row
from .day import NO_FACTS, Day
from .table import Key, Table
from .worth import judged

# Bytes that are read at once: some 240,000 rows, which take 100 MB in DuckDB.
_CHUNK = 32 << 20
_MEMORY = "256MB"
# Bytes. No text may have as many letters, and Python's own reader takes no line that is five times as long.
_LONGEST_LINE = 25_000
# Bytes that are looked at together as UTF-8: the text takes up to four times as many.
_PIECE = 1 << 20
# A quote beside a space, and where the sign lies that tells, as seen from there, whether the two may end a field: then
# DuckDB takes the quote for the field's own; to Python it is a letter, or an error.
_SPACED = ((b' "', -1), (b'" ', 2))
_DIGITS = "[0-9]{1,18}([.]0)?"
_SMALL_DIGITS = "[0-9]{1,9}([.]0)?"
_ADDRESS = r"(spotify:track:|https?://open\.spotify\.com/track/)[0-9A-Za-z]{22}"
# What an entry of every chart tells besides, from what is saved of a block.
COLUMNS = {
    "item_type": "'track'",
    "uri": "'spotify:track:' || item_id",
    "name": "nullif(name, '')",
    "url": "'https://open.spotify.com/track/' || item_id",
    "artists": "CASE WHEN artist = '' THEN [] ELSE [{'id': NULL, 'name': artist}] END",
    "is_local": "false",
}


def _number(text: str, digits: str, kind: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, '{digits}') THEN CAST({text} AS {kind}) END"


# How a text becomes a value, in SQL, and whether it may be empty.
_VALUES: dict[str, tuple[Callable[[str], str], bool]] = {
    "text": (lambda text: f"nullif({text}, '')", True),
    "count": (lambda text: _number(text, _DIGITS, "BIGINT"), False),
    "count or nothing": (lambda text: _number(text, _DIGITS, "BIGINT"), True),
    "reported": (
        lambda text: f"CASE WHEN {text} IN ('-1', '-1.0') THEN 0 ELSE {_number(text, _SMALL_DIGITS, 'INTEGER')} END",
        True,
    ),
}
_FIRST_POSITIONS = list(range(1, 201))
_OUTLINES: list[Row] = [{"position": number, "uri": "spotify:track:"} for number in range(201)]


class NotPlain(Exception):
    """Something in a file is not plain: only the reader of rows can tell what it is."""


@dataclass(frozen=True)
class _Shape:
    """Where in a record which column lies, and which of them tell the day."""

    width: int
    delimiter: str
    columns: Mapping[str, int]
    values: Mapping[str, str]
    key: tuple[int, ...]


class _Run(NamedTuple):
    """The rows of one day: what its columns of the key say, and its positions in the order of the file."""

    key: tuple[str, ...]
    first: int
    rows: int
    is_odd: bool
    positions: list[int]


@dataclass(frozen=True)
class Block:
    """Whole days, each with the number of its file among those that were read. Their rows tell their positions and no
    more: the others wait in DuckDB until the next block is read."""

    days: list[tuple[int, Day]]
    _keys: list[tuple[str, ...]]
    _reader: BulkReader
    _shape: _Shape

    def save(self, parts: Sequence[int | None]) -> dict[int, list[Path]]:
        """Put the rows of the days into Parquet files, as many as there are numbers (one for each day, in their order),
        but for those that have none. The files hold a day's date and what `COLUMNS` needs."""
        told = (
            {f"k{place}": text for place, text in enumerate(key)}
            | {"part": part, "snapshot_date": day.snapshot_date.isoformat()}
            for key, (_, day), part in zip(self._keys, self.days, parts, strict=True)
            if part is not None
        )
        return self._reader.save(self._shape, told)


class BulkReader:
    """Reads charts with one connection that reaches a folder and nothing else; a day before `first` or after `last` is
    not plain. Every method raises `NotPlain`."""

    def __init__(self, folder: Path, first: date, last: date) -> None:
        self._folder = folder
        self._first, self._last = first, last
        self._files = 0
        self._connection: duckdb.DuckDBPyConnection | None = None

    def blocks(self, table: Table, stream: BinaryIO) -> Iterator[Block]:
        """The days of one file, of which each lies in one piece."""
        shape = _shape_of(table, in_many=False)
        for _ in range(table.layout.header):
            _refuse_open_header(stream.readline(_LONGEST_LINE), table)
        seen: set[Key] = set()
        rest, is_end = b"", False
        while not is_end:
            data = stream.read(_CHUNK)
            is_end = not data
            lines, rest = _whole_lines(rest + data, is_end)
            runs = self._runs(lines, shape) if lines else []
            if not is_end:
                # The last day may go on.
                rest = _last_lines(lines, runs.pop().rows if runs else 0) + rest
                if not runs:
                    raise NotPlain("its days have no end")
            yield self._block(table, shape, runs, seen)
        if not seen:
            raise NotPlain("it has no rows")

    def files(self, files: Sequence[tuple[int, Table, bytes]]) -> Iterator[Block]:
        """The days of many files of one day each (a number, how it is read, and its bytes, which are no more packed),
        with equal columns. Those that are not plain are not among them."""
        try:
            block = self._block_of_files(files)
        except NotPlain:
            # One of them spoils the others.
            half = len(files) // 2
            if half:
                yield from self.files(files[:half])
                yield from self.files(files[half:])
            return
        yield block

    def _block_of_files(self, files: Sequence[tuple[int, Table, bytes]]) -> Block:
        shape = _shape_of(files[0][1], in_many=True)
        tables = {number: table for number, table, _ in files}
        runs = self._runs(b"".join(_numbered(number, table, data) for number, table, data in files), shape)
        days, keys = [], []
        for run in runs:
            number = int(run.key[0])
            with suppress(NotPlain):
                days.append((number, self._day(tables[number], run, run.key)))
                keys.append(run.key)
        return Block(days, keys, self, shape)

    def save(self, shape: _Shape, days: Iterable[Row]) -> dict[int, list[Path]]:
        path, target = self._path("days"), self._folder / "parts"
        path.write_text("".join(f"{json.dumps(day)}\n" for day in days))
        if not path.stat().st_size:
            return {}
        keys = [f"k{number}" for number in range(len(shape.key))]
        kinds = dict.fromkeys(keys, "VARCHAR") | {"part": "INTEGER", "snapshot_date": "DATE"}
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
        values = "".join(f', block."{name}"' for name in shape.values)
        self._run_sql(
            f"COPY (SELECT part, day.snapshot_date, position, item_id, name, artist{values} FROM block "
            f"JOIN read_json({sql_text(path)}, format = 'newline_delimited', columns = {{{columns}}}, {PLAIN}) AS day "
            f"USING ({', '.join(keys)})) TO {sql_text(target)} (FORMAT parquet, PARTITION_BY (part), "
            # A folder of a number is used again: to make and remove thousands takes a tenth of an import.
            f"OVERWRITE_OR_IGNORE, FILENAME_PATTERN '{path.stem}-{{i}}')"
        )
        path.unlink()
        # What is written next needs the memory.
        self._run_sql("DROP TABLE block")
        found = ((int(one.name.partition("=")[2]), one) for one in sorted(target.iterdir()))
        return {part: files for part, one in found if (files := sorted(one.glob(f"{path.stem}-*")))}

    def _block(self, table: Table, shape: _Shape, runs: Sequence[_Run], seen: set[Key]) -> Block:
        days = []
        for run in runs:
            fields = [""] * shape.width
            for place, text in zip(shape.key, run.key, strict=True):
                fields[place] = text
            day = self._day(table, run, fields)
            if (day.playlist_id, day.snapshot_date) in seen:
                raise NotPlain("its days are scattered")
            seen.add((day.playlist_id, day.snapshot_date))
            days.append((0, day))
        return Block(days, [run.key for run in runs], self, shape)

    def _day(self, table: Table, run: _Run, fields: Sequence[str]) -> Day:
        try:
            key = table.key_of(list(fields))
        except ValueError as error:
            raise NotPlain(str(error)) from None
        positions = run.positions
        if run.is_odd or not self._first <= key[1] <= self._last:
            raise NotPlain("it has an odd row or day")
        if positions != _FIRST_POSITIONS[: run.rows]:
            positions = sorted(positions)
        if len(set(positions)) < run.rows or not 1 <= positions[0] <= positions[-1] <= table.lengths[-1]:
            raise NotPlain("its positions are odd")
        rows = [_OUTLINES[position] for position in positions]
        day = table.finish(Day(*key, table.format, dict(NO_FACTS), "exact", rows, lengths=table.lengths))
        if positions[-1] > day.lengths[-1]:
            raise NotPlain("it is longer than such a list")
        return day if run.rows == day.lengths[-1] else judged(day)

    def _runs(self, lines: bytes, shape: _Shape) -> list[_Run]:
        """The days in these lines, in their order; their rows are in the table `block` then."""
        self._refuse_odd_bytes(lines, shape)
        path = self._path("csv")
        path.write_bytes(lines)
        self._run_sql(f"CREATE OR REPLACE TEMP TABLE block AS {_block_query(path, shape)}")
        path.unlink()
        names = ", ".join(f"k{number}" for number in range(len(shape.key)))
        found = self._run_sql(
            f"SELECT min(rowid), max(rowid), bool_or(is_odd), list(position), {names} FROM block "
            f"GROUP BY {names} ORDER BY min(rowid)"
        ).fetchall()
        runs = [
            _Run(tuple(key), first, len(positions), is_odd, positions) for first, _, is_odd, positions, *key in found
        ]
        if any(last - first + 1 != len(positions) for first, last, _, positions, *_ in found):
            raise NotPlain("its days are scattered")
        if sum(run.rows for run in runs) != lines.count(b"\n"):
            raise NotPlain("a record is more than a line, or less")
        return runs

    def _refuse_odd_bytes(self, lines: bytes, shape: _Shape) -> None:
        if b"\0" in lines or b"\r" in lines or lines.startswith(codecs.BOM_UTF8):
            raise NotPlain("it holds odd signs")
        _refuse_long_lines(lines)
        _refuse_other_than_utf_8(lines)
        spaced = _spaced_lines(lines, shape.delimiter.encode())
        if spaced:
            path = self._path("csv")
            path.write_bytes(b"".join(spaced))
            rows = self._run_sql(f"FROM {_read(path, shape)}").fetchall()
            path.unlink()
            if [[text or "" for text in row] for row in rows] != _by_python(spaced, shape.delimiter):
                raise NotPlain("it has quotes that are read in two ways")

    def _run_sql(self, sql: str) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = locked(self._folder, memory_limit=_MEMORY)
        try:
            return self._connection.execute(sql)
        except duckdb.Error as error:
            # Of a full disk, too, the reader of rows tells better.
            raise NotPlain(str(error)) from error
        except RuntimeError as error:
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise

    def _path(self, ending: str) -> Path:
        self._files += 1
        return self._folder / f"bulk-{self._files}.{ending}"


def _read(path: Path, shape: _Shape) -> str:
    """SQL that reads all columns of a file as texts, as Python's reader does where that is strict."""
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(shape.width))
    return (
        f"read_csv({sql_text(path)}, columns = {{{columns}}}, auto_detect = false, header = false, strict_mode = true, "
        f"delim = {sql_text(shape.delimiter)}, quote = '\"', escape = '\"', new_line = '\\n', null_padding = false, "
        f"{PLAIN})"
    )


def _block_query(path: Path, shape: _Shape) -> str:
    """SQL for the rows of a file: what tells their days, their values, and whether one of these is odd."""
    raw = {name: f"coalesce(c{place}, '')" for name, place in shape.columns.items()}
    keys = [f"coalesce(c{place}, '') AS k{number}" for number, place in enumerate(shape.key)]
    raws = ", ".join(f"c{place}" for place in range(shape.width))
    values = [f'{_VALUES[kind][0](raw[name])} AS "{name}"' for name, kind in shape.values.items()]
    odd = [
        f"(\"{name}\" IS NULL AND {raw[name]} <> '')" if _VALUES[kind][1] else f'"{name}" IS NULL'
        for name, kind in shape.values.items()
        if kind != "text"
    ]
    rank, address = raw["position"], raw["address"]
    position = _number(rank, _SMALL_DIGITS, "INTEGER")
    item_id = f"CASE WHEN regexp_full_match({address}, '{_ADDRESS}') THEN {address}[-22:] END"
    return (
        f"SELECT * EXCLUDE ({raws}), "
        f"{' OR '.join(['position IS NULL', 'item_id IS NULL', *odd])} AS is_odd FROM (SELECT *, "
        f"{', '.join(keys)}, {position} AS position, {item_id} AS item_id, {raw['name']} AS name, "
        f"{raw['artist']} AS artist{''.join(f', {one}' for one in values)} FROM {_read(path, shape)})"
    )


def _shape_of(table: Table, *, in_many: bool) -> _Shape:
    """How a file lies, `in_many` with the number of the file before each record."""
    columns, layout = table.by_column, table.layout
    if columns is None or layout.wrapped:
        raise NotPlain("it is not read by columns")
    places = {name: place + in_many for name, place in columns.places.items()}
    return _Shape(layout.width + in_many, layout.delimiter, places, columns.kinds, (0,) if in_many else columns.key)


def _refuse_open_header(line: bytes, table: Table) -> None:
    """A quote in it that is not closed takes in the next line."""
    _by_python([line.removeprefix(codecs.BOM_UTF8)], table.layout.delimiter)
    if not line.endswith(b"\n"):
        raise NotPlain("it has no rows, or a long header")


def _whole_lines(data: bytes, is_end: bool) -> tuple[bytes, bytes]:
    """The lines in it, each with a line feed alone at its end, and the beginning of the next one."""
    if is_end:
        data = data.rstrip(b"\r\n")
        lines, rest = data + b"\n" if data else b"", b""
    else:
        end = data.rfind(b"\n") + 1
        lines, rest = data[:end], data[end:]
    return lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines, rest


def _last_lines(lines: bytes, count: int) -> bytes:
    start = len(lines)
    for _ in range(count):
        start = lines.rfind(b"\n", 0, start - 1) + 1
    return lines[start:]


def _numbered(number: int, table: Table, data: bytes) -> bytes:
    """The records of a file, each with its number before it; nothing for a file that has none."""
    for _ in range(table.layout.header):
        end = data.find(b"\n") + 1
        _refuse_open_header(data[:end], table)
        data = data[end:]
    lines, _ = _whole_lines(data, True)
    mark = b"%d%b" % (number, table.layout.delimiter.encode())
    return mark + lines[:-1].replace(b"\n", b"\n" + mark) + b"\n" if lines else b""


def _refuse_long_lines(lines: bytes) -> None:
    start = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + _LONGEST_LINE)
        if end < 0:
            raise NotPlain("it has a long line")
        start = end + 1


def _refuse_other_than_utf_8(lines: bytes) -> None:
    decode = codecs.getincrementaldecoder("utf-8")("strict").decode
    try:
        for start in range(0, len(lines), _PIECE):
            decode(lines[start : start + _PIECE])
        decode(b"", True)
    except UnicodeDecodeError as error:
        raise NotPlain("it is no UTF-8") from error


def _spaced_lines(lines: bytes, delimiter: bytes) -> list[bytes]:
    """The lines in which a quote and a space may stand at the end of a field."""
    found: dict[int, bytes] = {}
    ends = set(b"\n " + delimiter)
    for sign, beside in _SPACED:
        place = lines.find(sign)
        while place >= 0:
            if place + beside < 0 or lines[place + beside] in ends:
                start = lines.rfind(b"\n", 0, place) + 1
                found[start] = lines[start : lines.index(b"\n", start) + 1]
            place = lines.find(sign, place + 1)
    return [found[start] for start in sorted(found)]


def _by_python(lines: Sequence[bytes], delimiter: str) -> list[list[str]]:
    """Each line as Python's reader takes it."""
    try:
        return [fields for line in lines for fields in csv.reader([line.decode()], delimiter=delimiter, strict=True)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise NotPlain(str(error)) from error
