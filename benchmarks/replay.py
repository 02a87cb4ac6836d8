"""How fast tables are rebuilt from raw: 1,000 captures of a Top 50, beside taking them.

    .venv/bin/python benchmarks/replay.py [--days 1000]

Takes that many simulated days through the real pipeline into a folder, deletes the tables, and rebuilds them. Printed:
seconds for both, their ratio, and whether the rebuilt tables are the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.settings import Settings
from chalicelib.snapshots.pipeline import open_lake, open_pipeline
from chalicelib.snapshots.replay import replay
from chalicelib.time_and_chance import World
from simulator import EXTENDED, TOP_50, Simulator


class Calendar:
    """A clock that is set to one day after the other."""

    def __init__(self) -> None:
        self.moment = datetime(2024, 1, 1, 6, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=1000, choices=range(1, 2001), metavar="DAYS")
    days = parser.parse_args().days
    calendar = Calendar()
    world = World(now=calendar.now)
    with tempfile.TemporaryDirectory() as folder, Simulator(now=calendar.now).serve() as server:
        settings = Settings(
            lake=folder,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
        )
        lake = open_lake(settings, world)
        pipeline = open_pipeline(settings, world, lake)
        began = time.perf_counter()
        for _ in range(days):
            pipeline.extract([TOP_50])
            calendar.moment += timedelta(days=1)
        taken = time.perf_counter() - began
        tables = Path(folder) / "tables"
        before = {path: path.read_bytes() for path in tables.rglob("*.parquet")}
        shutil.rmtree(tables)
        began = time.perf_counter()
        replay(lake, world)
        replayed = time.perf_counter() - began
        same = {path: path.read_bytes() for path in tables.rglob("*.parquet")} == before
    print(f"{days} days taken in {taken:.1f} s, replayed in {replayed:.1f} s: {taken / replayed:.1f} times as fast")
    print("the same bytes" if same else "OTHER BYTES")


if __name__ == "__main__":
    main()
