"""Events: what they mean, beside tests/test_views.py, where they equal an independent reckoning on any tables."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from chalicelib.analysis.events import KINDS, Event, read_events
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.lake.tables import to_json
from tests.conftest import Clock
from tests.histories import FIRST, LIST, keep, named
from tests.lake_model import define_views, events, in_order, invented, known_days, recordings, standings

TODAY = date(2026, 1, 9)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    world = Clock().world()
    return Lake(open_store(str(tmp_path / "lake"), world), world)


def kept(lake: Lake, *days: str | None, source: str = "spotify") -> None:
    """Days of one list from `FIRST` on, as `named` writes them; None is a day that nobody looked at."""
    dates = [FIRST + timedelta(days=number) for number in range(len(days))]
    keep(lake, {day: named(day, one) for day, one in zip(dates, days, strict=True) if one is not None}, source=source)


def told(lake: Lake, *kinds: str, days: int = 100) -> list[tuple[str, int, int, str | None]]:
    """Of these kinds (none: all): what, on which day, after which day, counted from 0, and of whom."""
    today = FIRST + timedelta(days=days)
    return [
        (one.kind, (one.snapshot_date - FIRST).days, (one.after_date - FIRST).days, one.item_key and one.item_key[-1])
        for one in read_events(lake, kinds=kinds or KINDS, today=today)
    ]


def test_the_first_known_day_tells_nothing(lake: Lake) -> None:
    kept(lake, "ABC")
    assert told(lake, days=1) == []


def test_who_comes_and_goes_and_comes_again(lake: Lake) -> None:
    kept(lake, "AB", "AC", "AB")
    assert told(lake, "entered", "left", "re-entered") == [
        ("entered", 1, 0, "C"),
        ("left", 1, 0, "B"),
        ("left", 2, 1, "C"),
        ("re-entered", 2, 1, "B"),
    ]


def test_after_a_gap_it_happened_in_between(lake: Lake) -> None:
    kept(lake, "AB", None, None, "AC")
    assert told(lake, "entered", "left", "gap_began", "gap_ended", days=4) == [
        ("gap_began", 1, 0, None),
        ("entered", 3, 0, "C"),
        ("gap_ended", 3, 0, None),
        ("left", 3, 0, "B"),
    ]


def test_a_gap_is_open_once_a_day_is_over(lake: Lake) -> None:
    kept(lake, "A", "A")
    assert told(lake, days=2) == []
    assert told(lake, days=3) == [("gap_began", 2, 1, None)]
    assert [one.number for one in read_events(lake, today=FIRST + timedelta(days=9))] == [7]


def test_whom_an_empty_slot_may_hold_has_not_left(lake: Lake) -> None:
    kept(lake, "AB", "A.", "A.", "AC")
    assert told(lake, "entered", "left", "re-entered") == [("left", 3, 0, "B"), ("entered", 3, 0, "C")][::-1]


def test_whom_an_empty_slot_held_does_not_come_again(lake: Lake) -> None:
    kept(lake, "AB", "A.", "AB")
    assert told(lake) == [("gap_began", 3, 2, None)]


def test_the_first_place_is_taken_from_somebody_who_was_seen_there(lake: Lake) -> None:
    kept(lake, "AB", "BA", ".A", "BA", "BA", "CB")
    assert told(lake, "number_one") == [("number_one", 1, 0, "B"), ("number_one", 5, 4, "C")]


def test_a_peak_is_better_than_all_known_days_before(lake: Lake) -> None:
    kept(lake, "ABC", "ACB", "ABC", "BAC")
    assert told(lake, "new_peak") == [("new_peak", 1, 0, "C"), ("new_peak", 3, 2, "B")]


def test_milestones_count_known_days(lake: Lake) -> None:
    kept(lake, "A", "A", None, *["AB"] * 30)
    assert told(lake, "milestone") == [
        ("milestone", 7, 6, "A"),
        ("milestone", 9, 8, "B"),
        ("milestone", 30, 29, "A"),
        ("milestone", 32, 31, "B"),
    ]


def test_a_list_that_is_emptied_and_filled_again(lake: Lake) -> None:
    kept(lake, "AB", "", "AB")
    found = told(lake, days=3)
    assert [one for one in found if one[3] is None] == [("list_emptied", 1, 0, None)]
    assert Counter(kind for kind, _, _, item in found if item) == {"left": 2, "re-entered": 2, "number_one": 1}


def test_imported_days_are_never_news(lake: Lake) -> None:
    kept(lake, "AB", "AC", source="import:kaggle-top50:a.csv")
    dates = [FIRST + timedelta(days=number) for number in (2, 3)]
    keep(lake, {day: named(day, "AD"[: 3 - number]) for number, day in enumerate(dates, start=1)})
    news = {(one.snapshot_date - FIRST).days: one.is_news for one in read_events(lake, today=dates[-1])}
    # What differs between a file and a snapshot can be how they spell it.
    assert news == {1: False, 2: False, 3: True}


def test_an_event_keeps_its_id_whatever_is_known_later(lake: Lake) -> None:
    kept(lake, "AB", "AC", "CA")
    before = {one.event_id: one for one in read_events(lake, today=FIRST)}
    kept(lake, "AB", "AC", "CA", None, "XYZ")
    after = {one.event_id: one for one in read_events(lake, today=FIRST)}
    assert before.items() <= after.items()
    assert len(after) > len(before)


def test_events_can_be_asked_of_some_days_lists_kinds_and_sizes(lake: Lake) -> None:
    kept(lake, "ABCD", "BCDA", "BCDA", "CBDA")
    day = FIRST + timedelta(days=1)

    def found(**asked: object) -> list[tuple[str, int]]:
        return [(one.uri or "", (one.snapshot_date - FIRST).days) for one in read_events(lake, today=day, **asked)]  # type: ignore[arg-type]

    moves = [("spotify:track:B", 1), ("spotify:track:C", 1), ("spotify:track:D", 1), ("spotify:track:A", 1)]
    assert found(kinds=["moved"], until=day) == moves
    assert found(kinds=["moved"], min_move=2) == moves[-1:]
    assert found(kinds=["moved"], since=day + timedelta(days=1)) == [("spotify:track:C", 3), ("spotify:track:B", 3)]
    assert found(kinds=["moved"], playlists=["2" * 22]) == []


def test_an_event_tells_its_item_as_that_day_had_it(lake: Lake) -> None:
    artists = [{"id": "ar1", "name": "Ada"}, {"id": "ar2", "name": "Bob"}]
    days = {FIRST + timedelta(days=number): named(FIRST + timedelta(days=number), "A") for number in range(2)}
    other = days[FIRST + timedelta(days=1)]
    other.append(named(FIRST + timedelta(days=1), "AB")[1] | {"artists": artists, "label": "Label"})
    keep(lake, days)
    (found,) = read_events(lake, today=FIRST)
    assert found == Event(
        **dict.fromkeys(("isrc", "previous_position", "number", "was", "became")),  # type: ignore[arg-type]
        playlist_id=LIST,
        playlist_name="A list",
        event_id=found.event_id,
        kind="entered",
        snapshot_date=FIRST + timedelta(days=1),
        after_date=FIRST,
        item_key="spotify:track:B",
        uri="spotify:track:B",
        name="Song B",
        artist_names="Ada, Bob",
        artist_ids="ar1, ar2",
        label="Label",
        position=2,
        is_news=True,
    )
    assert found.to_json()["after_date"] == str(FIRST)


def test_ids_are_of_one_event_each_and_long_histories_equal_the_reckoning(lake: Lake) -> None:
    with lake.scratch("the rows of a test") as scratch:
        entries, snapshots = invented(Random(5), days=45, longest=9, songs=6)
        for name, rows, schema in (("entries", entries, ENTRIES), ("snapshots", snapshots, SNAPSHOTS)):
            scratch.define(name, f"SELECT * FROM {scratch.rows(map(to_json, rows), schema)}")
            scratch.narrow(name, "true", {})
        define_views(scratch, TODAY)
        found = scratch.read("SELECT * FROM events")
    known = known_days(snapshots)
    stood = standings(entries, known, recordings(entries, known))
    assert in_order(found) == in_order(events(entries, stood, snapshots, TODAY))
    assert len({one["event_id"] for one in found}) == len(found)
    assert {one["kind"] for one in found} == set(KINDS)
