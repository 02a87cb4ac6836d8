"""Who is the same in real official charts: the addresses that were swapped, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from chalicelib.analysis.charts import Charts, open_charts
from chalicelib.cli import main
from chalicelib.history.importing import import_path
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from tests.conftest import Clock
from tests.histories import entry, keep
from tests.lake_model import invented
from tests.test_engines import keep as commit

TODAY = date(2026, 11, 26)
DAILY = ("charts_daily_official", "charts_viral_official")


@pytest.fixture(scope="module")
def charts(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charts]:
    world = Clock().world()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), world), world)
    for folder in DAILY:
        assert all(one.error is None for one in import_path(lake, shared_data / folder))
    with open_charts(lake, TODAY) as found:
        yield found


def test_official_charts_tell_nobody_as_new_who_was_there_the_day_before(charts: Charts) -> None:
    told = charts.warehouse.read(
        "SELECT change, reported_previous FROM chart JOIN known_days USING (playlist_id, snapshot_date) "
        "WHERE date_diff('day', known_days.previous_date, snapshot_date) = 1"
    )
    assert {row["reported_previous"] for row in told if row["change"] == "new"} == {0}
    # A day before that lacks ranks may have held them, as far as our own days tell.
    assert {row["change"] for row in told if row["reported_previous"] == 0} <= {"new", "re-entry", "unseen"}


def test_each_swap_is_one_entry_and_nobody_else_is_joined(charts: Charts) -> None:
    joined = charts.warehouse.read(
        "SELECT playlist_id, joined_on, count(*) AS uris, any_value(evidence) AS evidence FROM recordings "
        "GROUP BY playlist_id, track_key, joined_on ORDER BY playlist_id, joined_on"
    )
    assert {(row["uris"], row["evidence"]) for row in joined} == {(2, "reported")}
    kr, za = "chart:regional-kr-daily", "chart:viral-za-daily"
    assert [(row["playlist_id"], row["joined_on"]) for row in joined] == [
        ("chart:regional-global-daily", date(2025, 5, 2)),
        *[(kr, date(2021, 2, day)) for day in (8, 8, 10, 11, 12)],
        *[(za, date(2022, 9, 6))] * 2,
    ]


def test_a_song_under_two_ids_that_no_list_joins_is_found_by_its_title(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(open_store(str(tmp_path), clock.world()), clock.world())
    told = {"name": "Die With A Smile", "artists": [{"id": None, "name": "Lady Gaga, Bruno Mars"}]}
    for number, letter in ((1, "a"), (2, "b")):
        playlist_id = str(number) * 22
        row = entry(TODAY, 1, playlist_id=playlist_id, uri=f"spotify:track:{letter * 22}", item_id=letter * 22, **told)
        keep(lake, {TODAY: [row]}, playlist_id)
    monkeypatch.setenv("CHARTLAKE_LAKE", str(tmp_path))
    shown = CliRunner().invoke(main, ["track", "Die With A Smile"])
    assert shown.exit_code == 0
    assert "1111111111111111111111" in shown.output
    assert "2222222222222222222222" in shown.output


def test_a_track_that_is_asked_for_alone_has_the_history_that_it_has_among_all(tmp_path: Path, clock: Clock) -> None:
    lake = Lake(open_store(str(tmp_path), clock.world()), clock.world())
    commit(lake, *invented(Random(11), days=30, longest=8, songs=6))
    with open_charts(lake, TODAY) as among_all:
        tracks = among_all.warehouse.read("SELECT * FROM tracks WHERE uris > 1 OR isrc IS NULL ORDER BY days_seen DESC")
        references = [next(row[name] for row in tracks if row[name]) for name in ("isrc", "uri", "item_id", "name")]
        for reference in [*references, tracks[0]["track_key"], tracks[-1]["track_key"]]:
            expected = [among_all.history(one).to_json() for one in among_all.find_tracks(reference)]
            assert expected
            with open_charts(lake, TODAY) as alone:
                alone.narrow(reference)
                assert [alone.history(one).to_json() for one in alone.find_tracks(reference)] == expected, reference
