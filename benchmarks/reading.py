"""One list of 50, 2,500 or 10,000 entries into a real S3 server: chartlake beside what people use instead.

    .venv/bin/python -m benchmarks.reading [--entries 10000] [--latency 120] [--runs 3] [--json]

Beside it: the script of the tutorials (spotipy's loop, a CSV file, one `put_object`), and, as the limit, bare GETs of
the same pages, four at once, whose bodies go into one object. Each runs as a process of its own, in turn, against the
embedded simulator. Printed are the medians: seconds, seconds of the processor, largest memory, requests to Spotify.
chartlake also proves that the pages belong together, keeps raw, and writes both tables.
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
from dataclasses import dataclass, fields
from pathlib import Path

from simulator import DEVELOPMENT, Simulator
from tests.conftest import S3Server

ROOT = Path(__file__).parents[1]
LISTS = {50: "fifty", 2_500: "large", 10_000: "huge"}

_MEMORY = """
import atexit, sys
def tell():
    with open("/proc/self/status") as file:
        sys.stderr.writelines(line for line in file if line.startswith("VmHWM"))
atexit.register(tell)
"""
_SIGNED_IN = """
import os, requests
form = {"grant_type": "refresh_token", "refresh_token": os.environ["SPOTIPY_REFRESH_TOKEN"]}
app = (os.environ["SPOTIPY_CLIENT_ID"], os.environ["SPOTIPY_CLIENT_SECRET"])
told = requests.post(os.environ["SPOTIFY_ACCOUNTS_URL"] + "/api/token", data=form, auth=app, timeout=9).json()
token = told["access_token"]
"""
CONTENDERS = {
    "chartlake": "from chalicelib.cli import main; main(['extract', sys.argv[1], '--json'])",
    "the script of the tutorials": _SIGNED_IN
    + """
import boto3, csv, io, spotipy
spotify = spotipy.Spotify(auth=token)
spotify.prefix = os.environ["SPOTIFY_API_URL"] + "/"
page = spotify.playlist_items(sys.argv[1])
entries = page["items"]
while page["next"]:
    page = spotify.next(page)
    entries.extend(page["items"])
assert len(entries) == int(sys.argv[2])
text = io.StringIO()
rows = csv.writer(text)
for entry in entries:
    track = entry.get("item") or entry.get("track")
    if track:
        rows.writerow([track["id"], track["name"], entry["added_at"]])
boto3.client("s3").put_object(Bucket="charts", Key="songs.csv", Body=text.getvalue().encode())
""",
    "bare GETs, four at once": _SIGNED_IN
    + """
import boto3
from concurrent.futures import ThreadPoolExecutor
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
def page(offset):
    address = f"{os.environ['SPOTIFY_API_URL']}/playlists/{sys.argv[1]}/items?limit=50&offset={offset}"
    answer = session.get(address, timeout=30)
    answer.raise_for_status()
    return answer.content
with ThreadPoolExecutor(4) as threads:
    pages = list(threads.map(page, range(0, int(sys.argv[2]), 50)))
boto3.client("s3").put_object(Bucket="charts", Key="pages.json", Body=b"[" + b",".join(pages) + b"]")
""",
}


@dataclass(frozen=True)
class Taken:
    """What one process took."""

    seconds: float
    busy_seconds: float
    megabytes: float
    requests: float


def measure(code: str, entries: int, simulator: Simulator, environment: dict[str, str]) -> Taken:
    """Let one contender read the list."""
    asked, before, began = len(simulator.requests), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", _MEMORY + code, simulator.playlist_id(LISTS[entries]), str(entries)]
    found = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if found.returncode:
        sys.exit(f"{found.stdout}{found.stderr}")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(seconds, busy, int(found.stderr.split()[-2]) / 1024, len(simulator.requests) - asked)


def medians(taken: list[Taken]) -> Taken:
    return Taken(*(statistics.median(getattr(one, field.name) for one in taken) for field in fields(Taken)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000, choices=LISTS)
    parser.add_argument("--latency", type=float, default=120, help="milliseconds an answer")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    simulator = Simulator(latency=asked.latency / 1000)
    with simulator.serve() as server, tempfile.TemporaryDirectory() as folder:
        s3 = S3Server(Path(folder))
        try:
            s3.start()
            environment = os.environ | {
                "SPOTIFY_API_URL": server.api_url,
                "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
                "SPOTIPY_CLIENT_ID": DEVELOPMENT.client_id,
                "SPOTIPY_CLIENT_SECRET": DEVELOPMENT.client_secret,
                "SPOTIPY_REFRESH_TOKEN": simulator.refresh_token(app=DEVELOPMENT),
                "AWS_ENDPOINT_URL": s3.url,
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "CHARTLAKE_RATE": "1000",
            }
            rounds = [
                {
                    name: measure(
                        code, asked.entries, simulator, environment | {"CHARTLAKE_LAKE": f"s3://charts/{number}"}
                    )
                    for name, code in CONTENDERS.items()
                }
                for number in range(asked.runs)
            ]
        finally:
            s3.kill()
    found = {name: medians([one[name] for one in rounds]) for name in CONTENDERS}
    if asked.json:
        print(json.dumps({name: vars(taken) for name, taken in found.items()}))
        return
    for name, taken in found.items():
        print(
            f"{name:28}{taken.seconds:6.2f} s {taken.busy_seconds:6.2f} s busy {taken.megabytes:5.0f} MB "
            f"{taken.requests:4.0f} requests"
        )


if __name__ == "__main__":
    main()
