"""What happened to the lists: the rows of the view `events`, of some lists, days and kinds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..errors import NotKept, TooLarge
from ..lake.lake import Lake
from ..lake.warehouse import Warehouse, open_warehouse
from .views import EVENT_KINDS, view_sql

# The views that `events` is made of, in their order: those of all days, and those that only need what is told of.
_OF_ALL_DAYS = ("mixed_days", "known_days", "recordings", "slots", "playlists")
_OF_ITEMS = ("placed", "keyed", "moves")
# What of `recordings` these views ask for; DuckDB leaves the rest uncomputed.
_IDENTITY = "SELECT playlist_id, uri, track_key FROM ({})"


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
    since: date | None = date.min,
    until: date = date.max,
    kinds: Collection[str] = EVENT_KINDS,
    min_move: int = 1,
    min_followers: int = 1,
    today: date | None = None,
    most_entries: int | None = None,
) -> Iterator[Event]:
    """The events of these lists (none: of all) from `since` (None: their newest known day) to `until`, by day, list,
    kind and place.

    `min_move` and `min_followers` are the least change, either way, that is told as `moved` and `followers_jump`.
    `today` is the day that is not over yet, without it that of UTC. Raises as `open_warehouse`, `TooLarge` where the
    lists have more than `most_entries` in the lake, and without `since` `NotKept` where no day of them is known.
    """
    with open_warehouse(lake, playlists) as warehouse:
        _refuse_more(warehouse, most_entries)
        _define_days(warehouse)
        since = since or _newest_day(warehouse, lake)
        _define_events(warehouse, today or lake.now().date(), since, until)
        found = events_of(
            warehouse, since=since, until=until, kinds=kinds, min_move=min_move, min_followers=min_followers
        )
    yield from found


def events_of(
    warehouse: Warehouse,
    *,
    since: date = date.min,
    until: date = date.max,
    kinds: Collection[str] = EVENT_KINDS,
    min_move: int = 1,
    min_followers: int = 1,
) -> list[Event]:
    """The same of lists that are open already, with the view `events` over them."""
    rows = warehouse.read(
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


def _refuse_more(warehouse: Warehouse, most_entries: int | None) -> None:
    if most_entries is None:
        return
    (held,) = warehouse.read("SELECT count(*) AS entries FROM entries")
    if held["entries"] > most_entries:
        raise TooLarge(
            f"Events would be told of {held['entries']:,} entries in the lake; {most_entries:,} are the most here.",
            advice="Name one list, or ask `chartlake events`.",
        )


def _newest_day(warehouse: Warehouse, lake: Lake) -> date:
    (found,) = warehouse.read("SELECT max(snapshot_date) AS newest FROM known_days")
    newest: date | None = found["newest"]
    if newest is None:
        raise NotKept(
            f"No day of any of these lists is known in {lake.store.locate('')}.",
            advice="`chartlake coverage` says why; `chartlake extract` takes today's snapshots.",
        )
    return newest


def _define_days(warehouse: Warehouse) -> None:
    """The views of all days. They are read many times, and each view's text would open all files anew."""
    warehouse.hold("snapshots", f"SELECT {_OF_SNAPSHOTS} FROM snapshots")
    for name in _OF_ALL_DAYS:
        warehouse.hold(name, _IDENTITY.format(view_sql(name)) if name == "recordings" else view_sql(name))


def _define_events(warehouse: Warehouse, today: date, since: date, until: date) -> None:
    """The view `events`, which is right about the days from `since` to `until`."""
    if since > date.min:
        condition = _NEEDED.format(since=since, until=until)
        warehouse.hold("needed", f"SELECT {_OF_ENTRIES} FROM entries WHERE {condition}")
        warehouse.define("entries", "SELECT * FROM needed")
    for name in _OF_ITEMS:
        make = warehouse.hold if name == "placed" else warehouse.define
        make(name, view_sql(name))
    warehouse.define("events", view_sql("events").replace("CURRENT_DATE", f"DATE '{today}'"))


# The columns of `snapshots` that the views and `events` ask for.
_OF_SNAPSHOTS = (
    "playlist_id, snapshot_date, name, description, owner_id, owner_name, followers, total, entry_count, status, "
    "reason, replacing, position_quality, source"
)
# The columns of `entries` that the views of items and `events` ask for: most of what an entry holds is left unread.
_OF_ENTRIES = "playlist_id, snapshot_date, position, item_type, item_id, uri, name, artists, isrc, label, added_at"
# The whole history, up to the last day that is asked for, of those who are seen on one of these days or before them: on
# the known day before, or on an earlier one, as long as an empty slot held them after it, or might have.
_NEEDED = """
snapshot_date <= DATE '{until}' AND (
  uri IS NULL OR (playlist_id, uri) IN (
    WITH watched AS (
      SELECT slots.*, min(CASE WHEN empty_slots = 0 THEN snapshot_date END) OVER (
        PARTITION BY playlist_id ORDER BY day_number ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
      ) AS whole_after
      FROM slots
    ),
    starts AS (
      SELECT watched.playlist_id, min(watched.snapshot_date) AS day
      FROM watched LEFT JOIN known_days AS gone
        ON watched.playlist_id = gone.playlist_id AND watched.gone_number = gone.day_number
      WHERE watched.snapshot_date >= DATE '{since}' OR gone.snapshot_date >= DATE '{since}'
        OR whole_after BETWEEN DATE '{since}' AND DATE '{until}'
      GROUP BY watched.playlist_id
    ),
    seen AS (
      SELECT DISTINCT
        one.playlist_id, one.uri, CASE WHEN one.uri IS NULL THEN upper(replace(one.isrc, '-', '')) END AS isrc
      FROM entries AS one JOIN starts ON one.playlist_id = starts.playlist_id AND one.snapshot_date >= starts.day
      WHERE one.snapshot_date <= DATE '{until}'
    ),
    meant AS (
      SELECT seen.playlist_id, coalesce(recordings.track_key, seen.isrc) AS track_key
      FROM seen
      LEFT JOIN recordings ON seen.playlist_id = recordings.playlist_id AND seen.uri = recordings.uri
    )
    SELECT playlist_id, uri FROM seen WHERE uri IS NOT NULL
    UNION
    SELECT recordings.playlist_id, recordings.uri
    FROM recordings
    JOIN meant ON recordings.playlist_id = meant.playlist_id AND recordings.track_key = meant.track_key
  )
)
"""
