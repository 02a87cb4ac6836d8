"""History brought into the lake: all of a file or nothing, and what Spotify told stays."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.analysis.coverage import coverage
from chalicelib.history.importing import ImportedFile, Options, import_path
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES
from chalicelib.snapshots.healing import mend
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify

from .conftest import Clock, Mortal
from .test_extract import Rig
from .test_history import ADDED, REFUSED, ROWS_LOOK_LIKE, clone, commit, data_of, first_match, real_files, state
from .test_history import IDS as SONGS
from .test_lake import DAY, PLAYLIST, put, row
from .test_replay import delete_tables, rig, tables

__all__ = ["clone", "rig"]  # fixtures

CHART = "chart:regional-global-daily"
TRACKS = [f"{number:022d}" for number in range(5)]


def chart(day: date = DAY, ranks: tuple[int, ...] = (1, 2, 3), streams: str = "1000") -> str:
    head = "\ufeffrank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams\r\n"
    return head + "".join(
        f'{rank},"spotify:track:{TRACKS[rank % 5]}","Ann, Bob","Song ""{rank}""","Label",1,-1,1,"{streams}"\r\n'
        for rank in ranks
    )


def write(folder: Path, day: date = DAY, **facts: object) -> Path:
    path = folder / f"regional-global-daily-{day}.csv"
    path.write_text(chart(day, **facts), newline="")  # type: ignore[arg-type]
    return path


def saved(folder: Path, count: int) -> Path:
    """Spotify's own answer for a list of so many entries, as people keep it."""
    track = {"type": "track", "id": TRACKS[0], "uri": f"spotify:track:{TRACKS[0]}", "name": "Other", "artists": []}
    folder.mkdir(exist_ok=True)
    path = folder / f"spotify_raw_{DAY}.json"
    items = [{"track": track}] * count
    path.write_text(json.dumps({"id": PLAYLIST, "name": "x", "tracks": {"items": items, "total": count, "offset": 0}}))
    return path


def only(found: object) -> ImportedFile:
    (one,) = list(found)  # type: ignore[call-overload]
    return one


def test_a_chart_becomes_a_playlist_of_its_own_with_streams(lake: Lake, tmp_path: Path) -> None:
    found = only(import_path(lake, write(tmp_path, ranks=(1, 2, 4))))
    assert (found.error, found.days, found.rows, found.changed) == (None, 1, 3, 1)
    entries = lake.entries(CHART, DAY)
    assert [(e["position"], e["name"], e["streams"]) for e in entries] == [
        (1, 'Song "1"', 1000),
        (2, 'Song "2"', 1000),
        (4, 'Song "4"', 1000),
    ]
    assert entries[0]["source"] == f"import:charts-official-daily:regional-global-daily-{DAY}.csv"
    assert (entries[0]["popularity"], entries[0]["isrc"], entries[0]["album_name"]) == (None, None, None)
    assert lake.snapshot(CHART, DAY)["position_quality"] == "partial"
    assert verify(lake).findings == ()


def test_importing_twice_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    path = write(tmp_path)
    only(import_path(lake, path))
    before = tables(lake)
    assert only(import_path(lake, path)).changed == 0
    assert tables(lake) == before


def test_lost_tables_come_back_from_the_same_files(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(1, 29):
        write(folder, date(2025, 2, number))
    list(import_path(lake, folder))
    before = tables(lake)
    delete_tables(lake)
    list(import_path(lake, folder))
    assert tables(lake) == before


def test_days_without_a_file_are_gaps(lake: Lake, tmp_path: Path) -> None:
    for day in (date(2025, 2, 1), date(2025, 2, 4)):
        only(import_path(lake, write(tmp_path, day)))
    found = coverage(lake, date(2025, 2, 5))[0]
    # The source ends with its last day: nobody looks for later ones, so they are not missed.
    assert [day.status for day in found.days] == ["ok", "missed", "missed", "ok"]


def test_one_bad_line_keeps_the_whole_file_out_and_every_bad_line_is_named(lake: Lake, tmp_path: Path) -> None:
    path = write(tmp_path)
    lines = path.read_text().split("\n")
    lines[1] = lines[1].replace("spotify:track:", "nonsense:")
    lines[3] = lines[3].replace("1000", "many")
    path.write_text("\n".join(lines), newline="")
    found = only(import_path(lake, path))
    assert found.error is not None
    assert [line for line, _ in found.error.problems] == [2, 4]
    assert list(lake.store.list("")) == []
    found = only(import_path(lake, path, Options(skip_bad=True)))
    assert (found.error, found.rows, len(found.rejects)) == (None, 1, 2)
    assert [e["position"] for e in lake.entries(CHART, DAY)] == [2]


def test_a_bad_file_does_not_hold_up_the_others(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_text("<html>Sign in</html>")
    write(folder)
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr("regional-global-daily-2026-11-24.csv", chart())
    (folder / "regional-global-daily-2026-11-22.csv.gz").write_bytes(gzip.compress(chart().encode()))
    found = list(import_path(lake, folder))
    assert [one.error is None for one in found] == [False, True, True, True]
    assert len(lake.snapshots(CHART, 2026)) == 3


def test_what_spotify_told_of_a_day_stays(lake: Lake, tmp_path: Path) -> None:
    put(lake)
    lake.put_snapshot(row(entry_count=3, capture_id="first"))
    track = {"type": "track", "id": TRACKS[0], "uri": f"spotify:track:{TRACKS[0]}", "name": "Other", "artists": []}
    body = {"id": PLAYLIST, "name": "x", "tracks": {"items": [{"track": track}], "total": 1, "offset": 0}}
    path = tmp_path / f"spotify_raw_{DAY}.json"
    path.write_text(json.dumps(body))
    assert only(import_path(lake, path)).changed == 0
    assert [entry["name"] for entry in lake.entries(PLAYLIST, DAY)] == ["Song 1", "Song 2", "Song 3"]
    other = tmp_path / "spotify_raw_2026-11-20.json"
    other.write_text(json.dumps(body))
    assert only(import_path(lake, other)).changed == 1
    assert verify(lake).findings == ()


def test_follower_counts_fill_imported_days_and_make_none(lake: Lake, tmp_path: Path) -> None:
    pretty = {
        "description": "", "num_followers": None, "original_name": "N", "unique_name": "N", "snapshot_id": "s",
        "owner": {"name": "O", "url": "https://open.spotify.com/user/o"},
        "url": f"https://open.spotify.com/playlist/{PLAYLIST}",
        "tracks": [{
            "added_at": None, "album": {"name": "A", "url": ""}, "artists": [{"name": "X", "url": ""}],
            "duration_ms": 1, "name": "T", "url": f"https://open.spotify.com/track/{TRACKS[0]}",
        }],
    }  # fmt: skip
    path = tmp_path / f"{PLAYLIST}__2024-05-01.json"
    path.write_text(json.dumps(pretty))
    assert only(import_path(lake, path)).error is None
    counts = tmp_path / "followers" / f"{PLAYLIST}.json"
    counts.parent.mkdir()
    counts.write_text('{"2024-05-01": 12, "2024-05-02": 13}')
    assert only(import_path(lake, counts)).changed == 1
    assert [(one["snapshot_date"], one["followers"]) for one in lake.snapshots(PLAYLIST, 2024)] == [
        (date(2024, 5, 1), 12)
    ]
    assert lake.snapshots(PLAYLIST, 2024)[0]["position_quality"] == "approx"


def test_followers_stay_when_their_days_are_imported_again_and_come_last(lake: Lake, clone: Path) -> None:
    commit(clone, "2024-05-31T12:00:00Z", {f"{SONGS[1]}.json": state(1, 11)})
    counts = clone / "playlists" / "followers" / f"{SONGS[1]}.json"
    counts.parent.mkdir()
    counts.write_text('{"2024-05-31": 12}')
    assert [(one.format, one.changed) for one in import_path(lake, clone)] == [
        ("archive-pretty-json", 1),
        ("archive-followers", 1),
    ]
    assert [row["followers"] for row in lake.snapshots(SONGS[1], 2024)] == [12]
    assert [one.changed for one in import_path(lake, clone)] == [0, 0]
    # The same as files, with the followers first by name.
    pretty = clone.parent / "folder" / "pretty" / f"{SONGS[2]}__2024-05-31.json"
    pretty.parent.mkdir(parents=True)
    pretty.write_text(state(2, 11))
    counts = pretty.parents[1] / "followers" / f"{SONGS[2]}.json"
    counts.parent.mkdir()
    counts.write_text('{"2024-05-31": 13}')
    assert [one.changed for one in import_path(lake, clone.parent / "folder")] == [1, 1]
    assert [row["followers"] for row in lake.snapshots(SONGS[2], 2024)] == [13]


def test_a_file_that_is_not_there_is_named(lake: Lake, tmp_path: Path) -> None:
    found = only(import_path(lake, tmp_path / "nothing.csv"))
    assert found.error is not None
    assert "nothing.csv" in found.error.message


def test_real_history_is_imported_and_proven(lake: Lake, shared_data: Path) -> None:
    found = list(import_path(lake, shared_data / "charts_daily_official"))
    assert [one.error for one in found] == [None] * 18
    assert sum(one.rows for one in found) == 3_472
    assert verify(lake).findings == ()


def test_every_real_file_comes_into_one_lake_or_is_refused(lake: Lake, shared_data: Path) -> None:
    refused = 0
    for path in real_files(shared_data):
        name = path.relative_to(shared_data).as_posix()
        found = only(import_path(lake, path, Options(**(first_match(ADDED, name) or {}))))
        if first_match(REFUSED, name):
            assert found.error is not None
            refused += 1
        else:
            assert found.rows == len(re.findall(first_match(ROWS_LOOK_LIKE, name), data_of(path))), found
    assert refused == 130
    assert verify(lake).findings == ()


def test_the_days_between_the_157_versions_are_gaps(lake: Lake, shared_data: Path) -> None:
    found = list(import_path(lake, shared_data / "archive_global_top50" / "pretty"))
    assert ([one.error for one in found], sum(one.rows for one in found)) == ([None] * 157, 157 * 50)
    (covered,) = coverage(lake, date(2021, 4, 9))
    # From 10 October 2020 on there are 182 days; on nine of them the archive has two versions.
    assert covered.counts == {"ok": 148, "missed": 34}
    assert (covered.days[0].status, covered.days[7].day, covered.days[7].status) == ("ok", date(2020, 10, 17), "missed")
    assert lake.entries(covered.playlist_id, date(2020, 10, 17)) == []
    assert {day["position_quality"] for day in lake.snapshots(covered.playlist_id, 2021)} == {"approx"}
    # Of two versions of a day the later one counts, in whatever order they come.
    assert lake.snapshot(covered.playlist_id, date(2020, 10, 10))["source"].endswith("2020-10-10T160416Z.md")


def test_sixty_captured_days_and_imports_come_back_after_their_tables_are_lost(rig: Rig, shared_data: Path) -> None:
    for _ in range(60):
        rig.extract("top-50", "hundred-and-one")
        rig.clock.advance(days=1)
    folders = [shared_data / "charts_daily_official", shared_data / "archive_global_top50" / "pretty"]
    for folder in folders:
        list(import_path(rig.lake, folder))
    before = tables(rig.lake)
    assert len(before) > 10
    delete_tables(rig.lake)
    for folder in reversed(folders):
        list(import_path(rig.lake, folder))
    replay(rig.lake, rig.clock.world())
    assert tables(rig.lake) == before


def test_tables_of_an_older_chartlake_gain_the_new_columns(lake: Lake) -> None:
    put(lake)
    key = lake.segment_of(PLAYLIST, DAY)
    path = Path(lake.store.locate(key))
    import duckdb

    duckdb.sql(
        f"COPY (SELECT * EXCLUDE (streams, isrc, label, reported_peak, reported_previous, reported_days) FROM '{path}') TO '{path}.old' (FORMAT parquet)"
    )
    path.write_bytes(Path(f"{path}.old").read_bytes())
    put(lake, date(2026, 11, 24))
    old = lake.entries(PLAYLIST, DAY)[0]
    assert list(old) == list(ENTRIES)
    assert (old["streams"], old["label"], old["reported_days"]) == (None, None, None)


# Two files of one day.


def test_a_corrected_file_replaces_the_one_before(lake: Lake, tmp_path: Path) -> None:
    only(import_path(lake, write(tmp_path)))
    assert only(import_path(lake, write(tmp_path, ranks=(1, 2)))).changed == 1
    assert (len(lake.entries(CHART, DAY)), lake.snapshot(CHART, DAY)["entry_count"]) == (2, 2)


@pytest.mark.parametrize("writes", [1, 2])
def test_two_imports_of_one_day_at_once_leave_the_entries_and_the_commit_of_one(
    lake: Lake, clock: Clock, tmp_path: Path, writes: int
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    first, second = write(one, ranks=(1, 2, 3)), write(other, ranks=(1, 2))

    class Between(Mortal):
        """A store in which another import comes in before the n-th change."""

        def _age(self) -> None:
            self._left -= 1
            if self._left == 0:
                assert only(import_path(lake, second)).error is None

    store = Between(lake.store, writes)
    assert only(import_path(Lake(store, clock.world()), first)).error is None
    row = lake.snapshot(CHART, DAY)
    assert {entry["capture_id"] for entry in lake.entries(CHART, DAY)} == {row["capture_id"]}
    assert (row["entry_count"], verify(lake).findings) == (3, ())


@pytest.mark.parametrize("standing", [True, False], ids=["over a third one", "of a new day"])
@pytest.mark.parametrize("call", range(1, 20))
def test_between_two_imports_of_one_day_its_row_and_its_entries_agree_or_a_mark_says_that_they_do_not(
    lake: Lake, clock: Clock, tmp_path: Path, standing: bool, call: int
) -> None:
    for name in ("one", "other", "third"):
        (tmp_path / name).mkdir()
    first, second = write(tmp_path / "one", ranks=(1, 2, 3)), write(tmp_path / "other", ranks=(1, 2))
    if standing:
        assert only(import_path(lake, write(tmp_path / "third", ranks=(1,)))).error is None

    class Between:
        """A store in which another import comes in before the n-th call, and which is looked at before each."""

        left = call

        def __getattr__(self, name: str) -> Any:
            if name != "locate":
                self.left -= 1
                if self.left == 0:
                    assert only(import_path(lake, second)).error is None
                row = lake.snapshot(CHART, DAY)
                if row and not row["replacing"]:
                    assert {entry["capture_id"] for entry in lake.entries(CHART, DAY)} == {row["capture_id"]}
            return getattr(lake.store, name)

    assert only(import_path(Lake(Between(), clock.world()), first)).error is None  # type: ignore[arg-type]
    row = lake.snapshot(CHART, DAY)
    assert {entry["capture_id"] for entry in lake.entries(CHART, DAY)} == {row["capture_id"]}
    assert (row["replacing"], verify(lake).findings) == (None, ())


class StandsStill(Lake):
    """The lake of a repair that stands still before it writes what it has seen."""

    found: tuple[Any, Any] | None = None

    def correct(self, found: Any, row: Any) -> bool:
        self.found = found, row
        return False


class TwoMoreAndARepair:
    """The store of an import of two days. Another one comes in once its entries are there. Before these are put anew a
    repair looks at the second day; then a third import replaces the first day; and before the n-th call after that the
    repair writes. Before each of these calls both days are looked at."""

    def __init__(self, lake: Lake, clock: Clock, others: Path, call: int) -> None:
        self.left = call
        self._lake, self._clock, self._others = lake, clock, others
        self._repair = StandsStill(lake.store, clock.world())

    def __getattr__(self, name: str) -> Any:
        if name != "locate":
            self._called()
        return getattr(self._lake.store, name)

    def create(self, key: str, data: bytes) -> None:
        self._lake.store.create(key, data)
        if key.startswith(keys.ENTRIES):
            assert [one.error for one in import_path(self._lake, self._others / "second")] == [None, None]

    def replace(self, key: str, data: bytes, etag: str) -> None:
        self._called()
        if self._repair.found or not key.startswith(keys.ENTRIES):
            self._lake.store.replace(key, data, etag)
            return
        mend(self._repair, self._clock.world(), CHART, DAY + timedelta(days=1), UTC)
        self._lake.store.replace(key, data, etag)
        assert only(import_path(self._lake, self._others / "third")).error is None

    def _called(self) -> None:
        if self._repair.found is None:
            return
        self.left -= 1
        if self.left == 0:
            self._lake.correct(*self._repair.found)
        for held in self._lake.snapshots(CHART, DAY.year):
            captures = self._lake.captures_of_day(CHART, held["snapshot_date"])
            assert held["replacing"] or captures == [held["capture_id"]]


@pytest.mark.parametrize("call", [1, 3, 9])
def test_a_repair_between_two_imports_leaves_no_row_above_other_entries(
    lake: Lake, clock: Clock, tmp_path: Path, call: int
) -> None:
    """It has found the row of the first above the entries of the second."""
    for name, days, songs in (("first", 2, 3), ("second", 2, 2), ("third", 1, 1)):
        (tmp_path / name).mkdir()
        for later in range(days):
            write(tmp_path / name, DAY + timedelta(days=later), ranks=tuple(range(1, songs + 1)))
    store = TwoMoreAndARepair(lake, clock, tmp_path, call)
    imported = import_path(Lake(store, clock.world()), tmp_path / "first")  # type: ignore[arg-type]
    assert [one.error for one in imported] == [None, None]
    assert store.left <= 0
    assert [(one["entry_count"], one["replacing"]) for one in lake.snapshots(CHART, DAY.year)] == [(3, None)] * 2
    assert verify(lake).findings == ()


@pytest.mark.parametrize("call", range(1, 12))
@pytest.mark.parametrize("outer", ["list", "followers"])
def test_followers_and_their_list_imported_at_once_are_both_there(
    lake: Lake, clock: Clock, tmp_path: Path, outer: str, call: int
) -> None:
    (tmp_path / "followers").mkdir()
    older, newer = saved(tmp_path / "older", 2), saved(tmp_path / "newer", 3)
    counts = tmp_path / "followers" / f"{PLAYLIST}.json"
    counts.write_text(f'{{"{DAY}": 12}}')
    assert only(import_path(lake, older)).error is None
    jobs = {"list": newer, "followers": counts}
    inner = jobs["followers" if outer == "list" else "list"]

    class Between:
        """A store in which another import comes in before the n-th call."""

        def __init__(self) -> None:
            self.left = call

        def __getattr__(self, name: str) -> Any:
            if name != "locate":
                self.left -= 1
                if self.left == 0:
                    assert only(import_path(lake, inner)).error is None
            return getattr(lake.store, name)

    between = Between()
    assert only(import_path(Lake(between, clock.world()), jobs[outer])).error is None
    if between.left > 0:
        assert only(import_path(lake, inner)).error is None
    row = lake.snapshot(PLAYLIST, DAY)
    assert (row["followers"], row["entry_count"], verify(lake).findings) == (12, 3, ())


def test_the_saved_answer_of_an_empty_playlist_is_a_day_without_entries(lake: Lake, tmp_path: Path) -> None:
    path = saved(tmp_path, 0)
    assert only(import_path(lake, path)).changed == 1
    row = lake.snapshot(PLAYLIST, DAY)
    assert (row["status"], row["total"], row["entry_count"], row["entries_key"]) == ("ok", 0, 0, None)
    assert (lake.entries(PLAYLIST, DAY), verify(lake).findings) == ([], ())
    assert only(import_path(lake, path)).changed == 0


def test_an_empty_answer_takes_the_place_of_a_saved_one_of_its_day(lake: Lake, tmp_path: Path) -> None:
    for count in (1, 0):
        assert only(import_path(lake, saved(tmp_path, count))).changed == 1
    assert (lake.entries(PLAYLIST, DAY), lake.snapshot(PLAYLIST, DAY)["entry_count"]) == ([], 0)
    assert verify(lake).findings == ()


@pytest.mark.parametrize("writes", range(1, 5))
def test_an_import_leaves_nothing_under_a_day_that_spotify_gives_as_empty_meanwhile(
    lake: Lake, clock: Clock, tmp_path: Path, writes: int
) -> None:
    path, empty = saved(tmp_path, 1), row(entry_count=0, total=0, capture_id="an-empty-one")

    class Between(Mortal):
        """A store in which a run commits an empty list before the n-th change."""

        def _age(self) -> None:
            self._left -= 1
            if self._left == 0:
                assert lake.put_snapshot(empty)

    assert only(import_path(Lake(Between(lake.store, writes), clock.world()), path)).error is None
    assert lake.entries(PLAYLIST, DAY) == []
    assert lake.snapshot(PLAYLIST, DAY)["capture_id"] == "an-empty-one"


def test_a_commit_is_not_put_above_entries_that_are_worth_more(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    put(lake)  # of Spotify, by a process that died before its commit
    track = {"type": "track", "id": TRACKS[0], "uri": f"spotify:track:{TRACKS[0]}", "name": "Other", "artists": []}
    body = {"id": PLAYLIST, "name": "x", "tracks": {"items": [{"track": track}], "total": 1, "offset": 0}}
    path = tmp_path / f"spotify_raw_{DAY}.json"
    path.write_text(json.dumps(body))
    assert only(import_path(lake, path)).changed == 0
    assert (lake.snapshot(PLAYLIST, DAY), len(lake.entries(PLAYLIST, DAY))) == (None, 3)


def test_verify_finds_a_commit_above_the_entries_of_another_capture(lake: Lake, tmp_path: Path) -> None:
    only(import_path(lake, write(tmp_path)))
    lake.put_snapshot(lake.snapshot(CHART, DAY) | {"capture_id": "another"})
    assert "of capture another" in verify(lake).findings[0].problem
    only(import_path(lake, write(tmp_path)))
    assert verify(lake).findings == ()


# What has not happened yet.


def test_days_to_come_are_refused(lake: Lake, tmp_path: Path) -> None:
    tomorrow = DAY + timedelta(days=1)
    assert only(import_path(lake, write(tmp_path, tomorrow))).error is None
    found = only(import_path(lake, write(tmp_path, tomorrow + timedelta(days=1))))
    assert found.error is not None
    assert "2026-11-25, a day that is still to come" in found.error.message
    path = tmp_path / "regional-global-daily.csv"
    path.write_text(chart(), newline="")
    assert only(import_path(lake, path, Options(day=date(2030, 1, 1)))).error is not None
    assert [row["snapshot_date"] for row in lake.snapshots(CHART, 2026)] == [tomorrow]
