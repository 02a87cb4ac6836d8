"""Thousands of lists through queue and worker processes, with faults and a quota ban in the middle.

    .venv/bin/python -m benchmarks.fan_out [--lists 2000] [--workers 2] [--ban 5]

The shipped bundle runs under AWS's own runtime client, one process a worker, each under its own policies; S3, SQS, SSM
and Scheduler are moto's in one process, whose one core is the limit of what is measured; Spotify is the simulator. One
list in twenty fails once. Half-way Spotify bans the app for some seconds: what comes out of the queue meanwhile is
deferred, and Scheduler's entry starts the run again. Printed as JSON: what each run told, the requests beside those
predicted, the seconds, the rows of the tables, and the memory of each worker. Ends with 1, and says so, where one of
`PROMISES` does not hold.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.simulated_queue import Load
from chalicelib.lake import keys
from deploy.package import build
from simulator import Fault
from tests.aws import simulated
from tests.lambda_runtime import runtime_folder
from tests.spread import Sample, Spread, break_some, spread_over

_BROKEN = 0.05
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
# Seconds of a batch: fewer than .chalice/config.json gives, since nobody waits here for the pages at the end.
_BATCH_SECONDS = 120.0
# MB that a worker may grow by while it takes the last nine tenths of a run's lists.
_GROWTH = 40.0
_AT_ONCE = 8

PROMISES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "every list has a status in each run": lambda found: all(
        sum(run["statuses"].values()) == run["done"] == run["total"] == found["lists"] for run in found["runs"]
    ),
    "the first run is told as stopped, and starts again": lambda found: (
        found["runs"][0]["state"] == "failed" and found["runs"][0]["starts_again"] is not None
    ),
    "the second run's summary is complete": lambda found: (
        (found["runs"][1]["state"], found["runs"][1]["complete"]) == ("done", True)
        and found["runs"][1]["statuses"] == {"ok": found["lists"]}
    ),
    "requests are those predicted, within 5 %": lambda found: (
        abs(found["requests"]["sent"] / found["requests"]["predicted"] - 1) <= 0.05
    ),
    "nothing is doubled": lambda found: (
        found["raw"] == found["days"]["rows"] == found["days"]["distinct"] == found["lists"]
        and found["entries"]["rows"] == found["entries"]["distinct"] == found["lists"] * found["entries_a_list"]
    ),
    "no batch failed, and no message is dead": lambda found: not found["errors"] and not found["dead_letters"],
    f"no worker grows by more than {_GROWTH:.0f} MB": lambda found: all(
        run["memory_mb"]["growth"] <= _GROWTH for run in found["runs"]
    ),
}


@contextmanager
def deployment(workers: int, lists: int, entries: str, **more: float) -> Iterator[Spread]:
    """A built bundle, unpacked and running, before a queue of so many lists; `more` is for `spread_over`."""
    with tempfile.TemporaryDirectory() as name:
        folders = {part: Path(name) / part for part in ("bundle", "task", "runtime", "logs", "aws")}
        for folder in folders.values():
            folder.mkdir()
        package = build("prod", folders["bundle"], _ARCHITECTURES[platform.machine()], queue=True)
        with zipfile.ZipFile(package.bundle) as archive:
            archive.extractall(folders["task"])
        runtime = runtime_folder(folders["runtime"])
        with (
            simulated(folders["aws"]) as aws,
            spread_over(workers, lists, folders["task"], runtime, folders["logs"], aws, entries, **more) as spread,
        ):
            yield spread


# With faults and a ban.


def prove(spread: Spread, entries: int, ban: int) -> dict[str, Any]:
    """Both runs, and what is to be seen afterwards; each list has so many entries, the ban lasts so many seconds."""
    lists = len(spread.lists)
    broken = break_some(spread, _BROKEN)
    spread.simulator.faults.add(Fault.quota_exceeded(ban, on="playlist", after=lists // 2))
    began = time.monotonic()
    first = _run(spread, {})
    entry = spread.schedule_again()
    if entry is None:
        sys.exit("Nothing starts the run again.")
    time.sleep(ban)
    second = _run(spread, json.loads(entry["Target"]["Input"]))
    seconds = time.monotonic() - began
    dead = spread.aws.client("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    return {
        "lists": lists,
        "entries_a_list": entries,
        "runs": [first, second],
        "seconds": round(seconds, 1),
        "requests": {"predicted": lists + broken + 1, "sent": spread.asked()},
        "raw": len(spread.keys("raw/")),
        "days": _rows(spread, "snapshots", "(playlist_id, snapshot_date)"),
        "entries": _rows(spread, "entries", "(playlist_id, snapshot_date, position)"),
        "errors": len(spread.poller.errors),
        "dead_letters": len(spread.aws.client("sqs").receive_message(QueueUrl=dead).get("Messages", [])),
    }


def _run(spread: Spread, event: dict[str, Any]) -> dict[str, Any]:
    began, before = time.monotonic(), len(spread.samples)
    run_id = spread.start(event) if event else spread.start()
    sent = time.monotonic()
    with _measured(spread):
        spread.drain()
    drained = time.monotonic()
    told = spread.close(run_id)
    result = {
        name: told["result"].get(name) for name in ("complete", "statuses", "requests", "workers", "starts_again")
    }
    facts = {"state": told["state"], "done": told["done"], "total": told["total"], **result}
    return facts | {
        "seconds_to_send": round(sent - began, 1),
        "seconds_to_take": round(drained - sent, 1),
        "seconds_to_close": round(time.monotonic() - drained, 1),
        "memory_mb": _memory(_while_taking(spread.samples[before:])),
    }


def _while_taking(samples: Sequence[Sample]) -> list[Sample]:
    """Those up to the last request: what follows is the end of the run, with its pages."""
    busy = [one for one in samples if one.asked < samples[-1].asked]
    return [*busy, samples[len(busy)]]


def _memory(samples: Sequence[Sample]) -> dict[str, Any]:
    """The memory of the workers after a tenth of the requests, and after the last one."""
    first, last = samples[0], samples[-1]
    tenth = next(one for one in samples if one.asked >= first.asked + (last.asked - first.asked) / 10)
    growth = max(end - early for early, end in zip(tenth.memory, last.memory, strict=True))
    return {"at_a_tenth": tenth.memory, "at_the_end": last.memory, "growth": round(growth, 1)}


def _rows(spread: Spread, table: str, key: str) -> dict[str, int]:
    """The rows of a table, and the different keys in them."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(_AT_ONCE) as pool:

        def fetch(numbered: tuple[int, str]) -> None:
            number, path = numbered
            (Path(name) / f"{number}.parquet").write_bytes(spread.object(path.removeprefix("chartlake/")))

        list(pool.map(fetch, enumerate(spread.keys(f"tables/{table}/"))))
        sql = f"SELECT count(*), count(DISTINCT {key}) FROM read_parquet(?)"
        rows, distinct = duckdb.execute(sql, [f"{name}/*.parquet"]).fetchall()[0]
    return {"rows": rows, "distinct": distinct}


@contextmanager
def _measured(spread: Spread) -> Iterator[None]:
    """Note the workers' memory every two seconds."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(2):
            spread.measure()

    sampler = threading.Thread(target=sample, daemon=True)
    spread.measure()
    sampler.start()
    try:
        yield
    finally:
        over.set()
        sampler.join()
        spread.measure()


# At a pace, with a pause in the middle.


def paced(load: Load) -> dict[str, Any]:
    """One run as `load` says, and what came of it, in the words of `Told`; `work` is what a list took of a core, and
    `waited` the seconds in which something on this machine waited for one."""
    rate = load.rate / load.workers
    with deployment(load.workers, load.lists, "one", latency=load.seconds, rate=rate, seconds=_BATCH_SECONDS) as spread:
        break_some(spread, 1 / load.fails_in)
        spread.simulator.faults.add(
            Fault.rate_limited(round(load.pause), on="playlist", after=load.throttled_after or 0)
        )
        run_id = spread.start()
        waited, began = _seconds_of_waiting(), datetime.now(UTC)
        with _measured(spread):
            spread.drain()
        waited = _seconds_of_waiting() - waited
        samples = _while_taking(spread.samples)
        paths = [key.removeprefix("chartlake/") for key in spread.keys(keys.run_shares(run_id))]
        shares = [json.loads(spread.object(path)) for path in paths]
        told = [one for share in shares for one in share["lists"].items()]
        kept = {playlist_id for playlist_id, one in told if one["status"] == "ok"}
        last = max(datetime.fromisoformat(one["at"]) for _, one in told if one["status"] == "ok")
        return {
            "seconds": round((last - began).total_seconds(), 1),
            "requests": spread.asked(),
            "refused": sum(one.status == 429 for one in spread.simulator.requests),
            "kept": len(kept),
            "work": round((samples[-1].work - samples[0].work) / load.lists, 4),
            "waited": round(waited, 1),
            "memory_mb": _memory(samples),
        }


def _seconds_of_waiting() -> float:
    """Seconds since the machine started in which something waited for a core; 0 where Linux does not count them."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lists", type=int, default=2000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--ban", type=int, default=5, help="seconds")
    chosen = options.parse_args()
    with deployment(chosen.workers, chosen.lists, "one") as spread:
        found = prove(spread, entries=1, ban=chosen.ban)
    print(json.dumps(found, indent=2), flush=True)
    broken = [words for words, holds in PROMISES.items() if not holds(found)]
    for words in PROMISES:
        print(f"{'BROKEN' if words in broken else 'holds'}: {words}", flush=True)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
