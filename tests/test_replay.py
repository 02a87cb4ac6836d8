"""Tables made again from raw are the tables that were."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib import cli
from chalicelib.errors import BadSetting, NotKept
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import Status
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify
from simulator import TOP_50, Fault, Simulator

from .conftest import Clock, put_entries
from .test_extract import TODAY, Rig


@pytest.fixture
def rig(lake: Lake, clock: Clock) -> Iterator[Rig]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        yield Rig(simulator, server, lake, clock)


def tables(lake: Lake) -> dict[str, bytes]:
    return {key: lake.store.get(key).data for key in lake.store.list("tables/")}


def delete_tables(lake: Lake) -> None:
    for key in list(lake.store.list("tables/")):
        Path(lake.store.locate(key)).unlink()


def lived_days(rig: Rig, days: int = 12) -> None:
    """Days with everything in them: edits, second snapshots, an unchanged long list, a day that vanished."""
    for number in range(days):
        if number == 4:
            rig.simulator.edit(rig.id("hundred-and-one"), remove_at=7)
        if number == 6:
            body = {"id": rig.id("fifty"), "snapshot_id": "x", "owner": {}, "tracks": {"items": [], "total": 0}}
            rig.simulator.faults.add(Fault("body", on="playlist", playlist=rig.id("fifty"), body=json.dumps(body)))
        rig.extract("top-50", "fifty", "hundred-and-one", "empty")
        if number == 8:
            rig.clock.advance(hours=2)
            rig.extract("top-50", again=True)
            rig.clock.advance(hours=-2)
        rig.clock.advance(days=1)


def test_when_nothing_changed_a_replay_changes_no_byte(rig: Rig) -> None:
    lived_days(rig)
    before = tables(rig.lake)
    found = replay(rig.lake, rig.clock.world())
    assert (found.captures, found.changed) == (49, ())
    assert tables(rig.lake) == before


def test_lost_tables_come_back_byte_for_byte(rig: Rig) -> None:
    lived_days(rig)
    before = tables(rig.lake)
    statuses = {row["status"] for row in rig.lake.snapshots(rig.id("fifty"), 2026)}
    assert statuses == {Status.OK, Status.SUSPECT}
    delete_tables(rig.lake)
    found = replay(rig.lake, rig.clock.world())
    assert len(found.changed) == 48
    assert tables(rig.lake) == before
    assert verify(rig.lake).findings == ()


def test_full_segments_come_back_as_they_were(rig: Rig) -> None:
    rig.lake = Lake(rig.lake.store, rig.clock.world(), segment_rows=120)
    lived_days(rig)
    before = tables(rig.lake)
    assert len(rig.lake.segment_keys(TOP_50, 2026)) > 2
    delete_tables(rig.lake)
    replay(rig.lake, rig.clock.world())
    assert tables(rig.lake) == before


def test_a_dry_run_names_what_would_change_and_writes_nothing(rig: Rig) -> None:
    lived_days(rig, 3)
    day = TODAY + timedelta(days=1)
    rows = [{**entry, "name": "Forged", "snapshot_date": day.isoformat()} for entry in rig.lake.entries(TOP_50, day)]
    from chalicelib.lake.tables import to_json

    moment = rig.lake.snapshot(TOP_50, day)["captured_at"]
    put_entries(rig.lake, TOP_50, day, moment, "simulator", [to_json(row) for row in rows])
    forged = tables(rig.lake)
    assert replay(rig.lake, rig.clock.world(), dry_run=True).changed == ((TOP_50, day),)
    assert tables(rig.lake) == forged
    assert replay(rig.lake, rig.clock.world()).changed == ((TOP_50, day),)
    assert verify(rig.lake).findings == ()


def test_only_the_named_playlists_and_days_are_touched(rig: Rig) -> None:
    lived_days(rig, 5)
    delete_tables(rig.lake)
    found = replay(
        rig.lake,
        rig.clock.world(),
        playlist_ids=[TOP_50],
        first=TODAY + timedelta(days=1),
        last=TODAY + timedelta(days=2),
    )
    assert found.changed == ((TOP_50, TODAY + timedelta(days=1)), (TOP_50, TODAY + timedelta(days=2)))
    assert rig.lake.tried() == [(TOP_50, 2026)]


def test_days_that_raw_does_not_tell_of_stay(rig: Rig) -> None:
    rig.simulator.faults.add(Fault("status", status=404, on="playlist", times=1))
    rig.extract("top-50")
    rig.clock.advance(days=1)
    rig.extract("top-50")
    assert replay(rig.lake, rig.clock.world()).changed == ()
    assert [row["status"] for row in rig.lake.snapshots(TOP_50, 2026)] == ["not_found", "ok"]


def test_an_unchanged_day_at_the_turn_of_the_year_finds_its_entries(rig: Rig) -> None:
    rig.clock.advance(days=(date(2026, 12, 31) - TODAY).days)
    for _ in range(3):
        rig.extract("hundred-and-one")
        rig.clock.advance(days=1)
    before = tables(rig.lake)
    delete_tables(rig.lake)
    replay(rig.lake, rig.clock.world())
    assert tables(rig.lake) == before


def test_a_damaged_raw_document_is_named(rig: Rig) -> None:
    rig.extract("top-50")
    key = next(iter(rig.lake.store.list(keys.RAW)))
    path = Path(rig.lake.store.locate(key))
    document = json.loads(gzip.decompress(path.read_bytes()))
    document["answers"][0]["body"] += " "
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    ((damaged, problem),) = replay(rig.lake, rig.clock.world()).damaged
    assert damaged == key
    assert "SHA-256" in problem


def spoil(lake: Lake, key: str) -> None:
    Path(lake.store.locate(key)).write_bytes(b"rubbish")


def command(lake: Lake, *arguments: str) -> tuple[int, str]:
    found = CliRunner(env={"CHARTLAKE_LAKE": lake.store.locate("").rstrip("/")}).invoke(cli.main, list(arguments))
    return found.exit_code, found.output


def test_a_damaged_document_holds_up_no_other(rig: Rig) -> None:
    lived_days(rig, 4)
    day = TODAY + timedelta(days=1)
    before = tables(rig.lake)
    key = rig.lake.snapshot(rig.id("fifty"), day)["raw_key"]
    spoil(rig.lake, key)
    delete_tables(rig.lake)
    code, output = command(rig.lake, "replay")
    assert (code, f"{key}: " in output, "15 raw captures read, 1 damaged: 15 days changed." in output) == (
        3,
        True,
        True,
    )
    assert {row["snapshot_date"] for row in rig.lake.snapshots(rig.id("fifty"), 2026)} == {
        TODAY + timedelta(days=n) for n in (0, 2, 3)
    }
    others = {name for name in before if "fifty" not in name and rig.id("fifty") not in name}
    assert {name: tables(rig.lake)[name] for name in others} == {name: before[name] for name in others}


def test_where_no_document_can_be_read_a_replay_has_failed(rig: Rig) -> None:
    rig.extract("top-50")
    key = rig.lake.snapshot(TOP_50, TODAY)["raw_key"]
    spoil(rig.lake, key)
    code, output = command(rig.lake, "replay", "--json")
    assert (code, json.loads(output)["damaged"][0]["raw_key"]) == (1, key)


def test_unchanged_days_stand_on_what_was_kept_of_a_damaged_one(rig: Rig) -> None:
    long = rig.id("hundred-and-one")
    for number in range(3):
        if number == 1:
            rig.simulator.edit(long, insert_at=7)
        rig.extract("hundred-and-one")
        rig.clock.advance(days=1)
    before = tables(rig.lake)
    second = rig.lake.snapshot(long, TODAY + timedelta(days=1))
    assert rig.lake.snapshot(long, TODAY + timedelta(days=2))["status"] == "unchanged"
    spoil(rig.lake, second["raw_key"])
    assert replay(rig.lake, rig.clock.world()).changed == ()
    assert tables(rig.lake) == before
    delete_tables(rig.lake)
    replay(rig.lake, rig.clock.world())
    # The list of the first day was another one: it does not stand for the third.
    kept = [(row["snapshot_date"], row["status"]) for row in rig.lake.snapshots(long, 2026)]
    assert kept == [(TODAY, "ok"), (TODAY + timedelta(days=2), "incomplete")]


def test_a_list_without_raw_and_days_the_wrong_way_round_are_refused(rig: Rig) -> None:
    rig.extract("top-50")
    with pytest.raises(NotKept, match="no raw document of playlist 1111"):
        replay(rig.lake, rig.clock.world(), playlist_ids=[TOP_50, "1" * 22])
    with pytest.raises(BadSetting, match="after the last one"):
        replay(rig.lake, rig.clock.world(), first=TODAY, last=TODAY - timedelta(days=1))
    assert command(rig.lake, "replay", "--from", "2026-11-24", "--to", "2026-11-23")[0] == 2
    assert "nothing was there to be replayed" in command(rig.lake, "replay", "--from", "2027-01-01")[1]


def test_what_is_too_much_to_be_written_at_once_is_written_bit_by_bit(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_days(rig)
    before = tables(rig.lake)
    delete_tables(rig.lake)
    monkeypatch.setattr("chalicelib.snapshots.replay._MOST", 120)
    assert len(replay(rig.lake, rig.clock.world()).changed) == 48
    assert tables(rig.lake) == before


class Slow:
    """A store in which every reading takes a second."""

    def __init__(self, store: Any, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, key: str) -> Any:
        self._clock.advance(seconds=1)
        return self._store.get(key)


@pytest.mark.parametrize("seconds", [1, 20, 60])
def test_stopped_in_time_a_replay_goes_on_where_it_was(rig: Rig, seconds: int) -> None:
    lived_days(rig)
    before = tables(rig.lake)
    delete_tables(rig.lake)
    start, captures, changed, turns = None, 0, set[Any](), 0
    while start or not turns:
        world = rig.clock.world(seconds_left=seconds)
        began = world.monotonic()
        found = replay(Lake(Slow(rig.lake.store, rig.clock), world), world, start=start)
        assert world.monotonic() - began <= max(25, seconds)
        captures, turns, start = captures + found.captures, turns + 1, found.left
        assert turns <= 49
        changed |= set(found.changed)
    assert (captures, len(changed), turns > 2) == (49, 48, True)
    assert tables(rig.lake) == before


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:200] + b"\xff" * 8 + data[208:], lambda data: gzip.compress(b'{"answers": [""]}')]
)
def test_a_raw_document_that_was_damaged_is_named(rig: Rig, spoil: Callable[[bytes], bytes]) -> None:
    key = rig.one().row["raw_key"]
    path = Path(rig.lake.store.locate(key))
    path.write_bytes(spoil(path.read_bytes()))
    ((damaged, problem),) = replay(rig.lake, rig.clock.world()).damaged
    assert (damaged, "is not a raw capture" in problem) == (key, True)


def test_a_failed_day_between_two_doubted_ones_counts_neither_live_nor_replayed(rig: Rig) -> None:
    playlist_id = rig.id("fifty")
    body = {"id": playlist_id, "snapshot_id": "x", "owner": {}, "tracks": {"items": [], "total": 0}}
    gone, missing = Fault("body", on="playlist", body=json.dumps(body)), Fault("status", on="playlist", status=404)
    rig.one("fifty")
    for fault in (gone, missing, gone):
        rig.clock.advance(days=1)
        rig.simulator.faults.add(fault)
        rig.one("fifty")
    statuses = [row["status"] for row in rig.lake.snapshots(playlist_id, TODAY.year)]
    assert statuses == ["ok", "suspect", "not_found", "ok"]
    before = tables(rig.lake)
    assert replay(rig.lake, rig.clock.world()).changed == ()
    assert tables(rig.lake) == before
