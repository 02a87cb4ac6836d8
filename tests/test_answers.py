"""What a person asks the lake, by the commands: charts, track, compare, artists, export, query, views."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from chalicelib import cli
from chalicelib.analysis.charts import Listing, open_charts
from chalicelib.analysis.views import VIEWS
from chalicelib.cli.chart_tables import show_chart, show_playlists, show_rows, show_track, sparkline
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.lake.tables import to_json
from chalicelib.time_and_chance import World

TOP = "37i9dQZEVXbMDoHDwVN2tF"
MINE = "5" * 22
WEEKLY = "chart:regional-global-weekly"
FIRST = date(2026, 11, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def identity(title: str) -> str:
    return f"{title:x<22}".encode().hex()[:22]


def item(title: str | None, **facts: Any) -> dict[str, Any]:
    """A track of this title; None is an empty slot."""
    if title is None:
        return {"item_type": "unavailable", "artists": [], "is_local": False} | facts
    item_id = identity(title)
    return {
        "item_type": "track",
        "item_id": item_id,
        "uri": f"spotify:track:{item_id}",
        "url": f"https://open.spotify.com/track/{item_id}",
        "name": title,
        "artists": [{"id": identity(title[0]), "name": f"The {title[0]}s"}],
        "album_name": f"{title}, the album",
        "is_local": False,
    } | facts


def keep(lake: Lake, playlist_id: str, days: dict[date, list[dict[str, Any]]], **facts: Any) -> None:
    """Days with their entries, as a run or an import would leave them."""
    rows = []
    for one, items in days.items():
        noon = datetime(one.year, one.month, one.day, 12, tzinfo=UTC)
        common = {"snapshot_date": one, "playlist_id": playlist_id, "captured_at": noon, "source": "spotify"}
        rows += [
            to_json(dict.fromkeys(ENTRIES) | entry | common | {"position": place, "capture_id": "c"})
            for place, entry in enumerate(items, start=1)
        ]
    ranks = {one: rank("spotify", datetime(one.year, one.month, one.day, 12, tzinfo=UTC)) for one in days}
    keys = lake.put_days(playlist_id, ranks, rows).keys
    for year in sorted({one.year for one in days}):
        lake.put_snapshots(
            playlist_id,
            year,
            [
                dict.fromkeys(SNAPSHOTS)
                | {"snapshot_date": one, "playlist_id": playlist_id, "status": "ok", "captured_at": ranks[one][1]}
                | {"source": "spotify", "entry_count": len(items), "entries_key": keys[one], "app_version": "1"}
                | facts
                for one, items in days.items()
                if one.year == year
            ],
        )


def fail(lake: Lake, playlist_id: str, one: date, reason: str) -> None:
    row = {"snapshot_date": one, "playlist_id": playlist_id, "status": "unavailable", "reason": reason}
    lake.put_snapshot(dict.fromkeys(SNAPSHOTS) | row | {"captured_at": datetime(2026, 11, 1, tzinfo=UTC)})


A, B, C, D, E = (item(name) for name in ("Amber", "Blue", "Cyan", "Dune", "Ember"))
A["isrc"] = "QZAAA2600001"


@pytest.fixture
def story(lake: Lake) -> Lake:
    """Six days of a list: days 3 and 4 are not known, Amber leaves and comes back."""
    keep(
        lake,
        TOP,
        {
            day(1): [A, B, C],
            day(2): [B, A, C, D],
            day(5): [C, B, E],
            day(6): [A, C, B, item(None), B, item("Tape", item_type="local", url=None, uri="spotify:local:T:::9")],
        },
        name="Top 50 - Global",
    )
    fail(lake, TOP, day(4), "Spotify answered 503.")
    return lake


def run(lake: Lake | str, *arguments: str, stdin: str | None = None) -> Result:
    address = lake if isinstance(lake, str) else str(Path(lake.store.locate("")).absolute())
    found = CliRunner(env={"CHARTLAKE_LAKE": address}).invoke(cli.main, arguments, input=stdin)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def answer(lake: Lake, *arguments: str) -> Any:
    found = run(lake, *arguments, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# charts


def test_a_chart_tells_what_moved_since_the_known_day_before_and_what_lies_between(story: Lake) -> None:
    found = run(story, "charts", "--date", "2026-11-05")
    assert found.exit_code == 0
    assert "Since 2026-11-02; 2 of its days between are unknown." in found.stdout
    table = words(found.stdout)
    assert ["1", "▲2", "Cyan", "The", "Cs", "1", "3", "3", "before"] in table
    assert ["2", "▼1", "Blue", "The", "Bs", "1", "3", "3", "before"] in table
    assert ["3", "new", "Ember", "The", "Es", "3", "1", "1", "2026-11-05"] in table
    gone = found.stdout.split("Left since 2026-11-02")[1]
    assert ["2", "Amber", "The", "As", "1", "2", "≤2026-11-01", "2026-11-02"] in words(gone)
    assert ["4", "Dune", "The", "Ds", "4", "1", "3", "2026-11-02", "2026-11-02"] in words(gone)


def test_without_a_day_it_is_the_newest_and_oddities_have_their_words(story: Lake) -> None:
    table = words(run(story, "charts").stdout)
    assert ["1", "re-entry", "Amber", "The", "As", "1", "3", "1", "before"] in table
    assert ["4", "(unavailable)"] in table
    assert ["5", "again", "Blue", "The", "Bs", "1", "4", "4", "before"] in table
    assert ["6", "new", "Tape", "The", "Ts", "6", "1", "1", "2026-11-06"] in table


def test_the_first_known_day_claims_no_movement(story: Lake) -> None:
    found = run(story, "charts", "--date", "2026-11-01").stdout
    assert "first known day" in found
    assert ["1", "Amber", "The", "As"] in words(found)


def test_a_charts_json_is_that_of_the_room_and_top_cuts_it(story: Lake) -> None:
    with open_charts(story, day(7), [TOP]) as charts:
        expected = charts.chart(TOP, day(5)).to_json()
    assert answer(story, "charts", TOP, "--date", "2026-11-05") == json.loads(json.dumps(expected))
    assert len(answer(story, "charts", "--date", "2026-11-05", "--top", "1")["entries"]) == 1
    assert "2 entries more" in run(story, "charts", "--date", "2026-11-05", "--top", "1").stdout


def test_a_day_that_is_not_known_is_an_error_with_the_days_around_it(story: Lake) -> None:
    found = run(story, "charts", "--date", "2026-11-04")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "unavailable (Spotify answered 503.)" in found.stderr
    assert "2026-11-02 and 2026-11-05" in found.stderr
    refused = json.loads(run(story, "charts", "--date", "2026-11-03", "--json").stdout)
    assert refused["error"] == "NotKept"


def test_of_several_lists_charts_shows_which_there_are(story: Lake) -> None:
    keep(story, MINE, {day(5): [A]}, name="Mine")
    found = run(story, "charts")
    assert found.exit_code == 0
    assert [TOP, "Top", "50", "-", "Global", "2026-11-06", "4", "6"] in words(found.stdout)
    assert [MINE, "Mine", "2026-11-05", "1", "1"] in words(found.stdout)
    assert f"chartlake charts {TOP}" in found.stdout
    assert [one["playlist_id"] for one in answer(story, "charts")["playlists"]] == [TOP, MINE]


@pytest.mark.parametrize(
    "name",
    [TOP, f"spotify:playlist:{TOP}", f"https://open.spotify.com/playlist/{TOP}?si=x", "top 50", "GLÓBAL", "xbMdo"],
)
def test_a_list_goes_by_id_uri_link_or_a_part_of_its_name(story: Lake, name: str) -> None:
    keep(story, MINE, {day(5): [A]}, name="Mine")
    assert answer(story, "charts", name)["playlist"]["playlist_id"] == TOP


def test_a_name_of_several_lists_is_wrong_usage_that_shows_their_ids(story: Lake) -> None:
    keep(story, MINE, {day(5): [A]}, name="Top 50 - Mine")
    for arguments in (
        ["charts", "top"],
        ["export"],
        ["compare"],
        ["artists", "50"],
        ["events", "top"],
        ["query", "FROM entries", "--playlist", "top"],
    ):
        found = run(story, *arguments)
        assert (found.exit_code, found.stdout) == (2, "")
        assert f"{TOP}  Top 50 - Global" in found.stderr
        assert f"{MINE}  Top 50 - Mine" in found.stderr
    keep(story, "6" * 22, {day(5): [A]}, name="Mine")
    assert answer(story, "charts", "mine")["playlist"]["playlist_id"] == "6" * 22


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("nothing", 1, "No playlist"),
        ("9" * 22, 1, "not in the lake"),
        ("https://open.spotify.com/album/1woYXxyyxTQJ0E0AhZE6mj", 2, "album"),
        ("https://example.com/playlist", 2, "not a playlist"),
    ],
)
def test_a_list_that_is_not_there(story: Lake, name: str, code: int, said: str) -> None:
    found = run(story, "charts", name)
    assert (found.exit_code, found.stdout) == (code, "")
    assert said in found.stderr


@pytest.mark.parametrize("command", ["charts", "compare", "artists", "events", "export"])
def test_an_empty_lake_says_how_to_begin_and_stays_empty(tmp_path: Path, command: str) -> None:
    found = run(str(tmp_path / "none"), command)
    assert found.exit_code == 1
    assert "chartlake extract" in found.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["charts", "compare", "artists", "export"])
def test_a_lake_that_knows_no_day_says_why(lake: Lake, command: str) -> None:
    fail(lake, TOP, day(1), "Spotify answered 503.")
    found = run(lake, command)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "Spotify answered 503." in found.stderr


# Each in two words of its own, since a shell would split them so.
QUESTIONS = (
    "charts",
    "artists",
    "events",
    "export",
    "compare",
    "compare --diff",
    "track Amber",
    "artist As",
    "query FROM~chart",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_entries_that_are_gone_are_no_empty_list(story: Lake, question: str) -> None:
    (key,) = story.segment_keys(TOP, 2026)
    story.store.delete(key)
    found = run(story, *(word.replace("~", " ") for word in question.split()))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "committed" in found.stderr


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_damaged_file_is_named_among_others(story: Lake, question: str) -> None:
    keep(story, WEEKLY, {day(1): [A]})
    (key,) = story.segment_keys(TOP, 2026)
    found = story.store.get(key)
    assert found
    story.store.replace(key, found.data[:-1], found.etag)
    arguments = [word.replace("~", " ") for word in question.split()]
    said = run(story, *arguments, *([] if arguments[0] in ("track", "artist", "query") else [TOP])).stderr
    assert key in said or f"the entries of {TOP}" in said
    assert "chartlake-" not in said.split("is not a table")[0]


def test_what_others_put_into_the_tables_folders_does_no_harm(story: Lake) -> None:
    story.store.create("tables/snapshots/foo/x.parquet", b"")
    story.store.create("tables/snapshots/notes.parquet", b"")
    assert run(story, "charts").exit_code == run(story, "coverage").exit_code == 0


def test_an_imported_chart_goes_by_its_own_name_and_shows_streams(lake: Lake) -> None:
    weeks = {day(1) + timedelta(weeks=number): [A | {"streams": 1_234_567}] for number in (0, 1, 4)}
    keep(lake, WEEKLY, weeks)
    assert "1,234,567" in run(lake, "charts", WEEKLY).stdout
    assert "2 of its weeks between are unknown" in run(lake, "charts", "weekly").stdout
    # Six days between two weeks are no gap.
    assert "Since 2026-11-01." in run(lake, "charts", "--date", "2026-11-08").stdout


# track


def test_wrong_usage_is_told_to_machines_as_json(story: Lake) -> None:
    for arguments in (["charts", "--date", "x"], ["charts", "--top", "-1"], ["charts", "--nope"], ["nope"]):
        found = run(story, *arguments, "--json")
        assert (found.exit_code, json.loads(found.stdout)["error"], found.stderr) == (2, "BadSetting", "")


@pytest.mark.parametrize("command", ["coverage nope", "report nope", "query FROM~chart --playlist nope"])
def test_a_list_that_is_not_there_is_no_empty_answer(story: Lake, command: str) -> None:
    for name in ("nope", "9" * 22, "chart:nope"):
        found = run(story, *(word.replace("~", " ") for word in command.replace("nope", name).split()))
        assert (found.exit_code, found.stdout, bool(found.stderr)) == (1, "", True)


def test_coverage_and_pages_go_by_a_part_of_a_name_too(story: Lake) -> None:
    assert answer(story, "coverage", "top 50")[0]["playlist_id"] == TOP
    assert answer(story, "report", "top 50")["pages"] == [TOP]


def test_a_file_of_settings_that_is_no_text_is_named(story: Lake, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"# caf\xe9\n")
    found = run(story, "charts")
    assert (found.exit_code, ".env is not UTF-8" in found.stderr) == (2, True)


def test_a_track_shows_its_runs_and_a_line_with_visible_gaps(story: Lake) -> None:
    found = run(story, "track", "amber").stdout
    assert "QZAAA2600001" in found
    assert "https://open.spotify.com/track/" in found
    assert ["≤2026-11-01", "≤2026-11-05", "2026-11-02", "2", "1", "1", "2"] in words(found)
    assert ["2026-11-06", "still", "there", "2026-11-06", "1", "1", "1", "1"] in words(found)
    assert "█▇   █  best 1, worst 2" in found
    found = run(story, "track", "Cyan").stdout
    assert ["≤2026-11-01", "still", "there", "2026-11-06", "4", "2", "1", "3", "2"] in words(found)
    assert "▆▆··█▇  best 1, worst 3" in found


@pytest.mark.parametrize(
    "name",
    [
        "QZAAA2600001",
        "qz-aaa-26-00001",
        identity("Amber"),
        f"spotify:track:{identity('Amber')}",
        f"https://open.spotify.com/track/{identity('Amber')}?si=1",
        "amb",
        "The As",
    ],
)
def test_a_track_goes_by_isrc_id_uri_link_title_or_artist(story: Lake, name: str) -> None:
    found = answer(story, "track", name)
    assert found["track"]["name"] == "Amber"
    assert [one["playlist"]["playlist_id"] for one in found["playlists"]] == [TOP]


def test_a_track_on_several_lists_and_on_one_of_them(story: Lake) -> None:
    keep(story, MINE, {day(5): [A], day(6): [A]}, name="Mine")
    assert len(answer(story, "track", "amber")["playlists"]) == 2
    only = answer(story, "track", "amber", "--playlist", "mine")
    assert [one["playlist"]["playlist_id"] for one in only["playlists"]] == [MINE]


def test_a_name_of_several_tracks_is_wrong_usage_that_shows_their_ids(story: Lake) -> None:
    found = run(story, "track", "The")
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"{identity('Amber')}  The As - Amber, 3 days" in found.stderr
    keep(story, MINE, {day(5): [item("The"), *(item(f"The {number}") for number in range(20))]})
    assert answer(story, "track", "the")["track"]["name"] == "The"
    assert "  … and " in run(story, "track", "he").stderr


def test_a_track_that_is_nowhere(story: Lake) -> None:
    found = run(story, "track", "zebra")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "'zebra'" in found.stderr


def test_a_line_of_positions_fits_its_width_and_shows_the_best_of_each_part() -> None:
    runs = [{"entered_on": day(1), "last_seen_on": day(100)}, {"entered_on": day(151), "last_seen_on": day(200)}]
    positions = [(day(number), 50 if number != 42 else 1) for number in [*range(1, 81), *range(151, 201)]]
    drawn = sparkline(Listing({}, runs, positions, 1), 20)
    assert drawn == "▁▁▁▁█▁▁▁··     ▁▁▁▁▁"
    weeks = [(day(1 + 7 * number), 3) for number in range(4) if number != 2]
    runs = [{"entered_on": day(1), "last_seen_on": day(22)}]
    assert sparkline(Listing({}, runs, weeks, 7), 60) == "▆▆·▆"


# compare


def test_two_days_compared(story: Lake) -> None:
    found = run(story, "compare", "--from", "2026-11-02", "--to", "2026-11-05")
    assert found.exit_code == 0
    assert "2 of its days between are unknown" in found.stdout
    table = words(found.stdout)
    assert ["entered", "3", "Ember", "The", "Es"] in table
    assert ["left", "2", "Amber", "The", "As"] in table
    assert ["▲2", "3", "1", "Cyan", "The", "Cs"] in table
    assert "1 entered, 2 left, 2 moved, 0 stayed in place." in found.stdout


def test_without_days_it_is_the_newest_and_the_one_before(story: Lake) -> None:
    found = answer(story, "compare")
    assert (found["from_date"], found["to_date"], found["unknown_days"]) == ("2026-11-05", "2026-11-06", 0)
    assert answer(story, "compare", "--to", "2026-11-05")["from_date"] == "2026-11-02"
    assert answer(story, "compare", "--from", "2026-11-01")["to_date"] == "2026-11-06"
    first = run(story, "compare", "--to", "2026-11-01")
    assert (first.exit_code, "no day before 2026-11-01" in first.stderr) == (1, True)
    assert run(story, "compare", "--from", "2026-11-03").exit_code == 1


def test_the_diff_is_one_that_patch_understands(story: Lake, tmp_path: Path) -> None:
    found = run(story, "compare", "--from", "2026-11-01", "--diff")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[:2] == [f"--- {TOP} 2026-11-01", f"+++ {TOP} 2026-11-06"]
    assert found.stderr == "2 of its days between are unknown.\n"
    if not shutil.which("patch"):
        pytest.skip("there is no patch on this machine")
    old = tmp_path / "old"
    old.write_text("The As - Amber\nThe Bs - Blue\nThe Cs - Cyan\n")
    subprocess.run(["patch", "--silent", old], input=found.stdout, text=True, check=True)
    assert old.read_text().splitlines() == [
        "The As - Amber",
        "The Cs - Cyan",
        "The Bs - Blue",
        "(unavailable)",
        "The Bs - Blue",
        "The Ts - Tape",
    ]
    assert run(story, "compare", "--from", "2026-11-01", "--to", "2026-11-01", "--diff").stdout == ""


# artists


def test_artists_of_days_the_wrong_way_round(story: Lake) -> None:
    found = run(story, "artists", "--from", "2026-11-06", "--to", "2026-11-01")
    assert (found.exit_code, "after --to" in found.stderr) == (2, True)


def test_artists_and_their_shares(story: Lake) -> None:
    found = run(story, "artists", "--from", "2026-11-02", "--to", "2026-11-05").stdout
    assert "2026-11-02 to 2026-11-05 (2 known days, 2 unknown)" in found
    assert ["The", "Bs", "28.6%", "█" * 20, "2", "1", "2", "1"] in words(found)
    assert ["The", "Es", "14.3%", "█" * 10, "1", "1", "1", "3"] in words(found)
    newest = answer(story, "artists")
    assert (newest["from_date"], newest["to_date"]) == ("2026-11-06", "2026-11-06")
    # Blue is on the list twice; the empty slot is nobody's.
    first = newest["artists"][0]
    assert (first["name"], first["entries"], first["share"]) == ("The Bs", 2, 0.4)
    nothing = run(story, "artists", "--from", "2026-12-01")
    assert (nothing.exit_code, "no day" in nothing.stderr) == (1, True)
    assert run(story, "artists", "--date", "2026-11-05", "--to", "2026-11-06").exit_code == 2


# export


def test_a_days_entries_as_csv_are_those_of_the_lake(story: Lake) -> None:
    rows = list(csv.DictReader(io.StringIO(run(story, "export").stdout, newline="")))
    expected = story.entries(TOP, day(6))
    assert list(rows[0]) == list(ENTRIES)
    assert [(row["position"], row["name"]) for row in rows] == [
        (str(entry["position"]), entry["name"] or "") for entry in expected
    ]
    assert [json.loads(row["artists"]) for row in rows] == [entry["artists"] for entry in expected]


def test_a_days_entries_as_json_have_their_commit(story: Lake) -> None:
    found = answer(story, "export", "--date", "2026-11-05")
    assert found == json.loads(run(story, "export", "--date", "2026-11-05", "--format", "json").stdout)
    assert (found["format"], found["playlist"]["entry_count"]) == ("chartlake-export-1", 3)
    assert found["entries"] == [json.loads(json.dumps(to_json(entry))) for entry in story.entries(TOP, day(5))]


def test_links_leave_out_what_has_none_and_say_so(story: Lake) -> None:
    found = run(story, "export", "--format", "urls")
    assert found.stdout.splitlines() == [entry["url"] for entry in (A, C, B, B)]
    assert found.stderr == "2 entries without a link left out: 1 unavailable, 1 local.\n"
    assert run(story, "export", "--format", "m3u").stdout.startswith("#EXTM3U\n#EXTINF:-1,The As - Amber\n")


def test_a_file_is_written_only_if_there_is_something_to_write(story: Lake, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert run(story, "export", "--date", "2026-11-03", "--output", str(target)).exit_code == 1
    assert not target.exists()
    found = run(story, "export", "--output", str(target))
    assert (found.exit_code, found.stdout) == (0, "")
    assert target.read_bytes() == run(story, "export").stdout.encode()


# query


def test_a_question_in_sql_gives_csv_json_and_parquet(story: Lake, tmp_path: Path) -> None:
    sql = (
        "SELECT name, 'a,\"b\"' AS quoted, captured_at, artists, snapshot_date, popularity FROM entries "
        "WHERE snapshot_date = DATE '2026-11-05' ORDER BY position"
    )
    for arguments in ([sql, "--csv"], [sql], ["-"]):
        found = run(story, "query", *arguments, stdin=sql)
        assert found.exit_code == 0
        rows = list(csv.reader(io.StringIO(found.stdout, newline="")))
        assert rows[0] == ["name", "quoted", "captured_at", "artists", "snapshot_date", "popularity"]
        assert rows[1][:3] == ["Cyan", 'a,"b"', "2026-11-05T12:00:00+00:00"]
        assert json.loads(rows[1][3]) == C["artists"]
        assert rows[1][4:] == ["2026-11-05", ""]
    (first, *_) = answer(story, "query", sql)
    assert (first["captured_at"], first["artists"], first["popularity"]) == (
        "2026-11-05T12:00:00+00:00",
        C["artists"],
        None,
    )
    target = tmp_path / "out.parquet"
    assert run(story, "query", sql, "--parquet", str(target)).output == ""
    types = dict(duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{target}')").fetchall())
    assert types["captured_at"] == "TIMESTAMP WITH TIME ZONE"
    assert duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall() == [(3,)]


def test_numbers_that_json_does_not_have_are_null(story: Lake) -> None:
    asked = "SELECT 'nan'::DOUBLE AS a, 'infinity'::FLOAT AS b, 1.5::DOUBLE AS c"
    assert answer(story, "query", asked) == [{"a": None, "b": None, "c": 1.5}]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_asked_and_is_named_in_the_help(story: Lake, view: str) -> None:
    # What compares lists needs another one, and what tells of moments that of an empty slot.
    keep(story, MINE, {day(5): [A, item(None, added_at="2026-11-01T00:00:00Z")]})
    found = answer(story, "query", f"FROM {view}")
    # Only a run that died leaves a mixed day.
    assert bool(found) == (view != "mixed_days")
    assert run(story, "query", f"FROM {view}").exit_code == 0
    assert re.search(rf"\b{view}\b", run(story, "query", "--help").stdout)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH one AS (SELECT 1 AS n) SELECT n FROM one;",
        "SHOW TABLES",
        "DESCRIBE chart",
        "SUMMARIZE entries",
        "PIVOT entries ON snapshot_date USING min(position) GROUP BY name",
        "SELECT 1 -- a comment",
        "SELECT list(captured_at) AS moments, {'a': 1} AS struct, 1.5 AS decimal FROM entries",
        "SELECT 1 AS a, 2 AS a",
        'SELECT 1 AS "a ""quoted"" name"',
        "SELECT * FROM entries WHERE false",
    ],
)
def test_questions_of_every_kind(story: Lake, sql: str) -> None:
    for form in ("--csv", "--json"):
        assert run(story, "query", sql, form).exit_code == 0
    with open_charts(story, day(7)) as charts:
        question = charts.warehouse.ask(sql)
        assert all(len(row) == len(question.columns) for row in question.head(5))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FORM chart", 'syntax error at or near "chart"\n\nLINE 1: SELECT * FORM chart'),
        ("SELECT nme FROM chart", 'Referenced column "nme" not found'),
        ("FROM charts", "Table with name charts does not exist"),
        ("SELECT CAST(name AS INTEGER) FROM entries", "Could not convert string 'Amber'"),
        ("FROM 'no-such-file.csv'", "no-such-file.csv"),
        ("DELETE FROM entries", "Only one SELECT"),
        ("COPY entries TO 'stolen.csv'", "Only one SELECT"),
        ("ATTACH 'other.db'", "Only one SELECT"),
        ("SELECT 1; SELECT 2", "Only one SELECT"),
        ("", "Only one SELECT"),
        ("SELECT 1) UNION (SELECT 2", "syntax error"),
        ("SELECT $day", "parameter"),
    ],
)
def test_wrong_sql_is_wrong_usage_in_duckdbs_words_and_names_the_views(
    story: Lake, sql: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for form in ([], ["--json"], ["--parquet", "out.parquet"]):
        found = run(story, "query", sql, *form)
        assert found.exit_code == 2
        assert said in (json.loads(found.stdout)["message"] if form == ["--json"] else found.stderr)
        assert all(view in found.output for view in (*VIEWS, "entries", "snapshots"))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("arguments", [["query", "FROM range(1000000)"], ["charts"], ["compare", "--diff"]])
def test_a_reader_that_has_enough_is_no_error_of_the_lake(story: Lake, arguments: list[str]) -> None:
    address = str(Path(story.store.locate("")).absolute())
    command = [sys.executable, "-m", "chalicelib", *arguments]
    environment = os.environ | {"CHARTLAKE_LAKE": address, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert said == b""


def test_a_question_about_some_lists_reads_only_theirs(story: Lake) -> None:
    keep(story, MINE, {day(5): [A]}, name="Mine")
    keep(story, WEEKLY, {day(5): [A]})
    sql = "SELECT DISTINCT playlist_id FROM entries ORDER BY playlist_id"
    assert [one["playlist_id"] for one in answer(story, "query", sql)] == [TOP, MINE, WEEKLY]
    some = answer(story, "query", sql, "--playlist", "mine", "--playlist", WEEKLY)
    assert [one["playlist_id"] for one in some] == [MINE, WEEKLY]


def test_the_views_for_other_engines(story: Lake) -> None:
    for dialect in ("duckdb", "athena", "spark"):
        text = run(story, "views", "--dialect", dialect).stdout
        assert [re.search(rf"VIEW {view} AS", text) is not None for view in VIEWS] == [True] * len(VIEWS)
        assert text.count(";\n") == len(VIEWS)
    connection = duckdb.connect()
    for table in ("entries", "snapshots"):
        connection.execute(f"CREATE VIEW {table} AS FROM '{story.store.locate(f'tables/{table}/*/*.parquet')}'")
    connection.execute(run(story, "views").stdout)
    assert connection.execute("SELECT count(*) FROM chart").fetchall() == [(16,)]


# The terminal.


@pytest.fixture
def odd(lake: Lake) -> Lake:
    """Names as hostile and as wide as they come, on a list of which nobody knows how long it gets."""
    long = item("夜" * 200, popularity=100, streams=12_345_678)
    hostile = item("\x1b[31mred\x1b[0m\nnext[bold]\u202e", popularity=7)
    hostile["artists"] = [{"id": None, "name": "\x07bell[/]"}, {"id": None, "name": "<script>"}]
    plain = [item(f"Song {number}") for number in range(150)]
    for entry in (long, hostile, *plain):
        entry["streams"] = entry.get("streams", 1)
    keep(
        lake, TOP, {day(1): [hostile, long, *plain], day(2): [long, hostile, *plain[1:]]}, name="\x1b]0;title\x07[red]"
    )
    return lake


@pytest.mark.parametrize("width", [40, 80, 81, 99, 100, 200])
def test_a_table_fits_the_terminal_and_keeps_its_figures(odd: Lake, width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    with open_charts(odd, day(3), [TOP]) as charts:
        chart = charts.chart(TOP)
        show_chart(console, chart, 10)
        show_playlists(console, charts.playlists())
        show_track(console, charts.history(charts.find_tracks("Song 7")[0]))
        question = charts.warehouse.ask("SELECT * FROM chart ORDER BY snapshot_date DESC, position")
        show_rows(console, question.columns, question.head(3))
    lines = file.getvalue().splitlines()
    table = lines[2:14]
    assert max(cell_len(line) for line in table) <= width
    assert all("▲1" in line or "▼1" in line or "=" in line for line in table[2:4])
    if width >= 80:
        assert "12,345,678" in table[2]
        assert {"Peak", "Days", "Streak", "Debut"} <= set(table[0].split())
    assert "夜夜夜" in table[2]
    assert "…" in table[2]


def test_what_reads_a_pipe_gets_names_whole_and_all_rows(odd: Lake) -> None:
    found = run(odd, "charts").stdout
    assert "夜" * 200 in found
    assert "\n151 " in found
    assert "more" not in found


@pytest.mark.parametrize(
    "arguments",
    [
        ["charts"],
        ["track", "next"],
        ["track", "The"],
        ["compare"],
        ["compare", "--diff"],
        ["artists"],
        ["events"],
        ["events", "--csv"],
        ["export", "--format", "m3u"],
        ["export", "--date", "2020-01-01"],
        ["charts", "no\x1b[31m"],
    ],
)
def test_names_are_text_whatever_is_in_them(odd: Lake, arguments: list[str]) -> None:
    found = run(odd, *arguments)
    shown = found.stdout + found.stderr
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    if arguments == ["charts"]:
        assert "�[31mred�[0m�next[bold]�" in shown
        assert "�bell[/], <script>" in shown


def test_a_terminal_shows_the_start_of_a_long_answer_and_says_so(odd: Lake) -> None:
    file = io.StringIO()
    with open_charts(odd, day(3), [TOP]) as charts:
        show_chart(Console(file=file, width=80, highlight=False), charts.chart(TOP), 100)
    assert "… and 51 entries more (--top shows them)." in file.getvalue()


def on_a_terminal(lake: Lake, *arguments: str, columns: int = 80) -> list[str]:
    """The lines that a command shows on a terminal of its own."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    address = str(Path(lake.store.locate("")).absolute())
    environment = {
        **os.environ,
        "CHARTLAKE_LAKE": address,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TERM": "xterm",
    }
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen([sys.executable, "-m", "chalicelib", *arguments], env=environment, stdout=its)
    os.close(its)
    shown = b""
    with contextlib.suppress(OSError):  # which is how Linux says that the other side is closed
        while found := os.read(mine, 65536):
            shown += found
    os.close(mine)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()


def test_a_real_terminal_gets_a_table_of_its_width_and_is_told_what_it_does_not_show(odd: Lake) -> None:
    lines = on_a_terminal(odd, "charts")
    assert "… and 51 entries more (--top shows them)." in lines
    assert max(cell_len(line) for line in lines) <= 80
    lines = on_a_terminal(odd, "query", "SELECT position, name, artist FROM chart ORDER BY snapshot_date, position")
    assert lines[-1] == "These are the first 50 rows; --csv and --json give all."
    assert lines[0].split() == ["position", "name", "artist"]
    assert lines[51].split() == ["50", "Song", "47", "The", "Ss"]
    lines = on_a_terminal(odd, "query", "FROM chart")
    assert lines[-2].startswith("There is no room for ")
    assert len(run(odd, "query", "FROM chart").stdout.splitlines()) > 300


@pytest.mark.parametrize("columns", [34, 60])
def test_on_a_narrow_terminal_no_figure_is_cut_and_what_is_left_out_is_said(story: Lake, columns: int) -> None:
    for arguments in (["charts", "--date", "2026-11-05"], ["charts"], ["artists"], ["compare"]):
        lines = on_a_terminal(story, *arguments, columns=columns)
        figures = [word for line in lines for word in line.split() if word.lstrip("≤").startswith("202")]
        assert all(re.fullmatch(r"≤?2026-\d\d-\d\d[.;,]?", word) for word in figures), figures
    left = on_a_terminal(story, "charts", "--date", "2026-11-05", columns=columns)
    assert ("There is no room for" in " ".join(left)) == ("Entered" not in " ".join(left))


# events


def test_what_happened_on_a_day_or_on_several(story: Lake) -> None:
    table = words(run(story, "events", "--day", "2026-11-06").stdout)
    assert table[2:] == [
        ["2026-11-06", "new", "at", "6", "Tape", "The", "Ts", "Top", "50", "-", "Global"],
        ["2026-11-06", "▼1", "to", "2", "Cyan", "The", "Cs", "Top", "50", "-", "Global"],
        ["2026-11-06", "▼1", "to", "3", "Blue", "The", "Bs", "Top", "50", "-", "Global"],
        ["2026-11-06", "number", "one", "Amber", "The", "As", "Top", "50", "-", "Global"],
        ["2026-11-06", "back", "at", "1", "Amber", "The", "As", "Top", "50", "-", "Global"],
    ]
    found = run(story, "events", "--until", "2026-11-05", "--kind", "left", "--kind", "gap_began").stdout
    assert words(found)[2:] == [
        ["2026-11-03", "not", "seen:", "2", "Top", "50", "-", "Global"],
        # Somewhere between the second day and the fifth.
        ["≤2026-11-05", "left", "from", "2", "Amber", "The", "As", "Top", "50", "-", "Global"],
        ["≤2026-11-05", "left", "from", "4", "Dune", "The", "Ds", "Top", "50", "-", "Global"],
    ]
    assert "Nothing is known to have happened." in run(story, "events", "--day", "2026-11-01").stdout


def test_what_happened_in_the_forms_of_machines(story: Lake) -> None:
    asked = ["events", TOP, "--since", "2026-11-02", "--until", "2026-11-06", "--min-move", "2"]
    told = answer(story, *asked)["events"]
    moves = [(one["name"], one["number"], one["after_date"]) for one in told if one["kind"] == "moved"]
    assert moves == [("Cyan", 2, "2026-11-02")]
    rows = list(csv.DictReader(io.StringIO(run(story, *asked, "--csv").stdout)))
    assert [row["event_id"] for row in rows] == [one["event_id"] for one in told]
    assert (rows[0]["is_news"], rows[0]["label"]) == ("true", "")
    assert answer(story, *asked, "--limit", "1")["events"] == told[:1]
    for wrong in (["--csv", "--json"], ["--day", "2026-11-01"], ["--until", "2026-11-01"], ["--kind", "gone"]):
        assert run(story, *asked, *wrong).exit_code == 2, wrong


# Cost.


def year_of_a_top_50(lake: Lake, days: int = 365) -> None:
    """Up to Sunday 22 November 2026: songs that rise, fall and leave."""
    last = date(2026, 11, 22)
    kept = {}
    for number in range(days):
        songs = [item(f"Song {number // 7 * 3 + place}") for place in range(50)]
        kept[last - timedelta(days=days - 1 - number)] = songs[number % 7 :] + songs[: number % 7]
    keep(lake, TOP, kept, name="Top 50 - Global")


def test_a_year_of_a_top_50_costs_few_requests_on_s3(
    s3_server_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": s3_server_url,
    }.items():
        monkeypatch.setenv(name, value)
    address = f"s3://charts/{request.node.name}"
    year_of_a_top_50(Lake(open_store(address, World()), World()))
    session = boto3.session.Session()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    asked: list[str] = []
    session.events.register("before-send.s3.*", lambda request, **_: asked.append(f"{request.method} {request.url}"))
    for arguments in (["charts", TOP], ["charts"], ["track", "Song 150", "--playlist", TOP], ["compare", TOP]):
        asked.clear()
        found = run(address, *arguments)
        assert found.exit_code == 0, found.output
        # Two calendar years with two tables each, and finding out which years there are.
        assert len([one for one in asked if "list-type" not in one]) == 4
        assert len(asked) <= 6
        assert all(one.startswith("GET ") for one in asked)
