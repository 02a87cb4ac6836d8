"""Files that are dropped into the bucket: from S3's event to rows, with moto's S3 and the event as EventBridge sends it."""

from __future__ import annotations

import io
import json
import logging
import shutil
import zipfile
from datetime import date
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from chalice.test import Client

from chalicelib.errors import LakeUnavailable
from chalicelib.handlers import uploads
from chalicelib.handlers.intake import take_in
from chalicelib.history.kept import read_notes
from chalicelib.history.replaying import replay_imports
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import Conflict
from chalicelib.report import site
from chalicelib.settings import upload_pattern
from chalicelib.snapshots.verify import verify
from chalicelib.time_and_chance import World

from .conftest import Clock
from .test_app import LAKE, deployed, simulator
from .test_history import pretty_json
from .test_imports import CHART, chart
from .test_replay import tables

__all__ = ["deployed", "simulator"]  # fixtures

NAME = "imports/regional-global-daily-2026-11-23.csv"


def object_created(key: str, size: int, etag: str = "d41d8cd98f00b204e9800998ecf8427e", bucket: str = "charts") -> Any:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-23T18:36:09Z",
        "region": "eu-west-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": size, "etag": etag, "sequencer": "00617F08299329D189"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "1.2.3.4",
            "reason": "PutObject",
        },
    }


def lake_now() -> Lake:
    return Lake(open_store(LAKE, World()), World())


def drop(key: str, data: bytes | str) -> Any:
    """Put the file where a person would; gives the event that follows."""
    body = data.encode() if isinstance(data, str) else data
    boto3.client("s3").put_object(Bucket="charts", Key=f"lake/{key}", Body=body)
    return object_created(f"lake/{key}", len(body))


def told(key: str) -> Any:
    return lake_now().read_state(keys.imported(key))


def test_a_dropped_file_becomes_rows_and_what_became_of_it_is_told(
    deployed: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chalicelib.handlers.intake")
    answer = deployed.lambda_.invoke("upload", drop(NAME, chart())).payload
    assert [entry["streams"] for entry in lake_now().entries(CHART, date(2026, 11, 23))] == [1000] * 3
    assert lake_now().entries(CHART, date(2026, 11, 23))[0]["source"].endswith("regional-global-daily-2026-11-23.csv")
    assert told(NAME) == answer
    assert (answer["state"], answer["file"], answer["size"]) == ("imported", NAME, len(chart().encode()))
    (file,) = answer["files"]
    assert (file["format"], file["days"], file["rows"], file["changed"]) == ("charts-official-daily", 1, 3, 1)
    assert file["playlists"] == [CHART]
    (line,) = [record for record in caplog.records if record.name == "chalicelib.handlers.intake"]
    assert (line.getMessage(), line.object_key, line.rows) == ("upload imported", NAME, 3)  # type: ignore[attr-defined]
    assert verify(lake_now()).findings == ()


def test_what_was_dropped_is_kept_and_not_needed_again(deployed: Client) -> None:
    deployed.lambda_.invoke("upload", drop(NAME, chart()))
    (note,) = read_notes(lake_now())
    assert (note.name, note.imports[0][1]) == (NAME, "upload by 123456789012")
    before = tables(lake_now())
    for key in [NAME, *before]:
        lake_now().store.delete(key)
    assert replay_imports(lake_now(), World()).files == 1
    assert tables(lake_now()) == before
    # The event once more finds nothing, and notes nothing.
    drop(NAME, chart())
    deployed.lambda_.invoke("upload", object_created(f"lake/{NAME}", len(chart().encode())))
    assert list(read_notes(lake_now())) == [note]


def test_the_page_of_what_was_dropped_is_there_at_once(deployed: Client) -> None:
    deployed.lambda_.invoke("upload", drop(NAME, chart()))
    page = lake_now().store.get(keys.playlist_page(CHART))
    assert page
    assert b"2026-11-23" in page.data
    index = lake_now().store.get(keys.INDEX_PAGE)
    assert index
    assert keys.playlist_page(CHART).removeprefix(keys.SITE).replace("%", "%25") in index.data.decode()
    # The event again finds nothing to do.
    lake_now().store.delete(keys.playlist_page(CHART))
    deployed.lambda_.invoke("upload", drop(NAME, chart()))
    assert lake_now().store.get(keys.playlist_page(CHART)) is None


def test_a_page_that_its_killed_process_did_not_make_is_made_by_lambdas_retry(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    event = drop(NAME, chart())
    with monkeypatch.context() as patch:
        patch.setattr(site, "render_site", killed)
        with pytest.raises(KeyboardInterrupt):
            uploads.upload(event["detail"], lambda: 900_000)
    assert lake_now().store.get(keys.playlist_page(CHART)) is None
    assert uploads.upload(event["detail"], lambda: 900_000)["files"][0]["changed"] == 0
    assert lake_now().store.get(keys.playlist_page(CHART))


def test_the_same_event_again_changes_nothing(deployed: Client) -> None:
    event = drop(NAME, chart())
    first = deployed.lambda_.invoke("upload", event).payload
    before = tables(lake_now())
    deployed.lambda_.invoke("upload", event)
    assert tables(lake_now()) == before
    assert told(NAME) == first
    # Another file of that name is another one.
    deployed.lambda_.invoke("upload", drop(NAME, chart(streams="2000")))
    assert (told(NAME)["files"][0]["changed"], told(NAME)["etag"] != first["etag"]) == (1, True)


NAMES = [
    "imports/my charts/regional-global-daily-2026-11-23 (1).csv",
    "imports/a+b/regional-global-daily-2026-11-23.csv",
    "imports/100%/regional-global-daily-2026-11-23.csv",
    "imports/%2B/regional-global-daily-2026-11-23.csv",
    "imports/Été & 愛/regional-global-daily-2026-11-23.csv",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoded", [False, True])
def test_keys_are_understood_as_they_are_and_url_encoded(deployed: Client, name: str, encoded: bool) -> None:
    event = drop(name, chart())
    if encoded:
        event["detail"]["object"]["key"] = "lake/imports/" + quote_plus(name.removeprefix("imports/"), safe="/")
    assert deployed.lambda_.invoke("upload", event).payload["file"] == name
    assert told(name)["state"] == "imported"


def test_a_key_that_looks_encoded_is_read_as_it_stands_first(deployed: Client) -> None:
    drop("imports/a b-regional-us-daily-2026-11-23.csv", chart())
    event = drop("imports/a+b-regional-us-daily-2026-11-23.csv", chart(ranks=(1,)))
    assert deployed.lambda_.invoke("upload", event).payload["files"][0]["rows"] == 1


# Refused.


def test_a_refused_file_is_told_with_every_bad_line_and_is_an_error_that_an_alarm_sees(
    deployed: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chalicelib.handlers.intake")
    bad = chart().replace("spotify:track:", "nonsense:")
    with pytest.raises(Exception, match=r"imports/regional-global-daily-2026-11-23\.csv: line 2: 'nonsense:"):
        deployed.lambda_.invoke("upload", drop(NAME, bad))
    (file,) = told(NAME)["files"]
    assert (told(NAME)["state"], [line for line, _ in file["problems"]]) == ("refused", [2, 3, 4])
    assert file["advice"]
    assert [record.levelname for record in caplog.records if record.name == "chalicelib.handlers.intake"] == ["ERROR"]
    assert list(open_store(LAKE, World()).list("tables/")) == []
    # The corrected file under the same name replaces the refusal.
    deployed.lambda_.invoke("upload", drop(NAME, chart()))
    assert told(NAME)["state"] == "imported"


def test_a_bad_file_in_an_archive_does_not_hold_up_the_others(deployed: Client) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("regional-global-daily-2026-11-22.csv", "<html>Sign in</html>")
        archive.writestr("regional-global-daily-2026-11-23.csv", chart())
    with pytest.raises(Exception, match="web page"):
        deployed.lambda_.invoke("upload", drop("imports/both.zip", out.getvalue()))
    assert [bool(one.get("error")) for one in told("imports/both.zip")["files"]] == [True, False]
    assert len(lake_now().snapshots(CHART, 2026)) == 1
    assert lake_now().store.get(keys.playlist_page(CHART))


def test_a_file_for_which_there_is_no_room_is_refused_before_it_is_fetched(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3_000))
    event = drop(NAME, chart())
    event["detail"]["object"]["size"] = 1_001
    boto3.client("s3").delete_object(Bucket="charts", Key=f"lake/{NAME}")
    with pytest.raises(Exception, match=r"1,001 bytes; this function has room for 1,000"):
        deployed.lambda_.invoke("upload", event)
    assert "chartlake import" in told(NAME)["files"][0]["advice"]


def test_what_unpacks_to_more_than_there_is_room_for_is_refused(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3_000))
    data = gzip.compress(chart(ranks=tuple(range(1, 100))).encode())
    assert len(data) < 1_000
    with pytest.raises(Exception, match="more than 1,000 bytes when unpacked"):
        deployed.lambda_.invoke("upload", drop(f"{NAME}.gz", data))


def test_a_document_that_the_functions_memory_cannot_hold_is_refused(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(pretty_json()) + " " * 40_000
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1")
    with pytest.raises(Exception, match="larger than 32,768 bytes"):
        deployed.lambda_.invoke("upload", drop("imports/2024-05-31.json", body))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
    assert deployed.lambda_.invoke("upload", drop("imports/2024-05-31.json", body)).payload["state"] == "imported"


# No upload.


@pytest.mark.parametrize(
    ("key", "bucket"),
    [
        ("lake/tables/x.csv", "charts"),
        (f"lake/state/{NAME}.json", "charts"),
        (NAME, "charts"),
        (f"lake/{NAME}", "others"),
        ("lake/imports/", "charts"),
        ("lake/imports/folder/", "charts"),
        ("lake/imports/.DS_Store", "charts"),
        (f"lake/{NAME}.rejects", "charts"),
        ("lake/imports/gone.csv", "charts"),
    ],
)
def test_what_is_no_upload_is_left_alone(deployed: Client, key: str, bucket: str) -> None:
    if "gone" not in key and bucket == "charts":
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=chart().encode())
    before = list(open_store(LAKE, World()).list(""))
    assert "ignored" in deployed.lambda_.invoke("upload", object_created(key, 100, bucket=bucket)).payload
    assert list(open_store(LAKE, World()).list("")) == before


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """EventBridge's own matching, as far as the pattern needs it."""
    for name, wanted in pattern.items():
        value = event.get(name)
        if isinstance(wanted, dict):
            if not isinstance(value, dict) or not matches(wanted, value):
                return False
        elif not any(value == one if isinstance(one, str) else value.startswith(one["prefix"]) for one in wanted):
            return False
    return True


def test_the_rule_hears_of_uploads_and_of_nothing_that_chartlake_writes() -> None:
    pattern = upload_pattern("s3://charts/deep/lake/")
    heard = [f"deep/lake/{NAME}", "deep/lake/imports/a/b.zip"]
    deaf = [f"deep/lake/{keys.imported(NAME)}", "deep/lake/tables/x", f"lake/{NAME}", NAME]
    assert [matches(pattern, object_created(key, 1)) for key in heard + deaf] == [True] * 2 + [False] * 4
    assert not matches(pattern, object_created(heard[0], 1, bucket="others"))
    assert not matches(pattern, object_created(heard[0], 1) | {"detail-type": "Object Deleted"})
    assert matches(upload_pattern("s3://charts"), object_created(NAME, 1))
    assert not matches(upload_pattern("lake"), object_created(NAME, 1))


def test_while_it_is_read_the_document_says_until_when(deployed: Client, clock: Clock) -> None:
    event = drop(NAME, chart())

    class Dies(Exception):
        pass

    store = open_store(LAKE, World())
    put = store.create

    def create(key: str, data: bytes) -> None:
        if key.startswith("tables/"):
            raise Dies
        put(key, data)

    store.create = create  # type: ignore[method-assign]
    world = clock.world(seconds_left=600)
    with pytest.raises(Dies):
        take_in(Lake(store, world), world, event["detail"], None)
    assert (told(NAME)["state"], told(NAME)["until"]) == ("reading", "2026-11-23T12:10:00+00:00")
    assert deployed.lambda_.invoke("upload", event).payload["state"] == "imported"


def test_a_lake_that_cannot_be_written_is_told_and_the_next_try_imports(deployed: Client, clock: Clock) -> None:
    event, store, world = drop(NAME, chart()), open_store(LAKE, World()), clock.world(seconds_left=600)
    put = store.create

    def create(key: str, data: bytes) -> None:
        if key.startswith("tables/"):
            raise Conflict(key)
        put(key, data)

    store.create = create  # type: ignore[method-assign]
    with pytest.raises(LakeUnavailable, match="changed by others"):
        take_in(Lake(store, world), world, event["detail"], None)
    found = told(NAME)
    assert (found["state"], found["error"], "changed by others" in found["message"]) == (
        "failed",
        "LakeUnavailable",
        True,
    )
    assert 200 < sum(clock.slept) <= 300
    assert deployed.lambda_.invoke("upload", event).payload["state"] == "imported"
    # Imported, it stays so, also where the event comes again and the lake cannot be read.
    store.get = lambda key: None if key.startswith("tables/") else lake_now().store.get(key)  # type: ignore[method-assign]
    with pytest.raises(LakeUnavailable):
        take_in(Lake(store, world), world, event["detail"], None)
    assert told(NAME)["state"] == "imported"
