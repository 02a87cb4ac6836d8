"""A run that is spread over workers: what becomes of each message, what workers know of each other, how a run ends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from click.testing import CliRunner

from chalicelib.cli import main
from chalicelib.errors import OutOfTime, QueueUnavailable, RateLimited
from chalicelib.handlers import fan_out, http, lists, runs, shares, start_again
from chalicelib.handlers.fan_out import Worker, look, send_lists
from chalicelib.handlers.messages import DELIVERIES, Message, Queue
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import Status, empty_row
from chalicelib.settings import Settings
from chalicelib.snapshots.outcome import Outcome
from chalicelib.snapshots.pipeline import open_pipeline
from chalicelib.spotify.retry import RetryBudget
from simulator import EXTENDED, Fault, Simulator

from .channels import SECRET, Receiver, receiver
from .conftest import NOON, Clock, Killed
from .poller import event_of

NAMES = ("one", "fifty", "followed", "empty")


class FakeQueue:
    """A queue that only takes down what was sent, and what was put off for how long."""

    def __init__(self) -> None:
        self.sent: list[tuple[Mapping[str, str], float]] = []
        self.waiting: dict[str, float] = {}
        self.fails_after: int | None = None

    def send(self, bodies: Iterable[Mapping[str, str]], delay: float = 0) -> None:
        for body in bodies:
            if self.fails_after is not None and len(self.sent) >= self.fails_after:
                raise QueueUnavailable("the queue is gone")
            self.sent.append((body, delay))

    def put_off(self, message: Message, seconds: float) -> bool:
        assert message.playlist_id
        self.waiting[message.playlist_id] = seconds
        return True


class Desk:
    """Workers of one run over the simulator's lists, each with its own process's parts."""

    def __init__(self, folder: Path, clock: Clock, simulator: Simulator, server: Any) -> None:
        self.clock, self.simulator = clock, simulator
        self.ids = [simulator.playlist_id(name) for name in NAMES]
        self.settings = Settings(
            lake=str(folder / "lake"),
            playlists=",".join(self.ids),
            queue="lists",
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
            rate=1000,
        )
        self.lake = Lake(open_store(self.settings.lake, clock.world()), clock.world())
        self.queue = FakeQueue()
        self.run_id = self.begin("first").run_id

    def begin(self, event_id: str) -> runs.Run:
        """The scheduled job, started by that event."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fan_out, "Queue", lambda name, world: self.queue)
            return send_lists(self.settings, self.lake, self.clock.world(), event_id)

    def worker(self, seed: int = 1) -> Worker:
        world = self.clock.world(seed)
        budget = RetryBudget(60, world, waits_when_told=False)
        lake = Lake(open_store(self.settings.lake, world), world)
        pipeline = open_pipeline(self.settings, world, lake, budget)
        # One after the other, so that it is known which list meets a fault.
        pipeline._at_once = 1
        return Worker(self.settings, lake, world, pipeline, self.queue)  # type: ignore[arg-type]

    def messages(self, *ids: str, deliveries: int = 1) -> list[Message]:
        return [Message(f"m-{one}", f"r-{one}", deliveries, self.run_id, one) for one in ids or self.ids]

    def close(self, worker: Worker | None = None) -> dict[str, Any]:
        (worker or self.worker(9)).work([Message("close", "r", 1, self.run_id, None)])
        run = runs.read(self.lake, self.run_id)
        assert run
        return run.to_json(self.clock.now())

    def statuses(self) -> dict[str, str | None]:
        rows = {one: self.lake.snapshot(one, NOON.date()) for one in self.ids}
        return {one: row and str(row["status"]) for one, row in rows.items()}

    def asked(self) -> list[str]:
        """The playlists that Spotify was asked for."""
        paths = [one.path for one in self.simulator.requests if one.path.startswith("/v1/")]
        return [path.split("/")[3] for path in paths]


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    simulator = Simulator(now=clock.now)
    with simulator.serve() as server:
        yield Desk(tmp_path, clock, simulator, server)


# The scheduled job.


def test_each_list_is_sent_once_however_often_lambda_tries(desk: Desk) -> None:
    again = desk.begin("first")
    assert again.run_id == desk.run_id
    lists_sent = [body["playlist"] for body, _ in desk.queue.sent if "playlist" in body]
    assert lists_sent == desk.ids
    # The last one looks after them when they have had a minute.
    assert desk.queue.sent[-1] == ({"run": desk.run_id}, 60.0)
    assert desk.begin("second").run_id != desk.run_id
    assert len(desk.queue.sent) == 2 * (len(desk.ids) + 1)


def test_what_broke_off_in_the_middle_goes_on_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "_WAVE", 2)
    desk.queue.sent.clear()
    desk.queue.fails_after = 2
    with pytest.raises(QueueUnavailable):
        desk.begin("second")
    desk.queue.fails_after = None
    run = desk.begin("second")
    assert [body.get("playlist") for body, _ in desk.queue.sent] == [*desk.ids, None]
    assert (run.state, run.total, run.done) == ("queued", len(desk.ids), 0)


# A worker.


def test_a_batch_is_taken_and_the_run_tells_of_it(desk: Desk) -> None:
    worker = desk.worker()
    assert worker.work(desk.messages(*desk.ids[:3])) == []
    run = runs.read(desk.lake, desk.run_id)
    assert run
    told = look(desk.lake, run).to_json(desk.clock.now())
    assert (told["state"], told["done"], told["total"], told["statuses"]) == ("queued", 3, 4, {"ok": 3})
    # Not all are there yet: it looks again in a minute, and ends when they are.
    assert desk.close(worker)["state"] == "queued"
    assert desk.queue.sent[-1] == ({"run": desk.run_id}, 60.0)
    desk.worker(2).work(desk.messages(desk.ids[3]))
    told = desk.close(worker)
    assert (told["state"], told["complete"], told["published"], told["workers"]) == ("done", True, 4, 2)
    assert told["requests"] == len(desk.asked())
    newest = json.loads(desk.lake.store.get(keys.NEWEST_OK).data)  # type: ignore[union-attr]
    assert newest["captured_at"] == NOON.isoformat()


def test_a_message_that_comes_twice_asks_nothing_twice_and_counts_once(desk: Desk) -> None:
    desk.worker().work(desk.messages())
    asked = desk.asked()
    assert desk.worker(2).work(desk.messages()) == []
    assert desk.asked() == asked
    told = desk.close()
    assert (told["published"], told["requests"]) == (4, len(asked))


def test_a_short_pause_puts_lists_off_without_a_sleep_and_for_all_workers(desk: Desk) -> None:
    desk.simulator.faults.add(Fault.rate_limited(20, on="playlist"))
    first, second = desk.ids[:2], desk.ids[2:]
    kept = desk.worker().work(desk.messages(*first))
    assert [one.playlist_id for one in kept] == first
    assert all(20 < seconds < 25 for seconds in desk.queue.waiting.values())
    asked = desk.asked()
    # Another worker knows of it, and asks nothing.
    assert len(desk.worker(2).work(desk.messages(*second))) == 2
    assert (desk.asked(), desk.clock.slept) == (asked, [])
    assert set(desk.queue.waiting) == set(desk.ids)
    assert desk.close()["state"] == "queued", "a list that is put off has no status for good"
    desk.clock.advance(seconds=25)
    assert desk.worker().work(desk.messages(deliveries=2)) == []
    assert desk.close()["complete"] is True


@pytest.mark.parametrize(
    "fault", [Fault.rate_limited(4_000, on="playlist"), Fault.quota_exceeded(40, on="playlist")], ids=["long", "quota"]
)
def test_a_long_pause_or_a_quota_ban_leaves_lists_deferred_and_costs_no_delivery(
    desk: Desk, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Mock(return_value=True)
    monkeypatch.setattr(fan_out, "start_again", started)
    desk.simulator.faults.add(fault)
    assert desk.worker().work(desk.messages(*desk.ids[:2])) == []
    assert desk.worker(2).work(desk.messages(*desk.ids[2:])) == []
    assert (len(desk.asked()), desk.queue.waiting) == (1, {})
    assert set(desk.statuses().values()) == {"deferred"}
    told = desk.close()
    assert (told["state"], told["done"], told["statuses"]) == ("failed", 4, {"deferred": 4})
    assert {one["playlist_id"] for one in told["without"]} == set(desk.ids)
    moment, run_id = started.call_args.args
    assert (moment, run_id) == (NOON + timedelta(seconds=fault.retry_after or 0, minutes=1), desk.run_id)
    # Then the run that is started takes them.
    desk.clock.advance(seconds=(fault.retry_after or 0) + 60)
    desk.run_id = desk.begin("again").run_id
    desk.worker(3).work(desk.messages())
    assert desk.close()["complete"] is True


def test_a_list_that_cannot_be_read_is_tried_again_and_has_its_status_in_the_end(desk: Desk) -> None:
    desk.simulator.faults.add(Fault.bad_gateway(playlist=desk.ids[0], times=None))
    worker = desk.worker()
    kept = worker.work(desk.messages(*desk.ids[:2]))
    assert [one.playlist_id for one in kept] == [desk.ids[0]]
    # Meanwhile the day says why it is not there.
    assert desk.statuses()[desk.ids[0]] == "unavailable"
    pauses = [desk.queue.waiting[desk.ids[0]]]
    for deliveries in range(2, DELIVERIES):
        worker.work(desk.messages(desk.ids[0], deliveries=deliveries))
        pauses.append(desk.queue.waiting[desk.ids[0]])
    # Twice as long each time, and a little apart.
    assert all(60 * 2**number < pause < 70 * 2**number + 2 for number, pause in enumerate(pauses))
    assert worker.work(desk.messages(desk.ids[0], deliveries=DELIVERIES)) == []


def test_what_makes_every_request_pointless_stops_all_workers_of_the_run(desk: Desk) -> None:
    desk.simulator.faults.add(Fault.premium_required(times=None, on="playlist"))
    desk.worker().work(desk.messages(*desk.ids[:2]))
    asked = len(desk.simulator.requests)
    assert desk.worker(2).work(desk.messages(*desk.ids[2:])) == []
    assert len(desk.simulator.requests) == asked
    told = desk.close()
    assert (told["state"], told["stopped"], told["statuses"]) == ("failed", "PremiumRequired", {"forbidden": 4})
    assert "Premium" in told["advice"]


def test_a_list_for_which_there_is_no_time_comes_back_soon(desk: Desk) -> None:
    worker = desk.worker()
    worker._world = replace(desk.clock.world(), time_left=lambda: 1.0)
    worker._pipeline._world = worker._world
    assert len(worker.work(desk.messages())) == 4
    assert all(seconds < 3 for seconds in desk.queue.waiting.values())


def test_a_run_whose_lists_never_come_is_given_up_after_a_day(desk: Desk) -> None:
    desk.worker().work(desk.messages(*desk.ids[:2]))
    desk.clock.advance(days=1, seconds=1)
    told = desk.close()
    assert (told["state"], told["done"], told["total"]) == ("failed", 2, 4)


# What people are told of a run.


@pytest.fixture
def watched(desk: Desk) -> Iterator[Receiver]:
    """A webhook to which everything is told, of lists that were there the day before with nothing on them."""
    day = NOON.date() - timedelta(days=1)
    for one in desk.ids:
        row = empty_row(one, day, NOON - timedelta(days=1)) | {
            "status": Status.OK,
            "entry_count": 0,
            "source": "spotify",
        }
        desk.lake.put_snapshot(row)
    with receiver(desk.clock.now) as server:
        desk.settings = replace(desk.settings, webhook_secret=SECRET)
        desk.lake.store.create(keys.WATCH, f"all | entered\ntell webhook {server.url} private\n".encode())
        yield server


def test_who_is_told_is_told_once_when_all_lists_of_the_run_are_there(desk: Desk, watched: Receiver) -> None:
    desk.worker().work(desk.messages(*desk.ids[:2]))
    assert desk.close()["state"] == "queued"
    assert watched.asked == 0
    desk.worker(2).work(desk.messages(*desk.ids[2:]))
    assert watched.asked == 0, "the last list is there, and the run is not closed"
    assert desk.close()["state"] == "done"
    ids = list(watched.ids)
    lists = {event["playlist_id"] for body in watched.taken for event in body["events"]}
    assert lists == {one for one, name in zip(desk.ids, NAMES, strict=True) if name != "empty"}
    assert len(ids) == len(set(ids))
    # The message that closes a run may be delivered twice.
    desk.close(desk.worker(3))
    assert watched.ids == ids


def test_a_worker_that_dies_while_it_closes_a_run_is_followed_by_one_that_tells(
    desk: Desk, watched: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.worker().work(desk.messages())
    with monkeypatch.context() as patch:
        patch.setattr(fan_out, "render_pages", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            desk.close()
    assert watched.ids == []
    # Its message is not done, so the queue delivers it again.
    assert desk.close(desk.worker(2))["state"] == "done"
    assert len(watched.ids) == len(set(watched.ids)) > 0
    assert desk.lake.store.get(keys.INDEX_PAGE) is not None


# What workers tell.


def outcome(playlist_id: str, status: Status, already: bool = False) -> Outcome:
    row = empty_row(playlist_id, NOON.date(), NOON) | {"status": status, "requests": None if already else 3}
    return Outcome(playlist_id, NOON.date(), status, row, already)


def test_of_two_reports_on_a_list_its_snapshot_counts(lake: Lake) -> None:
    first, second = shares.Share(lake, "a"), shares.Share(lake, "b")
    first.tell("run", [(outcome("x", Status.OK), False)], NOON)
    second.tell("run", [(outcome("x", Status.OK, already=True), False)], NOON + timedelta(minutes=1))
    second.tell("run", [(outcome("y", Status.UNAVAILABLE), True)], NOON)
    first.tell("run", [(outcome("y", Status.UNAVAILABLE), False)], NOON + timedelta(minutes=1))
    found = shares.gather(lake, "run")
    assert (found.done, found.taken, found.workers) == (2, ["x"], 2)
    assert found.to_json(2)["requests"] == 6


def test_a_share_stays_small_however_much_a_worker_does(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_LISTS", 20)
    share = shares.Share(lake, "a")
    for batch in range(10):
        share.tell("run", [(outcome(f"{batch}-{number}", Status.OK), False) for number in range(10)], NOON)
    names = list(lake.store.list(keys.run_shares("run")))
    assert len(names) == 5
    assert shares.gather(lake, "run").done == 100


# The queue itself.


@pytest.fixture
def sqs(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="lists", Attributes={"VisibilityTimeout": "1800"})["QueueUrl"]
    yield client, url
    client.delete_queue(QueueUrl=url)


def received(sqs: tuple[Any, str]) -> list[dict[str, Any]]:
    client, url = sqs
    found: list[dict[str, Any]] = client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages", [])
    return found


def delivered(sqs: tuple[Any, str]) -> list[Message]:
    messages: Sequence[dict[str, Any]] = received(sqs)
    return [Message.of(record) for record in event_of(messages)["Records"]] if messages else []


def test_a_message_that_is_put_off_comes_back_and_the_last_delivery_is_replaced(
    sqs: tuple[Any, str], clock: Clock
) -> None:
    queue = Queue("lists", clock.world())
    queue.send({"run": "r", "playlist": str(number)} for number in range(25))
    messages = [one for _ in range(3) for one in delivered(sqs)]
    assert sorted(int(one.playlist_id or "") for one in messages) == list(range(25))
    assert queue.put_off(messages[0], 0) is True
    (back,) = delivered(sqs)
    assert (back.id, back.deliveries) == (messages[0].id, 2)
    last = replace(messages[1], deliveries=DELIVERIES)
    assert queue.put_off(last, 0) is False
    (fresh,) = delivered(sqs)
    assert (fresh.playlist_id, fresh.deliveries, fresh.id != last.id) == (last.playlist_id, 1, True)


def test_a_queue_that_is_not_there_is_named(aws: str, clock: Clock) -> None:
    with pytest.raises(QueueUnavailable, match="no-such-queue"):
        Queue("no-such-queue", clock.world())


def test_without_partial_batches_a_list_that_is_put_off_is_an_error(
    desk: Desk, sqs: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "CHARTLAKE_LAKE": desk.settings.lake,
        "CHARTLAKE_QUEUE": "lists",
        "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
        "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
        "SPOTIFY_API_URL": desk.settings.api_url,
        "SPOTIFY_ACCOUNTS_URL": desk.settings.accounts_url,
    }.items():
        monkeypatch.setenv(name, value)
    queue = Queue("lists", desk.clock.world())
    desk.simulator.faults.add(Fault.rate_limited(20, on="playlist"))
    queue.send([{"run": desk.run_id, "playlist": desk.ids[0]}])
    event = event_of(received(sqs))
    with pytest.raises(OutOfTime, match=desk.ids[0]):
        lists.lists(event, lambda: 300_000, desk.clock.world())
    monkeypatch.setenv("CHARTLAKE_PARTIAL_BATCHES", "yes")
    answer = lists.lists(event, lambda: 300_000, desk.clock.world())
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    desk.clock.advance(seconds=30)
    assert lists.lists(event, lambda: 300_000, desk.clock.world()) == {"batchItemFailures": []}


# Starting again.


def test_one_entry_starts_the_run_again_and_the_last_word_counts(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start_again.start_again(NOON, "r") is False, "`chalice deploy` has no role for it"
    monkeypatch.setenv("CHARTLAKE_DAILY", "arn:aws:lambda:eu-west-1:123456789012:function:chartlake-prod-daily")
    monkeypatch.setenv("CHARTLAKE_SCHEDULER_ROLE", "arn:aws:iam::123456789012:role/again")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chartlake-prod-lists")
    for hours in (1, 2):
        assert start_again.start_again(NOON + timedelta(hours=hours), "r") is True
    scheduler = boto3.client("scheduler")
    (entry,) = scheduler.list_schedules()["Schedules"]
    found = scheduler.get_schedule(Name=entry["Name"])
    scheduler.delete_schedule(Name=entry["Name"])
    assert (found["Name"], found["ScheduleExpression"]) == ("chartlake-prod-again", "at(2026-11-23T14:00:00)")
    assert found["ActionAfterCompletion"] == "DELETE"
    event = json.loads(found["Target"]["Input"])
    # What Chalice's event of a schedule is made of.
    assert {"version", "account", "region", "detail", "detail-type", "source", "time", "resources"} <= set(event)
    assert event["id"] == "again-r-20261123T140000Z"


# What people see.


def test_people_see_how_far_a_run_is_over_http_and_at_the_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.simulator.faults.add(Fault("status", status=404, playlist=desk.ids[0], times=None))
    desk.worker().work(desk.messages(*desk.ids[:3]))
    monkeypatch.setenv("CHARTLAKE_LAKE", desk.settings.lake)
    answer = http.run(desk.run_id, desk.clock.world())
    assert isinstance(answer.body, dict)
    assert (answer.status, answer.body["done"], answer.body["statuses"]) == (200, 3, {"not_found": 1, "ok": 2})
    shown = CliRunner().invoke(main, ["runs", desk.run_id])
    assert desk.ids[0] in shown.output
    assert "2 ok" in shown.output
    listed = json.loads(CliRunner().invoke(main, ["runs", "--json"]).output)
    assert [(one["run_id"], one["mode"], one["total"]) for one in listed] == [(desk.run_id, "queue", 4)]
    assert desk.run_id in CliRunner().invoke(main, ["runs"]).output
    missing = CliRunner().invoke(main, ["runs", "0" * 16])
    assert (missing.exit_code, "There is no run" in missing.output) == (1, True)


def test_a_pause_is_short_or_long_by_what_spotify_says() -> None:
    assert [fan_out._short_pause(RateLimited("x", retry_after=one)) for one in (1.0, 300.0, 301.0, None)] == [
        1.0,
        300.0,
        None,
        30.0,
    ]
