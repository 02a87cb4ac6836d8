"""Measures of lists: what they mean, beside tests/test_views.py, where the views equal an independent reckoning on any
tables. Survival is held here to a published table, to scipy, and to the definition in exact fractions, tried with every
choice that open ends leave."""

from __future__ import annotations

import itertools
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from scipy.stats import CensoredData, ecdf

from chalicelib import cli
from chalicelib.analysis.asked_views import HELD
from chalicelib.analysis.charts import Charts, open_charts
from chalicelib.analysis.measures import Stay, Tenure, survival, tenure, tenure_of
from chalicelib.analysis.views import MEASURES, view_sql
from chalicelib.history.importing import import_path, import_paths
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS, empty_row
from chalicelib.lake.tables import Scratch, to_json
from tests.chart_model import stays
from tests.conftest import Clock
from tests.histories import FIRST, LIST, keep, named
from tests.lake_model import assert_equal_views, known_days, measures, recordings, standings
from tests.measure_model import rank_biased_overlap

OTHER = "2222222222222222222222"
THIRD = "3333333333333333333333"
TODAY = FIRST + timedelta(days=400)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


# Tenure.


def kaplan_meier(days: int, ended: list[int], watched: list[int]) -> Fraction:
    """The definition, factor by factor."""
    share = Fraction(1)
    for end in sorted({end for end in ended if end <= days}):
        at_risk = sum(one >= end for one in ended + watched)
        share *= 1 - Fraction(ended.count(end), at_risk)
    return share


def test_survival_equals_the_published_table_of_freireichs_patients() -> None:
    """Remission under 6-MP, in weeks: Kaplan-Meier, and the interval on the scale log(-log) (Cox and Oakes, Analysis of
    Survival Data, 1984, chapter 1; the limits as Stata and R print them)."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    watched = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = survival([*(Stay(end, end) for end in ended), *(Stay(end, None) for end in watched)])
    assert [(one.days, one.at_risk, round(one.least, 4), round(one.low, 4), round(one.high, 4)) for one in found] == [
        (6, 21, 0.8571, 0.6197, 0.9516),
        (7, 17, 0.8067, 0.5631, 0.9228),
        (10, 15, 0.7529, 0.5032, 0.8894),
        (13, 12, 0.6902, 0.4316, 0.8491),
        (16, 11, 0.6275, 0.3675, 0.8049),
        (22, 7, 0.5378, 0.2678, 0.7468),
        (23, 6, 0.4482, 0.1881, 0.6801),
    ]
    assert [one.most for one in found] == [one.least for one in found]


@pytest.mark.parametrize("seed", range(40))
def test_survival_is_bounded_by_the_extremes_of_all_that_open_ends_allow(seed: int) -> None:
    random = Random(seed)
    ended = [(end, end + random.choice((0, 0, 1, 2, 3))) for end in random.choices(range(1, 9), k=random.randint(1, 6))]
    watched = random.choices(range(10), k=random.randint(0, 5))
    choices = list(itertools.product(*(range(first, last + 1) for first, last in ended)))
    found = survival([*itertools.starmap(Stay, ended), *(Stay(end, None) for end in watched)])
    told = {one.days: one for one in found}
    least = most = Fraction(1)
    for days in range(1, 13):
        allowed = [kaplan_meier(days, list(choice), watched) for choice in choices]
        if days in told:
            assert told[days].least == pytest.approx(float(min(allowed)), abs=1e-12)
            assert told[days].most == pytest.approx(float(max(allowed)), abs=1e-12)
            assert told[days].low <= told[days].least <= told[days].most <= told[days].high
        else:
            # Nothing changes between two points.
            assert (min(allowed), max(allowed)) == (least, most)
        least, most = min(allowed), max(allowed)


@pytest.mark.parametrize("seed", range(10))
def test_the_true_survival_lies_within_the_bounds_whatever_days_are_lost(seed: int) -> None:
    random = Random(seed)
    spans = {f"item {number}": (random.randrange(-5, 40), random.choice((1, 2, 3, 5, 8, 20))) for number in range(60)}
    truth = {name: (first, first + length) for name, (first, length) in spans.items()}
    looked = sorted(random.sample(range(40), 28))
    history = {
        day(number): list(enumerate([one for one, (first, end) in truth.items() if first <= number < end], start=1))
        for number in looked
    }
    runs = [vars(one) for one in stays(history)]
    found = tenure_of(runs)
    cohort = [one for one in runs if one["entered_after"] and (one["entered_on"] - one["entered_after"]).days == 1]
    assert (found.stays, found.begun_unseen) == (len(cohort), len(runs) - len(cohort))
    assert found.open_ends
    ended = [spans[one["key"]][1] for one in cohort if one["left_on"]]
    watched = [(one["last_seen_on"] - one["entered_on"]).days for one in cohort if not one["left_on"]]
    assert found.still_there == len(watched)
    for point in found.points:
        assert point.least - 1e-12 <= kaplan_meier(point.days, ended, watched) <= point.most + 1e-12


class Estimate(NamedTuple):
    share: float
    low: float
    high: float


def scipys(days: int, ended: list[int], watched: list[int]) -> Estimate:
    """The estimate of Kaplan and Meier after so many days, and its 95 % interval on the scale log(-log)."""
    survival = ecdf(CensoredData(uncensored=ended, right=watched)).sf
    with warnings.catch_warnings():
        # Where nobody is left.
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = survival.confidence_interval(0.95, method="log-log")
    return Estimate(*(float(one.evaluate(days)) for one in (survival, interval.low, interval.high)))


@pytest.mark.parametrize("seed", range(20))
def test_survival_and_its_interval_equal_scipys(seed: int) -> None:
    random = Random(seed)
    ended = random.choices(range(1, 40), k=random.randint(2, 60))
    watched = random.choices(range(45), k=random.randint(0, 30))
    found = survival([*(Stay(end, end) for end in ended), *(Stay(end, None) for end in watched)])
    assert [one.days for one in found] == sorted(set(ended))
    for one in found:
        expected = scipys(one.days, ended, watched)
        assert (one.least, one.most) == pytest.approx((expected.share, expected.share), abs=1e-12)
        if expected.share:
            assert (one.low, one.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def told_tenure(story: Story, *days: str | None) -> Tenure:
    story.tell({LIST: days})
    return tenure_of(story.rows("runs", "entered_on"))


def test_what_was_there_before_and_what_came_in_a_gap_is_left_out(story: Story) -> None:
    # A was there before, B came on day 1 and left on 3, C came in the gap, D is still there.
    found = told_tenure(story, "A", "AB", "AB", "AD", None, "CD", "D", "D")
    assert (found.stays, found.begun_unseen, found.still_there, found.open_ends) == (2, 2, 1, 0)
    assert [(one.days, one.least, one.most) for one in found.points] == [(2, 0.5, 0.5)]
    assert found.half_life == (2, 2)


def test_a_gap_leaves_the_half_life_open_between_two_days(story: Story) -> None:
    found = told_tenure(story, "A", "AB", "AB", None, None, "A")
    assert (found.stays, found.open_ends) == (1, 1)
    assert found.half_life == (2, 4)
    assert found.to_json()["half_life"] == {"least": 2, "most": 4, "low": 2, "high": None}


def test_a_half_life_that_is_not_reached_is_not_told(story: Story) -> None:
    found = told_tenure(story, "A", "AB", "AB")
    assert (found.stays, found.still_there, found.points, found.half_life) == (1, 1, (), (None, None))


def test_a_weekly_chart_counts_in_weeks() -> None:
    weeks = {
        day(7 * number): [(place, one) for place, one in enumerate(letters)] for number, letters in enumerate(WEEKS)
    }
    found = tenure_of([vars(one) for one in stays(weeks, cadence=7)], 7)
    assert [(one.days, one.least) for one in found.points] == [(1, 0.5), (2, 0.0)]


WEEKS = ("A", "ABC", "AB", "A")


# The views.

_NEEDED = (
    *("mixed_days", "known_days", "recordings", "emptied", "slots", "moments", "placed", "keyed", "moves", "playlists"),
    *("events", "runs"),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    world = Clock().world()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), world), world)
    with lake.scratch("the rows of a test") as found:
        yield found


@dataclass(frozen=True)
class Story:
    """Days of lists from `FIRST` on, as `named` writes them; None is a day that nobody looked at."""

    scratch: Scratch

    def tell(
        self,
        lists: Mapping[str, Sequence[str | None]],
        followers: Mapping[tuple[str, int], int] | None = None,
        **facts: Any,
    ) -> None:
        """Every entry has the `facts`; of `followers` only what is given is known, by list and day."""
        entries: list[dict[str, Any]] = []
        snapshots: list[dict[str, Any]] = []
        for playlist_id, days in lists.items():
            step = 7 if playlist_id.endswith("-weekly") else 1
            for number, letters in enumerate(days):
                if letters is not None:
                    rows = named(day(step * number), letters)
                    entries += [row | {"playlist_id": playlist_id} | facts for row in rows]
                    told = {"status": "ok", "entry_count": len(rows), "source": "spotify"}
                    told["followers"] = (followers or {}).get((playlist_id, number))
                    moment = datetime.combine(day(step * number), datetime.min.time(), UTC)
                    snapshots.append(empty_row(playlist_id, day(step * number), moment) | told)
        self.keep(entries, snapshots)

    def keep(self, entries: list[dict[str, Any]], snapshots: list[dict[str, Any]]) -> None:
        for name, rows, schema in (("entries", entries, ENTRIES), ("snapshots", snapshots, SNAPSHOTS)):
            self.scratch.define(name, f"SELECT * FROM {self.scratch.rows(map(to_json, rows), schema)}")
            self.scratch.narrow(name, "true", {})
        for name in (*_NEEDED, *MEASURES):
            self.scratch.define(name, view_sql(name).replace("CURRENT_DATE", f"DATE '{TODAY}'"))
            if name in HELD:
                self.scratch.narrow(name, "true", {})

    def rows(self, view: str, order: str) -> list[dict[str, Any]]:
        return self.scratch.read(f"SELECT * FROM {view} ORDER BY {order}")


@pytest.fixture
def story(scratch: Scratch) -> Story:
    return Story(scratch)


def test_turnover_of_a_day_a_gap_and_an_empty_slot(story: Story) -> None:
    story.tell({LIST: ("ABCD", "ABCE", None, None, "ABFG", "ABF.", "ABFG")})
    found = story.rows("turnover", "snapshot_date")
    told = ("interval_days", "came", "went", "perhaps_came", "perhaps_went", "turnover", "turnover_a_day")
    assert [tuple(row[name] for name in told) for row in found] == [
        (1, 1, 1, 0, 0, 0.25, 0.25),
        (3, 2, 2, 0, 0, 0.5, 0.5 / 3),
        (1, 0, 0, 0, 1, 0.0, 0.0),
        (1, 0, 0, 1, 0, 0.0, 0.0),
    ]
    assert [row["most_turnover"] for row in found] == [0.25, 0.5, 1 / 7, 1 / 7]


def test_turnover_counts_what_the_events_tell(story: Story) -> None:
    # Beside empty slots events are more careful than runs, of which turnover is made.
    story.tell({LIST: [letters and letters.replace(".", "") for letters in random_days(3)]})
    found = story.rows("turnover", "snapshot_date")
    told = story.rows("events", "event_id")
    for row in found:
        of_day = [
            one
            for one in told
            if (one["snapshot_date"], one["after_date"]) == (row["snapshot_date"], row["previous_date"])
        ]
        assert row["came"] == sum(one["kind"] in ("entered", "re-entered") for one in of_day)
        assert row["went"] == sum(one["kind"] == "left" for one in of_day)


def random_days(seed: int) -> list[str | None]:
    random, days = Random(seed), []
    for _ in range(25):
        letters = "".join(random.sample("ABCDEFGH", 5))
        days.append(None if random.random() < 0.2 else letters.replace("H", "."))
    return ["ABCDE", *days]


def test_rank_biased_overlap_of_lists_that_can_be_reckoned_by_hand(story: Story) -> None:
    assert rank_biased_overlap("AB", "AB") == pytest.approx(1)
    assert rank_biased_overlap("AB", "CD") == 0
    # 1/9 * (1/2 * 0.81) + 1/2 * 0.81
    assert rank_biased_overlap("A", "BA") == pytest.approx(0.45)
    story.tell({LIST: ("XY", "AB", "A"), OTHER: ("AB", None, "BA", "XY"), THIRD: (None, None, None, "XYZ")})
    found = {(row["playlist_id"], row["other_id"]): row for row in story.rows("overlap", "playlist_id")}
    told = ("snapshot_date", "items", "other_items", "common", "jaccard", "rank_biased_overlap")
    assert [found[LIST, OTHER][name] for name in told] == [day(2), 1, 2, 1, 0.5, 0.45]
    # They share no day, so nothing is said of two different ones.
    assert [found[LIST, THIRD][name] for name in told] == [None] * 6
    assert [found[OTHER, THIRD][name] for name in told[:5]] == [day(3), 2, 3, 2, 2 / 3]


def test_who_had_it_first_and_by_how_many_days(story: Story) -> None:
    # B comes nine days earlier to the one, C the same day, D three days later; A was there before.
    one = ["A", "AB", *["AB"] * 8, "ABC", "ABC", "ABC", "ABCD"]
    other = ["A", *["A"] * 9, "ABCD", *["ABCD"] * 3]
    story.tell({LIST: one, OTHER: other})
    first, second = story.rows("lead_lag", "playlist_id")
    told = (
        "common",
        "led",
        "followed",
        "together",
        "overlapping",
        "not_known",
        "least_median_days",
        "most_median_days",
    )
    assert [first[name] for name in told] == [4, 1, 1, 1, 0, 1, 0, 0]
    assert [second[name] for name in told] == [4, 1, 1, 1, 0, 1, 0, 0]


def test_a_gap_over_a_debut_widens_the_lead_or_leaves_it_out(story: Story) -> None:
    # To the one B came on day 2, 3 or 4 and C on day 2, 3 or 4; to the other B on day 7 and C on day 3.
    story.tell({LIST: ("A", "A", None, None, *["ABC"] * 6), OTHER: ("A", "A", "A", "AC", "AC", "AC", "AC", "ABC")})
    first, second = story.rows("lead_lag", "playlist_id")
    assert (first["led"], first["overlapping"], first["not_known"]) == (1, 1, 1)
    assert (first["least_median_days"], first["most_median_days"]) == (3, 5)
    assert (second["least_median_days"], second["most_median_days"]) == (-5, -3)


def test_nobody_leads_with_what_came_before_both_were_watched(story: Story) -> None:
    story.tell({LIST: ("A", "AB", "AB", "AB", "AB"), OTHER: (None, None, "A", "A", "AB")})
    (first, _) = story.rows("lead_lag", "playlist_id")
    assert (first["common"], first["led"], first["not_known"], first["least_median_days"]) == (2, 0, 2, None)


def test_two_weekly_charts_count_in_weeks_and_a_daily_one_beside_them_in_days(story: Story) -> None:
    one, other = "chart:regional-de-weekly", "chart:regional-fr-weekly"
    # B the same week, C two weeks later; to the daily list both came on day 10, of the second week.
    daily = ["A", *["A"] * 9, *["ABC"] * 5]
    story.tell({one: ("A", "ABC", "ABC", "ABC"), other: ("A", "AB", "AB", "ABC"), LIST: daily})
    found = {(row["playlist_id"], row["other_id"]): row for row in story.rows("lead_lag", "playlist_id")}
    told = ("led", "followed", "together", "overlapping", "not_known", "least_median_days", "most_median_days")
    assert [found[one, other][name] for name in told] == [1, 0, 1, 0, 1, 7, 7]
    # A week is seven days wide.
    assert [found[one, LIST][name] for name in told] == [2, 0, 0, 0, 1, 3, 9]
    assert [found[other, LIST][name] for name in told] == [1, 1, 0, 0, 1, -4, 2]


def test_reach_adds_what_is_known_of_the_followers_and_says_of_how_many(story: Story) -> None:
    followers = {(LIST, 0): 100, (OTHER, 0): 7, (THIRD, 0): 5}
    story.tell({LIST: ("AB",), OTHER: ("B", "BA"), THIRD: ("C",)}, followers, artists=[{"id": "x", "name": "Ada"}])
    found = {row["name"]: row for row in story.rows("reach", "reach_key")}
    told = ("kind", "lists", "lists_known", "followers", "oldest_date", "newest_date")
    assert [found["Song A"][name] for name in told] == ["item", 2, 1, 100, day(0), day(1)]
    assert [found["Song C"][name] for name in told] == ["item", 1, 1, 5, day(0), day(0)]
    assert [found["Ada"][name] for name in told] == ["artist", 3, 2, 105, day(0), day(1)]


def one_day(story: Story, letters: str, facts: Sequence[Mapping[str, Any]]) -> None:
    """The first day of a list, each entry with its facts."""
    rows = [row | dict(more) for row, more in zip(named(FIRST, letters), facts, strict=True)]
    moment = datetime.combine(FIRST, datetime.min.time(), UTC)
    told = {"status": "ok", "entry_count": len(rows), "source": "spotify"}
    story.keep(rows, [empty_row(LIST, FIRST, moment) | told])


def test_freshness_counts_the_releases_whose_day_is_known(story: Story) -> None:
    # One comes out a week later; one day does not exist.
    dated = (("2025-12-13", "day"), ("2025-11-20", None), ("2025-12-27", "day"))
    open_ones = (("2025", "year"), ("2025-12-01", "month"), ("2025-02-30", "day"), (None, None))
    names = ("album_release_date", "album_release_precision")
    one_day(story, "ABCDEFG", [dict(zip(names, one, strict=True)) for one in (*dated, *open_ones)])
    (found,) = story.rows("freshness", "snapshot_date")
    told = ("items", "dated", "youngest_days", "median_days", "oldest_days")
    assert [found[name] for name in told] == [7, 3, -7, 7, 30]
    one_day(story, "D", [{"album_release_date": "2025", "album_release_precision": "year"}])
    (found,) = story.rows("freshness", "snapshot_date")
    assert [found[name] for name in told] == [1, 0, None, None, None]


def test_shares_are_of_what_is_known_and_the_rest_is_counted_apart(story: Story) -> None:
    ada, bob = {"id": "x", "name": "Ada"}, {"id": None, "name": "Bob"}
    one_day(
        story,
        "ABC",
        [
            {"artists": [ada, bob], "label": "Label", "explicit": True, "duration_ms": 179_999},
            {"artists": [ada, ada], "explicit": False, "duration_ms": 180_000},
            {"artists": [], "explicit": False},
        ],
    )
    found = story.rows("shares", "kind, share_key")
    told = ("kind", "share_key", "name", "entries", "share")
    assert [tuple(row[name] for name in told) for row in found] == [
        ("artist", "Bob", "Bob", 1, 0.5),
        ("artist", "x", "Ada", 2, 1.0),
        ("artist", None, None, 1, None),
        ("explicit", "false", "false", 2, 2 / 3),
        ("explicit", "true", "true", 1, 1 / 3),
        ("label", "Label", "Label", 1, 1.0),
        ("label", None, None, 2, None),
        ("length", "2", "2", 1, 0.5),
        ("length", "3", "3", 1, 0.5),
        ("length", None, None, 1, None),
    ]


# Real charts.


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charts]:
    """Two weeks of Korea's official chart, without one of the days; and one day of some countries' Top 50."""
    world, folder = Clock().world(), tmp_path_factory.mktemp("real")
    lake = Lake(open_store(str(folder / "lake"), world), world)
    files = sorted((shared_data / "charts_daily_official").glob("regional-kr-daily-*.csv"))
    del files[6]
    (whole,) = (shared_data / "kaggle").glob("*abdurrahman373.csv")
    countries = folder / "universal_top_spotify_songs.csv"
    countries.write_text("".join(whole.read_text().splitlines(keepends=True)[:801]))
    assert all(one.error is None for one in import_paths(lake, [*files, countries]))
    with open_charts(lake, TODAY) as charts:
        yield charts


@pytest.fixture(scope="module")
def markets(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A week of the charts of ten markets and of the world, each of 200 entries, without one of the days."""
    world = Clock().world()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("markets")), world), world)
    files = sorted((shared_data / "charts_scraped_2026").glob("*.csv.gz"))
    del files[4]
    assert all(one.error is None for one in import_paths(lake, files))
    return lake


def assert_measures_equal_the_model(charts: Charts) -> dict[str, list[dict[str, Any]]]:
    """Gives what the views tell."""
    entries, snapshots = (charts.warehouse.read(f"SELECT * FROM {table}") for table in ("entries", "snapshots"))
    known = known_days(snapshots)
    told = recordings(entries, known)
    lake_keys = {row["uri"]: row["lake_key"] for row in told}
    wanted = measures(standings(entries, known, told), known, snapshots, lake_keys)
    found = {name: charts.warehouse.read(f"SELECT * FROM {name}") for name in MEASURES}
    assert_equal_views(found, wanted)
    return found


def test_the_measures_of_real_charts_equal_an_independent_reckoning(real: Charts) -> None:
    found = assert_measures_equal_the_model(real)
    assert sum(bool(row["rank_biased_overlap"]) for row in found["overlap"]) > 100
    assert {row["interval_days"] for row in found["turnover"]} == {1, 2}


def test_overlap_and_lead_of_real_markets_equal_an_independent_reckoning(markets: Lake) -> None:
    with open_charts(markets, TODAY) as charts:
        found = assert_measures_equal_the_model(charts)
    # There is much in common, and there are leads to tell.
    assert sum(row["common"] > 20 for row in found["overlap"]) > 10
    assert sum(row["led"] for row in found["lead_lag"]) > 10
    assert sum(row["not_known"] for row in found["lead_lag"]) > 100


def test_the_tenure_of_a_real_chart_equals_its_definition(real: Charts) -> None:
    assert tenure(real, "chart:regional-kr-daily").stays > 50
    assert_tenure_equals_its_definition(real, "chart:regional-kr-daily")


def test_the_tenure_of_real_lists_with_many_gaps_equals_its_definition(
    shared_data: Path, markets: Lake, lake: Lake
) -> None:
    assert all(one.error is None for one in import_path(lake, shared_data / "archive_global_top50" / "pretty"))
    with open_charts(lake, TODAY) as charts:
        (row,) = charts.playlists()
        found = assert_tenure_equals_its_definition(charts, row["playlist_id"])
        assert (found.stays > 300, found.open_ends > 40, None not in found.half_life) == (True, True, True)
    with open_charts(markets, TODAY) as charts:
        for row in charts.playlists():
            assert_tenure_equals_its_definition(charts, row["playlist_id"])


def assert_tenure_equals_its_definition(charts: Charts, playlist_id: str) -> Tenure:
    """The bounds and their interval are those that scipy tells of the choices of open ends that docs/measures.md names,
    and every other choice, by lot, lies within."""
    found = tenure(charts, playlist_id)
    runs = charts.warehouse.read(
        f"SELECT * FROM runs WHERE playlist_id = '{playlist_id}' AND entered_after IS NOT NULL"
    )
    runs = [one for one in runs if (one["entered_on"] - one["entered_after"]).days == 1]
    assert found.stays == len(runs)
    watched = [(one["last_seen_on"] - one["entered_on"]).days for one in runs if not one["left_on"]]
    ends = [
        ((one["last_seen_on"] - one["entered_on"]).days + 1, (one["left_on"] - one["entered_on"]).days)
        for one in runs
        if one["left_on"]
    ]
    assert found.still_there == len(watched)
    random = Random(playlist_id)
    lots = [[random.randint(*end) for end in ends] for _ in range(3)]
    for point in found.points:
        days = point.days
        late = [min(last, max(first, days)) for first, last in ends]
        early = [first if last <= days else last for first, last in ends]
        for share, limit, choice, side in (
            (point.least, point.low, late, "low"),
            (point.most, point.high, early, "high"),
        ):
            expected = scipys(days, choice, watched)
            assert share == pytest.approx(expected.share, abs=1e-12)
            # Where nobody is left, no formula tells the interval.
            if share:
                assert limit == pytest.approx(expected.low if side == "low" else expected.high, abs=1e-9)
        for lot in lots:
            assert point.least - 1e-12 <= float(kaplan_meier(days, lot, watched)) <= point.most + 1e-12
    return found


# The commands.


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two lists over nine days: B came to the one two days before the other; the sixth day of the one is not known."""
    world = Clock().world()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("asked")), world), world)
    one = ("A", "AB", "AB", "AB", "AC", None, "ACD", "AE", "AE")
    other = ("A", "A", "A", "AB", "AB", "AB", "AB", "AB", "AB")
    for playlist_id, days, name in ((LIST, one, "Here"), (OTHER, other, "There")):
        rows = {day(number): named(day(number), letters) for number, letters in enumerate(days) if letters}
        facts = {"explicit": True, "album_release_date": "2025-12-20", "artists": [{"id": "x", "name": "Ada"}]}
        kept = {on: [row | {"playlist_id": playlist_id} | facts for row in of_day] for on, of_day in rows.items()}
        keep(lake, kept, playlist_id, name=name)
    return lake


def run(lake: Lake, *arguments: str, code: int = 0) -> str:
    environment = {"CHARTLAKE_LAKE": str(Path(lake.store.locate("")).absolute())}
    found = CliRunner(env=environment).invoke(cli.main, ["measure", *arguments])
    assert found.exit_code == code, found.output
    return found.output


def test_turnover_is_told_by_the_day_and_over_a_gap_apart(asked: Lake) -> None:
    text = run(asked, "turnover", "here")
    # 1/3, 0, 0, 1/2, then after the gap 1/5; and 3/5, 0.
    assert "23.9% of it is replaced a day: the mean of 6 days with no gap before." in text
    assert re.search(rf"{day(6)} +{day(4)} +1 +0 +20.0% +3", text)
    assert "A day under Since: those between are not known" in text
    told = json.loads(run(asked, "turnover", "here", "--from", str(day(6)), "--to", str(day(6)), "--json"))
    assert told["playlist"]["playlist_id"] == LIST
    assert [(row["snapshot_date"], row["interval_days"]) for row in told["turnover"]] == [(str(day(6)), 2)]
    assert "is after --to" in run(asked, "turnover", "here", "--from", "2026-01-02", "--to", "2026-01-01", code=2)


def test_tenure_is_told_with_who_is_left_out_and_what_is_open(asked: Lake) -> None:
    # B stayed three days; C came on day 4 and left on 7; D came in the gap; E is still there; A was there before.
    text = run(asked, "tenure", "here")
    # Two that left on one day, and nobody is left: no formula tells how long others may stay.
    assert "Half are gone after 3 days (95%: 3 days or more)." in text
    assert "Of 3 stays that began in sight; 1 of them not over. Left out: 2 that began before" in text
    told = json.loads(run(asked, "tenure", "here", "--json"))
    assert told["half_life"]["least"] == told["half_life"]["most"] == 3
    assert [one["days"] for one in told["survival"]] == [3]
    assert "no half-life" in run(asked, "tenure", "there")


def test_overlap_and_lead_are_told_from_either_side(asked: Lake) -> None:
    assert re.search(rf"There +1 +2 +2 +33.3% +\S+% +{day(8)}", run(asked, "overlap", "here"))
    assert re.search(r"There +1 +0 +0 +2 +1$", run(asked, "lead", "here"), re.MULTILINE)
    assert re.search(r"Here +0 +1 +0 +-2 +1$", run(asked, "lead", "there"), re.MULTILINE)
    (told,) = json.loads(run(asked, "overlap", "there", "--json"))["overlap"]
    assert (told["other_id"], told["name"], told["common"]) == (LIST, "Here", 1)


def test_reach_freshness_and_shares_are_told(asked: Lake) -> None:
    assert re.search(rf"Ada +0 of 2 +{day(8)}", run(asked, "reach", "--artists"))
    assert [row["name"] for row in json.loads(run(asked, "reach", "song b", "--json"))["reach"]] == ["Song B"]
    assert re.search(rf"{day(8)} +8 +8 +8 +2 of 2", run(asked, "freshness", "here", "--top", "1"))
    assert re.search(r"explicit +100.0% +2", run(asked, "shares", "here", "--by", "explicit"))
    assert "Of 2 entries it is not known." in run(asked, "shares", "here", "--by", "label")
    told = json.loads(run(asked, "shares", "here", "--date", str(day(0)), "--json"))
    assert [(row["share_key"], row["entries"], row["share"]) for row in told["shares"]] == [("x", 1, 1.0)]


def test_a_list_that_the_lake_does_not_have_is_an_error(asked: Lake) -> None:
    for command in ("turnover", "lead"):
        assert "is not in the lake" in run(asked, command, THIRD, code=1)
