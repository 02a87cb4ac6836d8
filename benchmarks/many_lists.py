"""A run of many lists of 50 songs into a folder or into S3, and the same run once more: seconds and CPU seconds a list.

    .venv/bin/python -m benchmarks.many_lists [--lists 150] [--latency 0] [--s3] [--against ../before]

chartlake runs as a process of its own beside the embedded simulator; what is printed is of that process alone. The pace
is set out of the way, so what counts is chartlake's own work and the waiting for Spotify. The start of the process is
taken off: that of a run of one list. `--s3` writes to a real S3 server on this machine, whose work is beside it.
`--against` does the same with another checkout, with the packages of this one.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator import EXTENDED, Simulator
from tests.conftest import S3Server

ROOT = Path(__file__).parents[1]


def run(checkout: Path, ids: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one `chartlake extract`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "chalicelib", "extract", *ids, "--json"]
    found = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(found.stdout)["complete"]
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def a_lake(*, in_s3: bool) -> Iterator[dict[str, str]]:
    """The settings of a new lake."""
    with tempfile.TemporaryDirectory() as folder:
        if not in_s3:
            yield {"CHARTLAKE_LAKE": folder}
            return
        server = S3Server(Path(folder))
        try:
            server.start()
            yield {
                "CHARTLAKE_LAKE": "s3://charts/many",
                "AWS_ENDPOINT_URL": server.url,
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "eu-west-1",
            }
        finally:
            server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=150)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds an answer")
    parser.add_argument("--s3", action="store_true", help="into a real S3 server, not into a folder")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    asked = parser.parse_args()
    simulator = Simulator(crowd=asked.lists, latency=asked.latency / 1000)
    ids = [simulator.playlist_id(f"crowd-{number}") for number in range(1, asked.lists + 1)]
    with simulator.serve() as server, a_lake(in_s3=asked.s3) as lake:
        environment = (
            os.environ
            | lake
            | {
                "SPOTIFY_API_URL": server.api_url,
                "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
                "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
                "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
                "CHARTLAKE_RATE": "1000",
            }
        )
        for what, checkout in {"now": ROOT, "before": asked.against}.items():
            if checkout:
                measure(what, checkout, ids, environment | {"CHARTLAKE_LAKE": f"{lake['CHARTLAKE_LAKE']}/{what}"})


def measure(what: str, checkout: Path, ids: list[str], environment: dict[str, str]) -> None:
    """Both runs of one checkout."""
    one = environment | {"CHARTLAKE_LAKE": f"{environment['CHARTLAKE_LAKE']}-one"}
    start, start_cpu = run(checkout, ids[:1], one)
    for name in ("first run", "second run"):
        wall, cpu = run(checkout, ids, environment)
        a_list, of_cpu = (1000 * seconds / (len(ids) - 1) for seconds in (wall - start, cpu - start_cpu))
        print(f"{what}, {name:10}  {a_list:6.1f} ms a list  {of_cpu:6.1f} ms of CPU  {wall:6.1f} s in all", flush=True)


if __name__ == "__main__":
    main()
