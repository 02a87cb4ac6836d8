"""Tracks and artists across lists, for many of them at once: what is watched, and what stands on the newest days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from ..lake.lake import Lake
from ..lake.tables import Row
from ..lake.warehouse import Warehouse
from .artists import ArtistListing, narrow_to_tracks, stays_of
from .charts import Charts, open_charts
from .watchlist import Watchlist

# A list's places are told for so many equal parts of the time that a page looks at, at most.
PARTS = 120
# A list that is this much older than the newest one of all has ended.
_ENDED_DAYS = 7


@dataclass(frozen=True)
class Subject:
    """A track or an artist that gets a page: its key, the latest name and link, and its time on each list.

    Of a track, `credits` are the keys and names of its artists; None of an artist. `places` are a track's best places
    on each list in each part of the time from its first day to the newest of all, `parts_of` that many: (part, place).
    """

    key: str
    name: str | None
    uri: str | None
    url: str | None
    is_watched: bool
    listings: list[ArtistListing]
    credits: list[tuple[str, str | None]] | None = None
    places: Mapping[str, list[tuple[int, int]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Across:
    """The subjects that get pages, those that matter first, and how many there would be without a bound. `last` is the
    newest known day of all lists; None where no day is known.
    """

    tracks: list[Subject]
    artists: list[Subject]
    tracks_in_all: int
    artists_in_all: int
    last: date | None


def parts_of(days: int) -> int:
    """In how many equal parts a time of so many days is told."""
    return min(PARTS, days)


def read_across(lake: Lake, today: date, watchlist: Watchlist, most: int, playlist_ids: Iterable[str] = ()) -> Across:
    """Of these lists (none: of all) at most `most` tracks and as many artists: what is watched first, then what stands
    on a list's newest day, on lists that go on before those that have ended, the best place first. All lists are read
    once, whatever their number."""
    chosen: list[list[Row]] = []

    def choose(warehouse: Warehouse) -> None:
        chosen.extend(_choose(warehouse, watchlist))
        kept = [row["key"] for row in chosen[0][:most]], [row["key"] for row in chosen[1][:most]]
        narrow_to_tracks(warehouse, *kept)

    with open_charts(lake, today, playlist_ids, choose=choose) as charts:
        tracks, artists = chosen
        return _across(charts, tracks, artists, most)


def _choose(warehouse: Warehouse, watchlist: Watchlist) -> tuple[list[Row], list[Row]]:
    """All tracks and all artists that could have a page, in the order in which they get one: `key`, `is_watched`."""
    asked = {
        "artists": [watch.reference for watch in watchlist.watches if watch.subject == "artist"],
        "tracks": [watch.reference for watch in watchlist.watches if watch.subject == "track"],
        "days": _ENDED_DAYS,
    }
    found = warehouse.read(_CANDIDATES, asked)
    return [row for row in found if row["kind"] == "track"], [row for row in found if row["kind"] == "artist"]


# Names of the watchlist are compared as it does: without regard to case and to blanks.
_CANDIDATES = r"""
WITH newest AS (
  SELECT playlist_id, snapshot_date, snapshot_date >= (SELECT max(snapshot_date) FROM known_days) - $days AS goes_on
  FROM known_days WHERE next_date IS NULL
),
lake AS (SELECT DISTINCT uri, lake_key FROM recordings),
seen AS (
  SELECT coalesce(lake.lake_key, entries.uri) AS track_key, entries.artists, goes_on, position
  FROM entries JOIN newest USING (playlist_id, snapshot_date) LEFT JOIN lake USING (uri)
  WHERE entries.uri IS NOT NULL
),
written AS (
  SELECT
    uri, item_id, upper(replace(isrc, '-', '')) AS isrc, artists,
    lower(trim(regexp_replace(name, '\s+', ' ', 'g'))) AS title
  FROM (
    SELECT DISTINCT uri, item_id, isrc, artists, name FROM entries
    WHERE uri IS NOT NULL AND len($tracks) + len($artists) > 0
  )
),
credited AS (SELECT *, unnest(artists) AS artist FROM written),
watched AS (
  SELECT DISTINCT 'track' AS kind, coalesce(lake.lake_key, credited.uri) AS key
  FROM credited LEFT JOIN lake USING (uri)
  WHERE list_has_any($tracks, [item_id, isrc, uri, coalesce(lake.lake_key, uri)])
    OR list_contains(list_transform($tracks, lambda one: lower(one)), title || ' by ' || lower(artists[1].name))
  UNION
  SELECT DISTINCT 'artist', coalesce(artist.id, artist.name) FROM credited
  WHERE list_contains($artists, artist.id)
    OR list_contains(list_transform($artists, lambda one: lower(one)), lower(artist.name))
),
candidates AS (
  SELECT 'track' AS kind, track_key AS key, goes_on, position FROM seen
  UNION ALL
  SELECT 'artist', coalesce(artist.id, artist.name), goes_on, position
  FROM (SELECT unnest(artists) AS artist, goes_on, position FROM seen)
  WHERE coalesce(artist.id, artist.name) <> ''
  UNION ALL
  SELECT kind, key, NULL, NULL FROM watched
)
SELECT kind, key, bool_or(watched.key IS NOT NULL) AS is_watched
FROM candidates LEFT JOIN watched USING (kind, key)
GROUP BY kind, key
ORDER BY
  is_watched DESC, bool_or(goes_on) DESC NULLS LAST, min(position) FILTER (goes_on) NULLS LAST, min(position), key
"""


def _across(charts: Charts, tracks: list[Row], artists: list[Row], most: int) -> Across:
    found = _Found(charts)
    places = _places(charts, [row["key"] for row in tracks[:most]])
    (newest,) = charts.warehouse.read("SELECT max(snapshot_date) AS day FROM known_days")
    return Across(
        [found.track(row, places[row["key"]]) for row in tracks[:most] if row["key"] in found.runs],
        [found.artist(row) for row in artists[:most] if row["key"] in found.credited],
        len(tracks),
        len(artists),
        newest["day"],
    )


class _Found:
    """What the views tell of all subjects, each asked once."""

    def __init__(self, charts: Charts) -> None:
        read = charts.warehouse.read
        self.runs: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for run in read(_RUNS):
            self.runs[run["any_key"]][run.pop("playlist_id")].append(run)
        self.credited: dict[str, list[str]] = defaultdict(list)
        self._credits: dict[str, list[str]] = defaultdict(list)
        for row in read(_CREDITS):
            self.credited[row["artist_key"]].append(row["any_key"])
            self._credits[row["any_key"]].append(row["artist_key"])
        self._playlists = {row["playlist_id"]: row for row in charts.playlists()}
        self._tracks = {row["track_key"]: row for row in read("SELECT track_key, name, uri, url FROM tracks")}
        self._artists = {row["artist_key"]: row for row in read("SELECT artist_key, artist_id, name, url FROM artists")}

    def track(self, row: Row, places: Mapping[str, list[tuple[int, int]]]) -> Subject:
        key, facts = row["key"], self._tracks.get(row["key"], {})
        known = [(one, self._artists[one]) for one in self._credits[key]]
        # Where a list tells ids, a file's names joined by commas tell nothing more.
        with_id = [(one, artist) for one, artist in known if artist["artist_id"]]
        return Subject(
            key,
            **{name: facts.get(name) for name in ("name", "uri", "url")},
            is_watched=row["is_watched"],
            listings=self._listings([key]),
            credits=[(one, artist["name"]) for one, artist in with_id or known],
            places=places,
        )

    def artist(self, row: Row) -> Subject:
        key, facts = row["key"], self._artists[row["key"]]
        uri = f"spotify:artist:{facts['artist_id']}" if facts["artist_id"] else None
        return Subject(
            key, facts["name"], uri, facts["url"], row["is_watched"], listings=self._listings(self.credited[key])
        )

    def _listings(self, track_keys: list[str]) -> list[ArtistListing]:
        found: dict[str, list[Row]] = defaultdict(list)
        for key in track_keys:
            for playlist_id, own in self.runs[key].items():
                found[playlist_id] += own
        made = [ArtistListing(self._playlists[one], own, stays_of(own)) for one, own in found.items()]
        return sorted(made, key=lambda one: (not one.is_there, one.peak_position, one.playlist["playlist_id"]))


# A list's own key of a track, and the one over all lists.
_LAKE = "(SELECT playlist_id, track_key, min(lake_key) AS lake_key FROM recordings GROUP BY ALL) AS lake"
_RUNS = f"""
SELECT runs.*, coalesce(lake.lake_key, track_key) AS any_key
FROM runs LEFT JOIN {_LAKE} USING (playlist_id, track_key)
ORDER BY entered_on, track_key
"""
_CREDITS = f"""
SELECT artist_key, coalesce(lake.lake_key, track_key) AS any_key
FROM credits LEFT JOIN {_LAKE} USING (playlist_id, track_key)
GROUP BY ALL ORDER BY any_key, min(place), artist_key
"""


def _places(charts: Charts, keys: list[str]) -> dict[str, dict[str, list[tuple[int, int]]]]:
    """For each of these tracks and each list the parts of the known time in which it was there, and the best place in
    each."""
    found: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    rows = charts.warehouse.read(
        f"""
        WITH placed AS (
          SELECT moves.playlist_id, coalesce(lake.lake_key, track_key) AS any_key, snapshot_date, position
          FROM moves LEFT JOIN {_LAKE} USING (playlist_id, track_key)
        ),
        spans AS (
          SELECT
            any_key,
            min(snapshot_date) AS first,
            (SELECT max(snapshot_date) FROM known_days) - min(snapshot_date) + 1 AS days
          FROM placed WHERE list_contains($keys, any_key) GROUP BY any_key
        )
        SELECT
          any_key, playlist_id, (snapshot_date - first) * least($parts, days) // days AS part, min(position) AS position
        FROM placed JOIN spans USING (any_key) GROUP BY ALL ORDER BY part
        """,
        {"parts": PARTS, "keys": keys},
    )
    for row in rows:
        found[row["any_key"]][row["playlist_id"]].append((row["part"], row["position"]))
    return found
