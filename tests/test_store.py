"""One contract, every kind of store."""

from __future__ import annotations

import random
import threading
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
import requests
from botocore.stub import ANY, Stubber

from chalicelib.errors import LakeUnavailable
from chalicelib.lake.address import open_store
from chalicelib.lake.folder import FolderStore
from chalicelib.lake.s3 import S3Store
from chalicelib.lake.store import Conflict, DryRun, ObjectStore, update
from chalicelib.time_and_chance import World

from .conftest import Clock


def test_what_was_never_written_is_not_there(store: ObjectStore) -> None:
    assert store.get("a/b") is None
    assert list(store.list("")) == []


def test_create_writes_once(store: ObjectStore) -> None:
    store.create("a/b", b"first")
    with pytest.raises(Conflict):
        store.create("a/b", b"second")
    assert store.get("a/b").data == b"first"


def test_creating_the_same_bytes_again_is_the_lost_answer_of_the_first_time(store: ObjectStore) -> None:
    store.create("a/b", b"same")
    store.create("a/b", b"same")
    assert store.get("a/b").data == b"same"


def test_replace_needs_the_version_that_was_read(store: ObjectStore) -> None:
    store.create("a/b", b"1")
    stale = store.get("a/b").etag
    store.replace("a/b", b"2", stale)
    with pytest.raises(Conflict):
        store.replace("a/b", b"3", stale)
    assert store.get("a/b").data == b"2"
    store.replace("a/b", b"2", stale)  # these very bytes are there: one's own write, whose answer got lost


def test_replacing_what_is_gone_is_a_conflict(store: ObjectStore) -> None:
    store.create("a/b", b"1")
    etag = store.get("a/b").etag
    with pytest.raises(Conflict):
        store.replace("a/c", b"2", etag)
    assert store.get("a/c") is None


def test_a_link_opens_the_object_without_a_sign_in(store: ObjectStore) -> None:
    store.create("a/page é.html", b"here")
    link = store.link("a/page é.html", 60)
    if link.startswith("file:"):
        assert Path(unquote(urlsplit(link).path)).read_bytes() == b"here"
    else:
        assert requests.get(link, timeout=10).content == b"here"
        forged = link.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
        assert requests.get(forged, timeout=10).status_code == 403


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_link_to_aws_leads_to_the_regions_own_host_and_is_signed_as_of_today(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    link = urlsplit(S3Store("s3://charts/lake", World()).link("site/index.html", 3600))
    own = {"us-east-1": "charts.s3.amazonaws.com", "eu-west-1": "charts.s3.eu-west-1.amazonaws.com"}
    assert (link.scheme, link.netloc, link.path) == ("https", own[region], "/lake/site/index.html")
    asked = parse_qs(link.query)
    assert (asked["X-Amz-Algorithm"], asked["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["3600"])


def test_list_gives_sorted_keys_of_a_prefix_that_need_not_be_a_folder(store: ObjectStore) -> None:
    for key in ("t/x-2.parquet", "t/x-1.parquet", "t/y-1.parquet", "u/x-1"):
        store.create(key, b"")
    assert list(store.list("t/x-")) == ["t/x-1.parquet", "t/x-2.parquet"]
    assert list(store.list("t/")) == ["t/x-1.parquet", "t/x-2.parquet", "t/y-1.parquet"]


@pytest.mark.parametrize("tried", [False, True], ids=["done", "trial"])
def test_folders_are_those_directly_below(store: ObjectStore, tried: bool) -> None:
    for key in ("t/year=2025/a%3Ab", "t/year=2026/a", "t/year=2026/deeper/a", "t/file", "u/year=2024/a"):
        store.create(key, b"")
    seen = DryRun(store) if tried else store
    assert list(seen.folders("t/")) == ["t/year=2025/", "t/year=2026/"]
    assert list(seen.folders("nothing/")) == []


def test_keys_may_hold_percent_signs_and_letters_of_any_script(store: ObjectStore) -> None:
    store.create("t/chart%3Aregional-é.parquet", b"x")
    assert list(store.list("t/chart%3A")) == ["t/chart%3Aregional-é.parquet"]
    assert store.get("t/chart%3Aregional-é.parquet").data == b"x"


@pytest.mark.parametrize("tried", [False, True], ids=["done", "trial"])
def test_of_many_new_objects_those_are_written_whose_keys_are_free(
    store: ObjectStore, tmp_path: Path, tried: bool
) -> None:
    store.create("a/taken", b"before")
    path = tmp_path / "file"
    path.write_bytes(b"from a file")
    seen = DryRun(store) if tried else store
    many = {f"a/{number}/x": f"{number}".encode() for number in range(30)}
    assert seen.add({**many, "a/taken": b"after", "b/file": path}) == ["a/taken"]
    held = {key: found.data for key in seen.list("") if (found := seen.get(key))}
    assert held == {**many, "a/taken": b"before", "b/file": b"from a file"}
    assert seen.add({}) == []


def test_of_many_creators_one_wins(store: ObjectStore) -> None:
    winners: list[int] = []

    def create(number: int) -> None:
        try:
            store.create("race", f"{number}".encode())
            winners.append(number)
        except Conflict:
            pass

    _run_together([lambda n=n: create(n) for n in range(8)])
    assert len(winners) == 1
    assert store.get("race").data == f"{winners[0]}".encode()


def test_no_update_is_lost_between_writers(address: str, clock: Clock) -> None:
    def append(store: ObjectStore, writer: int) -> None:
        for number in range(5):
            line = f"{writer}-{number}\n".encode()
            update(
                store,
                "lines",
                lambda old, line=line: (old or b"") + line,
                World(random=random.Random(writer)),
            )

    _run_together([lambda n=n: append(open_store(address, clock.world()), n) for n in range(4)])
    lines = open_store(address, clock.world()).get("lines").data.decode().split()
    assert sorted(lines) == sorted(f"{writer}-{number}" for writer in range(4) for number in range(5))


def _run_together(calls: list) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


class Busy:
    """A store in which somebody else is always faster, until a moment."""

    def __init__(self, store: ObjectStore, clock: Clock, seconds: float) -> None:
        self._store, self._clock, self._end = store, clock, clock.monotonic() + seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, key: str, data: bytes) -> None:
        if self._clock.monotonic() < self._end:
            raise Conflict(key)
        self._store.create(key, data)


def test_an_update_waits_for_its_turn_as_long_as_there_is_time(store: ObjectStore, clock: Clock) -> None:
    def write(key: str, busy: float, seconds_left: float) -> None:
        crowd = Busy(store, clock, busy)
        update(crowd, key, lambda old: b"mine", clock.world(seconds_left=seconds_left))

    write("patient", busy=240, seconds_left=900)
    assert store.get("patient").data == b"mine"
    assert max(clock.slept) <= 10
    for busy, seconds_left, most in ((900, float("inf"), 300), (240, 60, 60), (240, -1, 0)):
        began = clock.monotonic()
        with pytest.raises(LakeUnavailable, match="changed by others"):
            write("late", busy, seconds_left)
        assert most * 0.9 <= clock.monotonic() - began <= most
    assert store.get("late") is None


def test_an_update_that_changes_nothing_writes_nothing(store: ObjectStore, clock: Clock) -> None:
    store.create("x", b"1")
    before = store.get("x").etag
    update(store, "x", lambda old: None, clock.world())
    update(store, "x", lambda old: old, clock.world())
    assert store.get("x").etag == before


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_fault(store: ObjectStore) -> None:
    store.create("a/b/c", b"1")
    store.create("a/d", b"2")
    store.delete("a/b/c")
    store.delete("a/b/c")
    assert store.get("a/b/c") is None
    assert list(store.list("")) == ["a/d"]
    store.create("a/b/c", b"anew")
    assert store.get("a/b/c").data == b"anew"


def test_a_trial_deletes_nothing(store: ObjectStore) -> None:
    store.create("a", b"1")
    trial = DryRun(store)
    trial.delete("a")
    assert (trial.get("a"), list(trial.list("")), store.get("a").data) == (None, [], b"1")


# What only one kind of store can meet.


def test_a_folder_that_held_only_what_is_deleted_goes_with_it(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "lake"))
    store.create("raw/playlist_id=x/date=2026-11-23/1.json.gz", b"1")
    store.delete("raw/playlist_id=x/date=2026-11-23/1.json.gz")
    assert [path for path in (tmp_path / "lake").rglob("*") if path.is_dir()] == []


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LakeUnavailable, match="file"):
        FolderStore(str(tmp_path / "file" / "lake")).create("a", b"")


def test_an_unfinished_file_of_a_killed_process_is_nobodys_object(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    store.create("t/a.parquet", b"whole")
    (tmp_path / "t" / ".b.parquet.unfinished").write_bytes(b"half")
    assert list(store.list("")) == ["t/a.parquet"]
    store.create("t/b.parquet", b"whole")
    assert [path.name for path in (tmp_path / "t").iterdir() if "unfinished" in path.name] == []


def test_what_killed_processes_left_is_swept_away_with_its_folders_and_nothing_else(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "lake"))
    store.sweep()
    assert not (tmp_path / "lake").exists()
    store.create("t/a.parquet", b"whole")
    (tmp_path / "lake" / "t" / ".mine").write_bytes(b"a stranger's")
    for left in ("t/.a.parquet.unfinished", "raw/x/.1.json.gz.unfinished"):
        path = tmp_path / "lake" / left
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    store.sweep()
    found = sorted(str(path.relative_to(tmp_path / "lake")) for path in (tmp_path / "lake").rglob("*"))
    assert found == [".lock", "t", "t/.mine", "t/a.parquet"]


@pytest.mark.parametrize(
    ("region", "bucket", "start"),
    [
        ("eu-west-1", "my-charts", "https://my-charts.s3.eu-west-1.amazonaws.com/lake/site/chart%253Ax.html?"),
        ("us-east-1", "my-charts", "https://my-charts.s3.amazonaws.com/lake/site/chart%253Ax.html?"),
        ("eu-west-1", "my.charts", "https://s3.eu-west-1.amazonaws.com/my.charts/lake/site/chart%253Ax.html?"),
    ],
)
def test_a_link_names_the_buckets_own_region_and_is_signed_as_new_buckets_want_it(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, region: str, bucket: str, start: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    link = open_store(f"s3://{bucket}/lake", clock.world()).link("site/chart%3Ax.html", 600)
    assert link.startswith(start)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert "X-Amz-Expires=600" in link


@pytest.fixture
def stubbed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[S3Store, Stubber]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("s3", region_name="eu-west-1")
    return S3Store("s3://charts/p", clock.world(), client), Stubber(client)


_PUT = {"Bucket": "charts", "Key": "p/k", "Body": b"x"}


def test_409_is_tried_again_because_another_write_was_only_under_way(stubbed: tuple, clock: Clock) -> None:
    store, stub = stubbed
    stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    stub.add_response("put_object", {"ETag": '"1"'}, _PUT | {"IfNoneMatch": "*"})
    with stub:
        store.create("k", b"x")
        stub.assert_no_pending_responses()
    assert len(clock.slept) == 1


def test_if_match_on_a_missing_object_is_a_conflict_on_aws_too(stubbed: tuple) -> None:
    store, stub = stubbed
    stub.add_client_error("put_object", "NoSuchKey", http_status_code=404, expected_params=_PUT | {"IfMatch": '"1"'})
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    with stub, pytest.raises(Conflict):
        store.replace("k", b"x", '"1"')


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [("NoSuchBucket", 404, "Create the bucket"), ("AccessDenied", 403, "s3:ListBucket"), ("SlowDown", 503, "Check")],
)
def test_what_s3_refuses_is_explained(stubbed: tuple, code: str, status: int, advice: str) -> None:
    store, stub = stubbed
    stub.add_client_error("get_object", code, "Words of S3", status, expected_params={"Bucket": ANY, "Key": ANY})
    with stub, pytest.raises(LakeUnavailable, match="Words of S3") as caught:
        store.get("k")
    assert advice in caught.value.advice
    assert "s3://charts/p/k" in str(caught.value)


def test_a_local_file_becomes_an_object_once(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert store.add({"a/b": path}) == []
    assert store.get("a/b").data == path.read_bytes()
    path.write_bytes(b"other")
    trial = DryRun(store)
    assert store.add({"a/b": path}) == trial.add({"a/b": path}) == ["a/b"]
    assert trial.add({"c": path}) == []
    assert (trial.get("c").data, store.get("c")) == (b"other", None)


def test_an_object_of_any_size_is_downloaded_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    assert store.download("nothing", tmp_path / "file") is None
    data = bytes(range(256)) * 200_000
    store.create("large", data)
    tracemalloc.start()
    etag = store.download("large", tmp_path / "file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert etag == store.get("large").etag
    assert (tmp_path / "file").read_bytes() == data
    assert peak < 10_000_000
