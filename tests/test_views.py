"""Every view beside an independent reckoning of its definition, what each definition means, and that docs/data.md tells
every column."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.analysis.views import VIEWS
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS, empty_row
from chalicelib.lake.tables import Scratch, to_json
from tests.conftest import Clock
from tests.lake_model import LISTS, Row, Views, assert_equal, define_views, invented, reckoned, views_in

ROOT = Path(__file__).parents[1]
TODAY = date(2026, 1, 9)
LIST, OTHER = LISTS[:2]
FIRST = date(2025, 12, 30)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    clock = Clock()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), clock.world()), clock.world())
    with lake.scratch("the rows of a test") as found:
        yield found


def views_over(scratch: Scratch, entries: list[Row], snapshots: list[Row], today: date = TODAY) -> Views:
    for name, rows, schema in (("entries", entries, ENTRIES), ("snapshots", snapshots, SNAPSHOTS)):
        # In memory, since the views read the tables many times.
        scratch.define(name, f"SELECT * FROM {scratch.rows(map(to_json, rows), schema)}")
        scratch.narrow(name, "true", {})
    define_views(scratch, today)
    return views_in(scratch)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_view_of_any_tables_equals_its_definition(scratch: Scratch, random: Random) -> None:
    entries, snapshots = invented(random)
    assert_equal(views_over(scratch, entries, snapshots), reckoned(entries, snapshots, TODAY))


# What the definitions mean, beyond tests/test_charts.py.


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def snapshot(number: int, playlist_id: str = LIST, **facts: Any) -> Row:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    known = {"status": "ok", "source": "spotify", "entry_count": 1}
    return empty_row(playlist_id, day(number), moment) | known | facts


def entry(number: int, position: int = 1, playlist_id: str = LIST, **facts: Any) -> Row:
    common = {"snapshot_date": day(number), "playlist_id": playlist_id, "position": position, "item_type": "track"}
    common |= {"artists": [], "is_local": False, "captured_at": datetime(2026, 1, 1, tzinfo=UTC), "source": "spotify"}
    return dict.fromkeys(ENTRIES) | common | facts


def test_items_without_an_address_are_told_apart_by_what_they_are_called(scratch: Scratch) -> None:
    ada, bob = ([{"id": None, "name": name}] for name in ("Ada", "Bob"))
    rows = [
        entry(0, 1, name="Intro", artists=ada),
        entry(0, 2, name="Intro", artists=bob),
        entry(0, 3, name="", artists=ada),
        entry(0, 4, name="", artists=ada),
        entry(0, 5, name="Intro", artists=ada, item_id="6rqhFgbbKwnb9MLmUQDhG6"),
        entry(1, 1, name="Intro", artists=bob),
    ]
    found = views_over(scratch, rows, [snapshot(0), snapshot(1)])
    keys = {row["position"]: row["track_key"] for row in found["chart"] if row["snapshot_date"] == day(0)}
    assert keys == {1: "track:Ada:Intro", 2: "track:Bob:Intro", 3: None, 4: None, 5: "6rqhFgbbKwnb9MLmUQDhG6"}
    assert [row["movement"] for row in found["chart"] if row["snapshot_date"] == day(1)] == [1]


def test_slots_without_an_item_are_nobodys_duplicates(scratch: Scratch) -> None:
    rows = [entry(number, place, item_type="unavailable") for number in (0, 1) for place in (1, 2)]
    found = views_over(scratch, rows, [snapshot(0), snapshot(1)])
    assert {(row["occurrence"], row["change"], row["days_on_list"]) for row in found["chart"]} == {(1, None, None)}
    assert found["runs"] == found["tracks"] == []


def test_a_recording_under_two_addresses_on_one_day_stands_once(scratch: Scratch) -> None:
    told = {"isrc": "GBAAA2600001", "name": "Song"}
    rows = [
        entry(0, 3, uri="spotify:track:single", **told),
        entry(1, 1, uri="spotify:track:album", **told),
        entry(1, 2, uri="spotify:track:single", **told),
        # An ISRC without an address names the recording all the same.
        entry(2, 4, **told),
    ]
    found = views_over(scratch, rows, [snapshot(0), snapshot(1), snapshot(2)])
    assert [
        (row["position"], row["change"], row["movement"], row["days_on_list"])
        for row in sorted(found["chart"], key=lambda row: (row["snapshot_date"], row["position"]))
    ] == [(3, None, None, 1), (1, "up", 2, 2), (2, "duplicate", None, 2), (4, "down", -3, 3)]
    (run,) = found["runs"]
    assert (run["days"], run["peak_position"], run["uri"]) == (3, 1, "spotify:track:album")


def test_a_known_absence_ends_a_run_and_a_gap_beside_it_does_not(scratch: Scratch) -> None:
    song = {"uri": "spotify:track:A", "name": "Song"}
    # There on 0, gap, known to be away on 2, gap, back on 4 and 6; 7 and 8 failed.
    rows = [entry(number, 1, **song) for number in (0, 4, 6)]
    failed = {"status": "unavailable", "source": None, "entry_count": None}
    days = [snapshot(number) for number in (0, 2, 4, 6)] + [snapshot(number, **failed) for number in (7, 8)]
    first, second = sorted(views_over(scratch, rows, days)["runs"], key=lambda run: run["entered_on"])
    told = ("run_number", "entered_on", "entered_after", "last_seen_on", "left_on", "days", "gap_days")
    assert [first[name] for name in told] == [1, day(0), None, day(0), day(2), 1, 0]
    assert [second[name] for name in told] == [2, day(4), day(2), day(6), None, 2, 1]


def test_a_run_tells_the_last_that_is_known_of_its_item(scratch: Scratch) -> None:
    whole = {"item_id": "A", "url": "https://open.spotify.com/track/A", "artists": [{"id": "x", "name": "Ada"}]}
    rows = [entry(0, uri="spotify:track:A", name="Song", **whole), entry(1, uri="spotify:track:A")]
    (run,) = views_over(scratch, rows, [snapshot(0), snapshot(1)])["runs"]
    assert (run["item_id"], run["url"], run["name"], run["artist"]) == ("A", whole["url"], "Song", "Ada")


def test_the_reason_of_a_failure_ends_with_it(scratch: Scratch) -> None:
    failed = {"status": "unavailable", "reason": "Spotify answered 503.", "source": None}
    (found,) = views_over(scratch, [entry(1)], [snapshot(0, **failed), snapshot(1)])["playlists"]
    assert (found["last_status"], found["last_reason"]) == ("ok", None)
    (found,) = views_over(scratch, [entry(0)], [snapshot(0), snapshot(1, **failed)])["playlists"]
    assert (found["last_status"], found["last_reason"], found["entry_count"]) == ("unavailable", failed["reason"], 1)


def test_a_list_that_was_imported_and_is_read_in_vain_since_is_still_followed(scratch: Scratch) -> None:
    failed = {"status": "forbidden", "source": None, "entry_count": None}
    days = [snapshot(0, source="import:archive-pretty-json:a.json"), snapshot(2, **failed)]
    found = views_over(scratch, [entry(0)], days, today=day(5))["coverage"]
    found.sort(key=lambda row: row["snapshot_date"])
    assert [row["status"] for row in found] == ["ok", "missed", "forbidden", "missed", "missed"]


def test_a_week_under_another_day_than_the_others_is_shown_all_the_same(scratch: Scratch) -> None:
    weekly = "chart:regional-de-weekly"
    imported = {"playlist_id": weekly, "source": "import:charts-official-weekly:a.csv"}
    entries = [entry(number, playlist_id=weekly, uri="spotify:track:a") for number in (0, 8, 13, 28)]
    found = views_over(scratch, entries, [snapshot(number, **imported) for number in (0, 8, 13, 28)])
    gaps = {row["snapshot_date"]: row["gap_days"] for row in found["chart"]}
    assert gaps == {day(0): None, day(8): 0, day(13): 0, day(28): 1}
    found = views_over(scratch, [], [snapshot(number, **imported) for number in (0, 8, 21)])
    told = sorted((row["snapshot_date"], row["status"]) for row in found["coverage"])
    assert told == [(day(0), "ok"), (day(7), "missed"), (day(8), "ok"), (day(14), "missed"), (day(21), "ok")]


def test_today_is_shown_once_it_was_tried(scratch: Scratch) -> None:
    found = views_over(scratch, [entry(0)], [snapshot(0), snapshot(1)], today=day(1))["coverage"]
    assert sorted(row["snapshot_date"] for row in found) == [day(0), day(1)]
    found = views_over(scratch, [entry(0)], [snapshot(0)], today=day(1))["coverage"]
    assert [row["snapshot_date"] for row in found] == [day(0)]


def test_rows_of_a_day_that_is_not_known_count_for_nothing_but_their_isrcs(scratch: Scratch) -> None:
    rows = [
        entry(0, uri="spotify:track:A", isrc="GBAAA2600001", popularity=99),
        entry(1, 2, uri="spotify:track:A", name="Song"),
    ]
    found = views_over(scratch, rows, [snapshot(0, status="incomplete"), snapshot(1)])
    assert [(row["track_key"], row["days_on_list"], row["listed_before"]) for row in found["chart"]] == [
        ("GBAAA2600001", 1, True)
    ]
    assert [(row["days_seen"], row["popularity"], row["peak_position"]) for row in found["tracks"]] == [(1, None, 2)]


def test_an_artist_is_an_id_where_there_is_one_and_a_name_where_not(scratch: Scratch) -> None:
    rows = [
        entry(0, 1, uri="spotify:track:A", artists=[{"id": "x", "name": "Ada"}, {"id": None, "name": "Bob"}]),
        entry(1, 1, uri="spotify:track:A", artists=[{"id": "x", "name": "Ada!"}]),
        entry(1, 2, uri="spotify:track:B", artists=[{"id": None, "name": "Ada, Bob"}, {"id": None, "name": None}]),
    ]
    found = views_over(scratch, rows, [snapshot(0), snapshot(1)])
    assert {
        row["artist_key"]: (row["name"], row["entries"], row["tracks"], row["days_seen"]) for row in found["artists"]
    } == {"x": ("Ada!", 2, 1, 2), "Bob": ("Bob", 1, 1, 1), "Ada, Bob": ("Ada, Bob", 1, 1, 1)}
    assert {(row["position"], row["artist"]) for row in found["chart"] if row["snapshot_date"] == day(1)} == {
        (1, "Ada!"),
        (2, "Ada, Bob"),
    }


# The documents.


def documented(view: str) -> dict[str, tuple[str, str]]:
    """What docs/data.md tells of a view: for each column its type and whether it can be null."""
    text = (ROOT / "docs" / "data.md").read_text()
    section = text.split("\n## Views\n", 1)[1].split("\n## ", 1)[0].split(f"\n### `{view}`\n", 1)[1]
    section = section.split("\n### ", 1)[0]
    table = re.compile(r"^\| `(\w+)` \| ([A-Z][^|]*?) \| (yes|no) \|", re.MULTILINE)
    whole = text.split("\n## `entries`\n", 1)[1].split("\n## ", 1)[0]
    of_entries = {name: (kind, null) for name, kind, null in table.findall(whole)}
    found = {name: (kind, null) for name, kind, null in table.findall(section)}
    if "all columns of `entries`" in section:
        found = of_entries | found
    if "as in `entries`:" in section:
        shared = re.findall(r"`(\w+)`", section.split("as in `entries`:", 1)[1])
        found |= {name: of_entries[name] for name in shared}
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_the_documents_name_every_column_of_a_view_with_its_type(scratch: Scratch, view: str) -> None:
    views_over(scratch, [], [])
    columns = scratch.read(f"SELECT column_name, column_type FROM (DESCRIBE {view})")
    told = {row["column_name"]: row["column_type"].replace('"name"', "name") for row in columns}
    assert {name: kind for name, (kind, _) in documented(view).items()} == told


def test_the_documents_tell_which_columns_can_be_null() -> None:
    values = defaultdict(set)
    for seed in range(120):
        # The views' rows, as a test above holds; short histories for what only a few days leave open.
        for view, rows in reckoned(*invented(Random(seed), days=1 + seed % 12), TODAY).items():
            for row in rows:
                for name, value in row.items():
                    values[view, name].add(value is None)
    # Only a run that died leaves a mixed day; the model has none.
    for view in set(VIEWS) - {"mixed_days"}:
        for name, (_, null) in documented(view).items():
            assert values[view, name] == ({True, False} if null == "yes" else {False}), (view, name)


# Who is the same, and who is only unseen.

CHART = "chart:regional-us-weekly"


def week(number: int, *entries: Row) -> tuple[list[Row], Row]:
    """A week of an official chart: (position, URI's letter, title, reported_previous, reported_days)."""
    source = {"playlist_id": CHART, "source": "import:charts-official-weekly:a.csv"}
    return [entry(7 * number, **{**one, **source}) for one in entries], snapshot(7 * number, **source)


def line(position: int, letter: str, title: str, previous: int | None = None, weeks: int | None = None) -> Row:
    artists = [{"id": None, "name": "Ann, Bob"}]
    told = {"reported_previous": previous, "reported_days": weeks}
    return {"position": position, "uri": f"spotify:track:{letter}", "name": title, "artists": artists} | told


def changes_of(scratch: Scratch, *weeks: tuple[list[Row], Row]) -> list[str | None]:
    """The changes of the last of these weeks, by position."""
    found = views_over(scratch, [row for rows, _ in weeks for row in rows], [day for _, day in weeks])["chart"]
    last = max(row["snapshot_date"] for row in found)
    return [row["change"] for row in sorted(found, key=lambda one: one["position"]) if row["snapshot_date"] == last]


def test_a_charts_own_figures_prove_that_a_swapped_address_is_the_same_entry(scratch: Scratch) -> None:
    before = week(0, line(1, "x", "Other", 1, 30), line(6, "a", "Unforgettable", 4, 11))
    proven = week(1, line(1, "x", "Other", 1, 31), line(5, "b", "Unforgettable - Remix", 6, 12))
    assert changes_of(scratch, before, proven) == ["same", "up"]
    runs = views_over(scratch, [*before[0], *proven[0]], [before[1], proven[1]])["runs"]
    assert [run["days"] for run in runs] == [2, 2]
    for previous, weeks in ((6, 13), (6, 11), (5, 12), (0, 1)):
        other = week(1, line(1, "x", "Other", 1, 31), line(5, "b", "Unforgettable - Remix", previous, weeks))
        assert changes_of(scratch, before, other) == ["same", "new"]
    # A week that is not known lies between: the figures speak of that one.
    later = week(2, line(5, "b", "Unforgettable - Remix", 6, 12))
    assert changes_of(scratch, before, later) == ["new"]


def test_equal_artists_and_title_join_where_nothing_contradicts(scratch: Scratch) -> None:
    before = week(0, line(6, "a", "Unforgettable"))
    assert changes_of(scratch, before, week(1, line(5, "b", "Unforgettable"))) == ["up"]
    assert changes_of(scratch, before, week(1, line(5, "b", "Forgettable"))) == ["new"]
    # The chart says that it was not there, or somewhere else.
    assert changes_of(scratch, before, week(1, line(5, "b", "Unforgettable", 0, 1))) == ["new"]
    assert changes_of(scratch, before, week(1, line(5, "b", "Unforgettable", 7, 9))) == ["new"]
    # Both on one day, and two that may be it.
    assert changes_of(scratch, before, week(1, line(5, "b", "Unforgettable"), line(6, "a", "Unforgettable"))) == [
        "new",
        "same",
    ]
    two = week(1, line(5, "b", "Unforgettable"), line(7, "c", "Unforgettable"))
    assert changes_of(scratch, before, two) == ["new", "new"]
    # An address that was there all the time never took over.
    apart = week(2, line(4, "a", "Unforgettable"), line(5, "b", "Unforgettable"))
    assert changes_of(scratch, before, week(1, line(5, "b", "Unforgettable")), apart) == ["re-entry", "same"]


def test_who_may_stand_in_an_empty_slot_is_neither_gone_nor_back(scratch: Scratch) -> None:
    def listed(number: int, letters: str) -> list[Row]:
        return [
            entry(number, place, **({"item_type": "unavailable"} if one == "." else {"uri": f"spotify:track:{one}"}))
            for place, one in enumerate(letters, start=1)
        ]

    def runs_of(*days: str) -> list[tuple[Any, ...]]:
        rows = [row for number, letters in enumerate(days) for row in listed(number, letters)]
        found = views_over(scratch, rows, [snapshot(number) for number in range(len(days))])["runs"]
        found.sort(key=lambda run: run["entered_on"])
        told = ("days", "unseen_days", "most_days", "entered_after", "left_on")
        return [tuple(run[name] for name in told) for run in found if run["track_key"] == "spotify:track:b"]

    assert runs_of("abc", "a.c", "abc") == [(2, 1, None, None, None)]
    assert runs_of("ac", "abc", "a.c", "a.c", "ac") == [(1, 2, 3, day(0), day(4))]
    # The slot was empty before: it holds somebody else.
    assert runs_of("a.bc", "a.c", "abc") == [(1, 0, None, None, day(1)), (1, 0, None, None, None)]
    # Who fills a slot may have been in it.
    assert runs_of("ac", "a.c", "abc") == [(1, 0, 2, day(0), None)]


def test_a_place_that_an_imported_day_lacks_may_hold_who_was_there(scratch: Scratch) -> None:
    days = [snapshot(0), snapshot(1, position_quality="partial", total=2, entry_count=1), snapshot(2)]
    rows = [entry(number, 1, uri="spotify:track:a") for number in range(3)]
    rows += [entry(number, 2, uri="spotify:track:b") for number in (0, 2)]
    found = views_over(scratch, rows, days)
    assert [run["days"] for run in sorted(found["runs"], key=lambda run: run["track_key"])] == [3, 2]
    assert {row["change"] for row in found["chart"] if row["snapshot_date"] == day(2)} == {"same", "unseen"}
