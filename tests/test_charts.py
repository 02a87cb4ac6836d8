"""The views' figures beside an independent reckoning: of invented, random and real histories."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.analysis.charts import Charts, open_charts
from chalicelib.errors import NotKept
from chalicelib.history.importing import import_path
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import empty_row
from chalicelib.settings import Settings
from chalicelib.snapshots.pipeline import open_pipeline
from simulator import EXTENDED, TOP_50, Fault, Simulator
from tests.chart_model import Entry, Stay, chart_rows, stays
from tests.conftest import Clock
from tests.histories import FIRST, LIST, entry, keep, named
from tests.lake_model import assert_equal, reckoned, views_in

TODAY = date(2026, 11, 24)
FIGURES = [
    "snapshot_date",
    "position",
    "track_key",
    "previous_position",
    "movement",
    "change",
    "peak_position",
    "days_on_list",
    "streak",
    "debut_date",
    "listed_before",
    "previous_date",
    "gap_days",
]
RUN = [
    "entered_on",
    "entered_after",
    "last_seen_on",
    "left_on",
    "days",
    "gap_days",
    "unseen_days",
    "most_days",
    "peak_position",
    "first_position",
    "last_position",
]


@contextmanager
def asked(lake: Lake, *playlist_ids: str, today: date = TODAY) -> Iterator[Charts]:
    with open_charts(lake, today, playlist_ids) as charts:
        yield charts


def history_of(charts: Charts, playlist_id: str) -> dict[date, list[Entry]]:
    """What the tables hold of a list, with its URIs as keys; of those that are joined, the first by the alphabet."""
    days = charts.warehouse.read(
        "SELECT snapshot_date FROM snapshots WHERE playlist_id = $id AND status IN ('ok', 'unchanged')",
        {"id": playlist_id},
    )
    rows = charts.warehouse.read(
        "SELECT snapshot_date, position, uri FROM entries WHERE playlist_id = $id ORDER BY snapshot_date, position",
        {"id": playlist_id},
    )
    joined = joined_uris(charts, playlist_id)
    history: dict[date, list[Entry]] = {row["snapshot_date"]: [] for row in days}
    for row in rows:
        history[row["snapshot_date"]].append((row["position"], joined.get(row["uri"], row["uri"])))
    return history


def joined_uris(charts: Charts, playlist_id: str) -> dict[str, str]:
    """That they are the right ones, tests/test_identity.py and the reckoning of every view tell."""
    rows = charts.warehouse.read(
        "SELECT uri, track_key FROM recordings WHERE playlist_id = $id AND evidence <> 'isrc'", {"id": playlist_id}
    )
    return {row["uri"]: row["track_key"] for row in rows}


def check_every_view(charts: Charts, today: date = TODAY) -> None:
    """All views over all lists equal the independent reckoning, column by column."""
    entries, snapshots = (charts.warehouse.read(f"SELECT * FROM {table}") for table in ("entries", "snapshots"))
    assert_equal(views_in(charts.warehouse), reckoned(entries, snapshots, today))


def check_against_the_model(charts: Charts, playlist_id: str, cadence: int = 1) -> dict[date, list[Entry]]:
    """The views `chart` and `runs` equal the independent reckoning, row by row."""
    history, joined = history_of(charts, playlist_id), joined_uris(charts, playlist_id)
    told = charts.warehouse.read(
        "SELECT chart.*, chart.uri AS key FROM chart WHERE playlist_id = $id ORDER BY snapshot_date, position",
        {"id": playlist_id},
    )
    for row in told:
        # The model's keys are URIs; the views' may be ISRCs, which name the same items.
        row["track_key"] = joined.get(row["uri"], row["uri"])
    lacking = charts.warehouse.read("SELECT * FROM known_days WHERE playlist_id = $id", {"id": playlist_id})
    missing = {row["snapshot_date"]: row["missing_places"] for row in lacking}
    wanted = chart_rows(history, cadence, missing)
    assert [{name: row[name] for name in FIGURES} for row in told] == [
        {name: row[name] for name in FIGURES} for row in wanted
    ]
    runs = charts.warehouse.read("SELECT * FROM runs WHERE playlist_id = $id", {"id": playlist_id})
    found = [Stay(joined.get(row["uri"], row["uri"]), *(row[name] for name in RUN)) for row in runs]
    assert sorted(found, key=lambda stay: (stay.key, stay.entered_on)) == stays(history, cadence, missing)
    return history


# Random and simulated histories.

LETTERS = st.text("ABCDEF.", max_size=7)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 30), LETTERS, min_size=1, max_size=14), st.integers(1, 3))
def test_any_history_gives_the_figures_of_an_independent_reckoning(
    tmp_path_factory: pytest.TempPathFactory, days: dict[int, str], segment_days: int
) -> None:
    clock = Clock()
    store = open_store(str(tmp_path_factory.mktemp("lake")), clock.world())
    # Small segments, and days on both sides of a year's end: the views read what many objects hold.
    lake = Lake(store, clock.world(), segment_rows=segment_days * 5)
    keep(lake, {(day := FIRST + timedelta(days=number)): named(day, one) for number, one in sorted(days.items())})
    with asked(lake, LIST) as charts:
        check_against_the_model(charts, LIST)


def test_a_hundred_and_twenty_simulated_days(lake: Lake, clock: Clock) -> None:
    simulator = Simulator(now=clock.now)
    fifty, long = simulator.playlist_id("fifty"), simulator.playlist_id("hundred-and-one")
    with simulator.serve() as server:
        told = Settings(
            api_url=server.api_url,
            accounts_url=server.accounts_url,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
        )
        pipeline = open_pipeline(told, clock.world(), lake)
        for number in range(120):
            if number % 9 == 4:
                simulator.edit(fifty, remove_at=number % 50, insert_at=(number * 7) % 40)
            if number == 60:
                simulator.faults.add(Fault("status", status=500, playlist=TOP_50, times=50))
            if number not in (17, 18, 44, 90):
                pipeline.extract([TOP_50, fifty, long])
            if number == 60:
                simulator.faults.clear()
            clock.advance(days=1)
    with asked(lake, today=clock.now().date()) as charts:
        top = check_against_the_model(charts, TOP_50)
        assert len(top) == 115
        assert len(check_against_the_model(charts, fifty)) == 116
        assert len(check_against_the_model(charts, long)) == 116
        changes = charts.warehouse.read("SELECT DISTINCT change FROM chart WHERE playlist_id = $id", {"id": TOP_50})
        assert {row["change"] for row in changes} >= {"new", "up", "down", "same", "re-entry", "duplicate", None}
        statuses = {row["status"] for row in charts.coverage(TOP_50)}
        assert statuses == {"ok", "missed", "unavailable"}
        assert "unchanged" in {row["status"] for row in charts.coverage(long)}
        check_every_view(charts, clock.now().date())


# Real histories.


@pytest.fixture(scope="module")
def history_lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Real histories: 157 versions of a Top 50 with gaps, official daily and weekly charts."""
    clock = Clock()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), clock.world()), clock.world())
    for folder in ("archive_global_top50/pretty", "charts_daily_official", "charts_weekly_official"):
        list(import_path(lake, shared_data / folder))
    return lake


def test_the_archived_global_top_50_with_its_gaps(history_lake: Lake) -> None:
    playlist_id = "37i9dQZEVXbMDoHDwVN2tF"
    with asked(history_lake, playlist_id) as charts:
        history = check_against_the_model(charts, playlist_id)
        gaps = [row for row in charts.coverage(playlist_id) if row["status"] == "missed"]
        song = charts.find_tracks("all i want for christmas")[0]
        runs = charts.history(song).listings[0].runs
    assert len(history) == 148
    assert len(gaps) == (max(history) - min(history)).days + 1 - 148
    # It came on 15 November, and nobody looked on seven of the days until it went: one run, not several.
    assert [(run["entered_on"], run["days"], run["gap_days"], run["peak_position"]) for run in runs] == [
        (date(2020, 11, 15), 37, 7, 1)
    ]


def test_every_view_of_real_histories_equals_its_definition(history_lake: Lake) -> None:
    with asked(history_lake) as charts:
        assert len(charts.playlists()) == 5
        check_every_view(charts)


def official_rows(shared_data: Path, pattern: str) -> dict[date, list[dict[str, str]]]:
    found = {}
    for path in sorted((shared_data / "charts_daily_official").glob(pattern)):
        with path.open(encoding="utf-8-sig", newline="") as file:
            found[date.fromisoformat(path.stem[-10:])] = list(csv.DictReader(file))
    return found


@pytest.mark.parametrize(
    ("region", "days"),
    [("kr", 14), ("global", 3)],
    ids=["South Korea, two weeks", "Global, three days"],
)
def test_official_charts_agree_with_their_own_columns(
    history_lake: Lake, shared_data: Path, region: str, days: int
) -> None:
    playlist_id = f"chart:regional-{region}-daily"
    official = official_rows(shared_data, f"regional-{region}-daily-*.csv")
    assert len(official) == days
    with asked(history_lake, playlist_id) as charts:
        check_against_the_model(charts, playlist_id)
        rows = charts.warehouse.read("SELECT * FROM chart WHERE playlist_id = $id", {"id": playlist_id})
    told = {(row["snapshot_date"], row["uri"]): row for row in rows}
    for day in sorted(official)[1:]:
        for stated in official[day]:
            # -1 is theirs for "not on yesterday's"; a recording that got another URI is the same entry to both.
            assert (told[day, stated["uri"]]["previous_position"] or -1) == int(stated["previous_rank"])
    whole = [
        (told[day, stated["uri"]], stated)
        for day, rows_of_day in official.items()
        for stated in rows_of_day
        # The history reaches far enough where it holds all the days that they count.
        if int(stated["days_on_chart"]) == told[day, stated["uri"]]["days_on_list"]
    ]
    assert len(whole) >= 4 * days
    assert all(ours["peak_position"] == int(stated["peak_rank"]) for ours, stated in whole)
    debuts = [(day, stated["uri"]) for day in official for stated in official[day] if stated["days_on_chart"] == "1"]
    assert len(debuts) > days
    for day, uri in debuts:
        assert told[day, uri]["days_on_list"] == 1
        # The ranks that the file of the day before lacks may have held it, as far as our tables tell.
        lacked = len(official.get(day - timedelta(days=1), ())) < 200
        known = ("new", "unseen") if lacked else ("new",)
        assert told[day, uri]["change"] in (known if day > min(official) else (None,))
    for day, uri in told:
        tomorrow = next((row for row in official.get(day + timedelta(days=1), ()) if row["uri"] == uri), None)
        today = next(row for row in official[day] if row["uri"] == uri)
        if tomorrow:
            theirs = int(tomorrow["days_on_chart"]) - int(today["days_on_chart"])
            assert told[day + timedelta(days=1), uri]["days_on_list"] - told[day, uri]["days_on_list"] == theirs


def test_a_weekly_chart_has_no_gaps_between_its_weeks(history_lake: Lake) -> None:
    playlist_id = "chart:regional-global-weekly"
    with asked(history_lake, playlist_id) as charts:
        history = check_against_the_model(charts, playlist_id, cadence=7)
        covered = charts.coverage(playlist_id)
    assert {day.weekday() for day in history} == {3}
    weeks = (max(history) - min(history)).days // 7 + 1
    assert len(covered) == weeks
    assert sum(row["status"] == "missed" for row in covered) == weeks - len(history)


# What each figure means.


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def figures(charts: Charts, number: int) -> dict[str, tuple[Any, ...]]:
    """(change, previous position, peak, days, streak) of each song on a day."""
    return {
        row["name"].removeprefix("Song "): tuple(
            row[name] for name in ("change", "previous_position", "peak_position", "days_on_list", "streak")
        )
        for row in charts.chart(LIST, day(number)).entries
        if row["name"]
    }


def test_a_day_beside_the_days_before_it(lake: Lake) -> None:
    keep(lake, {day(number): named(day(number), one) for number, one in enumerate(("ABC", "BA", "CBAD", "CB"))})
    with asked(lake) as charts:
        # Nothing is known before the first day, so nothing can be called new.
        assert figures(charts, 0) == {
            "A": (None, None, 1, 1, 1),
            "B": (None, None, 2, 1, 1),
            "C": (None, None, 3, 1, 1),
        }
        assert figures(charts, 2) == {
            "C": ("re-entry", None, 1, 2, 1),
            "B": ("down", 1, 1, 3, 3),
            "A": ("down", 2, 1, 3, 3),
            "D": ("new", None, 4, 1, 1),
        }
        assert figures(charts, 3)["C"] == ("same", 1, 1, 3, 2)
        last = charts.chart(LIST)
        assert (last.snapshot_date, last.previous_date, last.gap_days) == (day(3), day(2), 0)
        assert [(row["name"], row["days"], row["last_position"]) for row in last.leavers] == [
            ("Song A", 3, 3),
            ("Song D", 1, 4),
        ]


def test_not_looking_is_not_not_there(lake: Lake) -> None:
    keep(lake, {day(0): named(day(0), "AB"), day(5): named(day(5), "A")})
    with asked(lake) as charts:
        chart = charts.chart(LIST)
        assert (chart.previous_date, chart.gap_days) == (day(0), 4)
        assert figures(charts, 5)["A"] == ("same", 1, 1, 2, 2)
        runs = {row["name"]: row for row in charts.warehouse.read("SELECT * FROM runs")}
    # There on both days that are known: one run, which does not hide the four on which nobody looked.
    assert (runs["Song A"]["days"], runs["Song A"]["gap_days"], runs["Song A"]["left_on"]) == (2, 4, None)
    assert (runs["Song B"]["last_seen_on"], runs["Song B"]["left_on"]) == (day(0), day(5))
    assert runs["Song B"]["entered_after"] is None


def test_an_empty_day_is_a_day_on_which_nothing_was_there(lake: Lake) -> None:
    keep(lake, {day(0): named(day(0), "A"), day(1): [], day(2): named(day(2), "A")})
    with asked(lake) as charts:
        assert charts.chart(LIST, day(1)).entries == []
        assert [row["name"] for row in charts.chart(LIST, day(1)).leavers] == ["Song A"]
        assert figures(charts, 2)["A"] == ("re-entry", None, 1, 2, 1)


def test_a_song_that_stands_twice_is_counted_once_and_its_repeat_is_marked(lake: Lake) -> None:
    keep(lake, {day(0): named(day(0), "AB"), day(1): named(day(1), "BA.A")})
    with asked(lake) as charts:
        rows = charts.chart(LIST).entries
        assert [(row["position"], row["change"], row["days_on_list"]) for row in rows] == [
            (1, "up", 2),
            (2, "down", 2),
            (3, None, None),
            (4, "duplicate", 2),
        ]
        assert [(row["track_key"], row["occurrence"]) for row in rows][3] == ("spotify:track:A", 2)


def test_a_recording_stays_itself_when_spotify_gives_it_another_id(lake: Lake) -> None:
    def track(number: int, uri: str, **values: Any) -> dict[str, Any]:
        return entry(day(number), 1, uri=uri, item_id=uri.rpartition(":")[2], name="Song", **values)

    # The same recording: with its ISRC, under another id and spelling of it, and on a day that told none.
    keep(
        lake,
        {
            day(0): [track(0, "spotify:track:old", isrc="GB-AAA-26-00001")],
            day(1): [track(1, "spotify:track:new", isrc="gbaaa2600001")],
            day(2): [track(2, "spotify:track:old")],
        },
    )
    with asked(lake) as charts:
        assert charts.chart(LIST).entries[0]["days_on_list"] == 3
        found = charts.find_tracks("GBAAA2600001")
        assert [(row["days_seen"], row["uris"], row["uri"]) for row in found] == [(3, 2, "spotify:track:old")]
        assert charts.find_tracks("spotify:track:new") == charts.find_tracks("new") == found
        assert [run["days"] for run in charts.history(found[0]).listings[0].runs] == [3]


def test_what_another_list_tells_of_recordings_does_not_change_a_lists_own_history(lake: Lake) -> None:
    other = "2222222222222222222222"
    keep(
        lake,
        {
            day(0): [entry(day(0), 1, uri="spotify:track:old", name="Song")],
            day(1): [entry(day(1), 1, uri="spotify:track:new", name="Song")],
        },
    )
    isrc = {"isrc": "GBAAA2600001", "playlist_id": other, "name": "Song"}
    tracks = [entry(day(0), place, uri=f"spotify:track:{one}", **isrc) for place, one in enumerate(("old", "new"), 1)]
    keep(lake, {day(0): tracks}, other)
    with asked(lake, LIST) as alone, asked(lake) as together:
        assert alone.chart(LIST) == together.chart(LIST)
        # The lake as a whole does know that they are one.
        assert [
            listing.playlist["playlist_id"]
            for listing in together.history(together.find_tracks("spotify:track:new")[0]).listings
        ]
        assert len(together.find_tracks("song")) == 1
        assert len(alone.find_tracks("song")) == 2


def test_an_attribute_that_spotify_stopped_giving_keeps_its_last_value(lake: Lake) -> None:
    song = {"uri": "spotify:track:A", "item_id": "A"}
    keep(
        lake,
        {
            day(0): [entry(day(0), 3, name="Old name", popularity=70, explicit=False, **song)],
            day(1): [entry(day(1), 2, name="New name", popularity=71, album_name="Album", **song)],
            day(2): [entry(day(2), 4, name="New name", **song)],
        },
    )
    with asked(lake) as charts:
        found = charts.find_tracks("new name")[0]
    assert (found["popularity"], found["explicit"], found["album_name"]) == (71, False, "Album")
    assert (found["first_seen_on"], found["last_seen_on"], found["peak_position"]) == (day(0), day(2), 2)


def test_two_days_compared(lake: Lake) -> None:
    keep(lake, {day(0): named(day(0), "ABCD"), day(3): named(day(3), "BAXD"), day(4): named(day(4), "A")})
    with asked(lake) as charts:
        found = charts.compare(LIST, day(0), day(3))
        assert [(one["change"], one["name"], one["from_position"], one["to_position"]) for one in found.items] == [
            ("up", "Song B", 2, 1),
            ("down", "Song A", 1, 2),
            ("entered", "Song X", None, 3),
            ("same", "Song D", 4, 4),
            ("left", "Song C", 3, None),
        ]
        assert found.unknown_days == 2
        back = charts.compare(LIST, day(3), day(0))
        assert {one["name"]: one["change"] for one in back.items}["Song C"] == "entered"
        assert back.unknown_days == 2


def test_artists_shares(lake: Lake) -> None:
    def by(number: int, place: int, *artists: str) -> dict[str, Any]:
        named = [{"id": f"id-{one}", "name": one} for one in artists]
        return entry(day(number), place, uri=f"spotify:track:{number}{place}", name="Song", artists=named)

    keep(lake, {day(0): [by(0, 1, "Ada", "Bob"), by(0, 2, "Ada")], day(1): [by(1, 1, "Cleo"), by(1, 2, "Ada")]})
    with asked(lake) as charts:
        found = charts.artists(LIST, day(0), day(1))
        assert [(row["name"], row["entries"], row["share"]) for row in found] == [
            ("Ada", 3, 0.75),
            ("Bob", 1, 0.25),
            ("Cleo", 1, 0.25),
        ]
        assert [row["name"] for row in charts.artists(LIST, day(1), day(1))] == ["Cleo", "Ada"]


def test_a_day_that_is_not_known_is_refused_with_the_days_around_it(lake: Lake) -> None:
    keep(lake, {day(0): named(day(0), "A"), day(4): named(day(4), "A")})
    failed = empty_row(LIST, day(2), datetime(2025, 12, 22, 6, tzinfo=UTC))
    lake.put_snapshot(failed | {"status": "unavailable", "reason": "Spotify answered 503."})
    with asked(lake) as charts:
        with pytest.raises(
            NotKept, match=r"2025-12-22 is not known: unavailable \(Spotify answered 503\.\)"
        ) as refused:
            charts.chart(LIST, day(2))
        assert refused.value.advice == f"The nearest known days are {day(0)} and {day(4)}."
        with pytest.raises(NotKept, match="missed"):
            charts.compare(LIST, day(0), day(1))
        with pytest.raises(NotKept, match="outside of what was followed"):
            charts.chart(LIST, day(-30))
        with pytest.raises(NotKept, match="not in the lake"):
            charts.chart("3333333333333333333333")


@pytest.mark.parametrize(("source", "last"), [("spotify", 9), ("import:kaggle-top50:a.csv", 4)])
def test_the_calendar_of_a_live_list_goes_on_and_that_of_an_import_ends(lake: Lake, source: str, last: int) -> None:
    keep(lake, {day(0): named(day(0), "A"), day(4): named(day(4), "A")}, source=source)
    with asked(lake, today=day(10)) as charts:
        covered = charts.coverage(LIST)
    assert [row["snapshot_date"] for row in covered] == [day(number) for number in range(last + 1)]
    assert [row["status"] for row in covered if row["status"] != "missed"] == ["ok", "ok"]


def test_one_lists_year_costs_few_reads(lake: Lake) -> None:
    keep(lake, {day(number): named(day(number), "AB") for number in range(30)})
    keep(lake, {day(0): named(day(0), "AB")}, "2222222222222222222222")
    got: list[str] = []
    real = lake.store.get
    lake.store.get = lambda key: got.append(key) or real(key)  # type: ignore[method-assign]
    with asked(lake, LIST) as charts:
        charts.chart(LIST)
        charts.history(charts.find_tracks("Song A")[0])
    # Two calendar years: the commits and the entries of each.
    assert len(got) == 4
    assert all(LIST in key for key in got)
