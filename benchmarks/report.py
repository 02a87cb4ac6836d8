"""How long the pages take, and how heavy they are: a Top 50 with one year and with five, then 100 playlists of a year.

    .venv/bin/python benchmarks/report.py [--playlists 100]

Takes a simulated year and five years of a Top 50 into folders and copies the year's tables to as many playlists, then
renders all pages of each lake in a process of its own. Printed for each: seconds, and seconds of processor time (least
changed by other work on the machine), the largest memory of the process, the size of a page and of all; how long it
takes to make the morning page alone, anew, and how large it is; the pages of tracks and artists; and, where Chromium is
there, when a new window has the whole page laid out and can be used.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.report.site import render_site
from chalicelib.settings import Settings
from chalicelib.snapshots.pipeline import open_lake, open_pipeline
from chalicelib.time_and_chance import World
from simulator import EXTENDED, TOP_50, Simulator

TODAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--playlists", type=int, default=100, choices=range(1, 1001), metavar="PLAYLISTS")
    parser.add_argument("--lake", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.lake:
        tell(open_folder(told.lake))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, days in (("one year", 365), ("five years", 1826)):
            lived(f"{folder}/{days}", days)
            show(f"a Top 50, {name}", f"{folder}/{days}")
        copied(open_folder(f"{folder}/365"), told.playlists)
        show(f"{told.playlists} Top 50s, one year", f"{folder}/365")


def show(what: str, folder: str) -> None:
    # The pages that were made before would be left alone.
    shutil.rmtree(f"{folder}/site", ignore_errors=True)
    print(f"{what}: ", end="", flush=True)
    subprocess.run([sys.executable, __file__, "--lake", folder], check=True)


def lived(folder: str, days: int) -> None:
    """A lake with that many days of the simulated Top 50, up to today."""
    moment = TODAY - timedelta(days=days - 1)
    world = World(now=lambda: moment)
    with Simulator(now=lambda: moment).serve() as server:
        settings = Settings(
            lake=folder,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
        )
        lake = open_lake(settings, world)
        pipeline = open_pipeline(settings, world, lake)
        for _ in range(days):
            pipeline.extract([TOP_50])
            moment += timedelta(days=1)


def open_folder(folder: str) -> Lake:
    return open_lake(Settings(lake=folder), World())


def copied(lake: Lake, playlists: int) -> None:
    """The lake with its playlist's tables under other ids too; each two lists have the same songs."""
    for number in range(1, playlists):
        other = f"{number:022}"
        for owner, year in lake.tried():
            if owner == TOP_50:
                tables = [(keys.snapshots(TOP_50, year), SNAPSHOTS)]
                tables += [(key, ENTRIES) for key in lake.segment_keys(TOP_50, year)]
                for key, schema in tables:
                    changed = OTHER_SONGS if schema is ENTRIES else OTHER_SEGMENTS
                    copy(lake, key, key.replace(TOP_50, other), schema, changed.format(other=other, pair=number // 2))


OTHER_SEGMENTS = f"'{{other}}' AS playlist_id, replace(entries_key, '{TOP_50}', '{{other}}') AS entries_key"
OTHER_SONGS = """
    '{other}' AS playlist_id,
    left(md5(uri || '{pair}'), 22) AS item_id,
    'spotify:track:' || left(md5(uri || '{pair}'), 22) AS uri,
    'https://open.spotify.com/track/' || left(md5(uri || '{pair}'), 22) AS url,
    'XX' || upper(left(md5(isrc || '{pair}'), 10)) AS isrc,
    name || ' {pair}' AS name,
    list_transform(
      artists, lambda one: {{'id': left(md5(one.id || '{pair}'), 22), 'name': one.name || ' {pair}'}}
    ) AS artists
"""


def copy(lake: Lake, key: str, to: str, schema: dict[str, str], changed: str) -> None:
    found = lake.store.get(key)
    assert found
    with lake.scratch(key) as scratch:
        rows = f"SELECT * REPLACE ({changed}) FROM {scratch.parquet(found.data, schema)}"
        lake.store.create(to, scratch.write(rows))


def tell(lake: Lake) -> None:
    world = World(now=lambda: TODAY)
    began, busy = time.perf_counter(), time.process_time()
    rendered = render_site(lake, world, UTC_ZONE)
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pages = [_bytes(lake, keys.playlist_page(one)) for one in rendered.pages]
    # A list without entries has a page of some 90 kB.
    assert not rendered.failed
    assert min(pages) > 150_000
    across = [_bytes(lake, key) for key in lake.read_state(keys.ACROSS)["pages"]]
    began = time.perf_counter()
    render_site(lake, world, UTC_ZONE, missed=True)
    morning = time.perf_counter() - began
    line = f"{seconds:.1f} s, {busy:.1f} s busy, {memory:.0f} MB of memory, "
    line += f"a page of {pages[0] / 1e6:.2f} MB, all of {sum(pages) / 1e6:.1f} MB, "
    line += f"the morning page anew in {morning:.1f} s, {_bytes(lake, keys.INDEX_PAGE) / 1e3:.0f} kB, "
    line += f"{len(across)} pages of tracks and artists of {sum(across) / 1e6:.1f} MB"
    print(f"{line}{opened(lake.store.link(keys.playlist_page(rendered.pages[0]), 60))}", flush=True)


def _bytes(lake: Lake, key: str) -> int:
    found = lake.store.get(key)
    assert found, key
    return len(found.data)


def opened(address: str) -> str:
    """When a browser has the page, in words; empty where there is none."""
    executable = shutil.which("chromium")
    if not executable:
        return ""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        browser.close()
    return f", open in Chromium after {loaded / 1000:.1f} s"


if __name__ == "__main__":
    main()
