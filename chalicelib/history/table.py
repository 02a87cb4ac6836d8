"""Files of lines (CSV, an object a line) of any size to days, in the memory of a few thousand rows."""

from __future__ import annotations

import codecs
import csv
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import BinaryIO

from ..spotify.entries import Row
from .day import NO_FACTS, Day, Places, Problems, refused
from .opening import Limits, Opener, opened

Key = tuple[str, date]
# One record's fields, in the header's order, to the list and day it belongs to and its row. Raises `ValueError`.
Parse = Callable[[list[str]], tuple[Key, Row]]
# The list and day of a record of which the rest may be bad. Raises `ValueError` or `IndexError`.
KeyOf = Callable[[list[str]], Key]

# Bytes: no line of any known file has a tenth of this.
_LONGEST_LINE = 1 << 20
# Rows of days that are not known to be whole yet: what is read around a row decides how large this must be. A file
# sorted by day and rank, in which all countries' days are open at once, needs 74 countries × 50 rows.
_OPEN_ROWS = 20_000
# A list in the order of its file is known to be whole at the end only; no list has a tenth of this.
_LONGEST_LIST = 250_000


@dataclass(frozen=True)
class Layout:
    """How the records lie in the file: after `header` lines, each with `width` fields."""

    delimiter: str
    header: int
    width: int
    # Every line was taken for one field and quoted as such.
    wrapped: bool = False
    # The code page of bytes that are no UTF-8.
    windows: str = "cp1252"
    # Every line is one field, and no CSV.
    undivided: bool = False


# A JSON object a line, without a header.
JSON_LINES = Layout("", 0, 1, undivided=True)


@dataclass(frozen=True)
class ByColumn:
    """How a format's rows are read many at once (see `bulk`), instead of by its `Parse`: where in a record lie
    `position`, `address` (a track's URI or link), `name`, `artist`, and columns of `entries`, of which `kinds` tells
    how their texts become values; and the columns that tell list and day."""

    places: Mapping[str, int]
    kinds: Mapping[str, str]
    key: tuple[int, ...] = ()


@dataclass(frozen=True)
class Table:
    """A file of lines that was recognised."""

    format: str
    layout: Layout
    parse: Parse
    key_of: KeyOf
    # How many places such a list has, the smallest number first; () where anything is possible.
    lengths: tuple[int, ...] = ()
    # Whether the rows have no positions of their own: then they stand in the order of the file.
    in_order: bool = False
    # What is left to be said of a day when all its rows are there.
    finish: Callable[[Day], Day] = lambda day: day
    by_column: ByColumn | None = None


def read_table(
    table: Table, file: str, open_bytes: Opener, limits: Limits, rejects: list[tuple[int, str, str]] | None
) -> Iterator[Day]:
    """The days of a file, each one whole, while it is read. Raises `BadImport` with every bad line at its end, unless
    `rejects` is given: then they are put there."""
    problems = Problems(file, rejects)
    empty = True
    for day in _days(table, problems, open_bytes, limits):
        # Of a day with nothing but bad lines nothing is known, not even that there was one.
        if day.rows:
            empty = False
            yield table.finish(day)
    problems.raise_if_any()
    if empty and not problems.count:
        raise refused(
            file, "it has a header and no rows", "Nothing was known on that day when it was fetched; leave it out."
        )


def _days(table: Table, problems: Problems, open_bytes: Opener, limits: Limits) -> Iterator[Day]:
    days = _OpenDays(table, problems.file)
    problems.watch = days.skip
    parse, width = table.parse, table.layout.width
    with opened(problems.file, open_bytes, limits) as stream:
        text = _Text(stream, problems, table.layout.windows)
        for line, fields in _records_of(table.layout)(text, table.layout):
            if len(fields) != width and not _fits(fields, width):
                text.refuse_record(line, f"it has {len(fields)} fields, not {width}")
                continue
            try:
                key, row = parse(fields)
                days.add(key, row)
            except ValueError as error:
                text.refuse_record(line, str(error))
            if days.rows > _LONGEST_LIST:
                raise refused(problems.file, f"it has more than {_LONGEST_LIST:,} entries, as no list has", "Split it.")
            if days.rows > _OPEN_ROWS and not table.in_order:
                yield days.close_oldest()
        yield from days.close_all()


def _records_of(layout: Layout) -> Callable[[_Text, Layout], Iterator[tuple[int, list[str]]]]:
    if layout.undivided:
        return _lines
    return _wrapped_records if layout.wrapped else _records


def _fits(fields: list[str], width: int) -> bool:
    """Spreadsheets add empty fields at the end."""
    return len(fields) > width and not any(fields[width:])


class _OpenDays:
    """Days that may still get rows, the longest untouched first; a day that was closed stays closed."""

    def __init__(self, table: Table, file: str) -> None:
        self.rows = 0
        self._table = table
        self._file = file
        self._open: OrderedDict[Key, Places[Row]] = OrderedDict()
        self._closed: set[Key] = set()
        self._last: Key | None = None
        # Lines since the last good one of which nobody knows whose they are: the next day's, or the last one's.
        self._strays = 0

    def add(self, key: Key, row: Row) -> None:
        """Raises `ValueError` where the day is closed already, or has that position, or no list has it."""
        if key != self._last:
            self._touch(key)
        day, lengths = self._open[key], self._table.lengths
        if self._table.in_order:
            row["position"] = len(day.held) + day.skipped + 1
        position = row["position"]
        if lengths and position > lengths[-1]:
            raise ValueError(f"position {position} is beyond the {lengths[-1]} places of such a list")
        before = len(day.held)
        try:
            day.add(position, row)
        finally:
            self.rows += len(day.held) - before

    def skip(self, text: str) -> None:
        """Remember a bad line with the day that it was of; where that cannot be read, with those on both its sides."""
        key = _key_in(text, self._table)
        if key is None and self._last is not None:
            self._open[self._last].skipped += 1
        if key is None:
            self._strays += 1
        elif key not in self._closed:
            self._open.setdefault(key, Places()).skipped += 1

    def _touch(self, key: Key) -> None:
        if key in self._closed:
            reason = f"the rows of {key[0]} on {key[1]} are scattered over the file; sort it by day and region first"
            if not self._table.lengths:
                # That it lacks them could not be told any more.
                raise refused(self._file, reason, "Sort the file, and import it then.")
            raise ValueError(reason)
        self._open.setdefault(key, Places()).skipped += self._strays
        self._open.move_to_end(key)
        self._last, self._strays = key, 0

    def close_oldest(self) -> Day:
        key, held = self._open.popitem(last=False)
        self._closed.add(key)
        self._last = None if key == self._last else self._last
        self.rows -= len(held.held)
        rows, table = held.in_order(), self._table
        return Day(*key, table.format, dict(NO_FACTS), "exact", rows, lengths=table.lengths, skipped=held.skipped)

    def close_all(self) -> Iterator[Day]:
        while self._open:
            yield self.close_oldest()


def _key_in(text: str, table: Table) -> Key | None:
    """The list and day of a bad line, as far as it can be read."""
    bare = (unwrapped(text) or text) if table.layout.wrapped else text
    try:
        if table.layout.undivided:
            return table.key_of([text])
        return table.key_of(next(csv.reader([bare], delimiter=table.layout.delimiter)))
    except (ValueError, IndexError, StopIteration, csv.Error):
        return None


class _Text:
    """Lines of bytes to lines of text, and what the current record looked like."""

    def __init__(self, stream: BinaryIO, problems: Problems, windows: str) -> None:
        self._stream = stream
        self._problems = problems
        self._windows = windows
        self.taken: list[str] = []

    def refuse_record(self, first: int, reason: str) -> None:
        """Name every line of the record just read: an open quote takes in lines that are not at fault."""
        for number, line in enumerate(self.taken, start=first):
            why = reason if number == first else f"it was read as a part of line {first}, where a quote is not closed"
            self._problems.add(number, why, line.rstrip("\r\n"))

    def lines(self) -> Iterator[str]:
        taken = self.taken
        for number, raw in enumerate(iter(partial(self._stream.readline, _LONGEST_LINE), b""), start=1):
            if len(raw) == _LONGEST_LINE or b"\0" in raw:
                self._refuse(number, raw)
                raw = b"\n"
            line = decoded(raw, self._windows)
            if number == 1:
                line = line.lstrip("\ufeff")
            taken.append(line)
            yield line

    def _refuse(self, number: int, raw: bytes) -> None:
        if b"\0" in raw:
            self._problems.add(number, "it holds NUL bytes", decoded(raw, self._windows))
        else:
            self._problems.add(number, f"it is longer than {_LONGEST_LINE:,} bytes", decoded(raw, self._windows))
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(_LONGEST_LINE)


def _as_windows_wrote(code_page: str) -> Callable[[UnicodeError], tuple[str, int]]:
    def replaced(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        odd = error.object[error.start : error.end]
        try:
            return odd.decode(code_page), error.end
        except UnicodeDecodeError:
            return odd.decode("latin-1"), error.end

    return replaced


_CODE_PAGES = ("cp1252", "cp1251")
for _code_page in _CODE_PAGES:
    codecs.register_error(f"as-{_code_page}", _as_windows_wrote(_code_page))


def decoded(raw: bytes, windows: str = "cp1252") -> str:
    """UTF-8, with what is none as Windows wrote it, else bytes one by one: a text that mixes them keeps both, and
    nothing fails."""
    return raw.decode("utf-8", f"as-{windows}")


# Cyrillic letters fill whole words of cp1251; in cp1252 the same bytes are accented letters, of which no language has
# four in a row. The signs are those that texts have in either.
_CYRILLIC = re.compile(rb"[\xa8\xb8\xc0-\xff]{4}")
_NEITHER = re.compile(rb"[^\x00-\x7f\x85\x91-\x97\xa0\xa8\xab\xb8\xb9\xbb\xc0-\xff]")


def code_page_of(head: bytes) -> str:
    """Windows' code page of the bytes that are no UTF-8."""
    odd = b"\n".join(line for line in head.splitlines() if "\ufffd" in line.decode("utf-8", "replace"))
    return "cp1251" if _CYRILLIC.search(odd) and not _NEITHER.search(odd) else "cp1252"


def _records(text: _Text, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, each with the number of its first line; what is no CSV becomes a problem."""
    reader = csv.reader(text.lines(), delimiter=layout.delimiter, strict=True)
    line = 1
    while True:
        text.taken.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            text.refuse_record(line, f"it is no CSV: {error}")
        else:
            if line > layout.header and any(fields):
                yield line, fields
        line = reader.line_num + 1


def _lines(text: _Text, _: Layout) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, each with its number, as they are."""
    for number, line in enumerate(text.lines(), start=1):
        text.taken[:] = [line]
        if line.strip():
            yield number, [line]


def _wrapped_records(text: _Text, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The same of a file whose lines are each quoted as a whole: a quote that is not closed takes in no other line."""
    for number, line in enumerate(text.lines(), start=1):
        text.taken[:] = [line]
        bare = unwrapped(line)
        if bare is None:
            text.refuse_record(number, "it is not quoted as a whole, as the other lines are")
            continue
        try:
            fields = next(csv.reader([bare], delimiter=layout.delimiter, strict=True))
        except csv.Error as error:
            text.refuse_record(number, f"it is no CSV: {error}")
        else:
            if number > layout.header and any(fields):
                yield number, fields


def unwrapped(line: str) -> str | None:
    """A line that was quoted as a whole, with a stray semicolon behind, as it was before; None for any other."""
    if not line.strip("\r\n;"):
        return "\n"
    try:
        # The spreadsheet took the line for one field, or for several where a name had a semicolon.
        fields = next(csv.reader([line], delimiter=";", strict=True))
    except csv.Error:
        return None
    return ";".join(fields).rstrip(";") + "\n" if line.startswith('"') else None
