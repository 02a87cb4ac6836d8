"""The queue and its workers as a simulation, event by event, with chartlake's own pace.

Workers take ten lists at a time: the first one alone, then four in flight. Some requests fail and are asked again. A
429 stops its worker for as long as it says; the others learn of it before their next ten. `benchmarks.fan_out` runs the
same on real processes, and `benchmarks.scale --against` holds both side by side.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from chalicelib.errors import RateLimited
from chalicelib.spotify.pace import Pace
from chalicelib.spotify.retry import ATTEMPTS
from chalicelib.time_and_chance import World

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_WINDOW = 30.0
_BATCH, _AT_ONCE = 10, 4
_POLL = 1.0


@dataclass(frozen=True)
class Load:
    """So many lists of one request each before so many workers. `rate` is that of all workers together, requests a
    second; `seconds` one request takes, `work` of one core each list takes besides; one in `fails_in` requests fails
    (0: none). Spotify asks for a pause of so many seconds once, after `throttled_after` requests (None: never), and
    beyond `allowed` requests in any 30 seconds (None: never)."""

    lists: int
    workers: int = 4
    rate: float = 10.0
    seconds: float = 0.12
    work: float = 0.05
    fails_in: int = 100
    throttled_after: int | None = None
    allowed: int | None = None
    pause: float = 30.0
    seed: int = 1


@dataclass
class Told:
    """What came of it: seconds until the last list was kept, requests, 429s among them, and lists kept."""

    seconds: float = 0.0
    requests: int = 0
    refused: int = 0
    kept: int = 0


@dataclass
class _Worker:
    """One process. What Spotify asks of it stands in `not_before`, and `stopped` tells that its batch gave up by it."""

    pace: Pace
    waiting: list[int] = field(default_factory=list)
    flying: int = 0
    may_fly: int = 1
    core_free_at: float = 0.0
    not_before: float = 0.0
    stopped: bool = False


class Course:
    """The queue and its workers, from the first message to the last."""

    def __init__(self, load: Load) -> None:
        self.load, self.told = load, Told()
        self._now, self._number = 0.0, 0
        self._random = Random(load.seed)
        self._world = World(
            lambda: _EPOCH + timedelta(seconds=self._now), lambda: self._now, lambda seconds: None, self._random
        )
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        # Messages by the moment from which they can be received, and how often each was.
        self._queue = [(0.0, number) for number in range(load.lists)]
        self._answered: deque[float] = deque()
        # What the workers have written down for one another.
        self._not_before = 0.0
        for _ in range(load.workers):
            worker = _Worker(Pace(load.rate / load.workers, self._world, _AT_ONCE))
            self._at(0.0, lambda worker=worker: self._receive(worker))  # type: ignore[misc]

    def run(self) -> Told:
        """Let all of it happen."""
        while self._events and self.told.kept < self.load.lists:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        self.told.seconds = self._now
        return self.told

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, happen))

    def _receive(self, worker: _Worker) -> None:
        """The next ten lists; while Spotify wants a pause they are put off at once."""
        batch: list[int] = []
        while self._queue and self._queue[0][0] <= self._now and len(batch) < _BATCH:
            batch.append(heapq.heappop(self._queue)[1])
        if self._now < self._not_before:
            for number in batch:
                self._put_off(number, self._not_before - self._now)
            batch = []
        if not batch:
            soonest = self._queue[0][0] if self._queue else self._now
            self._at(max(self._now + _POLL, soonest), lambda: self._receive(worker))
            return
        worker.waiting, worker.may_fly, worker.stopped = batch, 1, False
        self._go_on(worker)

    def _go_on(self, worker: _Worker) -> None:
        while worker.waiting and worker.flying < worker.may_fly:
            number = worker.waiting.pop(0)
            worker.flying += 1
            self._ask(worker, number, 1)
        if not worker.waiting and not worker.flying:
            self._receive(worker)

    def _ask(self, worker: _Worker, number: int, attempt: int) -> None:
        left = self.load.pause if worker.stopped and attempt == 1 else worker.not_before - self._now
        if left > 0:
            self._at(self._now, lambda: self._end(worker, number, left))
        else:
            self._at(self._now + worker.pace.reserve(), lambda: self._send(worker, number, attempt))

    def _send(self, worker: _Worker, number: int, attempt: int) -> None:
        if self._now < worker.not_before:
            self._end(worker, number, worker.not_before - self._now)
            return
        self.told.requests += 1
        answered_at = self._now + self.load.seconds
        if self._is_refused():
            self._at(answered_at, lambda: self._refused(worker, number))
        elif self._fails() and attempt < ATTEMPTS:
            again = answered_at + self._random.uniform(0.5, 1.0)
            self._at(again, lambda: self._ask(worker, number, attempt + 1))
        else:
            worker.core_free_at = max(worker.core_free_at, answered_at) + self.load.work
            self._at(worker.core_free_at, lambda: self._end(worker, number, None))

    def _is_refused(self) -> bool:
        """Whether Spotify answers 429; else the request counts for the next 30 seconds."""
        while self._answered and self._answered[0] <= self._now - _WINDOW:
            self._answered.popleft()
        too_many = self.load.allowed is not None and len(self._answered) >= self.load.allowed
        if too_many or self.told.requests - 1 == self.load.throttled_after:
            self.told.refused += 1
            return True
        self._answered.append(self._now)
        return False

    def _fails(self) -> bool:
        return bool(self.load.fails_in) and self._random.random() < 1 / self.load.fails_in

    def _refused(self, worker: _Worker, number: int) -> None:
        worker.pace.refused(RateLimited("", retry_after=self.load.pause))
        worker.stopped, worker.not_before = True, self._now + self.load.pause
        self._not_before = max(self._not_before, worker.not_before)
        self._end(worker, number, self.load.pause)

    def _end(self, worker: _Worker, number: int, pause: float | None) -> None:
        """A list is kept, or comes back after a pause."""
        if pause is None:
            self.told.kept += 1
        else:
            self._put_off(number, pause)
        worker.flying -= 1
        worker.may_fly = _AT_ONCE
        self._go_on(worker)

    def _put_off(self, number: int, pause: float) -> None:
        moment = self._now + pause + self._random.uniform(1, 1 + pause / 10)
        heapq.heappush(self._queue, (moment, number))
