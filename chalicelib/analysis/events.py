"""What happened to the lists: the rows of the view `events`, of some lists, days and kinds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..lake.lake import Lake
from .charts import Charts, open_charts

ITEM_KINDS = ("entered", "re-entered", "left", "moved", "new_peak", "number_one", "milestone")
LIST_KINDS = (
    *("list_renamed", "description_changed", "owner_changed", "list_emptied", "followers_jump"),
    *("gap_began", "gap_ended"),
)
KINDS = (*ITEM_KINDS, *LIST_KINDS)


@dataclass(frozen=True)
class Event:
    """A row of the view `events`: what happened to a list, or to an item on it, after `after_date` and up to
    `snapshot_date`. docs/data.md tells what the columns mean for each kind."""

    playlist_id: str
    playlist_name: str | None
    event_id: str
    kind: str
    snapshot_date: date
    after_date: date
    item_key: str | None
    uri: str | None
    name: str | None
    artist_names: str | None
    artist_ids: str | None
    isrc: str | None
    label: str | None
    position: int | None
    previous_position: int | None
    number: int | None
    was: str | None
    became: str | None
    is_news: bool

    def to_json(self) -> dict[str, Any]:
        """The columns by name, days as ISO text."""
        days = {"snapshot_date": self.snapshot_date.isoformat(), "after_date": self.after_date.isoformat()}
        return vars(self) | days


def read_events(
    lake: Lake,
    *,
    playlists: Iterable[str] = (),
    since: date = date.min,
    until: date = date.max,
    kinds: Collection[str] = KINDS,
    min_move: int = 1,
    min_followers: int = 1,
    today: date | None = None,
) -> Iterator[Event]:
    """The events of these lists (none: of all) from `since` to `until`, by day, list, kind and place.

    `min_move` and `min_followers` are the least change, either way, that is told as `moved` and `followers_jump`.
    `today` is the day that is not over yet, without it that of UTC. Raises as `open_charts`.
    """
    with open_charts(lake, today or lake.now().date(), playlists) as charts:
        found = events_of(charts, since=since, until=until, kinds=kinds, min_move=min_move, min_followers=min_followers)
    yield from found


def events_of(
    charts: Charts,
    *,
    since: date = date.min,
    until: date = date.max,
    kinds: Collection[str] = KINDS,
    min_move: int = 1,
    min_followers: int = 1,
) -> list[Event]:
    """The same of lists that are open already."""
    rows = charts.warehouse.read(
        """
        SELECT * FROM events
        WHERE snapshot_date BETWEEN $since AND $until AND list_contains($kinds, kind)
          AND (kind <> 'moved' OR abs(number) >= $min_move)
          AND (kind <> 'followers_jump' OR abs(number) >= $min_followers)
        ORDER BY snapshot_date, playlist_id, kind, position NULLS LAST, previous_position, event_id
        """,
        {"since": since, "until": until, "kinds": list(kinds), "min_move": min_move, "min_followers": min_followers},
    )
    return [Event(**row) for row in rows]
