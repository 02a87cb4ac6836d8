"""The pages of tracks and artists across lists: which are made, what they say, and that a browser reads them as text."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser

from chalicelib.errors import LakeUnavailable
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.report import across_site, writing
from chalicelib.snapshots.purge import Wish, purge
from chalicelib.time_and_chance import World

from .conftest import NOON, Clock
from .histories import entry, keep
from .test_report import DESKTOP, HOSTILE, PHONE, TODAY, chromium, grave, rendered, visit, walk

__all__ = ["chromium"]  # a fixture

OTHER = "2" * 22
ANN, BEN = "a" * 22, "b" * 22


def back(days: int) -> date:
    return TODAY - timedelta(days=days)


def song(day: date, place: int, title: str, *artists: tuple[str | None, str], **facts: Any) -> dict[str, Any]:
    credited = [{"id": key, "name": name} for key, name in artists]
    uri = f"spotify:track:{title:x<22}"[:36]
    return entry(day, place, uri=uri, name=title, artists=credited, **facts)


def track_page(title: str) -> str:
    return keys.track_page(f"spotify:track:{title:x<22}"[:36])


@pytest.fixture
def story(lake: Lake) -> Lake:
    """Amber is on the one list since a day in a gap, and was on the other before; Blue stands on the other alone."""
    ann, ben = (ANN, "Ann"), (BEN, "Ben")
    keep(
        lake,
        {
            back(6): [song(back(6), 1, "Cyan", ben)],
            back(2): [song(back(2), 1, "Cyan", ben), song(back(2), 2, "Amber", ann, ben)],
            back(0): [song(back(0), 1, "Amber", ann, ben)],
        },
    )
    other = {
        back(3): [song(back(3), 1, "Blue", ben, playlist_id=OTHER)],
        back(2): [song(back(2), 1, "Amber", ann, ben, playlist_id=OTHER)],
        back(1): [song(back(1), 1, "Blue", ben, playlist_id=OTHER)],
    }
    keep(lake, other, OTHER, name="Other list")
    lake.store.create(keys.WATCH, f"artist {ANN}\ntrack cyan by ben\n".encode())
    return rendered(lake.store.locate(""))


def pages(lake: Lake) -> set[str]:
    return {key for key in lake.store.list(keys.SITE) if key.startswith(("site/tracks/", "site/artists/"))}


def text(lake: Lake, key: str) -> str:
    found = lake.store.get(key)
    assert found, key
    return found.data.decode()


def test_what_is_watched_and_what_stands_on_a_newest_day_has_a_page(story: Lake) -> None:
    assert pages(story) == {
        *(track_page(one) for one in ("Amber", "Blue", "Cyan")),
        *(keys.artist_page(one) for one in (ANN, BEN)),
    }


def test_a_tracks_page_tells_each_list_in_the_intervals_that_are_known(chromium: Browser, story: Lake) -> None:
    with visit(chromium, story.store.link(track_page("Amber"), 60)) as page:
        assert page.inner_text("h1") == "Amber"
        glance = page.inner_text(".glance")
        assert "1 list\nBefore\n1 list" in glance
        # Between two days that are known of the one list; on the other it came on the last of these days.
        assert "18 – 21 Nov 2026\non A list" in glance
        assert "another list" not in glance
        now, before = (one.inner_text() for one in page.locator(".listing").all())
        assert now.startswith("A list")
        assert "On it now, since 18 – 21 Nov 2026. Best place 1." in now
        assert "Entered 21 Nov 2026, gone 22 Nov 2026. Best place 1." in before
        assert page.locator(".runs .line").count() == 2
        assert page.locator(".head a").first.get_attribute("href") == f"../artists/{ANN}.html"
        assert page.locator("text=Open in Spotify").get_attribute("href") == (
            f"https://open.spotify.com/track/{'Amber':x<22}"
        )


def test_an_artists_page_has_the_tracks_of_every_list_and_leads_on(chromium: Browser, story: Lake) -> None:
    with visit(chromium, story.store.link(keys.artist_page(BEN), 60)) as page:
        rows = page.locator(".listing tbody tr").all_inner_texts()
        assert [row.split("\t")[0].split(" ")[0] for row in rows] == ["Amber", "Cyan", "Blue", "Amber", "Blue"]
        assert "17 Nov 2026 or before" in rows[1]
        # Blue may have been on the other list long before its first known day.
        assert "on A list; another list may have been earlier" in page.inner_text(".glance")
        places = page.eval_on_selector_all("a[data-beside]", "all => all.map(one => one.getAttribute('href'))")
    for place in places:
        assert story.store.get(keys.SITE + unquote(place.removeprefix("../"))), place


def test_the_morning_page_leads_to_the_pages(story: Lake) -> None:
    index = text(story, keys.INDEX_PAGE)
    assert f'<a href="artists/{ANN}.html"><bdi>Ann</bdi></a>' in index
    assert f'href="{keys.link(track_page("Cyan"))}"' in index


def test_what_happened_to_a_list_itself_leads_to_no_page(chromium: Browser, lake: Lake) -> None:
    """An artist who is known by name alone has a page, but no address on Spotify that leads to it."""
    for day, name in ((back(1), "Before"), (TODAY, "After")):
        keep(lake, {day: [song(day, 1, "Amber", (None, "Ann"))]}, name=name)
    rendered(lake.store.locate(""))
    assert keys.artist_page("Ann") in pages(lake)
    with visit(chromium, lake.store.link(keys.INDEX_PAGE, 60)) as page:
        line = page.locator(".news li", has_text="renamed")
        assert line.count() == 1
        assert line.locator("a").count() == 0


def test_a_page_that_is_made_no_longer_goes_and_nothing_of_others_does(story: Lake) -> None:
    story.store.create("site/tracks/mine.html", b"mine")
    found = story.store.get(keys.WATCH)
    assert found
    story.store.replace(keys.WATCH, f"artist {ANN}\n".encode(), found.etag)
    rendered(story.store.locate(""))
    assert pages(story) == {
        "site/tracks/mine.html",
        *(track_page(one) for one in ("Amber", "Blue")),
        *(keys.artist_page(one) for one in (ANN, BEN)),
    }


def test_a_page_that_may_not_be_removed_is_emptied_once_and_still_purged(
    story: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(key: str) -> None:
        raise LakeUnavailable(f"{key}: AccessDenied")

    found = story.store.get(keys.WATCH)
    assert found
    story.store.replace(keys.WATCH, f"artist {ANN}\n".encode(), found.etag)
    with monkeypatch.context() as patch:
        patch.setattr(type(story.store), "delete", lambda self, key: refused(key))
        rendered(story.store.locate(""))
    assert "Cyan" not in text(story, track_page("Cyan"))
    story.update_state(keys.ACROSS, lambda state: state | {"made_of": ""})
    rendered(story.store.locate(""))
    assert "made no longer" in text(story, track_page("Cyan"))
    purge(story, clock.world(), Wish(TODAY + timedelta(days=1), playlist_id=OTHER), dry_run=False)
    assert pages(story) == set()


def test_what_did_not_change_is_not_written_again(story: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    wrote: list[str] = []

    def noted(store: Any, key: str, make: Any) -> None:
        wrote.append(key)
        writing.write(store, key, make)

    monkeypatch.setattr(across_site, "write", noted)
    rendered(story.store.locate(""))
    assert wrote == []


def test_the_number_of_pages_is_bounded_and_what_is_watched_comes_first(
    story: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(across_site, "MOST_PAGES", 1)
    story.store.delete(keys.ACROSS)
    for key in pages(story):
        story.store.delete(key)
    rendered(story.store.locate(""))
    assert pages(story) == {track_page("Cyan"), keys.artist_page(ANN)}
    monkeypatch.setattr(across_site, "MOST_ENTRIES", 1)
    state = story.read_state(keys.ACROSS)
    story.update_state(keys.ACROSS, lambda _: state | {"made_of": ""})
    rendered(story.store.locate(""))
    assert pages(story) == set()


def test_a_purge_of_a_list_leaves_its_name_on_no_page(story: Lake, clock: Clock) -> None:
    wish = Wish(TODAY + timedelta(days=1), playlist_id=OTHER)
    assert pages(story) <= set(purge(story, clock.world(), wish).pages)
    purge(story, clock.world(), wish, dry_run=False)
    assert list(story.store.list(keys.SITE)) == []
    rendered(story.store.locate(""))
    assert track_page("Amber") in pages(story)
    for key in story.store.list(keys.SITE):
        assert "Other list" not in text(story, key)


def test_where_two_write_at_once_the_next_writes_all(story: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = b"of the one that was slower"

    def other(store: Any, key: str, make: Any) -> None:
        writing.write(store, key, lambda: stale)
        story.update_state(keys.ACROSS, lambda state: state | {"writer": "another"})

    with monkeypatch.context() as patch:
        patch.setattr(across_site, "write", other)
        story.update_state(keys.ACROSS, lambda _: {})
        rendered(story.store.locate(""))
    rendered(story.store.locate(""))
    assert all(stale.decode() not in text(story, key) for key in pages(story))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two lists with hostile names, on both of which songs of all hostile names and artists stand."""
    world = World(now=lambda: NOON)
    lake = Lake(open_store(str(tmp_path_factory.mktemp("hostile")), world), world)
    for number, name in enumerate((HOSTILE[0], HOSTILE[6]), 1):
        rows = [
            entry(TODAY, place, uri=f"spotify:track:{place:022}", name=one * 4, playlist_id=f"{number:022}")
            | {"artists": [{"id": f"{place:022}", "name": one * 4}]}
            for place, one in enumerate(HOSTILE, 1)
        ]
        keep(lake, {TODAY: rows}, f"{number:022}", name=name)
    return rendered(lake.store.locate(""))


# Of the song with a script for its title, and of the artist whose name turns all text around.
HOSTILE_PAGES = (keys.track_page(f"spotify:track:{1:022}"), keys.artist_page(f"{7:022}"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_hostile_names_are_text_that_fits_and_axe_finds_nothing(
    chromium: Browser, hostile: Lake, viewport: dict[str, int], scheme: Any
) -> None:
    for key in HOSTILE_PAGES:
        # axe itself is brought in as a script that the page's policy would refuse.
        link = hostile.store.link(key, 60)
        with visit(chromium, link, viewport, color_scheme=scheme, bypass_csp=True) as page:
            assert "taken" not in page.title() or "<script>" in page.title()
            if "tracks" in key:
                assert page.inner_text("h1") == HOSTILE[0] * 4
            assert page.locator("img, script:not(body > script)").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            grave(page)


@pytest.mark.parametrize("width", [320, 768, 2200])
def test_no_width_needs_sideways_scrolling(chromium: Browser, hostile: Lake, width: int) -> None:
    for key in HOSTILE_PAGES:
        with visit(chromium, hostile.store.link(key, 60), {"width": width, "height": 800}) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_pages_can_be_walked_by_keys_without_a_trap(chromium: Browser, story: Lake) -> None:
    with visit(chromium, story.store.link(track_page("Amber"), 60)) as page:
        # To its artist, to each list and on, into its runs, which can be scrolled by keys.
        walked = walk(page)
        assert walked.index("Ann") < walked.index("A list") < walked.index("Other list")
        assert sum(name.startswith("Entered") for name in walked) == 2
    with visit(chromium, story.store.link(keys.artist_page(BEN), 60)) as page:
        walked = walk(page)
        assert {"A list", "Other list", "Cyan", "Amber", "Blue"} <= set(walked)
