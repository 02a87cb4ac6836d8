"""Runs over HTTP: handed over, told of, done once however often they are asked for, and honest about a dead process."""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from chalice.test import Client

from chalicelib.errors import KeyTaken
from chalicelib.handlers import backfill, http, runs, worker
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import ObjectStore
from chalicelib.snapshots.outcome import Run as Extracted
from chalicelib.snapshots.replay import Replayed
from chalicelib.time_and_chance import World
from simulator import TOP_50, Fault, Simulator

from .conftest import NOON, Clock
from .test_app import LAKE, deployed, post, simulator
from .test_replay import Slow, delete_tables, lived_days, rig, tables

__all__ = ["deployed", "rig", "simulator"]  # fixtures

REQUEST = {"playlists": None, "mode": "extract", "again": False, "from": "0001-01-01", "to": "9999-12-31"}


def told(client: Client, run_id: str) -> Any:
    return client.http.get(f"/runs/{run_id}")


class Lambda:
    """AWS's side of an asynchronous invocation: it takes the event, and a test delivers it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refuses = False

    def invoke(self, **call: Any) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Invoke")
        self.calls.append(call)


@pytest.fixture
def aws_lambda(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """This process is a Lambda function, whose invocations of others are taken down."""
    found, real = Lambda(), boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **facts: found if name == "lambda" else real(name, **facts))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chartlake-dev")
    return found


def asked(seconds: float, **fields: Any) -> http.Answer:
    """A request to a function that has so many seconds left, five of which it keeps for its last writes."""
    return http.backfill(json.dumps(fields).encode(), lambda: int(seconds * 1000))


# Handed over, and told of.


def test_what_does_not_fit_is_handed_over_and_told_when_it_is_done(
    deployed: Client, simulator: Simulator, aws_lambda: Lambda
) -> None:
    answer = asked(6, again=True)
    assert (answer.status, answer.body["state"], answer.body["left"]) == (
        202,
        "queued",
        [TOP_50, simulator.playlist_id("fifty")],
    )
    (call,) = aws_lambda.calls
    assert (call["FunctionName"], call["InvocationType"]) == ("chartlake-dev-extract", "Event")
    event, run_id = json.loads(call["Payload"]), answer.body["run_id"]
    assert event == {"run": run_id}
    before = told(deployed, run_id)
    assert (before.status_code, before.json_body["state"], before.json_body["total"]) == (200, "queued", 2)
    done = worker.extract(event, lambda: 900_000)
    after = told(deployed, run_id).json_body
    assert after == done
    assert (after["state"], after["complete"], after["published"], after["done"]) == ("done", True, 2, 2)
    # The same event once more: nothing is asked of Spotify again.
    served = len(simulator.requests)
    assert worker.extract(event, lambda: 900_000) == done
    assert len(simulator.requests) == served


def test_a_run_goes_from_process_to_process_until_it_is_done(
    deployed: Client, simulator: Simulator, aws_lambda: Lambda
) -> None:
    ids = [simulator.playlist_id(name) for name in ("one", "fifty", "hundred-and-one")]
    found, store = asked(6, playlists=ids, again=True).body, open_store(LAKE, World())
    run_id, turns = found["run_id"], 0

    def kept() -> int:
        return len(list(store.list(keys.RAW)))

    while found["state"] == "queued":
        event, before, turns = json.loads(aws_lambda.calls[-1]["Payload"]), kept(), turns + 1
        # As soon as one playlist is kept, the time is nearly over; the last has time for the pages, also of the others.
        found = worker.extract(event, lambda before=before: 60_000 if kept() in (before, 3) else 1_000)  # type: ignore[misc]
        assert (found["done"], found["total"], len(found["left"])) == (turns, 3, 3 - turns)
    assert (found["state"], found["published"], [one["playlist_id"] for one in found["snapshots"]]) == ("done", 3, ids)
    assert found == told(deployed, run_id).json_body
    assert kept() == 3
    assert {keys.playlist_page(one) for one in ids} < set(store.list(keys.SITE))


def test_a_process_without_time_for_anything_fails_rather_than_go_in_circles(
    deployed: Client, aws_lambda: Lambda
) -> None:
    run_id = asked(6).body["run_id"]
    with pytest.raises(Exception, match="not time enough"):
        worker.extract({"run": run_id}, lambda: 6_000)
    found = told(deployed, run_id).json_body
    assert (found["state"], found["error"], len(aws_lambda.calls)) == ("failed", "OutOfTime", 1)
    # Lambda's own retry of the event finds it ended.
    assert worker.extract({"run": run_id}, lambda: 900_000)["state"] == "failed"


def test_a_worker_that_cannot_be_started_is_told(deployed: Client, aws_lambda: Lambda) -> None:
    aws_lambda.refuses = True
    answer = asked(6)
    assert (answer.status, answer.body["state"], "lambda:InvokeFunction" in answer.body["advice"]) == (
        502,
        "failed",
        True,
    )
    assert told(deployed, answer.body["run_id"]).json_body["state"] == "failed"


def test_a_failed_run_tells_the_reason_and_stays_failed(deployed: Client, simulator: Simulator) -> None:
    simulator.faults.add(Fault.premium_required(on="playlist", times=2))
    answer = post(deployed, {"key": "monday"})
    assert (answer.status_code, answer.json_body["state"], answer.json_body["stopped"]) == (
        502,
        "failed",
        "PremiumRequired",
    )
    assert told(deployed, answer.json_body["run_id"]).json_body == answer.json_body
    assert post(deployed, {"key": "monday"}).json_body == answer.json_body
    assert post(deployed, {"key": "tuesday"}).status_code == 200


def test_runs_by_hand_are_runs_too(deployed: Client) -> None:
    found = deployed.lambda_.invoke("extract", {"playlists": [TOP_50]}).payload
    assert (found["state"], told(deployed, found["run_id"]).json_body) == ("done", found)


@pytest.mark.parametrize("run_id", ["0" * 16, "x", "..%2Fnewest_ok", "ABCDEF0123456789"])
def test_a_run_that_is_none_is_not_found(deployed: Client, run_id: str) -> None:
    answer = told(deployed, run_id)
    assert (answer.status_code, "run_id" in answer.json_body["advice"]) == (404, True)


def test_a_worker_is_not_sent_for_a_run_that_is_none(deployed: Client) -> None:
    with pytest.raises(Exception, match="no run"):
        deployed.lambda_.invoke("extract", {"run": "0" * 16})


# Once.


def test_a_request_with_a_key_is_done_once(deployed: Client, simulator: Simulator) -> None:
    body = {"playlists": [TOP_50], "again": True, "key": "7f3c"}
    first = post(deployed, body)
    served = len(simulator.requests)
    assert first.status_code == 200
    for _ in range(2):
        second = post(deployed, body)
        assert (second.status_code, second.json_body) == (200, first.json_body)
    assert len(simulator.requests) == served
    assert len(list(open_store(LAKE, World()).list(keys.RAW))) == 1
    assert post(deployed, body | {"key": "7f3d"}).json_body["run_id"] != first.json_body["run_id"]


@pytest.mark.parametrize("other", [{"again": False}, {"playlists": ["1" * 22]}, {"mode": "replay"}])
def test_the_same_key_for_another_request_is_refused(
    deployed: Client, simulator: Simulator, other: dict[str, Any]
) -> None:
    body = {"playlists": [TOP_50], "again": True, "key": "7f3c"}
    post(deployed, body)
    served = len(simulator.requests)
    changed = {name: value for name, value in (body | other).items() if (name, "mode" in other) != ("again", True)}
    answer = post(deployed, changed)
    assert (answer.status_code, answer.json_body["error"]) == (409, "KeyTaken")
    assert len(simulator.requests) == served


def test_of_two_that_arrive_at_once_one_begins_the_run(store: ObjectStore) -> None:
    found, barrier = list[tuple[runs.Run, bool]](), threading.Barrier(8)

    def begin() -> None:
        world = World(now=lambda: NOON)
        lake = Lake(store, world)
        barrier.wait()
        found.append(runs.begin(lake, world, REQUEST, "7f3c"))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new for _, new in found) == [False] * 7 + [True]
    assert len({run.nonce for run, _ in found}) == 1
    with pytest.raises(KeyTaken):
        runs.begin(Lake(store, World()), World(), REQUEST | {"again": True}, "7f3c")


def test_while_one_is_at_work_the_other_is_sent_to_look_at_it(deployed: Client, simulator: Simulator) -> None:
    lake = Lake(open_store(LAKE, World()), World())
    run, _ = runs.begin(lake, World(), REQUEST, "7f3c")
    answer = post(deployed, {"key": "7f3c"})
    assert (answer.status_code, answer.json_body["state"], answer.json_body["run_id"]) == (202, "running", run.run_id)
    assert simulator.requests == []


# Dead, or only slow.


def test_a_run_whose_process_died_is_told_apart_by_its_deadline(lake: Lake, clock: Clock) -> None:
    run, _ = runs.begin(lake, clock.world(seconds_left=600), REQUEST, None)
    clock.advance(seconds=899)
    assert run.to_json(clock.now())["state"] == "running"
    clock.advance(seconds=2)
    dead = run.to_json(clock.now())
    assert (dead["state"], dead["error"], "another key" in dead["advice"]) == ("failed", "ProcessDied", True)
    # Lambda's retry takes it up again; queued it may wait for hours.
    taken = runs.take(lake, clock.world(seconds_left=600), run)
    assert (taken.to_json(clock.now())["state"], taken.turns) == ("running", 1)
    waiting = runs.hand_on(lake, clock.world(), taken)
    clock.advance(hours=5)
    assert waiting.to_json(clock.now())["state"] == "queued"
    clock.advance(hours=2)
    assert waiting.to_json(clock.now())["state"] == "failed"


def test_a_process_that_lives_says_so_while_it_works(lake: Lake, clock: Clock) -> None:
    run, _ = runs.begin(lake, clock.world(), REQUEST, None)

    def extract(playlists: Any, again: bool, progress: Any) -> Extracted:
        for done in range(1, 5):
            clock.advance(minutes=15)
            progress(done, 4)
            standing = runs.read(lake, run.run_id)
            assert standing
            assert (standing.done, standing.total, standing.to_json(clock.now())["state"]) == (done, 4, "running")
        return Extracted(())

    assert backfill.turn(run, lake, clock.world(), extract)[0].state == "done"


def test_a_slower_process_does_not_bring_an_ended_run_back(lake: Lake, clock: Clock) -> None:
    run, _ = runs.begin(lake, clock.world(), REQUEST, None)
    runs.end(lake, clock.world(), run, runs.DONE)
    runs.note(lake, clock.world(), run, 1, 2)
    found = runs.read(lake, run.run_id)
    assert found
    assert found.state == "done"


# Replay.


def test_a_replay_over_http_brings_the_tables_back(deployed: Client) -> None:
    post(deployed, {})
    store = open_store(LAKE, World())
    before = {key: store.get(key).data for key in store.list("tables/")}
    for key in (*before, keys.playlist_page(TOP_50)):
        store.delete(key)
    day = next(iter(store.list(keys.RAW))).split("date=")[1][:10]
    assert post(deployed, {"mode": "replay", "from": "2999-01-01"}).json_body["captures"] == 0
    answer = post(deployed, {"mode": "replay", "playlists": [TOP_50], "from": day, "to": day})
    assert (answer.status_code, answer.json_body["captures"], answer.json_body["changed_days"]) == (200, 1, 1)
    assert answer.json_body["changed"] == [{"playlist_id": TOP_50, "snapshot_date": day}]
    assert post(deployed, {"mode": "replay"}).json_body["changed_days"] == 1
    assert {key: store.get(key).data for key in store.list("tables/")} == before
    assert store.get(keys.playlist_page(TOP_50))
    # Nobody waits for the pages of others.
    other = next(key for key in store.list(keys.SITE) if "playlists/" in key and key != keys.playlist_page(TOP_50))
    store.delete(other)
    store.delete(keys.CARDS)
    post(deployed, {"mode": "replay", "playlists": [TOP_50]})
    assert store.get(other) is None


def test_a_long_replay_goes_from_process_to_process(rig: Any) -> None:
    lived_days(rig)
    before = tables(rig.lake)
    delete_tables(rig.lake)
    request, _ = backfill.parse({"mode": "replay"})
    run, _ = runs.begin(rig.lake, rig.clock.world(), request, None)
    while not run.ended:
        world = rig.clock.world(seconds_left=30)
        lake = Lake(Slow(rig.lake.store, rig.clock), world)
        run, error = backfill.turn(runs.take(lake, world, run), lake, world, lambda *_: Extracted(()))
        assert error is None
        assert run.turns <= 49
    assert (run.state, run.done, run.total, run.result["changed_days"]) == ("done", 49, 49, 48)
    assert run.turns > 3
    assert tables(rig.lake) == before


def test_a_damaged_document_fails_the_replay_with_its_name(deployed: Client) -> None:
    post(deployed, {})
    store = open_store(LAKE, World())
    key, *others = store.list(keys.RAW)
    store.replace(key, b"rubbish", store.get(key).etag)
    for table in list(store.list("tables/")):
        store.delete(table)
    answer = post(deployed, {"mode": "replay"})
    told = answer.json_body
    assert (answer.status_code, told["state"], told["error"]) == (502, "failed", "DamagedFile")
    assert key in told["message"]
    assert ([one["raw_key"] for one in told["damaged"]], told["captures"]) == ([key], 1 + len(others))
    assert told["changed_days"] == len(others) > 0
    again = deployed.http.get(f"/runs/{told['run_id']}").json_body
    assert (again["error"], again["damaged"]) == ("DamagedFile", told["damaged"])


def test_a_replay_of_a_list_without_raw_is_not_found(deployed: Client) -> None:
    answer = post(deployed, {"mode": "replay", "playlists": ["1" * 22]})
    assert (answer.status_code, answer.json_body["error"]) == (404, "NotKept")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"mode": "import"}, "'mode'"),
        ({"from": "2026-11-01"}, "'from' means nothing"),
        ({"mode": "extract", "to": "2026-11-01"}, "'to' means nothing"),
        ({"mode": "replay", "again": True}, "'again' means nothing"),
        ({"mode": "replay", "from": "1.11.2026"}, "'from' is no day"),
        ({"mode": "replay", "to": 20261101}, "'to' is no day"),
        ({"mode": "replay", "from": "2026-11-02", "to": "2026-11-01"}, "after 'to'"),
        ({"key": ""}, "'key'"),
        ({"key": 7}, "'key'"),
        ({"key": "x" * 201}, "'key'"),
        ({"key": "a\nb"}, "'key'"),
    ],
)
def test_the_field_that_is_wrong_is_named(deployed: Client, body: dict[str, Any], words: str) -> None:
    answer = post(deployed, body)
    assert (answer.status_code, words in answer.json_body["message"], bool(answer.json_body["advice"])) == (
        400,
        True,
        True,
    )
    assert list(open_store(LAKE, World()).list("")) == []


def test_a_result_names_a_thousand_days_and_counts_all(
    lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_MOST_NAMED", 3)
    days = tuple(("p" * 22, date(2026, 1, 1) + timedelta(days=number)) for number in range(5))
    monkeypatch.setattr(backfill, "replay_all", lambda *_, **__: (Replayed(5, days), None))
    run, _ = runs.begin(lake, clock.world(), backfill.parse({"mode": "replay"})[0], None)
    found, _ = backfill.turn(run, lake, clock.world(), lambda *_: Extracted(()))
    assert (found.result["changed_days"], len(found.result["changed"])) == (5, 3)
