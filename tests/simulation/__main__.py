"""`python -m tests.simulation --schedules 10000` proves, `python -m tests.simulation --seed 17` tells one story."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from multiprocessing import get_context

from .bad_days import Told, play

_SHOWN = 10


def prove(seeds: Iterable[int], processes: int, first_only: bool = False) -> list[Told]:
    """Play these schedules in so many processes, tell of the broken ones, and count; gives the broken ones."""
    began, count, calls, checks, killed, broken = time.monotonic(), 0, 0, 0, 0, []
    with get_context("spawn").Pool(processes) as pool:
        for told in pool.imap_unordered(play, seeds, chunksize=10):
            count, calls, checks, killed = count + 1, calls + told.calls, checks + told.checks, killed + told.killed
            if told.broken:
                broken.append(told)
                print(f"seed {told.seed}: {told.broken}\n  its story: {command(told.seed)}", flush=True)
                if first_only or len(broken) >= _SHOWN:
                    break
    seconds = time.monotonic() - began
    print(
        f"{count:,} schedules, {calls:,} calls of the store and Spotify, {killed:,} processes that died, {checks:,} "
        f"looks at the lake, {len(broken)} broken promises, {seconds:.0f} s"
    )
    return broken


def command(seed: int) -> str:
    return f"python -m tests.simulation --seed {seed}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the seed of the first one")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--until-broken", action="store_true", help="stop at the first broken promise")
    parser.add_argument("--seed", type=int, help="play this one and tell its story")
    asked = parser.parse_args()
    if asked.seed is not None:
        told = play(asked.seed, keep_story=True)
        print("\n".join(told.story))
        return int(bool(told.broken))
    last = asked.first + asked.schedules - 1
    print(f"seeds {asked.first} to {last}", flush=True)
    return int(bool(prove(range(asked.first, last + 1), asked.processes, asked.until_broken)))


if __name__ == "__main__":
    sys.exit(main())
