"""Measures of lists: what they mean, beside tests/test_views.py, where the views equal an independent reckoning on any
tables. Neither lifelines nor scipy is among the test libraries: survival is held here to a published table, and to the
definition in exact fractions, tried with every choice that open ends leave."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chalicelib.analysis.charts import Charts, open_charts
from chalicelib.analysis.measures import Stay, Tenure, survival, tenure, tenure_of
from chalicelib.analysis.views import MEASURES
from chalicelib.history.importing import Options, import_paths
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
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


def told_tenure(lake: Lake, *days: str | None) -> Tenure:
    story(lake, {LIST: days})
    with open_charts(lake, TODAY, [LIST], measures=True) as charts:
        return tenure(charts, LIST)


def test_what_was_there_before_and_what_came_in_a_gap_is_left_out(lake: Lake) -> None:
    # A was there before, B came on day 1 and left on 3, C came in the gap, D is still there.
    found = told_tenure(lake, "A", "AB", "AB", "AD", None, "CD", "D", "D")
    assert (found.stays, found.begun_unseen, found.still_there, found.open_ends) == (2, 2, 1, 0)
    assert [(one.days, one.least, one.most) for one in found.points] == [(2, 0.5, 0.5)]
    assert found.half_life == (2, 2)


def test_a_gap_leaves_the_half_life_open_between_two_days(lake: Lake) -> None:
    found = told_tenure(lake, "A", "AB", "AB", None, None, "A")
    assert (found.stays, found.open_ends) == (1, 1)
    assert found.half_life == (2, 4)
    assert found.to_json()["half_life"] == {"least": 2, "most": 4, "low": 2, "high": 4}


def test_a_half_life_that_is_not_reached_is_not_told(lake: Lake) -> None:
    found = told_tenure(lake, "A", "AB", "AB")
    assert (found.stays, found.still_there, found.points, found.half_life) == (1, 1, (), (None, None))


def test_a_weekly_chart_counts_in_weeks() -> None:
    weeks = {
        day(7 * number): [(place, one) for place, one in enumerate(letters)] for number, letters in enumerate(WEEKS)
    }
    found = tenure_of([vars(one) for one in stays(weeks, cadence=7)], 7)
    assert [(one.days, one.least) for one in found.points] == [(1, 0.5), (2, 0.0)]


WEEKS = ("A", "ABC", "AB", "A")


# The views.


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    world = Clock().world()
    return Lake(open_store(str(tmp_path / "lake"), world), world)


def story(lake: Lake, lists: dict[str, Any], **facts: Any) -> None:
    """Days of lists from `FIRST` on, as `named` writes them; None is a day that nobody looked at."""
    for playlist_id, days in lists.items():
        rows = {day(number): named(day(number), one) for number, one in enumerate(days) if one is not None}
        kept = {on: [row | {"playlist_id": playlist_id} | facts for row in of_day] for on, of_day in rows.items()}
        keep(lake, kept, playlist_id)


def rows_of(lake: Lake, view: str, order: str) -> list[dict[str, Any]]:
    with open_charts(lake, TODAY, measures=True) as charts:
        return charts.warehouse.read(f"SELECT * FROM {view} ORDER BY {order}")


def test_turnover_of_a_day_a_gap_and_an_empty_slot(lake: Lake) -> None:
    story(lake, {LIST: ("ABCD", "ABCE", None, None, "ABFG", "ABF.", "ABFG")})
    found = rows_of(lake, "turnover", "snapshot_date")
    told = ("interval_days", "came", "went", "perhaps_came", "perhaps_went", "turnover", "turnover_a_day")
    assert [tuple(row[name] for name in told) for row in found] == [
        (1, 1, 1, 0, 0, 0.25, 0.25),
        (3, 2, 2, 0, 0, 0.5, 0.5 / 3),
        (1, 0, 0, 0, 1, 0.0, 0.0),
        (1, 0, 0, 1, 0, 0.0, 0.0),
    ]
    assert [row["most_turnover"] for row in found] == [0.25, 0.5, 1 / 7, 1 / 7]


def test_turnover_counts_what_the_events_tell(lake: Lake) -> None:
    story(lake, {LIST: random_days(3)})
    found = rows_of(lake, "turnover", "snapshot_date")
    told = rows_of(lake, "events", "event_id")
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


def test_rank_biased_overlap_of_lists_that_can_be_reckoned_by_hand(lake: Lake) -> None:
    assert rank_biased_overlap("AB", "AB") == pytest.approx(1)
    assert rank_biased_overlap("AB", "CD") == 0
    # 1/9 * (1/2 * 0.81) + 1/2 * 0.81
    assert rank_biased_overlap("A", "BA") == pytest.approx(0.45)
    story(lake, {LIST: ("XY", "AB", "A"), OTHER: ("AB", None, "BA", "XY"), THIRD: (None, None, None, "XYZ")})
    found = {(row["playlist_id"], row["other_id"]): row for row in rows_of(lake, "overlap", "playlist_id")}
    told = ("snapshot_date", "items", "other_items", "common", "jaccard", "rank_biased_overlap")
    assert [found[LIST, OTHER][name] for name in told] == [day(2), 1, 2, 1, 0.5, 0.45]
    # They share no day, so nothing is said of two different ones.
    assert [found[LIST, THIRD][name] for name in told] == [None] * 6
    assert [found[OTHER, THIRD][name] for name in told[:5]] == [day(3), 2, 3, 2, 2 / 3]


def test_who_had_it_first_and_by_how_many_days(lake: Lake) -> None:
    # B comes nine days earlier to the one, C the same day, D three days later; A was there before.
    one = ["A", "AB", *["AB"] * 8, "ABC", "ABC", "ABC", "ABCD"]
    other = ["A", *["A"] * 9, "ABCD", *["ABCD"] * 3]
    story(lake, {LIST: one, OTHER: other})
    first, second = rows_of(lake, "lead_lag", "playlist_id")
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


def test_a_gap_over_a_debut_widens_the_lead_or_leaves_it_out(lake: Lake) -> None:
    # To the one B came on day 2, 3 or 4 and C on day 2, 3 or 4; to the other B on day 7 and C on day 3.
    story(lake, {LIST: ("A", "A", None, None, *["ABC"] * 6), OTHER: ("A", "A", "A", "AC", "AC", "AC", "AC", "ABC")})
    first, second = rows_of(lake, "lead_lag", "playlist_id")
    assert (first["led"], first["overlapping"], first["not_known"]) == (1, 1, 1)
    assert (first["least_median_days"], first["most_median_days"]) == (3, 5)
    assert (second["least_median_days"], second["most_median_days"]) == (-5, -3)


def test_nobody_leads_with_what_came_before_both_were_watched(lake: Lake) -> None:
    story(lake, {LIST: ("A", "AB", "AB", "AB", "AB"), OTHER: (None, None, "A", "A", "AB")})
    (first, _) = rows_of(lake, "lead_lag", "playlist_id")
    assert (first["common"], first["led"], first["not_known"], first["least_median_days"]) == (2, 0, 2, None)


def test_reach_adds_what_is_known_of_the_followers_and_says_of_how_many(lake: Lake) -> None:
    story(lake, {LIST: ("AB",), OTHER: ("B", "BA"), THIRD: ("C",)}, artists=[{"id": "x", "name": "Ada"}])
    told_followers(lake, {LIST: {0: 100}, OTHER: {0: 7, 1: None}, THIRD: {0: 5}})
    found = {row["name"]: row for row in rows_of(lake, "reach", "reach_key")}
    told = ("kind", "lists", "lists_known", "followers", "oldest_date", "newest_date")
    assert [found["Song A"][name] for name in told] == ["item", 2, 1, 100, day(0), day(1)]
    assert [found["Song C"][name] for name in told] == ["item", 1, 1, 5, day(0), day(0)]
    assert [found["Ada"][name] for name in told] == ["artist", 3, 2, 105, day(0), day(1)]


def told_followers(lake: Lake, followers: dict[str, dict[int, int | None]]) -> None:
    for playlist_id, numbers in followers.items():
        for year in {day(number).year for number in numbers}:
            kept = lake.snapshots(playlist_id, year)
            lake.put_snapshots(
                playlist_id,
                year,
                [row | {"followers": numbers[(row["snapshot_date"] - FIRST).days]} for row in kept],
            )


def test_freshness_counts_the_releases_whose_day_is_known(lake: Lake) -> None:
    releases = (
        ("2025-12-13", "day"),
        ("2025-11-20", None),
        ("2025", "year"),
        ("2025-12-27", "day"),
        ("2025-02-30", "day"),
    )
    rows = [
        row | {"album_release_date": released, "album_release_precision": precision}
        for row, (released, precision) in zip(named(FIRST, "ABCDE"), releases, strict=True)
    ]
    keep(lake, {FIRST: rows, day(1): named(day(1), "C")})
    found = rows_of(lake, "freshness", "snapshot_date")
    told = ("items", "dated", "youngest_days", "median_days", "oldest_days")
    # One comes out a week later.
    assert [[row[name] for name in told] for row in found] == [[5, 3, -7, 7, 30], [1, 0, None, None, None]]


def test_shares_are_of_what_is_known_and_the_rest_is_counted_apart(lake: Lake) -> None:
    ada, bob = {"id": "x", "name": "Ada"}, {"id": None, "name": "Bob"}
    facts: list[dict[str, Any]] = [
        {"artists": [ada, bob], "label": "Label", "explicit": True, "duration_ms": 179_999},
        {"artists": [ada], "explicit": False, "duration_ms": 180_000},
        {"artists": [], "explicit": False},
    ]
    keep(lake, {FIRST: [row | more for row, more in zip(named(FIRST, "ABC"), facts, strict=True)]})
    found = rows_of(lake, "shares", "kind, share_key")
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
    """Two weeks of Korea's official chart, with a day that is not there; and a day of many countries' Top 50."""
    world = Clock().world()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), world), world)
    files = sorted((shared_data / "charts_daily_official").glob("regional-kr-daily-*.csv"))
    del files[6]
    paths = [*files, *(shared_data / "kaggle").glob("*BaopCL.csv.gz")]
    assert all(one.error is None for one in import_paths(lake, paths, Options(skip_bad=True)))
    with open_charts(lake, TODAY, measures=True) as charts:
        yield charts


def test_the_measures_of_real_charts_equal_an_independent_reckoning(real: Charts) -> None:
    entries, snapshots = (real.warehouse.read(f"SELECT * FROM {table}") for table in ("entries", "snapshots"))
    known = known_days(snapshots)
    told = recordings(entries, known)
    lake_keys = {row["uri"]: row["lake_key"] for row in told}
    wanted = measures(standings(entries, known, told), known, snapshots, lake_keys)
    found = {name: real.warehouse.read(f"SELECT * FROM {name}") for name in MEASURES}
    assert_equal_views(found, wanted)
    assert sum(bool(row["rank_biased_overlap"]) for row in found["overlap"]) > 1000
    assert {row["interval_days"] for row in found["turnover"]} == {1, 2}


def test_the_tenure_of_a_real_chart_equals_its_definition(real: Charts) -> None:
    korea = "chart:regional-kr-daily"
    found = tenure(real, korea)
    runs = real.warehouse.read(f"SELECT * FROM runs WHERE playlist_id = '{korea}' AND entered_after IS NOT NULL")
    runs = [one for one in runs if (one["entered_on"] - one["entered_after"]).days == 1]
    assert found.stays == len(runs) > 50
    assert found.open_ends
    watched = [(one["last_seen_on"] - one["entered_on"]).days for one in runs if not one["left_on"]]
    ended = [one for one in runs if one["left_on"]]
    early = [(one["last_seen_on"] - one["entered_on"]).days + 1 for one in ended]
    late = [(one["left_on"] - one["entered_on"]).days for one in ended]
    for point in found.points:
        for ends in (early, late):
            share = float(kaplan_meier(point.days, ends, watched))
            assert point.least - 1e-12 <= share <= point.most + 1e-12
