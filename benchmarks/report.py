"""How long the pages take, and how heavy they are: a Top 50 with one year and with five, then 100 playlists of a year.

    .venv/bin/python benchmarks/report.py [--playlists 100]

Takes a simulated year and five years of a Top 50 into folders and copies the year's tables to as many playlists, then
renders. Printed for each: seconds, the page's size, the most memory that the process has had so far, and, where
Chromium is there, when a new window has the whole page laid out and can be used.
"""

from __future__ import annotations

import argparse
import resource
import shutil
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
    playlists = parser.parse_args().playlists
    with tempfile.TemporaryDirectory() as folder:
        for name, days in (("one year", 365), ("five years", 1826)):
            lake = lived(f"{folder}/{days}", days)
            tell(f"a Top 50, {name}", lake)
        tell(f"{playlists} Top 50s, one year", copied(open_folder(f"{folder}/365"), playlists))


def lived(folder: str, days: int) -> Lake:
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
    return lake


def open_folder(folder: str) -> Lake:
    return open_lake(Settings(lake=folder), World())


def copied(lake: Lake, playlists: int) -> Lake:
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
    return lake


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


def tell(what: str, lake: Lake) -> None:
    world = World(now=lambda: TODAY)
    began = time.perf_counter()
    rendered = render_site(lake, world, UTC_ZONE)
    seconds = time.perf_counter() - began
    found = lake.store.get(keys.playlist_page(rendered.pages[0]))
    assert found
    index = lake.store.get(keys.INDEX_PAGE)
    assert index
    across = [lake.store.get(key) for key in lake.read_state(keys.ACROSS)["pages"]]
    sizes = [len(one.data) for one in across if one]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = f"{what}: {seconds:.1f} s, a page of {len(found.data) / 1e6:.2f} MB, {memory:.0f} MB of memory, "
    line += f"the morning page {len(index.data) / 1e3:.0f} kB, "
    line += f"{len(sizes)} pages of tracks and artists of {sum(sizes) / 1e6:.1f} MB"
    print(f"{line}{opened(lake.store.link(keys.playlist_page(rendered.pages[0]), 60))}", flush=True)


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
