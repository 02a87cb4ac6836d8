"""Import a year of one list's official daily charts, file by file as people download them.

    .venv/bin/python benchmarks/import_charts.py

Makes 366 invented files of 200 rows, imports them into a new lake in a temporary folder, loses the tables and replays
them from the bytes that were kept. Beside it, as the limit, a bare `COPY` of the same files to one Parquet file by
DuckDB. Tells seconds, rows a second, and the most memory.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from chalicelib.history.importing import import_path
from chalicelib.history.replaying import replay_imports
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.time_and_chance import World

DAYS, ROWS = 366, 200
HEADER = "rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams\n"


def write_year(folder: Path) -> None:
    """A file a day; a list of 900 songs that move about."""
    for number in range(DAYS):
        day = date(2024, 1, 1) + timedelta(days=number)
        lines = (
            f'{rank},spotify:track:{(rank * 7 + number) % 900:022d},"Artist {rank % 90}, Other",Song {rank},'
            f"Label {rank % 20},{min(rank, 9)},{rank},{number + 1},{1_000_000 - rank * 31 - number}\n"
            for rank in range(1, ROWS + 1)
        )
        (folder / f"regional-global-daily-{day}.csv").write_text(HEADER + "".join(lines))


def timed(what: str, job: Callable[[], object]) -> None:
    """Do it, and tell how long it took."""
    began, used = time.perf_counter(), time.process_time()
    job()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{what}: {seconds:.1f} s, {DAYS * ROWS / seconds:,.0f} rows/s ({DAYS * ROWS / cpu:,.0f} a second of a core)")


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, world = Path(temporary) / "files", World()
        folder.mkdir()
        write_year(folder)
        lake = Lake(open_store(f"{temporary}/lake", world), world)
        copy = (
            f"COPY (FROM read_csv('{folder}/*.csv')) TO '{temporary}/bare.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )
        timed("a bare COPY by DuckDB", lambda: duckdb.sql(copy))
        timed("imported", lambda: list(import_path(lake, folder)))
        before = {key: lake.store.get(key) for key in lake.store.list("tables/")}
        for key in before:
            lake.store.delete(key)
        timed("replayed", lambda: replay_imports(lake, world))
        if {key: lake.store.get(key) for key in lake.store.list("tables/")} != before:
            sys.exit("The replayed tables are others than those that were imported.")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
