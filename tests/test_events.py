"""Events: what they mean, beside tests/test_views.py, where they equal an independent reckoning on any tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chalicelib.analysis.events import Event, read_events
from chalicelib.analysis.views import EVENT_KINDS
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.lake.tables import to_json
from tests.conftest import Clock
from tests.histories import FIRST, LIST, entry, keep, named
from tests.lake_model import define_views, events, in_order, invented, known_days, recordings, standings
from tests.test_engines import keep as commit

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
        for one in read_events(lake, kinds=kinds or EVENT_KINDS, today=today)
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


def kept_by_people(lake: Lake, *days: str, moment: Callable[[int, str], int] = lambda day, letter: ord(letter)) -> None:
    """Days of one list whose entries were put on it at moments of their own (in seconds); a small letter is a slot that
    Spotify emptied, which keeps its moment."""

    def slot(number: int, place: int, letter: str) -> dict[str, Any]:
        shown = {"uri": f"spotify:track:{letter}"} if letter.isupper() else {"item_type": "unavailable"}
        added = datetime.fromtimestamp(moment(number, letter.upper()) + 10**9, UTC)
        return entry(FIRST + timedelta(days=number), place, added_at=f"{added:%Y-%m-%dT%H:%M:%SZ}", **shown)

    rows = [[slot(number, *one) for one in enumerate(day, start=1)] for number, day in enumerate(days)]
    keep(lake, {FIRST + timedelta(days=number): row for number, row in enumerate(rows)})


def test_a_slot_that_is_empty_again_may_be_another_one(lake: Lake) -> None:
    # On the third day A is gone for good, and B is hidden: one slot is empty, as it was on the day before.
    kept_by_people(lake, "ABC", "aBC", "bC", "BC")
    assert told(lake, "entered", "left", "re-entered") == [("left", 3, 0, "A")]


def test_a_slot_that_stays_empty_is_known_by_the_moment_at_which_it_was_filled(lake: Lake) -> None:
    kept_by_people(lake, "AbC", "AbD")
    assert told(lake, "entered", "left") == [("entered", 1, 0, "D"), ("left", 1, 0, "C")]


def test_beside_empty_slots_that_nothing_tells_apart_a_day_without_one_tells_who_came_and_went(lake: Lake) -> None:
    kept(lake, "AB", "A.C", ".AD", "A.E", "AE")
    assert told(lake, "entered", "left") == [
        *[("entered", day, 0, letter) for day, letter in ((1, "C"), (2, "D"), (3, "E"))],
        *[("left", 4, after, letter) for after, letter in ((0, "B"), (1, "C"), (2, "D"))],
    ]


def test_a_slot_that_stays_empty_at_its_place_hides_nobody(lake: Lake) -> None:
    # A chart's entries have all one moment, or none.
    kept(lake, ".AB", ".AC", ".AD")
    assert told(lake, "entered", "left") == [
        *[("entered", 1, 0, "C"), ("left", 1, 0, "B")],
        *[("entered", 2, 1, "D"), ("left", 2, 1, "C")],
    ]


def test_a_peak_is_none_where_a_better_place_may_have_been_hidden(lake: Lake) -> None:
    kept_by_people(lake, "DCBA", "DaCB", "DCAB", "ADCB")
    assert told(lake, "new_peak") == [("new_peak", 3, 2, "A")]


def test_who_was_put_on_a_list_twice_may_have_been_hidden_under_its_first_moment(lake: Lake) -> None:
    kept_by_people(lake, "DCBA", "DaCB", "DCB", "DCAB", moment=lambda day, letter: letter == "A" and day > 2)
    assert told(lake, "left", "re-entered", "new_peak") == [("left", 2, 0, "A"), ("re-entered", 3, 2, "A")]


@pytest.mark.parametrize("later", [("DCB", "DCAB"), ("DB", "DAB")])
def test_a_slot_that_is_anothers_by_its_moment_hid_no_peak(lake: Lake, later: tuple[str, str]) -> None:
    # C is hidden, and then there again or taken away. A is put on the list again, at its best place.
    kept_by_people(lake, "DCBA", "DcB", *later, moment=lambda day, letter: ord(letter) + (letter == "A" and day))
    assert [one for one in told(lake, "new_peak") if one[3] == "A"] == [("new_peak", 3, 2, "A")]


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


def test_some_days_tell_what_the_whole_history_tells_of_them(lake: Lake) -> None:
    entries, snapshots = invented(Random(11), days=40, longest=9, songs=9)
    commit(lake, entries, snapshots)
    whole = list(read_events(lake, today=TODAY))
    days = sorted({one.snapshot_date for one in whole})
    for first, last in ((days[8], days[8]), (days[20], days[20]), (days[5], days[30])):
        expected = [one for one in whole if first <= one.snapshot_date <= last]
        assert list(read_events(lake, since=first, until=last, today=TODAY)) == expected


def test_a_day_alone_tells_of_a_first_place_whose_holder_may_stand_in_an_empty_slot(lake: Lake) -> None:
    kept(lake, "AB", "AB", "X.")
    day = FIRST + timedelta(days=2)
    found = list(read_events(lake, since=None, today=day))
    assert [(one.kind, one.uri) for one in found] == [("entered", "spotify:track:X"), ("number_one", "spotify:track:X")]
    assert found == [one for one in read_events(lake, today=day) if one.snapshot_date == day]


def test_a_day_alone_knows_by_its_moment_whose_slot_was_empty_long_ago(lake: Lake) -> None:
    # On the second day Z's slot is empty, as its moment tells, and C is not there: it was not the first place's.
    days = {}
    for number, letters in enumerate(("ABZC", ".ABW", "ABZC", "ABC", "ACB", "CAB")):
        day = FIRST + timedelta(days=number)
        days[day] = named(day, letters)
        for row, letter in zip(days[day], letters.replace(".", "Z"), strict=True):
            row["added_at"] = f"2020-01-{ord(letter) - ord('A') + 1:02}T00:00:00Z"
    keep(lake, days)
    last = max(days)
    whole = [one for one in read_events(lake, today=last) if one.snapshot_date == last]
    assert ("new_peak", "spotify:track:C") in [(one.kind, one.uri) for one in whole]
    assert list(read_events(lake, since=last, today=last)) == whole


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
    assert {one["kind"] for one in found} == set(EVENT_KINDS)


# Ninety days of ten lists, with stories that were written for them.

DAYS = 90
STORIES = tuple(f"{number}".rjust(22, "S") for number in range(10))
TRAVELLER, COMEBACK, NAMESAKE, IN_THE_GAP = 8_001, 8_002, 8_003, 8_004
TRAVELS = {0: 20, 3: 29, 5: 33, 8: 61}
GAP, RENAMED = range(40, 44), 70


def plan(number: int, days: int) -> list[int]:
    """The songs of a list on a day: a slow exchange, and what its story wants."""
    if number == 6 and 50 <= days < 55:
        return []
    songs = [number * 100 + (place * 7 + days // (4 + place)) % 40 for place in range(9)]
    songs = list(dict.fromkeys(songs))
    if number in TRAVELS and TRAVELS[number] <= days < TRAVELS[number] + 25:
        songs.insert(2, TRAVELLER)
    if number == 1 and (10 <= days < 30 or days >= 60):
        songs.insert(0, COMEBACK)
    if number == 2 and days >= 42:
        songs.append(IN_THE_GAP)
    if number == 7 and days >= 15:
        songs.append(NAMESAKE)
    return songs


def slot(day: date, place: int, number: int, song: int) -> dict[str, Any]:
    # Another artist of the same name.
    artist = {"id": "namesake" if song == NAMESAKE else f"artist {song}", "name": "Ada" if song > 8_000 else f"A{song}"}
    uri = f"spotify:track:{song}"
    return entry(day, place, playlist_id=STORIES[number], uri=uri, name=f"Song {song}", artists=[artist])


def keep_stories(lake: Lake) -> dict[int, list[int]]:
    """Fill the lake with the plan; gives the days on which each list was read."""
    captured = {number: [one for one in range(DAYS) if number != 2 or one not in GAP] for number in range(len(STORIES))}
    for number, read in captured.items():
        for name, some in (
            ("Story", [one for one in read if one < RENAMED]),
            ("Tale", [one for one in read if one >= RENAMED]),
        ):
            days = {
                FIRST + timedelta(days=one): [
                    slot(FIRST + timedelta(days=one), place, number, song)
                    for place, song in enumerate(plan(number, one), start=1)
                ]
                for one in some
            }
            keep(lake, days, playlist_id=STORIES[number], name=name if number == 4 else "Story")
    return captured


def song_of(event: Event) -> int:
    return int((event.uri or "").removeprefix("spotify:track:"))


def truth(number: int, captured: list[int]) -> set[tuple[str, int, int, int | None]]:
    """What came, went and moved, as (kind, day, day before, song), from the plan alone."""
    found: set[tuple[str, int, int, int | None]] = set()
    ever = set(plan(number, captured[0]))
    for old, new in pairwise(captured):
        was, now = plan(number, old), plan(number, new)
        found |= {("re-entered" if one in ever else "entered", new, old, one) for one in set(now) - set(was)}
        found |= {("left", new, old, one) for one in set(was) - set(now)}
        found |= {("moved", new, old, one) for one in set(now) & set(was) if now.index(one) != was.index(one)}
        if now and (not was or now[0] != was[0]):
            found.add(("number_one", new, old, now[0]))
        if was and not now:
            found.add(("list_emptied", new, old, None))
        if new - old > 1:
            found |= {("gap_began", old + 1, old, None), ("gap_ended", new, old, None)}
        ever |= set(now)
    return found


def test_ninety_days_of_ten_lists_are_told_as_they_were_planned(lake: Lake) -> None:
    captured = keep_stories(lake)
    start, last = FIRST, FIRST + timedelta(days=DAYS - 1)
    told = list(read_events(lake, today=last))
    kinds = ("entered", "re-entered", "left", "moved", "number_one", "list_emptied", "gap_began", "gap_ended")
    for number, playlist_id in enumerate(STORIES):
        found = [
            (one.kind, (one.snapshot_date - start).days, (one.after_date - start).days, one.uri and song_of(one))
            for one in told
            if one.playlist_id == playlist_id and one.kind in kinds
        ]
        assert len(found) == len(set(found))
        assert set(found) == truth(number, captured[number]), number
    assert all(one.is_news for one in told)
    assert len({one.event_id for one in told}) == len(told)

    def of(song: int, kind: str) -> list[tuple[int, int, int]]:
        return [
            (STORIES.index(one.playlist_id), (one.after_date - start).days, (one.snapshot_date - start).days)
            for one in told
            if one.kind == kind and one.uri and song_of(one) == song
        ]

    assert of(TRAVELLER, "entered") == [(number, day - 1, day) for number, day in TRAVELS.items()]
    assert of(COMEBACK, "re-entered") == [(1, 59, 60)]
    # Nobody looked on the day on which it came.
    assert of(IN_THE_GAP, "entered") == [(2, GAP[0] - 1, GAP[-1] + 1)]
    (namesake,) = (one for one in told if one.artist_ids == "namesake" and one.kind == "entered")
    (traveller, *_) = (one for one in told if one.uri and song_of(one) == TRAVELLER)
    assert namesake.artist_names == traveller.artist_names == "Ada"
    assert namesake.artist_ids != traveller.artist_ids
    (renamed,) = (one for one in told if one.kind == "list_renamed")
    assert (renamed.was, renamed.became) == ("Story", "Tale")
    assert (STORIES.index(renamed.playlist_id), (renamed.snapshot_date - start).days) == (4, RENAMED)
    emptied = [one for one in told if one.kind == "list_emptied"]
    assert [STORIES.index(one.playlist_id) for one in emptied] == [6]
    milestones = [one.number for one in told if one.kind == "milestone" and one.uri and song_of(one) == NAMESAKE]
    assert milestones == [7, 30]
