"""A plain list of links or URIs, one a line, in the order of a playlist: notes, `export --format urls`, M3U files.

A line that begins with # is a comment. Nothing but the ids is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...spotify.entries import Row, playlist_facts
from ..day import Day, Problems
from ..naming import Named
from ..saved import cells_row, finished, is_item


def is_this(head: str) -> bool:
    first = next((line for line in _lines(head)), "")
    return is_item(first)


def read(text: str, named: Named, problems: Problems) -> list[Day]:
    """Raises `BadImport` where list or day are nowhere to be found."""
    playlist_id, snapshot_date = named.playlist_and_day()
    rows, count = _rows(text, problems), sum(1 for _ in _lines(text))
    facts = playlist_facts({"name": named.list.name if named.list else None})
    day = Day(playlist_id, snapshot_date, "links", facts, "approx", rows, named.moment(), skipped=count - len(rows))
    return [finished(day, named.file)]


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def _rows(text: str, problems: Problems) -> list[Row]:
    rows, position = [], 0
    for number, line in enumerate(text.splitlines(), start=1):
        address = line.strip()
        if not address or address.startswith("#"):
            continue
        position += 1
        try:
            rows.append(cells_row({"uri": address}, [], position))
        except ValueError as error:
            problems.add(number, str(error), line)
    return rows
