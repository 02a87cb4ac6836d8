"""What chartlake gave out, it takes back: rows to an export's text, into an empty lake, and the same rows again."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.analysis.exports import csv_lines
from chalicelib.errors import BadImport
from chalicelib.history.formats import chartlake_export
from chalicelib.history.importing import import_path
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.snapshots.verify import verify

from .conftest import Clock, put_entries
from .test_extract import TODAY, Rig
from .test_history import read, refusal
from .test_imports import only
from .test_lake import DAY, PLAYLIST, entries, row
from .test_replay import rig

__all__ = ["rig"]  # a fixture

OF_THE_CAPTURE = {"captured_at", "capture_id", "source"}
ODD = (
    "=1+1", "+1", "-1", "@here", "\tx", "'=1", "''+1", "'", "It's", 'He said "x"', "a,b", "two\r\nlines", "", "Ünï 愛", "\u202eevil", "0",
)  # fmt: skip


def cell(value: Any) -> str:
    """A value as the CSV export writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and re.match(r"'*[=+\-@\t\r]", text) else text


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(ENTRIES)
    writer.writerows([cell(entry[name]) for name in ENTRIES] for entry in rows)
    return out.getvalue()


def as_json(snapshot: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    document = {"format": "chartlake-export-1", "playlist": snapshot, "entries": rows}
    return json.dumps(document, default=lambda value: value.isoformat() if isinstance(value, date) else str(value))


def without_capture(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in entry.items() if name not in OF_THE_CAPTURE} for entry in rows]


@pytest.fixture
def kept(lake: Lake) -> Lake:
    """A lake with one day of everything that a row may hold."""
    rows = [
        entry
        | {
            "name": text,
            "item_type": ("track", "episode", "local", "unavailable")[number % 4],
            "artists": [{"id": None, "name": text}, {"id": "a", "name": None}] if number % 4 == 0 else [],
            "is_local": number % 4 == 2,
            "explicit": (True, False, None)[number % 3],
            "streams": 2**40 + number,
            "label": text or None,
            "reported_previous": number,
            "popularity": number,
            "added_at": "2026-11-20T10:00:00.123456+00:00" if number % 2 else None,
            "added_by": text or None,
        }
        for number, (entry, text) in enumerate(zip(entries(count=len(ODD)), ODD, strict=True))
    ]
    put_entries(lake, PLAYLIST, DAY, datetime(2026, 11, 23, 12, tzinfo=UTC), "spotify", rows)
    facts = {"name": "=Mine", "owner_id": "o", "followers": 3, "public": True, "position_quality": "approx"}
    lake.put_snapshot(row(entry_count=len(ODD), total=len(ODD), **facts))
    return lake


@pytest.fixture
def empty(tmp_path: Path, clock: Clock) -> Lake:
    return Lake(open_store(str(tmp_path / "empty"), clock.world()), clock.world())


def test_a_csv_export_comes_back_as_the_same_entries(kept: Lake, empty: Lake, tmp_path: Path) -> None:
    before = kept.entries(PLAYLIST, DAY)
    path = tmp_path / "export.csv"
    path.write_text("".join(csv_lines(before)), newline="")
    found = only(import_path(empty, path))
    assert (found.error, found.format, found.rows) == (None, "chartlake-export", len(ODD))
    # An empty field is null, so that the one name that is empty cannot be told from a missing one.
    expected = [entry | {"name": entry["name"] or None} for entry in without_capture(before)]
    assert without_capture(empty.entries(PLAYLIST, DAY)) == expected
    assert empty.entries(PLAYLIST, DAY)[0]["source"] == "import:chartlake-export:export.csv"
    assert empty.snapshot(PLAYLIST, DAY)["position_quality"] is None
    assert only(import_path(empty, path)).changed == 0
    assert verify(empty).findings == ()


def test_a_json_export_comes_back_with_what_it_knows_of_the_playlist(kept: Lake, empty: Lake, tmp_path: Path) -> None:
    before = kept.entries(PLAYLIST, DAY)
    path = tmp_path / "export.json"
    path.write_text(as_json(kept.snapshot(PLAYLIST, DAY), before))
    assert only(import_path(empty, path)).error is None
    assert without_capture(empty.entries(PLAYLIST, DAY)) == without_capture(before)
    row_ = empty.snapshot(PLAYLIST, DAY)
    names = ("name", "owner_id", "followers", "public", "position_quality", "entry_count", "captured_at")
    assert {name: row_[name] for name in names} == {name: kept.snapshot(PLAYLIST, DAY)[name] for name in names}
    assert row_["source"] == "import:chartlake-export:export.json"
    assert row_["raw_key"].startswith("raw/imports/")


def test_what_spotify_told_of_the_day_stays(kept: Lake, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    forged = [entry | {"name": "Forged"} for entry in kept.entries(PLAYLIST, DAY)]
    path.write_text(as_csv(forged))
    assert only(import_path(kept, path)).changed == 0
    assert kept.entries(PLAYLIST, DAY)[0]["name"] == "=1+1"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_several_days_of_charts_and_playlists_may_stand_in_one_file(
    empty: Lake, tmp_path: Path, delimiter: str
) -> None:
    rows = [
        entry | {"playlist_id": playlist_id, "snapshot_date": day.isoformat()}
        for playlist_id in (PLAYLIST, "chart:regional-global-daily")
        for day in (DAY, date(2025, 1, 1))
        for entry in entries()
    ]
    path = tmp_path / "all.csv"
    path.write_text(as_csv(rows, delimiter), newline="")
    assert only(import_path(empty, path)).days == 4
    assert [entry["position"] for entry in empty.entries("chart:regional-global-daily", date(2025, 1, 1))] == [1, 2, 3]


def test_invented_days_stay_invented(empty: Lake, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(as_csv(entries(source="simulator")))
    only(import_path(empty, path))
    assert {entry["source"] for entry in empty.entries(PLAYLIST, DAY)} == {"simulator"}
    assert empty.snapshot(PLAYLIST, DAY)["source"] == "simulator"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"position": 0}, "position"),
        ({"position": "1e3"}, "position"),
        ({"item_type": None}, "item_type is missing"),
        ({"playlist_id": "../x"}, "no id of a list"),
        ({"snapshot_date": "2026-02-30"}, "no day of the calendar"),
        ({"captured_at": "yesterday"}, "no moment"),
        ({"added_at": "0001-01-01T00:00:00+23:00"}, "no moment"),
        ({"is_local": "perhaps"}, "neither true nor false"),
        ({"popularity": 2**31}, "popularity"),
        ({"artists": [{"name": "x"}]}, "no list of ids and names"),
        ({"artists": [{"id": 7, "name": "x"}]}, "no text"),
    ],
)
def test_a_value_of_another_kind_is_named(changed: dict[str, Any], reason: str) -> None:
    rows = [entry | changed for entry in entries(count=1)]
    assert reason in refusal("export.csv", as_csv(rows)).message
    commit = row() | {name: value for name, value in changed.items() if name in ("playlist_id", "snapshot_date")}
    assert reason in refusal("export.json", as_json(commit, rows)).message


def test_entries_of_another_list_are_no_part_of_the_document() -> None:
    rows = [*entries(count=2), entries(count=3)[2] | {"playlist_id": "q" * 22}]
    assert "entry 3: it belongs to another list" in refusal("export.json", as_json(row(), rows)).message


@pytest.mark.parametrize("artists", ["[[" * 60_000, "{", '"x"', '[{"id": null, "name": "\\ud800"}]'])
def test_artists_that_are_no_list_are_refused(artists: str) -> None:
    cells = {name: cell(value) for name, value in entries(count=1)[0].items()} | {"artists": artists}
    out = io.StringIO()
    csv.writer(out).writerows([cells.keys(), cells.values()])
    assert re.search(r"line 2: (artists|name) is", refusal("export.csv", out.getvalue()).message)


@pytest.mark.parametrize("body", [{"playlist": []}, {"entries": {}}, {"playlist": {"playlist_id": 7}}])
def test_a_document_that_is_not_whole_is_refused(body: dict[str, Any]) -> None:
    whole = json.loads(as_json(row(), entries()))
    assert "Export the day again" in refusal("export.json", json.dumps(whole | body)).advice


def test_an_older_or_a_newer_export_is_read_as_far_as_it_goes() -> None:
    lines = list(csv.reader(io.StringIO(as_csv(entries()))))
    place = lines[0].index("streams")
    other = [[*line[:place], *line[place + 1 :], (number and "x") or "mood"] for number, line in enumerate(lines)]
    out = io.StringIO()
    csv.writer(out).writerows(other)
    assert [entry["streams"] for entry in read("export.csv", out.getvalue())[0].rows] == [None] * 3


def test_the_kinds_of_the_columns_are_those_of_the_tables() -> None:
    kinds = ENTRIES | SNAPSHOTS
    numbers = {name: {"INTEGER": 2**31 - 1, "BIGINT": 2**63 - 1}[kinds[name]] for name in chartlake_export._NUMBERS}
    assert numbers == chartlake_export._NUMBERS
    assert {name for name in ENTRIES if kinds[name] in ("INTEGER", "BIGINT")} <= set(numbers)
    assert {name for name in ENTRIES if kinds[name] == "BOOLEAN"} <= set(chartlake_export._TRUTHS)
    assert {kinds[name] for name in chartlake_export._TRUTHS} == {"BOOLEAN"}


# A copy is worth less than what it was made from.


def exported(lake: Lake, playlist_id: str, day: date, path: Path, rows: int = 1_000) -> Path:
    path.write_text("".join(csv_lines(lake.entries(playlist_id, day)[:rows])), newline="")
    return path


def everything(lake: Lake) -> dict[str, bytes]:
    return {key: lake.store.get(key).data for key in lake.store.list("tables/")}


def test_an_export_of_what_stands_there_changes_nothing(empty: Lake, tmp_path: Path) -> None:
    track = {"type": "track", "id": "1" * 22, "name": "Song", "artists": []}
    items = [{"track": track}] * 3
    body = {"id": PLAYLIST, "name": "Mine", "owner": {"id": "ann"}, "tracks": {"items": items, "total": 3}}
    saved = tmp_path / f"{DAY}.json"
    saved.write_text(json.dumps(body))
    assert only(import_path(empty, saved)).changed == 1
    before = everything(empty)
    for rows in (3, 2):
        assert only(import_path(empty, exported(empty, PLAYLIST, DAY, tmp_path / "a.csv", rows))).changed == 0
        assert everything(empty) == before


def test_a_first_hand_file_replaces_a_copy_and_a_corrected_copy_another(empty: Lake, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(as_csv(entries(source="import:charts-official-daily:x.csv")))
    only(import_path(empty, path))
    before = everything(empty)
    assert only(import_path(empty, exported(empty, PLAYLIST, DAY, tmp_path / "again.csv", 2))).changed == 0
    assert everything(empty) == before
    path.write_text(as_csv(entries(source="import:charts-official-daily:x.csv", name="Corrected")))
    assert only(import_path(empty, path)).changed == 1
    saved = tmp_path / f"{DAY}.json"
    track = {"type": "track", "id": "1" * 22, "name": "First hand", "artists": []}
    saved.write_text(json.dumps({"id": PLAYLIST, "name": "Mine", "tracks": {"items": [{"track": track}], "total": 1}}))
    assert only(import_path(empty, saved)).changed == 1
    assert only(import_path(empty, path)).changed == 0
    assert [entry["name"] for entry in empty.entries(PLAYLIST, DAY)] == ["First hand"]


def test_a_simulated_day_with_raw_is_not_replaced_by_its_export(rig: Rig, tmp_path: Path) -> None:
    rig.extract("hundred-and-one")
    rig.clock.advance(days=1)
    rig.extract("hundred-and-one")
    long, day = rig.id("hundred-and-one"), TODAY + timedelta(days=1)
    assert rig.lake.snapshot(long, day)["status"] == "unchanged"
    before = everything(rig.lake)
    for one in (TODAY, day):
        assert only(import_path(rig.lake, exported(rig.lake, long, one, tmp_path / "a.csv", 99))).changed == 0
    assert everything(rig.lake) == before


@pytest.mark.parametrize("skip_bad", [True, False])
def test_a_document_that_was_cut_is_refused(skip_bad: bool) -> None:
    text = as_json(row(entry_count=3), entries(count=2))
    assert "tells of 3 entries, and 2 are there" in refusal("export.json", text).message
    with pytest.raises(BadImport, match="and 2 are there"):
        read("export.json", text, skip_bad=[] if skip_bad else None)
