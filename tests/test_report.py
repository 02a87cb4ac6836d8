"""The rendered site in a real browser: what it says, what it does, what it never does."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect, sync_playwright

from chalicelib import cli
from chalicelib.analysis.charts import open_charts
from chalicelib.cli.demo_lake import CURATED, take_days
from chalicelib.errors import NotKept
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.report import layout, site
from chalicelib.report.site import render_site, shared_index
from chalicelib.snapshots.purge import Wish, purge
from chalicelib.time_and_chance import World
from simulator import TOP_50

from .conftest import NOON, Clock, as_aws
from .histories import LIST, entry, keep, named
from .test_lake import row

UTC_ZONE = ZoneInfo("UTC")
TODAY = NOON.date()
GLOBAL_50 = "37i9dQZEVXbMDoHDwVN2tF"
PHONE, DESKTOP = {"width": 375, "height": 812}, {"width": 1440, "height": 900}
HOSTILE = [
    "<script>document.title = 'taken'</script>",
    "</script><img src=x onerror=\"document.title = 'taken'\">",
    '"><svg onload="document.title = \'taken\'">',
    "'); DROP TABLE entries; --",
    "{{ 7 * 7 }} ${7 * 7}",
    "ليل طويل جدا",
    "\u202eright to left by force",
    "👩‍👩‍👧‍👦 family 🦊",
    "nul \x00 bell \x07 escape \x1b delete \x7f",
    "tab\tand line\nfeed",
    "=SUM(A1:A9)",
    "",
    "\u200b \u2060",
]


def rendered(address: str, now: datetime = NOON, *playlists: str) -> Lake:
    """A lake with its site, as it is on a day."""
    world = World(now=lambda: now)
    lake = Lake(open_store(address, world), world)
    assert render_site(lake, world, UTC_ZONE, playlists).failed == {}
    return lake


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Seven simulated weeks of the demo's playlists, with their days that went wrong, rendered."""
    address = str(tmp_path_factory.mktemp("demo"))
    list(take_days(address, 49, NOON, UTC_ZONE))
    return rendered(address)


@pytest.fixture(scope="module")
def archive(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """148 days of the real Global Top 50, with the archive's gaps, and official charts, rendered."""
    address = str(tmp_path_factory.mktemp("archive"))
    world = World()
    lake = Lake(open_store(address, world), world)
    for folder in ("archive_global_top50/pretty", "charts_daily_official", "charts_weekly_official"):
        list(import_path(lake, shared_data / folder))
    return rendered(address)


@pytest.fixture
def small(lake: Lake) -> Lake:
    """A few days by hand, a gap among them; the last day is today."""
    days = {
        TODAY - timedelta(days=back): letters for back, letters in ((6, "ABCD"), (5, "BAED"), (1, "EBAC"), (0, "EABF"))
    }
    keep(lake, {day: named(day, letters) for day, letters in days.items()})
    return lake


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if not executable:
        pytest.skip("needs a real browser: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, address: str, viewport: dict[str, int] = DESKTOP, **options: Any) -> Iterator[Page]:
    """Open a page; afterwards it must have asked for nothing but itself, and complained of nothing."""
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    try:
        yield page
        assert complaints == []
        assert {one.split("#")[0] for one in asked if not one.startswith(("data:", "blob:"))} <= {address.split("#")[0]}
    finally:
        context.close()


def address_of(lake: Lake, playlist_id: str = "") -> str:
    return lake.store.link(keys.playlist_page(playlist_id) if playlist_id else keys.INDEX_PAGE, 60)


def table(page: Page) -> list[dict[str, Any]]:
    """The chart as the page shows it."""
    return page.evaluate(
        """() => [...document.querySelector("#entries").tBodies[0].rows].map((row) => {
          const number = (name) => { const text = row.querySelector(name).textContent; return text === "" ? null : parseInt(text); };
          return {
            position: number(".place"), peak_position: number(".peak"), days_on_list: number(".days"),
            streak: number(".streak"), change: row.dataset.change || null,
            previous_position: row.dataset.previous ? Number(row.dataset.previous) : null,
            name: row.querySelector(".track").textContent,
          };
        })"""
    )


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("position", "peak_position", "days_on_list", "streak", "change", "previous_position")
    return [{name: one[name] for name in names} for one in rows]


# What it says is what the lake says.


@pytest.mark.parametrize(("site_of", "playlist_id"), [("demo", TOP_50), ("demo", CURATED), ("archive", GLOBAL_50)])
def test_the_chart_of_every_day_says_what_the_views_say(
    request: pytest.FixtureRequest, chromium: Browser, site_of: str, playlist_id: str
) -> None:
    lake: Lake = request.getfixturevalue(site_of)
    with visit(chromium, address_of(lake, playlist_id)) as page, open_charts(lake, TODAY, [playlist_id]) as charts:
        days = [
            date.fromisoformat(one) for one in page.eval_on_selector_all("#day option", "all => all.map(o => o.value)")
        ]
        known = charts.warehouse.read("SELECT snapshot_date FROM known_days ORDER BY snapshot_date DESC")
        assert days == [one["snapshot_date"] for one in known]
        newest = charts.chart(playlist_id)
        assert told(table(page)) == told(newest.entries)
        for day in days[1::9]:
            page.select_option("#day", day.isoformat())
            chart = charts.chart(playlist_id, day)
            assert told(table(page)) == told(chart.entries)
            gap = f"The {chart.gap_days} day"
            assert (gap in page.inner_text("#compared")) == bool(chart.gap_days)


def test_an_earlier_day_has_its_empty_slots_and_second_places_too(chromium: Browser, lake: Lake) -> None:
    days = {
        TODAY - timedelta(days=back): letters for back, letters in ((3, ".AA"), (2, "A.BA."), (1, "A..BA"), (0, "A.B."))
    }
    keep(lake, {day: named(day, letters) for day, letters in days.items()})
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page, open_charts(lake, TODAY, [LIST]) as charts:
        for day, letters in days.items():
            page.select_option("#day", day.isoformat())
            assert told(table(page)) == told(charts.chart(LIST, day).entries)
            assert [one["name"] for one in table(page)] == [
                "(no longer available)" if one == "." else f"Song {one}" for one in letters
            ]
        page.select_option("#day", (TODAY - timedelta(days=2)).isoformat())
        assert page.locator("#entries .move.duplicate").inner_text().startswith("TWICE")
        page.click("#entries tbody tr:nth-child(4) .peak")
        expect(page.locator("#run-title")).to_have_text("Song A")


def test_who_may_stand_in_an_empty_slot_is_neither_new_nor_gone_on_the_page(chromium: Browser, lake: Lake) -> None:
    written = ("ABC", "A.C", ".BD", "E.D", "EBD", "E.D", "E.D")
    days = {TODAY - timedelta(days=6 - number): letters for number, letters in enumerate(written)}
    keep(lake, {day: named(day, letters) for day, letters in days.items()})
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page, open_charts(lake, TODAY, [LIST]) as charts:
        for day in days:
            page.select_option("#day", day.isoformat())
            assert told(table(page)) == told(charts.chart(LIST, day).entries)
        assert "unseen" in {one["change"] for day in days for one in charts.chart(LIST, day).entries}
        for old, new in combinations(days, 2):
            page.select_option("#from", old.isoformat())
            page.select_option("#to", new.isoformat())
            found = charts.compare(LIST, old, new).items
            assert shown_groups(page) == groups_of(found)
            unseen = sum(one["change"] == "unseen" for one in found)
            assert (f"{unseen} not seen on one of the two days" in page.inner_text("#compared-days")) == bool(unseen)
        for key in {run["track_key"] for run in charts.warehouse.read("SELECT track_key FROM runs")}:
            own = charts.warehouse.read(
                "SELECT * FROM runs WHERE track_key = $key ORDER BY entered_on DESC", {"key": key}
            )
            page.evaluate("key => { location.hash = `track=${encodeURIComponent(key)}` }", key)
            expect(page.locator("#run-title")).to_have_text(own[0]["name"])
            assert shown_runs(page) == runs_of(own)


def shown_groups(page: Page) -> dict[str, list[str]]:
    """The keys of the items under each heading of two days compared."""
    shown = page.evaluate(
        """() => [...document.querySelectorAll(".versus section")].map((part) => [
          part.querySelector("h3").firstChild.textContent.trim().toLowerCase(),
          [...part.querySelectorAll("li")].map((li) => decodeURIComponent(li.querySelector(".track").hash.slice(7)))])"""
    )
    return {change: sorted(items) for change, items in shown}


def groups_of(items: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The same, as the lake says it."""
    return {
        change: sorted(one["track_key"] for one in items if one["change"] == change)
        for change in ("entered", "left", "up", "down")
    }


def shown_runs(page: Page) -> list[list[Any]]:
    """What the page says of a track's runs: entered at, peak, known and unknown days, at most, last place."""
    rows = page.evaluate(
        "() => [...document.querySelectorAll('#run tbody tr')].map((tr) => [...tr.cells].map((td) => td.textContent))"
    )
    numbers = [[int(cell) if cell else None for cell in (*row[1:6], row[7])] for row in rows]
    return [[row[0].removeprefix("before or on "), *found] for row, found in zip(rows, numbers, strict=True)]


def runs_of(runs: list[dict[str, Any]]) -> list[list[Any]]:
    """The same, as the view `runs` says it."""
    names = ("first_position", "peak_position", "days", "gap_days", "most_days", "last_position")
    return [[f"{run['entered_on']:%-d %b %Y}", *(run[name] for name in names)] for run in runs]


def test_a_day_of_more_entries_than_the_page_has_says_so_alone_and_compared(chromium: Browser, lake: Lake) -> None:
    long, now = TODAY - timedelta(days=1), TODAY
    sizes = {long: 1300, now: 100}
    keep(lake, {day: [entry(day, place, uri=f"spotify:track:{place}", name=f"Song {place}")
                      for place in range(1, size + 1)] for day, size in sizes.items()})  # fmt: skip
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page:
        assert page.inner_text("#rest") == ""
        assert "the first 1000 places; the lake has all" in page.inner_text("footer")
        page.click("#earlier")
        assert len(table(page)) == 1000
        assert page.inner_text("#rest").startswith("The first 1,000 entries of 1,300;")
        assert "among the first 1,000 entries of one of the two days" in page.inner_text("#compared-days")
        assert "there are 1,300 on 22 Nov 2026." in page.inner_text("#compared-days")
        page.click("#later")
        assert page.inner_text("#rest") == ""
        page.select_option("#from", now.isoformat())
        assert "among the first" not in page.inner_text("#compared-days")


@pytest.mark.parametrize(("site_of", "playlist_id"), [("demo", TOP_50), ("archive", GLOBAL_50)])
def test_two_days_compared_say_what_the_lake_says(
    request: pytest.FixtureRequest, chromium: Browser, site_of: str, playlist_id: str
) -> None:
    lake: Lake = request.getfixturevalue(site_of)
    with visit(chromium, address_of(lake, playlist_id)) as page, open_charts(lake, TODAY, [playlist_id]) as charts:
        days = page.eval_on_selector_all("#day option", "all => all.map(o => o.value)")
        for old, new in ((days[-1], days[0]), (days[3], days[17]), (days[1], days[1])):
            page.select_option("#from", old)
            page.select_option("#to", new)
            found = charts.compare(playlist_id, date.fromisoformat(old), date.fromisoformat(new))
            assert list(shown_groups(page)) == ["entered", "left", "up", "down"]
            assert shown_groups(page) == groups_of(found.items)
            same = sum(one["change"] == "same" for one in found.items)
            words = page.inner_text("#compared-days p")
            assert words.startswith(f"{same} entr")
            assert (f"{found.unknown_days} day" in words) == bool(found.unknown_days)


def test_a_tracks_own_run_says_what_the_views_say(chromium: Browser, archive: Lake) -> None:
    with open_charts(archive, TODAY, [GLOBAL_50]) as charts:
        runs = charts.warehouse.read(
            "SELECT * FROM runs WHERE playlist_id = $id AND track_key IN "
            "(SELECT track_key FROM runs WHERE playlist_id = $id GROUP BY track_key HAVING count(*) = 3) "
            "ORDER BY track_key, entered_on DESC LIMIT 9",
            {"id": GLOBAL_50},
        )
    assert len(runs) == 9
    with visit(chromium, address_of(archive, GLOBAL_50)) as page:
        for key in dict.fromkeys(run["track_key"] for run in runs):
            own = [run for run in runs if run["track_key"] == key]
            page.evaluate("key => { location.hash = `track=${encodeURIComponent(key)}` }", key)
            expect(page.locator("#run-title")).to_have_text(own[0]["name"])
            assert shown_runs(page) == runs_of(own)


def test_leavers_artists_and_coverage_say_what_the_views_say(chromium: Browser, demo: Lake) -> None:
    with visit(chromium, address_of(demo, TOP_50)) as page, open_charts(demo, TODAY, [TOP_50]) as charts:
        chart = charts.chart(TOP_50)
        left = page.locator("section:has(#left-title) li")
        assert [int(one) for one in left.locator(".lead").all_inner_texts()] == [
            r["last_position"] for r in chart.leavers
        ]
        artists = charts.artists(TOP_50, TODAY - timedelta(days=29), TODAY)
        shares = page.locator(".bars li > span:nth-of-type(2)").all_inner_texts()
        assert shares == [f"{100 * one['share']:.1f} %" for one in artists[: len(shares)]]
        coverage = charts.coverage(TOP_50)
        known = sum(one["status"] == "ok" for one in coverage)
        assert f"{known} of {len(coverage)} days known" in page.inner_text("#coverage-title")
        cells = page.eval_on_selector_all(".month i", "all => all.map(one => one.className)")
        looks = {"ok": "", "missed": "missed"}
        assert cells == [looks.get(one["status"], "failed") for one in coverage]
        assert "Spotify asked to wait" in page.inner_text(".gaps")
        assert "nothing is known of this day" in page.inner_text(".gaps")


def weeks_kept(lake: Lake, newest: str) -> str:
    """The address of a weekly list's page: three weeks, before the newest of which one is not known."""
    weekly = "chart:regional-us-weekly"
    weeks = {TODAY - timedelta(weeks=back): letters for back, letters in ((3, "AB"), (2, "BA"), (0, newest))}
    rows = {day: [r | {"playlist_id": weekly} for r in named(day, letters)] for day, letters in weeks.items()}
    keep(lake, rows, weekly, "import:charts-official-weekly")
    rendered(lake.store.locate(""))
    return address_of(lake, weekly)


def test_a_weekly_list_has_no_gap_between_its_weeks(chromium: Browser, lake: Lake) -> None:
    with visit(chromium, weeks_kept(lake, "AB")) as page:
        assert "The 1 week between is not known" in page.inner_text("#compared")
        page.click("#earlier")
        assert page.inner_text("#compared") == "Compared with Mon 2 Nov 2026."
        assert page.locator("#bump svg rect[fill*=hatch]").count() == 0


def test_a_weekly_list_counts_in_weeks(chromium: Browser, lake: Lake) -> None:
    with visit(chromium, weeks_kept(lake, "BA")) as page:
        assert "3 of 4 weeks known" in page.inner_text("#coverage-title")
        assert "2 weeks at the top" in page.inner_text(".glance")
        assert page.locator(".gaps td >> nth=1").inner_text() == "1 week"
        page.click("text=Song A")
        assert "for 3 known weeks" in page.inner_text("#run")
        assert "Weeks on the list" in page.inner_text("#run")
        assert not re.search(r"\d days?\b", page.inner_text("#run"))
    with visit(chromium, address_of(lake)) as page:
        assert "Last 60 weeks" in page.text_content(".columns-of")


def test_a_first_day_and_an_empty_day_claim_nothing(chromium: Browser, lake: Lake) -> None:
    keep(lake, {TODAY: named(TODAY, "AB")})
    empty = "2" * 22
    keep(lake, {TODAY: []}, empty)
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page:
        assert page.inner_text("main").count("Not known: this is the first known day.") == 5
        assert "Nothing" not in page.inner_text("main")
    with visit(chromium, address_of(lake, empty)) as page:
        assert page.inner_text("#rest") == "The list is empty."
        expect(page.locator("#entries")).to_be_hidden()


def test_what_stands_beside_an_earlier_chart_has_its_date(chromium: Browser, small: Lake) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST)) as page:
        assert page.locator(".asof:visible").count() == 0
        page.click("#earlier")
        page.emulate_media(media="print")
        assert page.locator(".asof:visible").all_inner_texts() == [
            "On Mon 23 Nov 2026, the newest known day:", "On Mon 23 Nov 2026, the newest known day:", "on Mon 23 Nov 2026",
        ]  # fmt: skip


def test_a_gap_is_told_and_drawn(chromium: Browser, small: Lake) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST) + "#day=2026-11-22") as page:
        assert "Compared with Wed 18 Nov 2026. The 3 days between are not known" in page.inner_text("#compared")
        assert page.locator("#bump svg rect[fill*=hatch]").count() == 1
        page.click("text=Song A")
        assert page.locator("#run .series").get_attribute("d").count("M") == 2


# Without anything but the file.


def test_without_script_all_that_matters_is_there(chromium: Browser, demo: Lake) -> None:
    with visit(chromium, address_of(demo, TOP_50), java_script_enabled=False) as page:
        text = page.inner_text("main")
        assert len(page.locator("#entries tbody tr").all()) == 50
        assert "Compared with" in text
        assert "Left" in text
        assert "days known" in text
        assert "need JavaScript" in text
        assert "Download CSV" not in text
    with visit(chromium, address_of(demo), java_script_enabled=False) as page:
        assert len(page.locator(".card h3 a").all()) == 3


def test_every_item_links_back_and_the_page_says_where_the_data_is_from(
    chromium: Browser, archive: Lake, demo: Lake
) -> None:
    with visit(chromium, address_of(archive, GLOBAL_50)) as page:
        links = page.eval_on_selector_all("#entries .out", "all => all.map(one => [one.href, one.rel])")
        assert len(links) == 50
        assert all(re.fullmatch(r"https://open\.spotify\.com/track/\w{22}", href) for href, _ in links)
        assert {rel for _, rel in links} == {"noopener noreferrer"}
        assert "Data from Spotify, imported" in page.inner_text("footer")
        assert "invented" not in page.inner_text("body").lower()
    with visit(chromium, address_of(demo, TOP_50)) as page:
        assert "Invented data, not Spotify’s." in page.inner_text("footer")
        assert "no such artists, no such songs" in page.inner_text("header.head")


def test_hostile_names_are_text(chromium: Browser, lake: Lake) -> None:
    day = TODAY
    rows = [
        entry(day, place, name=name, uri=f"spotify:track:{place}", artists=[{"id": "javascript:x", "name": name}],
              url="javascript:alert(1)" if place == 1 else None)
        for place, name in enumerate(HOSTILE, start=1)
    ]  # fmt: skip
    keep(lake, {day - timedelta(days=1): [], day: rows})
    told = {"captured_at": NOON, "name": HOSTILE[1], "owner_name": HOSTILE[0]}
    lake.put_snapshot(lake.snapshot(LIST, day) | told)
    rendered(lake.store.locate(""))
    shown = [re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "�", re.sub(r"[\t\n]", " ", name)) for name in HOSTILE]
    shown[-2:] = ["(no title)"] * 2
    with visit(chromium, address_of(lake, LIST)) as page:
        assert page.eval_on_selector_all("#entries .track bdi", "all => all.map(one => one.textContent)") == shown
        assert page.text_content("h1") == HOSTILE[1]
        assert page.locator("#entries .out").first.get_attribute("href") == "https://open.spotify.com/track/1"
        for number in range(1, len(HOSTILE)):
            page.evaluate("key => { location.hash = `track=${encodeURIComponent(key)}` }", f"spotify:track:{number}")
            expect(page.locator("#run-title")).to_have_text(shown[number - 1])
        page.keyboard.press("Escape")
        page.fill("#search", "script")
        assert page.locator("#found a").count() == 2
        assert page.title().startswith(HOSTILE[1])
        assert page.locator("script").count() == 2
        assert page.locator("img, iframe, object, embed").count() == 0
        assert not page.locator("a[href^=javascript]").count()
    with visit(chromium, address_of(lake)) as page:
        assert page.text_content(".card h3") == HOSTILE[1]
        assert "taken" not in page.title()


def test_a_script_that_is_not_ours_does_not_run(chromium: Browser, demo: Lake, tmp_path: Path) -> None:
    html = demo.store.get(keys.playlist_page(TOP_50)).data.decode()
    (tmp_path / "page.html").write_text(html.replace("<main", "<script>document.title = 'taken'</script><main", 1))
    page = chromium.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert "taken" not in page.title()
    page.close()


def test_every_part_of_the_script_is_whole_and_has_its_turn(chromium: Browser) -> None:
    parts = {path.stem: path.read_text("utf-8") for path in Path(layout.__file__).parent.glob("script/*.js")}
    assert sorted(layout.SCRIPT) == sorted(parts)
    page = chromium.new_page()
    for name, text in parts.items():
        page.evaluate("text => { new Function(text); }", text)
        assert all(line.count("`") % 2 == 0 for line in text.splitlines()), f"{name}: the join would indent this text"
    page.close()


# What a person does.


def test_a_click_or_enter_opens_a_tracks_run_and_escape_closes_it(chromium: Browser, demo: Lake) -> None:
    with visit(chromium, address_of(demo, TOP_50)) as page:
        page.click("#entries tbody tr:nth-child(3) .peak")
        name = page.inner_text("#entries tbody tr:nth-child(3) .track")
        expect(page.locator("#run")).to_be_visible()
        assert page.inner_text("#run-title") == name
        expect(page).to_have_url(re.compile("#track="))
        page.keyboard.press("Escape")
        expect(page.locator("#run")).to_be_hidden()
        expect(page).to_have_url(re.compile("^[^#]*$"))
        title = page.locator("#entries tbody tr:nth-child(5) .track")
        title.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#run-title")).to_have_text(title.inner_text())
        page.click("#run button")
        expect(page.locator("#run")).to_be_hidden()
        expect(title).to_be_focused()
        shared = title.evaluate("one => one.href")
        page.goto(shared)
        page.reload()
        expect(page.locator("#run-title")).to_have_text(title.inner_text())
        page.go_back()
        expect(page.locator("#run")).to_be_hidden()


def test_the_address_and_what_is_shown_agree(chromium: Browser, small: Lake) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST)) as page:
        page.click("#entries .track >> nth=0")
        page.click("#run button")
        page.select_option("#day", "2026-11-18")
        page.go_back()
        expect(page.locator("#day")).to_have_value(str(TODAY))
        page.select_option("#from", "2026-11-17")
        expect(page).to_have_url(re.compile("#compare="))
        compared = page.url
        page.click("#compared-days .track >> nth=0")
        expect(page.locator("#run")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#run")).to_be_hidden()
        expect(page).to_have_url(compared)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("#day=2026-11-20", "2026-11-20 is not a known day"),
        ("#track=nothing", "no track of that address"),
        ("#compare=18 Nov 2026..17 Nov 2026", "not both known days"),
    ],
)
def test_an_address_that_leads_nowhere_is_told(chromium: Browser, small: Lake, address: str, words: str) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST) + address) as page:
        expect(page.locator("#said")).to_contain_text(words)
        assert page.input_value("#day") == page.input_value("#to") == str(TODAY)
        assert page.input_value("#from")


def test_a_tracks_run_follows_the_width_of_the_window(chromium: Browser, small: Lake) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST)) as page:
        page.click("#entries .track >> nth=0")
        page.set_viewport_size({"width": 390, "height": 800})
        page.wait_for_function("document.querySelector('#run-plot svg').getBoundingClientRect().width < 370")


def test_the_focus_is_never_lost(chromium: Browser, small: Lake) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST) + "#day=2026-11-22") as page:
        page.locator("#later").press("Enter")
        expect(page.locator("#later")).to_have_attribute("aria-disabled", "true")
        expect(page.locator("#later")).to_be_focused()
        page.fill("#search", "song")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#run")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#search")).to_be_focused()


def test_a_known_day_between_two_gaps_is_drawn(chromium: Browser, lake: Lake) -> None:
    keep(lake, {TODAY - timedelta(days=back): named(TODAY - timedelta(days=back), "AB") for back in (6, 3, 0)})
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page:
        hatched = page.locator("#bump svg rect[fill*=hatch]")
        expect(hatched).to_have_count(2)
        boxes = [one.bounding_box() for one in hatched.all()]
        assert boxes[1]["x"] - boxes[0]["x"] - boxes[0]["width"] > 10
        assert page.locator("#bump .lead .line").first.get_attribute("d").count("a1.5") == 6


def test_the_search_finds_what_left_long_ago_and_works_by_keys_alone(chromium: Browser, archive: Lake) -> None:
    with visit(chromium, address_of(archive, GLOBAL_50)) as page:
        page.keyboard.press("/")
        expect(page.locator("#search")).to_be_focused()
        page.keyboard.type("malUMA hawai")
        assert page.locator("#found .track").all_inner_texts() == ["Hawái", "Hawái - Remix"]
        assert page.text_content("#hits") == "2 entries found."
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#run-title")).to_have_text("Hawái - Remix")
        page.keyboard.press("Escape")
        page.fill("#search", "no such thing")
        assert "Nothing on this page" in page.inner_text("#found")
        page.keyboard.press("Escape")
        expect(page.locator("#found")).to_be_hidden()


def test_a_line_is_lit_by_pointer_and_by_focus(chromium: Browser, demo: Lake) -> None:
    with visit(chromium, address_of(demo, TOP_50)) as page:
        label = page.locator("#bump button").nth(2)
        label.focus()
        assert "focus" in page.get_attribute("#bump", "class")
        assert page.locator("#bump .top .line").count() == 1
        assert "on" in label.get_attribute("class")
        page.locator("#day").focus()
        assert "focus" not in page.get_attribute("#bump", "class")
        page.hover("#entries tbody tr:nth-child(1)")
        assert page.locator("#bump .top .line").count() == 1
        page.mouse.move(5, 5)
        box = page.locator("#bump svg").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 17)
        assert re.search(r"^1 on \w{3} \d", page.inner_text("#bump .tip").split("\n")[1])
        wide = page.locator("#bump .lead .line").first.get_attribute("d")
        page.check("input[name=range][value='0']", force=True)
        assert page.locator("#bump .lead .line").first.get_attribute("d") != wide
        page.check("input[name=top][value='20']", force=True)
        assert page.locator("#bump button").count() in (19, 20)


def test_the_addresses_of_the_shown_day_are_copied(chromium: Browser, demo: Lake) -> None:
    with visit(chromium, address_of(demo, TOP_50), permissions=["clipboard-read", "clipboard-write"]) as page:
        page.click("#copy")
        expect(page.locator("#said")).to_contain_text("addresses copied")
        copied = page.evaluate("navigator.clipboard.readText()").split("\n")
        shown = page.eval_on_selector_all("#entries .out", "all => all.map(one => one.href)")
        assert copied == shown
        assert page.inner_text("#said").startswith(f"{len(shown)} addresses copied; {50 - len(shown)} ")


def test_the_file_of_the_shown_day_is_safe_in_a_spreadsheet(chromium: Browser, lake: Lake) -> None:
    names = ["=SUM(A1:A9)", "+1", "-1", "@here", '"quoted", with a comma', "Plain"]
    for back in (1, 0):
        day = TODAY - timedelta(days=back)
        rows = [
            entry(
                day,
                place,
                name=name,
                uri=f"spotify:track:{place}",
                streams=1000 * place,
                artists=[{"id": None, "name": name}],
            )
            for place, name in enumerate(names, 1)
        ]
        keep(lake, {day: rows if back else rows[::-1] and [r | {"position": 7 - r["position"]} for r in rows[::-1]]})
    rendered(lake.store.locate(""))

    def download(page: Page) -> tuple[str, list[dict[str, str]]]:
        with page.expect_download() as caught:
            page.click("#csv")
        text = Path(caught.value.path()).read_text("utf-8-sig")
        return caught.value.suggested_filename, list(csv.DictReader(io.StringIO(text)))

    with visit(chromium, address_of(lake, LIST), accept_downloads=True) as page:
        name, rows = download(page)
        assert name == f"{LIST}-{TODAY}.csv"
        assert [one["name"] for one in rows] == [
            "Plain",
            '"quoted", with a comma',
            "'@here",
            "'-1",
            "'+1",
            "'=SUM(A1:A9)",
        ]
        assert [one["artists"][:1] for one in rows] == ["P", '"', "'", "'", "'", "'"]
        assert [one["streams"] for one in rows] == ["6000", "5000", "4000", "3000", "2000", "1000"]
        assert rows[0] | {"name": "", "artists": ""} == {
            "snapshot_date": str(TODAY), "position": "1", "change": "up", "previous_position": "6", "name": "", "artists": "",
            "peak_position": "1", "days_on_list": "2", "streak": "2", "streams": "6000", "url": "https://open.spotify.com/track/6",
        }  # fmt: skip
        page.click("#earlier")
        name, rows = download(page)
        assert name == f"{LIST}-{TODAY - timedelta(days=1)}.csv"
        assert [one["position"] for one in rows] == list("123456")
        assert "streams" not in rows[0]


def test_the_whole_page_can_be_walked_by_keys_without_a_trap(chromium: Browser, small: Lake) -> None:
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST)) as page:
        walked = walk(page)
        assert {"day", "csv", "copy", "from", "to"} <= set(walked)
        assert walked.index("day") < walked.index("csv") < walked.index("from") < walked.index("to")


def walk(page: Page) -> list[str]:
    """What has the focus, from the top of a page to its end, by the Tab key alone: all of it is seen to have it."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    seen = []
    for _ in range(200):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "() => { const one = document.activeElement; const box = one.getBoundingClientRect();"
            "  return one === document.body ? null : [one.id || one.textContent.trim().slice(0, 40), one.matches(':focus-visible'), box.width > 0] }"
        )
        if here is None:
            break
        seen.append(here)
    else:
        raise AssertionError("the walk does not end")
    assert all(visible and wide for _, visible, wide in seen)
    return [name for name, _, _ in seen]


# How it looks.


@pytest.mark.parametrize("width", [320, 375, 768, 1061, 1440, 2200])
def test_no_width_needs_sideways_scrolling(chromium: Browser, demo: Lake, width: int) -> None:
    for playlist_id in (TOP_50, CURATED, ""):
        with visit(chromium, address_of(demo, playlist_id), {"width": width, "height": 800}) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_light_or_dark_as_the_reader_likes(chromium: Browser, demo: Lake) -> None:
    papers = []
    for scheme in ("light", "dark"):
        with visit(chromium, address_of(demo, TOP_50), color_scheme=scheme) as page:
            papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(251, 250, 247)", "rgb(19, 20, 22)"]


def test_on_paper_there_is_the_chart_and_no_control(chromium: Browser, demo: Lake) -> None:
    with visit(chromium, address_of(demo, TOP_50)) as page:
        page.emulate_media(media="print")
        expect(page.locator("#entries")).to_be_visible()
        expect(page.locator("#chart-day")).to_be_visible()
        for control in ("#csv", ".topbar", "#compare"):
            expect(page.locator(control)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_serious(chromium: Browser, demo: Lake, scheme: str, viewport: dict[str, int]) -> None:
    for playlist_id in (TOP_50, ""):
        # axe itself is brought in as a script that the page's policy would refuse.
        with visit(chromium, address_of(demo, playlist_id), viewport, color_scheme=scheme, bypass_csp=True) as page:
            grave(page)
            if playlist_id:
                page.click("#entries tbody tr:nth-child(1) .track")
                expect(page.locator("#run")).to_be_visible()
                grave(page)


def grave(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


# What is written.


def test_the_same_data_give_the_same_bytes_and_are_not_written_again(small: Lake, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    rendered(str(root))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (root / "site").rglob("*.*")}
    rendered(str(root), NOON + timedelta(hours=3))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (root / "site").rglob("*.*")} == before
    shutil.copytree(root / "tables", tmp_path / "copy" / "tables")
    rendered(str(tmp_path / "copy"))
    for path, (data, _) in before.items():
        assert (tmp_path / "copy" / path.relative_to(root)).read_bytes() == data


def test_a_page_rendered_alone_leaves_the_index_whole(small: Lake) -> None:
    other = "2" * 22
    keep(small, {TODAY: [r | {"playlist_id": other} for r in named(TODAY, "XYZ")]}, other)
    rendered(small.store.locate(""))
    index = small.store.get(keys.INDEX_PAGE).data
    assert index.count(b'.html" data-list="') == 2
    rendered(small.store.locate(""), NOON, other)
    assert small.store.get(keys.INDEX_PAGE).data == index


def test_a_damaged_list_does_not_stop_the_others(small: Lake, clock: Clock) -> None:
    segment = small.segment_of("3" * 22, TODAY)
    small.store.create(segment, b"not a table")
    small.put_snapshot(row(playlist_id="3" * 22, entry_count=1, entries_key=segment))
    found = render_site(small, clock.world(), UTC_ZONE)
    assert (found.pages, list(found.failed)) == ([LIST], ["3" * 22])
    assert b"3333" in small.store.get(keys.INDEX_PAGE).data


def test_near_the_end_of_the_time_pages_are_left_and_the_index_is_written(small: Lake, clock: Clock) -> None:
    found = render_site(small, clock.world(seconds_left=2), UTC_ZONE)
    assert (found.pages, found.left) == ([], [LIST])
    assert small.store.get(keys.playlist_page(LIST)) is None
    assert b"A list" in small.store.get(keys.INDEX_PAGE).data


def test_a_list_that_is_not_in_the_lake_is_named(small: Lake, clock: Clock) -> None:
    with pytest.raises(NotKept, match="nowhere"):
        render_site(small, clock.world(), UTC_ZONE, ["nowhere"])


def test_ten_thousand_entries_do_not_blow_the_page_up(chromium: Browser, lake: Lake) -> None:
    for back in (2, 1, 0):
        day = TODAY - timedelta(days=back)
        rows = [
            entry(day, place, uri=f"spotify:track:{(place * 7 + back) % 10_000}", name=f"Song {place}")
            for place in range(1, 10_001)
        ]
        keep(lake, {day: rows})
    rendered(lake.store.locate(""))
    assert len(lake.store.get(keys.playlist_page(LIST)).data) < 1_500_000
    with visit(chromium, address_of(lake, LIST)) as page:
        assert len(table(page)) == 1000
        assert "The first 1,000 entries of 10,000;" in page.inner_text("#chart")
        assert re.search(r"the first \d+ places; the lake has all", page.inner_text("footer"))


def test_a_very_long_past_is_cut_and_the_page_says_where(
    chromium: Browser, small: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "MOST_ENTRIES", 9)
    rendered(small.store.locate(""))
    with visit(chromium, address_of(small, LIST)) as page:
        assert page.locator("#day option").count() == 2
        assert "since Sun 22 Nov 2026, to which this page looks back on so long a list" in page.inner_text("#chart")
        assert "4 of 7 days known" in page.inner_text("#coverage-title")


def test_a_purged_playlist_is_gone_from_the_site_too(small: Lake, clock: Clock) -> None:
    rendered(small.store.locate(""))
    wish = Wish(TODAY + timedelta(days=1), playlist_id=LIST)
    told = purge(small, clock.world(), wish)
    assert sorted(told.pages) == list(small.store.list(keys.SITE)) != []
    purge(small, clock.world(), wish, dry_run=False)
    assert list(small.store.list(keys.SITE)) == []
    rendered(small.store.locate(""))
    assert b"A list" not in small.store.get(keys.INDEX_PAGE).data


# In S3.


@pytest.fixture
def cloud(s3_server_url: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake on a real S3 server, rendered, with lists whose names need quoting."""
    as_aws(s3_server_url, monkeypatch)
    world = World(now=lambda: NOON)
    lake = Lake(open_store(f"s3://charts/{uuid.uuid4().hex}/prefix", world), world)
    for one in (LIST, "chart:regional-global-daily"):
        keep(lake, {TODAY: [r | {"playlist_id": one} for r in named(TODAY, "AB")]}, one)
    assert render_site(lake, world, UTC_ZONE).failed == {}
    return lake


def test_a_shared_index_opens_every_page_for_whoever_has_its_link(chromium: Browser, cloud: Lake, clock: Clock) -> None:
    link = shared_index(cloud.store, World(), 600)
    assert requests.get(link.split("?")[0], timeout=10).status_code == 403
    with visit(chromium, link) as page:
        pages = page.eval_on_selector_all(".card h3 a", "all => all.map(one => one.href)")
    assert len(pages) == 2
    for one in pages:
        assert requests.get(one, timeout=10).headers["Content-Type"] == "text/html; charset=utf-8"
        with visit(chromium, one) as page:
            assert page.locator("#entries tbody tr").count() == 2
            assert page.locator("a[data-home], a[href$='index.html']").count() == 0
            page.click("text=Song A")
            expect(page.locator("#run-title")).to_have_text("Song A")


def test_before_the_first_page_there_is_nothing_to_share(lake: Lake) -> None:
    with pytest.raises(NotKept, match="No page is rendered yet"):
        shared_index(lake.store, World(), 600)


# By command and after a run.


def test_the_command_renders_and_says_where(small: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARTLAKE_LAKE", "lake")
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    done = CliRunner().invoke(cli.main, ["report", "--open"])
    assert (done.exit_code, done.output) == (0, "1 page and the index rendered.\nlake/site/index.html\n")
    assert opened == [(tmp_path / "lake" / "site" / "index.html").as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    done = CliRunner().invoke(cli.main, ["report", "--open"])
    assert (done.exit_code, done.stderr) == (0, "No browser was found here; open that address in one yourself.\n")
    done = CliRunner().invoke(cli.main, ["report", LIST, "--json"])
    found = json.loads(done.output)
    assert (found["pages"], found["failed"], found["index"]) == ([LIST], {}, "lake/site/index.html")


def test_with_a_lake_in_s3_the_command_gives_a_link_that_opens(cloud: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", cloud.store.locate("").rstrip("/"))
    done = CliRunner().invoke(cli.main, ["report", "--json"])
    assert requests.get(json.loads(done.output)["link"], timeout=10).status_code == 200
