"""Real processes on a real S3 server: many at once for one day, killed (-9) at random moments, the server killed too.

8 kills and 6 processes at once by default; CHARTLAKE_KILLS and CHARTLAKE_RACERS ask for other numbers (`make prove`:
200 and 24). The moments are of a seeded generator; what a process has done by then is not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Queue
from random import Random

import pytest

from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.snapshots.verify import verify
from chalicelib.time_and_chance import World
from simulator import EXTENDED, TOP_50, Simulator

from ..conftest import S3Server, as_aws

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("CHARTLAKE_KILLS", "8"))
RACERS = int(os.environ.get("CHARTLAKE_RACERS", "6"))
# After so many kills one goes on with a new lake: a proof of the whole lake follows each kill.
KILLS_A_LAKE = 25
# Of so many kills one is that of the server, first the fifth one.
SERVER_EVERY = 50


class Nursery:
    """Processes that take snapshots into one lake; see nursery.py."""

    def __init__(self, spotify: object, address: str, log: Path) -> None:
        self.address = address
        own = ("SPOTI", "CHARTLAKE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
            "CHARTLAKE_LAKE": address,
            "CHARTLAKE_RATE": "1000",
            "SPOTIFY_API_URL": spotify.api_url,  # type: ignore[attr-defined]
            "SPOTIFY_ACCOUNTS_URL": spotify.accounts_url,  # type: ignore[attr-defined]
            "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
            "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
            "PYTHONPATH": str(ROOT),
        }
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.prove.nursery"],
                env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True,
            )  # fmt: skip
        self._began: Queue[int] = Queue()
        self._ended: dict[int, Queue[int]] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        """End the nursery; whoever is under way ends on their own."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._listener.join(30)
        self._process.stdout.close()

    def start(self, days: int = 0, *, again: bool = False) -> int:
        """Begin a process; gives its id."""
        assert self._process.stdin
        print(json.dumps({"playlist": TOP_50, "days": days, "again": again}), file=self._process.stdin, flush=True)
        return self._began.get(timeout=120)

    def wait(self, process: int) -> int:
        """How the process ended."""
        return self._ended[process].get(timeout=180)

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            word, process, *code = line.split()
            ended = self._ended.setdefault(int(process), Queue())
            if word == "began":
                self._began.put(int(process))
            else:
                ended.put(int(code[0]))

    @property
    def lake(self) -> Lake:
        return Lake(open_store(self.address, World()), World())


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A server of one's own, since it is going to be killed."""
    server = S3Server(tmp_path / "weed")
    (tmp_path / "weed").mkdir()
    try:
        server.start()
        as_aws(server.url, monkeypatch)
        yield server
    finally:
        server.kill()


def new_address() -> str:
    return f"s3://charts/{uuid.uuid4().hex}"


def test_many_processes_for_one_day_end_in_one_whole_day(s3: S3Server, tmp_path: Path) -> None:
    with Simulator().serve() as spotify, Nursery(spotify, new_address(), tmp_path / "log") as nursery:
        processes = [nursery.start(again=True) for _ in range(RACERS)]
        assert [nursery.wait(one) for one in processes] == [0] * RACERS, (tmp_path / "log").read_text()
    lake = nursery.lake
    verdict = verify(lake)
    assert (verdict.findings, verdict.days, verdict.entries) == ((), 1, 50)
    assert len(list(lake.raw_keys())) == RACERS
    ((playlist_id, year),) = lake.tried()
    (row,) = lake.snapshots(playlist_id, year)
    newest = max(key for _, _, key in lake.raw_keys())
    # Key without the capture's id: of two of one second either may be the newer one.
    assert row["raw_key"].rpartition("-")[0] == newest.rpartition("-")[0]


def test_after_every_kill_the_next_run_leaves_a_lake_that_is_proven(s3: S3Server, tmp_path: Path) -> None:
    chance = Random(11)
    with Simulator().serve() as spotify:
        for begun in range(0, KILLS, KILLS_A_LAKE):
            with Nursery(spotify, new_address(), tmp_path / "log") as nursery:
                seconds, day = duration(nursery), 0
                for number in range(begun + 1, min(begun + KILLS_A_LAKE, KILLS) + 1):
                    kill_one(nursery, s3 if number % SERVER_EVERY == 5 else None, day, chance, seconds)
                    day += chance.choice((0, 0, 1, 1, 3))
                    assert nursery.wait(nursery.start(day)) == 0, (tmp_path / "log").read_text()
                    found = verify(nursery.lake).findings
                    assert found == (), f"kill {number}, day {day}: {[one.problem for one in found]}"
    print(f"{KILLS} kills, one in {SERVER_EVERY} of the server: nothing to find after any")


def kill_one(nursery: Nursery, server: S3Server | None, day: int, chance: Random, seconds: float) -> None:
    """Kill a process (or the server under it) that replaces a day and takes so many seconds, at some moment; sometimes
    beside another one, which must not suffer."""
    processes = [nursery.start(day, again=True) for _ in range(chance.choice((1, 1, 2)))]
    threading.Event().wait(chance.uniform(0, seconds * len(processes)))
    if server:
        server.kill()
        server.start()
    else:
        with suppress(ProcessLookupError):  # it has ended already
            os.kill(processes[0], signal.SIGKILL)
    for process in processes:
        nursery.wait(process)


def duration(nursery: Nursery) -> float:
    """Seconds that an undisturbed process takes."""
    assert nursery.wait(nursery.start()) == 0
    began = time.monotonic()
    assert nursery.wait(nursery.start(again=True)) == 0
    return time.monotonic() - began
