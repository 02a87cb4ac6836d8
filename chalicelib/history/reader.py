"""A foreign file to days: what it is, is told by what stands in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from ..spotify.entries import Json, UnknownEntryShape
from .day import Day, Problems, refused, shown
from .document import parsed
from .formats import (
    archive_json,
    archive_markdown,
    archive_other,
    chartlake_export,
    charts_legacy,
    charts_official,
    charts_scraped,
    flat_history,
    kaggle,
    spotify_json,
)
from .naming import Named
from .opening import Limits, Opener, opened, whole
from .table import Layout, Table, decoded, read_table, unwrapped
from .worth import judged

# Bytes from the beginning that tell the format.
_HEAD = 1 << 18
_HEADER_WITHIN = 5
_KNOWN = (
    "chartlake imports CSV files of charts.spotify.com and spotifycharts.com, Kaggle's Top Spotify Songs, JSON and "
    "markdown of the playlist archives, playlists as Spotify's API gave them, and its own exports; see docs/data.md."
)


def read_history(
    name: str,
    open_bytes: Opener,
    *,
    day: date | None = None,
    region: str | None = None,
    skip_bad: list[tuple[int, str, str]] | None = None,
    limits: Limits | None = None,
) -> Iterator[Day]:
    """The days in a file, each whole and given once, in no particular order of days.

    `open_bytes` opens the file from its beginning and is called twice. `day` and `region` serve formats that have none
    inside, and count more than the file's name. Raises `BadImport` with every fault, perhaps after days were given:
    what was given is to be kept only when the end is reached. With `skip_bad` faulty lines are put there instead, as
    (line, reason, text), the text cut at 2,000 characters.
    """
    limits = limits or Limits()
    named = Named(name, day, region)
    with opened(name, open_bytes, limits) as stream:
        head = stream.read(_HEAD)
    text = _text_of(name, head)
    start = text.lstrip()[:1]
    if start in ("{", "["):
        yield from _documents(named, decoded(whole(name, open_bytes, limits)), Problems(name, skip_bad))
    elif archive_markdown.is_pretty(text):
        problems = Problems(name, skip_bad)
        yield from _checked(
            archive_markdown.read_pretty(decoded(whole(name, open_bytes, limits)), named, problems), problems
        )
    else:
        yield from map(judged, read_table(_table(named, text, len(head) < _HEAD), name, open_bytes, limits, skip_bad))


def _text_of(file: str, head: bytes) -> str:
    """The beginning as text. Raises `BadImport` for what cannot be text, and for what is known to be no history."""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise refused(file, "it is a ZIP archive or an office document", "Unpack it, or save the sheet as CSV (UTF-8).")
    if head[:2] == b"\x1f\x8b":
        raise refused(file, "it is compressed twice", "Unpack it once and import what comes out.")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise refused(file, "it is UTF-16", "Save it as UTF-8 and import that.")
    if b"\0" in head.split(b"\n", 1)[0]:
        raise refused(file, "it is no text: it holds NUL bytes", _KNOWN)
    text = decoded(head).lstrip("\ufeff")
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
    if not any(day.rows for day in whole) and not problems.count:
        reason = whole[0].reason if whole else "It has no days."
        raise refused(problems.file, f"nothing in it can be believed. {reason}", "Leave it out, or fetch it again.")
    return iter(whole)


def _documents(named: Named, text: str, problems: Problems) -> Iterator[Day]:
    body = parsed(named.file, text)
    if isinstance(body, Mapping) and archive_json.is_followers(body):
        return iter(())
    return _checked(_days_of(body, named, problems), problems)


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
        if archive_other.is_this(body):
            return archive_other.read(body, named, problems)
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
    return refused(file, f"it is JSON, but no playlist and no list of entries (it holds {keys or 'nothing'})", _KNOWN)


def _table(named: Named, text: str, is_all: bool) -> Table:
    """Raises `BadImport` where the text is no CSV that is known."""
    if "\r" in text and "\n" not in text:
        raise refused(named.file, "its lines end as on an old Macintosh", "Save it with lines that end in LF or CRLF.")
    lines = [f"{line}\n" for line in text.split("\n")]
    if not is_all:
        lines = lines[:-1]
    found = _recognised(lines)
    if found is None:
        if archive_markdown.is_plain(text):
            archive_markdown.refuse_plain(named.file)
        first = shown(next(line.strip() for line in text.splitlines() if line.strip()))
        raise refused(named.file, f"its format is unknown; it begins with {first}", _KNOWN)
    header, layout = found
    return _table_of(header, layout, named, _parsed(lines[layout.header :], layout))


def _table_of(header: list[str], layout: Layout, named: Named, sample: list[list[str]]) -> Table:
    columns = set(header)
    if columns >= chartlake_export.REQUIRED:
        return chartlake_export.table(header, layout)
    if columns >= kaggle.REQUIRED:
        return kaggle.table(header, layout, named.file, sample)
    if columns >= charts_scraped.REQUIRED:
        return charts_scraped.table(header, layout)
    if columns >= charts_official.REQUIRED:
        return charts_official.table(header, layout, named, sample)
    return charts_legacy.table(header, layout, named)


def _recognised(lines: list[str]) -> tuple[list[str], Layout] | None:
    """The header, in lower case, and how the records lie; None for an unknown file."""
    for delimiter in (",", ";", "\t"):
        for wrapped in (False, True):
            found = _header(lines, delimiter, wrapped)
            if found:
                return found
    return None


def _header(lines: list[str], delimiter: str, wrapped: bool) -> tuple[list[str], Layout] | None:
    for number, line in enumerate(lines[:_HEADER_WITHIN], start=1):
        records = _parsed([line], Layout(delimiter, 0, 0, wrapped))
        fields = [field.strip().lower() for field in records[0]] if records else []
        while fields and not fields[-1]:
            fields.pop()
        if any(required <= set(fields) for required in _REQUIRED):
            return fields, Layout(delimiter, number, len(fields), wrapped)
        if number == 1 and not wrapped and charts_legacy.looks_like_a_row(fields):
            return charts_legacy.COLUMNS, Layout(delimiter, 0, len(fields))
    return None


_REQUIRED = (
    chartlake_export.REQUIRED,
    kaggle.REQUIRED,
    charts_scraped.REQUIRED,
    charts_official.REQUIRED,
    charts_legacy.REQUIRED,
)


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
