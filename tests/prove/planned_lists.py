"""A year of lists whose every day was planned: what truly stood on them, and what Spotify let anybody see of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from random import Random
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import empty_row

START = date(2025, 7, 1)
# In lists of people each entry was put on at its own moment; the others are put anew as a whole.
FAMILIES = ("people", "editors", "chart")
FAILURES = ("unavailable", "incomplete", "suspect", "deferred", "not_found", "forbidden")


@dataclass(eq=False)
class Song:
    """A recording, whatever its URI is today."""

    number: int
    isrc: str | None
    title: str
    artist: str
    added: datetime
    edition: int = 0
    hidden: str = ""
    # When it was seen last, counted in known days, and under which URI.
    seen: int = -1
    seen_as: str = ""


@dataclass
class Day:
    """What was true on a day: who stood where, whom of these Spotify hid, what the list said of itself; and what became
    of looking at it: a status, or None."""

    songs: list[int]
    hidden: set[int]
    facts: dict[str, Any]
    status: str | None

    @property
    def known(self) -> bool:
        return self.status == "ok"


@dataclass
class Plan:
    """One list: its days, the rows that a reading of them gives (by column), and which recording each URI is."""

    number: int
    family: str
    days: list[Day] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    songs: dict[str, int] = field(default_factory=dict)
    # Those of which nobody can know that they stayed the same.
    unknowable: set[int] = field(default_factory=set)
    planned: Counter[str] = field(default_factory=Counter)

    @property
    def playlist_id(self) -> str:
        return f"{self.number:022d}"


def day_of(number: int) -> date:
    return START + timedelta(days=number)


def noon_of(number: int) -> datetime:
    return datetime.combine(day_of(number), time(12), UTC)


def plan_list(number: int, days: int) -> Plan:
    """The list of that number: always the same, however many there are."""
    return _Planner(number, days).plan()


class _Planner:
    def __init__(self, number: int, days: int) -> None:
        self._random = Random(number)
        self._plan = Plan(number, FAMILIES[number % 3])
        self._statuses = self._looks(days)
        self._tells_isrc = self._random.random() < 0.7
        self._size = self._random.randrange(8, 50)
        self._songs: list[Song] = []
        self._away: list[Song] = []
        self._put_aside: list[Song] = []
        self._empty_until = 0
        self._born = self._known = 0
        self._facts: dict[str, Any] = {"name": "A0", "description": "B0", "owner_id": "C0", "followers": 10_000}

    def plan(self) -> Plan:
        for day, status in enumerate(self._statuses):
            if day:
                self._live(day)
            else:
                self._songs = [self._new(day) for _ in range(self._size)]
            hidden = {song.number for song in self._songs if song.hidden}
            shown = Day([song.number for song in self._songs], hidden, dict(self._facts), status)
            self._plan.days.append(shown)
            if shown.known:
                self._read(day)
        return self._plan

    def _happens(self, a_year: float) -> bool:
        return self._random.random() < a_year / 365

    def _looks(self, days: int) -> list[str | None]:
        """The first day is known; after it there are days that nobody looked at, and some on which that failed."""
        found: list[str | None] = ["ok"]
        while len(found) < days:
            if self._happens(8):
                found += [self._random.choice((None, None, *FAILURES))] * self._random.choice((1, 1, 1, 2, 3, 9))
            found.append("ok")
        return found[:days]

    # What truly happens.

    def _new(self, day: int) -> Song:
        self._born += 1
        number = self._born
        isrc = f"QZ{self._plan.number:05d}{number:05d}" if self._tells_isrc and self._random.random() < 0.9 else None
        # Recordings of one name are told apart by their ISRC.
        title = "Intro" if isrc and self._random.random() < 0.1 else f"Song {number}"
        return Song(number, isrc, title, f"Artist {number % 40}", self._moment(day))

    def _moment(self, day: int) -> datetime:
        # What a list began with was mostly put on at once.
        seconds = self._random.randrange(3_600) if day or self._random.random() < 0.3 else 0
        return noon_of(day) - timedelta(seconds=seconds)

    def _live(self, day: int) -> None:
        if day == self._empty_until:
            self._songs, self._put_aside = self._put_aside or [self._new(day) for _ in range(self._size)], []
        elif day > self._empty_until:
            self._exchange(day)
            self._move()
            self._fill()
            self._hide()
            if self._happens(0.7):
                self._empty(day)
        if self._happens(12):
            self._reissue()
        self._tell()

    def _exchange(self, day: int) -> None:
        """Some go, others come, of whom some were there before."""
        friday = self._plan.family == "editors" and day_of(day).weekday() == 4
        share = 0.2 if friday else {"people": 0.01, "editors": 0.01, "chart": 0.03}[self._plan.family]
        leavers = [song for song in self._songs if self._random.random() < share]
        for song in leavers:
            self._planned("an emptied slot is taken away", bool(song.hidden))
            self._songs.remove(song)
            self._take_off(song)
        for _ in range(sum(self._random.random() < 0.97 for _ in leavers) + self._happens(11)):
            self._insert(day)
        if (leavers and self._plan.family == "editors") or self._plan.family == "chart":
            moment = self._moment(day)
            for song in self._songs:
                song.added = moment

    def _take_off(self, song: Song) -> None:
        song.hidden = ""
        self._away = [*self._away[-59:], song]

    def _insert(self, day: int) -> None:
        comes_back = self._away and self._random.random() < 0.3
        song = self._away.pop(self._random.randrange(len(self._away))) if comes_back else self._new(day)
        song.added = self._moment(day)
        at_the_end = self._plan.family == "people"
        self._songs.insert(len(self._songs) if at_the_end else self._random.randrange(len(self._songs) + 1), song)

    def _move(self) -> None:
        share = {"people": 0.002, "editors": 0.01, "chart": 0.3}[self._plan.family]
        for song in [song for song in self._songs if self._random.random() < share]:
            place = self._songs.index(song)
            self._songs.remove(song)
            self._songs.insert(max(0, place + self._random.choice((-9, -3, -2, -1, 1, 2, 3))), song)

    def _hide(self) -> None:
        """Spotify empties a slot: the song stays on the list, and is not shown."""
        of_people = self._plan.family == "people"
        if self._songs and self._happens(3 if of_people else 1):
            lasting = of_people and self._random.random() < 0.15
            self._random.choice(self._songs).hidden = "for ever" if lasting else "for some days"
            self._planned("a slot is emptied")

    def _fill(self) -> None:
        for song in self._songs:
            if song.hidden == "for some days" and self._random.random() < 0.2:
                song.hidden = ""
                self._planned("an emptied slot is filled again")

    def _empty(self, day: int) -> None:
        """For some days nothing is on the list; then the same or other songs."""
        songs, self._songs, self._empty_until = self._songs, [], day + self._random.randrange(1, 6)
        self._planned("a list is emptied")
        for song in songs:
            self._take_off(song)
        if self._random.random() < 0.5:
            self._put_aside = songs
            self._away = [song for song in self._away if song not in songs]

    def _reissue(self) -> None:
        """A recording gets another URI: on the list, in an emptied slot, or while it is away."""
        if others := [*self._songs, *self._away[-20:]]:
            song = self._random.choice(others)
            song.edition += 1
            self._planned("a recording gets another URI, " + ("with ISRC" if song.isrc else "without"))

    def _tell(self) -> None:
        for name, a_year in (("name", 2), ("description", 4), ("owner_id", 0.3)):
            if self._happens(a_year):
                self._facts[name] = f"{self._facts[name][0]}{self._random.randrange(4)}"
        self._facts["followers"] += self._random.choice((-30, -1, 0, 0, 1, 20, 5_000))

    def _planned(self, what: str, so: bool = True) -> None:
        self._plan.planned[what] += so

    # What is seen of it.

    def _read(self, day: int) -> None:
        self._known += 1
        for place, song in enumerate(self._songs, start=1):
            if song.hidden:
                self._plan.rows.append((day, place, None, None, None, None, song.added))
                continue
            uri = f"spotify:track:{self._plan.number}-{song.number}-{song.edition}"
            self._see(song, uri)
            self._plan.rows.append((day, place, uri, song.title, song.artist, song.isrc, song.added))

    def _see(self, song: Song, uri: str) -> None:
        """Whoever has another URI than when it was seen last can be known by its ISRC; or, as it took the place of the
        old one from one known day to the next, by its name."""
        changed_unseen = song.seen_as not in ("", uri) and song.seen < self._known - 1
        if changed_unseen and not song.isrc:
            self._plan.unknowable.add(song.number)
        song.seen, song.seen_as = self._known, uri
        self._plan.songs[uri] = song.number


def keep_plan(lake: Lake, plan: Plan) -> None:
    """Put what was seen of a list into the lake, as a year's readings would have; whole files, as it would take long
    day by day."""
    for year in sorted({day_of(number).year for number in range(len(plan.days))}):
        rows = [row for row in plan.rows if day_of(row[0]).year == year]
        key = keys.segment(plan.playlist_id, day_of(rows[0][0])) if rows else None
        if key:
            lake.store.create(key, _segment(plan, rows))
        lake.put_snapshots(plan.playlist_id, year, _commits(plan, year, key))


def _segment(plan: Plan, rows: list[tuple[Any, ...]]) -> bytes:
    days, places, uris, titles, artists, isrcs, added = zip(*rows, strict=True)
    table = pa.table(
        {
            "snapshot_date": pa.array(map(day_of, days), pa.date32()),
            "playlist_id": [plan.playlist_id] * len(rows),
            "position": pa.array(places, pa.int32()),
            "item_type": ["track" if uri else "unavailable" for uri in uris],
            "uri": pa.array(uris, pa.string()),
            "name": pa.array(titles, pa.string()),
            "artists": pa.array(
                [[{"id": f"id of {one}", "name": one}] if one else [] for one in artists],
                pa.list_(pa.struct({"id": pa.string(), "name": pa.string()})),
            ),
            "isrc": pa.array(isrcs, pa.string()),
            "is_local": [False] * len(rows),
            "added_at": pa.array(added, pa.timestamp("us", "UTC")),
            "captured_at": pa.array(map(noon_of, days), pa.timestamp("us", "UTC")),
            "capture_id": [f"{day:016x}" for day in days],
            "source": ["spotify"] * len(rows),
        }
    )
    data = BytesIO()
    parquet.write_table(table, data, compression="zstd")
    return data.getvalue()


def _commits(plan: Plan, year: int, key: str | None) -> Iterator[dict[str, Any]]:
    for number, day in enumerate(plan.days):
        if day.status is None or day_of(number).year != year:
            continue
        row = empty_row(plan.playlist_id, day_of(number), noon_of(number)) | {"status": day.status, "source": "spotify"}
        if day.known:
            row |= day.facts | {"entry_count": len(day.songs), "capture_id": f"{number:016x}"}
            row |= {"entries_key": key if day.songs else None}
        yield row
