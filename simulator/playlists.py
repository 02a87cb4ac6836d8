"""The playlists there are, what stands in them at a moment, and how people's edits change them."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from .accounts import LISTENER, SPOTIFY, STRANGER
from .catalogue import SONGS_A_DAY
from .charts import Chart, ViralChart
from .curated import Curated
from .entries import Entry, EpisodeRef, LocalFile, SongRef
from .hashing import base62, fraction, number
from .oddities import oddities

TOP_50 = "37i9dQZEVXSimulatedT50"
VIRAL_50 = "37i9dQZEVXSimulatedV50"
CURATED = base62("simulated playlist", "curated")
TOP_50_LENGTH = VIRAL_50_LENGTH = 50
LIKED = "liked"
SENTINEL = "1970-01-01T00:00:00Z"
_FIRST_INSERTED_SONG = 500_000
_FIRST_LIKED_SONG = 40_000


@dataclass(frozen=True)
class Edit:
    """One change by its owner; places count from 0, as in Spotify's own requests."""

    remove_at: int | None = None
    insert_at: int | None = None
    rename: str | None = None


@dataclass(frozen=True)
class State:
    """A playlist at one moment; equal snapshot ids mean equal name, description and entries."""

    name: str
    description: str
    followers: int
    entries: tuple[Entry, ...]
    snapshot_id: str


@dataclass(frozen=True)
class Audience:
    """How many follow a list: `count` on 1 January 2026, twice as many `doubling` days later (negative: half)."""

    count: int
    doubling: int

    def on(self, playlist_id: str, day: date) -> int:
        """Give the followers of a day: those that the years bring, and some that come and go."""
        days = (day - date(2026, 1, 1)).days
        restless = 1 + 0.0005 * (fraction(playlist_id, "followers", day) - 0.5)
        return int(self.count * 2.0 ** (days / self.doubling) * restless)


class Playlist:
    """A list of entries that may change by itself from day to day, and by edits at any time. Thread-safe.

    `changed` gives the day of the list's own last change up to a day; without, it never changes by itself.
    `second_name` tells on which days it goes by its other name, `audience` how many follow it (else seven an entry).
    `personalised` lists give another snapshot id at every look, although their entries stay.
    """

    def __init__(
        self,
        playlist_id: str,
        name: str,
        owner: str,
        content: Callable[[date], tuple[Entry, ...]],
        *,
        changed: Callable[[date], date] = lambda day: date.min,
        second_name: tuple[str, Callable[[date], bool]] = ("", lambda day: False),
        audience: Audience | None = None,
        public: bool = True,
        collaborators: frozenset[str] = frozenset(),
        personalised: bool = False,
    ) -> None:
        self.id = playlist_id
        self.owner = owner
        self.public = public
        self.collaborators = collaborators
        self._name = name
        self._second_name = second_name
        self._content = content
        self._changed = changed
        self._audience = audience
        self._personalised = personalised
        self._lock = threading.Lock()
        self._edits: tuple[Edit, ...] = ()
        self._looks = itertools.count(1)
        self._edited = lru_cache(4)(self._apply)

    def state(self, now: datetime) -> State:
        """Give the list as it is at `now` (aware, UTC)."""
        changed = self._changed(now.date())
        with self._lock:
            edits = self._edits
            look = next(self._looks)
        name, description, entries = self._edited(changed, edits)
        followers = self._audience.on(self.id, now.date()) if self._audience else len(entries) * 7
        if self._personalised:
            snapshot_id = _snapshot_id(0, self.id, int(now.timestamp() * 1000), look)
        else:
            snapshot_id = _snapshot_id(len(edits) + changed.toordinal(), self.id, changed, len(edits))
        return State(name, description, followers, entries, snapshot_id)

    def edit(self, edit: Edit) -> None:
        """Change the list; the snapshot id changes with it, also when only the name does."""
        with self._lock:
            self._edits = (*self._edits, edit)

    def readable_in_full_by(self, user: str | None) -> bool:
        """Tell whether a user owns the list or collaborates on it."""
        return user is not None and (user == self.owner or user in self.collaborators)

    def _apply(self, day: date, edits: tuple[Edit, ...]) -> tuple[str, str, tuple[Entry, ...]]:
        second_name, is_second = self._second_name
        plain_name = second_name if is_second(day) else self._name
        entries, name = list(self._content(day)), f"{plain_name} (simulated)"
        for place, edit in enumerate(edits):
            if edit.remove_at is not None:
                del entries[edit.remove_at : edit.remove_at + 1]
            if edit.insert_at is not None:
                song = SongRef(_FIRST_INSERTED_SONG + place)
                entries.insert(edit.insert_at, Entry(song, "2026-01-01T00:00:00Z", self.owner))
            name = edit.rename or name
        description = f"{plain_name}: invented by the chartlake simulator (simulated), not by Spotify &amp; not real."
        return name, description, tuple(entries)


def every_playlist(seed: int, crowd: int = 0) -> dict[str, Playlist]:
    """Build the playlists there are, by their short names, and `crowd` more of 50 songs: `crowd-1`, `crowd-2`, …"""
    chart, viral, curated = Chart(seed), ViralChart(seed), Curated(seed, LISTENER)

    def static(entries: Callable[[], tuple[Entry, ...]]) -> Callable[[date], tuple[Entry, ...]]:
        once = lru_cache(1)(entries)
        return lambda _: once()

    def songs(first: int, count: int) -> Callable[[date], tuple[Entry, ...]]:
        return static(lambda: tuple(_plain(first + place, place) for place in range(count)))

    def mixed(first: int, count: int) -> Callable[[date], tuple[Entry, ...]]:
        return static(lambda: tuple(_mixed(first + place, place) for place in range(count)))

    def named(key: str) -> str:
        return base62("simulated playlist", key)

    return {
        "top-50": Playlist(
            TOP_50,
            "Top 50 - Global",
            SPOTIFY,
            lambda day: top_50(chart, seed, day),
            changed=lambda day: day,
            audience=Audience(16_900_000, 2_900),
        ),
        "viral-50": Playlist(
            VIRAL_50,
            "Viral 50 - Global",
            SPOTIFY,
            lambda day: viral_50(viral, day),
            changed=lambda day: day,
            audience=Audience(2_310_000, -4_100),
        ),
        "curated": Playlist(
            CURATED,
            "Songs for the Long Table",
            LISTENER,
            curated.entries,
            changed=curated.changed,
            second_name=("Songs for the Long Table, and for the Dishes After", curated.is_second_volume),
            audience=Audience(140, 170),
        ),
        "empty": Playlist(named("empty"), "Nothing Yet", LISTENER, songs(0, 0)),
        "one": Playlist(named("one"), "Just the One", LISTENER, songs(100, 1)),
        "fifty": Playlist(named("fifty"), "Half a Hundred", LISTENER, songs(200, 50)),
        "hundred-and-one": Playlist(named("hundred-and-one"), "One Too Many", LISTENER, songs(400, 101)),
        "large": Playlist(named("large"), "A Long Weekend", LISTENER, mixed(10_000, 2_500)),
        "huge": Playlist(named("huge"), "Everything, Ever", LISTENER, mixed(20_000, 10_000)),
        "oddities": Playlist(named("oddities"), "Cabinet of Oddities", LISTENER, static(lambda: oddities(LISTENER))),
        "restless": Playlist(
            f"37i9dQZF1E{base62('restless', length=12)}",
            "Made for Listener",
            SPOTIFY,
            songs(700, 30),
            personalised=True,
        ),
        "private": Playlist(named("private"), "Keep Out", STRANGER, songs(800, 12), public=False),
        "collaborative": Playlist(
            named("collaborative"), "Kitchen Radio", STRANGER, songs(900, 60), collaborators=frozenset({LISTENER})
        ),
        "followed": Playlist(named("followed"), "Stranger's Picks", STRANGER, songs(1000, 120)),
    } | {
        f"crowd-{number}": Playlist(named(f"crowd-{number}"), f"Crowd {number}", LISTENER, songs(100_000 + number, 50))
        for number in range(1, crowd + 1)
    }


def liked_songs(count: int = 60) -> Playlist:
    """Build the listener's Liked Songs, the newest first. It is no playlist of Spotify's: it has no id of its own."""
    first = datetime(2021, 3, 1, 7)

    def liked(place: int) -> Entry:
        added = first + timedelta(hours=3 * (count - place))
        return Entry(SongRef(_FIRST_LIKED_SONG + place), f"{added:%Y-%m-%dT%H:%M:%SZ}", None)

    entries = tuple(liked(place) for place in range(count))
    return Playlist(LIKED, "Liked Songs", LISTENER, lambda _: entries, public=False)


def top_50(chart: Chart, seed: int, day: date) -> tuple[Entry, ...]:
    """Give the chart of a day: 46 songs and, between positions 31 and 50, a repeat, a gap, an episode, a local file."""
    week = day.toordinal() // 7
    places = sorted(range(30, TOP_50_LENGTH), key=lambda place: fraction(seed, "extra", week, place))[:4]
    monday = date.fromordinal(week * 7)
    leaders = chart.leaders(day, TOP_50_LENGTH - len(places))
    repeated = leaders[number(seed, "repeat", week) % 30]
    extras = (
        _charted(seed, repeated),
        Entry(None, SENTINEL, ""),
        Entry(EpisodeRef(week % 500), f"{monday}T06:00:00Z", ""),
        Entry(LocalFile("Garage Choir", "Demos & Dust", "Take Four", 181), f"{monday}T00:00:00Z", ""),
    )
    entries = [_charted(seed, key) for key in leaders]
    for place, extra in sorted(zip(places, extras, strict=True), key=lambda pair: pair[0]):
        entries.insert(place, extra)
    return tuple(entries)


def viral_50(chart: ViralChart, day: date) -> tuple[Entry, ...]:
    """Give the viral chart of a day: 50 songs, without a day of adding."""
    return tuple(Entry(SongRef(key), SENTINEL, "") for key in chart.leaders(day, VIRAL_50_LENGTH))


def _charted(seed: int, key: int) -> Entry:
    if number(seed, "added", key) % 6 == 0:
        return Entry(SongRef(key), SENTINEL, "")
    released = date.fromordinal(key // SONGS_A_DAY)
    return Entry(SongRef(key), f"{released}T{5 + key % 12:02d}:00:00Z", "")


def _plain(key: int, place: int, owner: str = LISTENER) -> Entry:
    added = datetime(2021, 3, 1, 7) + timedelta(hours=3 * place)
    return Entry(SongRef(key), f"{added:%Y-%m-%dT%H:%M:%SZ}", owner)


def _mixed(key: int, place: int) -> Entry:
    """Give a song or, here and there, a null slot, an episode or a local file; no two slots hold the same."""
    entry = _plain(key, place)
    if place % 97 == 96:
        return replace(entry, content=None)
    if place % 61 == 60:
        return replace(entry, content=EpisodeRef(key))
    if place % 89 == 88:
        return replace(entry, content=LocalFile("Garage Choir", "Demos & Dust", f"Take {place + 1}", 60 + place % 300))
    return entry


def _snapshot_id(revision: int, *parts: object) -> str:
    """Encode as Spotify does: four bytes of revision, twenty of hash."""
    return base64.b64encode(revision.to_bytes(4, "big") + number(*parts, size=20).to_bytes(20, "big")).decode()
