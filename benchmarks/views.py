"""What questions over many lists and days cost: 100 lists of 50 entries, a year of days (1.8 million rows).

    .venv/bin/python benchmarks/views.py [--lists 100] [--days 365] [--memory 512] [--keep FOLDER]

Writes an invented lake into a folder through the lake's own writer. With `--keep` it stays there for the next time, and
one that is there already is asked as it is. Then each view is asked whole, as the commands ask it, in DuckDB with that
much memory (MB) and two threads, and some questions as the commands ask them: the newest day's events, a track, the
coverage, a count. Each in a process of its own, after its imports. Printed: rows, seconds, seconds of processor time
(least changed by other work on the machine), and the process's largest memory. `entries as a file` is what no view can
go below: reading the entries and writing them.
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
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from chalicelib.analysis.asked_views import AskedViews
from chalicelib.analysis.charts import open_charts
from chalicelib.analysis.coverage import coverage
from chalicelib.analysis.events import read_events
from chalicelib.analysis.views import VIEWS
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, empty_row
from chalicelib.lake.tables import Known, Scratch
from chalicelib.lake.warehouse import Warehouse
from chalicelib.time_and_chance import World

_FIRST = date(2025, 1, 1)
_TODAY = date(2026, 1, 1)
_ENTRIES = 50
# The columns of `entries` that the view `chart` tells.
_WIDE = (
    "playlist_id, snapshot_date, position, item_type, item_id, uri, url, name, artists, album_id, album_name, "
    "album_release_date, album_image_url, isrc, duration_ms, explicit, popularity, streams, label, reported_peak, "
    "reported_previous, reported_days, added_at, source"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=100)
    parser.add_argument("--days", type=int, default=365, choices=range(1, 366), metavar="DAYS")
    parser.add_argument("--memory", type=int, default=512, metavar="MB")
    parser.add_argument("--keep", metavar="FOLDER")
    parser.add_argument("--lake", help=argparse.SUPPRESS)
    parser.add_argument("--question", choices=QUESTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--query", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.query or told.question:
        asked = asked_of_views(told.lake, told.query, told.memory) if told.query else answered(told.lake, told.question)
        print(json.dumps(asked))
        return
    if told.lake:
        invent(told.lake, told.lists, told.days)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(told.keep or folder, told.lists, told.days, told.memory)


def measure(folder: str, lists: int, days: int, memory: int) -> None:
    if not (Path(folder) / "tables").is_dir():
        # In a process of its own, since a process counts as its largest memory that of the one which started it, too.
        command = [sys.executable, __file__, "--lake", folder, "--lists", str(lists), "--days", str(days)]
        subprocess.run(command, check=True)
    size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    print(f"{lists * days * _ENTRIES:,} entries in {size / 1e6:.0f} MB of Parquet")
    one = f"{0:022d}"
    queries = {"entries as a file": f"SELECT {_WIDE} FROM entries"} | {name: f"SELECT * FROM {name}" for name in VIEWS}
    queries["chart, counted"] = "SELECT change, count(*), max(peak_position), max(name) FROM chart GROUP BY change"
    queries["chart of one list"] = f"SELECT * FROM chart WHERE playlist_id = '{one}'"
    queries["runs of one list"] = f"SELECT * FROM runs WHERE playlist_id = '{one}'"
    for name, query in queries.items():
        show(name, folder, "--query", query, "--memory", str(memory))
    for name in QUESTIONS:
        show(name, folder, "--question", name)


def show(name: str, folder: str, *asked: str) -> None:
    command = [sys.executable, __file__, "--lake", folder, *asked]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{name:<18} {done.stderr.strip().splitlines()[-1]}")
        return
    rows, seconds, busy, memory = json.loads(done.stdout)
    print(f"{name:<18} {rows:>9,} rows  {seconds:6.2f} s  {busy:6.2f} s busy  {memory:5.0f} MB", flush=True)


def asked_of_views(folder: str, query: str, memory: int) -> tuple[int, float, float, float]:
    """Rows, seconds, processor seconds and megabytes of one query, whose answer goes into a file."""
    with tempfile.TemporaryDirectory() as spill:
        connection = duckdb.connect(config={"threads": 2, "memory_limit": f"{memory}MB", "temp_directory": spill})
        scratch = Scratch(connection, Path(spill), count(1), Known())
        for table in ("entries", "snapshots"):
            files = f"read_parquet('{folder}/tables/{table}/*/*.parquet', hive_partitioning = false)"
            scratch.define(table, f"SELECT * FROM {files}")
        began, busy = time.perf_counter(), time.process_time()
        warehouse = Warehouse(scratch)
        AskedViews(warehouse, _TODAY)
        answer = warehouse.ask(query).save("parquet")
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        ((rows,),) = connection.execute(f"SELECT count(*) FROM '{answer}'").fetchall()
    return rows, seconds, busy, _megabytes()


def answered(folder: str, question: str) -> tuple[int, float, float, float]:
    """The same of one of the questions."""
    lake = Lake(open_store(folder, World()), World())
    began, busy = time.perf_counter(), time.process_time()
    rows = QUESTIONS[question](lake)
    return rows, time.perf_counter() - began, time.process_time() - busy, _megabytes()


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _events(lake: Lake) -> int:
    return len(list(read_events(lake, since=None, today=_TODAY)))


def _track(lake: Lake) -> int:
    """The places of a song that is on all lists on the first day."""
    reference = f"{_ENTRIES - 1:022d}"
    with open_charts(lake, _TODAY) as charts:
        charts.narrow(reference)
        history = charts.history(*charts.find_tracks(reference))
    return sum(len(listing.positions) for listing in history.listings)


def _coverage(lake: Lake) -> int:
    return sum(len(one.days) for one in coverage(lake, _TODAY))


def _count(lake: Lake) -> int:
    with open_charts(lake, _TODAY) as charts:
        ((count,),) = charts.ask("SELECT count(*) FROM entries").head(1)
    return int(count or 0)


QUESTIONS: dict[str, Callable[[Lake], int]] = {
    "events of a day": _events,
    "a track": _track,
    "coverage": _coverage,
    "query: count": _count,
}


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
        kept = lake.put_days(playlist_id, ranks, rows_of(number, playlist_id, moments)).keys
        known = {"status": "ok", "source": "spotify", "entry_count": _ENTRIES, "name": f"List {number}"}
        rows = [
            empty_row(playlist_id, day, moment) | known | {"entries_key": kept[day]} for day, moment in moments.items()
        ]
        lake.put_snapshots(playlist_id, _FIRST.year, rows)


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
