"""Thousands of lists through queue and worker processes, with faults and a quota ban in the middle.

    .venv/bin/python -m benchmarks.fan_out [--lists 2000] [--workers 2]

The shipped bundle runs under AWS's own runtime client, one process a worker, each under its own policies; S3, SQS, SSM
and Scheduler are moto's in one process, whose one core is the limit of what is measured; Spotify is the simulator. One
list in twenty fails once. Half-way Spotify bans the app for some seconds: what is left is deferred, and Scheduler's
entry starts the run again. Printed as JSON: what each run told, the requests beside those predicted, the seconds, and
the memory of each worker after a tenth of the lists and at the end.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from deploy.package import build
from simulator import Fault
from tests.aws import simulated
from tests.lambda_runtime import runtime_folder
from tests.spread import Spread, break_some, spread_over

_BROKEN = 0.05
_BAN_SECONDS = 5
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


def prove(spread: Spread) -> dict[str, Any]:
    """Both runs, and what is to be seen afterwards."""
    lists = len(spread.lists)
    broken = break_some(spread, _BROKEN)
    spread.simulator.faults.add(Fault.quota_exceeded(_BAN_SECONDS, on="playlist", after=lists // 2))
    over = threading.Event()
    sampler = threading.Thread(target=_sample, args=(spread, over), daemon=True)
    sampler.start()
    began = time.monotonic()
    first = _run(spread, {})
    entry = spread.schedule_again()
    assert entry, "nothing starts the run again"
    time.sleep(_BAN_SECONDS)
    second = _run(spread, json.loads(entry["Target"]["Input"]))
    over.set()
    kept = Counter(key.split("/")[2] for key in spread.keys("raw/"))
    return {
        "lists": lists,
        "runs": [first, second],
        "seconds": round(time.monotonic() - began, 1),
        "requests": {"predicted": lists + broken + 1, "sent": spread.asked()},
        "days": len(spread.keys("tables/snapshots/")),
        "days_doubled": sum(number > 1 for number in kept.values()),
        "errors": len(spread.poller.errors),
        "memory_mb": {"at_a_tenth": spread.memory[len(spread.memory) // 10], "at_the_end": spread.memory[-1]},
    }


def _run(spread: Spread, event: dict[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    run_id = spread.start(event) if event else spread.start()
    sent = time.monotonic()
    spread.drain()
    drained = time.monotonic()
    told = spread.close(run_id)
    result = {
        name: told["result"].get(name) for name in ("complete", "statuses", "requests", "workers", "starts_again")
    }
    facts = {"state": told["state"], "done": told["done"], "total": told["total"], **result}
    return facts | {"seconds_to_send": round(sent - began, 1), "seconds_to_take": round(drained - sent, 1)}


def _sample(spread: Spread, over: threading.Event) -> None:
    while not over.wait(2):
        spread.measure()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--lists", type=int, default=2000)
    options.add_argument("--workers", type=int, default=2)
    chosen = options.parse_args()
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
            spread_over(chosen.workers, chosen.lists, folders["task"], runtime, folders["logs"], aws, "one") as spread,
        ):
            print(json.dumps(prove(spread), indent=2))


if __name__ == "__main__":
    main()
