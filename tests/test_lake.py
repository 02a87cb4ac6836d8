"""The lake's promises, without Spotify: segments, commits, and who wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import DamagedFile, LakeUnavailable
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS, Status
from chalicelib.lake.store import ObjectStore

from .conftest import NOON, Clock, put_entries

PLAYLIST = "p" * 22
DAY = date(2026, 11, 23)


def entries(day: date = DAY, count: int = 3, captured_at: datetime = NOON, **facts: Any) -> list[dict[str, Any]]:
    return [
        dict.fromkeys(ENTRIES)
        | {
            "snapshot_date": day.isoformat(),
            "playlist_id": PLAYLIST,
            "position": position,
            "item_type": "track",
            "name": f"Song {position}",
            "artists": [{"id": "a", "name": "Ann"}],
            "is_local": False,
            "captured_at": captured_at.isoformat(),
            "capture_id": "first",
            "source": "spotify",
        }
        | facts
        for position in range(1, count + 1)
    ]


def put(lake: Lake, day: date = DAY, captured_at: datetime = NOON, count: int = 3, **facts: Any) -> str:
    rows = entries(day, count, captured_at, **facts)
    return put_entries(lake, PLAYLIST, day, captured_at, facts.get("source", "spotify"), rows)


def row(status: str = "ok", day: date = DAY, captured_at: datetime = NOON, **facts: Any) -> dict[str, Any]:
    base = {"snapshot_date": day, "playlist_id": PLAYLIST, "status": status, "captured_at": captured_at}
    return dict.fromkeys(SNAPSHOTS) | base | {"source": "spotify"} | facts


class Watched:
    """A store that keeps what is asked of it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        def ask(key: str, *told: Any) -> Any:
            self.asked.append((name, key))
            return getattr(self._store, name)(key, *told)

        return ask


def test_a_day_comes_back_as_it_was_put(lake: Lake) -> None:
    put(lake)
    found = lake.entries(PLAYLIST, DAY)
    assert [one["position"] for one in found] == [1, 2, 3]
    assert found[0]["artists"] == [{"id": "a", "name": "Ann"}]
    assert found[0]["captured_at"] == NOON
    assert list(found[0]) == list(ENTRIES)


def test_a_long_day_whose_rows_are_read_some_at_a_time_comes_back_in_order(lake: Lake) -> None:
    rows = entries(count=5_100)
    put_entries(lake, PLAYLIST, DAY, NOON, "spotify", rows[3_000:] + rows[:3_000])
    found = lake.entries(PLAYLIST, DAY)
    assert [(one["position"], one["name"]) for one in found] == [(one["position"], one["name"]) for one in rows]
    # The next day is after all that is held, and its own rows are known to be there without being read.
    put(lake, DAY + timedelta(days=1), count=2_001)
    assert len(lake.entries(PLAYLIST, DAY)) == 5_100
    assert len(lake.entries(PLAYLIST, DAY + timedelta(days=1))) == 2_001


def test_a_years_days_share_one_object_sorted_by_day_and_position(lake: Lake) -> None:
    assert put(lake, DAY) == put(lake, DAY + timedelta(days=2)) == put(lake, DAY + timedelta(days=1))
    data = lake.store.get(lake.segment_of(PLAYLIST, DAY)).data
    path = Path(lake.store.locate(lake.segment_of(PLAYLIST, DAY)))
    assert path.read_bytes() == data
    found = duckdb.sql(f"SELECT snapshot_date, position FROM '{path}'").fetchall()
    assert found == sorted(found)
    assert len(found) == 9


def test_a_new_year_is_a_new_object(lake: Lake) -> None:
    assert put(lake, date(2026, 12, 31)) != put(lake, date(2027, 1, 1))
    assert len(lake.entries(PLAYLIST, date(2026, 12, 31))) == len(lake.entries(PLAYLIST, date(2027, 1, 1))) == 3


def test_the_same_day_twice_gives_the_same_bytes(lake: Lake) -> None:
    put(lake)
    first = lake.store.get(lake.segment_of(PLAYLIST, DAY)).data
    put(lake)
    assert lake.store.get(lake.segment_of(PLAYLIST, DAY)).data == first


def test_the_newer_capture_of_a_day_stays_whatever_the_order(lake: Lake) -> None:
    later = NOON + timedelta(hours=1)
    put(lake, captured_at=later, count=2, capture_id="newer")
    put(lake, captured_at=NOON, count=5, capture_id="older")
    assert [one["capture_id"] for one in lake.entries(PLAYLIST, DAY)] == ["newer"] * 2
    put(lake, captured_at=later + timedelta(seconds=1), count=1, capture_id="newest")
    assert [one["capture_id"] for one in lake.entries(PLAYLIST, DAY)] == ["newest"]


def test_invented_data_never_replaces_spotifys(lake: Lake) -> None:
    put(lake, captured_at=NOON)
    put(lake, captured_at=NOON + timedelta(hours=1), count=1, source="simulator")
    assert len(lake.entries(PLAYLIST, DAY)) == 3
    lake.put_snapshot(row())
    assert not lake.put_snapshot(row(captured_at=NOON + timedelta(hours=1), source="simulator"))


def test_an_empty_list_needs_no_object_but_clears_the_days_older_entries(lake: Lake) -> None:
    put(lake, count=0)
    assert list(lake.store.list(keys.ENTRIES)) == []
    put(lake)
    put(lake, captured_at=NOON + timedelta(hours=1), count=0)
    assert lake.entries(PLAYLIST, DAY) == []


class Late:
    """A store on which others have been at work since one looked what there is, and before one writes."""

    def __init__(self, store: ObjectStore, others: Callable[[], None]) -> None:
        self._store, self._others = store, [others]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, key: str, data: bytes) -> None:
        while self._others:
            self._others.pop()()
        self._store.create(key, data)


@pytest.mark.parametrize("full", [False, True])
def test_no_day_gets_into_two_segments_that_are_begun_at_the_same_moment(
    tmp_path: Path, clock: Clock, full: bool
) -> None:
    lake = Lake(open_store(str(tmp_path), clock.world()), clock.world(), segment_rows=6)
    if full:
        put(lake, DAY - timedelta(days=9), count=6)

    def an_import_and_another_run() -> None:
        put(lake, DAY - timedelta(days=3))
        put(lake, DAY, NOON + timedelta(minutes=1))

    put(Lake(Late(lake.store, an_import_and_another_run), clock.world(), segment_rows=6), DAY)
    days = [one["snapshot_date"] for key in lake.segment_keys(PLAYLIST, DAY.year) for one in lake.segment_days(key)]
    assert days == [*([DAY - timedelta(days=9)] if full else []), DAY - timedelta(days=3), DAY]
    assert lake.entries(PLAYLIST, DAY)[0]["captured_at"] == NOON + timedelta(minutes=1)


# Two days fill a segment to its last row, or one row over.
@pytest.mark.parametrize("segment_rows", [6, 5])
def test_a_full_segment_is_closed_and_late_days_still_find_their_place(
    tmp_path: Path, clock: Clock, segment_rows: int
) -> None:
    lake = Lake(open_store(str(tmp_path), clock.world()), clock.world(), segment_rows)
    days = [DAY + timedelta(days=number) for number in (0, 2, 4, 6)]
    first, same, second, again = (put(lake, day) for day in days)
    assert (first, same) == (keys.segment(PLAYLIST, date(DAY.year, 1, 1)), first)
    assert (second, again) == (keys.segment(PLAYLIST, days[1] + timedelta(days=1)), second)
    # a late day belongs to the last segment that starts on or before it
    assert put(lake, DAY + timedelta(days=1)) == first
    assert put(lake, days[1] + timedelta(days=1)) == put(lake, DAY + timedelta(days=5)) == second
    assert put(lake, DAY - timedelta(days=1)) == first
    # rewriting a day of a full segment keeps it there
    assert put(lake, days[1], NOON + timedelta(hours=1)) == first
    assert all(len(lake.entries(PLAYLIST, day)) == 3 for day in days)


@pytest.mark.parametrize("segment_rows", [3, 5, 6, 7])
def test_days_that_are_given_at_once_lie_as_if_they_came_one_by_one(
    tmp_path: Path, clock: Clock, segment_rows: int
) -> None:
    one_by_one, at_once = (
        Lake(open_store(str(tmp_path / name), clock.world()), clock.world(), segment_rows) for name in ("one", "once")
    )
    early = [date(2025, 12, 30), date(2025, 12, 31), *(date(2026, 1, day) for day in (1, 2, 5, 6, 9, 10))]
    late = [date(2026, 1, day) for day in (3, 5, 7, 12, 13)]
    for days, hour in ((early, 0), (late, 1)):
        moment = NOON + timedelta(hours=hour)
        for day in days:
            put(one_by_one, day, moment)
        ranks = dict.fromkeys(days, rank("spotify", moment))
        placed = at_once.put_days(PLAYLIST, ranks, [one for day in days for one in entries(day, 3, moment)])
        assert placed.keys == {day: at_once.segment_of(PLAYLIST, day) for day in days}
        for year in (2025, 2026):
            found = [
                (key, lake.segment_days(key))
                for lake in (one_by_one, at_once)
                for key in lake.segment_keys(PLAYLIST, year)
            ]
            assert found[: len(found) // 2] == found[len(found) // 2 :]


# A segment that is not full gets a day more, then newer entries of its days; a new one is filled at once.
@pytest.mark.parametrize("steps", [[2, 3, 3], [3]])
def test_days_of_one_segment_that_are_given_at_once_are_one_write(
    tmp_path: Path, clock: Clock, steps: list[int]
) -> None:
    store = Watched(open_store(str(tmp_path), clock.world()))
    lake = Lake(store, clock.world(), segment_rows=7)  # type: ignore[arg-type]
    put(lake, DAY - timedelta(days=9), count=7)
    for hour, step in enumerate(steps):
        moment, days = NOON + timedelta(hours=hour), [DAY + timedelta(days=number) for number in range(step)]
        store.asked.clear()
        rows = [one for day in days for one in entries(day, 3, moment)]
        lake.put_days(PLAYLIST, dict.fromkeys(days, rank("spotify", moment)), rows)
        written = [key for name, key in store.asked if name in ("create", "replace") and key.startswith(keys.ENTRIES)]
        assert written == [keys.segment(PLAYLIST, DAY - timedelta(days=8))]
        assert all(lake.entries(PLAYLIST, day)[0]["captured_at"] == moment for day in days)


def test_of_many_days_that_are_given_at_once_those_without_entries_need_no_object(lake: Lake) -> None:
    empty = DAY.replace(year=2027)
    placed = lake.put_days(PLAYLIST, dict.fromkeys([DAY, empty], rank("spotify", NOON)), entries())
    assert placed.changed == {DAY}
    assert list(lake.store.list(keys.ENTRIES)) == [lake.segment_of(PLAYLIST, DAY)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=12))
def test_in_any_order_of_days_and_captures_every_day_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int, int]]
) -> None:
    clock = Clock()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), clock.world()), clock.world(), segment_rows=5)
    expected: dict[date, tuple[int, int]] = {}
    for offset, hour, count in writes:
        day = DAY - timedelta(days=10) + timedelta(days=offset)
        put(lake, day, NOON + timedelta(hours=hour), count)
        if day not in expected or hour >= expected[day][0]:
            expected[day] = (hour, count)
    held = [found for key in lake.segment_keys(PLAYLIST, 2026) for found in lake.segment_days(key)]
    assert sorted(one["snapshot_date"] for one in held) == sorted(expected)
    assert {one["snapshot_date"]: one["entries"] for one in held} == {day: n for day, (_, n) in expected.items()}


def test_a_success_replaces_a_failure_and_never_the_other_way_round(lake: Lake) -> None:
    assert lake.put_snapshot(row("unavailable", captured_at=NOON + timedelta(hours=5)))
    assert lake.put_snapshot(row("ok", captured_at=NOON))
    assert not lake.put_snapshot(row("forbidden", captured_at=NOON + timedelta(hours=9)))
    assert lake.snapshot(PLAYLIST, DAY)["status"] == "ok"


def test_whose_word_counts_more_is_not_a_matter_of_time() -> None:
    sources = ("simulator", "import:chartlake-export:spotify", "import:archive", "spotify")
    ranks = [rank(source, NOON - timedelta(days=place)) for place, source in enumerate(sources)]
    assert ranks == sorted(ranks)
    assert len({trust for trust, _ in ranks}) == len(sources)


def test_a_capture_may_be_judged_again(lake: Lake) -> None:
    lake.put_snapshot(row(entry_count=3, capture_id="first"))
    assert lake.put_snapshot(row(entry_count=2, capture_id="first"))
    assert lake.snapshot(PLAYLIST, DAY)["entry_count"] == 2
    lake.put_snapshot(row(captured_at=NOON + timedelta(hours=1), capture_id="second"))
    assert lake.snapshot(PLAYLIST, DAY)["replacing"] is None


def test_how_many_rows_were_amended_is_told(lake: Lake) -> None:
    days = [DAY - timedelta(days=number) for number in range(3)]
    for day in days:
        lake.put_snapshot(row(day=day, followers=3))
    changes = dict.fromkeys(
        [*days, DAY - timedelta(days=3)], lambda row: row | {"followers": 3 + (row["snapshot_date"] == DAY)}
    )
    assert lake.amend(PLAYLIST, 2026, changes) == 1
    assert [one["followers"] for one in lake.snapshots(PLAYLIST, 2026)] == [3, 3, 4]


def test_of_two_failures_the_newer_stays(lake: Lake) -> None:
    lake.put_snapshot(row("unavailable", captured_at=NOON))
    lake.put_snapshot(row("deferred", captured_at=NOON + timedelta(hours=1)))
    assert not lake.put_snapshot(row("incomplete", captured_at=NOON))
    assert lake.snapshot(PLAYLIST, DAY)["status"] == "deferred"


def test_rows_that_were_read_before_are_read_again_where_another_was_faster(lake: Lake) -> None:
    nothing = lake.read_year(PLAYLIST, DAY.year)
    assert lake.put_snapshot(row(day=DAY - timedelta(days=1)))
    assert lake.put_snapshot(row("unavailable"), nothing)
    assert [one["snapshot_date"] for one in lake.snapshots(PLAYLIST, DAY.year)] == [DAY - timedelta(days=1), DAY]
    failed = lake.read_year(PLAYLIST, DAY.year)
    assert lake.put_snapshot(row("ok", captured_at=NOON))
    assert not lake.put_snapshot(row("ok", captured_at=NOON - timedelta(hours=1)), failed)
    good = lake.read_year(PLAYLIST, DAY.year)
    lake.remove_rows(keys.snapshots(PLAYLIST, DAY.year), SNAPSHOTS, "true", {})
    assert lake.put_snapshot(row("unavailable"), good), "what was better is gone"


def test_rows_that_were_read_before_are_not_read_again(tmp_path: Path, clock: Clock) -> None:
    store = Watched(open_store(str(tmp_path), clock.world()))
    lake = Lake(store, clock.world())  # type: ignore[arg-type]
    lake.put_snapshot(row(day=DAY - timedelta(days=1)))
    read = lake.read_year(PLAYLIST, DAY.year)
    store.asked.clear()
    assert lake.put_snapshot(row(), read)
    assert "get" not in {name for name, _ in store.asked}


@pytest.mark.parametrize(
    ("source", "followers", "kept"),
    [("import:other", None, 5), ("import:other", 6, 6), ("spotify", 7, 7), ("spotify", None, None)],
)
def test_an_imported_days_followers_stay_only_where_another_import_tells_none(
    lake: Lake, source: str, followers: int | None, kept: int | None
) -> None:
    lake.put_snapshot(row(source="import:one", followers=5))
    assert lake.put_snapshot(row(source=source, followers=followers, captured_at=NOON + timedelta(hours=1)))
    assert lake.snapshot(PLAYLIST, DAY)["followers"] == kept


@pytest.mark.parametrize(
    ("before", "capture_id", "hours", "marked"),
    [
        ({"status": "ok", "capture_id": "b"}, "a", 1, True),
        ({"status": "ok", "capture_id": "b"}, "c", 1, True),
        ({"status": "ok", "capture_id": "b"}, "b", 1, False),
        ({"status": "ok", "capture_id": "b"}, "c", -1, False),
        ({"status": "unavailable"}, "c", 1, False),
    ],
    ids=["smaller id", "larger id", "same capture", "it loses", "nothing was there"],
)
def test_a_row_that_takes_the_place_of_another_captures_day_gets_its_mark(
    lake: Lake, before: dict[str, Any], capture_id: str, hours: int, marked: bool
) -> None:
    lake.put_snapshot(row(**before))
    new = row(captured_at=NOON + timedelta(hours=hours), capture_id=capture_id)
    lake.put_snapshots(PLAYLIST, DAY.year, [new], mark=True)
    mark = lake.snapshot(PLAYLIST, DAY)["replacing"]
    assert mark.endswith(f"-{capture_id}") if marked else mark is None


def test_entries_that_are_not_those_of_the_commit_are_told_with_both_numbers(lake: Lake) -> None:
    put(lake)
    with pytest.raises(DamagedFile, match="3 entries are there, 0 were committed"):
        lake.committed(PLAYLIST, DAY)
    lake.put_snapshot(row(entry_count=5))
    with pytest.raises(DamagedFile, match="3 entries are there, 5 were committed"):
        lake.committed(PLAYLIST, DAY)


def test_a_days_fingerprint_is_another_one_as_soon_as_an_entry_or_its_row_is(lake: Lake) -> None:
    put(lake)
    lake.put_snapshot(row())
    prints = [lake.fingerprints(PLAYLIST, DAY.year)]
    put(lake, name="Another song")
    lake.unmark(PLAYLIST, {DAY: "first"})
    prints.append(lake.fingerprints(PLAYLIST, DAY.year))
    lake.put_snapshot(row(followers=3))
    prints.append(lake.fingerprints(PLAYLIST, DAY.year))
    assert [list(one) for one in prints] == [[DAY]] * 3
    assert len({one[DAY] for one in prints}) == 3


def test_a_copy_beside_the_table_of_audio_features_is_a_stray(lake: Lake) -> None:
    folder = keys.TRACKS_FEATURES.removesuffix("tracks.parquet")
    copies = [f"{folder}a copy.parquet", f"{folder}z copy.parquet"]
    for key in (*copies, keys.TRACKS_FEATURES):
        lake.store.create(key, b"a table")
    assert lake.strays() == copies


def test_history_crosses_the_turn_of_the_year(lake: Lake) -> None:
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)]
    for day in days:
        lake.put_snapshot(row(day=day))
    assert [one["snapshot_date"] for one in lake.history(PLAYLIST, date(2026, 1, 1))] == days[:2]
    assert lake.tried() == [(PLAYLIST, 2025), (PLAYLIST, 2026)]


def test_writers_of_different_days_at_once_lose_nothing(address: str) -> None:
    clock = Clock()
    days = [DAY + timedelta(days=number) for number in range(6)]

    def write(day: date) -> None:
        lake = Lake(open_store(address, clock.world()), clock.world(seed=day.day))
        put(lake, day)
        lake.put_snapshot(row(day=day))

    put(Lake(open_store(address, clock.world()), clock.world()), days[0])
    threads = [threading.Thread(target=write, args=[day]) for day in days]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    lake = Lake(open_store(address, clock.world()), clock.world())
    assert [one["snapshot_date"] for one in lake.snapshots(PLAYLIST, 2026)] == days
    assert [len(lake.entries(PLAYLIST, day)) for day in days] == [3] * 6
    assert len(lake.segment_keys(PLAYLIST, 2026)) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_carried_entries_keep_their_own_capture(lake: Lake, count: int) -> None:
    put(lake, DAY - timedelta(days=1), NOON - timedelta(days=1), count)
    lake.carry_entries(PLAYLIST, DAY - timedelta(days=1), DAY, "a later one")
    found = lake.entries(PLAYLIST, DAY)
    assert [one["snapshot_date"] for one in found] == [DAY] * count
    assert {one["captured_at"] for one in found} == {NOON - timedelta(days=1)}


def test_a_damaged_table_is_named_and_not_written_over(lake: Lake) -> None:
    key = keys.snapshots(PLAYLIST, 2026)
    lake.store.create(key, b"not a table")
    with pytest.raises(DamagedFile, match=PLAYLIST):
        lake.put_snapshot(row())
    assert lake.store.get(key).data == b"not a table"


def test_raw_is_written_once(lake: Lake) -> None:
    facts = lake.put_raw(PLAYLIST, DAY, NOON, "c1", b"raw")
    assert lake.put_raw(PLAYLIST, DAY, NOON, "c1", b"raw") == facts
    with pytest.raises(DamagedFile):
        lake.put_raw(PLAYLIST, DAY, NOON, "c1", b"other")


def test_state_is_changed_not_overwritten(lake: Lake) -> None:
    lake.update_state("state/x.json", lambda state: state | {"a": 1})
    lake.update_state("state/x.json", lambda state: state | {"b": 2})
    assert lake.read_state("state/x.json") == {"a": 1, "b": 2}


def test_state_that_is_none_is_begun_anew_and_damaged_state_is_named(lake: Lake) -> None:
    lake.store.create("state/list.json", b"[1]")
    assert lake.read_state("state/list.json") == {}
    lake.store.create("state/half.json", b'{"a":')
    with pytest.raises(DamagedFile, match=r"state/half\.json is not JSON"):
        lake.read_state("state/half.json")


def test_a_full_disk_is_explained_and_leaves_the_old_object(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake)
    before = lake.store.get(lake.segment_of(PLAYLIST, DAY)).data

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LakeUnavailable, match="No space left"):
        put(lake, DAY + timedelta(days=1))
    assert lake.store.get(lake.segment_of(PLAYLIST, DAY)).data == before
    assert not list(Path(lake.store.locate("")).rglob("*unfinished*"))


def test_pandas_polars_and_duckdb_read_the_folder_as_it_stands(lake: Lake) -> None:
    put(lake, date(2025, 12, 31))
    put(lake, DAY, name="<b>Łódź</b> 夜")
    folder = lake.store.locate("tables/entries")
    frame = pd.read_parquet(folder)
    assert len(frame) == 6
    assert str(frame["captured_at"].dt.tz) == "UTC"
    assert sorted(frame["year"].astype(int).unique()) == [2025, 2026]
    polar = pl.read_parquet(folder)
    assert polar.height == 6
    assert polar["artists"][0][0]["name"] == "Ann"
    assert duckdb.sql(f"SELECT count(*) FROM '{folder}/*/*.parquet' WHERE year = 2026").fetchall() == [(3,)]


def test_instants_are_instants(lake: Lake) -> None:
    put(lake, added_at="2024-05-11T09:40:48Z")
    assert lake.entries(PLAYLIST, DAY)[0]["added_at"] == datetime(2024, 5, 11, 9, 40, 48, tzinfo=UTC)


def test_a_day_that_was_read_outweighs_one_that_was_told_to_be_unchanged(lake: Lake) -> None:
    read = row(captured_at=NOON)
    told = row(captured_at=NOON + timedelta(minutes=1), status=Status.UNCHANGED, capture_id="told")
    for first, second in ((read, told), (told, read)):
        lake.correct(lake.snapshot(first["playlist_id"], first["snapshot_date"]), first)
        lake.put_snapshot(second)
        assert lake.snapshot(PLAYLIST, DAY)["status"] == Status.OK


def test_entries_that_are_carried_are_marked_by_the_capture_that_commits_them(lake: Lake) -> None:
    put(lake, DAY - timedelta(days=1), NOON - timedelta(days=1))
    put(lake, DAY, NOON - timedelta(days=3))
    lake.carry_entries(PLAYLIST, DAY - timedelta(days=1), DAY, "told")
    assert lake.snapshot(PLAYLIST, DAY)["replacing"].endswith("-told")
    lake.put_snapshot(row(status=Status.UNCHANGED, capture_id="told"))
    assert lake.snapshot(PLAYLIST, DAY)["replacing"] is None


@pytest.mark.parametrize(
    ("over", "facts", "mark_stays"),
    [
        ("another import", {"source": "import:other"}, False),
        ("a capture", {"source": "spotify"}, False),
        ("a repair", {"source": "import:other"}, True),
    ],
)
def test_an_import_is_told_when_a_repair_has_put_another_row_over_its_own(
    lake: Lake, over: str, facts: dict[str, Any], mark_stays: bool
) -> None:
    """Another import looks itself, and what a capture's row commits is worth more than all that an import can put."""
    for capture_id in ("third", "own"):
        own = row(source="import:own", capture_id=capture_id)
        lake.put_snapshots(PLAYLIST, DAY.year, [own], mark=True)
    other = row(capture_id="other", **facts)
    if over == "a repair":
        assert lake.correct(lake.snapshot(PLAYLIST, DAY), other)
    else:
        lake.put_snapshots(PLAYLIST, DAY.year, [other], mark=over == "another import")
    assert lake.unmark_committed(PLAYLIST, {DAY: own}) == ({DAY} if mark_stays else set())
    found = lake.snapshot(PLAYLIST, DAY)
    assert found["capture_id"] == "other"
    assert ("-own" in (found["replacing"] or "")) == mark_stays


def test_the_mark_of_a_capture_that_lost_stays(lake: Lake) -> None:
    put(lake, DAY, NOON - timedelta(hours=3))
    lake.put_snapshot(row(captured_at=NOON - timedelta(hours=3)))
    put(lake, DAY, NOON - timedelta(hours=2), capture_id="second")
    lake.put_snapshot(row(captured_at=NOON))
    assert lake.put_snapshot(row(captured_at=NOON - timedelta(hours=2), capture_id="second")) is False
    assert lake.snapshot(PLAYLIST, DAY)["replacing"].endswith("-second")
