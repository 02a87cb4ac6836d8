"""One schedule: some days in the life of a lake, everything that goes wrong in them, and what is left at the end."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from unittest.mock import patch
from zoneinfo import ZoneInfo

from chalicelib.errors import DamagedFile, LakeUnavailable, NotKept
from chalicelib.history.importing import Options, import_path
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake, is_imported
from chalicelib.lake.s3 import S3Store
from chalicelib.lake.schema import PUBLISHED
from chalicelib.snapshots.judgement import LOOKED_BACK
from chalicelib.snapshots.pipeline import RUN_BUDGET, Pipeline
from chalicelib.snapshots.purge import Wish, purge
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify
from chalicelib.spotify.reader import Reader
from chalicelib.spotify.retry import RetryBudget

from .bucket import Bucket, S3Client
from .memory import MemoryTables, Table
from .promise import Promise, ban_of
from .schedule import Broken, Clock, Process, Schedule
from .spotify import Playlist, Spotify, SpotifyClient

_LISTS = ("A" * 22, "B" * 22)
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe")
# Ordinary days, the days on which summer time begins and ends, and the end of a year; half an hour before midnight.
_STARTS = ("2026-11-23", "2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-12-30")
_AGES = (30, 600, 3600, 7200, 21_600)

# A process, and what it does.
Job = tuple[Process, Callable[[], None]]


class WatchedTables(Protocol):
    """`DayTables` whose files can be looked into: `files` gives the rows that a table object's bytes hold."""

    @property
    def files(self) -> Mapping[bytes, Table]: ...


@dataclass(frozen=True)
class Told:
    """How a schedule ended: what was done in it, what broke ("" for nothing), and its story."""

    seed: int
    calls: int
    checks: int
    killed: int
    broken: str
    story: tuple[str, ...]


class BadDays:
    """A schedule on its way."""

    def __init__(self, seed: int, keep_story: bool, tables: WatchedTables) -> None:
        self._story: list[str] = []
        self._keeps_story = keep_story
        self.clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
        self.schedule = Schedule(seed, self.clock, self.tell)
        self.random = self.schedule.random
        self.timezone = ZoneInfo(self.random.choice(_ZONES))
        midnight = datetime.fromisoformat(self.random.choice(_STARTS)).replace(tzinfo=self.timezone) + timedelta(days=1)
        self.clock.moment = (midnight - timedelta(minutes=self.random.choice((1, 30, 600)))).astimezone(UTC)
        self.spotify = Spotify([Playlist(one, self.random) for one in _LISTS[: self.random.randint(1, 2)]])
        self.tables = tables
        self.promise = Promise(self.spotify, self.schedule, self.timezone, tables.files)
        self.bucket = Bucket(self.promise.watch, self.promise.sent)
        self.promise.objects = self.bucket.objects
        # Segments so small that a list needs some, or as large as ever.
        self.segment_rows = self.random.choice((8, 250_000))
        self.edits = self.random.choice((0.0, 0.02, 0.1, 0.3))
        self.schedule.between = self._meanwhile
        self._unfinished: dict[int, tuple[str, Callable[[Lake], None]]] = {}
        self._first = self._today()
        # Whether the store has failed a process of those that run, and whether these are its second try.
        self._failed = self._retries = False

    def tell(self, line: str) -> None:
        if self._keeps_story:
            self._story.append(f"{self.clock.moment:%m-%d %H:%M:%S} {line}")

    def story(self) -> tuple[str, ...]:
        return tuple(self._story)

    def live(self) -> None:
        """Bad days, then a good one."""
        for _ in range(self.random.randint(3, 7)):
            killed, self._failed = self.schedule.killed, False
            if self.random.random() < (0.4 if self._retries else 0.15):
                self.schedule.run(self._rivals(), rivals=True)
            else:
                jobs = [self._job() for _ in range(self.random.choices((1, 2, 3), (5, 4, 1))[0])]
                self.schedule.run(jobs)
            if self.random.random() < 0.08:
                self.schedule.settle()
                self.schedule.run([self._purge()])
            self._retries = (self._failed or self.schedule.killed > killed) and self.random.random() < 0.4
            if self._retries:
                # Whatever starts runs starts one that did not come through again, within minutes.
                self.clock.advance(self.random.choice((60, 180)))
                self.tell("A few minutes later")
            else:
                self._time_passes()
        self._recover()

    # What a process does.

    def _job(self) -> Job:
        # A replay while a purge has still to be done again is what a tombstone is for.
        replays = 6 if any(name.startswith("purge") for name, _ in self._unfinished.values()) else 2
        kinds = {self._extract: 10, self._again: 4, self._replay: replays, self._import: 2, self._read: 2}
        (kind,) = self.random.choices(list(kinds), weights=list(kinds.values()))
        return kind()

    def _rivals(self) -> list[Job]:
        """Processes that want the same day of the same list."""
        playlist_id = self.random.choice(list(self.spotify.playlists))
        today = partial(self._import, playlist_id, self._today())
        # Of a day before the first run imports alone can tell.
        before = partial(self._import, playlist_id, self._first - timedelta(days=1))
        kinds = (
            *((self._extract, today), (self._extract, self._replay), (self._extract, self._extract, self._replay)),
            *((before, before), (before, before, self._extract), (before, before, self._again)),
        )
        return [kind() for kind in self.random.choice(kinds)]

    def _extract(self, again: bool = False) -> Job:
        process = self.schedule.process("extract --again" if again else "extract")
        if self.random.random() < 0.1:
            process.ends_at = self.clock.seconds + self.random.choice((10, 60, 900))

        def job() -> None:
            world = self.schedule.world(process)
            lake = self.lake(process)
            budget = RetryBudget(RUN_BUDGET, world)
            client = SpotifyClient(self.spotify, self.schedule, process, world, self._ban_known_to(process))
            pipeline = Pipeline(Reader(client, world, budget), lake, self.timezone, world, None)  # type: ignore[arg-type]
            run = pipeline.extract(list(self.spotify.playlists), again=again)
            for outcome in run.outcomes:
                self.tell(f"{process} ends: {outcome.playlist_id[0]} {outcome.snapshot_date} is {outcome.status}")
                if outcome.error is not None and "inside chartlake" in outcome.error.message:
                    raise Broken(outcome.error.message)
                name = f"{outcome.playlist_id} {outcome.snapshot_date}"
                row = self.promise.rows(outcome.playlist_id, outcome.snapshot_date.year).get(outcome.snapshot_date)
                if row is None:
                    raise Broken(f"{process} tried {name}, which has no row")
                if outcome.published:
                    if row["status"] not in PUBLISHED:
                        raise Broken(f"{process} told {name} as done, and it is {row['status']}")
                    self.promise.published(outcome.row)
            if isinstance(run.stopped, LakeUnavailable):
                self._failed = True
            else:
                self.promise.ended_well(process)

        return process, job

    def _again(self) -> Job:
        return self._extract(again=True)

    def _replay(self) -> Job:
        process = self.schedule.process("replay")
        return process, lambda: self._tolerantly(process, lambda lake: replay(lake, self.schedule.world(process)))

    def _import(self, playlist_id: str = "", day: date | None = None) -> Job:
        playlist_id = playlist_id or self.random.choice([*_LISTS, "C" * 22])
        day = day or self._today() - timedelta(days=self.random.randint(0, 3))
        state = tuple(f"{playlist_id[0]}{number:021d}" for number in self.random.sample(range(99), k=5))
        data = json.dumps(_archived(playlist_id, state)).encode()
        self.promise.imports(playlist_id, day, data, state)
        name = f"import of {playlist_id[0]} {day}"
        options = Options(day=day, keep=self.random.random() < 0.5)

        def work(lake: Lake) -> None:
            with lake.folder() as folder:
                path = folder / f"{playlist_id}.json"
                path.write_bytes(data)
                (found,) = import_path(lake, path, options, name=path.name)
            if found.error is not None:
                raise Broken(found.error.message)
            self._unfinished.pop(process.number, None)

        # Whoever imports or purges does it again until it is done.
        process = self.schedule.process(name)
        self._unfinished[process.number] = name, work
        return process, lambda: self._tolerantly(process, work)

    def _read(self) -> Job:
        """A reader between all that write: it sees a whole day or is told that there is none."""
        process = self.schedule.process("reader")

        def work(lake: Lake) -> None:
            for day in (self._today() - timedelta(days=back) for back in range(3)):
                try:
                    row, entries = lake.committed(_LISTS[0], day)
                except DamagedFile:
                    continue
                if row["status"] in PUBLISHED and [one["position"] for one in entries] != [
                    *range(1, row["entry_count"] + 1)
                ]:
                    raise Broken(f"a reader saw {len(entries)} of {row['entry_count']} entries of {day}")

        return process, lambda: self._tolerantly(process, work)

    def _purge(self) -> Job:
        playlist_id = self.random.choice(list(self.spotify.playlists))
        before = self._today() - timedelta(days=self.random.randint(-1, 2))
        name = f"purge of {playlist_id[0]} before {before}"
        process = self.schedule.process(name)

        def work(lake: Lake) -> None:
            purging = self.promise.purge_begins(playlist_id, before)
            purge(lake, self.schedule.world(process), Wish(before, playlist_id), dry_run=False)
            self.promise.purge_ended(purging)
            self._unfinished.pop(process.number, None)

        self._unfinished[process.number] = name, work
        return process, lambda: self._tolerantly(process, work)

    def _tolerantly(self, process: Process, work: Callable[[Lake], Any]) -> None:
        """Do what may fail because the store fails, and for no other reason."""
        try:
            work(self.lake(process))
        except (LakeUnavailable, NotKept) as error:
            self.tell(f"{process} ends: {error.message}")
            self._failed = True
        else:
            self.promise.ended_well(process)

    # What happens meanwhile.

    def _meanwhile(self) -> None:
        if self.random.random() < self.edits:
            playlist = self.random.choice(list(self.spotify.playlists.values()))
            self.tell(f"somebody edits {playlist.id[0]}: {playlist.edit()}")
        if self.random.random() < 0.004:
            playlist = self.random.choice(list(self.spotify.playlists.values()))
            playlist.mode = self.random.choice(("", "renamed", "odd entries", "403", "404", "down", "429 long"))
            self.spotify.revoked = self.random.random() < 0.1
            self.tell(f"Spotify, {playlist.id[0]}: {playlist.mode or 'ordinary'}, revoked: {self.spotify.revoked}")
        if self.random.random() < 0.005:
            seconds = self.random.choice((-7200, -60, 60, 3600))
            self.clock.jump(seconds)
            self.tell(f"the clock jumps by {seconds} s")

    def _time_passes(self) -> None:
        self.schedule.settle()
        self.clock.advance(self.random.choice(_AGES))
        if self.random.random() < 0.4:
            midnight = datetime.combine(self._today() + timedelta(days=1), datetime.min.time(), self.timezone)
            self.clock.moment = midnight.astimezone(UTC) - timedelta(seconds=self.random.choice((1, 20, -3600)))
        elif self.random.random() < 0.4:
            self.clock.advance(86_400 * self.random.choice((1, 1, 2, 9)))
        for playlist in self.spotify.playlists.values():
            if playlist.mode and self.random.random() < 0.5:
                playlist.mode = ""
        self.tell("—")

    def _recover(self) -> None:
        """The trouble is over. The next day's run leaves nothing to be done."""
        self.schedule.settle()
        self.schedule.quiet()
        self.edits = 0.0
        self.schedule.between = lambda: None
        self.spotify.revoked = False
        for playlist in self.spotify.playlists.values():
            playlist.mode, playlist.snapshot_ids = "", "honest" if playlist.snapshot_ids == "stuck" else "restless"
        self.clock.advance(86_400 * 2)
        ban = self._ban()
        if ban is not None and ban > self.clock.moment:
            self.clock.moment = ban + timedelta(seconds=1)
        self.tell("The trouble is over.")
        for name, work in list(self._unfinished.values()):
            repeated = self.schedule.process(name)
            self.schedule.run([(repeated, partial(self._tolerantly, repeated, work))])
        process, job = self._extract()
        process.ends_at = float("inf")
        self.schedule.run([(process, job)])
        self.promise.at_rest()
        self._prove()

    def _prove(self) -> None:
        lake = self.lake(self.schedule.process("verify"))
        # One after the other, so that a story is always the same.
        findings = verify(lake, at_once=1).findings
        if findings:
            raise Broken(f"verify: {findings[0].playlist_id} {findings[0].snapshot_date}: {findings[0].problem}")
        for playlist_id in self.spotify.playlists:
            for year in (2026, 2027):
                for day, row in self.promise.rows(playlist_id, year).items():
                    if row["replacing"]:
                        raise Broken(f"{playlist_id} {day} is marked still: {row['replacing']}")
        try:
            changed = replay(lake, self.schedule.world(self.schedule.process("replay")), dry_run=True).changed
        except NotKept:
            return
        for playlist_id, day in changed:
            row = self.promise.rows(playlist_id, day.year).get(day)
            if row is None or (row["status"] not in PUBLISHED and row["raw_key"] is None):
                raise Broken(f"{playlist_id} {day} could be made from raw, and nobody did: {row}")
            settled = row["status"] in PUBLISHED and row["entry_count"] and row["raw_key"] and not is_imported(row)
            if not settled and day >= self._today() - LOOKED_BACK and self._raw_knows_better(lake, row):
                raise Broken(f"{playlist_id} {day}: raw holds a better capture than that of its row: {row}")

    def _raw_knows_better(self, lake: Lake, row: dict[str, Any]) -> bool:
        """Whether a repair of that day would commit another capture, which is a success."""
        trial, playlist_id, day = lake.dry_run(), row["playlist_id"], row["snapshot_date"]
        world = self.schedule.world(self.schedule.process("trial"))
        replay(trial, world, playlist_ids=[playlist_id], first=day, last=day)
        told = trial.snapshot(playlist_id, day) or row
        return told["raw_key"] != row["raw_key"] and told["status"] in PUBLISHED

    def lake(self, process: Process) -> Lake:
        """The lake as a process opens it."""
        world = self.schedule.world(process)
        store = S3Store("s3://bucket/lake", world, S3Client(self.bucket, self.schedule))  # type: ignore[arg-type]
        return Lake(store, world, self.segment_rows, self.tables)  # type: ignore[arg-type]

    def _today(self) -> date:
        return self.clock.moment.astimezone(self.timezone).date()

    def _ban(self) -> datetime | None:
        return ban_of(self.bucket.objects.get(keys.NOT_BEFORE))

    def _ban_known_to(self, process: Process) -> Callable[[], str | None]:
        """Until when Spotify wants to be left alone, if a process that began now had to know."""
        known = self._ban()

        def ban() -> str | None:
            return f"{known}" if known is not None and self.clock.moment < known else None

        return ban


def _archived(playlist_id: str, state: tuple[str, ...]) -> dict[str, Any]:
    """A list as spotify-playlist-archive keeps it."""
    tracks = [{"url": f"https://open.spotify.com/track/{one}", "name": one, "artists": []} for one in state]
    url = f"https://open.spotify.com/playlist/{playlist_id}"
    return {"url": url, "original_name": "A list", "num_followers": 5, "tracks": tracks}


class _InOrder:
    """Requests that are meant to run at once, one after the other: threads would not be the same each time."""

    def __init__(self, max_workers: int) -> None:
        pass

    def __enter__(self) -> _InOrder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    map = staticmethod(map)


@contextmanager
def _in_one_thread() -> Iterator[None]:
    with patch("chalicelib.spotify.reader.ThreadPoolExecutor", _InOrder):
        yield


def play(seed: int, keep_story: bool = False, tables: WatchedTables | None = None) -> Told:
    """Play one schedule to its end, or to the first broken promise."""
    logging.disable(logging.CRITICAL)
    days, broken = BadDays(seed, keep_story, tables or MemoryTables()), ""
    try:
        with _in_one_thread():
            days.live()
    except Broken as error:
        broken = str(error)
    except Exception:
        broken = traceback.format_exc()
    finally:
        logging.disable(logging.NOTSET)
    days.tell(f"BROKEN: {broken}" if broken else "Every promise is kept.")
    schedule = days.schedule
    return Told(seed, schedule.calls, days.promise.checks, schedule.killed, broken, days.story())
