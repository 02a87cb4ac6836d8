"""What the views say, reckoned once more: plain Python, day by day, from the definitions in docs/data.md.

A `History` is one list: for each known day its entries in order, as (position, key, uri); None stands for an empty slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

Entry = tuple[int, str | None]


@dataclass(frozen=True)
class Stay:
    """A track's interval on a list."""

    key: str
    entered_on: date
    entered_after: date | None
    last_seen_on: date
    left_on: date | None
    days: int
    gap_days: int
    peak_position: int
    first_position: int
    last_position: int


def chart_rows(history: dict[date, list[Entry]], cadence: int = 1) -> list[dict[str, Any]]:
    """The rows of the view `chart` for one list: its figures, by day and position."""
    rows = []
    peaks: dict[str, int] = {}
    counts: dict[str, int] = {}
    streaks: dict[str, int] = {}
    debuts: dict[str, date] = {}
    before: dict[str, int] = {}
    previous: date | None = None
    for day in sorted(history):
        places = best_places(history[day])
        for key, place in places.items():
            debuts.setdefault(key, day)
            peaks[key] = min(place, peaks.get(key, place))
            counts[key] = counts.get(key, 0) + 1
        streaks = {key: streaks.get(key, 0) + 1 for key in places}
        first = min(history)
        seen: set[str] = set()
        for position, key in history[day]:
            row = dict.fromkeys(("previous_position", "movement", "change", "peak_position", "days_on_list", "streak"))
            row |= {"snapshot_date": day, "position": position, "track_key": key, "debut_date": None}
            row |= {"previous_date": previous, "listed_before": None}
            row["gap_days"] = None if previous is None else max((day - previous).days // cadence - 1, 0)
            if key is not None:
                old = before.get(key)
                row |= {
                    "previous_position": old,
                    "peak_position": peaks[key],
                    "days_on_list": counts[key],
                    "streak": streaks[key],
                    "debut_date": debuts[key],
                    "listed_before": debuts[key] == first,
                }
                if key in seen:
                    row["change"] = "duplicate" if day != first else None
                else:
                    row["movement"] = None if old is None else old - position
                    row["change"] = None if day == first else _change(old, position, debuts[key] == day)
                seen.add(key)
            rows.append(row)
        before, previous = places, day
    return rows


def _change(old: int | None, position: int, debut: bool) -> str:
    if old is None:
        return "new" if debut else "re-entry"
    return "up" if position < old else "down" if position > old else "same"


def best_places(entries: Iterable[Entry]) -> dict[str, int]:
    """Where each track stands first on one day."""
    places: dict[str, int] = {}
    for position, key in sorted(entries):
        if key is not None:
            places.setdefault(key, position)
    return places


def stays(history: dict[date, list[Entry]], cadence: int = 1) -> list[Stay]:
    """The rows of the view `runs` for one list, by track and day."""
    days = sorted(history)
    places = {day: best_places(history[day]) for day in days}
    found = []
    for key in sorted({key for day in days for key in places[day]}):
        run: list[date] = []
        for number, day in enumerate([*days, None]):
            if day is not None and key in places[day]:
                run.append(day)
            elif run:
                began = days.index(run[0])
                found.append(
                    Stay(
                        key=key,
                        entered_on=run[0],
                        entered_after=days[began - 1] if began else None,
                        last_seen_on=run[-1],
                        left_on=day,
                        days=len(run),
                        gap_days=max((run[-1] - run[0]).days // cadence + 1 - len(run), 0),
                        peak_position=min(places[one][key] for one in run),
                        first_position=places[run[0]][key],
                        last_position=places[run[-1]][key],
                    )
                )
                run = []
            assert number == len(days) or day is not None
    return found
