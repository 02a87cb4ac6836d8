"""`chartlake demo`: invented days through the real pipeline, in a folder that is only ever a demo's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.analysis.coverage import coverage
from chalicelib.analysis.events import read_events
from chalicelib.analysis.watchlist import read_watchlist
from chalicelib.cli.demo_lake import PLAYLISTS, demo_folder, take_days
from chalicelib.errors import BadSetting
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.report.event_words import sentence
from chalicelib.snapshots.verify import verify
from chalicelib.text import printable
from chalicelib.time_and_chance import World
from simulator import CURATED, TOP_50, VIRAL_50

from .channels import atom_faults
from .conftest import NOON

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "chalicelib"]
UTC_ZONE = ZoneInfo("UTC")
PLANNED = {
    TOP_50: "ok missed deferred ok unavailable missed ok ok",
    VIRAL_50: "ok missed deferred ok unavailable missed suspect ok",
    CURATED: "ok missed deferred not_found unavailable missed ok ok",
}


def start(folder: Path, *arguments: str, command: list[str] = COMMAND, **environment: str) -> subprocess.Popen[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE"))}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command, *arguments],
        env=keep | {"PYTHONPATH": str(ROOT)} | environment,
        cwd=folder,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def run(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    process = start(folder, *arguments, **options)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def lake_of(address: str) -> Lake:
    return Lake(open_store(address, World()), World())


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def eight_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A person's folder after `chartlake demo --days 8`."""
    folder = tmp_path_factory.mktemp("person")
    return folder, run(folder, "demo", "--days", "8", CHARTLAKE_LAKE="real", CHARTLAKE_PLAYLISTS="0" * 22)


def test_every_day_is_worth_what_was_planned_for_it(
    eight_days: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, made = eight_days
    assert made.returncode == 0
    found = coverage(lake_of(str(folder / "demo" / "lake")), datetime.now(UTC).date())
    assert {one.playlist_id: " ".join(day.status for day in one.days) for one in found} == PLANNED


def test_the_lake_is_proven(eight_days: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, made = eight_days
    verdict = verify(lake_of(str(folder / "demo" / "lake")))
    assert verdict.findings == ()
    assert (verdict.days, verdict.published) == (18, 10)
    assert f"{verdict.entries} entries" in made.stdout


def test_it_says_that_all_is_invented_what_is_there_and_what_to_do_next(
    eight_days: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, made = eight_days
    lines = made.stdout.splitlines()
    assert "invented" in lines[0]
    assert "8 days of 3 playlists in demo/lake" in lines[1]
    assert "Top 50 - Global (simulated)  4 ok, 2 missed, 1 deferred, 1 unavailable" in made.stdout
    assert lines[-1].endswith("CHARTLAKE_LAKE=demo/lake chartlake watch list")
    assert made.stderr == ""
    assert sorted(path.name for path in folder.iterdir()) == ["demo"]


def test_it_ends_with_what_happened_on_the_newest_day_to_the_list_it_watches(
    eight_days: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, made = eight_days
    told = made.stdout.partition("The newest day of the list that is watched:\n")[2].splitlines()[:3]
    world = World()
    lake = Lake(open_store(str(folder / "demo" / "lake"), world), world)
    happened = {printable(sentence(event)) for event in read_events(lake, playlists=[TOP_50], since=None)}
    assert {line.strip() for line in told} <= happened
    assert [one.kind for one in read_watchlist(lake).channels] == ["feeds"]
    feeds = {key: lake.store.get(key) for key in lake.store.list(keys.FEEDS)}
    assert {keys.ALL_FEED, keys.WATCHED_FEED, keys.list_feed(TOP_50)} <= set(feeds)
    assert [fault for found in feeds.values() if found for fault in atom_faults(found.data)] == []


def test_a_demo_is_made_anew_and_machines_get_one_document(tmp_path: Path) -> None:
    assert run(tmp_path, "demo", "--days", "3", "--into", "a b").returncode == 0
    (tmp_path / "a b" / "site").mkdir()
    (tmp_path / "a b" / "site" / "index.html").write_text("old")
    again = run(tmp_path, "demo", "--days", "1", "--into", "a b", "--json")
    document = json.loads(again.stdout)
    assert again.returncode == 0
    assert "invented" in again.stderr
    assert (document["days"], document["complete"], document["lake"]) == (1, True, "a b/lake")
    assert [one["counts"] for one in document["playlists"]] == [{"ok": 1}] * 3
    assert {path.name for path in (tmp_path / "a b").iterdir()} - {".lock"} == {"DEMO.txt", "lake"}
    shown = run(tmp_path, "demo", "--days", "1", "--into", "a b")
    assert "CHARTLAKE_LAKE='a b/lake' " in shown.stdout


# Whose folder it is.


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A demo's folder, with a day of the Top 50 in it."""
    with demo_folder(tmp_path / "demo") as lake:
        (Path(lake) / "raw" / f"playlist_id={TOP_50}").mkdir(parents=True)
        (Path(lake) / "raw" / f"playlist_id={TOP_50}" / "x").write_text("")
    return tmp_path / "demo"


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "lake/raw/playlist_id=37i9dQZEVXbMDoHDwVN2tF/date=2026-11-23/20261123T060000Z-0000000000000000.json.gz",
        "lake/config/playlists.txt",
        "lake/tables/snapshots/year=2026/chart%3Aregional-global-daily.parquet",
    ],
)
def test_what_a_person_put_beside_a_demo_is_never_deleted(demo: Path, name: str) -> None:
    (demo / name).parent.mkdir(parents=True, exist_ok=True)
    (demo / name).write_text("mine")
    before = contents(demo)
    with pytest.raises(BadSetting, match="no demo made"), demo_folder(demo):
        pass
    assert contents(demo) == before


def test_a_demo_whose_watchlist_was_tried_out_is_made_anew(demo: Path) -> None:
    (demo / "lake" / "config").mkdir()
    (demo / "lake" / "config" / "watch.txt").write_text("all | entered\n")
    with demo_folder(demo) as lake:
        assert open_store(lake, World()).get(keys.WATCH) is None


@pytest.mark.parametrize("mark", [None, "", "Made by somebody else."])
def test_a_folder_that_is_not_a_demos_is_refused_and_untouched(tmp_path: Path, mark: str | None) -> None:
    folder = tmp_path / "demo"
    key = f"raw/playlist_id={TOP_50}/date=2026-11-23/20261123T060000Z-0000000000000000.json.gz"
    (folder / "lake" / key).parent.mkdir(parents=True)
    (folder / "lake" / key).write_text("mine")
    if mark is not None:
        (folder / "DEMO.txt").write_text(mark)
    before = contents(folder)
    refused = run(tmp_path, "demo", "--days", "1")
    assert refused.returncode == 2
    assert "no demo made" in refused.stderr
    assert "--into" in refused.stderr
    assert contents(folder) == before


def test_a_link_is_not_followed(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (demo / "lake").rename(tmp_path / "elsewhere" / "lake")
    (demo / "lake").symlink_to(tmp_path / "elsewhere" / "lake")
    before = contents(tmp_path / "elsewhere")
    with pytest.raises(BadSetting), demo_folder(demo):
        pass
    assert contents(tmp_path / "elsewhere") == before != {}


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    refused = run(tmp_path, "demo", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["message"] == "demo is no folder."
    assert (tmp_path / "demo").read_text() == "mine"


# Time.


def rows_of(lake: Lake) -> list[dict[str, Any]]:
    """All that the tables hold but the hash of raw: Spotify's answers name the port that they came from."""
    found = []
    for playlist_id, year in lake.held():
        for row in lake.snapshots(playlist_id, year):
            found.append(row | {"raw_sha256": None})
            found += lake.entries(playlist_id, row["snapshot_date"])
    return found


def test_equal_seeds_and_days_give_equal_tables(tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((1, 1, 2)):
        address = str(tmp_path / str(number))
        assert len(list(take_days(address, 4, NOON, UTC_ZONE, seed))) == 4
        found.append(rows_of(lake_of(address)))
    assert found[0] == found[1] != found[2]
    assert len(found[0]) > 300


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 12), ("Pacific/Kiritimati", 12), ("Pacific/Niue", 12), ("UTC", 3)])
def test_it_ends_today_wherever_one_is_and_never_in_the_future(tmp_path: Path, zone: str, hour: int) -> None:
    now = NOON.replace(hour=hour)
    days = [day for day, _ in take_days(str(tmp_path), 2, now, ZoneInfo(zone))]
    today = now.astimezone(ZoneInfo(zone)).date()
    assert days == [today - timedelta(days=1), today]
    for playlist_id in PLAYLISTS:
        row = lake_of(str(tmp_path)).snapshot(playlist_id, today)
        assert row is not None
        assert row["captured_at"] <= now
        entries = lake_of(str(tmp_path)).entries(playlist_id, today)
        assert all(e["added_at"] is None or e["added_at"] <= row["captured_at"] for e in entries)


def test_ninety_days_have_gaps_of_every_kind_and_all_else_is_kept(tmp_path: Path) -> None:
    found = list(take_days(str(tmp_path), 90, NOON, UTC_ZONE))
    assert [day for day, run in found if run is None] == [date(2026, 9, 11), date(2026, 9, 12), date(2026, 11, 3)]
    lake = lake_of(str(tmp_path))
    counts = {one.playlist_id: one.counts for one in coverage(lake, NOON.date())}
    assert counts == {
        TOP_50: {"ok": 85, "missed": 3, "deferred": 1, "unavailable": 1},
        VIRAL_50: {"ok": 84, "missed": 3, "deferred": 1, "unavailable": 1, "suspect": 1},
        CURATED: {"ok": 83, "missed": 3, "deferred": 1, "unavailable": 1, "not_found": 2},
    }
    assert len({row["name"] for row in lake.snapshots(CURATED, 2026) if row["name"]}) == 2


# Trouble.


def test_two_at_once_do_not_meet_and_ctrl_c_leaves_whole_days(tmp_path: Path) -> None:
    first = start(tmp_path, "-v", "demo", "--days", "1000")
    assert first.stdout is not None
    assert first.stderr is not None
    while "snapshot" not in first.stderr.readline():
        assert first.poll() is None
    second = run(tmp_path, "demo", "--days", "1")
    assert second.returncode == 1
    assert "Another demo is at work in demo." in second.stderr
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 3
    assert "Stopped after" in out
    assert "run it again" in out
    assert "Traceback" not in err
    verdict = verify(lake_of(str(tmp_path / "demo" / "lake")))
    assert verdict.published > 0
    assert [finding for finding in verdict.findings if "interrupted run" not in finding.problem] == []
    assert run(tmp_path, "demo", "--days", "1").returncode == 0


_LITTLE_ROOM = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from chalicelib.cli import main
main()
"""


def test_a_full_disk_ends_it_with_advice(tmp_path: Path) -> None:
    failed = run(tmp_path, "demo", "--days", "30", command=[sys.executable, "-c", _LITTLE_ROOM])
    assert failed.returncode == 1
    assert "run the same command again" in failed.stderr
    assert "Traceback" not in failed.stderr
