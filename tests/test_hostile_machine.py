"""A machine without room, rights, memory, network or locks: each is told in words that help, and nothing is spoilt.

A small disk and a read-only one are real ones, mounted where only the process of the test sees them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chalicelib.errors import LakeUnavailable
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.tables import Tables
from chalicelib.snapshots.verify import verify
from simulator import TOP_50

from .conftest import Clock
from .test_extract import TODAY, Rig, rig  # noqa: F401

ROOT = Path(__file__).parents[1]
_UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    """Whether a process here may have mounts of its own."""
    tried = [*_UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(tried, capture_output=True).returncode == 0


def run(script: str, folder: Path, *, disk: bool = False, **settings: str) -> str:
    """What a shell script writes in which `chartlake` is the command, `$DISK` a disk of 16 kB if asked for, and `same`
    tells the last exit code."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE"))}
    own = {
        "CHARTLAKE_LAKE": str(folder / "lake"),
        "DISK": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHON": sys.executable,
    }
    head = 'chartlake() { "$PYTHON" -m chalicelib "$@" 2>&1; echo "exit $?"; }\n'
    mount = 'mount -t tmpfs -o size=16k none "$DISK"\n' if disk else ""
    found = subprocess.run(
        [*(_UNSHARE if disk else ()), "sh", "-c", head + mount + script],
        env=keep | own | settings, cwd=ROOT, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert "Traceback" not in found.stdout + found.stderr
    return found.stdout


@pytest.mark.skipif(not can_mount(), reason="this system lets nobody have mounts of their own")
def test_a_full_disk_is_told_and_the_next_run_with_room_is_whole(tmp_path: Path) -> None:
    full, room, proof, fixed = run(
        """
        chartlake extract
        mount -o remount,size=4m "$DISK"
        chartlake extract
        chartlake verify
        mount -o remount,ro "$DISK"
        chartlake extract --again
        """,
        tmp_path,
        disk=True,
    ).split("exit ")[:4]
    assert "No space left on device" in full
    assert "has room" in full
    assert room.startswith("1\n")
    assert "50 entries, ok" in room
    assert "Proven: 1 day tried, 1 kept, 50 entries" in proof
    assert "Read-only file system" in fixed
    assert "can be written" in fixed


@pytest.mark.skipif(not can_mount(), reason="this system lets nobody have mounts of their own")
def test_a_small_folder_for_temporary_files_is_named(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    found = run("chartlake extract", disk, disk=True, TMPDIR=str(disk), CHARTLAKE_LAKE=str(tmp_path / "lake"))
    assert "no temporary file could be written: No space left on device" in found
    assert f"Make room in {disk}, or set TMPDIR" in found
    assert found.endswith("exit 1\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process may hold")
def test_half_a_gigabyte_of_memory_is_enough(tmp_path: Path) -> None:
    assert "50 entries, ok" in run("ulimit -d 524288; chartlake extract", tmp_path)


def test_sql_that_lacks_memory_is_told_in_one_line() -> None:
    with (
        pytest.raises(LakeUnavailable, match=r"^the entries could .*: no room$") as caught,
        Tables().scratch("the entries"),
    ):
        raise duckdb.OutOfMemoryException("no room\n\nPossible solutions: ...")
    assert "512 MB" in caught.value.advice


def test_a_list_for_which_memory_is_missing_is_no_defect(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def no_memory(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("chalicelib.snapshots.pipeline.entry_rows", no_memory)
    outcome = rig.one()
    assert "too little memory" in outcome.error.message
    assert "512 MB" in outcome.error.advice


def test_without_a_network_or_a_name_server_that_is_the_reason(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def fails(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    run_ = rig.extract("one", "fifty")
    assert (run_.stopped.kind, "is there a network?" in run_.stopped.message) == ("SpotifyUnavailable", True)
    monkeypatch.undo()
    assert rig.extract("one", "fifty").complete


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    store = open_store(str(tmp_path / "lake"), clock.world())
    with pytest.raises(LakeUnavailable, match="keeps no locks") as caught:
        store.create("one", b"1")
    assert "s3://bucket/prefix" in caught.value.advice
    assert list(store.list("")) == []


@pytest.mark.parametrize("jump", [timedelta(hours=-3), timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_jumps_makes_no_false_day(rig: Rig, jump: timedelta) -> None:  # noqa: F811
    """The day is the one that the clock tells; what is kept stays kept, and nothing is doubled or mixed."""
    rig.extract("top-50")
    kept = rig.lake.snapshot(TOP_50, TODAY)
    rig.clock.moment += jump
    rig.extract("top-50", again=True)
    rig.clock.moment -= jump
    rig.clock.advance(days=1)
    rig.extract("top-50")
    assert rig.lake.snapshot(TOP_50, TODAY)["captured_at"] == kept["captured_at"]
    days = {(TODAY + one) for one in (timedelta(0), timedelta(days=1))} | {(rig.clock.start + jump).date()}
    tried = [row["snapshot_date"] for owner in rig.lake.tried() for row in rig.lake.snapshots(*owner)]
    assert sorted(tried) == sorted(days)
    assert verify(rig.lake).findings == ()


def test_a_folder_without_rights_is_named(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    lake = Lake(open_store(str(tmp_path / "lake"), clock.world()), clock.world())
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(LakeUnavailable, match=r"lake.*Permission denied") as caught:
        lake.update_state("state/x.json", lambda state: {"x": 1})
    assert "can be written" in caught.value.advice


def test_a_machine_in_another_time_zone_tells_the_same(tmp_path: Path) -> None:
    asked = "SELECT captured_at, CAST(captured_at AS DATE) AS day FROM entries WHERE position = 1"
    script = f"""
        chartlake extract
        for zone in UTC Asia/Kolkata America/St_Johns; do
            echo "in "
            TZ=$zone chartlake query "{asked}" --csv
            TZ=$zone chartlake query "{asked}" --json
            TZ=$zone chartlake export {TOP_50} --format csv
            TZ=$zone chartlake export {TOP_50} --format json
        done
        """
    _, *told = run(script, tmp_path, CHARTLAKE_TIMEZONE="UTC").split("in \n")
    assert told[0].count("exit 0") == 4
    assert "+00:00" in told[0]
    assert told == [told[0]] * 3


def test_closed_streams_and_a_folder_that_is_gone_are_no_defects(tmp_path: Path) -> None:
    taken, closed, gone = run(
        """
        "$PYTHON" -m chalicelib extract >&- 2>&- <&-; echo "exit $?"
        chartlake coverage --json
        mkdir "$DISK/gone"; cd "$DISK/gone"; rmdir "$DISK/gone"
        chartlake coverage --json
        """,
        tmp_path,
    ).split("exit ")[:3]
    assert taken == ""
    assert closed.startswith("0\n[")
    assert '"ok"' in closed
    assert "is gone" in json.loads(gone.partition("\n")[2])["message"]


def test_a_locale_without_most_letters_loses_none(tmp_path: Path) -> None:
    other = tmp_path / "regional-us-daily-2020-03-01.csv"
    other.write_text(
        f"Position,Track Name,Artist,Streams,URL\n1,夜に駆ける,YOASOBI,9,https://open.spotify.com/track/{1:022d}"
    )
    script = (
        f'chartlake import "{other}"; chartlake charts us; chartlake coverage --json; chartlake query "FROM tracks"'
    )
    told = run(script, tmp_path, PYTHONIOENCODING="latin-1")
    assert told.count("exit 0") == 4
    assert told.count("夜に駆ける") == 2


@pytest.mark.parametrize("name", ["playlist_id=x", "snapshot_date=2020-01-01", "position=7", "a [1] * ? 'b'"])
def test_no_name_of_the_folder_for_temporary_files_becomes_a_value(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    rows = [
        f"{place},Song {place},Ann,{1000 - place},https://open.spotify.com/track/{place:022d}" for place in (1, 2, 3)
    ]
    chart = folder / "regional-us-daily-2020-03-01.csv"
    chart.write_text("\n".join(["Position,Track Name,Artist,Streams,URL", *rows]))
    asked = "SELECT playlist_id, snapshot_date, min(position), max(position) FROM entries GROUP BY ALL ORDER BY ALL"
    taken, imported, told, proof = run(
        f"""
        chartlake extract
        chartlake import "{chart}"
        chartlake query "{asked}" --csv
        chartlake verify
        """,
        tmp_path,
        TMPDIR=str(folder),
    ).split("exit 0")[:4]
    assert "50 entries, ok" in taken
    assert "1 day" in imported
    assert re.fullmatch(rf".*\n{TOP_50},202[6-9]-..-..,1,50\nchart:regional-us-daily,2020-03-01,1,3\n", told.lstrip())
    assert "2 kept, 53 entries" in proof
