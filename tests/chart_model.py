"""What the views say, reckoned once more: plain Python, day by day, from the definitions in docs/data.md.

A `History` is one list: for each known day its entries in order, as (position, key); None stands for an empty slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

Entry = tuple[int, str | None]
History = dict[date, list[Entry]]


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
    unseen_days: int
    most_days: int | None
    peak_position: int
    first_position: int
    last_position: int


@dataclass(frozen=True)
class Watch:
    """The known days of a list, and between which of them who is seen on one of them was surely away."""

    days: list[date]
    slots: dict[date, int]

    @classmethod
    def over(cls, history: History, missing: Mapping[date, int]) -> Watch:
        empty = {day: sum(key is None for _, key in entries) for day, entries in history.items()}
        return cls(sorted(history), {day: empty[day] + missing.get(day, 0) for day in history})

    def away(self, day: date) -> date | None:
        """The last known day before on which no further slot was empty."""
        return next((one for one in reversed(self.days) if one < day and self.slots[one] <= self.slots[day]), None)

    def gone(self, day: date) -> date | None:
        return next((one for one in self.days if one > day and self.slots[one] <= self.slots[day]), None)

    def runs(self, seen: list[date]) -> list[list[date]]:
        """The days on which one item is seen, cut where it was surely away in between."""
        found: list[list[date]] = []
        for day in seen:
            gone = self.gone(found[-1][-1]) if found else None
            if found and (gone is None or gone >= day):
                found[-1].append(day)
            else:
                found.append([day])
        return found


def chart_rows(history: History, cadence: int = 1, missing: Mapping[date, int] | None = None) -> list[dict[str, Any]]:
    """The rows of the view `chart` for one list: its figures, by day and position."""
    watch = Watch.over(history, missing or {})
    places = {day: best_places(history[day]) for day in watch.days}
    rows = []
    for number, day in enumerate(watch.days):
        previous = watch.days[number - 1] if number else None
        told: set[str] = set()
        for position, key in history[day]:
            row = dict.fromkeys(("previous_position", "movement", "change", "peak_position", "days_on_list", "streak"))
            row |= {"snapshot_date": day, "position": position, "track_key": key, "debut_date": None}
            row |= {"previous_date": previous, "listed_before": None}
            row["gap_days"] = None if previous is None else max((day - previous).days // cadence - 1, 0)
            if key is not None:
                row |= _figures(watch, places, key, day, previous)
                if key in told:
                    row |= {"movement": None, "change": row["change"] and "duplicate"}
                told.add(key)
            rows.append(row)
    return rows


def _figures(
    watch: Watch, places: dict[date, dict[str, int]], key: str, day: date, previous: date | None
) -> dict[str, Any]:
    seen = [one for one in watch.days if one <= day and key in places[one]]
    run = watch.runs(seen)[-1]
    old = places[previous].get(key) if previous else None
    position = places[day][key]
    before = watch.away(seen[0]) is None
    if previous is None:
        change = None
    elif run == [day] and len(seen) > 1:
        change = "re-entry"
    elif run == [day] and not before:
        change = "new"
    elif old is None:
        change = "unseen"
    else:
        change = "up" if position < old else "down" if position > old else "same"
    return {
        "previous_position": old,
        "movement": None if old is None else old - position,
        "change": change,
        "peak_position": min(places[one][key] for one in seen),
        "days_on_list": len(seen),
        "streak": len(run),
        "debut_date": seen[0],
        "listed_before": before,
    }


def best_places(entries: Iterable[Entry]) -> dict[str, int]:
    """Where each track stands first on one day."""
    places: dict[str, int] = {}
    for position, key in sorted(entries):
        if key is not None:
            places.setdefault(key, position)
    return places


def stays(history: History, cadence: int = 1, missing: Mapping[date, int] | None = None) -> list[Stay]:
    """The rows of the view `runs` for one list, by track and day."""
    watch = Watch.over(history, missing or {})
    places = {day: best_places(history[day]) for day in watch.days}
    found = []
    for key in sorted({key for day in watch.days for key in places[day]}):
        for run in watch.runs([day for day in watch.days if key in places[day]]):
            after, gone = watch.away(run[0]), watch.gone(run[-1])
            known = [day for day in watch.days if run[0] <= day and (gone is None or day < gone)]
            # Up to the day before it was gone; where nobody saw it gone, up to the list's last known day.
            most = (gone - after).days - 1 if after and gone else (watch.days[-1] - after).days if after else None
            found.append(
                Stay(
                    key=key,
                    entered_on=run[0],
                    entered_after=after,
                    last_seen_on=run[-1],
                    left_on=gone,
                    days=len(run),
                    gap_days=max((run[-1] - run[0]).days // cadence + 1 - len(run), 0),
                    unseen_days=len(known) - len(run),
                    most_days=None if most is None else max(most // cadence, len(run)),
                    peak_position=min(places[one][key] for one in run),
                    first_position=places[run[0]][key],
                    last_position=places[run[-1]][key],
                )
            )
    return found
