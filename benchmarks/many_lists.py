"""A run of many lists of 50 songs into a folder, and the same run once more: seconds, CPU seconds and requests a list.

    .venv/bin/python benchmarks/many_lists.py [--lists 150] [--latency 0]

chartlake runs as a process of its own beside the embedded simulator; what is printed is of that process alone. The pace
is set out of the way, so what counts is chartlake's own work and the waiting for Spotify. The start of the process is
taken off: that of a run of one list.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simulator import EXTENDED, Simulator

ROOT = Path(__file__).parents[1]


def run(ids: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one `chartlake extract`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "chalicelib", "extract", *ids, "--json"]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(found.stdout)["complete"]
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=150)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds an answer")
    asked = parser.parse_args()
    simulator = Simulator(crowd=asked.lists, latency=asked.latency / 1000)
    ids = [simulator.playlist_id(f"crowd-{number}") for number in range(1, asked.lists + 1)]
    with simulator.serve() as server, tempfile.TemporaryDirectory() as lake:
        environment = os.environ | {
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
            "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
            "CHARTLAKE_LAKE": lake,
            "CHARTLAKE_RATE": "1000",
        }
        start, start_cpu = run(ids[:1], environment | {"CHARTLAKE_LAKE": f"{lake}/one"})
        for name in ("first run", "second run"):
            wall, cpu = run(ids, environment)
            a_list, of_cpu = (1000 * seconds / (asked.lists - 1) for seconds in (wall - start, cpu - start_cpu))
            print(f"{name:10}  {a_list:6.1f} ms a list  {of_cpu:6.1f} ms of CPU  {wall:6.1f} s in all", flush=True)


if __name__ == "__main__":
    main()
