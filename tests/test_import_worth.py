"""What an imported day is worth: fewer entries than its source promises are never a whole day without a word."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from chalicelib.cli import main
from chalicelib.cli.terminal import show_imported
from chalicelib.history.importing import Options, import_path
from chalicelib.lake.lake import Lake
from chalicelib.snapshots.verify import verify

from .test_history import A_DAY, IDS, clone, commit, kaggle, kaggle_line, official, pretty_json, read, refusal
from .test_imports import only

__all__ = ["clone"]  # a fixture

NAME = "regional-global-daily-2024-05-31.csv"
GLOBAL = "chart:regional-global-daily"
PLAYLIST = "37i9dQZEVXbMDoHDwVN2tF"


def worth(day: Any) -> tuple[Any, ...]:
    return day.position_quality, len(day.rows), day.total, day.reason


# Entries without identity.


@pytest.mark.parametrize(
    ("track", "words"),
    [
        (None, "50 of its 50 entries tell no track"),
        ({}, "neither 'uri', 'id' nor 'name'"),
        ({"type": "track", "duration_ms": 1}, "neither 'uri', 'id' nor 'name'"),
        ({"track": {"uri": "spotify:track:x"}}, "neither 'uri', 'id' nor 'name'"),
    ],
    ids=str,
)
def test_fifty_entries_that_name_no_track_are_no_list(track: Any, words: str) -> None:
    body = {"items": [{"added_at": None, "track": track}] * 50, "total": 50, "offset": 0}
    error = refusal(f"{PLAYLIST}-2024-05-31.json", json.dumps(body))
    assert words in error.message


def test_a_page_of_nothing_but_empty_slots_is_known_for_what_it_is() -> None:
    body = {"href": f"https://api.spotify.com/v1/playlists/{PLAYLIST}/tracks", "items": [None, None], "total": 2}
    assert "2 of its 2 entries tell no track" in refusal("2024-05-31.json", json.dumps(body)).message


def test_a_few_empty_slots_are_part_of_a_list() -> None:
    items = [{"track": {"id": IDS[1], "uri": f"spotify:track:{IDS[1]}", "name": "N"}}] * 2 + [{"track": None}]
    day = read(f"{PLAYLIST}-2024-05-31.json", json.dumps({"items": items, "total": 3}))[0]
    assert worth(day) == ("exact", 3, None, None)


def test_a_reading_without_tracks_is_a_gap_with_its_reason(lake: Lake, tmp_path: Path) -> None:
    whole = [{"pos": n, "id": IDS[n], "artists": "A", "name": "N", "popularity": 1} for n in range(1, 51)]
    path = tmp_path / "us_top50.json"
    path.write_text(json.dumps({"2024-05-30T01:00:00": whole, "2024-05-31T01:00:00": []}))
    found = only(import_path(lake, path))
    assert (found.error, found.days, found.rows) == (None, 2, 50)
    good, bad = lake.snapshots("chart:flat-top50-us-daily", 2024)
    assert (good["status"], good["entry_count"], good["reason"]) == ("ok", 50, None)
    assert (bad["status"], bad["entry_count"], bad["entries_key"]) == ("suspect", None, None)
    assert "It has no entries" in bad["reason"]
    assert only(import_path(lake, path)).changed == 0
    assert verify(lake).findings == ()
    path.write_text(json.dumps({"2024-05-31T01:00:00": []}))
    assert "It has no entries" in refusal("us_top50.json", path.read_bytes()).message


# Lines that were left out.


def test_a_day_without_its_bad_line_says_which_place_it_lacks(lake: Lake, tmp_path: Path) -> None:
    first, second = tmp_path / NAME.replace("31", "30"), tmp_path / NAME
    first.write_text(official(200))
    second.write_text(official(200, line_2='1,"spotify:trick:0",A,T,L,1,-1,1,5'))
    assert only(import_path(lake, first)).remarks == ()
    found = only(import_path(lake, second, Options(skip_bad=True)))
    row = lake.snapshot(GLOBAL, A_DAY)
    assert row is not None
    assert (row["status"], row["position_quality"], row["total"], row["entry_count"]) == ("ok", "partial", 200, 199)
    assert row["reason"] == "Position 1 of 200 is missing: 1 bad line was left out."
    assert found.remarks == ((GLOBAL, A_DAY, row["reason"]),)
    assert found.to_json()["remarks"][0]["reason"] == row["reason"]
    told = io.StringIO()
    show_imported(Console(file=told, width=200), found)
    assert row["reason"] in told.getvalue()
    verdict = verify(lake)
    assert verdict.findings == ()
    assert verdict.notes == ("1 imported day may lack entries; the reason of each is in the table snapshots.",)


def test_a_day_that_lacks_places_replaces_no_whole_one(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / NAME
    for count in (120, 200, 121):
        path.write_text(official(count))
        assert only(import_path(lake, path)).error is None
    row = lake.snapshot(GLOBAL, A_DAY)
    assert row is not None
    assert (row["position_quality"], row["entry_count"], row["total"]) == ("exact", 200, None)


def test_bad_lines_of_many_days_are_told_with_their_own_day() -> None:
    lines = [kaggle_line(rank, country, "2025-02-18") for country in ("PK", "IN", "US") for rank in range(1, 51)]
    lines[8] = lines[8].replace(IDS[9], "no id")
    lines[9] = '"' + lines[9]
    lines[60] = lines[60].replace("2025-02-18", "2025-02-88")
    days = {day.playlist_id[19:21]: worth(day) for day in read("k.csv", kaggle(*lines), skip_bad=[])}
    assert days["pk"][:3] == ("partial", 48, 50)
    assert days["pk"][3] == "Positions 9 to 10 of 50 are missing: 2 bad lines were left out."
    assert days["in"][:3] == ("partial", 49, 50)
    assert days["us"] == ("exact", 50, None, None)


def test_a_place_that_two_lines_claim_is_nobodys() -> None:
    text = official(200, line_5='9,"spotify:track:0000000000000000000004",A,T,L,1,-1,1,5')
    day = read(NAME, text, skip_bad=[])[0]
    assert {row["position"] for row in day.rows} == set(range(1, 201)) - {4, 9}
    assert day.reason == "Positions 4 and 9 of 200 are missing: 2 bad lines were left out."


def test_a_position_beyond_the_list_is_a_bad_line() -> None:
    text = official(200).replace("\n200,", "\n2000,")
    assert "beyond the 200 places" in refusal(NAME, text).message


def wrapped(line: str) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([line])
    return text.getvalue().rstrip("\n")


def test_a_quote_inside_a_line_that_is_quoted_as_a_whole_costs_no_other_line() -> None:
    lines = [kaggle_line(rank, "US", "2025-02-18") for rank in range(1, 51)]
    lines[4] = lines[4].replace('"N"', '"N')
    rejects: list[tuple[int, str, str]] = []
    text = "\n".join(wrapped(line) for line in (kaggle().rstrip("\n"), *lines))
    day = read("k.csv", text, skip_bad=rejects)[0]
    assert worth(day)[:3] == ("partial", 49, 50)
    assert [line for line, _, _ in rejects] == [6]


def test_bad_tracks_of_a_state_count_as_places_that_it_lacks() -> None:
    tracks = [*pretty_json()["tracks"], {"name": "no link"}]
    day = read("2024-05-31.json", json.dumps(pretty_json(tracks=tracks)), skip_bad=[])[0]
    assert worth(day) == ("partial", 2, 3, "Position 3 of 3 is missing: 1 bad line was left out.")


# Files that end too early.


@pytest.mark.parametrize("lines", [2, 121, 200])
def test_a_chart_that_was_cut_at_a_lines_end_is_not_a_whole_day(lines: int) -> None:
    text = "".join(official(200).splitlines(keepends=True)[:lines])
    quality, rows, total, reason = worth(read(NAME, text)[0])
    assert (quality, rows, total) == ("partial", lines - 1, 200)
    assert "to 200 of 200" in reason or "200 of 200 is missing" in reason
    assert "the file does not tell" in reason


def test_a_legacy_chart_and_a_scraped_one_promise_200_places(shared_data: Path) -> None:
    legacy = (shared_data / "charts_legacy" / "regional-us-weekly-2020-01-03--2020-01-10.csv").read_bytes()
    cut = b"".join(legacy.splitlines(keepends=True)[:100])
    assert worth(read("regional-us-weekly-2020-01-03--2020-01-10.csv", cut)[0])[:3] == ("partial", 98, 200)
    scraped = gzip.decompress(
        (shared_data / "charts_scraped_2026" / "spotify_daily_songs_2026-07-31.csv.gz").read_bytes()
    )
    days = read("scraped.csv", b"".join(scraped.splitlines(keepends=True)[:1731]))
    assert [worth(day)[:3] for day in days] == [("exact", 200, None)] * 8 + [("partial", 130, 200)]


@pytest.mark.parametrize(
    ("count", "quality", "total"), [(100, "exact", None), (50, "exact", None), (70, "partial", 100)]
)
def test_viral_charts_have_had_50_and_100_places(count: int, quality: str, total: int | None) -> None:
    lines = [line.rpartition(",")[0] + "\n" for line in official(count).splitlines()]
    day = read("viral-de-daily-2024-05-31.csv", "".join(lines))[0]
    assert worth(day)[:3] == (quality, count, total)
    assert (day.reason is None) == (count == 100), "whether 50 are all, nobody knows"


@pytest.fixture
def markdown(shared_data: Path) -> str:
    return (shared_data / "archive_global_top50" / "pretty" / "2020-10-10T160416Z.md").read_text()


def test_an_archives_table_has_no_gap_in_its_numbers(markdown: str) -> None:
    lines = [line for line in markdown.split("\n") if not line.startswith("| 17 |")]
    day = read("2020-10-10T160416Z.md", "\n".join(lines))[0]
    assert worth(day)[:3] == ("partial", 49, 50)
    assert "Position 17 of 50" in (day.reason or "")


def test_an_archives_table_that_was_cut_at_a_lines_end_shows_it(markdown: str) -> None:
    assert worth(read("2020-10-10T160416Z.md", markdown)[0]) == ("approx", 50, None, None)
    cut = "".join(markdown.splitlines(keepends=True)[:-10])
    day = read("2020-10-10T160416Z.md", cut)[0]
    assert worth(day)[:3] == ("partial", 40, None)
    assert "ends with a line feed" in (day.reason or "")


def test_entries_without_a_total_say_that_nobody_knows_whether_these_are_all() -> None:
    items = [{"track": {"id": IDS[n], "uri": f"spotify:track:{IDS[n]}", "name": "N"}} for n in range(1, 101)]
    day = read(f"{PLAYLIST}-2024-05-31.json", json.dumps(items))[0]
    assert worth(day)[:3] == ("exact", 100, None)
    assert "does not tell how many entries the list has" in (day.reason or "")


# A clone's older tables.


LINKS = " - [plain](https://github.com/x/y/blob/master/playlists/plain/{0}) - [githistory](https://github.githistory.xyz/{0})"


def test_links_behind_the_playlists_own_are_part_of_the_heading(markdown: str) -> None:
    link = f"(https://open.spotify.com/playlist/{PLAYLIST})"
    changed = markdown.replace(link + "\n", link + LINKS.format(PLAYLIST) + "\n")
    assert changed != markdown
    day = read("2020-10-10T160416Z.md", changed)[0]
    assert (day.playlist_id, day.facts["name"], len(day.rows)) == (PLAYLIST, "Global Top 50", 50)


def test_an_odd_version_is_a_gap_in_the_lake_and_the_others_come_in(clone: Path, lake: Lake, markdown: str) -> None:
    commit(clone, "2020-10-10T16:04:16Z", {"Global Top 50.md": markdown})
    commit(clone, "2020-10-11T16:04:16Z", {"Global Top 50.md": "### [Global Top 50](nowhere)\n"})
    commit(clone, "2020-10-12T16:04:16Z", {"Lost.md": "### [Lost](nowhere)\n"})
    found = only(import_path(lake, clone))
    assert (found.error, found.days, found.rows) == (None, 2, 50)
    assert [(row["snapshot_date"].day, row["status"]) for row in lake.snapshots(PLAYLIST, 2020)] == [
        (10, "ok"),
        (11, "suspect"),
    ]
    assert [(which, day) for which, day, _ in found.remarks] == [
        (PLAYLIST, date(2020, 10, 11)),
        ("playlists/pretty/Lost.md", date(2020, 10, 12)),
    ]
    assert only(import_path(lake, clone)).changed == 0


# Texts in two encodings.


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"T 1", "T 1"),
        ("Björk".encode(), "Björk"),
        ("Björk".encode("cp1252"), "Björk"),
        ("Björk ".encode() + "Más".encode("cp1252"), "Björk Más"),
        ("Más ".encode("cp1252") + "愛 “x”".encode(), "Más 愛 “x”"),
        ("“x” ".encode("cp1252") + "Ж".encode(), "“x” Ж"),
    ],
    ids=range(6),
)
def test_a_line_that_mixes_two_encodings_keeps_both(raw: bytes, name: str) -> None:
    text = official(200).encode().replace(b'"T 1"', b'"' + raw + b'"')
    assert read(NAME, text)[0].rows[0]["name"] == name
    document = json.dumps(pretty_json(original_name="?????")).encode().replace(b"?????", raw)
    assert read("2024-05-31.json", document)[0].facts["name"] == name


# Words.


@pytest.mark.parametrize(("every", "unit"), [("daily", "Days"), ("weekly", "Weeks")])
def test_a_weekly_charts_column_counts_weeks(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: str, unit: str
) -> None:
    header = "weeks_on_chart" if every == "weekly" else "days_on_chart"
    for day in ("2024-05-30", "2024-06-06"):
        (tmp_path / f"regional-de-{every}-{day}.csv").write_text(official(200).replace("days_on_chart", header))
        assert only(import_path(lake, tmp_path / f"regional-de-{every}-{day}.csv")).error is None
    monkeypatch.setenv("CHARTLAKE_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("COLUMNS", "200")
    told = CliRunner().invoke(main, ["charts", f"chart:regional-de-{every}"]).output
    heading = next(line for line in told.splitlines() if "Peak" in line)
    assert {"Days", "Weeks"} & set(heading.split()) == {unit}
