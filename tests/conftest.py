"""What tests share: a world they own, lakes of every kind, and the real payloads where they are at hand."""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from filelock import FileLock
from moto.server import ThreadedMotoServer

from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.store import ObjectStore, Stored
from chalicelib.time_and_chance import World
from deploy.package import Package, build

SHARED_DATA = Path(os.environ.get("CHARTLAKE_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
# In bytes; all files of a whole run take two gigabytes.
_TO_SPARE = 6_000_000_000


def _in_memory() -> str | None:
    """A folder in memory with room for a whole run: what chartlake writes is made durable, and waiting for a disk is a
    third of a test's time."""
    memory, facts = Path("/dev/shm"), Path("/proc/meminfo")
    if not memory.is_dir() or not facts.exists():
        return None
    told = os.statvfs(memory)
    available = int(facts.read_text().partition("MemAvailable:")[2].split()[0]) * 1024
    roomy = min(available, told.f_bavail * told.f_frsize) > _TO_SPARE
    return str(memory) if roomy and not told.f_flag & os.ST_NOEXEC else None


def pytest_configure() -> None:
    """Prepare what all processes of a run inherit. Not on import: benchmarks borrow the servers from here."""
    # Else each process that a test starts would compile all of chartlake anew: half of what a short command takes.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "TMPDIR" not in os.environ and (memory := _in_memory()):
        os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="tests-", dir=memory)
        # Killed processes leave theirs, which would stay in memory.
        atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)


# The files that take longest, the longest first: none of them shall begin when the others have ended.
_LONG = (
    *("test_wheel.py", "test_stack.py", "test_bundle.py", "test_report.py", "test_processes.py", "test_api_fuzz.py"),
    *("test_simulation.py", "test_engines.py", "test_answers.py", "test_history.py", "test_views.py", "test_charts.py"),
    "test_copy_at_size.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files before the others."""
    items.sort(key=lambda item: _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG))


class Clock:
    """A clock that moves only when it is told to, or when somebody sleeps."""

    def __init__(self, start: datetime = NOON) -> None:
        self.start = self.moment = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - self.start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)

    def advance(self, **amount: float) -> None:
        self.moment += timedelta(**amount)

    def world(self, seed: int = 1, seconds_left: float = float("inf")) -> World:
        end = self.monotonic() + seconds_left
        return World(
            self.now, self.monotonic, self.sleep, random.Random(seed), time_left=lambda: end - self.monotonic()
        )


def put_entries(
    lake: Lake, playlist_id: str, day: date, captured_at: datetime, source: str, rows: Iterable[Mapping[str, Any]]
) -> str:
    """Make these a day's entries, unless better ones are there; gives the key."""
    return lake.put_days(playlist_id, {day: rank(source, captured_at)}, rows).keys[day]


class Killed(BaseException):
    """The process ended."""


class Mortal:
    """A store whose process ends at its n-th change."""

    def __init__(self, store: ObjectStore, changes: int) -> None:
        self._store, self._left = store, changes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, key: str) -> Stored | None:
        return self._store.get(key)

    def create(self, key: str, data: bytes) -> None:
        self._age()
        self._store.create(key, data)

    def add(self, objects: Mapping[str, bytes | Path]) -> list[str]:
        taken = []
        for key, one in objects.items():
            if self._store.get(key) is None:
                self._age()
            taken += self._store.add({key: one})
        return taken

    def replace(self, key: str, data: bytes, etag: str) -> None:
        self._age()
        self._store.replace(key, data, etag)

    def delete(self, key: str) -> None:
        self._age()
        self._store.delete(key)

    def _age(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed


class Meanwhile:
    """A store in which something else happens once, right after the first such write of a key below a prefix."""

    def __init__(self, store: ObjectStore, write: Literal["create", "replace"], prefix: str, other: Callable[[], None]):
        self._store, self._write, self._prefix, self._other = store, write, prefix, other
        self._happened = False

    def __getattr__(self, name: str) -> Any:
        return self._watched if name == self._write else getattr(self._store, name)

    def _watched(self, key: str, *rest: Any) -> None:
        getattr(self._store, self._write)(key, *rest)
        if key.startswith(self._prefix) and not self._happened:
            self._happened = True
            self._other()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """AWS as moto knows it, over real HTTP on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class S3Server:
    """A real S3 server with a bucket `charts`, on this machine: it can be killed, and comes back with what it kept."""

    def __init__(self, folder: Path) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            str(Path(sys.executable).parent / "weed"),
            "mini",
            f"-dir={folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-s3.port={port}",
            *(f"-{part}.port={_free_port()}" for part in ("master", "volume", "filer", "admin")),
            *("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-bucket=charts"),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, and wait until it writes, and reads what it kept."""
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, env=os.environ | keys, **quiet)
        _wait_until_it_writes(self.url, self._process)

    def kill(self) -> None:
        """End at once, whatever it is doing."""
        if self._process:
            self._process.kill()
            self._process.wait(10)


@pytest.fixture(scope="session")
def s3_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server: moto checks and writes in two steps, so it cannot prove that of two writers one wins."""
    server = S3Server(tmp_path_factory.mktemp("weed"))
    try:
        server.start()
        yield server.url
    finally:
        server.kill()


def _free_port() -> int:
    # The server also takes each port + 10000. Both lie below those that the system gives to whoever connects, who could
    # have them when the server comes back.
    while True:
        port = random.SystemRandom().randrange(11_000, 22_000)
        with socket.socket() as one, socket.socket() as two, suppress(OSError):
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + 10_000))
            return port


def _wait_until_it_writes(url: str, process: subprocess.Popen[bytes]) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 0}),
    )
    for _ in range(1200):
        try:
            # Its files of data come back later than it answers, and an empty object lies in none of them.
            if s3.list_objects_v2(Bucket="charts", Prefix="ready")["KeyCount"]:
                s3.get_object(Bucket="charts", Key="ready")["Body"].read()
            s3.put_object(Bucket="charts", Key="ready", Body=bytes(100_000))
        except (BotoCoreError, ClientError):
            assert process.poll() is None, "the S3 server ended at once"
            threading.Event().wait(0.1)
        else:
            return
    raise AssertionError("the S3 server did not start within two minutes")


def as_aws(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the environment that of a person whose AWS is at `url`."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": url,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of a person whose AWS is moto; a fresh, empty bucket `charts`."""
    as_aws(moto_url, monkeypatch)
    bucket = boto3.resource("s3").Bucket("charts")
    if bucket.creation_date is None:
        bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bucket.objects.all().delete()
    return moto_url


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new lake's address, once in a folder and once on a real S3 server."""
    if request.param == "folder":
        return str(tmp_path / "lake")
    as_aws(request.getfixturevalue("s3_server_url"), monkeypatch)
    return f"s3://charts/{uuid.uuid4().hex}/prefix"


@pytest.fixture
def store(address: str, clock: Clock) -> ObjectStore:
    return open_store(address, clock.world())


@pytest.fixture
def lake(tmp_path: Path, clock: Clock) -> Lake:
    return Lake(open_store(str(tmp_path / "lake"), clock.world()), clock.world())


@pytest.fixture(scope="session")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """What `make deploy` deploys."""
    return _packaged("arm64", tmp_path_factory)


@pytest.fixture(scope="session")
def x86_64(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The same for the other kind of processor."""
    return _packaged("x86_64", tmp_path_factory)


def _packaged(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of this session, which the first worker that needs it makes for all."""
    if sys.version_info < (3, 12):
        pytest.skip("DuckDB has no wheel for Lambda's Python 3.11, so nothing can be packaged with it")
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made = shared / f"{architecture}.json"
    with FileLock(shared / f"{architecture}.lock"):
        if not made.exists():
            package = build("prod", tmp_path_factory.mktemp(architecture), architecture)
            made.write_text(json.dumps([str(package.bundle), package.template]))
    bundle, template = json.loads(made.read_text())
    return Package(Path(bundle), template)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the recorded payloads of ../shared/data are not on this machine")
    return SHARED_DATA
