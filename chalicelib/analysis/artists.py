"""An artist across lists: on which ones now and before, since when, with which tracks, and where first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ..lake.lake import Lake
from ..lake.tables import Row, to_json
from ..lake.warehouse import Warehouse
from .charts import Charts, open_charts


@dataclass(frozen=True)
class Stay:
    """A time on a list with one track or another: it began after `entered_after` (None: nothing tells how long before)
    and up to `entered_on`, and ended after `last_seen_on` and up to `left_on` (None: not as far as is known)."""

    entered_after: date | None
    entered_on: date
    last_seen_on: date
    left_on: date | None

    def to_json(self) -> dict[str, Any]:
        return {name: day.isoformat() if day else None for name, day in vars(self).items()}


@dataclass(frozen=True)
class ArtistListing:
    """An artist on one list: `runs` (rows of that view) of all tracks, and the stays that they make together."""

    playlist: Row
    runs: list[Row]
    stays: list[Stay]

    @property
    def is_there(self) -> bool:
        """Whether the list's newest known day has a track of the artist, or may have one in an empty slot."""
        return self.stays[-1].left_on is None

    @property
    def peak_position(self) -> int:
        return min(int(run["peak_position"]) for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        return {
            "playlist": to_json(self.playlist),
            "is_there": self.is_there,
            "peak_position": self.peak_position,
            "stays": [stay.to_json() for stay in self.stays],
            "runs": [to_json(run) for run in self.runs],
        }


@dataclass(frozen=True)
class FirstSeen:
    """Where an artist was seen first, and when: after `entered_after` (None: nothing tells how long before) and up to
    `entered_on`. `is_certain`: no other list can have been earlier."""

    playlist_id: str
    playlist_name: str | None
    entered_after: date | None
    entered_on: date
    is_certain: bool

    def to_json(self) -> dict[str, Any]:
        days = {
            "entered_after": self.entered_after.isoformat() if self.entered_after else None,
            "entered_on": self.entered_on.isoformat(),
        }
        return vars(self) | days


@dataclass(frozen=True)
class ArtistHistory:
    """An artist (a row of the view `artists`) on every list: where a track is there now, then the others; of these the
    best place first."""

    artist: Row
    first_seen: FirstSeen
    listings: list[ArtistListing]

    def to_json(self) -> dict[str, Any]:
        return {
            "artist": to_json(self.artist),
            "first_seen": self.first_seen.to_json(),
            "playlists": [listing.to_json() for listing in self.listings],
        }


def find_artists(warehouse: Warehouse, text: str) -> list[Row]:
    """The artist that has this id, else those whose name contains the text, those on most lists first: `artist_key`,
    `id` (None: only files without ids name it), `name` and on how many `lists`."""
    return warehouse.read(
        """
        WITH credited AS (
          SELECT playlist_id, snapshot_date, unnest(artists) AS artist FROM entries
        ),
        found AS (
          SELECT
            coalesce(artist.id, artist.name) AS artist_key,
            artist.id AS id,
            arg_max(artist.name, snapshot_date) AS name,
            count(DISTINCT playlist_id) AS lists
          FROM credited
          WHERE artist.id = $text OR contains(lower(strip_accents(artist.name)), lower(strip_accents($text)))
          GROUP BY ALL
        )
        SELECT * FROM found WHERE id = $text OR NOT EXISTS (FROM found WHERE id = $text)
        ORDER BY lists DESC, name, artist_key
        """,
        {"text": text.strip()},
    )


def narrow_to_tracks(warehouse: Warehouse, track_keys: Sequence[str], artist_keys: Sequence[str]) -> None:
    """Keep only the entries of these tracks (keys over all lists, as `lake_key` in `recordings`) and of these artists'
    tracks, under all URIs of each: also on lists whose files write the artists in another way, or without ids."""
    warehouse.narrow(
        "entries",
        """
        CASE
          WHEN uri IS NULL
            THEN list_has_any($artists, list_transform(artists, lambda artist: coalesce(artist.id, artist.name)))
          ELSE uri IN (
            WITH named AS (
              SELECT uri FROM (SELECT DISTINCT uri, artists FROM entries)
              WHERE list_contains($tracks, uri)
                OR list_has_any($artists, list_transform(artists, lambda artist: coalesce(artist.id, artist.name)))
            ),
            meant AS (
              SELECT lake_key FROM recordings WHERE uri IN (FROM named) OR list_contains($tracks, lake_key)
            )
            SELECT uri FROM named WHERE uri IS NOT NULL
            UNION SELECT uri FROM recordings WHERE lake_key IN (FROM meant)
          )
        END
        """,
        {"tracks": list(track_keys), "artists": list(artist_keys)},
    )


def read_artist(lake: Lake, today: date, text: str, decide: Callable[[list[Row]], Sequence[Row]]) -> ArtistHistory:
    """The history of the artist that an id or a name means: `decide` takes of those that `find_artists` gives the one
    that is meant, with those under other keys behind it. `today` is the day not over yet."""
    meant: list[str] = []

    def choose(warehouse: Warehouse) -> None:
        meant.extend(row["artist_key"] for row in decide(find_artists(warehouse, text)))
        narrow_to_tracks(warehouse, [], meant)

    with open_charts(lake, today, choose=choose) as charts:
        return _history(charts, meant[0])


def stays_of(runs: Iterable[Row]) -> list[Stay]:
    """The stays that runs make together: two are one, unless a known day lies between on which none is there."""
    found: list[Stay] = []
    for run in sorted(runs, key=lambda run: (run["entered_after"] or date.min, run["entered_on"])):
        stay = Stay(run["entered_after"], run["entered_on"], run["last_seen_on"], run["left_on"])
        if found and not _is_between(found[-1].left_on, stay.entered_after):
            stay = _together(found.pop(), stay)
        found.append(stay)
    return found


def _is_between(left_on: date | None, entered_after: date | None) -> bool:
    """Whether a day is known on which the one had left and the other had not come."""
    return left_on is not None and entered_after is not None and left_on <= entered_after


def _together(one: Stay, other: Stay) -> Stay:
    left = None if one.left_on is None or other.left_on is None else max(one.left_on, other.left_on)
    return Stay(
        one.entered_after,
        min(one.entered_on, other.entered_on),
        max(one.last_seen_on, other.last_seen_on),
        left,
    )


def first_seen(listings: Sequence[ArtistListing]) -> FirstSeen:
    """The list on which the artist was seen first; of several on one day that of the best place."""
    first, *others = sorted(listings, key=lambda one: (one.stays[0].entered_on, one.peak_position))
    stay = first.stays[0]
    # On the first known day of a list, nobody knows for how long a track had been there.
    earliest = [after and after + timedelta(days=1) for after in (one.stays[0].entered_after for one in others)]
    is_certain = all(day is not None and day >= stay.entered_on for day in earliest)
    playlist = first.playlist
    return FirstSeen(playlist["playlist_id"], playlist["name"], stay.entered_after, stay.entered_on, is_certain)


def _history(charts: Charts, artist_key: str) -> ArtistHistory:
    """What charts of nothing but an artist's tracks tell."""
    (artist,) = charts.warehouse.read(
        "SELECT artist_key, artist_id, name, url FROM artists WHERE artist_key = $key", {"key": artist_key}
    )
    runs: dict[str, list[Row]] = {}
    for run in charts.warehouse.read("SELECT * FROM runs ORDER BY entered_on, track_key"):
        runs.setdefault(run.pop("playlist_id"), []).append(run)
    playlists = {row["playlist_id"]: row for row in charts.playlists()}
    listings = [ArtistListing(playlists[one], own, stays_of(own)) for one, own in runs.items()]
    listings.sort(key=lambda one: (not one.is_there, one.peak_position, one.playlist["playlist_id"]))
    return ArtistHistory(artist, first_seen(listings), listings)
