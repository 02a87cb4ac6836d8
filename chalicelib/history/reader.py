"""A foreign file to days: what it is, is told by what stands in it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import NamedTuple

from ..errors import BadImport
from ..lake.schema import Status
from ..spotify.entries import Json, UnknownEntryShape
from .day import Day, Problems, refused, shown
from .document import parsed
from .formats import (
    account_data,
    archive_json,
    archive_markdown,
    archive_other,
    chartlake_export,
    chartlake_parquet,
    charts_legacy,
    charts_official,
    charts_scraped,
    chosic,
    exportify,
    exportify_copy,
    flat_history,
    fycharts,
    kaggle,
    kaggle_charts,
    kaggle_worldwide,
    links,
    mapped,
    soundiiz,
    spotify_backup,
    spotify_json,
    tunemymusic,
)
from .known import nearest
from .mapping import ColumnMap
from .naming import ListName, Named
from .opening import Limits, Opener, opened, whole
from .table import Layout, Table, code_page_of, decoded, read_table, unwrapped
from .worth import judged

# Bytes from the beginning that tell the format.
_HEAD = 1 << 18
_HEADER_WITHIN = 5
_KNOWN = (
    "`chartlake import --list-formats` shows what can be read; --map says what the columns of any other CSV file hold."
)
# What is in the names of columns and keys of tables of songs, of which none has positions or a day.
_SONGS = {"song_name", "song_id", "track_name", "track_id", "song", "track", "title"}
_ORDERED = {"position", "rank", "daily_rank", "#", "date", "day", "snapshot_date"}


def read_history(
    name: str,
    open_bytes: Opener,
    *,
    day: date | None = None,
    region: str | None = None,
    playlist: ListName | None = None,
    columns: ColumnMap | None = None,
    skip_bad: list[tuple[int, str, str]] | None = None,
    limits: Limits | None = None,
) -> Iterator[Day]:
    """The days in a file, each whole and given once, in no particular order of days.

    `open_bytes` opens the file from its beginning and is called twice. `day`, `region` and `playlist` serve formats
    that have none inside, and count more than the file's name; `columns` says how to read a CSV file of no known
    format. Raises `BadImport` with every fault, perhaps after days were given: what was given is to be kept only when
    the end is reached. With `skip_bad` faulty lines are put there instead, as (line, reason, text), the text cut at
    2,000 characters.
    """
    limits = limits or Limits()
    named, problems = Named(name, day, region, playlist), Problems(name, skip_bad)
    head = _first_bytes(name, open_bytes, limits)
    if chartlake_parquet.is_this(head):
        yield from map(judged, chartlake_parquet.read(name, open_bytes, problems, limits))
        return
    text, is_all, windows = _as_text(name, head)
    document = None if columns else _document_of(text)
    if document:
        found = document(decoded(whole(name, open_bytes, limits), windows), named, problems)
        yield from _checked(found, problems) if found is not None else ()
    else:
        is_lines = chartlake_export.is_lines(text)
        table = chartlake_export.lines() if is_lines else _table(named, text, is_all, windows, columns)
        yield from map(judged, read_table(table, name, open_bytes, limits, skip_bad))


def table_of(
    name: str,
    open_bytes: Opener,
    *,
    day: date | None = None,
    region: str | None = None,
    playlist: ListName | None = None,
    columns: ColumnMap | None = None,
    limits: Limits | None = None,
) -> Table | None:
    """How `read_history` would read a table; None for any other file. Raises `BadImport` as that does at once."""
    head = _first_bytes(name, open_bytes, limits or Limits())
    if chartlake_parquet.is_this(head):
        return None
    text, is_all, windows = _as_text(name, head)
    if not columns and (_document_of(text) or chartlake_export.is_lines(text)):
        return None
    return _table(Named(name, day, region, playlist), text, is_all, windows, columns)


def _first_bytes(name: str, open_bytes: Opener, limits: Limits) -> bytes:
    with opened(name, open_bytes, limits) as stream:
        return stream.read(_HEAD)


def _as_text(name: str, head: bytes) -> tuple[str, bool, str]:
    """The beginning of a file as text, whether that is all of it, and the code page of what is no UTF-8."""
    windows = code_page_of(head)
    return _text_of(name, head, windows), len(head) < _HEAD, windows


# A whole text to its days; None for what has none, but is no fault.
_Document = Callable[[str, Named, Problems], Iterable[Day] | None]


def _document_of(head: str) -> _Document | None:
    """How a file that can only be understood as a whole is read; None for a table."""
    if head.lstrip()[:1] in ("{", "["):
        return None if chartlake_export.is_lines(head) else _json_days
    if archive_markdown.is_pretty(head):
        return archive_markdown.read_pretty
    if spotify_backup.is_text(head):
        return spotify_backup.read_text
    return links.read if links.is_this(head) else None


def _text_of(file: str, head: bytes, windows: str) -> str:
    """The beginning as text. Raises `BadImport` for what cannot be text, and for what is known to be no history."""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise refused(file, "it is a ZIP archive or an office document", "Unpack it, or save the sheet as CSV (UTF-8).")
    if head[:2] == b"\x1f\x8b":
        raise refused(file, "it is compressed twice", "Unpack it once and import what comes out.")
    if b"\0" in head.split(b"\n", 1)[0]:
        raise refused(file, "it is no text: it holds NUL bytes", _KNOWN)
    text = decoded(head, windows).lstrip("\ufeff")
    start = text.lstrip()[:400].lower()
    if not start:
        raise refused(file, "it is empty", "Leave it out, or fetch it again.")
    if start.startswith("<"):
        raise refused(
            file,
            "it is a web page, not data: the download failed, or needed a sign-in",
            "Sign in with a browser and download the file again.",
        )
    if start.startswith("version https://git-lfs"):
        raise refused(file, "it only stands for a file that Git LFS keeps", "Fetch the file itself: git lfs pull.")
    if archive_markdown.is_cumulative(text):
        archive_json.refuse_cumulative(file)
    return text


def _checked(days: Iterable[Day], problems: Problems) -> Iterator[Day]:
    whole = [judged(day) for day in days]
    problems.raise_if_any()
    if not any(day.status == Status.OK for day in whole) and not problems.count:
        reason = whole[0].reason if whole else "It has no days."
        raise refused(problems.file, f"nothing in it can be believed. {reason}", "Leave it out, or fetch it again.")
    return iter(whole)


def _json_days(text: str, named: Named, problems: Problems) -> Iterable[Day] | None:
    body = parsed(named.file, text)
    if isinstance(body, Mapping) and archive_json.is_followers(body):
        return None
    account_data.refuse_played(named.file, body)
    return _days_of(body, named, problems)


def _days_of(body: Json, named: Named, problems: Problems) -> Iterable[Day]:
    if isinstance(body, Mapping):
        if archive_json.is_cumulative(body):
            archive_json.refuse_cumulative(named.file)
        if archive_json.is_pretty(body):
            return archive_json.read_pretty(body, named, problems)
        if chartlake_export.is_this(body):
            return chartlake_export.read(body, named, problems)
        if body and flat_history.is_flat_history(body):
            return flat_history.read(body, named, problems)
        return _days_of_lists(body, named, problems)
    return _days_of_answers(body, named, problems)


def _days_of_lists(body: Mapping[str, Json], named: Named, problems: Problems) -> Iterable[Day]:
    if account_data.is_playlists(body):
        return account_data.read_playlists(body, named, problems)
    if account_data.is_library(body):
        return account_data.read_library(body, named, problems)
    if archive_other.is_this(body):
        return archive_other.read(body, named, problems)
    return _days_of_answers(body, named, problems)


def _days_of_answers(body: Json, named: Named, problems: Problems) -> Iterable[Day]:
    if spotify_backup.is_this(body):
        return spotify_backup.read(body, named, problems)
    try:
        pages = spotify_json.pages_of(body)
    except UnknownEntryShape as error:
        raise refused(
            named.file, f"it is an answer of Spotify that is not believed: {error}", "Leave it out."
        ) from None
    if pages is None:
        raise _unknown_json(body, named.file)
    return spotify_json.read(body, pages, named, problems)


def _unknown_json(body: Json, file: str) -> Exception:
    error = body.get("error") if isinstance(body, Mapping) else None
    if error is not None:
        return refused(file, f"it is an answer by which Spotify refused: {shown(str(error))}", "Leave it out.")
    keys = ", ".join(map(shown, list(body)[:6])) if isinstance(body, Mapping) else "a list"
    reason = f"it is JSON, but no playlist and no list of entries (it holds {keys or 'nothing'})"
    return refused(file, _and_nearest(reason, _keys_of(body), "JSON"), _KNOWN)


def _keys_of(body: Json, depth: int = 3) -> set[str]:
    """The keys of an object, and of those that it begins with."""
    if isinstance(body, list):
        return _keys_of(body[0], depth) if body else set()
    if not isinstance(body, Mapping) or not depth:
        return set()
    return set(body).union(*(_keys_of(value, depth - 1) for value in body.values()))


def _and_nearest(reason: str, names: Iterable[str], what: str) -> str:
    near = nearest(names, what)
    return f"{reason}. {near}" if near else reason


def _table(named: Named, text: str, is_all: bool, windows: str, columns: ColumnMap | None) -> Table:
    """Raises `BadImport` where the text is no CSV that is known."""
    if "\r" in text and "\n" not in text:
        raise refused(named.file, "its lines end as on an old Macintosh", "Save it with lines that end in LF or CRLF.")
    lines = [f"{line}\n" for line in text.split("\n")]
    if not is_all:
        lines = lines[:-1]
    kinds = (_mapped(columns),) if columns else _KINDS
    found = _recognised(lines, kinds)
    if found is None:
        if archive_markdown.is_plain(text):
            archive_markdown.refuse_plain(named.file)
        raise _unknown_table(text, named.file, columns)
    header, layout = found
    layout = replace(layout, windows=windows)
    kind = next(kind for kind in kinds if kind.required <= set(header))
    # Few formats look at the rows, and to parse them takes longer than all the rest.
    return kind.table(header, layout, named, partial(_parsed, lines[layout.header :], layout))


class _Kind(NamedTuple):
    """A format by the columns that it must have, and how its table is read."""

    required: frozenset[str]
    table: Callable[[list[str], Layout, Named, Callable[[], list[list[str]]]], Table]


def _mapped(columns: ColumnMap) -> _Kind:
    return _Kind(
        mapped.required(columns), lambda header, layout, named, _: mapped.table(header, layout, named, columns)
    )


# The first whose columns are there is the one: some have all that another one has, and more.
_KINDS = (
    _Kind(chartlake_export.REQUIRED, lambda header, layout, *_: chartlake_export.table(header, layout)),
    _Kind(exportify_copy.REQUIRED, lambda header, layout, *_: exportify_copy.table(header, layout)),
    _Kind(kaggle.REQUIRED, lambda header, layout, named, sample: kaggle.table(header, layout, named.file, sample())),
    _Kind(charts_scraped.REQUIRED, lambda header, layout, *_: charts_scraped.table(header, layout)),
    _Kind(charts_official.REQUIRED, charts_official.table),
    _Kind(kaggle_worldwide.REQUIRED, lambda header, layout, *_: kaggle_worldwide.table(header, layout)),
    _Kind(kaggle_charts.REQUIRED, lambda header, layout, *_: kaggle_charts.table(header, layout)),
    *(_Kind(one, lambda header, layout, *_: fycharts.table(header, layout)) for one in fycharts.REQUIRED),
    _Kind(charts_legacy.REQUIRED, lambda header, layout, named, _: charts_legacy.table(header, layout, named)),
    *(
        _Kind(one, lambda header, layout, named, _: exportify.table(header, layout, named))
        for one in exportify.REQUIRED
    ),
    _Kind(tunemymusic.REQUIRED, lambda header, layout, named, _: tunemymusic.table(header, layout, named)),
    _Kind(chosic.REQUIRED, lambda header, layout, named, _: chosic.table(header, layout, named)),
    _Kind(soundiiz.REQUIRED, lambda header, layout, named, _: soundiiz.table(header, layout, named)),
)


def _unknown_table(text: str, file: str, columns: ColumnMap | None) -> BadImport:
    first = next(line.strip() for line in text.splitlines() if line.strip())
    header = next(iter(_parsed([first], Layout(max(",;\t", key=first.count), 0, 0))), [])
    if columns:
        return mapped.lacking(file, columns, header)
    there = {name.strip().lower() for name in header}
    reason = f"its format is unknown; it begins with {shown(first)}"
    if there & _SONGS and not there & _ORDERED:
        reason = "it is a table of songs, which has neither the order nor the day of any list"
    return refused(file, _and_nearest(reason, header, "CSV"), _KNOWN)


def _recognised(lines: list[str], kinds: Sequence[_Kind]) -> tuple[list[str], Layout] | None:
    """The header, in lower case, and how the records lie; None for an unknown file."""
    for delimiter in (",", ";", "\t"):
        for wrapped in (False, True):
            found = _header(lines, delimiter, wrapped, kinds)
            if found:
                return found
    return None


def _header_fields(line: str, delimiter: str, wrapped: bool) -> list[str]:
    """The names in a line, without the empty ones at its end."""
    records = _parsed([line], Layout(delimiter, 0, 0, wrapped))
    fields = [field.strip().lower() for field in records[0]] if records else []
    while fields and not fields[-1]:
        fields.pop()
    return fields


def _header(lines: list[str], delimiter: str, wrapped: bool, kinds: Sequence[_Kind]) -> tuple[list[str], Layout] | None:
    for number, line in enumerate(lines[:_HEADER_WITHIN], start=1):
        fields = _header_fields(line, delimiter, wrapped)
        if any(kind.required <= set(fields) for kind in kinds):
            return fields, Layout(delimiter, number, len(fields), wrapped)
        if number == 1 and not wrapped and kinds is _KINDS and charts_legacy.looks_like_a_row(fields):
            return charts_legacy.COLUMNS, Layout(delimiter, 0, len(fields))
    return None


def _parsed(lines: list[str], layout: Layout) -> list[list[str]]:
    """Records at the beginning of a file, up to the first that is none."""
    source = (unwrapped(line) or "" for line in lines) if layout.wrapped else iter(lines)
    records = []
    try:
        for fields in csv.reader(source, delimiter=layout.delimiter, strict=True):
            records.append(fields)
    except csv.Error:
        pass
    return records
