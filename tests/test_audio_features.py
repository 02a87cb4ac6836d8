"""What files tell of tracks beside their lists: one row a track, of the newest day, in a table of its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chalicelib.history import features
from chalicelib.history.importing import Options, import_path
from chalicelib.history.kept import keys_to_purge
from chalicelib.history.naming import ListName
from chalicelib.history.replaying import replay_imports
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import AUDIO_FEATURES
from chalicelib.lake.warehouse import open_warehouse
from chalicelib.snapshots.purge import purge, wish
from chalicelib.snapshots.verify import verify
from chalicelib.time_and_chance import World

from .conftest import Clock
from .test_imports import only

ONE, TWO = "6AI3ezQ4o3HUoP6Dhudph3", "2CGNAOSuO1MEFCbBRgUzjd"
US, SE = "chart:kaggle-top50-us-daily", "chart:kaggle-top50-se-daily"
KAGGLE = (
    "spotify_id,name,artists,daily_rank,daily_movement,weekly_movement,country,snapshot_date,popularity,is_explicit,"
    "duration_ms,album_name,album_release_date,danceability,energy,key,loudness,mode,speechiness,acousticness,"
    "instrumentalness,liveness,valence,tempo,time_signature\n"
)


def line(item: str, rank: int, day: str, tempo: str, country: str = "US", key: str = "-1") -> str:
    told = f"{item},Song,Ann,{rank},0,0,{country},{day},90,True,200000,Album,2024-05-04"
    return f"{told},0.5,0.25,{key},-7.001,1,0.1,0.2,0,0.3,1,{tempo},4\n"


def told(lake: Lake) -> dict[str, tuple[Any, ...]]:
    with open_warehouse(lake, features=True) as warehouse:
        assert warehouse.columns("FROM audio_features") == AUDIO_FEATURES
        rows = warehouse.read("FROM audio_features")
    assert [row["track_id"] for row in rows] == sorted({row["track_id"] for row in rows})
    return {row["track_id"]: (row["tempo"], str(row["snapshot_date"]), row["playlist_id"]) for row in rows}


def take(lake: Lake, path: Path, *lines: str, **options: Any) -> Any:
    path.write_text(KAGGLE + "".join(lines))
    return only(import_path(lake, path, Options(**options)))


def bytes_of(lake: Lake) -> dict[str, bytes]:
    return {key: found.data for key in lake.store.list("tables/") if (found := lake.store.get(key))}


FIRST_FILE = [line(ONE, 1, "2024-05-03", "101.5"), line(ONE, 1, "2024-05-02", "99"), line(TWO, 2, "2024-05-03", "80")]
OTHER_FILE = [line(ONE, 1, "2024-05-04", "102", "SE"), line(TWO, 2, "2024-05-01", "70", "SE")]


@pytest.mark.parametrize("waiting", [20_000, 0])
def test_of_each_track_the_newest_day_counts_whatever_comes_first(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    monkeypatch.setattr(features, "_AT_ONCE", waiting)
    assert told(lake) == {}
    assert take(lake, tmp_path / "us.csv", *FIRST_FILE).error is None
    assert told(lake) == {ONE: (101.5, "2024-05-03", US), TWO: (80.0, "2024-05-03", US)}
    with open_warehouse(lake, features=True) as warehouse:
        (row,) = warehouse.read("FROM audio_features WHERE track_id = $id", {"id": ONE})
    names = ("danceability", "energy", "key", "loudness", "mode", "instrumentalness", "valence", "time_signature")
    assert [row[name] for name in names] == [0.5, 0.25, -1, -7.001, 1, 0.0, 1.0, 4]
    assert row["source"] == "import:kaggle-top50:us.csv"
    take(lake, tmp_path / "se.csv", *OTHER_FILE)
    assert told(lake) == {ONE: (102.0, "2024-05-04", SE), TWO: (80.0, "2024-05-03", US)}
    before = bytes_of(lake)
    for name, lines in (("se.csv", OTHER_FILE), ("us.csv", FIRST_FILE)):
        take(lake, tmp_path / name, *lines)
    assert bytes_of(lake) == before


def test_exportifys_columns_are_told_and_what_is_no_number_is_null(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "2024-05-03.csv"
    header = "Track URI,Track Name,Artist Name(s),Danceability,Key,Mode,Tempo,Time Signature\n"
    local = "spotify:local:A:B:C:1,Tape,Ann,0.1,1,1,90,4\n"
    path.write_text(f"{header}spotify:track:{ONE},Song,Ann,0.5,1.5,nan,1.2.3,4\nspotify:track:{TWO},S,A,,,,,\n{local}")
    found = only(import_path(lake, path, Options(playlist=ListName("file:mine"))))
    assert (found.error, found.rows) == (None, 3)
    with open_warehouse(lake, features=True) as warehouse:
        (row,) = warehouse.read("FROM audio_features")
    assert [row[name] for name in ("track_id", "danceability", "key", "mode", "tempo", "time_signature")] == [
        *(ONE, 0.5, None, None, None, 4)
    ]


def test_a_file_that_is_refused_or_looked_at_tells_nothing(lake: Lake, tmp_path: Path) -> None:
    assert take(lake, tmp_path / "bad.csv", *FIRST_FILE, line("x", 3, "2024-05-03", "1")).error
    assert take(lake, tmp_path / "us.csv", *FIRST_FILE, dry_run=True).error is None
    assert told(lake) == {}


def test_replay_makes_the_table_anew_and_verify_knows_it(lake: Lake, tmp_path: Path, clock: Clock) -> None:
    take(lake, tmp_path / "us.csv", *FIRST_FILE)
    clock.advance(days=1)
    # Another file's days stand on those of the first, and its features are fewer.
    take(lake, tmp_path / "other.csv", line(ONE, 1, "2024-05-03", "103"))
    before, rows = bytes_of(lake), lake.fingerprints(US, 2024)
    assert told(lake)[TWO] == (80.0, "2024-05-03", US)
    for key in before:
        lake.store.delete(key)
    replay_imports(lake, World())
    assert bytes_of(lake)[keys.TRACKS_FEATURES] == before[keys.TRACKS_FEATURES]
    assert lake.fingerprints(US, 2024) == rows
    assert verify(lake).findings == ()
    lake.store.create("tables/audio_features/copy.parquet", before[keys.TRACKS_FEATURES])
    lake.store.delete(keys.TRACKS_FEATURES)
    lake.store.create(keys.TRACKS_FEATURES, b"PAR1")
    stray, damaged = verify(lake).findings
    assert ("copy.parquet" in stray.problem, "is not a table" in damaged.problem) == (True, True)


def test_a_purge_takes_what_a_playlists_files_told_and_keeps_it_away(lake: Lake, tmp_path: Path) -> None:
    take(lake, tmp_path / "us.csv", *FIRST_FILE)
    take(lake, tmp_path / "se.csv", line(TWO, 1, "2024-05-04", "70", "SE"))
    asked = wish(lake, date(2026, 11, 23), US, None, None)
    with lake.folder() as folder:
        imports = keys_to_purge(lake, folder, asked.before, US, None, lambda key: None)
    assert purge(lake, World(), asked, imports=imports).removed[keys.TRACKS_FEATURES] == 1
    assert set(told(lake)) == {ONE, TWO}
    purge(lake, World(), asked, imports=imports, dry_run=False)
    take(lake, tmp_path / "us.csv", *FIRST_FILE)
    assert told(lake) == {TWO: (70.0, "2024-05-04", SE)}
