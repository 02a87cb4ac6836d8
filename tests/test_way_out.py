"""What goes out comes in again: every form of `chartlake export`, by the command, into an empty lake."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import main
from chalicelib.errors import BadImport
from chalicelib.history.opening import Limits
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.lake.tables import to_json
from chalicelib.lake.tombstones import bury
from chalicelib.snapshots.verify import verify
from chalicelib.time_and_chance import World

from .test_history import read, refusal

LISTS = LIST, CHART, LIKED = "37i9dQZEVXbMDoHDwVN2tF", "chart:regional-global-daily", "liked:ann.é"
FIRST = date(2026, 11, 1)
# Of an import that brings a copy they tell the copy.
OF_THE_COPY = {"capture_id", "source"}
FORMS = ("csv", "jsonl", "parquet", "json", "exportify", "spotify-backup")
# What docs/data.md says of each: the columns that it has no place for.
LOST = {form: set[str]() for form in FORMS} | {
    "exportify": {
        *("album_type", "album_release_precision", "album_total_tracks", "show_id", "show_name"),
        *("streams", "reported_peak", "reported_previous", "reported_days"),
    }
}
ODD = ("=1+1", "'=1", " spaced ", "a;-b", 'He "said", so', "Tyler, The Creator", "two\nlines", "愛 Ünï\u202e")


def identity(number: int) -> str:
    return f"{number:022d}"


def track(number: int, text: str) -> dict[str, Any]:
    item_id = identity(number)
    return {
        "item_type": "track",
        "item_id": item_id,
        "uri": f"spotify:track:{item_id}",
        "name": text,
        "url": f"https://open.spotify.com/track/{item_id}",
        "artists": [{"id": identity(900 + number), "name": text}, {"id": None, "name": f"{text}, Jr"}],
        "album_id": identity(500 + number),
        "album_name": text,
        "album_type": "album",
        "album_release_date": "2019-03-08",
        "album_release_precision": "day",
        "album_total_tracks": 12,
        "album_image_url": f"https://i.scdn.co/image/{number}",
        "isrc": f"QZAAA26{number:05d}",
        "duration_ms": 200_000 + number,
        "explicit": (True, False, None)[number % 3],
        "popularity": number,
        "disc_number": 1,
        "track_number": number,
        "is_local": False,
        "is_playable": (None, True)[number % 2],
        "added_at": "2026-10-20T10:00:00.123456Z" if number % 2 else "2026-10-20T10:00:00Z",
        "added_by": ("ann", "=bo", None)[number % 3],
        "streams": 2**40 + number,
        "label": text,
        "reported_peak": 1,
        "reported_previous": 0,
        "reported_days": number,
    }


def items() -> list[dict[str, Any]]:
    """Everything that a list may hold; the last place but one has an empty slot, and one has nothing."""
    url, nothing = "https://open.spotify.com/episode/", dict.fromkeys(ENTRIES) | {"artists": [], "is_local": False}
    episode = {"item_type": "episode", "item_id": identity(77), "uri": f"spotify:episode:{identity(77)}", "name": "E"}
    episode |= {"url": url + identity(77), "show_id": identity(78), "show_name": "Show", "duration_ms": 1}
    local = {"item_type": "local", "uri": "spotify:local:A+B:C:D%3DE:9", "name": "Tape", "is_local": True}
    found = [*(track(number, text) for number, text in enumerate(ODD, start=1)), nothing | episode, nothing | local]
    placed = [one | {"position": place} for place, one in enumerate(found, start=1)]
    return [*placed, nothing | {"item_type": "unavailable", "position": len(placed) + 3}]


def fill(lake: Lake, playlist_id: str, days: list[date], source: str = "spotify") -> None:
    for day in days:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        common = {"snapshot_date": day, "playlist_id": playlist_id, "captured_at": noon, "source": source}
        rows = [to_json(dict.fromkeys(ENTRIES) | one | common | {"capture_id": f"{day:%Y%m%d}"}) for one in items()]
        key = lake.put_days(playlist_id, {day: rank(source, noon)}, rows).keys[day]
        told = {"status": "ok", "entry_count": len(rows), "total": len(rows) + 2, "position_quality": "partial"}
        told |= {"entries_key": key, "capture_id": f"{day:%Y%m%d}", "app_version": "1", "reason": "Two are missing."}
        told |= {"name": "=Mine", "owner_id": "ann", "owner_name": "Ann", "followers": 3, "public": True}
        lake.put_snapshot(dict.fromkeys(SNAPSHOTS) | told | common | {"description": "<b>", "snapshot_id": "x"})


def at(folder: Path) -> Lake:
    return Lake(open_store(str(folder), World()), World())


DAYS = [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=4)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with three known days of a list, of a chart, and of somebody's Liked Songs."""
    folder = tmp_path_factory.mktemp("kept")
    for playlist_id in (LIST, CHART, LIKED):
        fill(at(folder), playlist_id, DAYS)
    return folder


def run(lake: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"CHARTLAKE_LAKE": str(lake)})


def without(rows: list[dict[str, Any]], columns: set[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in columns} for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_days_that_went_out_come_in_again_equal(kept: Path, tmp_path: Path, form: str) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"
    for playlist_id in LISTS:
        span = ("--from", str(FIRST), "--to", "2026-11-30")
        found = run(kept, "export", playlist_id, "--format", form, *span, "--output", f"{out}/")
        assert (found.exit_code, found.stdout) == (0, "")
        assert ("3 unavailable" in found.stderr) == (form == "exportify")
    assert len(list(out.iterdir())) == len(LISTS) * (1 if form in ("csv", "jsonl", "parquet") else len(DAYS))
    assert run(copy, "import", str(out)).exit_code == 0
    for playlist_id in LISTS:
        assert [row["snapshot_date"] for row in at(copy).snapshots(playlist_id, 2026)] == DAYS
        before, after = (at(lake).entries(playlist_id, DAYS[1]) for lake in (kept, copy))
        expected = without(before, OF_THE_COPY | LOST[form])
        if form == "exportify":
            expected = [row for row in expected if row["item_type"] != "unavailable"]
        assert without(after, OF_THE_COPY | LOST[form]) == expected
        assert {row[name] for row in after for name in LOST[form]} <= {None}
        assert after[0]["source"].startswith("import:chartlake-export:")
    assert verify(at(copy)).findings == ()


@pytest.mark.parametrize("form", ["json", "spotify-backup"])
def test_a_day_with_its_commit_brings_it_back(kept: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "day.json").write_text(run(kept, "export", LIST, "--format", form).stdout)
    run(tmp_path / "copy", "import", str(tmp_path / "day.json"))
    before, after = (at(one).snapshot(LIST, DAYS[-1]) for one in (kept, tmp_path / "copy"))
    assert before
    assert after
    own = {"app_version", "capture_id", "content_hash", "entries_key", "raw_key", "raw_sha256", "reason", "source"}
    assert without([after], own) == without([before], own)


def test_a_printed_copy_changes_nothing_where_it_came_from_and_invented_days_stay_invented(tmp_path: Path) -> None:
    lake = at(tmp_path / "lake")

    def tables() -> dict[str, bytes]:
        return {key: found.data for key in lake.store.list("tables/") if (found := lake.store.get(key))}

    fill(lake, CHART, [FIRST], "import:charts-official-daily:x.csv")
    fill(lake, LIST, [FIRST], "simulator")
    before = tables()
    for form in FORMS:
        for playlist_id in (CHART, LIST):
            printed = run(tmp_path / "lake", "export", playlist_id, "--format", form).stdout_bytes
            (tmp_path / f"{playlist_id[:5]}.any").write_bytes(printed)
        files = (str(tmp_path / "chart.any"), str(tmp_path / f"{LIST[:5]}.any"))
        found = json.loads(run(tmp_path / "lake", "import", *files, "--json").stdout)
        assert [(one["format"], one["changed"]) for one in found] == [("chartlake-export", 0)] * 2
        run(tmp_path / form, "import", files[1])
        assert {row["source"] for row in at(tmp_path / form).entries(LIST, FIRST)} == {"simulator"}
    assert tables() == before


def test_other_tools_find_their_own_columns_and_keys(kept: Path, shared_data: Path) -> None:
    told = csv.DictReader(io.StringIO(run(kept, "export", LIST, "--format", "exportify").stdout, newline=""))
    rows = list(told)
    theirs = (shared_data / "people_files" / "my_playlist.csv").read_text().split("\n")[0]
    assert list(rows[0])[:19] == next(csv.reader([theirs]))
    assert rows[0]["Track Name"] == "'=1+1"
    assert rows[0]["Artist URI(s)"] == f"spotify:artist:{identity(901)}, "
    assert rows[5]["Artist Name(s)"] == "Tyler\\, The Creator, Tyler\\, The Creator\\, Jr"
    (list_,) = json.loads(run(kept, "export", LIST, "--format", "spotify-backup").stdout)["playlists"]
    assert (list_["id"], list_["name"], list_["tracks"][0]["track"]["uri"]) == (LIST, "=Mine", rows[0]["Track URI"])
    assert list_["tracks"][-1]["track"] is None


def test_lines_and_parquet_are_the_table_for_other_readers(kept: Path, tmp_path: Path) -> None:
    span = ("--from", str(FIRST), "--to", str(DAYS[1]))
    run(kept, "export", LIST, "--format", "parquet", *span, "--output", f"{tmp_path}/a.parquet")
    run(kept, "export", LIST, "--format", "jsonl", *span, "--output", f"{tmp_path}/a.jsonl")
    found = duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{tmp_path}/a.parquet')").fetchall()
    assert {name: kind.replace('"', "") for name, kind in found} == ENTRIES
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines == [to_json(row) for day in DAYS[:2] for row in at(kept).entries(LIST, day)]
    typed = ", ".join(f"{name}::{kind} AS {name}" for name, kind in ENTRIES.items())
    both = f"FROM '{tmp_path}/a.parquet' EXCEPT ALL SELECT {typed} FROM '{tmp_path}/a.jsonl'"
    assert duckdb.sql(f"SELECT count(*) FROM ({both})").fetchall() == [(0,)]


@pytest.mark.parametrize("form", ["exportify", "urls"])
def test_a_span_of_days_needs_a_folder_where_a_file_has_one_day(kept: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / "out.txt"
    for where in ([], ["--output", str(target)]):
        found = run(kept, "export", LIST, "--format", form, "--from", "2026-11-01", *where)
        assert (found.exit_code, found.stdout) == (2, "")
        assert "--output exported/" in found.stderr
    assert not target.exists()
    assert run(kept, "export", CHART, "--format", form, "--output", str(tmp_path)).exit_code == 0
    (written,) = tmp_path.iterdir()
    assert written.stem == "chart-regional-global-daily-2026-11-05"


def test_a_span_that_is_not_known_or_torn_writes_nothing(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run(kept, "export", LIST, "--from", "2027-01-01", "--output", str(out)).exit_code == 1
    assert run(kept, "export", LIST, "--from", "2026-11-02", "--to", "2026-11-01").exit_code == 2
    assert run(kept, "export", LIST, "--from", "2026-11-02", "--date", "2026-11-02").exit_code == 2
    fill(at(tmp_path / "torn"), LIST, DAYS)
    at(tmp_path / "torn").drop_entries(LIST, DAYS[1])
    found = run(tmp_path / "torn", "export", LIST, "--from", str(FIRST), "--output", str(out))
    assert (found.exit_code, "0 entries are there, 11 were committed" in found.stderr) == (1, True)
    assert not out.exists()
    missing = run(kept, "export", LIST, "--output", str(tmp_path / "none" / "out.csv"))
    assert (missing.exit_code, "none/out.csv" in missing.stderr) == (1, True)


def test_what_was_purged_with_its_user_does_not_come_back(kept: Path, tmp_path: Path) -> None:
    run(kept, "export", LIKED, "--format", "jsonl", "--output", f"{tmp_path}/a.jsonl")
    bury(at(tmp_path / "copy"), date(2026, 12, 1), user_id=LIKED.removeprefix("liked:"))
    assert json.loads(run(tmp_path / "copy", "import", f"{tmp_path}/a.jsonl", "--json").stdout)[0]["purged"] == 1


# Files of strangers.


def lines_of(kept: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(kept, "export", LIST, "--format", "jsonl").stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("{", "it is no JSON"), ("[1]", "it is no object"), ('{"position": 3}', "playlist_id is missing"), ("[" * 99_999, "it is no JSON")],
)  # fmt: skip
def test_a_bad_line_is_named_and_can_be_left_out(kept: Path, line: str, reason: str) -> None:
    good = [json.dumps(one) for one in lines_of(kept)]
    text = "\n".join([*good[:2], line, *good[2:]])
    assert f"line 3: {reason}" in refusal("a.jsonl", text).message
    rejects: list[tuple[int, str, str]] = []
    (day,) = read("a.jsonl", text, skip_bad=rejects)
    assert ([number for number, *_ in rejects], len(day.rows)) == ([3], len(good))


@pytest.fixture(scope="module")
def own(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A connection to an export, `own`."""
    path = tmp_path_factory.mktemp("own") / "own.parquet"
    run(kept, "export", LIST, "--format", "parquet", "--output", str(path))
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = 'UTC'; CREATE TABLE own AS FROM '{path}'")
    return connection


def planted(own: Any, tmp_path: Path, query: str) -> bytes:
    """A Parquet file that somebody made from an export."""
    own.execute(f"COPY ({query}) TO '{tmp_path}/planted.parquet' (FORMAT parquet)")
    return (tmp_path / "planted.parquet").read_bytes()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT * EXCLUDE (position, source) FROM own", "it lacks the columns position, source"),
        ("SELECT * REPLACE (position + 0.4 AS position) FROM own", "its column position is DECIMAL"),
        ("SELECT * REPLACE (encode(name) AS name) FROM own", "its column name is BLOB, not VARCHAR"),
        ("SELECT * REPLACE (DATE '1999-01-01' AS snapshot_date) FROM own", "a row has the day 1999-01-01"),
        ("SELECT * REPLACE ('../x' AS playlist_id) FROM own", "'../x', no id of a list"),
        ("SELECT * REPLACE (0 AS position) FROM own", "position is 0"),
        ("SELECT * REPLACE (1 AS position) FROM own", "position 1 stands there twice"),
        ("SELECT * REPLACE (NULL::VARCHAR AS item_type) FROM own", "item_type is missing"),
        ("SELECT own.* REPLACE (i::INTEGER AS position) FROM range(1, 260000) t(i), (FROM own LIMIT 1) AS own",
         "a day of 259,999 entries"),
        ("SELECT * REPLACE (repeat('x', 2000000) AS name) FROM own", "a row of 2,0"),
        ("SELECT * REPLACE (list_transform(range(200000), lambda i: {id: NULL::VARCHAR, name: NULL::VARCHAR}) AS artists)"
         " FROM own LIMIT 1", "a row of 1,6"),
        ("SELECT 1 AS x", "it lacks the columns snapshot_date"),
        ("FROM own LIMIT 0", "it has no rows"),
    ],
)  # fmt: skip
def test_parquet_of_strangers_is_refused_with_the_reason(own: Any, tmp_path: Path, query: str, reason: str) -> None:
    assert reason in refusal("a.parquet", planted(own, tmp_path, query)).message


def test_parquet_with_more_or_fewer_columns_is_read_as_far_as_it_goes(own: Any, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen"
    evil = f"""x") FROM own); COPY (SELECT 1) TO '{stolen}'; SELECT ("x""".replace('"', '""')
    (day,) = read("a.parquet", planted(own, tmp_path, f'SELECT * EXCLUDE (streams), 1 AS "{evil}" FROM own'))
    assert ([row["streams"] for row in day.rows], stolen.exists()) == ([None] * len(items()), False)


def test_damaged_parquet_is_refused_and_leaves_nothing(own: Any, tmp_path: Path) -> None:
    whole = planted(own, tmp_path, "FROM own")
    for data in (whole[:-9], whole[:40], b"PAR1", whole[:200] + os.urandom(200) + whole[400:]):
        assert "no table" in refusal("a.parquet", data).message or "not a table" in refusal("a.parquet", data).message
    long = planted(own, tmp_path, "SELECT * REPLACE (repeat('x', 20000) AS name) FROM own")
    with pytest.raises(BadImport, match="when unpacked"):
        read("a.parquet", long, limits=Limits(file=100_000))
    assert len(long) < 50_000
