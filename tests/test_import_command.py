"""`chartlake import` under stress: killed, hostile files, and what a person types."""

from __future__ import annotations

import errno
import gzip
import io
import json
import tempfile
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib.cli import main
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES

from .conftest import Clock, Killed, Mortal
from .test_history import kaggle, kaggle_line
from .test_imports import CHART, chart, only, write
from .test_lake import DAY
from .test_replay import delete_tables, tables

# Killed, and large.


def large(folder: Path, countries: tuple[str, ...] = ("US", "ZA", "VN", "DE"), days: int = 20) -> Path:
    path = folder / "universal_top_spotify_songs.csv"
    lines = [
        kaggle_line(rank, country, f"2025-02-{day:02d}")
        for day in range(1, days + 1)
        for country in countries
        for rank in (1, 2, 3)
    ]
    path.write_text(kaggle(*lines))
    return path


def test_killed_at_any_write_the_same_command_comes_to_the_same_lake_and_writes_only_the_rest(
    lake: Lake, clock: Clock, tmp_path: Path
) -> None:
    path = large(tmp_path)
    whole = Lake(open_store(str(tmp_path / "whole"), clock.world()), clock.world())
    assert only(import_path(whole, path)).changed == 80
    # The file's bytes and the note beside them; entries and commits of four playlists, and the audio features.
    raw, writes = 2, 8 + 1
    for done in range(writes):
        delete_tables(lake)
        with pytest.raises(Killed):
            list(import_path(Lake(Mortal(lake.store, done + (0 if done else raw)), clock.world()), path))
        assert len(tables(lake)) == done
        rest = Mortal(lake.store, writes - done)
        # Entries without their commit are no day yet, so it counts as new.
        assert only(import_path(Lake(rest, clock.world()), path)).changed == 80 - 20 * (done // 2)
        assert tables(lake) == tables(whole)
    assert only(import_path(Lake(Mortal(lake.store, 0), clock.world()), path)).changed == 0


def test_a_day_that_is_other_than_before_is_the_only_one_that_changes(lake: Lake, tmp_path: Path) -> None:
    only(import_path(lake, large(tmp_path, days=5)))
    segment = next(iter(lake.store.list(keys.segments_prefix("chart:kaggle-top50-us-daily", 2025))))
    before = lake.store.get(segment).data
    lake.remove_rows(segment, ENTRIES, "snapshot_date = DATE '2025-02-03' AND position = 2", {})
    assert only(import_path(lake, large(tmp_path, days=5))).changed == 1
    assert lake.store.get(segment).data == before


def test_nothing_stays_on_disk_of_an_import(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(staging))
    only(import_path(lake, large(tmp_path)))
    bad = tmp_path / "bad.csv"
    bad.write_text(large(tmp_path).read_text() + "broken\n")
    assert only(import_path(lake, bad)).error is not None
    # The lake's own folder ends with the lake; there is nothing in it.
    (own,) = staging.iterdir()
    assert list(own.iterdir()) == []


def test_the_work_on_a_file_is_told_while_it_goes_on(lake: Lake, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    list(import_path(lake, large(tmp_path), progress=lambda name, share: told.append((name, share))))
    shares = [share for _, share in told]
    assert {name for name, _ in told} == {str(tmp_path / "universal_top_spotify_songs.csv")}
    assert (shares[-1], all(0 <= share <= 1 for share in shares)) == (1.0, True)
    assert shares[-5:] == sorted(shares[-5:])


def test_a_full_temporary_folder_is_told(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("chalicelib.history.staging.packed", full)
    found = only(import_path(lake, large(tmp_path)))
    assert found.error is not None
    assert (tempfile.gettempdir() in found.error.message, "TMPDIR" in found.error.advice) == (True, True)


# Hostile files.


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_up_", "../"), text)
    return out.getvalue()


LONG = "x" * 120_000


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bomb.zip", zipped(a=chart() + "\n" * 40_000_000), "200 times its size"),
        ("bomb.csv.gz", gzip.compress((chart() + "\n" * 60_000_000).encode()), "200 times its size"),
        ("names.zip", zipped(good=chart(), _up_evil=chart()), "leads out"),
        ("field.csv", chart().replace("Label", "x" * 10_000_000), "longer than 1,048,576 bytes"),
        ("fields.csv", chart(ranks=tuple(range(1, 200))).replace("Song", LONG), "has more than 25,000 letters"),
        ("nul.csv", chart().replace("Label", "La\0bel"), "NUL bytes"),
        ("page.csv", "<!DOCTYPE html><html>Sign in</html>", "web page"),
        ("end.csv", chart() + "a line that was cut o", "1 fields, not 9"),
    ],
)
def test_hostile_files_write_nothing(lake: Lake, tmp_path: Path, name: str, data: Any, reason: str) -> None:
    path = tmp_path / f"regional-global-daily-2026-11-23 {name}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    found = only(import_path(lake, path))
    assert found.error is not None
    assert reason in found.error.message
    assert found.error.advice
    assert list(lake.store.list("")) == []


def test_cells_that_look_like_formulas_are_kept_as_the_text_that_they_are(lake: Lake, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("Ann, Bob", "=HYPERLINK(1)").replace('Song ""1""', "+1-1"), newline="")
    only(import_path(lake, path))
    first = lake.entries(CHART, DAY)[0]
    assert (first["name"], first["artists"][0]["name"]) == ("+1-1", "=HYPERLINK(1)")


# The command.


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARTLAKE_LAKE", str(tmp_path / "lake"))
    return lambda *arguments: CliRunner().invoke(main, ["import", *arguments])


def test_patterns_that_the_shell_did_not_expand_are_expanded(command: Any, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for number, folder in enumerate((tmp_path / "a", tmp_path / "a" / "b"), start=1):
        write(folder, date(2025, 2, number))
    for pattern in ("a/**/*.csv", f"{tmp_path}/a/**/regional-*"):
        found = command(pattern, "--json")
        assert found.exit_code == 0
        assert [one["days"] for one in json.loads(found.stdout)] == [1, 1]
    missing = command("a/*.txt")
    assert (missing.exit_code, "a/*.txt" in missing.output) == (2, True)


def test_bad_lines_are_kept_beside_the_file_or_its_archive_and_are_no_history(command: Any, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    path = write(folder)
    text = path.read_text().replace("spotify:track:", "nonsense:", 1)
    path.write_text(text, newline="")
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr("in/regional-global-daily-2026-11-24.csv", text)
    assert command("files").exit_code == 1
    assert command("files", "--skip-bad").exit_code == 0
    kept = sorted(one.name for one in folder.glob("*.rejects"))
    assert kept == [f"{path.name}.rejects", "z.zip--in--regional-global-daily-2026-11-24.csv.rejects"]
    line, reason, bad = (folder / kept[0]).read_text().rstrip().split("\t")
    assert (line, "no URI" in reason, "nonsense:" in bad) == ("2", True, True)
    assert command("files", "--skip-bad").exit_code == 0


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_not_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    found = CliRunner(env={"CHARTLAKE_LAKE": str(tmp_path / "lake")}).invoke(main, ["import", name])
    assert (found.exit_code, "name of a file is empty" in found.output) == (2, True)
    assert not (tmp_path / "lake").exists()
