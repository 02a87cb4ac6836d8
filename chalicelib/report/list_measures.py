"""What a list's page tells of its measures (docs/measures.md): how long entries stay, how much is replaced, what other
lists have in common with it, whose labels they are. Each is None where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from ..analysis.charts import Chart, Charts
from ..analysis.measures import Tenure, shares, tenure, turnover
from ..lake import keys
from ..lake.tables import Row
from ..text import counted
from .phrases import clean, day_words, list_name, unit_of

# So many other lists, and labels, on a page; so many days of turnover are drawn.
MOST_LISTS = 10
_LABELS = 10
_DRAWN = 365
# After how many of a list's days the share of entries still there is told in numbers.
_TOLD = {"day": (1, 7, 30, 100, 365), "week": (1, 4, 13, 26, 52)}


def read_measures(charts: Charts, chart: Chart, overlaps: Sequence[Row]) -> dict[str, Any]:
    """What the template wants of a list on its newest known day; `overlaps` are its rows of `read_overlaps`."""
    playlist_id, day = chart.playlist["playlist_id"], chart.snapshot_date
    unit = unit_of(playlist_id)
    # Most lists tell no label, and to ask takes long.
    labelled = any(entry["label"] for entry in chart.entries)
    return {
        "tenure": _tenure(tenure(charts, playlist_id), unit),
        "turnover": _turnover(turnover(charts, playlist_id, date.min, date.max), unit),
        "overlap": _overlap(overlaps, day),
        "labels": _labels(shares(charts, playlist_id, "label", day)) if labelled else None,
    }


def drawings(measures: dict[str, Any]) -> dict[str, Any]:
    """What the page's script draws of it."""
    return {name: measures[name]["drawing"] for name in ("tenure", "turnover") if measures[name]}


def _tenure(found: Tenure, unit: str) -> dict[str, Any] | None:
    """`drawing` is for each number of days after which some left [it, the least and the most share still there, the
    ends of their interval]."""
    if not found.points:
        return None
    longest = found.points[-1].days
    return {
        "words": _half_life_words(found, unit),
        "counts": _counts_words(found, unit),
        "open": counted(found.open_ends, "stay") if found.open_ends else "",
        "figures": [(counted(days, unit), _still_there(found, days)) for days in _TOLD[unit] if days <= longest],
        "drawing": [
            [one.days, *(round(share, 3) for share in (one.least, one.most, one.low, one.high))] for one in found.points
        ],
    }


def _half_life_words(found: Tenure, unit: str) -> str:
    """`Half of the entries stay at least 9 days (8 to 11).`"""
    (least, most), (low, high) = found.half_life, found.half_life_interval
    if least is None:
        return f"More than half of the entries stay longer than {counted(found.points[-1].days, unit)}."
    interval = f"{low:,} or more" if high is None else f"{low:,}" if low == high else f"{low:,} to {high:,}"
    longer = f"{counted(least, unit)} or more" if most is None else f"{least:,} to {counted(most, unit)}"
    return f"Half of the entries stay at least {counted(least, unit) if least == most else longer} ({interval})."


def _counts_words(found: Tenure, unit: str) -> str:
    left_out = (
        f" Left out: {found.begun_unseen:,} that began before the first known {unit}, or in a gap."
        if found.begun_unseen
        else ""
    )
    there = "one is" if found.still_there == 1 else f"{found.still_there:,} are"
    return f"Of {counted(found.stays, 'stay')} that began in sight, {there} not over.{left_out}"


def _still_there(found: Tenure, days: int) -> str:
    """The share that is there for more than so many days: `61 %`, `0.3 %`, or `58 – 61 %` where ends are open."""
    before = [one for one in found.points if one.days <= days]
    least, most = (before[-1].least, before[-1].most) if before else (1.0, 1.0)
    told = dict.fromkeys(f"{100 * share:.{int(0 < share < 0.01)}f}" for share in (least, most))
    return f"{' – '.join(told)} %"


def _turnover(rows: Sequence[Row], unit: str) -> dict[str, Any] | None:
    """Of the days with no gap before them. `drawing` is for each of the newest known days its turnover, [it, the most
    that empty slots allow] where that is more, or None after a gap."""
    told = [row for row in rows if _is_whole(row)]
    if not told:
        return None
    most = max(told, key=lambda row: row["turnover"])
    return {
        "mean": _percent(sum(row["turnover"] for row in told) / len(told)),
        "days": counted(len(told), unit),
        "peak": f"{_percent(most['turnover'])} on {day_words(most['snapshot_date'])}" if most["turnover"] else "",
        "cut": len(rows) > _DRAWN,
        "gaps": any(row["interval_days"] > 1 for row in rows),
        "unsure": sum(row["most_turnover"] > row["turnover"] for row in told),
        "drawing": [_bar(row) if _is_whole(row) else None for row in rows[-_DRAWN:]],
    }


def _is_whole(row: Row) -> bool:
    return row["interval_days"] == 1 and row["turnover"] is not None


def _bar(row: Row) -> float | list[float]:
    turnover, most = (round(row[name], 4) for name in ("turnover", "most_turnover"))
    return [turnover, most] if most > turnover else turnover


def _overlap(rows: Sequence[Row], day: date) -> dict[str, Any] | None:
    if not rows:
        return None
    return {
        "lists": [
            {
                "name": list_name(row["name"], row["other_id"]),
                "link": f"../{keys.link(keys.playlist_page(row['other_id']))}",
                "common": row["common"],
                "of_this": row["items"],
                "of_other": row["other_items"],
                "alike": _percent(row["jaccard"]),
                "ranked": _percent(row["rank_biased_overlap"]),
                "day": row["snapshot_date"] if row["snapshot_date"] != day else None,
            }
            for row in rows
        ],
        "in_all": rows[0]["others"],
    }


def _labels(rows: Sequence[Row]) -> dict[str, Any]:
    known = [row for row in rows if row["share_key"] is not None]
    entries = sum(row["entries"] for row in known)
    return {
        "labels": [
            {
                "name": clean(row["name"]),
                "share": _percent(row["share"]),
                "width": round(100 * row["share"] / known[0]["share"], 1),
                "entries": row["entries"],
            }
            for row in known[:_LABELS]
        ],
        "in_all": len(known),
        "known": entries,
        "entries": sum(row["entries"] for row in rows),
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
