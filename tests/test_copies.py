"""The copy for questions over everything says what the lake says, or is not asked."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib.analysis import copies
from chalicelib.analysis.charts import open_charts
from chalicelib.analysis.copies import TABLES, check_copy, drop_copy, lists_of_track, make_copy, open_copy, read_copy
from chalicelib.cli import main
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import PUBLISHED
from chalicelib.lake.tables import to_json
from chalicelib.lake.warehouse import open_empty
from chalicelib.snapshots.purge import Wish, purge
from tests.conftest import Clock, Killed, Mortal
from tests.lake_model import Row, by, in_order, invented

TODAY = date(2026, 1, 20)


@pytest.fixture(autouse=True)
def small_shelves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "LISTS_A_SHELF", 2)


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Five lists with invented days."""
    for seed in range(5):
        put(lake, seed, days=6)
    return lake


def put(lake: Lake, seed: int, days: int) -> str:
    """The invented days of one list."""
    entries, snapshots = invented(Random(seed), days=days)
    playlist_id = f"{seed}" * 22
    own = sorted(by(snapshots, "playlist_id"))[0]
    rows = [row | {"playlist_id": playlist_id} for row in entries if row["playlist_id"] == own]
    told = [row | {"playlist_id": playlist_id} for row in snapshots if row["playlist_id"] == own]
    known = {
        row["snapshot_date"]: rank(row["source"], row["captured_at"]) for row in told if row["status"] in PUBLISHED
    }
    placed = lake.put_days(playlist_id, known, map(to_json, rows)).keys if known else {}
    placed = {day: key for day, key in placed.items() if any(row["snapshot_date"] == day for row in rows)}
    for year in {row["snapshot_date"].year for row in told}:
        of_year = [row for row in told if row["snapshot_date"].year == year]
        lake.put_snapshots(
            playlist_id, year, [row | {"entries_key": placed.get(row["snapshot_date"])} for row in of_year]
        )
    return playlist_id


def told_by_the_lake(lake: Lake) -> dict[str, list[Row]]:
    with open_charts(lake, TODAY) as charts:
        return {name: in_order(charts.warehouse.read(f"SELECT * FROM {name}")) for name in TABLES}


def told_by_the_copy(lake: Lake) -> dict[str, list[Row]]:
    copy = read_copy(lake)
    assert copy is not None
    with open_copy(lake, TODAY, copy, set(TABLES)) as warehouse:
        return {name: in_order(warehouse.read(f"SELECT * FROM {name}")) for name in TABLES}


def objects(lake: Lake) -> dict[str, bytes]:
    found = {key: lake.store.get(key) for key in lake.store.list(keys.COPY)}
    return {key: stored.data for key, stored in found.items() if stored and key != keys.COPY_MADE}


def test_it_says_what_the_lake_says(filled: Lake, clock: Clock) -> None:
    made = make_copy(filled, clock.world(), TODAY)
    assert (made.remade, made.kept, made.lists, made.failed) == (3, 0, 5, ())
    assert told_by_the_copy(filled) == told_by_the_lake(filled)
    assert list(check_copy(filled, TODAY, 3)) == []


def test_only_what_has_changed_is_made_anew_and_is_read_from_its_own_tables_until_then(
    filled: Lake, clock: Clock
) -> None:
    make_copy(filled, clock.world(), TODAY)
    changed = put(filled, 3, days=11)
    copy = read_copy(filled)
    assert copy is not None
    assert changed in copy.stale
    assert len(copy.stale) < 5
    assert told_by_the_copy(filled) == told_by_the_lake(filled)
    made = make_copy(filled, clock.world(), TODAY)
    assert (made.remade, made.kept) == (1, 2)
    assert told_by_the_copy(filled) == told_by_the_lake(filled)


@pytest.mark.parametrize("changes", [1, 6])
def test_killed_and_made_again_it_is_the_same_and_never_tells_half(filled: Lake, clock: Clock, changes: int) -> None:
    make_copy(filled, clock.world(), TODAY)
    put(filled, 1, days=11)
    put(filled, 2, days=12)
    with pytest.raises(Killed):
        make_copy(Lake(Mortal(filled.store, changes), clock.world()), clock.world(), TODAY)
    assert told_by_the_copy(filled) == told_by_the_lake(filled)
    make_copy(filled, clock.world(), TODAY)
    whole = objects(filled)
    drop_copy(filled)
    assert objects(filled) == {}
    make_copy(filled, clock.world(), TODAY)
    assert objects(filled) == whole


def test_bytes_that_are_not_those_that_were_noted_are_not_read(filled: Lake, clock: Clock) -> None:
    make_copy(filled, clock.world(), TODAY)
    one, other = sorted(key for key in objects(filled) if "/runs/" in key)[:2]
    filled.write_over(one, objects(filled)[other])
    filled.store.delete(other)
    assert told_by_the_copy(filled) == told_by_the_lake(filled)


def test_verify_tells_of_a_copy_that_says_something_else(filled: Lake, clock: Clock) -> None:
    make_copy(filled, clock.world(), TODAY)
    key = sorted(objects(filled))[0]
    table, shelf = key.split("/")[1], key.split("=")[1][:4]
    other = next(data for one, data in objects(filled).items() if f"/{table}/" in one and one != key)
    filled.write_over(key, other)

    def forged(state: dict[str, Any]) -> dict[str, Any]:
        state["of"][str(int(shelf))]["objects"][table] = copies.hashlib.sha256(other).hexdigest()
        return state

    filled.update_state(keys.COPY_MADE, forged)
    assert [one for one in check_copy(filled, TODAY, 9) if key in one]


def test_a_damaged_list_keeps_only_its_own_shelf_from_being_made(filled: Lake, clock: Clock) -> None:
    filled.write_over(keys.snapshots("4" * 22, 2026), b"no table")
    made = make_copy(filled, clock.world(), TODAY)
    assert len(made.failed) == 1
    assert made.remade == 2
    copy = read_copy(filled)
    assert copy is not None
    assert "4" * 22 in copy.stale


@pytest.mark.parametrize("name", ["shelves", "of"])
@pytest.mark.parametrize("value", [0, "1", {"0": []}, {"0": {"commits": {}, "objects": [], "made_at": ""}}])
def test_what_others_wrote_in_its_place_is_no_copy(filled: Lake, clock: Clock, name: str, value: object) -> None:
    make_copy(filled, clock.world(), TODAY)
    filled.update_state(keys.COPY_MADE, lambda state: state | {name: value})
    assert read_copy(filled) is None
    assert make_copy(filled, clock.world(), TODAY).remade == 3


def test_a_purge_reaches_it(filled: Lake, clock: Clock) -> None:
    filled.store.create(f"{keys.ICEBERG}runs/metadata/1.metadata.json", b"of Athena")
    make_copy(filled, clock.world(), TODAY)
    drop_copy(filled)
    assert list(filled.store.list(keys.COPY)) == [f"{keys.ICEBERG}runs/metadata/1.metadata.json"]
    make_copy(filled, clock.world(), TODAY)
    purged = purge(filled, clock.world(), Wish(TODAY + timedelta(days=1), "1" * 22), dry_run=False)
    assert purged.copied
    assert list(filled.store.list(keys.COPY)) == []
    assert read_copy(filled) is None


def test_a_strangers_file_in_its_folder_stays(filled: Lake, clock: Clock) -> None:
    filled.store.create("warehouse/notes.txt", b"mine")
    make_copy(filled, clock.world(), TODAY)
    drop_copy(filled)
    assert list(filled.store.list("warehouse/")) == ["warehouse/notes.txt"]


class Purging:
    """A store in which a list is purged, from first to last, before anything of a shelf is written."""

    def __init__(self, lake: Lake, playlist_id: str, shelf: int) -> None:
        self._lake, self._asked = lake, [Wish(TODAY + timedelta(days=1), playlist_id)]
        self._key = keys.copied("runs", shelf)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake.store, name)

    def create(self, key: str, data: bytes) -> None:
        if key == self._key and self._asked:
            purge(self._lake, Clock().world(), self._asked.pop(), dry_run=False)
        self._lake.store.create(key, data)


def test_what_is_purged_while_the_copy_is_made_is_not_in_it(filled: Lake, clock: Clock) -> None:
    gone = "1" * 22
    make_copy(filled, clock.world(), TODAY)
    copy = read_copy(filled)
    assert copy is not None
    (shelf,) = (shelf for shelf, lists in copy.lists.items() if gone in lists)
    drop_copy(filled)
    make_copy(Lake(Purging(filled, gone, shelf), clock.world()), clock.world(), TODAY)
    shelves = {key for key in filled.store.list(keys.COPY) if key.endswith(".parquet")}
    assert shelves
    for key in shelves:
        stored = filled.store.get(key)
        assert stored is not None
        with open_empty() as warehouse:
            warehouse.define_own("copied", [stored.data])
            assert {"playlist_id": gone} not in warehouse.read("SELECT DISTINCT playlist_id FROM copied"), key
    assert told_by_the_copy(filled) == told_by_the_lake(filled)
    make_copy(filled, clock.world(), TODAY)
    assert told_by_the_copy(filled) == told_by_the_lake(filled)


def test_a_purge_knows_the_shelves_of_a_million_lists() -> None:
    assert keys.is_copied(keys.copied("runs", 0))
    assert keys.is_copied(keys.copied("runs", 20_000))
    assert not keys.is_copied("warehouse/runs/mine.parquet")


def test_the_lists_of_a_track_are_all_that_any_answer_needs(filled: Lake, clock: Clock) -> None:
    def told(text: str) -> list[Row]:
        return sorted((charts.history(one).to_json() for one in charts.find_tracks(text)), key=str)

    make_copy(filled, clock.world(), TODAY)
    # Its shelf has that list alone.
    put(filled, 4, days=9)
    copy = read_copy(filled)
    assert copy is not None
    assert copy.stale == {"4" * 22}
    with open_charts(filled, TODAY) as charts:
        asked = {text for one in charts.find_tracks("") for text in (one["track_key"], one["uri"]) if text}
        whole = {text: told(text) for text in sorted(asked)}
    assert len(whole) > 5
    fewer = 0
    for text, wanted in whole.items():
        lists = lists_of_track(filled, TODAY, copy, text)
        fewer += lists is not None and len(lists) < 5
        with open_charts(filled, TODAY, sorted(lists or ())) as charts:
            assert told(text) == wanted, text
    assert fewer


def test_a_person_is_told_where_an_answer_is_from(filled: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", filled.store.locate(""))

    def command(*words: str) -> tuple[str, str]:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        return done.stdout, done.stderr

    question = "SELECT playlist_id, count(*) AS runs FROM runs GROUP BY playlist_id ORDER BY playlist_id"
    before, told = command("query", question)
    assert told == ""
    assert "5 lists on 3 shelves: 3 made, 0 unchanged." in command("copy")[0]
    after, told = command("query", question)
    assert after == before
    assert told.startswith("Answered from the copy of ")
    assert command("query", "SELECT count(*) FROM chart")[1] == ""
    one = json.loads(
        command("query", "SELECT isrc FROM tracks WHERE isrc IS NOT NULL ORDER BY isrc LIMIT 1", "--json")[0]
    )[0]["isrc"]
    copied = command("track", one, "--json")
    assert "Answered from the copy" in copied[1]
    command("copy", "--drop")
    assert json.loads(command("track", one, "--json")[0]) == json.loads(copied[0])


def test_on_s3_the_versions_of_commits_come_with_their_list(address: str, clock: Clock) -> None:
    lake = Lake(open_store(address, clock.world()), clock.world())
    put(lake, 0, days=5)
    put(lake, 1, days=5)
    for key, etag in lake.store.versions(keys.SNAPSHOTS):
        stored = lake.store.get(key)
        assert stored is not None
        assert stored.etag == etag
    make_copy(lake, clock.world(), TODAY)
    assert make_copy(lake, clock.world(), TODAY).remade == 0
    assert told_by_the_copy(lake) == told_by_the_lake(lake)
