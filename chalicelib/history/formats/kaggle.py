"""Kaggle's "Top Spotify Songs in 73 Countries": the daily Top 50 of each country since October 2023, in one large CSV.

An empty country is the Global list. Copies are around in which every line is quoted as a whole, and some that a
spreadsheet saved, with dates such as 2/13/2025. Its audio features go to a table of their own.
"""

from __future__ import annotations

import re
from datetime import date
from operator import itemgetter

from ...spotify.entries import Row
from .. import features
from ..day import bare_track_id, iso_date, refused, shown, track_row, whole_number
from ..table import Key, Layout, Table

REQUIRED = frozenset({"spotify_id", "name", "artists", "daily_rank", "country", "snapshot_date"})
_COLUMNS = ("spotify_id", "name", "artists", "daily_rank", "country", "snapshot_date")
_OPTIONAL = ("popularity", "is_explicit", "duration_ms", "album_name", "album_release_date")
_TRUTH = {"true": True, "false": False, "": None}
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)


def table(header: list[str], layout: Layout, file: str, sample: list[list[str]]) -> Table:
    """`sample` is the file's first rows. Raises `BadImport` where they leave the order of day and month open."""
    missing = [name for name in _OPTIONAL if name not in header]
    if missing:
        raise refused(
            file, f"the Kaggle file lacks the columns {', '.join(missing)}", "Import the file as Kaggle gives it."
        )
    row = _Row(header, _month_first(header, file, sample))
    return Table("kaggle-top50", layout, row, row.key_of, (50,))


def _slashed_dates(header: list[str], sample: list[list[str]]) -> list[tuple[int, int]]:
    """The first two numbers of each date such as 2/3/2025."""
    places = [header.index(name) for name in ("snapshot_date", "album_release_date")]
    found = [_SLASHED.fullmatch(fields[place]) for fields in sample if len(fields) >= len(header) for place in places]
    return [(int(date_[1]), int(date_[2])) for date_ in found if date_]


def _month_first(header: list[str], file: str, sample: list[list[str]]) -> bool | None:
    """Whether 2/3/2025 is the third of February: a day after the twelfth tells. None where no date has that form."""
    dates = _slashed_dates(header, sample)
    month_first = any(second > 12 for _, second in dates)
    day_first = any(first > 12 for first, _ in dates)
    if not dates:
        return None
    if month_first == day_first:
        raise refused(
            file,
            "its dates were changed by a spreadsheet, and whether 2/3/2025 is in February or March cannot be told",
            "Import the file as Kaggle gives it, with dates such as 2025-02-03.",
        )
    return month_first


class _Row:
    def __init__(self, header: list[str], month_first: bool | None) -> None:
        self._features = features.reader(header)
        self._pick = itemgetter(*(header.index(name) for name in (*_COLUMNS, *_OPTIONAL)))
        self._key_columns = itemgetter(header.index("country"), header.index("snapshot_date"))
        self._month_first = month_first
        self._keys: dict[tuple[str, str], Key] = {}

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        item_id, name, artists, rank, _, _, popularity, explicit, duration, album, released = self._pick(fields)
        position = whole_number(rank, "daily_rank", smallest=1)
        row = track_row(position, bare_track_id(item_id), name, [(None, artists)])
        row["album_name"] = album or None
        row["album_release_date"] = self._released(released) if "/" in released else released or None
        row["duration_ms"] = whole_number(duration, "duration_ms", 2**63 - 1) if duration else None
        row["popularity"] = whole_number(popularity, "popularity", 100) if popularity else None
        if explicit.lower() not in _TRUTH:
            raise ValueError(f"is_explicit is {shown(explicit)}, neither True nor False")
        row["explicit"] = _TRUTH[explicit.lower()]
        if told := self._features(fields):
            row[features.HELD] = told
        return self.key_of(fields), row

    def key_of(self, fields: list[str]) -> Key:
        country, day = self._key_columns(fields)
        return self._keys.get((country, day)) or self._key(country, day)

    def _key(self, country: str, day: str) -> Key:
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
            raise ValueError(f"country is {shown(country)}, neither two letters nor empty for Global")
        region = country.lower() or "global"
        key = (f"chart:kaggle-top50-{region}-daily", self._date(day))
        # Only the latest keys are worth their memory.
        if len(self._keys) > 10_000:
            self._keys.clear()
        self._keys[country, day] = key
        return key

    def _date(self, text: str) -> date:
        found = _SLASHED.fullmatch(text)
        if not found or self._month_first is None:
            return iso_date(text)
        first, second = int(found[1]), int(found[2])
        month, day = (first, second) if self._month_first else (second, first)
        try:
            return date(int(found[3]), month, day)
        except ValueError:
            raise ValueError(f"{shown(text)} is no day of the calendar") from None

    def _released(self, text: str) -> str:
        return self._date(text).isoformat()
