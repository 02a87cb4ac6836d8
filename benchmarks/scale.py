"""What many lists take and cost: Spotify's pace, the queue as a simulation, and list prices.

    .venv/bin/python -m benchmarks.scale [--write] [--against RUN.json ...]

The queue is simulated event by event with chartlake's own pace: workers take ten lists at a time, four in flight, one
request in a hundred fails, and where Spotify allows fewer requests than the pace it answers 429, which stops all
workers for as long as it says. `--against` takes what `benchmarks.fan_out` printed: the first run tells the seconds of
work a list took there, and the others are predicted from it. `--write` puts the tables into docs/scale.md.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from chalicelib.cli import cost
from chalicelib.errors import RateLimited
from chalicelib.spotify.pace import Pace
from chalicelib.spotify.retry import ATTEMPTS
from chalicelib.time_and_chance import World

DOCUMENT = Path(__file__).parents[1] / "docs" / "scale.md"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_WINDOW = 30.0
_BATCH, _AT_ONCE = 10, 4
_POLL = 1.0


@dataclass(frozen=True)
class Load:
    """So many lists of one request each before so many workers. `rate` is that of all workers together, requests a
    second; `seconds` one request takes, `work` of one core each list takes besides; one in `fails_in` requests fails
    (0: none); `allowed` requests in any 30 seconds are answered (None: all), and beyond them Spotify asks for `pause`
    seconds."""

    lists: int
    workers: int = 4
    rate: float = 10.0
    seconds: float = 0.12
    work: float = 0.05
    fails_in: int = 100
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
    pace: Pace
    waiting: list[int] = field(default_factory=list)
    flying: int = 0
    core_free_at: float = 0.0


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
        worker.waiting = batch
        self._go_on(worker)

    def _go_on(self, worker: _Worker) -> None:
        while worker.waiting and worker.flying < _AT_ONCE:
            number = worker.waiting.pop(0)
            worker.flying += 1
            self._ask(worker, number, 1)
        if not worker.waiting and not worker.flying:
            self._receive(worker)

    def _ask(self, worker: _Worker, number: int, attempt: int) -> None:
        if self._now < self._not_before:
            self._end(worker, number, self._not_before - self._now)
            return
        pause = worker.pace.reserve()
        self._at(self._now + pause, lambda: self._send(worker, number, attempt))

    def _send(self, worker: _Worker, number: int, attempt: int) -> None:
        if self._now < self._not_before:
            self._end(worker, number, self._not_before - self._now)
            return
        self.told.requests += 1
        load = self.load
        while self._answered and self._answered[0] <= self._now - _WINDOW:
            self._answered.popleft()
        if load.allowed is not None and len(self._answered) >= load.allowed:
            self.told.refused += 1
            worker.pace.refused(RateLimited("", retry_after=load.pause))
            self._not_before = max(self._not_before, self._now + load.pause)
            self._at(self._now + load.seconds, lambda: self._end(worker, number, load.pause))
            return
        self._answered.append(self._now)
        if load.fails_in and self._random.random() < 1 / load.fails_in and attempt < ATTEMPTS:
            again = self._now + load.seconds + self._random.uniform(0.5, 1.0)
            self._at(again, lambda: self._ask(worker, number, attempt + 1))
            return
        worker.core_free_at = max(worker.core_free_at, self._now + load.seconds) + load.work
        self._at(worker.core_free_at, lambda: self._end(worker, number, None))

    def _end(self, worker: _Worker, number: int, pause: float | None) -> None:
        """A list is kept, or comes back after a pause."""
        if pause is None:
            self.told.kept += 1
        else:
            self._put_off(number, pause)
        worker.flying -= 1
        self._go_on(worker)

    def _put_off(self, number: int, pause: float) -> None:
        moment = self._now + pause + self._random.uniform(1, 1 + pause / 10)
        heapq.heappush(self._queue, (moment, number))


def agreement(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Lines of a table: what real runs took and asked, beside what the first one's work a list predicts."""
    work = _seconds_to_take(runs[0]) * 2 / runs[0]["lists"]
    for run in runs:
        load = Load(run["lists"], workers=2, rate=1000.0, seconds=0.0, work=work, fails_in=20)
        told = Course(load).run()
        sent, predicted, took = run["requests"]["sent"], told.requests + 1, _seconds_to_take(run)
        yield (
            f"| {run['lists']:,} | {sent:,} | {predicted:,} ({predicted / sent - 1:+.1%}) "
            f"| {took:.0f} s | {told.seconds:.0f} s ({told.seconds / took - 1:+.0%}) |"
        )


def _seconds_to_take(run: dict[str, Any]) -> float:
    return sum(float(one["seconds_to_take"]) for one in run["runs"])


def money() -> Iterator[str]:
    """Lines of a table: what so many lists of 50 entries take and cost."""
    prices = cost.load_prices()
    for lists in (1, 1_000, 100_000, 1_000_000):
        lines = {line.name: line for line in cost.bill(cost.assumed(lists, 50), prices)}
        whole, storage = cost.total(lines.values()), lines["S3: storage after a year"]
        seconds = lists / Load(lists).rate
        yield (
            f"| {lists:,} | {_duration(seconds)} | {lines['S3: writing and listing'].amount} "
            f"| {whole.to_pay - storage.to_pay:,.2f} USD | {storage.amount}, {storage.to_pay:,.2f} USD |"
        )


def queues() -> Iterator[str]:
    """Lines of a table: how long a queue takes."""
    for lists in (1_000, 10_000, 100_000):
        for words, load in (
            ("all goes well", Load(lists, fails_in=0)),
            ("1 % of the requests fail", Load(lists)),
            ("and Spotify allows 200 requests in 30 s", Load(lists, allowed=200)),
        ):
            told = Course(load).run()
            asked = f"{told.requests:,} requests, {told.refused:,} of them refused"
            yield f"| {lists:,} | {words} | {_duration(told.seconds)} | {asked} |"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@contextmanager
def _document() -> Iterator[dict[str, list[str]]]:
    """The tables of the document by the marks around them; what is put there is written."""
    tables: dict[str, list[str]] = {}
    yield tables
    text = DOCUMENT.read_text("utf-8")
    for name, lines in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        head = "".join(rest.partition(end)[0].splitlines(keepends=True)[:2])
        text = before + begin + head + "".join(f"{line}\n" for line in lines) + end + rest.partition(end)[2]
    DOCUMENT.write_text(text, "utf-8")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--against", nargs="*", default=[], type=Path, metavar="RUN.json")
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    told = {"money": list(money()), "queue": list(queues())}
    if chosen.against:
        told["agreement"] = list(agreement([json.loads(path.read_text()) for path in chosen.against]))
    if chosen.write:
        with _document() as tables:
            tables.update(told)
    print("\n".join(line for lines in told.values() for line in lines))


if __name__ == "__main__":
    main()
