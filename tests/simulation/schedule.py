"""What happens when: a clock, processes that take turns at every call, and the trouble that a call can meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from chalicelib.time_and_chance import World

Result = TypeVar("Result")


class Broken(BaseException):
    """A promise is broken. No `except Exception` of the code under test may hide it."""


class Killed(BaseException):
    """The process ended."""


class Clock:
    """The moment moves when somebody waits or an answer is slow, and may jump; the seconds since the start never do."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.seconds = 0.0

    def now(self) -> datetime:
        # No two looks at a clock see the same moment.
        self.advance(0.001)
        return self.moment

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        self.moment += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Process:
    """One run of the code: from its start to its end or death."""

    number: int
    name: str
    ends_at: float = float("inf")
    began: int = 0
    # At which call it goes on, where it stands still.
    goes_on_at: int = 0
    asked: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


# How often a call meets each kind of trouble.
_STORE_TROUBLE = {"refused": 3, "lost": 3, "answered 412": 1, "answered 409": 1, "late": 1, "slow": 3, "very slow": 1}
_SPOTIFY_TROUBLE = {
    **{"500": 3, "502": 1, "broken off": 2, "slow": 3, "very slow": 1, "429": 2, "429 long": 1, "429 unnamed": 1},
    **{"quota": 1, "403": 1, "404": 1, "401": 1, "empty": 1, "total": 3, "short": 3},
}
_PAUSES = {"slow": (1, 20), "very slow": (200, 4000)}


class Schedule:
    """Who goes on next, and what goes wrong, drawn from one seed."""

    def __init__(self, seed: int, clock: Clock, tell: Callable[[str], None]) -> None:
        self.random = Random(seed)
        self.clock = clock
        self.calls = 0
        self.tell = tell
        self.between: Callable[[], None] = lambda: None
        self.current: Process | None = None
        self.killed = 0
        self._processes = 0
        # A third of the schedules see no trouble but kills and overlaps, so that what comes of those alone is seen too.
        self.trouble = self.random.choice((0.0, 0.01, 0.03, 0.1))
        self.deaths = self.random.choice((0.0, 0.01, 0.03, 0.06))
        # How often a process stands still before it writes what it has decided, while others go on for some calls.
        self.halts = self._halts = self.random.choice((0.0, 0.1, 0.3))
        self._late: list[tuple[int, Callable[[], None]]] = []

    def world(self, process: Process) -> World:
        return World(
            now=self.clock.now,
            monotonic=lambda: self.clock.seconds,
            sleep=self._sleep,
            random=Random(self.random.getrandbits(64)),
            time_left=lambda: process.ends_at - self.clock.seconds,
        )

    def process(self, name: str) -> Process:
        self._processes += 1
        return Process(self._processes, name, began=self.calls)

    def run(self, jobs: list[tuple[Process, Callable[[], Any]]], rivals: bool = False) -> None:
        """Let these processes run to their ends, one call of one of them at a time; `rivals` stand still more often."""
        self._halts = 0.4 if rivals else self.halts
        alive = {process.number: (process, greenlet(job)) for process, job in jobs}
        while alive:
            ready = [number for number, (process, _) in alive.items() if process.goes_on_at <= self.calls]
            number = self.random.choice(ready or list(alive))
            self.current, job = alive[number]
            try:
                job.switch()
            except Killed:
                self.tell(f"{self.current} dies")
                self.killed += 1
            if job.dead:
                del alive[number]
            self.current = None
            self.between()
            self._land()

    def quiet(self) -> None:
        """From here on nothing goes wrong any more."""
        self.trouble = self.deaths = self.halts = 0.0

    def settle(self) -> None:
        """So much time passes that all that was sent has arrived."""
        self._land(all_of_them=True)

    def pause(self) -> None:
        """Another process may go on first."""
        hub = getcurrent().parent
        if hub is not None:
            hub.switch()

    def trouble_at_store(self, writes: bool) -> str:
        if writes and self.current is not None and self.random.random() < self._halts:
            self.current.goes_on_at = self.calls + self.random.randint(5, 50)
        return self._trouble(_STORE_TROUBLE)

    def trouble_at_spotify(self) -> str:
        return self._trouble(_SPOTIFY_TROUBLE)

    def dies(self, writes: bool = False) -> bool:
        """Whether the process ends here: mostly where it writes, since that leaves something half done."""
        return self.current is not None and self.random.random() < (self.deaths if writes else self.deaths / 4)

    def later(self, effect: Callable[[], None]) -> None:
        """What was sent takes effect after the sender has given up, or died."""
        self._late.append((self.calls + self.random.randint(1, 12), effect))

    def _trouble(self, kinds: dict[str, int]) -> str:
        """What goes wrong with this call ("": nothing); a slow one has been waited for already."""
        self.calls += 1
        self.pause()
        if self.random.random() >= self.trouble:
            return ""
        (kind,) = self.random.choices(list(kinds), weights=list(kinds.values()))
        if kind in _PAUSES:
            seconds = self.random.randint(*_PAUSES[kind])
            self.tell(f"{self.current} waits {seconds} s")
            self.clock.advance(seconds)
            return ""
        return kind

    def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.pause()

    def _land(self, all_of_them: bool = False) -> None:
        due = [one for one in self._late if all_of_them or one[0] <= self.calls]
        self._late = [one for one in self._late if one not in due]
        for _, effect in due:
            effect()
