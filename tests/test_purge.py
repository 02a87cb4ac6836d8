"""What is purged is gone, stays gone, and leaves the rest of the lake proven."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib import cli
from chalicelib.errors import BadSetting, DamagedFile, NotKept
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.snapshots.purge import Wish, purge, wish
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify
from simulator import Simulator

from .conftest import Clock, Killed, Mortal
from .test_extract import TODAY, Rig
from .test_imports import CHART, only, write
from .test_lake import DAY

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def rig(address: str, clock: Clock) -> Iterator[Rig]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        yield Rig(simulator, server, Lake(open_store(address, clock.world()), clock.world()), clock)


def lived_days(rig: Rig, days: int = 3) -> None:
    for _ in range(days):
        rig.extract("top-50", "fifty", "hundred-and-one")
        rig.clock.advance(days=1)


def everything(lake: Lake) -> dict[str, bytes]:
    return {key: lake.store.get(key).data for key in lake.store.list("")}


def text_of(lake: Lake) -> str:
    """All that stands in the lake, unpacked."""
    raw = [gzip.decompress(lake.read_raw(key)).decode() for _, _, key in lake.raw_keys()]
    rows: list[Any] = [lake.snapshots(*one) for one in lake.held()]
    rows += [lake.entries(one, row["snapshot_date"]) for one, year in lake.held() for row in lake.snapshots(one, year)]
    return repr((raw, rows, lake.read_state(keys.PURGED)))


def killed_after(rig: Rig, changes: int, asked: Wish) -> bool:
    world = rig.clock.world()
    try:
        purge(Lake(Mortal(rig.lake.store, changes), world), world, asked, dry_run=False)
    except Killed:
        return True
    return False


def test_a_dry_run_tells_what_would_go_and_changes_nothing(rig: Rig) -> None:
    lived_days(rig)
    before = everything(rig.lake)
    found = purge(rig.lake, rig.clock.world(), Wish(TOMORROW, playlist_id=rig.id("top-50")))
    assert everything(rig.lake) == before
    assert found == purge(rig.lake, rig.clock.world(), Wish(TOMORROW, playlist_id=rig.id("top-50")), dry_run=False)
    assert found.raw_keys == [key for key in before if "T50/date=2026-11-23" in key]
    segment = keys.segment(rig.id("top-50"), date(2026, 1, 1))
    assert found.removed == {keys.snapshots(rig.id("top-50"), 2026): 1, segment: 50}


def test_a_purged_playlist_is_gone_and_the_others_are_proven(rig: Rig) -> None:
    lived_days(rig)
    asked = wish(rig.lake, TODAY, rig.id("top-50"), None, None)
    purge(rig.lake, rig.clock.world(), asked, dry_run=False)
    assert [key for key in rig.lake.store.list("") if rig.id("top-50") in key] == []
    verdict = verify(rig.lake)
    assert (verdict.days, verdict.findings) == (6, ())


def test_what_a_killed_process_left_of_a_purged_playlist_goes_too(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    only(import_path(lake, write(tmp_path)))
    root = Path(lake.store.locate(""))
    half = root / "raw" / f"playlist_id={CHART.replace(':', '%3A')}" / f"date={DAY}" / ".1.json.gz.unfinished"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a document")
    asked = Wish(DAY + timedelta(days=1), playlist_id=CHART)
    purge(lake, clock.world(), asked)
    assert half.exists()
    purge(lake, clock.world(), asked, dry_run=False)
    assert not half.exists()


def test_replay_does_not_bring_purged_days_back(rig: Rig) -> None:
    lived_days(rig)
    raw = {key: rig.lake.read_raw(key) for _, _, key in rig.lake.raw_keys(rig.id("top-50"))}
    purge(rig.lake, rig.clock.world(), Wish(TOMORROW, playlist_id=rig.id("top-50")), dry_run=False)
    for key, data in raw.items():
        rig.lake.store.create(key, data)
    replay(rig.lake, rig.clock.world())
    days = [row["snapshot_date"] for row in rig.lake.snapshots(rig.id("top-50"), 2026)]
    assert days == [TOMORROW, TOMORROW + timedelta(days=1)]


def test_import_leaves_purged_days_out_and_says_so(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    path = write(tmp_path)
    only(import_path(lake, path))
    purge(lake, clock.world(), Wish(DAY + timedelta(days=1), playlist_id=CHART), dry_run=False)
    found = only(import_path(lake, path))
    assert (found.error, found.days, found.purged) == (None, 0, 1)
    assert lake.held() == []


def test_old_raw_goes_and_its_rows_stay(rig: Rig) -> None:
    lived_days(rig)
    kept = rig.lake.entries(rig.id("fifty"), TODAY)
    found = purge(rig.lake, rig.clock.world(), Wish(TOMORROW), dry_run=False)
    assert len(found.raw_keys) == 3
    assert min(day for _, day, _ in rig.lake.raw_keys()) == TOMORROW
    assert rig.lake.entries(rig.id("fifty"), TODAY) == kept
    assert rig.lake.snapshot(rig.id("fifty"), TODAY)["raw_key"] is None
    assert verify(rig.lake).findings == ()


def test_days_that_stand_on_a_day_without_raw_are_replayed_as_they_were(rig: Rig) -> None:
    lived_days(rig)
    assert rig.lake.snapshot(rig.id("hundred-and-one"), TOMORROW)["status"] == "unchanged"
    purge(rig.lake, rig.clock.world(), Wish(TOMORROW), dry_run=False)
    assert replay(rig.lake, rig.clock.world()).changed == ()


def test_a_purged_user_is_named_nowhere_and_the_lists_stay(rig: Rig) -> None:
    lived_days(rig)
    user = rig.lake.snapshot(rig.id("fifty"), TODAY)["owner_id"]
    assert user in text_of(rig.lake)
    names = rig.names("fifty")
    asked = wish(rig.lake, TODAY, None, user, None)
    purge(rig.lake, rig.clock.world(), asked, dry_run=False)
    assert f"'{user}'" not in text_of(rig.lake)
    assert f'user/{user}"' not in text_of(rig.lake)
    assert rig.names("fifty") == names
    assert len(list(rig.lake.raw_keys(rig.id("top-50")))) == 3
    assert verify(rig.lake).findings == ()
    assert replay(rig.lake, rig.clock.world()).changed == ()


def test_a_purged_user_does_not_come_back_by_replay(rig: Rig) -> None:
    lived_days(rig, 1)
    user = rig.lake.snapshot(rig.id("fifty"), TODAY)["owner_id"]
    raw = {key: rig.lake.read_raw(key) for _, _, key in rig.lake.raw_keys()}
    purge(rig.lake, rig.clock.world(), Wish(TOMORROW, user_id=user), dry_run=False)
    for key, data in raw.items():
        if rig.lake.store.get(key) is None:
            rig.lake.store.create(key, data)
    assert replay(rig.lake, rig.clock.world()).changed == ()
    assert rig.lake.snapshot(rig.id("fifty"), TODAY)["owner_id"] is None


def test_an_import_does_not_name_a_purged_user(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    playlist = {
        "id": "0" * 22,
        "name": "Mine",
        "owner": {"id": "ann", "display_name": "Ann"},
        "tracks": {
            "total": 1,
            "items": [{"added_by": {"id": "ann"}, "track": {"type": "track", "id": "1" * 22, "name": "Song"}}],
        },
    }
    path = tmp_path / f"2026-11-23-{'0' * 22}.json"
    path.write_text(json.dumps(playlist))
    only(import_path(lake, path))
    assert lake.entries("0" * 22, TODAY)[0]["added_by"] == "ann"
    asked = Wish(TOMORROW, user_id="ann")
    assert len(purge(lake, clock.world(), asked, dry_run=False).redacted) == 2
    # Its bytes name the user, so they are not kept again, and the day says so.
    assert [only(import_path(lake, path)).changed for _ in range(2)] == [1, 0]
    row = lake.snapshot("0" * 22, TODAY)
    assert row["raw_key"] is None
    assert (row["owner_id"], row["owner_name"], lake.entries("0" * 22, TODAY)[0]["added_by"]) == (None, None, None)


@pytest.mark.parametrize("what", ["playlist", "user", "raw"])
def test_a_purge_killed_anywhere_is_finished_by_the_next(rig: Rig, what: str) -> None:
    lived_days(rig, 2)
    user = rig.lake.snapshot(rig.id("fifty"), TODAY)["owner_id"]
    asked = Wish(
        TOMORROW + timedelta(days=1),
        playlist_id=rig.id("fifty") if what == "playlist" else None,
        user_id=user if what == "user" else None,
    )
    kills = 0
    while killed_after(rig, min(kills, 1), asked):
        kills += 1
        replay(rig.lake, rig.clock.world())
        if what != "playlist":
            assert verify(rig.lake).findings == ()
        assert kills < 40
    assert kills > 2
    assert verify(rig.lake).findings == ()
    again = purge(rig.lake, rig.clock.world(), asked)
    assert (again.raw_keys, again.removed, again.redacted) == ([], {}, {})


@pytest.mark.parametrize("damaged", [b'{"playlists": {"x": "yesterday"}}', b'{"playlists": []}', b"{", b'{"raw": 7}'])
def test_tombstones_that_cannot_be_read_stop_what_could_bring_something_back(
    lake: Lake, clock: Clock, damaged: bytes
) -> None:
    lake.store.create(keys.PURGED, damaged)
    with pytest.raises(DamagedFile, match=r"purged\.json") as caught:
        replay(lake, clock.world())
    assert "Restore" in caught.value.advice
    with pytest.raises(DamagedFile) as caught:
        purge(lake, clock.world(), Wish(TOMORROW), dry_run=False)
    assert "Restore" in caught.value.advice
    assert lake.store.get(keys.PURGED).data == damaged


def test_purging_one_day_keeps_the_later_days_of_its_segment(rig: Rig) -> None:
    lived_days(rig)
    purge(rig.lake, rig.clock.world(), Wish(TOMORROW, playlist_id=rig.id("fifty")), dry_run=False)
    assert rig.names("fifty", TODAY) == []
    assert len(rig.names("fifty", TOMORROW)) == 50
    assert verify(rig.lake).findings == ()


def command(lake: Lake, *arguments: str) -> tuple[int, str]:
    address = lake.store.locate("").rstrip("/")
    found = CliRunner(env={"CHARTLAKE_LAKE": address}).invoke(cli.main, ["purge", *arguments])
    return found.exit_code, found.output


def test_the_command_tells_first_and_does_it_only_when_told(lake: Lake, tmp_path: Path) -> None:
    only(import_path(lake, write(tmp_path)))
    assert "Add --yes" in command(lake, "--playlist", CHART)[1]
    assert lake.held() == [(CHART, DAY.year)]
    code, output = command(lake, "--playlist", CHART, "--yes", "--json")
    assert (code, json.loads(output)["dry_run"]) == (0, False)
    assert lake.held() == []


def test_days_to_come_are_not_buried(rig: Rig) -> None:
    lived_days(rig, 1)
    before = everything(rig.lake)
    for playlist_id in (None, rig.id("fifty")):
        with pytest.raises(BadSetting, match="still to come") as caught:
            wish(rig.lake, TODAY, playlist_id, None, TOMORROW + timedelta(days=1))
        assert str(TOMORROW) in caught.value.advice
        assert wish(rig.lake, TODAY, playlist_id, None, TOMORROW).before == TOMORROW
    assert everything(rig.lake) == before


def test_a_playlist_that_is_not_there_is_not_buried(rig: Rig) -> None:
    lived_days(rig, 1)
    with pytest.raises(NotKept, match="nothing of playlist 1111"):
        wish(rig.lake, TODAY, "1" * 22, None, None)
    purge(rig.lake, rig.clock.world(), wish(rig.lake, TODAY, rig.id("fifty"), None, None), dry_run=False)
    # One that was killed may have left pages behind.
    assert wish(rig.lake, TODAY, rig.id("fifty"), None, None).before == TOMORROW


def test_a_replay_says_what_it_left_out_because_it_was_purged(rig: Rig) -> None:
    lived_days(rig)
    user = rig.lake.snapshot(rig.id("fifty"), TODAY)["owner_id"]
    raw = {key: rig.lake.read_raw(key) for _, _, key in rig.lake.raw_keys()}
    purge(rig.lake, rig.clock.world(), Wish(TOMORROW), dry_run=False)
    purge(rig.lake, rig.clock.world(), Wish(TOMORROW + timedelta(days=1), user_id=user), dry_run=False)
    gone = [key for key in raw if rig.lake.store.get(key) is None]
    for key in gone:
        rig.lake.store.create(key, raw[key])
    found = replay(rig.lake, rig.clock.world())
    assert (found.captures, found.purged, found.to_json()["purged"]) == (6, len(gone), len(gone))
    first = replay(rig.lake, rig.clock.world(seconds_left=1))
    then = replay(rig.lake, rig.clock.world(), start=first.left)
    assert (first.captures + then.captures, first.purged + then.purged) == (6, len(gone))
    address = rig.lake.store.locate("").rstrip("/")
    output = CliRunner(env={"CHARTLAKE_LAKE": address}).invoke(cli.main, ["replay"]).output
    assert f"6 raw captures read, {len(gone)} left out because they were purged" in output


@pytest.mark.parametrize("wrong", [[], ["--user", "x", "--before", "2026-01-01"], ["--user", "x", "--playlist", "y"]])
def test_the_command_wants_one_thing(lake: Lake, wrong: list[str]) -> None:
    code, output = command(lake, *wrong)
    assert code == 2
    assert "one thing" in output
