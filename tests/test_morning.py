"""The morning page in a real browser: what happened, what is found, and which lists there are."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from chalicelib.analysis.events import Event, read_events
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.report.morning import morning_context, news_of, songs_of
from chalicelib.time_and_chance import World

from .conftest import NOON
from .histories import LIST, entry, keep, named
from .test_lake import row
from .test_report import (
    DESKTOP,
    HOSTILE,
    PHONE,
    TODAY,
    address_of,
    archive,
    chromium,
    grave,
    rendered,
    small,
    visit,
    walk,
)

__all__ = ["archive", "chromium", "small"]  # fixtures


def test_the_index_tells_what_needs_a_person_first_and_why(chromium: Browser, lake: Lake) -> None:
    for number, letters in enumerate(("fresh", "stale", "failing", "never")):
        one = letters.ljust(22, "x")
        day = TODAY - timedelta(days=5 if letters == "stale" else 1)
        if letters != "never":
            before = day - timedelta(days=1)
            rows = {
                at: [r | {"playlist_id": one} for r in named(at, text)] for at, text in ((before, "ABC"), (day, "BAD"))
            }
            keep(lake, rows, one)
        if number >= 2:
            gap = row("forbidden", TODAY, NOON, playlist_id=one, reason="403: <not> yours", name=letters)
            lake.put_snapshot(gap)
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake)) as page:
        groups = page.locator(".group").all()
        assert [one.locator("h2").inner_text() for one in groups] == ["Needs attention 3", "Up to date 1"]
        attention = groups[0].inner_text()
        assert "No run since Wed 18 Nov 2026." in attention
        assert "Mon 23 Nov 2026 failed: refused: 403: <not> yours" in attention
        assert "no day is known" in attention
        assert groups[0].locator("h3 a").count() == 2
        fresh = groups[1].inner_text()
        assert all(words in fresh for words in ("Song B", "▲ 1", "to 1", "1 / 0 / 1"))
        assert groups[1].locator("svg").get_attribute("aria-label") == "2 of the last 2 days known"


def test_the_morning_page_says_what_happened_and_in_which_interval(chromium: Browser, lake: Lake) -> None:
    other = "2" * 22
    before = TODAY - timedelta(days=4)
    keep(lake, {before: named(before, "ABC"), TODAY: named(TODAY, "BAD")})
    keep(lake, {at: [r | {"playlist_id": other} for r in named(at, "XYZ")] for at in (before, before, TODAY)}, other)
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake)) as page:
        news = page.locator(".news")
        lines = news.locator("li").all_inner_texts()
        interval = "between 19 and 23 November 2026"
        assert any(one.startswith("“Song D” entered") and f"at 3 {interval}." in one for one in lines), lines
        assert any(one.startswith(f"“Song C” left, from 3, {interval}.") for one in lines), lines
        assert not any("A list" in one for one in lines), "the heading says which list it is"
        assert sum("“Song B”" in one for one in lines) == 1, "what is said of a song is said once"
        assert not any("Song A" in one for one in lines), "a small move is not told"
        link = news.locator("h3 a").first.get_attribute("href")
        assert link
        assert link.startswith("playlists/")
        assert "https://open.spotify.com/" in (news.locator("li a").first.get_attribute("href") or "")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two lists with hostile names, on which today songs of all hostile names and artists are new: first those that the
    news should tell of."""
    world = World(now=lambda: NOON)
    lake = Lake(open_store(str(tmp_path_factory.mktemp("hostile")), world), world)
    before = TODAY - timedelta(days=1)
    for number in (0, 5):
        one, names = f"{number:022}", [*HOSTILE[number:], *HOSTILE[:number]]
        days = {before: a_day(before, one, ["Old"]), TODAY: a_day(TODAY, one, ["Old", *names])}
        keep(lake, days, one, name=HOSTILE[number + 1])
    lake.store.create(keys.WATCH, f"artist {HOSTILE_ID[HOSTILE[0]]}\n".encode())
    return rendered(lake.store.locate(""))


HOSTILE_ID = {name: f"{number:022}" for number, name in enumerate(["Old", *HOSTILE])}


def a_day(day: date, playlist_id: str, names: list[str]) -> list[dict[str, Any]]:
    return [
        entry(day, place, uri=f"spotify:track:{HOSTILE_ID[name]}", name=name, playlist_id=playlist_id)
        | {"artists": [{"id": HOSTILE_ID[name], "name": name}]}
        for place, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_hostile_names_are_text_that_fits_and_axe_finds_nothing(
    chromium: Browser, hostile: Lake, viewport: dict[str, int], scheme: Any
) -> None:
    with visit(chromium, address_of(hostile), viewport, color_scheme=scheme, bypass_csp=True) as page:
        assert page.title() == "Playlists · chartlake"
        assert page.locator("main img, main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        page.fill("#song", "script")
        assert page.locator("#song-found strong").first.inner_text() == HOSTILE[0]
        grave(page)


def test_no_name_turns_the_words_of_a_sentence_around(chromium: Browser, hostile: Lake) -> None:
    with visit(chromium, address_of(hostile)) as page:
        forced = page.locator(".news-of li", has_text="right to left by force").first
        # What follows the name is shown to the right of it, and from left to right.
        places = forced.evaluate(
            """(li) => {
              const range = document.createRange(), name = li.querySelector("bdi"), after = name.nextSibling;
              range.selectNodeContents(name);
              const shown = [range.getClientRects()[0]];
              for (const at of [2, 3]) {
                range.setStart(after, at);
                range.setEnd(after, at + 1);
                shown.push(range.getClientRects()[0]);
              }
              return [after.data, shown[0].right <= shown[1].left + 1, shown[1].right <= shown[2].left + 1];
            }"""
        )
        assert places == ["” by ", True, True]


def test_the_search_is_used_with_the_keyboard_alone(chromium: Browser, hostile: Lake) -> None:
    with visit(chromium, address_of(hostile)) as page:
        page.keyboard.press("/")
        page.keyboard.type("family 🦊")
        assert page.inner_text("#song-hits") == "1 title found."
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.href") == (
            f"https://open.spotify.com/track/{HOSTILE_ID[HOSTILE[7]]}"
        )
        page.keyboard.press("Tab")
        assert "/playlists/" in page.evaluate("document.activeElement.href")
        page.keyboard.press("/")
        page.keyboard.press("Escape")
        assert (page.input_value("#song"), page.locator("#song-found li").count()) == ("", 0)


def test_the_morning_page_can_be_walked_by_keys_without_a_trap(chromium: Browser, hostile: Lake) -> None:
    with visit(chromium, address_of(hostile)) as page:
        walked = walk(page)
        # From what happened, with its links to pages and to Spotify, to the search, and on to the lists.
        assert walked.count("lists") > 5
        assert walked.index("lists") < walked.index("song") < len(walked) - 1
        assert page.locator("h3 a").last.inner_text() in walked[walked.index("song") :]


@pytest.mark.parametrize("width", [320, 768, 2200])
def test_no_width_needs_sideways_scrolling(chromium: Browser, hostile: Lake, width: int) -> None:
    with visit(chromium, address_of(hostile), {"width": width, "height": 800}) as page:
        page.fill("#song", "s")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_watched_comes_first(small: Lake) -> None:
    event = next(one for one in read_events(small, since=TODAY, today=TODAY) if one.kind == "entered")
    small.store.create(keys.WATCH, f"track {event.item_key} | entered\n".encode())
    rendered(small.store.locate(""))
    found = small.store.get(keys.INDEX_PAGE)
    assert found
    html = found.data.decode()
    watched = html[html.index("Watched</h3>") : html.index("<h3", html.index("Watched</h3>") + 5)]
    assert (f"Song {event.item_key[-1:]}" in watched, watched.count("<li")) == (True, 1)


def test_the_morning_page_is_bounded_and_says_what_it_leaves_out() -> None:
    event = Event(
        **dict.fromkeys(field.name for field in fields(Event))
        | {"kind": "entered", "snapshot_date": TODAY, "after_date": TODAY - timedelta(days=1), "position": 1}
        | {"name": "n" * 300, "artist_names": "a" * 300, "playlist_id": LIST, "playlist_name": "list"}
    )
    events = [replace(event, item_key=str(number), event_id=str(number)) for number in range(60)]
    assert news_of(events)["more"] == 55
    songs = [{"name": "é" * 200, "untitled": "", "artist": "b" * 200, "path": "", "position": n} for n in range(1, 300)]
    shown = [
        {
            "id": str(number),
            "state": "fresh",
            "card": {
                "day": TODAY.isoformat(),
                "news": news_of(events),
                "songs": songs_of([song | {"path": f"track/{number}x{song['position']}"} for song in songs]),
            },
        }
        for number in range(100)
    ]
    found = morning_context(shown, TODAY)
    assert (len(found["news"]), found["news_more"]) == (40, 60)
    assert found["search"]["all"] == 20_000
    assert {place for song in found["search"]["songs"] for place in song[4::2]} <= set(range(1, 10)), "highest first"
    size = len(json.dumps(found["search"], ensure_ascii=False, separators=(",", ":")).encode()) + sum(
        len(line["text"].encode()) for one in found["news"] for line in one["told"]
    )
    assert size < 250_000


def test_many_playlists_can_be_filtered(chromium: Browser, lake: Lake) -> None:
    for number in range(14):
        keep(lake, {TODAY: [r | {"playlist_id": f"{number:022}"} for r in named(TODAY, "AB")]}, f"{number:022}")
        told = lake.snapshot(f"{number:022}", TODAY) | {"captured_at": NOON, "name": f"Liste nº {number}"}
        lake.put_snapshot(told)
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake)) as page:
        page.fill("#filter", "LISTE nº 13")
        assert page.locator(".card:visible").count() == 1
        assert page.inner_text("#said") == "1 of 14 playlists"
        page.fill("#filter", "")
        assert page.locator(".card:visible").count() == 14


def test_the_index_leads_to_every_page_and_back(chromium: Browser, archive: Lake) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(address_of(archive))
    for number in range(page.locator(".card h3 a").count()):
        name = page.locator(".card h3 a").nth(number).inner_text()
        page.locator(".card h3 a").nth(number).click()
        assert page.inner_text("h1") == name
        page.click("[data-home]")
    context.close()


def test_an_empty_lake_has_an_index_that_says_what_to_do(chromium: Browser, lake: Lake) -> None:
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake)) as page:
        assert "chartlake extract" in page.inner_text("main")
