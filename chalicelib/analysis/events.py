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

# The views of all days that `events` is made of, in their order.
_OF_ALL_DAYS = ("mixed_days", "known_days", "recordings", "playlists", "emptied", "slots", "moments")
# What `events` asks of some of them; DuckDB leaves the rest uncomputed.
_ASKED = {"recordings": "playlist_id, uri, track_key", "playlists": "playlist_id, name"}


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
    for name in _OF_ALL_DAYS:
        warehouse.hold(name, f"SELECT {_ASKED.get(name, '*')} FROM ({view_sql(name)})")
    _hold_unnamed(warehouse)


def _hold_unnamed(warehouse: Warehouse) -> None:
    """The entries without a URI. Few go by what they are called, and reading artists costs more than all else."""
    warehouse.hold("unnamed", f"SELECT {_OF_UNNAMED} FROM entries WHERE uri IS NULL")
    if warehouse.read("SELECT 1 AS one FROM unnamed WHERE item_id IS NULL AND isrc IS NULL AND name <> '' LIMIT 1"):
        warehouse.hold("unnamed", f"SELECT {_OF_UNNAMED}, artists FROM entries WHERE uri IS NULL")


def _define_events(warehouse: Warehouse, today: date, since: date, until: date) -> None:
    """The view `events`, which is right about the days from `since` to `until`."""
    first = date.min if since == date.min else _narrow_entries(warehouse, since, until)
    for name in ("placed", "keyed"):
        warehouse.define(name, view_sql(name))
    warehouse.hold("moves", f"SELECT {_OF_MOVES} FROM ({view_sql('moves')})")
    if first > date.min:
        warehouse.hold("moves", _NEAR_MOVES.format(first=first))
    warehouse.define("events", view_sql("events").replace("CURRENT_DATE", f"DATE '{today}'"))


def _narrow_entries(warehouse: Warehouse, since: date, until: date) -> date:
    """Let `entries` keep only what is needed of the days from `since` to `until`; gives the first day from which on all
    of it is whole."""
    warehouse.hold("starts", _STARTS.format(since=since, until=until))
    (found,) = warehouse.read("SELECT min(day) AS first FROM starts")
    first: date = found["first"] or since
    warehouse.hold("near", _NEAR_ENTRIES.format(first=first, until=until))
    warehouse.hold("wanted", _WANTED)
    warehouse.hold("needed", _NEEDED.format(first=first))
    warehouse.define("entries", "SELECT * FROM needed")
    warehouse.hold("snapshots", _OF_NEAR_DAYS.format(first=first))
    return first


# The columns of `entries` that the views of items and `events` ask for: most of what an entry holds is left unread.
_OF_ENTRIES = "playlist_id, snapshot_date, position, uri, added_at, item_type, item_id, name, artists, isrc, label"
_OF_UNNAMED = "playlist_id, snapshot_date, position, uri, added_at, item_type, item_id, name, isrc"
# For each list the first day whose entries the days that are asked for may tell of: the known day before these, or an
# earlier one, as long as an empty slot held what was seen on it after it, or might have.
_STARTS = """
SELECT watched.playlist_id, min(watched.snapshot_date) AS day
FROM slots AS watched
LEFT JOIN slots AS gone ON watched.playlist_id = gone.playlist_id AND watched.gone_number = gone.day_number
LEFT JOIN slots AS whole ON watched.playlist_id = whole.playlist_id AND watched.whole_after = whole.day_number
WHERE watched.snapshot_date <= DATE '{until}' AND (
  watched.snapshot_date >= DATE '{since}' OR watched.next_date >= DATE '{since}' OR gone.snapshot_date >= DATE '{since}'
  OR whole.snapshot_date BETWEEN DATE '{since}' AND DATE '{until}'
)
GROUP BY watched.playlist_id
"""
_NEAR_ENTRIES = f"SELECT {_OF_ENTRIES} FROM entries WHERE snapshot_date BETWEEN DATE '{{first}}' AND DATE '{{until}}'"
# The snapshots without what a list told of itself, but from these days on, and where it told it last before them.
_OF_NEAR_DAYS = """
WITH earlier AS (
  SELECT
    snapshots.playlist_id,
    max(CASE WHEN name IS NOT NULL THEN snapshots.snapshot_date END) AS name,
    max(CASE WHEN description IS NOT NULL THEN snapshots.snapshot_date END) AS description,
    max(CASE WHEN owner_id IS NOT NULL THEN snapshots.snapshot_date END) AS owner_id,
    max(CASE WHEN followers IS NOT NULL THEN snapshots.snapshot_date END) AS followers
  FROM snapshots JOIN known_days
    ON snapshots.playlist_id = known_days.playlist_id AND snapshots.snapshot_date = known_days.snapshot_date
  WHERE snapshots.snapshot_date < DATE '{first}'
  GROUP BY snapshots.playlist_id
)
SELECT snapshots.* REPLACE (
  CASE WHEN snapshot_date >= coalesce(earlier.name, snapshot_date) THEN snapshots.name END AS name,
  CASE WHEN snapshot_date >= coalesce(earlier.description, snapshot_date) THEN snapshots.description END AS description,
  CASE WHEN snapshot_date >= coalesce(earlier.owner_id, snapshot_date) THEN snapshots.owner_id END AS owner_id,
  CASE WHEN snapshot_date >= coalesce(earlier.followers, snapshot_date) THEN snapshots.followers END AS followers
)
FROM snapshots LEFT JOIN earlier ON snapshots.playlist_id = earlier.playlist_id
"""
# The URIs of those who are seen from these days on, and the others under which they were seen.
_WANTED = """
WITH seen AS (
  SELECT DISTINCT
    near.playlist_id, near.uri, CASE WHEN near.uri IS NULL THEN upper(replace(near.isrc, '-', '')) END AS isrc
  FROM near JOIN starts ON near.playlist_id = starts.playlist_id AND near.snapshot_date >= starts.day
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
"""
# The whole history of these, up to the last day that is asked for, and of what has no URI. What an older entry is
# called is told nowhere, and its key follows from its URI.
_NEEDED = """
SELECT * FROM near
UNION ALL BY NAME
SELECT * FROM unnamed WHERE snapshot_date < DATE '{first}'
UNION ALL BY NAME
SELECT entries.playlist_id, entries.snapshot_date, entries.position, entries.uri, entries.added_at
FROM entries JOIN wanted ON entries.playlist_id = wanted.playlist_id AND entries.uri = wanted.uri
WHERE entries.snapshot_date < DATE '{first}'
"""
# What `events` asks of `moves`.
_OF_MOVES = (
    "playlist_id, track_key, snapshot_date, day_number, position, peak_position, days_on_list, last_number, "
    "previous_position, listed_before, starts, away_number, gone_number"
)
# Of `moves` the days from `first` on, and of each item that is seen then the day before. Of an item that has come
# higher than ever all its days, if an empty slot may have held it as high before.
_NEAR_MOVES = """
WITH recent AS (SELECT * FROM moves WHERE snapshot_date >= DATE '{first}'),
peaks AS (
  SELECT DISTINCT playlist_id, track_key
  FROM recent
  WHERE position = peak_position AND coalesce(previous_position, 0) <> position
    AND playlist_id IN (SELECT playlist_id FROM slots WHERE empty_slots > 0)
),
asked AS (
  SELECT playlist_id, track_key, day_number FROM recent
  UNION
  SELECT playlist_id, track_key, last_number FROM recent
  UNION
  SELECT moves.playlist_id, moves.track_key, moves.day_number
  FROM moves JOIN peaks ON moves.playlist_id = peaks.playlist_id AND moves.track_key = peaks.track_key
)
SELECT moves.* FROM moves JOIN asked
  ON moves.playlist_id = asked.playlist_id AND moves.track_key = asked.track_key AND moves.day_number = asked.day_number
"""
