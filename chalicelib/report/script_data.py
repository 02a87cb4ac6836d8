"""A list's whole past for the page's script, small enough to be a part of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from ..analysis.charts import Charts
from ..lake.tables import Row
from .phrases import clean, spotify_path, untitled

# How far up an item must have come for its history to be on the page: the first of these that fits into the page.
_DEPTHS = (1000, 200, 100, 50, 10)
_MOST_BYTES = 1_500_000


class Past:
    """Where each item stood on every known day: of all items that ever came to the first `depth` places.

    `numbers` gives an item's number by its `track_key`; an item that is not there has no history on the page. The days
    of the list are `cadence` days apart; the fullest of them has `largest` entries.
    """

    def __init__(self, charts: Charts, playlist_id: str) -> None:
        known = charts.warehouse.read(
            "SELECT snapshot_date, cadence_days, entry_count FROM known_days "
            "WHERE playlist_id = $id ORDER BY day_number",
            {"id": playlist_id},
        )
        self._days = [row["snapshot_date"] for row in known]
        self._sizes = [row["entry_count"] or 0 for row in known]
        self.largest = max(self._sizes)
        self.cadence = known[0]["cadence_days"]
        items = [row | {"written": _item(row)} for row in _histories(charts, playlist_id)]
        slots = [row | {"written": _slot(row, {})} for row in _other_slots(charts, playlist_id)]
        self._unsure = _unsure_days(charts, playlist_id)
        self.depth = _deepest_that_fits([*items, *slots])
        kept = _within(self.depth, items)
        self.numbers = {row["track_key"]: number for number, row in enumerate(kept)}
        self._items = [row["written"] for row in kept]
        self._slots = [_slot(row, self.numbers) for row in _within(self.depth, slots)]

    def to_json(self) -> dict[str, Any]:
        """`first` is the first known day and `days` are all of them, counted from it; `cadence` is how many days the
        list's days are apart; `sizes` are the days' entry counts; of `items` see `_item`, of `slots` `_slot`, of
        `unsure` `_unsure_days`."""
        first = self._days[0]
        return {
            "first": first.isoformat(),
            "days": [(day - first).days for day in self._days],
            "cadence": self.cadence,
            "depth": self.depth,
            "sizes": self._sizes,
            "items": self._items,
            "slots": self._slots,
            "unsure": self._unsure,
        }


def _histories(charts: Charts, playlist_id: str) -> list[Row]:
    """Of each item the newest name and links, and its first place on each day that it was there."""
    return charts.warehouse.read(
        """
        SELECT
          track_key,
          arg_max(name, day_number) AS name,
          arg_max(artist, day_number) AS artist,
          arg_max(url, day_number) AS url,
          arg_max(uri, day_number) AS uri,
          min(position) AS peak,
          list(day_number - 1 ORDER BY day_number) AS days,
          list(position ORDER BY day_number) AS places
        FROM standings
        WHERE playlist_id = $id AND occurrence = 1 AND track_key IS NOT NULL
        GROUP BY track_key
        HAVING min(position) <= $depth
        ORDER BY min(day_number), arg_min(position, day_number), track_key
        """,
        {"id": playlist_id, "depth": _DEPTHS[0]},
    )


def _other_slots(charts: Charts, playlist_id: str) -> list[Row]:
    """Where no item of its own stands: empty slots, of each day the first, the second and so on as if they were one
    item, so that they take little room; and the second and further places of items."""
    return charts.warehouse.read(
        """
        WITH slots AS (
          SELECT
            track_key,
            CASE WHEN track_key IS NULL THEN item_type END AS kind,
            CASE
              WHEN track_key IS NULL
                THEN row_number() OVER (PARTITION BY day_number, track_key, item_type ORDER BY position)
              ELSE occurrence
            END AS turn,
            day_number,
            position
          FROM standings
          WHERE playlist_id = $id AND (occurrence > 1 OR track_key IS NULL)
        )
        SELECT
          track_key,
          kind,
          min(position) AS peak,
          list(day_number - 1 ORDER BY day_number) AS days,
          list(position ORDER BY day_number) AS places
        FROM slots
        GROUP BY track_key, kind, turn
        HAVING min(position) <= $depth
        ORDER BY kind, track_key, turn
        """,
        {"id": playlist_id, "depth": _DEPTHS[0]},
    )


def _unsure_days(charts: Charts, playlist_id: str) -> list[list[int]]:
    """[a day, the last before it on which who came is known to be away, the first after it on which who left is known
    to be gone], as numbers of known days from -1 to their count: of the days whose neighbours have more empty slots,
    so that these two are no neighbours."""
    found = charts.warehouse.read(
        """
        SELECT day_number - 1 AS day, coalesce(away_number, 0) - 1 AS away, gone_number - 1 AS gone,
          (SELECT count(*) FROM known_days WHERE playlist_id = $id) AS days
        FROM slots
        WHERE playlist_id = $id
        ORDER BY day_number
        """,
        {"id": playlist_id},
    )
    bounds = [[row["day"], row["away"], row["days"] if row["gone"] is None else row["gone"]] for row in found]
    return [one for one in bounds if one[1:] != [one[0] - 1, one[0] + 1]]


def _deepest_that_fits(rows: Sequence[Row]) -> int:
    """The most places of which all that is `written` fits into the page."""
    sizes = [(row["peak"], len(json.dumps(row["written"]))) for row in rows]
    fitting = (one for one in _DEPTHS if sum(size for peak, size in sizes if peak <= one) <= _MOST_BYTES)
    return next(fitting, _DEPTHS[-1])


def _within(depth: int, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["peak"] <= depth]


def _item(row: Row) -> list[Any]:
    """[title, artists, path on open.spotify.com, key, then its stays]; the key is empty where it is the path's URI.

    A stay is [number of its first known day, the place on it, the moves from each known day to the next].
    """
    path = spotify_path(row["url"], row["uri"])
    key = "" if row["track_key"] == f"spotify:{path.replace('/', ':')}" else clean(row["track_key"])
    return [clean(row["name"]), clean(row["artist"]), path, key, *_stays(row["days"], row["places"])]


def _slot(row: Row, numbers: dict[str, int]) -> list[Any]:
    """[the item's number, or what an empty slot is called, then its stays]."""
    own = numbers.get(row["track_key"], 0) if row["track_key"] else untitled(row["kind"])
    return [own, *_stays(row["days"], row["places"])]


def _stays(days: Sequence[int], places: Sequence[int]) -> Iterator[list[Any]]:
    known = zip(range(len(days)), days, places, strict=True)
    for _, group in groupby(known, key=lambda one: one[1] - one[0]):
        stay = list(group)
        moves = (after - before for (_, _, before), (_, _, after) in pairwise(stay))
        yield [stay[0][1], stay[0][2], "".join(_encoded(move, len(list(same))) for move, same in groupby(moves))]


def _encoded(move: int, times: int) -> str:
    """`a` is no move, `b` one place down, `A` one up and so on, else the number in brackets; then how often."""
    if 0 <= move < 26:
        sign = chr(ord("a") + move)
    elif -26 <= move < 0:
        sign = chr(ord("A") - move - 1)
    else:
        sign = f"({move})"
    return sign if times == 1 else f"{sign}{times}"
