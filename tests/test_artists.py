"""An artist across lists: where now and before, since when and where first, by command; how pages of an answer fit."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.analysis.artists import stays_of
from chalicelib.lake.lake import Lake

from .test_answers import MINE, TOP, answer, day, fail, identity, item, keep, run, words

ANN, OTHER_ANN = "a" * 22, "b" * 22
CHART = "chart:regional-global-daily"


def by(*artists: tuple[str | None, str], title: str, **facts: Any) -> dict[str, Any]:
    return item(title, artists=[{"id": key, "name": name} for key, name in artists], **facts)


FIRST = by((ANN, "Ann"), title="First")
SECOND = by((identity("Q"), "The Qs"), (ANN, "Ann"), title="Second")
OTHERS = item("Other")


@pytest.fixture
def travels(lake: Lake) -> Lake:
    """Ann is seen first on the top list, after a gap; then on mine; on the top list the one song replaces the other."""
    keep(
        lake,
        TOP,
        {
            day(1): [OTHERS],
            day(4): [OTHERS, FIRST],
            day(5): [SECOND, OTHERS],
            day(6): [OTHERS],
            day(8): [SECOND, OTHERS],
        },
        name="Top 50",
    )
    keep(lake, MINE, {day(5): [OTHERS], day(6): [FIRST, OTHERS], day(7): [OTHERS]}, name="Mine")
    fail(lake, TOP, day(3), "Spotify answered 503.")
    return lake


def test_an_artist_is_told_on_every_list_in_the_intervals_that_are_known(travels: Lake) -> None:
    found = answer(travels, "artist", "ann")
    assert (found["artist"]["artist_id"], found["artist"]["url"]) == (ANN, f"https://open.spotify.com/artist/{ANN}")
    assert found["first_seen"] == {
        "playlist_id": TOP,
        "playlist_name": "Top 50",
        "entered_after": str(day(1)),
        "entered_on": str(day(4)),
        "is_certain": True,
    }
    top, mine = found["playlists"]
    assert (top["playlist"]["name"], top["is_there"], top["peak_position"]) == ("Top 50", True, 1)
    assert (mine["playlist"]["name"], mine["is_there"], mine["peak_position"]) == ("Mine", False, 1)
    # From the one song's first day to the other's last she was never away.
    assert [list(stay.values()) for stay in top["stays"]] == [
        [str(day(1)), str(day(4)), str(day(5)), str(day(6))],
        [str(day(6)), str(day(8)), str(day(8)), None],
    ]
    assert [(one["name"], one["entered_on"]) for one in top["runs"]] == [
        ("First", str(day(4))),
        ("Second", str(day(5))),
        ("Second", str(day(8))),
    ]


def test_the_words_say_the_same(travels: Lake) -> None:
    found = run(travels, "artist", f"https://open.spotify.com/artist/{ANN}?si=x").stdout
    assert "First seen ≤2026-11-04 on Top 50\n" in found
    assert "on 1 now, on 1 before" in found
    assert "Best place 1; there ≤2026-11-04 to 2026-11-06, ≤2026-11-08 to still there" in found
    assert ["Second", "The", "Qs,", "Ann", "2026-11-05", "2026-11-06", "1", "1", "1"] in [
        line[:9] for line in words(found)
    ]


def test_who_was_first_is_not_certain_where_another_list_may_have_been_earlier(travels: Lake) -> None:
    keep(travels, "6" * 22, {day(6): [FIRST]}, name="Late")
    assert answer(travels, "artist", "ann")["first_seen"]["is_certain"] is False
    assert "another list may have been earlier" in run(travels, "artist", "Ann").stdout


def test_a_name_that_two_artists_have_is_asked_about(travels: Lake) -> None:
    keep(travels, "6" * 22, {day(6): [by((OTHER_ANN, "ANN"), title="Namesake")]}, name="Late")
    refused = run(travels, "artist", "Ann")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{ANN}  Ann, on 2 lists" in refused.stderr
    assert f"{OTHER_ANN}  ANN, on 1 list" in refused.stderr
    found = answer(travels, "artist", f"spotify:artist:{OTHER_ANN}")
    assert [one["playlist"]["name"] for one in found["playlists"]] == ["Late"]


def test_a_chart_without_ids_counts_by_its_tracks_and_by_the_whole_name(travels: Lake) -> None:
    without = FIRST | {"artists": [{"id": None, "name": "Somebody, Ann"}]}
    keep(travels, CHART, {day(2): [OTHERS, without]})
    keep(travels, "chart:regional-fr-daily", {day(2): [by((None, "Ann"), title="Local", uri=None, item_id=None)]})
    by_name = answer(travels, "artist", "Ann")
    assert [one["playlist"]["playlist_id"] for one in by_name["playlists"] if "chart:" in str(one["playlist"])] == [
        "chart:regional-fr-daily",
        CHART,
    ]
    by_id = answer(travels, "artist", ANN)
    assert [one["playlist"]["playlist_id"] for one in by_id["playlists"]] == [TOP, CHART, MINE]


def test_nobody_of_that_name_is_no_empty_answer(travels: Lake) -> None:
    refused = run(travels, "artist", "Zoe")
    assert (refused.exit_code, "No artist in the lake is called 'Zoe'" in refused.stderr) == (1, True)
    assert "is a link to track" in run(travels, "artist", f"spotify:track:{ANN}").stderr


def test_an_empty_slot_that_may_hold_a_track_does_not_end_a_stay(lake: Lake) -> None:
    keep(lake, TOP, {day(1): [OTHERS], day(2): [FIRST, OTHERS], day(3): [item(None), OTHERS], day(4): [SECOND, OTHERS]})
    (listing,) = answer(lake, "artist", ANN)["playlists"]
    assert [(stay["entered_on"], stay["left_on"]) for stay in listing["stays"]] == [(str(day(2)), None)]


def test_two_runs_are_one_stay_unless_a_day_is_known_without_both() -> None:
    def a_run(after: int | None, on: int, seen: int, left: int | None) -> dict[str, Any]:
        days = {"entered_after": after, "entered_on": on, "last_seen_on": seen, "left_on": left}
        return {name: day(number) if number else None for name, number in days.items()}

    assert len(stays_of([a_run(1, 2, 3, 4), a_run(4, 5, 6, None)])) == 2
    assert len(stays_of([a_run(1, 2, 3, 4), a_run(3, 4, 6, None)])) == 1
    (whole,) = stays_of([a_run(2, 3, 4, 5), a_run(None, 1, 9, 10), a_run(6, 7, 7, 8)])
    assert (whole.entered_after, whole.entered_on, whole.left_on) == (None, day(1), day(10))
