"""Import a year of official daily charts, file by file as people download them.

    .venv/bin/python benchmarks/import_charts.py [--regions 73]

Makes 366 invented files of 200 rows for each region (one, if nothing is said), imports them into a new lake in a
temporary folder, loses the tables and replays them from the bytes that were kept. Beside it, as the limit, a bare
`COPY` of the same files to one Parquet file by DuckDB. Each runs in a process of its own, of which seconds, rows a
second and the most memory are told.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb

from chalicelib.history.importing import import_path
from chalicelib.history.regions import _CODES
from chalicelib.history.replaying import replay_imports
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.time_and_chance import World

DAYS, ROWS = 366, 200
REGIONS = ["global", *sorted({code for code in _CODES.values() if len(code) == 2})]
HEADER = "rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams\n"


def write_year(folder: Path, region: str, first: int) -> None:
    """A file a day; a list of 900 songs, from the number `first` on, that move about."""
    for number in range(DAYS):
        day = date(2024, 1, 1) + timedelta(days=number)
        lines = (
            f'{rank},spotify:track:{first + (rank * 7 + number) % 900:022d},"Artist {rank % 90}, Other",Song {rank},'
            f"Label {rank % 20},{min(rank, 9)},{rank},{number + 1},{1_000_000 - rank * 31 - number}\n"
            for rank in range(1, ROWS + 1)
        )
        (folder / f"regional-{region}-daily-{day}.csv").write_text(HEADER + "".join(lines))


def copy(folder: Path) -> None:
    target = folder / "bare.parquet"
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        query = f"FROM read_csv('{folder / 'files'}/*.csv')"
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def bring_in(folder: Path) -> None:
    for found in import_path(lake_of(folder), folder / "files"):
        assert found.error is None, found.error


def replay(folder: Path) -> None:
    replay_imports(lake_of(folder), World())


def lake_of(folder: Path) -> Lake:
    world = World()
    return Lake(open_store(f"{folder}/lake", world), world)


def timed(job: Callable[[Path], None], folder: Path) -> tuple[float, float, float]:
    """Seconds, seconds of the processor, and megabytes of this process."""
    began, used = time.perf_counter(), time.process_time()
    job(folder)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return time.perf_counter() - began, time.process_time() - used, megabytes


def tell(what: str, job: Callable[[Path], None], folder: Path, rows: int) -> None:
    with get_context("spawn").Pool(1) as pool:
        seconds, cpu, megabytes = pool.apply(timed, (job, folder))
    print(
        f"{what}: {seconds:.1f} s, {megabytes:.0f} MB: {rows / seconds:,.0f} rows a second, "
        f"{rows / cpu:,.0f} a second of the processor",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", type=int, default=1, choices=range(1, len(REGIONS) + 1), metavar="REGIONS")
    regions = REGIONS[: parser.parse_args().regions]
    with tempfile.TemporaryDirectory() as temporary:
        folder, rows = Path(temporary), len(regions) * DAYS * ROWS
        (folder / "files").mkdir()
        for number, region in enumerate(regions):
            write_year(folder / "files", region, number * 300)
        print(f"{len(regions) * DAYS:,} files, {rows:,} rows")
        tell("a bare COPY by DuckDB", copy, folder, rows)
        tell("imported", bring_in, folder, rows)
        store = lake_of(folder).store
        before = list(store.versions("tables/"))
        for key, _ in before:
            store.delete(key)
        tell("replayed", replay, folder, rows)
        if list(store.versions("tables/")) != before:
            sys.exit("The replayed tables are others than those that were imported.")


if __name__ == "__main__":
    main()
