"""How long each route's answer takes, and how much memory all of them: a year of a hundred Top 50s.

    .venv/bin/python benchmarks/http_answers.py [--lists 100]

Writes that many lists of 365 days into a folder, then answers each route once as its handler does, from opening the
lake on. Printed: seconds and bytes of each; how many times longer a track's history takes when it is asked of every
entry instead of its own; and the highest memory of the process that answers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from datetime import UTC, date, datetime, timedelta

from chalicelib.analysis.charts import open_charts
from chalicelib.api import answers
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.time_and_chance import World

TODAY = date(2026, 11, 23)
DAYS = [TODAY - timedelta(days=ago) for ago in range(365)]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIST = ARTIST = f"{0:022d}"


def fill(address: str, lists: int) -> None:
    """Lists that change a little every week and share most of their songs."""
    world = World()
    lake = Lake(open_store(address, world), world)
    for number in range(lists):
        playlist_id = f"{number:022d}"
        rows = (
            dict.fromkeys(ENTRIES)
            | {"snapshot_date": day.isoformat(), "playlist_id": playlist_id, "position": position}
            | song((position * 3 + day.toordinal() // 7 + number) % 150)
            | {"captured_at": captured_at(day).isoformat(), "capture_id": f"{day:%Y%m%d}"}
            for day in DAYS
            for position in range(1, 51)
        )
        placed = lake.put_days(playlist_id, {day: rank("simulator", captured_at(day)) for day in DAYS}, rows).keys
        for year in {day.year for day in DAYS}:
            lake.put_snapshots(playlist_id, year, [commit(playlist_id, d, placed[d]) for d in DAYS if d.year == year])


def song(number: int) -> dict[str, object]:
    item_id = f"{number:022d}"
    return {
        "item_type": "track",
        "item_id": item_id,
        "uri": f"spotify:track:{item_id}",
        "url": f"https://open.spotify.com/track/{item_id}",
        "name": f"Song {number}",
        "artists": [{"id": f"{number % 40:022d}", "name": f"Artist {number % 40}"}],
        "album_id": item_id,
        "album_name": f"Album {number}",
        "isrc": f"XXSIM26{number:05d}",
        "duration_ms": 200_000,
        "popularity": 50,
        "is_local": False,
        "source": "simulator",
    }


def commit(playlist_id: str, day: date, key: str) -> dict[str, object]:
    facts = {"snapshot_date": day, "playlist_id": playlist_id, "name": f"List {playlist_id}", "status": "ok"}
    facts |= {"total": 50, "entry_count": 50, "entries_key": key, "source": "simulator", "app_version": "0"}
    return dict.fromkeys(SNAPSHOTS) | facts | {"captured_at": captured_at(day)}


def captured_at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=100, choices=range(1, 1001), metavar="LISTS")
    lists = parser.parse_args().lists
    world = World(now=lambda: NOON)
    asked = {
        answers.playlists: ({}, {}),
        answers.chart: ({"playlist_id": LIST}, {}),
        answers.coverage: ({"playlist_id": LIST}, {}),
        answers.compare: ({}, {"playlist": [LIST], "from": [str(DAYS[-1])], "to": [str(TODAY)]}),
        answers.history: ({"track_id": "XXSIM2600007"}, {}),
        answers.artist: ({"artist_id": ARTIST}, {}),
        answers.openapi: ({}, {}),
    }
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, so that its memory is not counted.
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(folder, lists))
        filling.start()
        filling.join()
        os.environ["CHARTLAKE_LAKE"] = folder
        took = {}
        for ask, (path, query) in asked.items():
            began = time.perf_counter()
            answer = ask(answers.Request(path, query), world)
            took[ask] = time.perf_counter() - began
            print(f"{ask.__name__:10} {answer.status} {took[ask]:6.2f} s {len(answer.body):10,} bytes")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.perf_counter()
        with open_charts(Lake(open_store(folder, world), world), TODAY) as charts:
            charts.history(charts.find_tracks("XXSIM2600007")[0])
        ratio = (time.perf_counter() - began) / took[answers.history]
    print(f"history asked of every entry of {lists} lists: {ratio:.1f} times as long")
    print(f"memory: {memory:.0f} MB at most")


if __name__ == "__main__":
    main()
