"""Measures of lists, as docs/measures.md defines them: rows of the views that hold them, and how long items stay, which
is no view: the Kaplan-Meier estimate, with bounds for what gaps leave open.

Those that are asked of open views raise `NotKept` for a list that is not in the lake.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import exp, log, sqrt
from typing import Any

from ..lake.lake import Lake
from ..lake.tables import Row
from ..lake.warehouse import Warehouse
from .charts import Charts, open_charts

# Two-sided 95 % of the normal distribution.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Stay:
    """How many days (of a weekly chart: weeks) an item was on a list: from `least` to `most`; longer than `least` where
    `most` is None, since it was still there when the list was last seen to hold it."""

    least: int
    most: int | None


@dataclass(frozen=True)
class Point:
    """After `days` on the list: how many are known to have come so far at most (`at_risk`), and what share is still
    there, from `least` to `most`, which differ by what gaps leave open; `low` to `high` is the 95 % interval around
    both."""

    days: int
    at_risk: int
    least: float
    most: float
    low: float
    high: float


@dataclass(frozen=True)
class Tenure:
    """Survival of a list's entries. `stays` were watched from their first day; `begun_unseen` were there before, or
    came in a gap, and are left out; `still_there` had not left when the list was last seen; of `open_ends` gaps leave
    open when they left. Units: days, or weeks where `cadence_days` is 7.

    `half_life` is the first day after which half or less are left, between `least` and `most`; None: it is not reached.
    `half_life_low` and `half_life_high` are its 95 % interval.
    """

    cadence_days: int
    stays: int
    begun_unseen: int
    still_there: int
    open_ends: int
    points: tuple[Point, ...]

    @property
    def half_life(self) -> tuple[int | None, int | None]:
        return self._until("least"), self._until("most")

    @property
    def half_life_interval(self) -> tuple[int | None, int | None]:
        return self._until("low"), self._until("high")

    def _until(self, curve: str) -> int | None:
        return next((one.days for one in self.points if getattr(one, curve) <= 0.5), None)

    def to_json(self) -> dict[str, Any]:
        counts = ("cadence_days", "stays", "begun_unseen", "still_there", "open_ends")
        (least, most), (low, high) = self.half_life, self.half_life_interval
        half_life = {"least": least, "most": most, "low": low, "high": high}
        return {name: getattr(self, name) for name in counts} | {
            "half_life": half_life,
            "survival": [vars(one) for one in self.points],
        }


def turnover(charts: Charts, playlist_id: str, first: date, last: date) -> list[Row]:
    """Rows of the view `turnover` of one list from `first` to `last`, by day."""
    return _of_days(charts, "turnover", playlist_id, first, last)


def freshness(charts: Charts, playlist_id: str, first: date, last: date) -> list[Row]:
    """Rows of the view `freshness` of one list from `first` to `last`, by day."""
    return _of_days(charts, "freshness", playlist_id, first, last)


def _of_days(charts: Charts, view: str, playlist_id: str, first: date, last: date) -> list[Row]:
    charts.playlist(playlist_id)
    return charts.warehouse.read(
        f"SELECT * EXCLUDE (playlist_id) FROM {view} "
        "WHERE playlist_id = $id AND snapshot_date BETWEEN $first AND $last ORDER BY snapshot_date",
        {"id": playlist_id, "first": first, "last": last},
    )


def overlap(charts: Charts, playlist_id: str) -> list[Row]:
    """One list beside each other one that is open: rows of the view `overlap`, seen from this list, with the other's
    `name`; the most alike first."""
    charts.playlist(playlist_id)
    return charts.warehouse.read(
        f"""
        SELECT seen.* EXCLUDE (playlist_id), playlists.name
        FROM ({_FROM_BOTH_SIDES}) AS seen JOIN playlists ON seen.other_id = playlists.playlist_id
        WHERE seen.playlist_id = $id
        ORDER BY {_MOST_ALIKE}
        """,
        {"id": playlist_id},
    )


_FROM_BOTH_SIDES = """
SELECT * FROM overlap
UNION ALL BY NAME
SELECT
  * EXCLUDE (playlist_id, other_id, items, other_items),
  other_id AS playlist_id, playlist_id AS other_id, other_items AS items, items AS other_items
FROM overlap
"""
_MOST_ALIKE = "jaccard DESC NULLS LAST, rank_biased_overlap DESC NULLS LAST, other_id"


def read_overlaps(lake: Lake, today: date, playlist_ids: Iterable[str], most: int) -> dict[str, list[Row]]:
    """For each of these lists the others of them that it has an item in common with, as `overlap` tells them, at most
    `most` of each; `others` is how many there are. All lists are read once, and reckoned with are only the days that
    are compared."""

    def choose(warehouse: Warehouse) -> None:
        warehouse.narrow("entries", _COMPARED, {})

    with open_charts(lake, today, playlist_ids, choose=choose) as charts:
        rows = charts.warehouse.read(
            f"""
            SELECT seen.*, playlists.name, count(*) OVER (PARTITION BY seen.playlist_id) AS others
            FROM ({_FROM_BOTH_SIDES}) AS seen JOIN playlists ON seen.other_id = playlists.playlist_id
            WHERE common > 0
            QUALIFY row_number() OVER (PARTITION BY seen.playlist_id ORDER BY {_MOST_ALIKE}) <= $most
            ORDER BY {_MOST_ALIKE}
            """,
            {"most": most},
        )
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.pop("playlist_id"), []).append(row)
    return found


# Of each two lists the newest day on which both are known; most are known to the same day.
_COMPARED = """
(playlist_id, snapshot_date) IN (
  WITH newest AS (SELECT playlist_id, max(snapshot_date) AS last_date FROM known_days GROUP BY playlist_id),
  pairs AS (
    SELECT one.playlist_id, other.playlist_id AS other_id
    FROM newest AS one JOIN newest AS other ON one.last_date <> other.last_date
  )
  SELECT playlist_id, last_date FROM newest
  UNION
  SELECT pairs.playlist_id, max(here.snapshot_date)
  FROM pairs
  JOIN known_days AS here ON pairs.playlist_id = here.playlist_id
  JOIN known_days AS there ON pairs.other_id = there.playlist_id AND here.snapshot_date = there.snapshot_date
  GROUP BY pairs.playlist_id, pairs.other_id
)
"""


def leads(charts: Charts, playlist_id: str) -> list[Row]:
    """One list beside each other one that is open and ever had an item in common with it: rows of the view `lead_lag`
    with the other's `name`; those with the most items to compare first."""
    charts.playlist(playlist_id)
    return charts.warehouse.read(
        """
        SELECT lead_lag.* EXCLUDE (playlist_id), playlists.name
        FROM lead_lag JOIN playlists ON lead_lag.other_id = playlists.playlist_id
        WHERE lead_lag.playlist_id = $id
        ORDER BY led + followed + together DESC, common DESC, other_id
        """,
        {"id": playlist_id},
    )


def reach(charts: Charts, kind: str, text: str = "") -> list[Row]:
    """Rows of the view `reach` of this kind, `item` or `artist`, whose name contains the text; the largest first."""
    return charts.warehouse.read(
        "SELECT * EXCLUDE (kind) FROM reach WHERE kind = $kind AND contains(lower(strip_accents(concat_ws(' ', name, "
        "artist, reach_key))), lower(strip_accents($text))) ORDER BY followers DESC NULLS LAST, lists DESC, reach_key",
        {"kind": kind, "text": text.strip()},
    )


def shares(charts: Charts, playlist_id: str, kind: str, day: date) -> list[Row]:
    """Rows of the view `shares` of this kind (`artist`, `label`, `explicit`, `length`) of one list on a known day, the
    largest first; last those entries of which it is not known."""
    return charts.warehouse.read(
        "SELECT * EXCLUDE (playlist_id, snapshot_date, kind) FROM shares WHERE playlist_id = $id AND kind = $kind "
        "AND snapshot_date = $day ORDER BY share DESC NULLS LAST, name, share_key",
        {"id": playlist_id, "kind": kind, "day": day},
    )


def tenure(charts: Charts, playlist_id: str) -> Tenure:
    """Survival of the entries of one list, from its runs."""
    charts.playlist(playlist_id)
    (known,) = charts.warehouse.read(
        "SELECT coalesce(min(cadence_days), 1) AS cadence_days FROM known_days WHERE playlist_id = $id",
        {"id": playlist_id},
    )
    runs = charts.warehouse.read(
        "SELECT entered_after, entered_on, last_seen_on, left_on FROM runs WHERE playlist_id = $id", {"id": playlist_id}
    )
    return tenure_of(runs, known["cadence_days"])


def tenure_of(runs: Iterable[Row], cadence_days: int = 1) -> Tenure:
    """Survival of the entries of a list with these rows of the view `runs`."""
    runs = list(runs)
    watched = [one for one in runs if _begins_in_sight(one, cadence_days)]
    stays = [_stay(one, cadence_days) for one in watched]
    return Tenure(
        cadence_days=cadence_days,
        stays=len(stays),
        begun_unseen=len(runs) - len(stays),
        still_there=sum(stay.most is None for stay in stays),
        open_ends=sum(stay.most not in (None, stay.least) for stay in stays),
        points=tuple(survival(stays)),
    )


def _begins_in_sight(run: Row, cadence_days: int) -> bool:
    """Whether its first day is known: of those who come in a gap only the long ones are ever seen."""
    after = run["entered_after"]
    return after is not None and (run["entered_on"] - after).days // cadence_days <= 1


def _stay(run: Row, cadence_days: int) -> Stay:
    seen = (run["last_seen_on"] - run["entered_on"]).days // cadence_days
    if run["left_on"] is None:
        return Stay(seen, None)
    return Stay(seen + 1, max((run["left_on"] - run["entered_on"]).days // cadence_days, seen + 1))


def survival(stays: Iterable[Stay]) -> list[Point]:
    """The share that is still there after each number of days on which some left or may have left.

    The estimate is that of Kaplan and Meier (1958). Where ends are open it is the least and the most of all estimates
    that they allow. Moving an end later can only lower the estimate for the days from there on, as others are not
    watched any more by then, and can only raise it for those before. So the estimate after t days is least when all
    that can have left by then did, each as late as it can; and most when only those left that must have, each as early
    as it can.
    The interval is Greenwood's (1926), on the scale log(-log) (Kalbfleisch and Prentice, 1980): from the lower end of
    the least to the upper end of the most.
    """
    stays = list(stays)
    ended = [(stay.least, stay.most) for stay in stays if stay.most is not None]
    watched = sorted(stay.least for stay in stays if stay.most is None)
    days = _days_of(ended, watched)
    least = _least(days, ended, watched)
    most = [_most_at(day, ended, watched) for day in days] if _are_open(ended) else least
    latest, upper, found = sorted(end for _, end in ended), 1.0, []
    for day, low, high in zip(days, least, most, strict=True):
        # Where nobody is left the formula tells no interval: its upper end stays where it was.
        upper = _limit(high, -1) if high[0] else upper
        # What is equal may differ in the last digit, by the order in which it was reckoned.
        shares = low[0], max(low[0], high[0])
        found.append(Point(day, _at_risk(day, latest, watched), *shares, _limit(low, 1), upper))
    return found


# A share, and the sum in Greenwood's formula.
_Estimate = tuple[float, float]


def _days_of(ended: list[tuple[int, int]], watched: list[int]) -> list[int]:
    """After how many days either bound falls. Where an end is open the least falls with each who is not watched any
    more, too."""
    open_days = {day + 1 for day in watched if any(first <= day < last for first, last in ended)}
    return sorted({day for end in ended for day in end} | open_days)


def _are_open(ended: list[tuple[int, int]]) -> bool:
    return any(first < last for first, last in ended)


def _least(days: list[int], ended: list[tuple[int, int]], watched: list[int]) -> list[_Estimate]:
    earliest, latest = sorted(first for first, _ in ended), sorted(last for _, last in ended)
    leaving, found = Counter(latest), []
    before: _Estimate = (1.0, 0.0)
    for day in days:
        risk = _at_risk(day, latest, watched)
        able = bisect_right(earliest, day) - bisect_left(latest, day)
        found.append(_after(before, able, risk))
        before = _after(before, leaving[day], risk)
    return found


def _most_at(day: int, ended: list[tuple[int, int]], watched: list[int]) -> _Estimate:
    gone = sorted(first for first, last in ended if last <= day)
    staying = len(ended) - len(gone)
    found: _Estimate = (1.0, 0.0)
    for end, leaving in sorted(Counter(gone).items()):
        found = _after(found, leaving, _at_risk(end, gone, watched) + staying)
    return found


def _at_risk(day: int, ends: list[int], watched: list[int]) -> int:
    """How many of these, both in order, last so many days or more."""
    return len(ends) - bisect_left(ends, day) + len(watched) - bisect_left(watched, day)


def _after(before: _Estimate, leaving: int, risk: int) -> _Estimate:
    """The estimate once so many of those at risk have left."""
    share, spread = before
    if not leaving:
        return before
    if leaving == risk:
        return 0.0, spread
    return share * (risk - leaving) / risk, spread + leaving / (risk * (risk - leaving))


def _limit(estimate: _Estimate, side: int) -> float:
    """The end of the 95 % interval: the lower for 1, the upper for -1."""
    share, spread = estimate
    if share in (0.0, 1.0):
        return share
    return float(share ** exp(side * _Z * sqrt(spread) / -log(share)))
