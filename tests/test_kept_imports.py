"""The bytes of imported files: kept once, replayed, proven, and gone where they must go."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib.cli import main
from chalicelib.errors import BadImport
from chalicelib.handlers.replaying import replay_all
from chalicelib.history.gathering import Gathering
from chalicelib.history.importing import ImportedFile, Options, import_path
from chalicelib.history.kept import read_notes
from chalicelib.history.replaying import replay_imports, verify_imports
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.snapshots.verify import verify

from .conftest import Clock, Killed, Mortal, put_entries
from .test_extract import Rig
from .test_imports import CHART, TRACKS, chart, only, write
from .test_lake import DAY, PLAYLIST
from .test_replay import delete_tables, rig, tables

__all__ = ["rig"]  # a fixture

ME = Options(by="ann")


def kept(lake: Lake) -> dict[str, bytes]:
    return {key: lake.store.get(key).data for key in lake.store.list(keys.KEPT_IMPORTS) if key.endswith(".gz")}


def imported(lake: Lake, clock: Clock, path: Path, options: Options = ME) -> ImportedFile:
    """Import one file, a second after whatever came before."""
    clock.advance(seconds=1)
    return only(import_path(lake, path, options))


def spotify_json(folder: Path, owner: str = "o", day: date = DAY) -> Path:
    track = {"type": "track", "id": TRACKS[0], "uri": f"spotify:track:{TRACKS[0]}", "name": "Other", "artists": []}
    body = {"id": PLAYLIST, "name": "x", "owner": {"id": owner, "display_name": "O"}}
    path = folder / f"spotify_raw_{day}.json"
    path.write_text(json.dumps(body | {"tracks": {"items": [{"track": track}], "total": 1, "offset": 0}}))
    return path


def command(lake: Lake, *arguments: str) -> Any:
    return CliRunner(env={"CHARTLAKE_LAKE": lake.store.locate("").rstrip("/")}).invoke(main, list(arguments))


# Kept.


def test_a_files_bytes_are_kept_once_with_who_when_and_how(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "download.csv"
    path.write_text(chart(), newline="")
    options = Options(date(2025, 5, 1), "us", skip_bad=True, by="ann")
    assert imported(lake, clock, path, options).error is None
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    ((key, data),) = kept(lake).items()
    assert (key, gzip.decompress(data)) == (f"raw/imports/{sha256}/download.csv.gz", path.read_bytes())
    assert data[4:8] == bytes(4)  # no time stamp, so it is the same bytes again
    (note,) = read_notes(lake)
    assert Path(note.name).name == "download.csv"
    assert note.options == {"date": "2025-05-01", "region": "us", "skip_bad": True}
    assert note.lists == {"chart:regional-us-daily": (date(2025, 5, 1), date(2025, 5, 1))}
    assert note.imports == ((clock.now(), "ann"),)
    row = lake.snapshot("chart:regional-us-daily", date(2025, 5, 1))
    assert (row["raw_key"], row["raw_sha256"]) == (next(iter(kept(lake))), sha256)


def test_another_name_or_day_of_the_same_bytes_is_another_note(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    first, second = write(tmp_path), write(tmp_path, DAY - timedelta(days=1))
    assert first.read_bytes() == second.read_bytes()
    for path in (first, second, first):
        imported(lake, clock, path)
    assert (len(kept(lake)), len(list(read_notes(lake)))) == (1, 2)
    assert [len(note.imports) for note in read_notes(lake)] == [1, 1]


def test_a_compressed_file_is_kept_as_it_is(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / f"regional-global-daily-{DAY}.csv.gz"
    path.write_bytes(gzip.compress(chart().encode()))
    imported(lake, clock, path)
    assert list(kept(lake).values()) == [path.read_bytes()]
    before = tables(lake)
    delete_tables(lake)
    replay_imports(lake, clock.world())
    assert tables(lake) == before


def test_nothing_is_kept_of_what_is_refused_or_not_to_be_kept(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    bad = write(tmp_path, DAY - timedelta(days=1))
    bad.write_text(chart() + "broken\n")
    assert imported(lake, clock, bad).error is not None
    assert imported(lake, clock, write(tmp_path), Options(keep=False)).error is None
    assert list(lake.store.list("raw/")) == []
    assert lake.snapshot(CHART, DAY)["raw_key"] is None
    assert verify_imports(lake) == (
        [],
        ["Of 1 imported day no file was kept: not proven against any."],
    )


def test_a_file_that_changes_while_it_is_read_is_refused(lake: Lake, tmp_path: Path) -> None:
    path = spotify_json(tmp_path)
    opened = 0

    def opener() -> Any:
        nonlocal opened
        opened += 1
        if opened == 6:
            spotify_json(tmp_path, owner="p")
        return path.open("rb")

    with lake.folder() as folder:
        gathering = Gathering(lake, folder)
        (found,) = [*gathering.take(str(path), opener, ME), *gathering.finish()]
    assert isinstance(found.error, BadImport)
    assert "changed while it was read" in found.error.message
    assert list(lake.store.list("")) == []


def test_of_large_files_that_are_packed_while_they_are_read_only_what_is_taken_stays(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.history.gathering.LARGE", 0)
    bad, good = write(tmp_path), spotify_json(tmp_path)
    bad.write_text(chart() + "broken\n")
    with lake.folder() as folder:
        gathering = Gathering(lake, folder)
        refused, taken = [
            *gathering.take(str(bad), lambda: bad.open("rb"), ME),
            *gathering.take(str(good), lambda: good.open("rb"), ME),
            *gathering.finish(),
        ]
        assert list(folder.glob("*.gz")) == []
    assert (refused.error is None, taken.error) == (False, None)
    assert [gzip.decompress(data) for data in kept(lake).values()] == [good.read_bytes()]


@pytest.mark.parametrize("changes", range(4))
def test_killed_at_any_write_the_bytes_are_there_before_the_rows(
    lake: Lake, clock: Clock, tmp_path: Path, changes: int
) -> None:
    path = write(tmp_path)
    with pytest.raises(Killed):
        list(import_path(Lake(Mortal(lake.store, changes), clock.world()), path, ME))
    assert (bool(kept(lake)), len(list(read_notes(lake)))) == (changes > 0, int(changes > 1))
    imported(lake, clock, path)
    assert (len(kept(lake)), verify_imports(lake)) == (1, ([], []))
    before = tables(lake)
    delete_tables(lake)
    replay_imports(lake, clock.world())
    assert tables(lake) == before


# Replayed.


def test_lost_tables_come_back_from_captures_and_imports(rig: Rig, tmp_path: Path) -> None:
    for number in range(4):
        rig.extract("top-50", "hundred-and-one")
        imported(rig.lake, rig.clock, write(tmp_path, DAY - timedelta(days=30 - number)))
        imported(rig.lake, rig.clock, spotify_json(tmp_path, day=DAY - timedelta(days=number)))
        rig.clock.advance(days=1)
    before = tables(rig.lake)
    found = command(rig.lake, "replay")
    assert (found.exit_code, "8 raw captures and 8 imported files read: every day is as it was." in found.output) == (
        0,
        True,
    )
    assert tables(rig.lake) == before
    delete_tables(rig.lake)
    told, left = replay_all(rig.lake, rig.clock.world())
    assert (told.captures, told.imports, len(told.changed), left) == (8, 8, 16, None)
    assert tables(rig.lake) == before
    assert verify(rig.lake).findings == ()
    assert verify_imports(rig.lake) == ([], [])


def corrections(lake: Lake, clock: Clock, folder: Path) -> None:
    """Three versions of one day; the first of them once more at the end; and a day that each has for itself."""
    for name, number in (("a", 1), ("b", 2), ("a", 1), ("c", 3), ("a", 1)):
        (folder / name).mkdir(exist_ok=True)
        path = folder / name / "universal_top_spotify_songs.csv"
        path.write_text(json.dumps({
            f"2025-02-0{day}T01:00:00": [
                {"pos": place, "id": TRACKS[place % 5], "artists": "A", "name": f"{name}{place}", "popularity": 1}
                for place in range(1, 51)
            ]
            for day in (1, 1 + number)
        }))  # fmt: skip
        assert imported(lake, clock, path, Options(region="us")).error is None


def test_a_replay_keeps_the_order_in_which_files_replaced_each_other(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    corrections(lake, clock, tmp_path)
    chart_id = "chart:flat-top50-us-daily"
    before = tables(lake)
    assert lake.entries(chart_id, date(2025, 2, 1))[0]["name"] == "a1"
    assert sorted(len(note.imports) for note in read_notes(lake)) == [1, 1, 3]
    delete_tables(lake)
    replay_imports(lake, clock.world())
    assert tables(lake) == before
    # A lake that is whole is not written to, not even on the way.
    found = replay_imports(Lake(Mortal(lake.store, 0), clock.world()), clock.world())
    assert (found.files, found.changed, found.damaged) == (5, (), ())


def test_follower_counts_are_replayed(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    imported(lake, clock, spotify_json(tmp_path))
    counts = tmp_path / f"{PLAYLIST}.json"
    counts.write_text(json.dumps({DAY.isoformat(): 12}))
    assert imported(lake, clock, counts).changed == 1
    before = tables(lake)
    delete_tables(lake)
    assert replay_imports(lake, clock.world()).files == 2
    assert tables(lake) == before
    assert lake.snapshot(PLAYLIST, DAY)["followers"] == 12
    assert verify_imports(lake) == ([], [])


def test_only_the_named_lists_and_days_are_replayed(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    for number in range(3):
        imported(lake, clock, write(tmp_path, DAY - timedelta(days=number)))
    imported(lake, clock, spotify_json(tmp_path))
    delete_tables(lake)
    found = command(lake, "replay", "--playlist", PLAYLIST, "--json")
    assert [one["playlist_id"] for one in json.loads(found.output)["changed"]] == [PLAYLIST]
    told, _ = replay_all(lake, clock.world(), playlist_ids=[CHART], first=DAY, last=DAY)
    assert told.changed == ((CHART, DAY),)
    told, _ = replay_all(lake, clock.world(), dry_run=True)
    assert len(told.changed) == 2
    assert len(lake.snapshots(CHART, DAY.year)) == 1


def test_stopped_in_time_it_goes_on_where_it_was(rig: Rig, tmp_path: Path) -> None:
    rig.extract("top-50", "fifty")
    for number in range(3):
        imported(rig.lake, rig.clock, write(tmp_path, DAY - timedelta(days=number + 1)))
    before = tables(rig.lake)
    delete_tables(rig.lake)
    left, turns, imports, captures = None, 0, 0, 0
    while left or not turns:
        told, left = replay_all(rig.lake, rig.clock.world(seconds_left=1), start=left)
        turns, imports, captures = turns + 1, imports + told.imports, captures + told.captures
    assert (turns, imports, captures) == (4, 3, 2)
    assert tables(rig.lake) == before


def test_what_a_file_read_with_bad_lines_told_comes_back(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(chart().replace("spotify:track:", "nonsense:", 1), newline="")
    imported(lake, clock, path, Options(skip_bad=True))
    before = tables(lake)
    delete_tables(lake)
    replay_imports(lake, clock.world())
    assert tables(lake) == before


# Proven.


@pytest.fixture
def two_days(lake: Lake, clock: Clock, tmp_path: Path) -> Lake:
    imported(lake, clock, write(tmp_path))
    other = write(tmp_path, DAY - timedelta(days=1), streams="7")
    imported(lake, clock, other)
    return lake


def test_forged_rows_are_found_and_mended(two_days: Lake, clock: Clock) -> None:
    good = tables(two_days)
    from chalicelib.lake.tables import to_json

    rows = [to_json(entry | {"name": "Forged"}) for entry in two_days.entries(CHART, DAY)]
    moment = two_days.snapshot(CHART, DAY)["captured_at"]
    put_entries(two_days, CHART, DAY, moment, rows[0]["source"], rows)
    assert verify(two_days).findings == ()
    problem = "its entries differ from what its file yields"
    assert verify_imports(two_days) == ([(CHART, DAY, problem)], [])
    found = command(two_days, "verify")
    assert (found.exit_code, f"{CHART} {DAY}: {problem}" in found.output) == (1, True)
    assert replay_imports(two_days, clock.world()).changed == ((CHART, DAY),)
    assert {key: data for key, data in tables(two_days).items() if "entries" in key} == {
        key: data for key, data in good.items() if "entries" in key
    }


def test_damaged_and_lost_bytes_are_named_and_hold_up_no_other(two_days: Lake, clock: Clock) -> None:
    keys_ = list(kept(two_days))
    path = Path(two_days.store.locate(keys_[0]))
    path.write_bytes(path.read_bytes()[:-9])
    ((_, _, problem),), _ = verify_imports(two_days)
    assert problem == f"{two_days.store.locate(keys_[0])} does not match its SHA-256."
    delete_tables(two_days)
    found = command(two_days, "replay")
    assert (found.exit_code, "does not match its SHA-256" in found.output) == (3, True)
    assert "0 raw captures and 1 imported file read, 1 damaged: 1 day changed." in found.output
    for key in list(two_days.store.list(keys.KEPT_IMPORTS)):
        two_days.store.delete(key)
    assert verify_imports(two_days) == (
        [],
        ["The files of 1 imported day are gone: not proven against them."],
    )


# Purged.


def purge(lake: Lake, *arguments: str) -> None:
    before = {key: lake.store.get(key).data for key in lake.store.list("")}
    assert command(lake, "purge", *arguments).exit_code == 0
    assert {key: lake.store.get(key).data for key in lake.store.list("")} == before, "a dry run"
    assert command(lake, "purge", *arguments, "--yes").exit_code == 0


def test_a_purged_list_takes_the_files_that_tell_of_it(two_days: Lake, clock: Clock, tmp_path: Path) -> None:
    imported(two_days, clock, spotify_json(tmp_path))
    purge(two_days, "--playlist", CHART)
    assert [note.lists.keys() for note in read_notes(two_days)] == [{PLAYLIST}]
    assert len(kept(two_days)) == 1
    # What is imported again of it is left out, and so are its bytes.
    assert imported(two_days, clock, write(tmp_path)).purged == 1
    assert len(kept(two_days)) == 1


def test_a_purge_of_raw_leaves_the_rows_without_it(two_days: Lake, clock: Clock) -> None:
    purge(two_days, "--before", str(DAY))
    rows = two_days.snapshots(CHART, DAY.year)
    assert [row["raw_key"] is None for row in rows] == [True, False]
    assert len(kept(two_days)) == 1
    assert verify(two_days).findings == ()
    assert verify_imports(two_days)[0] == []


def test_a_purged_user_takes_the_files_that_name_them(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    for number, owner in enumerate(("ann", "annabel", "an n/ü")):
        imported(lake, clock, spotify_json(tmp_path, owner, DAY - timedelta(days=number)))
    packed = tmp_path / f"spotify_raw_{DAY - timedelta(days=3)}.json.gz"
    packed.write_bytes(gzip.compress(spotify_json(tmp_path, "ann", DAY - timedelta(days=4)).read_bytes()))
    imported(lake, clock, packed)
    purge(lake, "--user", "ann")
    assert sorted(row["raw_key"] is not None for row in lake.snapshots(PLAYLIST, DAY.year)) == [
        False,
        False,
        True,
        True,
    ]
    assert "ann" not in {row["owner_id"] for row in lake.snapshots(PLAYLIST, DAY.year)}
    assert len(kept(lake)) == 2
    # Their bytes are not kept when they come again.
    imported(lake, clock, packed)
    assert len(kept(lake)) == 2


def test_no_keep_is_an_option_of_the_command(lake: Lake, tmp_path: Path) -> None:
    path = str(write(tmp_path))
    assert command(lake, "import", path, "--no-keep").exit_code == 0
    assert kept(lake) == {}
    assert command(lake, "import", path).exit_code == 0
    assert len(kept(lake)) == 1
    assert lake.snapshot(CHART, DAY)["raw_key"] == next(iter(kept(lake)))


def test_what_many_files_share_is_written_once(lake: Lake, clock: Clock, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(1, 11):
        write(folder, date(2025, 2, number))
    # The bytes, ten notes, a segment, a year of commits.
    counted = Mortal(lake.store, 13)
    found = list(import_path(Lake(counted, clock.world()), folder, replace(ME)))
    assert [one.changed for one in found] == [1] * 10
    assert counted._left == 0
