"""What the views cost over many lists and days: 100 lists of 50 entries, a year of days (1.8 million rows).

    .venv/bin/python benchmarks/views.py [--lists 100] [--days 365] [--memory 512]

Writes an invented lake into a folder through the lake's own writer, then asks each view whole, in DuckDB with that much
memory (MB), two threads, and a process of its own each. Printed: rows, seconds, seconds of processor time (which other
work on the machine does not change), and the process's largest memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from chalicelib.analysis.views import VIEWS, view_sql
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, empty_row
from chalicelib.time_and_chance import World

_FIRST = date(2025, 1, 1)
_ENTRIES = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=100)
    parser.add_argument("--days", type=int, default=365, choices=range(1, 366), metavar="DAYS")
    parser.add_argument("--memory", type=int, default=512, metavar="MB")
    parser.add_argument("--lake", help=argparse.SUPPRESS)
    parser.add_argument("--query", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.query:
        print(json.dumps(asked(told.lake, told.query, told.memory)))
        return
    if told.lake:
        invent(told.lake, told.lists, told.days)
        return
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, since a process counts as its largest memory that of the one which started it, too.
        command = [sys.executable, __file__, "--lake", folder, "--lists", str(told.lists), "--days", str(told.days)]
        subprocess.run(command, check=True)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        print(f"{told.lists * told.days * _ENTRIES:,} entries in {size / 1e6:.0f} MB of Parquet")
        one = f"{0:022d}"
        queries = {name: f"SELECT * FROM {name}" for name in VIEWS}
        queries["chart of one list"] = f"SELECT * FROM chart WHERE playlist_id = '{one}'"
        queries["runs of one list"] = f"SELECT * FROM runs WHERE playlist_id = '{one}'"
        for name, query in queries.items():
            command = [sys.executable, __file__, "--lake", folder, "--query", query, "--memory", str(told.memory)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:<18} {done.stderr.strip().splitlines()[-1]}")
                continue
            rows, seconds, busy, memory = json.loads(done.stdout)
            print(f"{name:<18} {rows:>9,} rows  {seconds:6.2f} s  {busy:6.2f} s busy  {memory:5.0f} MB")


def asked(folder: str, query: str, memory: int) -> tuple[int, float, float, float]:
    """Rows, seconds, processor seconds and megabytes of one query, whose answer goes into a file."""
    with tempfile.TemporaryDirectory() as spill:
        limits = {"threads": 2, "memory_limit": f"{memory}MB", "temp_directory": spill}
        connection = duckdb.connect(config=limits)
        for table in ("entries", "snapshots"):
            files = f"read_parquet('{folder}/tables/{table}/*/*.parquet', hive_partitioning = false)"
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {files}")
        for name in VIEWS:
            connection.execute(f"CREATE VIEW {name} AS {view_sql(name)}")
        began, busy = time.perf_counter(), time.process_time()
        ((rows,),) = connection.execute(f"COPY ({query}) TO '{spill}/answer.parquet'").fetchall()
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
    return rows, seconds, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def invent(folder: str, lists: int, days: int) -> None:
    """Charts in which some songs leave each day, as long as they were said to be."""
    lake = Lake(open_store(folder, World()), World())
    for number in range(lists):
        playlist_id = f"{number:022d}"
        moments = {
            (day := _FIRST + timedelta(days=place)): datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
            for place in range(days)
        }
        ranks = {day: rank("spotify", moment) for day, moment in moments.items()}
        lake.put_days(playlist_id, ranks, rows_of(number, playlist_id, moments))
        known = {"status": "ok", "source": "spotify", "entry_count": _ENTRIES, "name": f"List {number}"}
        lake.put_snapshots(
            playlist_id, _FIRST.year, [empty_row(playlist_id, day, moment) | known for day, moment in moments.items()]
        )


def rows_of(number: int, playlist_id: str, moments: dict[date, datetime]) -> Iterator[dict[str, Any]]:
    dice = random.Random(number)
    songs = list(range(_ENTRIES))
    for day, moment in moments.items():
        for _ in range(3):
            songs.insert(dice.randrange(_ENTRIES), dice.randrange(20_000))
            songs.pop()
        place = dice.randrange(_ENTRIES - 1)
        songs[place], songs[place + 1] = songs[place + 1], songs[place]
        for position, song in enumerate(songs, start=1):
            yield dict.fromkeys(ENTRIES) | {
                "snapshot_date": day.isoformat(),
                "playlist_id": playlist_id,
                "position": position,
                "item_type": "track",
                "item_id": f"{song:022d}",
                "uri": f"spotify:track:{song:022d}",
                "name": f"Song number {song}",
                "url": f"https://open.spotify.com/track/{song:022d}",
                "artists": [{"id": f"{song % 4000:022d}", "name": f"Artist {song % 4000}"}],
                "album_id": f"{song // 3:022d}",
                "album_name": f"Album {song // 3}",
                "album_type": "album",
                "album_release_date": "2025-01-01",
                "album_image_url": f"https://i.scdn.co/image/{song // 3:040d}",
                "isrc": f"GBAAA26{song:05d}",
                "duration_ms": 180_000 + song,
                "explicit": False,
                "popularity": song % 101,
                "is_local": False,
                "added_at": moment.isoformat(),
                "captured_at": moment.isoformat(),
                "capture_id": f"{day.toordinal():016x}",
                "source": "spotify",
            }


if __name__ == "__main__":
    main()
