"""Audio features that files tell of tracks, on their way to their own table: of each track the newest."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

from ..lake.lake import Lake
from ..lake.schema import AUDIO_FEATURES
from ..lake.tables import packed
from ..spotify.entries import Row
from .day import Day

# The key of a row of entries under which its features wait. No table has that column.
HELD = "audio_features"
# What a file tells, without what its day tells besides.
NAMES = tuple(name for name, kind in AUDIO_FEATURES.items() if kind in ("DOUBLE", "INTEGER"))
_WHOLE = {name for name, kind in AUDIO_FEATURES.items() if kind == "INTEGER"}
# Features that are looked up instead of read once more, and tracks that wait in memory: the lists of a day have less.
_AT_ONCE = 20_000

# A record's fields to its features by their names; None where there is none.
Reader = Callable[[Sequence[str]], Row | None]


def reader(header: list[str]) -> Reader:
    """How a table's features are read: by columns that are called as these are, with spaces or underscores."""
    places = {name: place for place, title in enumerate(header) if (name := title.replace(" ", "_")) in NAMES}
    if len(places) < 2:
        # `key` or `mode` alone may be anything.
        return lambda fields: None
    pick, known = itemgetter(*places.values()), dict[tuple[str, ...], Row | None]()

    def read(fields: Sequence[str]) -> Row | None:
        texts = pick(fields)
        if texts not in known:
            if len(known) > _AT_ONCE:
                known.clear()
            known[texts] = _features(dict(zip(places, texts, strict=True)))
        return known[texts]

    return read


def _features(cells: dict[str, str]) -> Row | None:
    found = {name: _number(name, text) for name, text in cells.items()}
    return dict.fromkeys(NAMES) | found if any(value is not None for value in found.values()) else None


def _number(name: str, text: str) -> float | int | None:
    """The number; None for what is none, since no track is worth less for it."""
    try:
        number = float(text)
    except ValueError:
        return None
    if name not in _WHOLE:
        return number if math.isfinite(number) else None
    return int(number) if number.is_integer() and abs(number) < 1_000 else None


class Told:
    """What one file tells, or several do: in memory as long as it is little, and else in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._newest: dict[str, Row] = {}

    def add(self, day: Day, common: Row) -> None:
        """Take the features of a day's rows; `common` is what the day tells of each, as JSON has it."""
        age = _age(common)
        for row in day.rows:
            if HELD in row:
                held = self._newest.get(row["item_id"])
                if held is None or _age(held) <= age:
                    self._newest[row["item_id"]] = row[HELD] | common | {"track_id": row["item_id"]}
        if len(self._newest) > _AT_ONCE:
            self._flush()

    def take(self, other: Told) -> None:
        """Take all that another one has, which is empty then."""
        other._flush()
        if other._path.exists():
            with other._path.open("rb") as source, self._path.open("ab") as target:
                shutil.copyfileobj(source, target)
        other.forget()

    def forget(self) -> None:
        self._newest.clear()
        self._path.unlink(missing_ok=True)

    def write(self, lake: Lake) -> int:
        """Put all into the lake; gives of how many tracks it tells other than before."""
        self._flush()
        changed = lake.put_features(self._path) if self._path.exists() else 0
        self.forget()
        return changed

    def _flush(self) -> None:
        if self._newest:
            with self._path.open("ab") as file:
                file.writelines(packed(self._newest.values(), AUDIO_FEATURES))
            self._newest.clear()


def _age(row: Row) -> tuple[str, str, str]:
    return row["snapshot_date"], row["captured_at"], row["playlist_id"]
