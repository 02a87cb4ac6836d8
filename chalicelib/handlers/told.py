"""What each channel was told: one small object a channel in `state/told/`, changed by compare-and-swap.

It holds the day from which events count (`from`), the ids of those that were told since, and what is wrong with the
channel if something is. So a retry, a second run or `--again` finds what is told already; and as long as something is
not told, `from` stays where it is, so that nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from ..analysis.events import Event
from ..lake import keys
from ..lake.lake import Lake

# Days that are looked back: a day that was mended this week is told, one of last month is not news any more.
_DAYS = 7
# What a channel could not be told for a year is let go.
_MOST_DAYS = 366
# After so long a channel that fails is dead: a person has to look.
DEAD_AFTER = timedelta(days=1)

# What a state says of a channel that fails: since when, why, and whether a mail has said so.
FAILING = ("failing_since", "why", "alarmed")

State = dict[str, Any]


class Told:
    """One channel's memory. It begins with what was seen the day before it was asked for."""

    def __init__(self, lake: Lake, channel: str, today: date) -> None:
        self.key = keys.told(channel)
        self._lake, self._today = lake, today
        self.state: State = lake.read_state(self.key)
        if "from" not in self.state:
            begin = (today - timedelta(days=1)).isoformat()
            self.change(lambda state: {"from": begin, "told": {}} | state)

    @property
    def since(self) -> date:
        return date.fromisoformat(self.state["from"])

    def untold(self, events: Iterable[Event]) -> list[Event]:
        """Those of them that this channel was not told, the oldest first."""
        told = {event_id for ids in self.state["told"].values() for event_id in ids}
        return [event for event in events if event.snapshot_date >= self.since and event.event_id not in told]

    def mark(self, events: Iterable[Event]) -> None:
        """Remember that these are told, and that the channel works."""
        self.change(lambda state: _working(with_told(state, events)))

    def rest(self, pending: bool) -> None:
        """After a channel did not fail. Let go of what is too old to be asked for again; where something is pending, of
        nothing of this year."""
        if not pending and "failing_since" in self.state:
            self.change(_working)
        first = (self._today - timedelta(days=_MOST_DAYS if pending else _DAYS)).isoformat()
        if first > self.state["from"]:
            self.change(lambda state: _from(state, max(first, state["from"])))

    def failed(self, why: str, now: datetime) -> None:
        """Remember since when the channel fails, and why."""
        self.change(lambda state: {"failing_since": now.isoformat()} | state | {"why": why})

    def change(self, change: Any) -> None:
        """Change the object by compare-and-swap; `state` is then as it was written."""

        def changed(before: State) -> State:
            self.state = change(before)
            return self.state

        self._lake.update_state(self.key, changed)


def is_dead(state: Mapping[str, Any], now: datetime) -> bool:
    """Whether a channel fails for a day already."""
    since = state.get("failing_since")
    return since is not None and now - datetime.fromisoformat(since) >= DEAD_AFTER


def with_told(state: State, events: Iterable[Event]) -> State:
    told: dict[str, list[str]] = {day: list(ids) for day, ids in state["told"].items()}
    for event in events:
        of_day = told.setdefault(event.snapshot_date.isoformat(), [])
        if event.event_id not in of_day:
            of_day.append(event.event_id)
    return state | {"told": told}


def without_told(state: State, ids: Collection[str]) -> State:
    """As if these had never been told."""
    told = {day: [one for one in those if one not in ids] for day, those in state["told"].items()}
    return state | {"told": {day: those for day, those in told.items() if those}}


def _working(state: State) -> State:
    return {name: value for name, value in state.items() if name not in FAILING}


def _from(state: State, first: str) -> State:
    return state | {"from": first, "told": {day: ids for day, ids in state["told"].items() if day >= first}}


def ids_of(events: Sequence[Event]) -> list[str]:
    return [event.event_id for event in events]
