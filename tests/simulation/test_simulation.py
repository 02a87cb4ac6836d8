"""The promise, in five hundred bad days' lives (`make prove`: ten thousand), and the machinery that looks at it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from chalicelib.lake.days import DayTables

from .__main__ import command
from .bad_days import play
from .memory import Table
from .mutants.__main__ import PATCHES, PLANT, ROOT, caught

_SCHEDULES, _A_TEST = 500, 50


@pytest.mark.parametrize("first", range(1, _SCHEDULES + 1, _A_TEST))
def test_whatever_fails_no_promise_is_broken(first: int) -> None:
    told = [play(seed) for seed in range(first, first + _A_TEST)]
    print(f"seeds {first} to {told[-1].seed}: {sum(one.calls for one in told)} calls")
    broken = [f"{one.broken}\n  its story: {command(one.seed)}" for one in told if one.broken]
    assert not broken, "\n".join(broken)


def test_a_seed_is_one_story() -> None:
    one, other = (play(7, keep_story=True) for _ in range(2))
    assert one.story == other.story
    assert len(one.story) > one.calls / 2


def test_duckdb_tells_the_same_stories_as_the_tables_in_memory() -> None:
    for seed in range(1, 4):
        assert play(seed, True, _DuckTables()).story == play(seed, True).story


class _DuckTables(DayTables):
    """Tables as ever, into which whoever watches looks with another reader of Parquet."""

    def __init__(self) -> None:
        super().__init__()
        self.files = _Parquet()


class _Parquet(dict[bytes, Table]):
    def __missing__(self, data: bytes) -> Table:
        self[data] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
        return self[data]


def test_a_story_is_told_by_one_command() -> None:
    shown = subprocess.run(
        [sys.executable, *command(3).split()[1:]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines()[-1].endswith("Every promise is kept.")
    assert "PUT raw/playlist_id=" in shown.stdout


def test_every_planted_bug_still_fits_the_code() -> None:
    assert len(PATCHES) >= 12
    for patch in PATCHES:
        (path,) = re.findall(r"^\+\+\+ b/(.+)$", patch.read_text(), re.MULTILINE)
        assert Path(ROOT, path).is_file(), f"{patch.name} is of a file that is gone"
        subprocess.run([*PLANT, "--check", str(patch)], cwd=ROOT, check=True)


# Those that are seen soonest; `make prove` shows it of all.
@pytest.mark.parametrize("name", ["no-marks", "wall-clock-date", "failure-over-success"])
def test_a_planted_bug_is_seen(name: str) -> None:
    (patch,) = [patch for patch in PATCHES if patch.stem == name]
    seen, _ = caught(patch, _SCHEDULES)
    assert seen, "the simulation did not see it"
