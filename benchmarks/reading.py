"""One list into a real S3 server: chartlake beside what people use instead.

    .venv/bin/python -m benchmarks.reading [--entries 50 500 10000] [--latency 0 120] [--runs 3] [--json]
        [--against ../before]

Beside it: the script of the tutorials (spotipy's loop, a CSV file, one `put_object`), dlt (its `rest_api` source into
Parquet, installed for this run into a folder that goes with it), and, as the limit, bare GETs of the same pages, four
at once, whose bodies go into one object. Each runs as a process of its own, in turn, against the embedded simulator.
Printed are the medians: seconds, seconds of the processor, largest memory, requests to Spotify, and what lies in S3
afterwards. chartlake also proves that the pages belong together, keeps raw, and writes both tables. `--against` lets
another checkout of chartlake race, too, with the packages of this one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import boto3
import duckdb

from benchmarks.contenders import Contender, contenders
from simulator import DEVELOPMENT, Simulator
from simulator.accounts import LISTENER
from simulator.hashing import base62
from simulator.playlists import Playlist
from tests.conftest import S3Server

BUCKET = "charts"

_MEMORY = """
import atexit, sys
def tell():
    with open("/proc/self/status") as file:
        sys.stderr.writelines(line for line in file if line.startswith("VmHWM"))
atexit.register(tell)
"""


@dataclass(frozen=True)
class Taken:
    """What one process took, and the kB that it left in S3."""

    seconds: float
    busy_seconds: float
    megabytes: float
    requests: float
    kept_kb: float


@dataclass(frozen=True)
class Place:
    """Where the list is read from, where it is kept, and the environment of who does it."""

    simulator: Simulator
    s3: Any
    environment: Mapping[str, str]

    def add_list(self, entries: int) -> str:
        """Another list, of the first so many entries of the longest one; gives its id."""
        playlist_id = base62("as many entries", entries)
        content = self.simulator.playlist_names["huge"].state(datetime.now(UTC)).entries[:entries]
        self.simulator.add(Playlist(playlist_id, "As many as asked for", LISTENER, lambda day: content))
        return playlist_id

    def measure(self, contender: Contender, playlist_id: str, entries: int, into: str) -> Taken:
        """Let one contender read the list, and see what it kept."""
        asked, before = len(self.simulator.requests), resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        command = [contender.python, "-c", _MEMORY + contender.program, playlist_id, str(entries)]
        environment = {**self.environment, "INTO": into}
        found = subprocess.run(command, env=environment, cwd=contender.root, capture_output=True, text=True)
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if found.returncode:
            sys.exit(f"{contender.name}\n{found.stdout}{found.stderr}")
        requests = len(self.simulator.requests) - asked
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        (memory,) = [line for line in found.stderr.splitlines() if line.startswith("VmHWM")]
        kept = objects(self.s3, f"{into}/")
        if contender.tables:
            rows = rows_of(self.s3, [key for key in kept if key.startswith(f"{into}/{contender.tables}")])
            assert rows == entries, f"{contender.name} kept {rows} rows of {entries}"
        return Taken(seconds, busy, int(memory.split()[1]) / 1024, requests, sum(kept.values()) / 1000)


@contextmanager
def opened(simulator: Simulator, folder: Path) -> Iterator[Place]:
    """The simulator and a real S3 server, whose data go into `folder`."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1"}
    s3 = S3Server(folder)
    with simulator.serve() as server:
        spotify = {
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "SPOTIPY_CLIENT_ID": DEVELOPMENT.client_id,
            "SPOTIPY_CLIENT_SECRET": DEVELOPMENT.client_secret,
            "SPOTIPY_REFRESH_TOKEN": simulator.refresh_token(app=DEVELOPMENT),
            "CHARTLAKE_RATE": "1000",
        }
        try:
            s3.start()
            session = boto3.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="eu-west-1")
            client = session.client("s3", endpoint_url=s3.url)
            yield Place(simulator, client, os.environ | keys | spotify | {"AWS_ENDPOINT_URL": s3.url})
        finally:
            s3.kill()


def objects(s3: Any, prefix: str) -> dict[str, int]:
    """The keys below a prefix, and how many bytes each has."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}


def rows_of(s3: Any, keys: Sequence[str]) -> int:
    """The rows of Parquet objects."""
    with tempfile.TemporaryDirectory() as name:
        for number, key in enumerate(keys):
            s3.download_file(BUCKET, key, f"{name}/{number}.parquet")
        found = duckdb.execute("SELECT count(*) FROM read_parquet(?)", [f"{name}/*.parquet"]).fetchone()
    return int(found[0]) if found else 0


def medians(taken: list[Taken]) -> Taken:
    return Taken(*(statistics.median(getattr(one, field.name) for one in taken) for field in fields(Taken)))


def race(place: Place, racing: Sequence[Contender], entries: int, latency: float, runs: int) -> dict[str, Taken]:
    """Every contender in turn, so many times; gives the medians."""
    playlist_id = place.add_list(entries)
    place.simulator.latency = latency / 1000
    rounds = [
        {
            one.name: place.measure(one, playlist_id, entries, f"{entries}-{latency:g}/{number}/{lane}")
            for lane, one in enumerate(racing)
        }
        for number in range(runs)
    ]
    return {one.name: medians([each[one.name] for each in rounds]) for one in racing}


def tell(entries: int, latency: float, found: Mapping[str, Taken]) -> None:
    print(f"{entries:,} entries, {f'{latency:g} ms an answer' if latency else 'no latency'}")
    for name, taken in found.items():
        print(
            f"  {name:28}{taken.seconds:6.2f} s {taken.busy_seconds:6.2f} s busy {taken.megabytes:5.0f} MB "
            f"{taken.requests:4.0f} requests {taken.kept_kb:8,.0f} kB kept",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, nargs="+", default=[50, 500, 10_000], help="up to 10,000")
    parser.add_argument("--latency", type=float, nargs="+", default=[0, 120], help="milliseconds an answer")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        racing = contenders(Path(name) / "dlt", asked.against)
        with opened(Simulator(), Path(name) / "s3") as place:
            for entries, latency in product(asked.entries, asked.latency):
                found = race(place, racing, entries, latency, asked.runs)
                if asked.json:
                    told = {name: vars(taken) for name, taken in found.items()}
                    print(json.dumps({"entries": entries, "latency": latency, "medians": told}), flush=True)
                else:
                    tell(entries, latency, found)


if __name__ == "__main__":
    main()
