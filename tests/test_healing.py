"""What a process that died left half done is mended by the list's next run, whatever day that is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.analysis.charts import open_charts
from chalicelib.errors import NotKept
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import Status, empty_row
from chalicelib.lake.tables import to_json
from chalicelib.snapshots.healing import mend
from chalicelib.snapshots.purge import Wish, purge
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify
from simulator import TOP_50, Fault, Simulator

from .conftest import Clock, Killed, Meanwhile, Mortal, put_entries
from .test_extract import TODAY, Rig


@pytest.fixture
def rig(lake: Lake, clock: Clock) -> Iterator[Rig]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        yield Rig(simulator, server, lake, clock)


def killed_while_it_replaces(rig: Rig, changes: int) -> None:
    """A day, and a second run of it that dies at its n-th change of the store, after one song left the list."""
    rig.extract("fifty")
    rig.simulator.edit(rig.id("fifty"), remove_at=7)
    rig.clock.advance(hours=2)
    alive = rig.lake
    rig.lake = Lake(Mortal(alive.store, changes), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("fifty", again=True)
    rig.lake = alive


# 0 raw, 1 the mark, 2 the entries, 3 the commit.
@pytest.mark.parametrize("changes", range(1, 4))
def test_a_day_whose_replacement_died_is_whole_after_the_next_days_run(rig: Rig, changes: int) -> None:
    killed_while_it_replaces(rig, changes)
    rig.clock.advance(days=1)
    rig.extract("fifty")
    assert verify(rig.lake).findings == ()
    row = rig.lake.snapshot(rig.id("fifty"), TODAY)
    assert row["replacing"] is None
    assert len(rig.names("fifty")) == row["entry_count"] == row["total"]
    if changes > 1:
        assert row["entry_count"] == 49, "raw holds the newer capture whole, so that one wins"


@pytest.mark.parametrize("changes", range(1, 4))
def test_a_day_whose_replacement_died_is_whole_after_the_next_run_of_that_day(rig: Rig, changes: int) -> None:
    killed_while_it_replaces(rig, changes)
    rig.extract("fifty")
    assert verify(rig.lake).findings == ()
    assert len(rig.names("fifty")) == rig.lake.snapshot(rig.id("fifty"), TODAY)["entry_count"]


def test_where_raw_is_gone_the_day_becomes_what_its_entries_are(rig: Rig) -> None:
    killed_while_it_replaces(rig, 3)
    for _, _, key in list(rig.lake.raw_keys(rig.id("fifty"))):
        Path(rig.lake.store.locate(key)).unlink()
    rig.clock.advance(days=1)
    rig.extract("fifty")
    row = rig.lake.snapshot(rig.id("fifty"), TODAY)
    assert (row["status"], row["entry_count"], len(rig.names("fifty"))) == (Status.OK, 49, 49)
    assert row["reason"].startswith("Its own row was never written and raw is gone")
    assert row["raw_key"] is None


# 1: only raw is there; 2: the entries too, and no row commits them.
@pytest.mark.parametrize("changes", [1, 2])
def test_a_day_that_died_before_its_commit_is_made_from_raw_by_the_next_days_run(rig: Rig, changes: int) -> None:
    rig.extract("top-50")
    rig.clock.advance(days=1)
    alive = rig.lake
    rig.lake = Lake(Mortal(alive.store, changes), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("top-50")
    rig.lake = alive
    assert rig.lake.snapshot(TOP_50, TODAY + timedelta(days=1)) is None
    rig.clock.advance(days=1)
    rig.extract("top-50")
    assert rig.lake.snapshot(TOP_50, TODAY + timedelta(days=1))["status"] == Status.OK
    assert verify(rig.lake).findings == ()
    assert verify(rig.lake).published == 3


def test_the_first_day_of_a_list_is_mended_too(rig: Rig) -> None:
    alive = rig.lake
    rig.lake = Lake(Mortal(alive.store, 1), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("top-50")
    rig.lake = alive
    rig.clock.advance(days=3)
    rig.extract("top-50")
    assert rig.lake.snapshot(TOP_50, TODAY)["status"] == Status.OK


def test_an_older_capture_never_commits_over_the_entries_of_a_newer_one(rig: Rig) -> None:
    """Two runs of one day, the older of them asleep between its raw document and its entries."""
    slow = rig.lake

    def meanwhile() -> None:
        rig.clock.advance(minutes=5)
        rig.lake = Lake(Mortal(slow.store, 2), rig.clock.world())
        rig.simulator.edit(rig.id("fifty"), remove_at=3)
        with pytest.raises(Killed):
            rig.extract("fifty")

    rig.lake = Lake(Meanwhile(slow.store, "create", "raw/", meanwhile), rig.clock.world())
    rig.extract("fifty")
    rig.lake = slow
    assert len(rig.names("fifty")) == 49
    assert rig.lake.snapshot(rig.id("fifty"), TODAY)["entry_count"] == 49, "the run that put them there died"
    rig.clock.advance(days=1)
    rig.extract("fifty")
    assert verify(rig.lake).findings == ()
    assert rig.lake.snapshot(rig.id("fifty"), TODAY)["entry_count"] == 49


def test_where_nothing_is_wrong_healing_asks_nothing_of_the_store(rig: Rig) -> None:
    asked: list[str] = []
    alive = rig.lake

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(alive.store, name)

        def list(self, prefix: str) -> Iterator[str]:
            asked.append(prefix)
            return alive.store.list(prefix)

    for _ in range(2):
        rig.extract("fifty")
        rig.clock.advance(days=1)
    rig.lake = Lake(Watched(), rig.clock.world())  # type: ignore[arg-type]
    rig.extract("fifty")
    assert not any(prefix.startswith("raw/") for prefix in asked)


def test_until_it_is_mended_a_mixed_day_is_told_as_one_and_the_others_are_shown(rig: Rig) -> None:
    rig.extract("fifty")
    rig.clock.advance(days=1)
    killed_while_it_replaces(rig, 3)
    day = TODAY + timedelta(days=1)
    with open_charts(rig.lake, day, [rig.id("fifty")]) as charts:
        told = charts.playlist(rig.id("fifty"))
        assert charts.known_day(told)["snapshot_date"] == TODAY
        with pytest.raises(NotKept) as refused:
            charts.known_day(told, day)
    assert "A run ended while it replaced this day. The next run mends it." in str(refused.value)


@pytest.mark.parametrize(
    "failure",
    [
        {"status": Status.UNAVAILABLE},
        {"status": Status.SUSPECT, "entry_count": 50, "raw_key": "raw/a-later-document"},
        {"status": Status.OK, "source": "import:of-that-day", "entry_count": 50, "raw_key": "raw/imports/a-file"},
    ],
    ids=["that failed", "that was doubted", "that was an import"],
)
def test_what_a_dead_run_has_read_counts_though_a_later_one_left_something_worse(
    rig: Rig, failure: dict[str, Any]
) -> None:
    rig.extract("top-50")
    rig.clock.advance(days=1)
    alive = rig.lake
    rig.lake = Lake(Mortal(alive.store, 2), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("top-50")
    rig.lake = alive
    rig.lake.put_snapshot(empty_row(TOP_50, TODAY + timedelta(days=1), rig.clock.now()) | failure)
    rig.clock.advance(days=1)
    rig.extract("top-50")
    row = rig.lake.snapshot(TOP_50, TODAY + timedelta(days=1))
    assert (row["status"], row["source"]) == (Status.OK, "simulator")
    assert verify(rig.lake).findings == ()


def test_what_a_dead_import_has_put_under_an_empty_day_goes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without its mark the simulator is Spotify, and worth more than an import.
    monkeypatch.setattr("simulator.web.HEADER", "X-Nothing")
    rig.extract("empty", "fifty")
    rows = [to_json(one) | {"playlist_id": rig.id("empty")} for one in rig.lake.entries(rig.id("fifty"), TODAY)]
    put_entries(rig.lake, rig.id("empty"), TODAY, rig.clock.now(), "import:of-that-day", rows)
    rig.clock.advance(days=1)
    rig.extract("empty")
    assert rig.names("empty") == []
    assert verify(rig.lake).findings == ()


def test_a_dead_run_s_unchanged_day_does_not_stand_on_a_day_that_was_purged(rig: Rig) -> None:
    rig.extract("hundred-and-one")
    rig.clock.advance(days=1)
    alive, day = rig.lake, TODAY + timedelta(days=1)
    rig.lake = Lake(Mortal(alive.store, 2), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("hundred-and-one")
    rig.lake = alive
    assert len(rig.names("hundred-and-one", day)) == 101
    purge(rig.lake, rig.clock.world(), Wish(day, rig.id("hundred-and-one")), dry_run=False)
    rig.clock.advance(days=1)
    rig.extract("hundred-and-one")
    row = rig.lake.snapshot(rig.id("hundred-and-one"), day)
    assert (row["status"], rig.names("hundred-and-one", day)) == (Status.INCOMPLETE, [])
    assert row["reason"] == "It was to have the entries of an earlier day, which was purged."


def test_nor_does_it_stay_where_a_replay_could_not_tell_what_it_was(rig: Rig) -> None:
    rig.extract("hundred-and-one")
    rig.clock.advance(days=1)
    alive, day = rig.lake, TODAY + timedelta(days=1)
    rig.lake = Lake(Mortal(alive.store, 2), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("hundred-and-one")
    rig.lake = alive
    purge(rig.lake, rig.clock.world(), Wish(day, rig.id("hundred-and-one")), dry_run=False)
    replay(rig.lake, rig.clock.world())
    assert rig.lake.snapshot(rig.id("hundred-and-one"), day)["status"] == Status.INCOMPLETE
    rig.clock.advance(days=1)
    rig.extract("hundred-and-one")
    assert rig.names("hundred-and-one", day) == []
    assert verify(rig.lake).findings == ()


def test_what_a_dead_purge_has_left_is_not_taken_for_a_day(rig: Rig) -> None:
    rig.extract("fifty")
    alive = rig.lake
    # The tombstone, the rows without that day, their object; then it dies, with the entries still there.
    rig.lake = Lake(Mortal(alive.store, 3), rig.clock.world())
    wish = Wish(TODAY + timedelta(days=1), rig.id("fifty"))
    with pytest.raises(Killed):
        purge(rig.lake, rig.clock.world(), wish, dry_run=False)
    rig.lake = alive
    assert rig.names("fifty")
    rig.clock.advance(days=1)
    rig.extract("fifty")
    assert rig.lake.snapshot(rig.id("fifty"), TODAY) is None
    assert rig.names("fifty") == []


def test_what_a_dead_purge_has_left_is_not_taken_for_a_day_that_failed_since(rig: Rig) -> None:
    rig.extract("fifty")
    alive = rig.lake
    rig.lake = Lake(Mortal(alive.store, 3), rig.clock.world())
    wish = Wish(TODAY + timedelta(days=1), rig.id("fifty"))
    with pytest.raises(Killed):
        purge(rig.lake, rig.clock.world(), wish, dry_run=False)
    rig.lake = alive
    failed = empty_row(rig.id("fifty"), TODAY, rig.clock.now()) | {"status": Status.UNAVAILABLE, "reason": "It was."}
    rig.lake.put_snapshot(failed)
    rig.clock.advance(days=1)
    rig.extract("fifty")
    row = rig.lake.snapshot(rig.id("fifty"), TODAY)
    assert (row["status"], row["reason"]) == (Status.UNAVAILABLE, "It was.")
    assert rig.names("fifty") == []
    assert verify(rig.lake).findings == ()


def test_what_a_run_is_about_to_commit_after_a_purge_stays(rig: Rig) -> None:
    rig.extract("fifty")
    purge(rig.lake, rig.clock.world(), Wish(TODAY + timedelta(days=1), rig.id("fifty")), dry_run=False)
    # Half an hour before midnight a run puts its entries in place, and commits them after midnight.
    rig.clock.moment = rig.clock.moment.replace(hour=23, minute=30)
    alive = rig.lake
    rig.lake = Lake(Mortal(alive.store, 2), rig.clock.world())
    with pytest.raises(Killed):
        rig.extract("fifty")
    rig.lake = alive
    assert len(rig.names("fifty")) == 50
    rig.clock.advance(minutes=40)
    rig.extract("fifty")
    assert len(rig.names("fifty")) == 50
    rig.clock.advance(days=1)
    rig.extract("fifty")
    assert rig.names("fifty") == []


@pytest.mark.parametrize("gap", [False, True], ids=["no row", "a gap"])
def test_a_run_that_was_outrun_tells_of_a_day_that_is_there(rig: Rig, gap: bool) -> None:
    """Two runs of one day; the newer one puts its entries in place and dies. A third may have written down since that
    it could not ask."""
    slow = rig.lake

    def meanwhile() -> None:
        rig.clock.advance(minutes=5)
        rig.lake = Lake(Mortal(slow.store, 2), rig.clock.world())
        with pytest.raises(Killed):
            rig.extract("fifty")
        if gap:
            failed = {"status": Status.DEFERRED, "reason": "A ban."}
            slow.put_snapshot(empty_row(rig.id("fifty"), TODAY, rig.clock.now()) | failed)

    rig.lake = Lake(Meanwhile(slow.store, "create", "raw/", meanwhile), rig.clock.world())
    outcome = rig.one("fifty")
    assert (outcome.published, outcome.already, outcome.error) == (True, True, None)
    assert slow.snapshot(rig.id("fifty"), TODAY)["capture_id"] == outcome.row["capture_id"]
    assert verify(slow).findings == ()


def test_a_run_that_an_empty_list_overtook_leaves_no_entries(rig: Rig) -> None:
    """Two runs of one day; the newer one finds the list empty and commits that before the older one's entries."""
    slow, playlist_id = rig.lake, rig.id("fifty")
    body = {"id": playlist_id, "snapshot_id": "x", "owner": {}, "tracks": {"items": [], "total": 0, "offset": 0}}

    def meanwhile() -> None:
        rig.clock.advance(minutes=5)
        rig.simulator.faults.add(Fault("body", on="playlist", body=json.dumps(body)))
        rig.lake = slow
        assert rig.one("fifty").row["entry_count"] == 0

    rig.lake = Lake(Meanwhile(slow.store, "create", "raw/", meanwhile), rig.clock.world())
    outcome = rig.one("fifty")
    assert (outcome.already, outcome.row["entry_count"], rig.names("fifty")) == (True, 0, [])
    assert verify(slow).findings == ()


def test_a_run_that_a_newer_one_overtook_leaves_no_mark(rig: Rig) -> None:
    """Two runs that replace a day; the newer one puts and commits its own between the older one's entries and commit."""
    rig.extract("fifty")
    rig.clock.advance(hours=1)
    slow, playlist_id = rig.lake, rig.id("fifty")
    newer = {"capture_id": "of-the-newer-one", "captured_at": rig.clock.now() + timedelta(minutes=5)}

    def meanwhile() -> None:
        rows = [to_json(one | newer) for one in slow.entries(playlist_id, TODAY)]
        worth = rank("simulator", newer["captured_at"])
        slow.put_days(playlist_id, {TODAY: worth}, rows, {TODAY: newer["capture_id"]})
        slow.put_snapshot(slow.snapshot(playlist_id, TODAY) | newer)

    rig.lake = Lake(Meanwhile(slow.store, "replace", "tables/entries/", meanwhile), rig.clock.world())
    outcome = rig.one("fifty", again=True)
    assert (outcome.published, outcome.row["capture_id"]) == (True, "of-the-newer-one")
    assert slow.snapshot(playlist_id, TODAY)["replacing"] is None
    assert slow.captures_of_day(playlist_id, TODAY) == ["of-the-newer-one"]


def test_a_clock_that_is_set_back_makes_no_running_process_a_dead_one(rig: Rig) -> None:
    rig.extract("fifty")
    alive, playlist_id = rig.lake, rig.id("fifty")

    def begin(capture_id: str, minutes: int) -> None:
        newer = {"capture_id": capture_id, "captured_at": rig.clock.now() + timedelta(minutes=minutes)}
        rows = [to_json(one | newer) for one in alive.entries(playlist_id, TODAY)]
        alive.put_days(playlist_id, {TODAY: rank("simulator", newer["captured_at"])}, rows, {TODAY: capture_id})

    class SetBack:
        def __getattr__(self, name: str) -> object:
            return getattr(alive.store, name)

        def replace(self, key: str, data: bytes, etag: str) -> None:
            if not begun:
                begun.append(True)
                rig.clock.advance(hours=-2)
                begin("one-that-runs", 600)
            alive.store.replace(key, data, etag)

    begun: list[bool] = []
    begin("one-that-died", 1)
    rig.clock.advance(hours=2)
    Lake(SetBack(), rig.clock.world()).drop_marks(playlist_id, TODAY)  # type: ignore[arg-type]
    assert "one-that-runs" in alive.snapshot(playlist_id, TODAY)["replacing"]


def test_a_repair_does_not_undo_what_was_committed_since_it_looked(rig: Rig) -> None:
    rig.extract("fifty")
    alive, playlist_id = rig.lake, rig.id("empty")
    rows = [to_json(one) | {"playlist_id": playlist_id} for one in alive.entries(rig.id("fifty"), TODAY)]
    source, moment = "import:of-that-day", rig.clock.now()

    def put(capture_id: str) -> None:
        told = [row | {"capture_id": capture_id, "source": source} for row in rows]
        alive.put_days(playlist_id, {TODAY: rank(source, moment)}, told, {TODAY: capture_id})

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(alive.store, name)

        def replace(self, key: str, data: bytes, etag: str) -> None:
            if not done:
                done.append(True)
                put("the-first")
                facts = {"status": Status.OK, "entry_count": 50, "capture_id": "the-first", "source": source}
                alive.put_snapshot(empty_row(playlist_id, TODAY, moment) | facts)
            alive.store.replace(key, data, etag)

    done: list[bool] = []
    put("the-first")
    put("the-second")
    mend(Lake(Slow(), rig.clock.world()), rig.clock.world(), playlist_id, TODAY, UTC)  # type: ignore[arg-type]
    row = alive.snapshot(playlist_id, TODAY)
    assert done
    assert alive.captures_of_day(playlist_id, TODAY) == [row["capture_id"]]
