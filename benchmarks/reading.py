"""10,000 entries at 120 ms an answer: chartlake beside the loop that spotipy's documentation shows.

    .venv/bin/python benchmarks/large_playlist.py [--runs 3]

Both run as processes of their own, in turn, against the embedded simulator. Printed: seconds and largest memory of
each (medians), and their ratio. chartlake also keeps raw, writes both tables and proves the reading; the loop reads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simulator import DEVELOPMENT, Simulator

ROOT = Path(__file__).parents[1]
LATENCY = 0.12

_MEMORY = """
import atexit, sys
def tell():
    with open("/proc/self/status") as file:
        sys.stderr.writelines(line for line in file if line.startswith("VmHWM"))
atexit.register(tell)
"""
_CHARTLAKE = _MEMORY + "from chalicelib.cli import main; main(['extract', sys.argv[1], '--json'])"
_LOOP = (
    _MEMORY
    + """
import os, requests, spotipy
form = {"grant_type": "refresh_token", "refresh_token": os.environ["SPOTIPY_REFRESH_TOKEN"]}
app = (os.environ["SPOTIPY_CLIENT_ID"], os.environ["SPOTIPY_CLIENT_SECRET"])
token = requests.post(os.environ["SPOTIFY_ACCOUNTS_URL"] + "/api/token", data=form, auth=app, timeout=9).json()
spotify = spotipy.Spotify(auth=token["access_token"])
spotify.prefix = os.environ["SPOTIFY_API_URL"] + "/"
page = spotify.playlist_items(sys.argv[1])
entries = page["items"]
while page["next"]:
    page = spotify.next(page)
    entries.extend(page["items"])
assert len(entries) == 10_000
"""
)


def measure(code: str, playlist_id: str, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and megabytes of one process."""
    with tempfile.TemporaryDirectory() as lake:
        began = time.perf_counter()
        found = subprocess.run(
            [sys.executable, "-c", code, playlist_id],
            env=environment | {"CHARTLAKE_LAKE": lake},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return time.perf_counter() - began, int(found.stderr.split()[-2]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, choices=range(1, 11))
    runs = parser.parse_args().runs
    simulator = Simulator(latency=LATENCY)
    with simulator.serve() as server:
        environment = os.environ | {
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "SPOTIPY_CLIENT_ID": DEVELOPMENT.client_id,
            "SPOTIPY_CLIENT_SECRET": DEVELOPMENT.client_secret,
            "SPOTIPY_REFRESH_TOKEN": simulator.refresh_token(app=DEVELOPMENT),
        }
        playlist_id = simulator.playlist_id("huge")
        pairs = [[measure(code, playlist_id, environment) for code in (_CHARTLAKE, _LOOP)] for _ in range(runs)]
    for place, name in enumerate(("chartlake", "spotipy's loop")):
        seconds = statistics.median(pair[place][0] for pair in pairs)
        megabytes = statistics.median(pair[place][1] for pair in pairs)
        print(f"{name:15} {seconds:6.1f} s {megabytes:6.0f} MB")
    ratio = statistics.median(pair[1][0] / pair[0][0] for pair in pairs)
    print(f"the loop takes {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
