"""Spotify's own answers, as tutorials saved them (`spotify_raw_….json`).

A playlist, a list of one, one page of entries, several pages, or nothing but the entries. None has a day. A list that
is not whole is refused: what is missing would look like what had left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import accumulate, chain

from ...spotify.entries import Json, Page, UnknownEntryShape, page_of, payload_of, playlist_facts
from ..day import Day, Problems, refused, rows_of_entries
from ..document import single_day
from ..naming import Named

_NO_TOTAL = "The file does not tell how many entries the list has: whether these are all of them is not known."
_HREF = re.compile(r"/playlists/([0-9A-Za-z]{22})(?![0-9A-Za-z])")


def pages_of(body: Json) -> list[Page] | None:
    """The pages in a saved answer, by offset; None where this is none of Spotify's lists of entries.

    Raises `UnknownEntryShape` where an answer holds two lists that contradict each other.
    """
    bodies = body if isinstance(body, list) else [body]
    pages = [page for one in bodies if (page := page_of(one)) is not None]
    if not pages:
        return _bare_list(body)
    if len(pages) != len(bodies):
        return None
    first = _first_told(chain.from_iterable(page.entries for page in pages))
    return sorted(pages, key=lambda page: page.offset) if first is None or _is_entry(first) else None


def _bare_list(body: Json) -> list[Page] | None:
    """Nothing but entries. A page of nothing is a page all the same; a list of nothing may be anything."""
    return [Page(body, 0, None)] if isinstance(body, list) and _is_entry(_first_told(body)) else None


def _first_object(body: Json) -> Json:
    bodies = body if isinstance(body, list) else [body]
    return next((one for one in bodies if isinstance(one, Mapping)), {})


def _first_told(entries: Iterable[Json]) -> Json:
    return next((entry for entry in entries if entry is not None), None)


def _is_entry(value: Json) -> bool:
    return isinstance(value, Mapping) and ("track" in value or "item" in value)


def read(body: Json, pages: list[Page], named: Named, problems: Problems) -> list[Day]:
    _refuse_parts(pages, named.file)
    facts = _first_object(body)
    rows = list(rows_of_entries(_readable(pages, problems)))
    count = sum(len(page.entries) for page in pages)
    is_empty = not count and pages[0].total == 0 and _own_id(facts) is not None
    if not count and not is_empty:
        raise refused(named.file, "it is an answer of Spotify without any entry, and tells of nothing", "Leave it out.")
    day = single_day(named, _playlist_id(facts, named), "spotify-json", _facts(facts, pages), "exact", rows, count)
    if is_empty:
        # A playlist, and Spotify's own count of it.
        return [replace(day, total=0)]
    return [replace(day, reason=None if any(page.total is not None for page in pages) else _NO_TOTAL)]


def _readable(pages: list[Page], problems: Problems) -> list[tuple[int, Json]]:
    """The entries that can be understood, each with its position."""
    entries = []
    for position, entry in enumerate(chain.from_iterable(page.entries for page in pages), start=1):
        try:
            payload_of(entry)
        except UnknownEntryShape as error:
            problems.add(0, f"entry {position}: {error}")
        else:
            entries.append((position, entry))
    return entries


def _facts(body: Mapping[str, Json], pages: list[Page]) -> dict[str, Json]:
    # A page has none of these; an entry's own keys are not the playlist's.
    return playlist_facts(body if pages[0].wrapper else None)


def _refuse_parts(pages: list[Page], file: str) -> None:
    starts = list(accumulate((len(page.entries) for page in pages), initial=0))
    total = next((page.total for page in pages if page.total is not None), None)
    gapless = all(page.offset == start for page, start in zip(pages, starts, strict=False))
    if not gapless or total not in (None, starts[-1]):
        raise refused(
            file,
            f"it holds only a part of the list: {starts[-1]} entries from number "
            f"{pages[0].offset + 1} on, of {'an unknown number' if total is None else total}",
            "Put all pages of that day into one file, as a JSON list; a day that is not whole is not imported.",
        )


def _playlist_id(body: Mapping[str, Json], named: Named) -> str:
    return _own_id(body) or named.playlist()


def _own_id(body: Mapping[str, Json]) -> str | None:
    """The id of the playlist that an answer itself says it is about."""
    if isinstance(body.get("id"), str) and re.fullmatch(r"[0-9A-Za-z]{22}", body["id"]):
        return str(body["id"])
    found = _HREF.search(body["href"]) if isinstance(body.get("href"), str) else None
    return found[1] if found else None
