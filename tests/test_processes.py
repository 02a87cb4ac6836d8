"""chartlake as its own process: what it prints and returns, how much memory it takes, and several of it at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.snapshots.verify import verify
from chalicelib.time_and_chance import World
from simulator import DEVELOPMENT, EXTENDED, TOP_50, Fault, Simulator

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "chalicelib"]
MEMORY_LIMIT_MB = 350


class Shell:
    """A person's terminal beside a simulated Spotify."""

    def __init__(self, simulator: Simulator, server: Any, lake: str) -> None:
        self.simulator = simulator
        self.lake_address = lake
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE"))}
        self.environment = keep | {
            "CHARTLAKE_LAKE": lake,
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
            "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
            "PYTHONPATH": str(ROOT),
        }

    def sign_in(self) -> None:
        self.environment |= {
            "SPOTIPY_CLIENT_ID": DEVELOPMENT.client_id,
            "SPOTIPY_CLIENT_SECRET": DEVELOPMENT.client_secret,
            "SPOTIPY_REFRESH_TOKEN": self.simulator.refresh_token(app=DEVELOPMENT),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*COMMAND, *arguments], env=self.environment, stdout=pipe, stderr=pipe, text=True, cwd=ROOT
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def lake(self) -> Lake:
        return Lake(open_store(self.lake_address, World()), World())


@pytest.fixture
def shell(address: str) -> Iterator[Shell]:
    simulator = Simulator()
    with simulator.serve() as server:
        yield Shell(simulator, server, address)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Shell]:
    simulator = Simulator()
    with simulator.serve() as server:
        yield Shell(simulator, server, str(tmp_path / "lake"))


# What a person sees.


@pytest.fixture
def bare(local: Shell) -> Shell:
    """A shell in which nothing of Spotify is set."""
    for name in ("SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL", "SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET"):
        del local.environment[name]
    return local


def test_without_credentials_no_real_playlist_is_said_to_be_missing(bare: Shell) -> None:
    found = bare.run("extract", TOP_50, "37i9dQZEVXbMDoHDwVN2tF")
    assert found.returncode == 2
    assert "37i9dQZEVXbMDoHDwVN2tF is none of them" in found.stderr
    assert "SPOTIPY_CLIENT_SECRET" in found.stderr
    assert list(bare.lake.tried()) == []
    bare.environment["SPOTIPY_CLIENT_ID"] = "half"
    found = bare.run("extract")
    assert (found.returncode, "not whole" in found.stderr, list(bare.lake.tried())) == (2, True, [])


def test_without_credentials_the_lakes_own_list_is_followed_too(bare: Shell) -> None:
    bare.lake.store.create(keys.PLAYLISTS, bare.simulator.playlist_id("one").encode())
    found = json.loads(bare.run("extract", "--json").stdout)
    assert [one["playlist_id"] for one in found["snapshots"]] == [bare.simulator.playlist_id("one")]


def test_a_chart_that_cannot_be_shown_fails_no_run(local: Shell) -> None:
    local.run("extract", TOP_50)
    (segment,) = Path(local.lake_address).rglob("tables/entries/*/*.parquet")
    segment.write_bytes(b"garbage")
    found = local.run("extract", TOP_50)
    assert (found.returncode, "already there" in found.stdout, str(segment) in found.stderr) == (0, True, True)


def test_without_credentials_the_simulator_answers_and_the_first_line_says_so(bare: Shell) -> None:
    first = bare.run("extract")
    assert first.returncode == 0
    assert "simulator" in first.stdout.splitlines()[0]
    assert "(simulated)" in first.stdout
    assert "50 entries, ok" in first.stdout
    assert "10 " in first.stdout
    second = bare.run("extract")
    assert "already there" in second.stdout
    assert bare.run("verify").stdout.startswith("Proven: 1 day tried, 1 kept, 50 entries")
    covered = json.loads(bare.run("coverage", "--json").stdout)
    assert covered[0]["counts"] == {"ok": 1}


@pytest.mark.parametrize(
    ("faults", "arguments", "code", "words"),
    [
        ([], [TOP_50, "fifty"], 0, "ok"),
        ([], [TOP_50, "0" * 22], 3, "Resource not found"),
        ([], ["0" * 22], 1, "Check the link"),
        ([], ["https://open.spotify.com/album/1woYXxyyxTQJ0E0AhZE6mj"], 2, "album"),
        ([Fault.quota_exceeded(50_000)], [TOP_50, "fifty"], 1, "next scheduled run"),
        (
            [Fault("status", status=403, body="Active premium subscription required", on="playlist", times=None)],
            ["one"],
            1,
            "Premium",
        ),
        (
            [Fault("status", on="token", status=400, body={"error": "invalid_client"}, times=None)],
            ["one"],
            1,
            "dashboard",
        ),
    ],
)
def test_exit_codes_and_advice(local: Shell, faults: list[Fault], arguments: list[str], code: int, words: str) -> None:
    for fault in faults:
        local.simulator.faults.add(fault)
    names = local.simulator.playlist_names
    found = local.run("extract", *(names[one].id if one in names else one for one in arguments))
    assert found.returncode == code
    assert words in found.stdout + found.stderr
    assert "Traceback" not in found.stderr


def test_a_wrong_link_among_the_followed_is_told_and_the_others_are_kept(local: Shell) -> None:
    local.environment["CHARTLAKE_PLAYLISTS"] = f"nonsense, {TOP_50}"
    found = local.run("extract")
    assert (found.returncode, "CHARTLAKE_PLAYLISTS: 'nonsense'" in found.stdout) == (3, True)
    assert "50 entries, ok" in found.stdout
    local.environment["CHARTLAKE_PLAYLISTS"] = "nonsense"
    assert local.run("extract").returncode == 2


def test_machines_get_one_json_document(local: Shell) -> None:
    found = local.run("extract", TOP_50, "0" * 22, "--json")
    document = json.loads(found.stdout)
    assert (found.returncode, document["published"], document["failed"]) == (3, 1, 1)
    assert document["snapshots"][1]["error"] == "NotFound"
    refused = local.run("extract", "nonsense", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]) == (2, "BadSetting")
    verdict = json.loads(local.run("verify", "--json").stdout)
    assert (verdict["published"], verdict["findings"]) == (1, [])


@pytest.mark.parametrize(
    "question", ["charts", "charts --json", "export", "export --output /dev/full", "query FROM~chart"]
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_answer_for_which_there_is_no_room_is_no_fault_of_the_lake(local: Shell, question: str) -> None:
    local.run("extract", TOP_50)
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [*COMMAND, *(word.replace("~", " ") for word in question.split())],
            env=local.environment, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert (found.returncode, found.stderr) == (1, "Error: The answer could not be written: No space left on device\n")


def test_verify_fails_where_a_promise_is_broken(local: Shell) -> None:
    local.run("extract", TOP_50)
    raw = next(Path(local.lake_address).rglob("*.json.gz"))
    raw.write_bytes(b"garbage")
    found = local.run("verify")
    assert found.returncode == 1
    assert "raw_sha256" in found.stdout


def test_coverage_shows_the_days_that_nobody_looked(local: Shell) -> None:
    day = datetime(2026, 1, 3, 6, tzinfo=UTC)
    row = {
        "snapshot_date": day.date(),
        "playlist_id": TOP_50,
        "captured_at": day,
        "status": "forbidden",
        "reason": "no",
    }
    from chalicelib.lake.schema import SNAPSHOTS

    local.lake.put_snapshot(dict.fromkeys(SNAPSHOTS) | row)
    local.run("extract", TOP_50)
    counts = json.loads(local.run("coverage", "--json").stdout)[0]["counts"]
    missed = (datetime.now(UTC).date() - day.date()).days - 1
    assert counts == {"forbidden": 1, "missed": missed, "ok": 1}


def test_settings_may_stand_in_a_file(local: Shell, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"CHARTLAKE_PLAYLISTS={local.simulator.playlist_id('one')}\n")
    found = subprocess.run(
        [*COMMAND, "extract", "--json"], env=local.environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert [one["playlist_id"] for one in json.loads(found.stdout)["snapshots"]] == [local.simulator.playlist_id("one")]


@pytest.mark.parametrize("command", [[], ["extract"], ["verify"], ["coverage"]])
def test_help_shows_an_example(command: list[str]) -> None:
    found = subprocess.run([*COMMAND, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage:" in found.stdout
    assert ("Example" in found.stdout) == bool(command)


# Size.


# The largest memory a process ever held. Not getrusage's: that one begins with the parent's.
_WITH_MEMORY = """
import atexit, sys
from chalicelib.cli import main
def tell():
    with open("/proc/self/status") as file:
        sys.stderr.writelines(line for line in file if line.startswith("VmHWM"))
atexit.register(tell)
main()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its largest memory")
def test_ten_thousand_entries_come_whole_within_350_mb(tmp_path: Path) -> None:
    simulator = Simulator(latency=0.12)
    with simulator.serve() as server:
        shell = Shell(simulator, server, str(tmp_path / "lake"))
        shell.sign_in()
        playlist_id = simulator.playlist_id("huge")
        simulator.faults.add(Fault("edit", on="items", after=100, playlist=playlist_id, remove_at=5))
        found = subprocess.run(
            [sys.executable, "-c", _WITH_MEMORY, "extract", playlist_id, "--json"],
            env=shell.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert found.returncode == 0
    snapshot = json.loads(found.stdout)["snapshots"][0]
    assert snapshot["entry_count"] == 9_999
    assert int(found.stderr.split()[-2]) / 1024 < MEMORY_LIMIT_MB
    day = datetime.fromisoformat(snapshot["snapshot_date"]).date()
    entries = shell.lake.entries(playlist_id, day)
    assert [entry["position"] for entry in entries] == list(range(1, 10_000))
    assert verify(shell.lake).findings == ()


# Several at once, and a violent end.


def test_two_at_the_same_moment_end_in_one_consistent_day(shell: Shell) -> None:
    ids = [shell.simulator.playlist_id(name) for name in ("hundred-and-one", "fifty", "one")] + [TOP_50]
    together = [shell.start("extract", *ids, "--json", "--again") for _ in range(2)]
    found = [(process.communicate(timeout=120), process.returncode) for process in together]
    assert [code for _, code in found] == [0, 0]
    lake = shell.lake
    verdict = verify(lake)
    assert verdict.findings == ()
    assert (verdict.days, verdict.published, verdict.entries) == (4, 4, 202)
    for playlist_id in ids:
        row = lake.snapshots(playlist_id, datetime.now(UTC).year)[0]
        assert {entry["capture_id"] for entry in lake.entries(playlist_id, row["snapshot_date"])} == {row["capture_id"]}


def test_killed_in_the_middle_the_next_run_repairs(local: Shell) -> None:
    playlist_id = local.simulator.playlist_id("large")
    reached = threading.Event()
    note = local.simulator.note

    def watched(served: Any) -> None:
        note(served)
        if len(local.simulator.requests) > 20:
            reached.set()

    local.simulator.note = watched  # type: ignore[method-assign]
    process = local.start("extract", playlist_id)
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert list(local.lake.store.list("tables/")) == []
    assert local.run("extract", playlist_id).returncode == 0
    assert verify(local.lake).findings == ()


# DuckDB gives way to the signal with an error of its own.
_INTERRUPTED = """
import os, signal, threading
import duckdb
from chalicelib.lake.tables import Tables
connect = duckdb.connect
# Else another thread may do the work, and this one would wait for it.
duckdb.connect = lambda name, config: connect(name, config=config | {"threads": 1})
tables = Tables()
with tables.scratch("a table") as scratch:
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    scratch.read("SELECT count(*) AS rows FROM range(1000000000000) numbers(one) WHERE one % 7 = 3")
"""


def test_ctrl_c_ends_the_command_also_in_the_middle_of_a_query() -> None:
    found = subprocess.run([sys.executable, "-c", _INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert found.returncode == -signal.SIGINT
    assert found.stderr.rstrip().endswith("KeyboardInterrupt")


# Secrets.


@pytest.mark.parametrize(
    "trouble",
    [
        None,
        Fault("status", status=500, times=None),
        Fault("reset", times=None),
        Fault("status", status=401, times=None, on="playlist"),
        Fault("status", on="token", status=400, body={"error": "invalid_grant"}, times=None),
    ],
)
def test_no_secret_shows_anywhere(shell: Shell, trouble: Fault | None, tmp_path: Path) -> None:
    shell.sign_in()
    secrets = [shell.environment["SPOTIPY_CLIENT_SECRET"], shell.environment["SPOTIPY_REFRESH_TOKEN"]]
    if trouble:
        shell.simulator.faults.add(trouble)
    # Every logger at DEBUG, and every access token that the process ever held is told to us on a pipe of its own.
    code = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from chalicelib.spotify.tokens import Tokens
import chalicelib.snapshots.pipeline, spotipy
for name in list(logging.root.manager.loggerDict):
    if name.startswith(("spotipy", "chalicelib", "requests")):
        logging.getLogger(name).setLevel(logging.DEBUG)
real = Tokens.get_access_token
def told(self, as_dict=False):
    token = real(self, as_dict)
    with open(os.environ["TOKENS_TOLD"], "a") as file:
        file.write(token + "\\n")
    return token
Tokens.get_access_token = told
from chalicelib import cli, time_and_chance
from chalicelib.cli.commands import snapshots
snapshots.World = lambda: time_and_chance.World(sleep=lambda seconds: None)
cli.main(["-v", "extract", os.environ["PLAYLIST"]])
"""
    shell.environment |= {
        "TOKENS_TOLD": str(tmp_path / "told"),
        "PLAYLIST": shell.simulator.playlist_id("hundred-and-one"),
    }
    found = subprocess.run(
        [sys.executable, "-c", code], env=shell.environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert found.returncode == (1 if trouble else 0)
    assert "DEBUG:" in found.stderr or "INFO:botocore" in found.stderr
    told = tmp_path / "told"
    if told.exists():
        secrets += told.read_text().split()
        assert len(secrets) > 2
    seen = found.stdout + found.stderr
    lake = shell.lake
    for key in lake.store.list(""):
        data = lake.store.get(key).data
        seen += data.decode("latin-1")
        if key.endswith(".gz"):
            import gzip

            seen += gzip.decompress(data).decode()
    assert [secret for secret in secrets if secret in seen] == []
