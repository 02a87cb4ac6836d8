"""The older form of mackorone's spotify-playlist-archive (2019 to 2021): tables in markdown, and sorted text.

`pretty/<name>.md` is a state: `| No. | Title | Artist(s) | Album | Length |`, lengths in minutes and seconds. It has no
day; saved versions are named by the moment of their commit. `cumulative/<name>.md` and `plain/<id>` are no states.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ...spotify.entries import Json, playlist_facts
from ..day import Day, Places, Problems, refused, rows_of_entries, whole_number
from ..document import id_in, track_entry
from ..naming import Named

# Links to other forms of the same list may stand behind the playlist's own: ` - [plain](…) - [githistory](…)`.
_HEADING = re.compile(r"^### \[(.*?)\]\(https://open\.spotify\.com/playlist/([0-9A-Za-z]{22})\)[^\n]*$", re.MULTILINE)
# The archive ends its tables without a line feed, so that one that was cut at a line's end shows it.
_CUT = "The table ends with a line feed, as the archive's do not: it was cut there, or saved by another program."
_DESCRIPTION = re.compile(r"^> ?(.*)$", re.MULTILINE)
_PRETTY = "| No. | Title | Artist(s) | Album | Length |"
_CUMULATIVE = "| Title | Artist(s) | Album | Length | Added | Removed |"
_END_OF_TRACK = re.compile(r"\]\(https://open\.spotify\.com/track/[0-9A-Za-z]{22}\)(?= \| )")
_PLAIN_LINE = re.compile(r"^.+ -- .+ -- .+$", re.MULTILINE)


def is_pretty(head: str) -> bool:
    return _PRETTY in head


def is_cumulative(head: str) -> bool:
    return _CUMULATIVE in head


def is_plain(head: str) -> bool:
    return len(_PLAIN_LINE.findall(head)) > 1


def refuse_plain(file: str) -> None:
    raise refused(
        file,
        "a plain file of the playlist archive: sorted by title, it has neither positions nor ids",
        "Import the pretty file of the same commit: playlists/pretty/<name>.md or <id>.json.",
    )


def read_pretty(text: str, named: Named, problems: Problems) -> list[Day]:
    heading = _HEADING.search(text)
    if heading is None:
        raise refused(named.file, "its heading has no link to a playlist", "The file is damaged; fetch it again.")
    entries = _entries(text, problems)
    rows = list(rows_of_entries(sorted(entries.held.items())))
    description = _DESCRIPTION.search(text)
    facts = playlist_facts({"name": heading[1], "description": description[1].strip() if description else None})
    day = Day(heading[2], named.single_day(), "archive-pretty-markdown", facts, "approx", rows, named.moment())
    return [replace(day, skipped=entries.skipped, cut=_CUT if text.endswith("\n") else None)]


def _entries(text: str, problems: Problems) -> Places[Json]:
    entries: Places[Json] = Places()
    in_table = False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() == _PRETTY:
            in_table = True
        elif in_table and line.startswith("|") and not line.startswith("|---"):
            try:
                position, entry = _entry(line.rstrip())
                entries.add(position, entry)
            except ValueError as error:
                entries.skipped += 1
                problems.add(number, str(error), line)
    return entries


def _entry(line: str) -> tuple[int, Json]:
    """The row's position and entry. Titles may hold bars and brackets, so cells are found by their links."""
    position, _, rest = line.removeprefix("| ").removesuffix(" |").partition(" | ")
    rest, _, length = rest.rpartition(" | ")
    title = _END_OF_TRACK.search(rest)
    artists, bar, album = rest[title.end() if title else 0 :].removeprefix(" | ").rpartition(" | [")
    if not (title and bar and length.replace(":", "").isdigit()):
        raise ValueError("it is no row of number, title, artists, album and length")
    linked = [_named(f"[{one})") for one in artists[1:-1].split("), [")] if artists else []
    if any(id_in(artist["url"]) is None for artist in linked):
        raise ValueError("its artists are no list of links")
    track = _named(rest[: title.end()]) | {"artists": linked, "album": _named(f"[{album}")}
    return whole_number(position, "No.", smallest=1), track_entry(track)


def _named(link: str) -> dict[str, Json]:
    # A name may hold brackets; the last "](" belongs to the link.
    name, _, url = link[1:-1].rpartition("](")
    return {"name": name, "url": url}
