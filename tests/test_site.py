"""Who writes which page when: renders that overlap, pages that were missed, a damaged list, little time."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import ObjectStore, Stored
from chalicelib.report import site
from chalicelib.report.site import Rendered, render_site

from .conftest import NOON, Clock
from .histories import keep, named

TODAY = NOON.date()
YESTERDAY = TODAY - timedelta(days=1)
FIRST, SECOND, THIRD = ("1" * 22, "2" * 22, "3" * 22)


def put(lake: Lake, playlist_id: str, letters: str = "ABC", day: Any = TODAY) -> None:
    keep(lake, {day: [row | {"playlist_id": playlist_id} for row in named(day, letters)]}, playlist_id)


def render(lake: Lake, clock: Clock, *playlists: str, seconds_left: float = float("inf")) -> Rendered:
    """As a deployed function does after a run or an upload."""
    return render_site(lake, clock.world(seconds_left=seconds_left), ZoneInfo("UTC"), playlists, missed=True)


def read(lake: Lake, key: str) -> str:
    found = lake.store.get(key)
    assert found, key
    return found.data.decode()


def links(lake: Lake) -> list[str]:
    """The lists whose pages the index leads to."""
    index = read(lake, keys.INDEX_PAGE)
    return [one for one in (FIRST, SECOND, THIRD) if f'href="playlists/{one}.html"' in index]


def after(monkeypatch: pytest.MonkeyPatch, name: str, template: str, *events: Callable[[], object]) -> None:
    """Let something happen each time when `template` has been laid out, and is about to be written; once each."""
    real, left = getattr(site, name), list(events)

    def hooked(which: str, context: Any, *parts: Any) -> bytes:
        made: bytes = real(which, context, *parts)
        if which == template and left:
            left.pop(0)()
        return made

    monkeypatch.setattr(site, name, hooked)


# Several at once.


def test_a_list_that_comes_while_pages_are_made_keeps_its_link(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, FIRST)

    def comes() -> None:
        put(lake, SECOND)
        render(lake, clock, SECOND)

    after(monkeypatch, "render", "playlist.html", comes)
    render(lake, clock, FIRST)
    assert links(lake) == [FIRST, SECOND]


def test_a_list_that_comes_while_the_index_is_made_keeps_its_link(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, FIRST)

    def comes() -> None:
        put(lake, SECOND)
        render_site(lake, clock.world(), ZoneInfo("UTC"), [SECOND])

    after(monkeypatch, "render", "index.html", comes)
    render(lake, clock, FIRST)
    assert links(lake) == [FIRST, SECOND]
    assert set(lake.read_state(keys.CARDS)) == {FIRST, SECOND}


def test_an_older_state_of_a_page_is_not_written_over_a_newer_one(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, FIRST, day=YESTERDAY)

    def comes() -> None:
        put(lake, FIRST)
        render(lake, clock, FIRST)

    after(monkeypatch, "render", "playlist.html", comes)
    assert render(lake, clock, FIRST).pages == [FIRST]
    assert f'"{TODAY}"' in read(lake, keys.playlist_page(FIRST))
    assert lake.read_state(keys.CARDS)[FIRST]["day"] == str(TODAY)


def test_a_page_that_two_others_were_faster_with_holds_every_day(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [TODAY - timedelta(days=back) for back in (2, 1, 0)]
    put(lake, FIRST, day=days[0])

    def comes(day: Any) -> None:
        put(lake, FIRST, day=day)
        render_site(lake, clock.world(), ZoneInfo("UTC"), [FIRST])

    # The page of the one that comes is the second to be laid out.
    after(monkeypatch, "render", "playlist.html", lambda: comes(days[1]), lambda: None, lambda: comes(days[2]))
    render(lake, clock, FIRST)
    assert "3 of 3 days known" in read(lake, keys.playlist_page(FIRST))


# Missed.


def test_a_page_that_was_missed_is_made_by_whoever_renders_next(lake: Lake, clock: Clock) -> None:
    put(lake, FIRST)
    put(lake, SECOND)
    assert render(lake, clock, FIRST).pages == [FIRST, SECOND]
    # A day of the past comes in, and its process is killed before the page is made.
    put(lake, SECOND, "XYZ", YESTERDAY)
    assert render(lake, clock).pages == [SECOND]
    assert f'"{YESTERDAY}"' in read(lake, keys.playlist_page(SECOND))
    assert render(lake, clock).pages == []


def test_a_page_that_is_older_than_its_commits_is_made_also_where_no_day_is_new(lake: Lake, clock: Clock) -> None:
    put(lake, FIRST, "ABC")
    render(lake, clock)
    before = lake.read_state(keys.CARDS)
    put(lake, FIRST, "ABCD")
    assert render(lake, clock).pages == [FIRST]
    assert lake.read_state(keys.CARDS)[FIRST]["commits"] != before[FIRST]["commits"]


def test_what_a_person_asks_for_is_all_that_is_made(lake: Lake, clock: Clock) -> None:
    put(lake, FIRST)
    put(lake, SECOND)
    assert render_site(lake, clock.world(), ZoneInfo("UTC"), [FIRST]).pages == [FIRST]


def test_where_time_is_always_short_every_page_has_its_turn(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "render", _slow(site.render, clock))
    made = []
    for back in (3, 2, 1):
        for one in (FIRST, SECOND, THIRD):
            put(lake, one, day=TODAY - timedelta(days=back))
        found = render(lake, clock, FIRST, SECOND, THIRD, seconds_left=30)
        made += found.pages
        assert len(found.left) == 2
    assert sorted(made) == [FIRST, SECOND, THIRD]


def _slow(real: Callable[..., bytes], clock: Clock) -> Callable[..., bytes]:
    """A page takes twenty seconds."""

    def slow(template: str, context: Any, *parts: Any) -> bytes:
        if template == "playlist.html":
            clock.advance(seconds=20)
        return real(template, context, *parts)

    return slow


# Damage, and little time.


def test_a_damaged_table_of_one_list_stops_no_other(lake: Lake, clock: Clock) -> None:
    for one in (FIRST, SECOND, THIRD):
        put(lake, one)
    render(lake, clock)
    key = keys.snapshots(SECOND, TODAY.year)
    found = lake.store.get(key)
    assert found
    lake.store.replace(key, b"not a table", found.etag)
    put(lake, FIRST, "ABC", YESTERDAY)
    told = render(lake, clock, SECOND, FIRST)
    assert (told.pages, list(told.failed), told.failed[SECOND].kind) == ([FIRST], [SECOND], "DamagedFile")
    assert links(lake) == [FIRST, THIRD]
    # Its card waits for the table to come back.
    assert SECOND in lake.read_state(keys.CARDS)


def test_a_list_that_is_gone_leaves_no_card(lake: Lake, clock: Clock) -> None:
    put(lake, FIRST)
    put(lake, SECOND)
    render(lake, clock)
    lake.store.delete(keys.snapshots(SECOND, TODAY.year))
    render(lake, clock)
    assert links(lake) == [FIRST]
    assert list(json.loads(read(lake, keys.CARDS))) == [FIRST]


class SlowStore:
    """A store whose tables take some seconds each."""

    def __init__(self, store: ObjectStore, clock: Clock, seconds: float) -> None:
        self._store, self._clock, self._seconds = store, clock, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, key: str) -> Stored | None:
        if key.startswith(keys.SNAPSHOTS):
            self._clock.advance(seconds=self._seconds)
        return self._store.get(key)


def test_where_reading_all_lists_takes_too_long_the_index_is_left_to_the_next(lake: Lake, clock: Clock) -> None:
    put(lake, FIRST)
    slow = Lake(SlowStore(lake.store, clock, 8), clock.world())  # type: ignore[arg-type]
    found = render(slow, clock, FIRST, seconds_left=15)
    assert (found.left, list(lake.store.list(keys.SITE))) == ([FIRST], [])
    assert render(slow, clock, seconds_left=60).pages == [FIRST]
    assert links(lake) == [FIRST]


def test_pages_are_made_two_at_once_but_for_long_lists_and_where_time_is_short(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (FIRST, SECOND, THIRD):
        put(lake, one)
    assert at_once(lake, clock, monkeypatch) == [2, 1]
    pages = {one: read(lake, keys.playlist_page(one)) for one in (FIRST, SECOND, THIRD)}
    assert at_once(lake, clock, monkeypatch, seconds_left=50) == [1, 1, 1]
    monkeypatch.setattr(site, "_FEW_ENTRIES", 5)
    assert at_once(lake, clock, monkeypatch) == [1, 1, 1]
    assert {one: read(lake, keys.playlist_page(one)) for one in pages} == pages


def at_once(lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch, **left: float) -> list[int]:
    """How many pages were made together, each time."""
    counts: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            counts.append(workers)
            super().__init__(workers)

    with monkeypatch.context() as patch:
        patch.setattr(site, "ThreadPoolExecutor", Pool)
        assert render_site(lake, clock.world(**left), ZoneInfo("UTC")).pages == [FIRST, SECOND, THIRD]
    return counts
