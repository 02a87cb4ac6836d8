"""What caseychu's spotify-backup wrote: all playlists of a user, as JSON or as a text of tabs.

JSON: a list of playlists, or an object with `playlists`; each is the API's own, its `tracks` the whole list of entries.
Liked Songs come as a list without an id. Text: a line with a list's name, a line an entry (title, artists, album, URI,
perhaps the release date), an empty line. What `chartlake export` wrote in this form has under `chartlake` what else a
day and its entries are, and is taken back as any export is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...spotify.entries import Json, Row, UnknownEntryShape, payload_of, playlist_facts
from ..day import Day, Problems, rows_of_entries, shown
from ..naming import Named
from ..saved import UNKNOWN_END, cells_row, refuse_later
from ..several import Lists
from . import chartlake_export

_CUT = "The file does not end with an empty line, as spotify-backup's do: it was cut there, or edited."
_ID = re.compile(r"[0-9A-Za-z]{22}")
_ENTRY = re.compile(r"[^\t]*\t[^\t]*\t[^\t]*\t(spotify:[a-z]+:\S*|)(\t[^\t]*)?")


def is_this(body: Json) -> bool:
    """Whether this is its JSON: playlists whose `tracks` are whole lists of entries."""
    playlists = body.get("playlists") if isinstance(body, Mapping) else body
    first = playlists[0] if isinstance(playlists, list) and playlists else None
    return isinstance(first, Mapping) and isinstance(first.get("tracks"), list) and "name" in first


def is_text(head: str) -> bool:
    name, *lines = head.lstrip("\ufeff").split("\n", 2)
    return bool(lines) and "\t" not in name and bool(_ENTRY.fullmatch(lines[0].rstrip("\r")))


def read(body: Json, named: Named, problems: Problems) -> Iterator[Day]:
    """Raises `BadImport` where the day is nowhere to be found."""
    playlists = body["playlists"] if isinstance(body, Mapping) else body
    lists = Lists(named, problems, len(playlists))
    for playlist in playlists:
        if not isinstance(playlist, Mapping) or not isinstance(playlist.get("tracks"), list):
            problems.add(0, f"a playlist has no 'tracks': {shown(json.dumps(playlist))}")
            continue
        if isinstance(playlist.get("chartlake"), Mapping):
            yield from _copied(playlist, named, problems)
            continue
        own = playlist.get("id")
        list_id = lists.id_of(playlist.get("name"), own if isinstance(own, str) and _ID.fullmatch(own) else None)
        if list_id is None:
            continue
        rows, count = _rows(playlist["tracks"], problems), len(playlist["tracks"])
        facts = playlist_facts(playlist)
        day = Day(list_id, named.single_day(), "spotify-backup-json", facts, "exact", rows, named.moment())
        yield refuse_later(replace(day, lengths=(count,) if count else (), skipped=count - len(rows)), named.file)


def _copied(playlist: Mapping[str, Json], named: Named, problems: Problems) -> list[Day]:
    """The day that `chartlake export` wrote. Raises `BadImport` where it is not whole."""
    told = playlist["chartlake"]
    key = {name: told.get(name) for name in ("playlist_id", "snapshot_date")}
    entries = []
    for number, entry in enumerate(playlist["tracks"], start=1):
        besides = entry.get("chartlake") if isinstance(entry, Mapping) else None
        try:
            if not isinstance(besides, Mapping):
                raise UnknownEntryShape("it has no object 'chartlake', as the others have")
            entries.append(next(rows_of_entries([(number, entry)])) | dict(besides) | key)
        except UnknownEntryShape as error:
            problems.add(0, f"entry {number}: {error}", json.dumps(entry)[:1000])
    return chartlake_export.read({"playlist": told, "entries": entries}, named, problems)


def _rows(tracks: list[Json], problems: Problems) -> list[Row]:
    entries = []
    for position, entry in enumerate(tracks, start=1):
        try:
            payload_of(entry)
        except UnknownEntryShape as error:
            problems.add(0, f"entry {position}: {error}", json.dumps(entry)[:1000])
        else:
            entries.append((position, entry))
    return list(rows_of_entries(entries))


def read_text(text: str, named: Named, problems: Problems) -> Iterator[Day]:
    """Raises `BadImport` where the day is nowhere to be found."""
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    blocks = list(_blocks(lines))
    lists = Lists(named, problems, len(blocks))
    cut = not text.replace("\r\n", "\n").endswith("\n\n")
    for number, (start, name, entries) in enumerate(blocks, start=1):
        list_id = lists.id_of(name, None)
        if list_id is None:
            continue
        rows = list(_text_rows(start, entries, problems))
        day = Day(list_id, named.single_day(), "spotify-backup-text", playlist_facts({"name": name}), "approx", rows)
        is_cut = cut and number == len(blocks)
        yield replace(
            day,
            moment=named.moment(),
            skipped=len(entries) - len(rows),
            reason=UNKNOWN_END,
            cut=_CUT if is_cut else None,
        )


def _blocks(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """Each list: the number of its first entry's line, its name and its entries."""
    start, name, entries = 0, None, list[str]()
    for number, line in enumerate([*lines, ""], start=1):
        if name is None and line:
            start, name, entries = number + 1, line, []
        elif name is not None and line:
            entries.append(line)
        elif name is not None:
            yield start, name, entries
            name = None


def _text_rows(start: int, entries: list[str], problems: Problems) -> Iterator[Row]:
    for position, line in enumerate(entries, start=1):
        try:
            if not _ENTRY.fullmatch(line):
                raise ValueError("it is no line of title, artists, album and URI, divided by tabs")
            name, artists, album, uri, *released = line.split("\t")
            cells = {"name": name, "album": album, "uri": uri, "released": released[0] if released else ""}
            yield cells_row(cells, [(None, artists)], position)
        except ValueError as error:
            problems.add(start + position - 1, str(error), line)
