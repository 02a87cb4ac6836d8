"""Invented artists, albums, songs and episodes: each computed from its number when somebody asks for it.

Songs numbered below `FIRST_CHART_SONG` are the library of ordinary playlists, ten to an album. From there on they are
the songs of the charts, `SONGS_A_DAY` released on every day of the calendar, so that a song's number tells its day;
every third Friday's come together on one record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from . import names
from .hashing import base62, number

SONGS_A_DAY = 3
FIRST_CHART_SONG = 1_000_000
LIBRARY_SONGS = 9000
_ARTIST_COUNT = 480
_SONGS_AN_ALBUM = 10
_CACHED_SONGS = 4096

MARKETS = names.words(
    "AR AU AT BE BO BR BG CA CL CO CR CY CZ DK DO DE EC EE SV FI FR GR GT HN HK HU IS IE IT LV LT LU MY MT MX NL NZ NI "
    "NO PA PY PE PH PL PT SG SK ES SE CH TW TR UY US GB AD LI MC ID JP TH VN RO IL ZA SA AE BH QA OM KW EG MA DZ TN LB "
    "JO PS IN BY KZ MD UA AL BA HR ME MK RS SI KR BD PK LK GH KE NG TZ UG AG AM BS BB BZ BT BW BF CV CW DM FJ GM GE GD "
    "GW GY HT JM KI LS LR MW MV ML MH FM NA NR NE PW PG PR WS SM ST SN SC SL SB KN LC VC SR TL TO TT TV VU AZ BN BI KH "
    "CM TD KM GQ SZ GA GN KG LA MO MR MN NP RW TG UZ ZW BJ MG MU MZ AO CI DJ ZM CD CG IQ LY TJ VE ET XK"
)


@dataclass(frozen=True)
class Artist:
    """A performer: `id` is 22 letters and digits."""

    id: str
    name: str


@dataclass(frozen=True)
class Album:
    """A release. `release_date` is as precise as `precision` says: day, month or year; `"0000"` is an unknown year."""

    id: str
    name: str
    kind: str
    artists: tuple[Artist, ...]
    release_date: str
    precision: str
    total_tracks: int


@dataclass(frozen=True)
class Song:
    """A track. `markets` are the countries where it plays; `substitute_id` is what a relinking market gets instead."""

    id: str
    name: str
    artists: tuple[Artist, ...]
    album: Album
    duration_ms: int
    explicit: bool
    isrc: str
    track_number: int
    popularity: int
    markets: tuple[str, ...]
    substitute_id: str | None


@dataclass(frozen=True)
class Episode:
    """An episode of a podcast."""

    id: str
    name: str
    show_id: str
    show: str
    duration_ms: int
    release_date: str


class Catalogue:
    """Everything that can stand in a playlist; equal seeds make equal catalogues."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.song = lru_cache(_CACHED_SONGS)(self._song)
        self._album = lru_cache(_CACHED_SONGS)(self._make_album)

    def artist(self, index: int) -> Artist:
        """Give the artist with this number, counted round after the last."""
        index %= _ARTIST_COUNT
        known = index < len(names.ARTISTS)
        name = names.ARTISTS[index] if known else names.artist(index)
        return Artist(base62(self._seed, "artist", index), name)

    def episode(self, key: int) -> Episode:
        """Give the episode with this number; shows take turns."""
        show = names.SHOWS[key % len(names.SHOWS)]
        released = date(2024, 1, 1) + timedelta(days=key % 900)
        return Episode(
            id=base62(self._seed, "episode", key),
            name=f"#{key + 1}: {self._title('episode', key)}",
            show_id=base62(self._seed, "show", show),
            show=f"{show} (simulated)",
            duration_ms=600_000 + number(self._seed, "length", key) % 3_000_000,
            release_date=released.isoformat(),
        )

    def _song(self, key: int) -> Song:
        dice = number(self._seed, "song", key)
        charting = key >= FIRST_CHART_SONG
        album = self._album(record_of(key) if charting else key // _SONGS_AN_ALBUM, charting)
        guests = (self.artist(dice >> 32), self.artist(dice >> 48))[: (0, 0, 0, 1, 2)[dice % 5]]
        artists = tuple(dict.fromkeys((album.artists[0], *guests)))
        song_id = base62(self._seed, "song", key)
        return Song(
            id=song_id,
            name=album.name if album.total_tracks == 1 else self._title("song", key),
            artists=artists,
            album=album,
            duration_ms=95_000 + (dice >> 8) % 260_000,
            explicit=(dice >> 16) % 4 == 0,
            isrc=_isrc(key, album.release_date),
            track_number=1 + (key - record_of(key) if charting else key % _SONGS_AN_ALBUM),
            popularity=(70 if charting else 5) + (dice >> 24) % 30,
            markets=_markets((dice >> 20) % 20),
            substitute_id=base62(song_id, "substitute") if (dice >> 40) % 17 == 0 else None,
        )

    def _make_album(self, key: int, charting: bool) -> Album:
        dice = number(self._seed, "album", key, charting)
        kind = "single" if charting else ("album", "album", "album", "compilation")[dice % 4]
        released, precision = _release(key, charting, dice >> 16)
        together = charting and record_of(key + 1) == key
        return Album(
            id=base62(self._seed, "album", key, charting),
            name=self._title("album", key),
            kind=kind,
            artists=(self.artist(_artist_of(dice >> 40, charting)),),
            release_date=released,
            precision=precision,
            total_tracks=SONGS_A_DAY if together else 1 if charting else _SONGS_AN_ALBUM,
        )

    def _title(self, kind: str, key: int) -> str:
        dice = number(self._seed, "title", kind, key)
        if dice % 8 == 0:
            return names.TITLES[(dice >> 8) % len(names.TITLES)]
        pattern = names.PATTERNS[(dice >> 8) % len(names.PATTERNS)]
        first, second = (names.WORDS[(dice >> shift) % len(names.WORDS)] for shift in (24, 40))
        return pattern.format(a=first, b=second)


def is_release_day(day: int) -> bool:
    """Tell whether that day (a proleptic ordinal) is a Friday, when most of what is awaited comes out."""
    return date.fromordinal(day).weekday() == 4


def record_of(key: int) -> int:
    """Give the number of the first song on the same record as a chart song; a single's is its own."""
    day = key // SONGS_A_DAY
    return day * SONGS_A_DAY if is_release_day(day) and day // 7 % 3 == 0 else key


def _artist_of(dice: int, charting: bool) -> int:
    """Give an artist's number. One time in five it is one of those with a name out of the ordinary; else in the charts
    some come far more often than others."""
    luck = (dice >> 8 & 0xFFFF) / 0x10000
    if dice % 5 == 0:
        return int(luck * len(names.ARTISTS))
    # The factor only keeps the favourites from standing side by side; it has no divisor in common with the count.
    return int((luck**2 if charting else luck) * _ARTIST_COUNT) * 167


def _isrc(key: int, release_date: str) -> str:
    # QZ is a real prefix for the country; the registrant ZZZ is invented.
    return f"QZZZZ{release_date[2:4]}{key % 100_000:05d}"


def _markets(dice: int) -> tuple[str, ...]:
    if dice == 0:
        return ()
    return MARKETS[::2] if dice < 3 else MARKETS


def _release(key: int, charting: bool, dice: int) -> tuple[str, str]:
    """Give a release date and its precision; a chart song's number tells its day, the library is from 1961 to 2023."""
    if charting:
        return date.fromordinal(key // SONGS_A_DAY).isoformat(), "day"
    day = date(1961, 1, 1) + timedelta(days=dice % 23_000)
    precision = ("day", "day", "day", "day", "month", "year", "year")[(dice >> 32) % 7]
    if precision == "year":
        return ("0000" if (dice >> 40) % 9 == 0 else f"{day.year}"), precision
    return (day.isoformat() if precision == "day" else f"{day:%Y-%m}"), precision
