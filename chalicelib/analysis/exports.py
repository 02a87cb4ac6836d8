"""A day's entries in the forms that any program reads: CSV, JSON, links, M3U, lines for diff. Pure: rows to text."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from ..lake.schema import ENTRIES
from ..lake.tables import Row, to_json
from ..text import harmless_cell, printable

FORMAT = "chartlake-export-1"
_LINK = re.compile(r"https://open\.spotify\.com/[a-z]+/[0-9A-Za-z]+")
_URI = re.compile(r"spotify:(track|episode):([0-9A-Za-z]+)")


def csv_lines(entries: Iterable[Row]) -> Iterator[str]:
    """The columns of the table `entries` in their order, then a row an entry; see `table_lines`."""
    return table_lines(ENTRIES, ([entry[name] for name in ENTRIES] for entry in entries))


def table_lines(header: Iterable[str], records: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV file's lines, each with its line feed.

    Quotes as in RFC 4180, nulls as empty fields, lists as JSON, days and instants in ISO 8601. A text that a
    spreadsheet would take for a formula gets an apostrophe before it.
    """
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(header)
    yield line.text
    for values in records:
        writer.writerow(map(_cell, values))
        yield line.text


def json_lines(entries: Iterable[Row]) -> Iterator[str]:
    """An entry a line: a JSON object with every column of the table `entries`, as in `document`."""
    for entry in entries:
        yield json.dumps(to_json(entry), ensure_ascii=False) + "\n"


def document(snapshot: Row, entries: Iterable[Row]) -> dict[str, Any]:
    """One JSON object: the day's row of the table `snapshots`, and its rows of the table `entries`."""
    return {"format": FORMAT, "playlist": to_json(snapshot), "entries": [to_json(entry) for entry in entries]}


def links(entries: Iterable[Row]) -> list[str]:
    """The links to Spotify, in order; what has none (a local file, an empty slot) is left out."""
    return [link for entry in entries if (link := _link(entry))]


def m3u_lines(entries: Iterable[Row]) -> list[str]:
    """Extended M3U: for each link, a line before it with the seconds (-1: not known), the artists and the title."""
    lines = ["#EXTM3U"]
    for entry in entries:
        if link := _link(entry):
            seconds = -1 if entry["duration_ms"] is None else round(entry["duration_ms"] / 1000)
            lines += [f"#EXTINF:{seconds},{_told(entry)}", link]
    return lines


def plain_lines(entries: Iterable[Row]) -> list[str]:
    """A line an entry, without its position: what stands on the list, to be compared with another day's."""
    return [_told(entry) or f"({entry['item_type']})" for entry in entries]


class _Line:
    """A file for one line at a time. The csv module quotes a carriage return, which some readers take for the end of a
    line, only when it ends its own lines with one (Python 3.11), so that one is taken off here."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text.removesuffix("\r\n") + "\n"


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return harmless_cell(value)
    if isinstance(value, date):
        return value.isoformat()
    return harmless_cell(json.dumps(value, ensure_ascii=False)) if isinstance(value, list) else value


def _link(entry: Row) -> str | None:
    if _LINK.fullmatch(entry["url"] or ""):
        return str(entry["url"])
    uri = _URI.fullmatch(entry["uri"] or "")
    return f"https://open.spotify.com/{uri[1]}/{uri[2]}" if uri else None


def _told(entry: Row) -> str:
    """Artists (or an episode's show) and title on one line."""
    artists = ", ".join(artist["name"] for artist in entry["artists"] if artist["name"])
    return printable(" - ".join(text for text in (artists or entry["show_name"], entry["name"]) if text))
