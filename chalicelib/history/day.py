"""What every format gives: days, and the means to build their rows without guessing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from ..errors import BadImport
from ..lake.schema import Status
from ..spotify.entries import Json, Origin, Page, Row, entry_rows, playlist_facts

Held = TypeVar("Held")
_FILLED_BY_CALLER = ("snapshot_date", "playlist_id", "captured_at", "capture_id", "source")
_NOWHERE = Origin(date.min, "", datetime.min.replace(tzinfo=UTC), "", "")

# Every column of the table `entries` but those that the caller fills; what no chart knows is null.
EMPTY_ROW: Row = {
    column: value
    for column, value in next(entry_rows([Page([None], 0, 1)], _NOWHERE)).items()
    if column not in _FILLED_BY_CALLER
}
NO_FACTS: Row = playlist_facts(None)

# The `position_quality` of a day that lacks places of the list: what stood there before may stand there still.
PARTIAL = "partial"

# A file of nothing but bad lines must not fill the memory with its own list of faults.
_MOST_PROBLEMS = 100_000
_LONGEST_TEXT = 2_000
_TRACK = re.compile(r"(?:spotify:track:|https?://open\.spotify\.com/track/)([0-9A-Za-z]{22})(?:\?\S*)?")
_ID = re.compile(r"[0-9A-Za-z]{22}")
# Ranks and popularities, of which a large file has millions.
_SMALL = {str(number): number for number in range(201)}


@dataclass(frozen=True)
class Day:
    """One list on one day. `rows` are in order of position and lack only the columns that the caller fills; that of a
    track may hold its audio features besides (`features.HELD`)."""

    playlist_id: str
    snapshot_date: date
    format: str
    facts: dict[str, Any]
    position_quality: str | None
    rows: list[Row]
    # When the source saw the list (UTC), where it says so: of two such days the later one is worth more.
    moment: datetime | None = None
    # What in the source the day came from, beyond the file: a commit.
    origin: str | None = None
    # Invented data stays invented, whatever road it takes.
    simulated: bool = False
    # The captures that it is a copy of, where it came out of a lake.
    copy_of: frozenset[str] = frozenset()
    # How many places such a list has, where its source promises that: one of these, the smallest first.
    lengths: tuple[int, ...] = ()
    # Lines of this day that were left out since they were bad.
    skipped: int = 0
    # Why its end may be missing, where the file shows that.
    cut: str | None = None
    # The verdict (`worth.judged`): what the day is worth, how many places the list has where some of them are missing
    # (0 comes from the source: it says outright that the list is empty), and what is to be said of it.
    status: Status = Status.OK
    total: int | None = None
    reason: str | None = None


class Places(Generic[Held]):
    """What stands at the positions of one list, and how many of its lines were left out. Of a position that two lines
    claim nobody knows who stands there: then neither does."""

    def __init__(self) -> None:
        self.held: dict[int, Held] = {}
        self.skipped = 0
        self._disputed: set[int] = set()

    def add(self, position: int, one: Held) -> None:
        """Raises `ValueError` where the position is taken; whoever meets it counts the line as left out."""
        there = self.held.get(position)
        if there is None and position not in self._disputed:
            self.held[position] = one
            return
        if there is not None and there != one:
            del self.held[position]
            self._disputed.add(position)
            self.skipped += 1
        raise ValueError(f"position {position} stands there twice")

    def in_order(self) -> list[Held]:
        return [self.held[position] for position in sorted(self.held)]


class Problems:
    """The faults of one file: kept to be raised together or, with `rejects`, put there as (line, reason, text); `watch`
    is told the text of each."""

    def __init__(self, file: str, rejects: list[tuple[int, str, str]] | None = None) -> None:
        self.file = file
        self.found: list[tuple[int, str]] = []
        self.count = 0
        self.watch: Callable[[str], None] = lambda text: None
        self._rejects = rejects

    def add(self, line: int, reason: str, text: str = "") -> None:
        if self._rejects is None:
            self.found.append((line, reason))
        else:
            self._rejects.append((line, reason, text[:_LONGEST_TEXT]))
        self.watch(text)
        self.count += 1
        if self.count >= _MOST_PROBLEMS:
            self.found.append((line, f"{_MOST_PROBLEMS:,} faults: the rest of the file was not read"))
            self.raise_if_any()

    def raise_if_any(self) -> None:
        if self.found:
            raise BadImport(self.file, self.found)


def refused(file: str, reason: str, advice: str) -> BadImport:
    """The file as a whole is refused; the advice says what a person can do instead."""
    return BadImport(file, [(0, reason)], advice=advice)


def whole_number(text: str, what: str, largest: int = 2**31 - 1, smallest: int = 0) -> int:
    """A count as text to a number; spreadsheets append ".0". Raises `ValueError` with the reason."""
    number = _SMALL.get(text, -1)
    if number < 0:
        digits = text.removesuffix(".0")
        if digits.isascii() and digits.isdigit() and len(digits) < 20:
            number = int(digits)
    if not smallest <= number <= largest:
        raise ValueError(f"{what} is {shown(text)}, not a whole number from {smallest} to {largest}")
    return number


def track_id(address: str) -> str:
    """The id in a track's URI or link. Raises `ValueError` with the reason."""
    found = _TRACK.fullmatch(address)
    if not found:
        raise ValueError(f"{shown(address)} is no URI or link of a Spotify track")
    return found[1]


def bare_track_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"{shown(text)} is no id of a Spotify track: 22 letters and digits")
    return text


def iso_date(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(f"{shown(text)} is not a date such as 2024-05-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is no day of the calendar") from None


def shown(text: str) -> str:
    """Foreign text as it may stand in a message: short, on one line."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def track_row(position: int, item_id: str, name: str, artists: Sequence[tuple[str | None, str]]) -> Row:
    """The row of a track that stands on a chart; `artists` are (id, name), without those that have no name."""
    row = EMPTY_ROW.copy()
    row["position"] = position
    row["item_type"] = "track"
    row["item_id"] = item_id
    row["uri"] = f"spotify:track:{item_id}"
    row["name"] = name or None
    row["url"] = f"https://open.spotify.com/track/{item_id}"
    row["artists"] = [{"id": id_, "name": artist} for id_, artist in artists if artist]
    row["is_local"] = False
    return row


def rows_of_entries(entries: Iterable[tuple[int, Json]]) -> Iterator[Row]:
    """Rows of (position, entry in Spotify's own JSON): one place decides what its values mean."""
    pages = (Page([entry], position - 1, None) for position, entry in entries)
    for row in entry_rows(pages, _NOWHERE):
        for column in _FILLED_BY_CALLER:
            del row[column]
        yield row
