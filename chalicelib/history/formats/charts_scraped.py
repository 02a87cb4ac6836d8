"""One CSV a day with the Top 200 of several markets, scraped from charts.spotify.com in 2026.

`captured_date,market,market_name,rank,rank_change,track_name,artist_names,artist_spotify_ids,track_spotify_id,image_url`.
The date is the day of the scraping, and which day's chart was shown then is not said, so these lists are kept apart
from the official ones. Artists are a list: names and ids joined by "; ".
"""

from __future__ import annotations

from operator import itemgetter

from ...spotify.entries import Row
from ..day import bare_track_id, iso_date, shown, track_row, whole_number
from ..table import Key, Layout, Table

REQUIRED = frozenset({"captured_date", "market", "rank", "track_name", "artist_names", "track_spotify_id"})
_COLUMNS = ("captured_date", "market", "rank", "track_name", "artist_names", "track_spotify_id")


def table(header: list[str], layout: Layout) -> Table:
    row = _Row(header)
    return Table("charts-scraped", layout, row, row.key_of, (200,))


class _Row:
    def __init__(self, header: list[str]) -> None:
        self._pick = itemgetter(*map(header.index, _COLUMNS))
        self._ids = header.index("artist_spotify_ids") if "artist_spotify_ids" in header else None
        self._image = header.index("image_url") if "image_url" in header else None

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        _, _, rank, name, artists, item_id = self._pick(fields)
        ids = fields[self._ids] if self._ids is not None else ""
        row = track_row(whole_number(rank, "rank", smallest=1), bare_track_id(item_id), name, _artists(artists, ids))
        row["album_image_url"] = (fields[self._image] or None) if self._image is not None else None
        return self.key_of(fields), row

    def key_of(self, fields: list[str]) -> Key:
        captured, market, *_ = self._pick(fields)
        if not (market == "global" or (len(market) == 2 and market.isascii() and market.isalpha())):
            raise ValueError(f"market is {shown(market)}, neither a country's two letters nor global")
        return f"chart:scraped-{market.lower()}-daily", iso_date(captured)


def _artists(names: str, ids: str) -> list[tuple[str | None, str]]:
    """Pairs of (id, name), where there are as many names as ids; else one text without an id."""
    pairs = list(zip(ids.split("; "), names.split("; "), strict=False))
    if ids and ids.count("; ") == names.count("; "):
        return [(id_, name) for id_, name in pairs]
    return [(None, names)]
