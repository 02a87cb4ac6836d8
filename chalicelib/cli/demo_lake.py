"""Invented months in a minute: the embedded simulator, read day by day by the real pipeline into its own folder."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from simulator import CURATED, EXTENDED, TOP_50, VIRAL_50, Fault, Simulator

from ..analysis.coverage import Coverage
from ..analysis.events import Event, read_events
from ..analysis.watchlist import read_watchlist
from ..errors import BadSetting, LakeUnavailable
from ..handlers.telling import tell_all
from ..lake import keys
from ..lake.address import open_store
from ..lake.lake import Lake
from ..report.event_words import document, weight
from ..settings import Settings
from ..snapshots.outcome import Run
from ..snapshots.pipeline import open_lake, open_pipeline
from ..time_and_chance import World

PLAYLISTS = (TOP_50, VIRAL_50, CURATED)
_TIME = time(6, 15)
_MARK, _LOCK = "DEMO.txt", ".lock"
_FIRST_LINE = "Made by `chartlake demo`."
_TEXT = f"""{_FIRST_LINE}

Its artists and songs are invented. The next demo deletes lake/ and site/, and makes them anew.
"""
_MADE_ANEW = ("lake", "site")
_WATCHLIST = f"""# What is watched, and how it is told: `chartlake watch` changes it, docs/watch.md explains it.
list {TOP_50} | entered, re-entered, left, new_peak, number_one
tell feeds
"""

_VANISHED = {"id": VIRAL_50, "owner": {}, "snapshot_id": "x", "tracks": {"items": [], "offset": 0, "total": 0}}
_NO_RUN = None
# What goes wrong: when, as a share of all days; for how many days, in a demo of two months or more; and how.
_GAPS: tuple[tuple[float, int, Fault | None], ...] = (
    (0.18, 2, _NO_RUN),
    (0.36, 1, Fault.quota_exceeded(on="playlist")),
    (0.50, 2, Fault("status", status=404, on="playlist", playlist=CURATED, times=None)),
    (0.64, 1, Fault.bad_gateway(on="playlist", times=None)),
    (0.78, 1, _NO_RUN),
    (0.92, 1, Fault("body", on="playlist", playlist=VIRAL_50, body=_VANISHED)),
)
_TWO_MONTHS = 60


@dataclass(frozen=True)
class Demo:
    """What was made: `taken` of `days` calendar days (those without a run count), and what they are worth."""

    lake: str
    days: int
    taken: int
    entries: int
    seconds: float
    playlists: tuple[Coverage, ...]
    news: tuple[Event, ...]

    @property
    def complete(self) -> bool:
        return self.taken == self.days

    def to_json(self) -> dict[str, Any]:
        return {
            "lake": self.lake,
            "complete": self.complete,
            "days": self.days,
            "taken": self.taken,
            "entries": self.entries,
            "seconds": round(self.seconds, 1),
            "playlists": [
                {"playlist_id": one.playlist_id, "name": one.name, "counts": one.counts} for one in self.playlists
            ],
            "news": [document(event) for event in self.news],
        }


class _Clock:
    """The simulated time: it stands still but for sleeping."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@contextmanager
def demo_folder(folder: Path) -> Iterator[str]:
    """Empty a demo's folder, or make one, and keep other demos out of it; gives the address of its lake.

    Raises `BadSetting`, and touches nothing, where the folder holds anything that no demo made, `LakeUnavailable` where
    it cannot be written or another demo is at work in it.
    """
    with ExitStack() as lock:
        try:
            _refuse_what_no_demo_made(folder)
            folder.mkdir(parents=True, exist_ok=True)
            lock.enter_context(FileLock(folder / _LOCK, timeout=0))
            _make_anew(folder)
        except Timeout:
            raise LakeUnavailable(
                f"Another demo is at work in {folder}.",
                advice="Wait until it is done, or choose another folder with --into.",
            ) from None
        except OSError as error:
            raise LakeUnavailable(f"{folder}: {error.strerror or error}.") from error
        yield str(folder / "lake")


def take_days(lake: str, days: int, now: datetime, zone: ZoneInfo, seed: int = 0) -> Iterator[tuple[date, Run | None]]:
    """Take one simulated day after the other, up to the day that it is `now` in `zone`.

    Gives each day with its run, or with None where there was none. Raises `LakeUnavailable`.
    """
    today, at = now.astimezone(zone).date(), min(_TIME, now.astimezone(zone).time())
    calendar = [today - timedelta(days=days - 1 - place) for place in range(days)]
    clock = _Clock(now)
    world = World(clock.now, clock.monotonic, clock.sleep, random.Random(seed))
    simulator = Simulator(now=clock.now, sleep=clock.sleep, seed=seed)
    with simulator.serve() as server:
        settings = Settings(
            lake=lake,
            timezone=zone,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
        )
        kept, gaps = open_lake(settings, world), _planned(days)
        for place, day in enumerate(calendar):
            clock.moment = datetime.combine(day, at, tzinfo=zone)
            simulator.faults.clear()
            fault = gaps.get(place)
            if fault is not None:
                simulator.faults.add(fault)
            elif place in gaps:
                yield day, None
                continue
            # One after the other, so that equal seeds give equal lakes.
            run = open_pipeline(settings, world, kept, at_once=1).extract(PLAYLISTS)
            if isinstance(run.stopped, LakeUnavailable):
                raise run.stopped
            yield day, run


def tell_news(settings: Settings, lake: Lake, world: World) -> tuple[Event, ...]:
    """Watch one of the lists, write its feeds, and give the three events of the newest day that matter most."""
    lake.store.create(keys.WATCH, _WATCHLIST.encode())
    tell_all(settings, lake, world)
    today, watchlist = world.now().astimezone(settings.timezone).date(), read_watchlist(lake)
    events = read_events(lake, since=None, today=today)
    return tuple(sorted(filter(watchlist.wants, events), key=weight)[:3])


def _planned(days: int) -> dict[int, Fault | None]:
    """What is to go wrong, by the place of the day; never on the first and the last one."""
    planned: dict[int, Fault | None] = {}
    for share, length, fault in _GAPS:
        first = int(share * (days - 1))
        for place in range(first, first + (length if days >= _TWO_MONTHS else 1)):
            if 0 < place < days - 1:
                planned[place] = fault
    return planned


def _make_anew(folder: Path) -> None:
    # First the mark: a demo that is killed must be known as one.
    (folder / _MARK).write_text(_TEXT)
    for name in _MADE_ANEW:
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def _refuse_what_no_demo_made(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadSetting(f"{folder} is no folder.", advice="Choose another one with --into; nothing was touched.")
    foreign = _what_no_demo_made(folder)
    if foreign:
        raise BadSetting(
            f"{folder} holds {foreign}, which no demo made.",
            advice="Choose a new folder with --into, or move that away; nothing was touched.",
        )


def _is_marked(folder: Path) -> bool:
    mark = folder / _MARK
    return mark.is_file() and mark.read_bytes().startswith(_FIRST_LINE.encode())


def _what_no_demo_made(folder: Path) -> str | None:
    """One thing in the folder that is not a demo's; None where there is nothing else."""
    names = sorted(path.name for path in folder.iterdir() if path.name != _LOCK) if folder.is_dir() else []
    if not names:
        return None
    if not _is_marked(folder):
        return names[0]
    foreign = (name for name in names if name not in (_MARK, *_MADE_ANEW) or (folder / name).is_symlink())
    return next(foreign, None) or _what_no_demo_kept(folder)


def _what_no_demo_kept(folder: Path) -> str | None:
    """One object of the demo's lake that a person put there: they used it for playlists of their own, and would lose
    them."""
    found = open_store(str(folder / "lake"), World()).list("")
    # The watchlist is the demo's own: trying it out there, as the README does, keeps nobody's playlists.
    kept = (key for key in found if not key.startswith(("site/", "state/")) and key != keys.WATCH)
    return next((f"lake/{key}" for key in kept if not any(one in key for one in PLAYLISTS)), None)
