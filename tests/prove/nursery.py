"""Runs as a program: makes processes that take a snapshot, as many as it is told to, each a fork of this one.

They are as real as any, and begin without the second that Python and boto3 take to load. A line of stdin is one of
them: a JSON object {"playlist", "days": how many days from now it is, "again"}. The answers are `began <process id>`
and, whenever that is, `ended <process id> <exit code, or minus the signal>`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.settings import from_environment
from chalicelib.snapshots.pipeline import open_lake, open_pipeline
from chalicelib.time_and_chance import World


def take(playlist: str, days: int, again: bool) -> bool:
    """Take the list's snapshot of the day that is so many days from now; whether it is there then."""
    world = World(now=lambda: datetime.now(UTC) + timedelta(days=days))
    settings = from_environment(os.environ)
    lake = open_lake(settings, world)
    return open_pipeline(settings, world, lake).extract([playlist], again=again).complete


def bear(job: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os._exit(0 if take(**job) else 1)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(2)


def tell(child: int) -> None:
    _, status = os.waitpid(child, 0)
    print(f"ended {child} {os.waitstatus_to_exitcode(status)}", flush=True)


def main() -> None:
    for line in sys.stdin:
        child = bear(json.loads(line))
        print(f"began {child}", flush=True)
        threading.Thread(target=tell, args=[child], daemon=True).start()


if __name__ == "__main__":
    main()
