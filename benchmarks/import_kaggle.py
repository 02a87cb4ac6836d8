"""How fast a large history file comes in: a synthetic Kaggle file, whole, killed in the middle, and once more.

    .venv/bin/python benchmarks/import_kaggle.py [--megabytes 500] [--file charts]

Makes the file, imports it into a folder by the command as a process of its own, then into another folder where the
process is killed (-9) when half of the tables are written, and is run again; and at last imports it a second time.
The file is the Top 50 of 73 countries (74 lists of 50 a day, the newest day first), or with `--file charts` "Spotify
Charts" (70 regions with 200 and 50 a day; all of it has 3,500 megabytes). Beside that, as the limit, a bare `COPY` of
the same file to Parquet by DuckDB. Printed: rows a second, of the clock and of the processor (which says more on a busy
machine), largest memory, the ratios of processor times, and whether all lakes are the same bytes.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb

from chalicelib.history.regions import _CODES

HEADER = (
    "spotify_id,name,artists,daily_rank,daily_movement,weekly_movement,country,snapshot_date,popularity,is_explicit,"
    "duration_ms,album_name,album_release_date,danceability,energy,key,loudness,mode,speechiness,acousticness,"
    "instrumentalness,liveness,valence,tempo,time_signature"
)
COUNTRIES = ["", *(f"{first}{second}" for first in "ABCDEFGHI" for second in "EFGHIKLMNORSTUVWYZ")][:74]
_COMMAND = "from chalicelib.cli import main; main(['import', *__import__('sys').argv[1:], '--json'])"


def song(number: int, chance: random.Random) -> tuple[str, str]:
    """What stands before and behind rank, country and day in a line of this song."""
    words = ("Noche", "Rain", "Déjà", "Été", "Summer", "愛", "Luz", "Fire", "(feat. X)", "Remix", "2 a.m.", "Corazón")
    name = " ".join(chance.choices(words, k=chance.randint(1, 4)))
    artists = ", ".join(f"Artist {chance.randint(1, 4000)}" for _ in range(chance.randint(1, 3)))
    features = '","'.join(f"{chance.random():.4g}" for _ in range(12))
    behind = (
        f'"{chance.randint(20, 100)}","{chance.choice(("True", "False"))}","{chance.randint(90_000, 400_000)}",'
        f'"{name} {number}","20{chance.randint(10, 25)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}","{features}"'
    )
    return f'"{number:022d}","{name}","{artists}"', behind


def write_charts(path: Path, size: int) -> int:
    """A file of "Spotify Charts" of about `size` bytes; gives its rows."""
    chance = random.Random(4)
    songs = [chart_song(number, chance) for number in range(20_000)]
    regions = sorted({code: name.title() for name, code in _CODES.items()}.values())[:70]
    charts = {(one, kind): chance.sample(songs, n) for one in regions for kind, n in (("top200", 200), ("viral50", 50))}
    day, rows = date(2017, 1, 1), 0
    with path.open("w", encoding="utf-8") as file:
        file.write("title,rank,date,artist,url,region,chart,trend,streams\n")
        while file.tell() < size:
            for (region, kind), chart in charts.items():
                for _ in range(3):
                    chart[chance.randrange(len(chart))] = chance.choice(songs)
                file.writelines(
                    f"{title},{rank},{day},{artist},{url},{region},{kind},SAME_POSITION,"
                    f"{'' if kind == 'viral50' else f'{1_000_000 - rank * 31}.0'}\n"
                    for rank, (title, artist, url) in enumerate(chart, start=1)
                )
                rows += len(chart)
            day += timedelta(days=1)
    return rows


def chart_song(number: int, chance: random.Random) -> tuple[str, str, str]:
    """A song's title, artists and link, as they stand in a line; some of them need quotes."""
    title = f'"Song, ""{number}"""' if number % 50 == 0 else f"Canción {number}"
    artists = ", ".join(f"Artist {chance.randint(1, 4000)}" for _ in range(chance.randint(1, 3)))
    quoted = f'"{artists}"' if "," in artists else artists
    return title, quoted, f"https://open.spotify.com/track/{number:022d}"


def bare_copy(path: Path, target: Path) -> tuple[float, float]:
    """Seconds and processor seconds that DuckDB takes to put the file into Parquet."""
    began, used = time.perf_counter(), time.process_time()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY (FROM read_csv('{path}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return time.perf_counter() - began, time.process_time() - used


def write_top50(path: Path, size: int) -> int:
    """A file of about `size` bytes; gives its rows."""
    chance = random.Random(4)
    songs = [song(number, chance) for number in range(20_000)]
    charts = {country: chance.sample(songs, 50) for country in COUNTRIES}
    day, rows = date(2025, 6, 30), 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        while file.tell() < size:
            for country, chart in charts.items():
                for _ in range(3):
                    chart[chance.randrange(50)] = chance.choice(songs)
                chance.shuffle(chart)
                file.writelines(
                    f'{before},"{rank}","0","-1","{country}","{day}",{behind}\n'
                    for rank, (before, behind) in enumerate(chart, start=1)
                )
                rows += 50
            day -= timedelta(days=1)
    return rows


def run(path: Path, lake: Path, killed_at: int | None = None) -> tuple[float, float, float]:
    """Seconds, processor seconds and megabytes of one import; killed when so many tables are written."""
    environment = os.environ | {"CHARTLAKE_LAKE": str(lake)}
    root = Path(__file__).parents[1]
    began = time.perf_counter()
    command = [sys.executable, "-c", _COMMAND, str(path)]
    process = subprocess.Popen(command, env=environment, cwd=root, stdout=subprocess.DEVNULL)
    while killed_at is not None and len(tables(lake)) < killed_at:
        time.sleep(0.05)
        assert process.poll() is None, "it ended before it could be killed"
    if killed_at is not None:
        process.kill()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert killed_at is not None or process.returncode == 0
    # https://man7.org/linux/man-pages/man2/getrusage.2.html: kilobytes; on macOS bytes.
    megabytes = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, megabytes


def tables(lake: Path) -> list[Path]:
    return sorted(path for path in (lake / "tables").rglob("*.parquet") if not path.name.startswith("."))


def contents(lake: Path) -> Iterator[tuple[Path, bytes]]:
    for path in tables(lake):
        yield path.relative_to(lake), path.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500, choices=range(1, 4001), metavar="MEGABYTES")
    parser.add_argument("--file", default="top50", choices=("top50", "charts"))
    arguments = parser.parse_args()
    size, write = arguments.megabytes * 1_000_000, write_charts if arguments.file == "charts" else write_top50
    with tempfile.TemporaryDirectory() as folder:
        path, first, second = (Path(folder) / name for name in ("universal_top_spotify_songs.csv", "first", "second"))
        rows = write(path, size)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {rows:,} rows")
        with get_context("spawn").Pool(1) as pool:
            # In a process of its own: the most memory of one that is started is never told to be less than this one's.
            seconds, whole = pool.apply(bare_copy, (path, Path(folder) / "bare.parquet"))
        print(f"a bare COPY: {rows / seconds:,.0f} rows a second, {rows / whole:,.0f} a second of the processor")
        seconds, whole, memory = run(path, first)
        print(
            f"imported in {seconds:.1f} s, {memory:.0f} MB: {rows / seconds:,.0f} rows a second, "
            f"{rows / whole:,.0f} a second of the processor"
        )
        run(path, second, killed_at=len(tables(first)) // 2)
        _, resumed, memory = run(path, second)
        same = dict(contents(first)) == dict(contents(second))
        print(f"killed in the middle and run again: {resumed / whole:.2f} of that work, {memory:.0f} MB")
        _, again, memory = run(path, first)
        same = same and dict(contents(first)) == dict(contents(second))
        print(f"imported a second time: {again / whole:.2f} of that work, {memory:.0f} MB")
    print("the same bytes" if same else "OTHER BYTES")


if __name__ == "__main__":
    main()
