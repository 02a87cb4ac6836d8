"""Small files of one day each that wait to be read together: one by one each would cost more than its rows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import BinaryIO

from ..errors import BadImport
from .imported import Options
from .opening import Limits, Opener, opened
from .reader import table_of
from .table import Key, Table

# Bytes of one file, as it lies there; a day of 200 places has 20,000.
_SMALL = 1 << 20
# Bytes of all that are read together, unpacked.
_TOGETHER = 16 << 20


@dataclass(frozen=True)
class Small:
    """A file, its bytes as they lie there and unpacked, how its rows are read, and the list and day that it is of."""

    name: str
    data: bytes
    text: bytes
    table: Table
    key: Key
    options: Options
    wanted: Callable[[str, date], bool]

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


class Together:
    """Files with equal columns, of each list one day after the other."""

    def __init__(self) -> None:
        self._files: list[Small] = []
        self._last: dict[str, date] = {}
        self._size = 0

    def has_room(self, small: Small) -> bool:
        """Whether a file can be read with those that wait."""
        if not self._files:
            return True
        layouts = [
            (one.layout.delimiter, one.layout.width, one.by_column) for one in (self._files[0].table, small.table)
        ]
        playlist_id, day = small.key
        return layouts[0] == layouts[1] and self._last.get(playlist_id, date.min) < day and self._size < _TOGETHER

    def add(self, small: Small) -> None:
        self._files.append(small)
        self._last[small.key[0]] = small.key[1]
        self._size += len(small.text)

    def take(self) -> list[Small]:
        """All that wait; then none do."""
        files = self._files
        self._files, self._last, self._size = [], {}, 0
        return files


def small_of(name: str, opener: Opener, options: Options, wanted: Callable[[str, date], bool]) -> Small | None:
    """The file, if it is a small one of one day that can be read with others; None also where it cannot be read: who
    reads it alone tells why."""
    try:
        with opener() as file:
            data = file.read(_SMALL + 1)
        return _small(name, data, options, wanted) if len(data) <= _SMALL else None
    except (BadImport, OSError):
        return None


def _small(name: str, data: bytes, options: Options, wanted: Callable[[str, date], bool]) -> Small | None:
    def open_data() -> BinaryIO:
        return io.BytesIO(data)

    table = table_of(name, open_data, **options.reading(), limits=options.limits)
    if table is None or table.by_column is None or table.by_column.key:
        return None
    with opened(name, open_data, options.limits or Limits()) as stream:
        return Small(name, data, stream.read(), table, table.key_of([]), options, wanted)
