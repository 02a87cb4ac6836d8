"""How long a person waits for an answer, over years of a Top 50.

    .venv/bin/python benchmarks/answers.py [--years 1 5] [--runs 5]

Puts that many simulated years into a folder and runs each command as a process of its own. Printed, the best of the
runs, since others on the machine only ever add: the seconds of the command itself, once everything is imported; those
of the whole process; and how often it asks the store, which on S3 are its GET and LIST requests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.time_and_chance import World
from simulator import TOP_50, Simulator
from simulator.entries import SongRef

ROOT = Path(__file__).parents[1]
LAST = date(2026, 11, 22)
SOURCE = "simulator"
COMMANDS = (
    ("charts", TOP_50),
    ("charts", TOP_50, "--date", str(LAST - timedelta(days=100)), "--json"),
    ("track", "{song}", "--playlist", TOP_50),
    ("compare", TOP_50, "--from", str(LAST - timedelta(days=30))),
    ("compare", TOP_50, "--diff"),
    ("artists", TOP_50, "--from", str(LAST - timedelta(days=30))),
    ("export", TOP_50),
    ("query", "SELECT change, count(*) FROM chart GROUP BY change"),
)
# Imports first, so that what is measured is the command; the store's calls are counted on the way.
_INSIDE = """
import collections, io, sys, time
import click, duckdb, rich.console
from chalicelib.cli import answers, main, sql
from chalicelib.lake.folder import FolderStore
asked = collections.Counter()
def counted(name, plain):
    def call(*arguments):
        asked["GET" if name == "get" else "LIST"] += 1
        return plain(*arguments)
    return call
for name in ("get", "list", "folders"):
    setattr(FolderStore, name, counted(name, getattr(FolderStore, name)))
shown, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), "utf-8")
began = time.perf_counter()
main(sys.argv[1:], standalone_mode=False)
seconds = time.perf_counter() - began
print(seconds, asked["GET"], asked["LIST"], file=shown)
"""


def fill(lake: Lake, days: list[date]) -> str:
    """A Top 50 of those days; gives the id of a song in the middle of the last day's."""
    simulator = Simulator()
    playlist = simulator.playlists[TOP_50]
    ranks = {day: rank(SOURCE, datetime(day.year, day.month, day.day, 6, tzinfo=UTC)) for day in days}

    def rows() -> Iterator[dict[str, Any]]:
        for day, (_, moment) in ranks.items():
            for position, entry in enumerate(playlist.state(moment).entries, start=1):
                common = {"snapshot_date": str(day), "playlist_id": TOP_50, "position": position, "is_local": False}
                common |= {"captured_at": moment.isoformat(), "capture_id": "c", "source": SOURCE}
                yield dict.fromkeys(ENTRIES) | common | _item(simulator, entry.content)

    keys = lake.put_days(TOP_50, ranks, rows()).keys
    name = playlist.state(ranks[days[-1]][1]).name
    for year in sorted({day.year for day in days}):
        common = {"playlist_id": TOP_50, "name": name, "status": "ok", "source": SOURCE, "app_version": "0"}
        lake.put_snapshots(
            TOP_50,
            year,
            [
                dict.fromkeys(SNAPSHOTS)
                | common
                | {"snapshot_date": day, "captured_at": ranks[day][1], "entry_count": 50, "entries_key": keys[day]}
                for day in days
                if day.year == year
            ],
        )
    middle = playlist.state(ranks[days[-1]][1]).entries[25].content
    return simulator.catalogue.song(middle.key).id if isinstance(middle, SongRef) else ""


def _item(simulator: Simulator, content: object) -> dict[str, Any]:
    if not isinstance(content, SongRef):
        return {"item_type": "unavailable", "artists": []}
    song = simulator.catalogue.song(content.key)
    return {
        "item_type": "track",
        "item_id": song.id,
        "uri": f"spotify:track:{song.id}",
        "url": f"https://open.spotify.com/track/{song.id}",
        "name": song.name,
        "artists": [{"id": artist.id, "name": artist.name} for artist in song.artists],
        "album_id": song.album.id,
        "album_name": song.album.name,
        "isrc": song.isrc,
        "duration_ms": song.duration_ms,
        "explicit": song.explicit,
        "popularity": song.popularity,
    }


def run(lake: str, *command: str) -> tuple[str, float]:
    """What a process prints, and the seconds it took."""
    environment = os.environ | {"CHARTLAKE_LAKE": lake, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    found = subprocess.run(
        [sys.executable, *command], env=environment, cwd=lake, capture_output=True, text=True, check=True
    )
    return found.stdout, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 5], choices=range(1, 21), metavar="YEARS")
    parser.add_argument("--runs", type=int, default=5, choices=range(1, 51), metavar="RUNS")
    options = parser.parse_args()
    for years in options.years:
        days = [LAST - timedelta(days=number) for number in reversed(range(365 * years))]
        with tempfile.TemporaryDirectory() as folder:
            song = fill(Lake(open_store(folder, World()), World()), days)
            print(f"{years} x 365 days of a Top 50, {len(days) * 50:,} rows")
            for command in COMMANDS:
                told = [part.format(song=song) for part in command]
                inside = [run(folder, "-c", _INSIDE, *told)[0].split() for _ in range(options.runs)]
                whole = [run(folder, "-m", "chalicelib", *told)[1] for _ in range(options.runs)]
                seconds, (_, gets, lists) = min(float(one[0]) for one in inside), inside[0]
                asked = f"{gets} GET, {lists} LIST"
                print(f"  {seconds:.2f} s, process {min(whole):.2f} s, {asked}: chartlake {' '.join(told)}")


if __name__ == "__main__":
    main()
