"""The main job over real HTTP against the simulator: what a day is worth after everything that can happen to it."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import CredentialsRefused, LakeUnavailable, QuotaExceeded, RateLimited
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import Status
from chalicelib.settings import Settings
from chalicelib.snapshots.outcome import Outcome, Run
from chalicelib.snapshots.pipeline import AT_ONCE, open_pipeline
from chalicelib.snapshots.verify import verify
from chalicelib.spotify.capture import Answer, Capture, from_raw
from chalicelib.spotify.pace import Pace
from chalicelib.spotify.retry import ATTEMPTS
from chalicelib.time_and_chance import World
from simulator import DEVELOPMENT, EXTENDED, GRANDFATHERED, TOP_50, App, Fault, Simulator

from .conftest import NOON, SHARED_DATA, Clock, put_entries

TODAY = date(2026, 11, 23)


class Rig:
    """A simulated Spotify, a lake, and one clock for both."""

    def __init__(self, simulator: Simulator, server: Any, lake: Lake, clock: Clock) -> None:
        self.simulator, self.server, self.lake, self.clock = simulator, server, lake, clock
        self.app: App = EXTENDED
        self.refresh_token = ""
        self.seed = 0

    def extract(
        self,
        *names: str,
        again: bool = False,
        seconds_left: float = float("inf"),
        at_once: int = AT_ONCE,
        **settings: Any,
    ) -> Run:
        self.seed += 1
        world = self.clock.world(self.seed, seconds_left)
        told = Settings(
            client_id=self.app.client_id,
            client_secret=self.app.client_secret,
            refresh_token=self.refresh_token,
            api_url=self.server.api_url,
            accounts_url=self.server.accounts_url,
        )
        told = Settings(**{**told.__dict__, **settings})
        ids = [self.id(name) for name in names or ("top-50",)]
        return open_pipeline(told, world, self.lake, at_once=at_once).extract(ids, again=again)

    def one(self, name: str = "top-50", **options: Any) -> Outcome:
        run = self.extract(name, **options)
        assert len(run.outcomes) == 1
        return run.outcomes[0]

    def id(self, name: str) -> str:
        return name if len(name) == 22 else self.simulator.playlist_id(name)

    def sign_in(self, app: App = DEVELOPMENT, user: str = "listener") -> None:
        self.app = app
        self.refresh_token = self.simulator.refresh_token(user=user, app=app)

    def names(self, name: str, day: date = TODAY) -> list[str | None]:
        return [entry["name"] for entry in self.lake.entries(self.id(name), day)]

    def asked(self, path: str = "/v1/") -> int:
        return sum(request.path.startswith(path) for request in self.simulator.requests)


@pytest.fixture
def rig(lake: Lake, clock: Clock) -> Iterator[Rig]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        yield Rig(simulator, server, lake, clock)


# A good day.


def test_a_top_50_takes_one_request_and_is_all_there(rig: Rig) -> None:
    outcome = rig.one()
    assert (outcome.status, outcome.row["entry_count"], outcome.row["total"]) == (Status.OK, 50, 50)
    assert rig.asked() == 1
    entries = rig.lake.entries(TOP_50, TODAY)
    assert [entry["position"] for entry in entries] == list(range(1, 51))
    assert {"track", "episode", "local", "unavailable"} <= {entry["item_type"] for entry in entries}
    assert {entry["source"] for entry in entries} == {"simulator"}
    assert verify(rig.lake).findings == ()


def test_raw_holds_the_very_bytes_that_were_sent(rig: Rig) -> None:
    row = rig.one().row
    data = rig.lake.store.get(row["raw_key"]).data
    capture = from_raw(data, row["raw_key"])
    assert capture.to_raw() == data
    document = json.loads(gzip.decompress(data))
    assert json.loads(document["answers"][0]["body"])["id"] == TOP_50
    assert capture.proof == "one answer"


def test_a_long_list_waits_in_a_fifth_of_its_bytes_and_raw_holds_them_all(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, sent = [], []
    keep, put = Answer.kept, Capture.to_raw
    monkeypatch.setattr(Answer, "kept", lambda answer, page: sent.append(answer) or keep(answer, page))
    monkeypatch.setattr(Capture, "to_raw", lambda capture: read.append(capture) or put(capture))
    row = rig.one("large").row
    data = rig.lake.store.get(row["raw_key"]).data
    held = sum(len(answer.content) for answer in read[0].answers if answer.is_kept)
    assert 0 < held * 5 < sum(len(answer.content) for answer in sent)
    # As if the answers had been held as they came.
    as_sent = {answer.url: answer for answer in sent}
    answers = tuple(as_sent.get(answer.url, answer) for answer in read[0].answers)
    assert put(replace(read[0], answers=answers)) == data
    assert from_raw(data, row["raw_key"]).to_raw() == data


def test_today_is_taken_once_unless_asked_for_again(rig: Rig) -> None:
    rig.one()
    asked = rig.asked()
    second = rig.one()
    assert (second.already, second.status, rig.asked()) == (True, Status.OK, asked)
    rig.clock.advance(hours=1)
    third = rig.one(again=True)
    assert not third.already
    assert {entry["capture_id"] for entry in rig.lake.entries(TOP_50, TODAY)} == {third.row["capture_id"]}
    assert len(list(rig.lake.store.list(keys.RAW))) == 2
    assert verify(rig.lake).findings == ()


@pytest.mark.parametrize(
    ("name", "count"), [("empty", 0), ("one", 1), ("fifty", 50), ("hundred-and-one", 101), ("large", 2_500)]
)
@pytest.mark.parametrize("app", [EXTENDED, GRANDFATHERED, DEVELOPMENT], ids=lambda app: app.dialect)
def test_lists_of_every_size_are_complete_in_every_dialect(rig: Rig, app: App, name: str, count: int) -> None:
    rig.sign_in(app)
    outcome = rig.one(name)
    assert (outcome.status, outcome.row["entry_count"]) == (Status.OK, count)
    assert [e["position"] for e in rig.lake.entries(rig.id(name), TODAY)] == list(range(1, count + 1))
    assert verify(rig.lake).findings == ()


def test_pages_go_on_where_the_embedded_entries_end(rig: Rig) -> None:
    # The playlist object embeds 100 entries, a page brings 50: going on at 50 would ask for half of them again.
    rig.one("hundred-and-one")
    asked = [request for request in rig.simulator.requests if request.path.startswith("/v1/")]
    assert [request.query.get("offset") for request in asked] == [None, "100", None]


def test_the_dialects_agree_on_what_is_on_the_list(rig: Rig) -> None:
    found = []
    for app in (EXTENDED, GRANDFATHERED, DEVELOPMENT):
        rig.sign_in(app)
        row = rig.one("oddities", again=True).row
        assert row["status"] == Status.OK
        found.append((row["content_hash"], rig.names("oddities")))
        rig.clock.advance(minutes=1)
    assert found[0] == found[1] == found[2]
    assert "unavailable" in {entry["item_type"] for entry in rig.lake.entries(rig.id("oddities"), TODAY)}


def test_a_list_whose_id_changes_at_every_request_is_proven_by_its_content(rig: Rig) -> None:
    outcome = rig.one("restless")
    assert outcome.status == Status.OK
    assert outcome.row["entry_count"] == outcome.row["total"]
    if outcome.row["total"] > 100:
        capture = from_raw(rig.lake.store.get(outcome.row["raw_key"]).data, "raw")
        assert capture.proof == "equal content"


def test_a_day_is_counted_in_the_settings_time_zone(rig: Rig) -> None:
    from zoneinfo import ZoneInfo

    rig.clock.moment = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert rig.one(timezone=ZoneInfo("Europe/Berlin")).snapshot_date == date(2026, 11, 24)
    assert rig.one().snapshot_date == TODAY


def test_a_long_unchanged_list_stands_for_today_and_says_so(rig: Rig) -> None:
    rig.one("large")
    asked = rig.asked()
    rig.clock.advance(days=1)
    outcome = rig.one("large")
    assert outcome.status == Status.UNCHANGED
    assert rig.asked() == asked + 1
    assert outcome.row["entry_count"] == len(rig.lake.entries(rig.id("large"), TODAY + timedelta(days=1))) == 2_500
    assert verify(rig.lake).findings == ()
    rig.simulator.edit(rig.id("large"), remove_at=3)
    rig.clock.advance(days=1)
    outcome = rig.one("large")
    assert (outcome.status, outcome.row["entry_count"]) == (Status.OK, 2_499)


def test_a_long_list_stays_unchanged_over_the_turn_of_the_year(rig: Rig) -> None:
    rig.clock.moment = datetime(2026, 12, 31, 12, tzinfo=UTC)
    rig.one("hundred-and-one")
    rig.clock.advance(days=1)
    outcome = rig.one("hundred-and-one")
    assert (outcome.status, outcome.already) == (Status.UNCHANGED, False)


def test_a_long_list_is_read_whole_where_that_is_asked_for(rig: Rig) -> None:
    rig.one("hundred-and-one")
    rig.clock.advance(days=1)
    assert rig.one("hundred-and-one", again=True).status == Status.OK


def test_an_unchanged_list_is_read_whole_once_a_week(rig: Rig) -> None:
    statuses = []
    for _ in range(9):
        statuses.append(rig.one("hundred-and-one").status)
        rig.clock.advance(days=1)
    assert statuses == ["ok", *["unchanged"] * 6, "ok", "unchanged"]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the recorded payloads of ../shared/data are not on this machine")
def test_a_recorded_top_50_served_over_http_equals_an_independent_reading(lake: Lake, clock: Clock) -> None:
    source = SHARED_DATA / "api_track" / "global_top50__2024-05-11__danielmschaves.json"
    expected = [
        (
            place,
            one["track"]["id"],
            one["track"]["name"],
            [artist["name"] for artist in one["track"]["artists"]],
            one["track"]["external_ids"]["isrc"],
            one["track"]["popularity"],
        )
        for place, one in enumerate(json.loads(source.read_text())[0]["tracks"]["items"], start=1)
    ]
    simulator = Simulator(now=clock.now, sleep=clock.sleep, recorded=source.parent)
    with simulator.serve() as server:
        outcome = Rig(simulator, server, lake, clock).one("37i9dQZEVXbMDoHDwVN2tF")
    assert outcome.status == Status.OK
    found = [
        (e["position"], e["item_id"], e["name"], [a["name"] for a in e["artists"]], e["isrc"], e["popularity"])
        for e in lake.entries("37i9dQZEVXbMDoHDwVN2tF", TODAY)
    ]
    assert found == expected
    assert len(found) == 50


# Edits while it is being read.


def test_an_edit_between_two_pages_is_noticed_and_the_day_is_of_one_piece(rig: Rig) -> None:
    rig.simulator.faults.add(Fault("edit", on="items", after=10, playlist=rig.id("large")))
    outcome = rig.one("large")
    assert (outcome.status, outcome.row["entry_count"], outcome.row["total"]) == (Status.OK, 2_499, 2_499)
    assert len({e["position"] for e in rig.lake.entries(rig.id("large"), TODAY)}) == 2_499
    assert verify(rig.lake).findings == ()
    # and it is the list as it is now, not a mixture
    assert rig.one("large", again=True).row["content_hash"] == outcome.row["content_hash"]


def test_an_edit_that_keeps_the_number_of_entries_is_noticed_too(rig: Rig) -> None:
    # One entry moves from the top to the end while it is read: all shift by one place, and every total agrees.
    rig.simulator.faults.add(
        Fault("edit", on="items", after=10, playlist=rig.id("large"), remove_at=0, insert_at=2_499)
    )
    outcome = rig.one("large")
    assert (outcome.status, outcome.row["entry_count"]) == (Status.OK, 2_500)
    rig.clock.advance(minutes=1)
    assert rig.one("large", again=True).row["content_hash"] == outcome.row["content_hash"]


def test_a_list_that_never_holds_still_is_incomplete_and_nothing_is_stored(rig: Rig) -> None:
    rig.simulator.faults.add(Fault("edit", on="items", times=None, insert_at=0, playlist=rig.id("hundred-and-one")))
    outcome = rig.one("hundred-and-one")
    assert outcome.status == Status.INCOMPLETE
    assert "one piece" in outcome.row["reason"]
    assert list(rig.lake.store.list(keys.ENTRIES)) == []
    rig.simulator.faults.clear()
    assert rig.one("hundred-and-one").status == Status.OK


# Meaning.


def test_everything_vanishing_at_once_is_believed_only_the_second_time(rig: Rig) -> None:
    rig.one("fifty")
    rig.clock.advance(days=1)
    body = {"id": rig.id("fifty"), "snapshot_id": "x", "owner": {}, "tracks": {"items": [], "total": 0, "offset": 0}}
    rig.simulator.faults.add(Fault("body", on="playlist", times=2, body=json.dumps(body)))
    outcome = rig.one("fifty")
    assert outcome.status == Status.SUSPECT
    assert "vanished" in outcome.row["reason"]
    assert rig.lake.store.get(outcome.row["raw_key"]) is not None
    assert rig.names("fifty", TODAY + timedelta(days=1)) == []
    outcome = rig.one("fifty")
    assert (outcome.status, outcome.row["entry_count"]) == (Status.OK, 0)


def test_everything_vanishing_and_coming_back_leaves_no_trace_but_raw(rig: Rig) -> None:
    rig.one("fifty")
    rig.clock.advance(days=1)
    body = {"id": rig.id("fifty"), "snapshot_id": "x", "owner": {}, "tracks": {"items": [], "total": 0, "offset": 0}}
    rig.simulator.faults.add(Fault("body", on="playlist", body=json.dumps(body)))
    assert rig.one("fifty").status == Status.SUSPECT
    assert rig.one("fifty").row["entry_count"] == 50
    assert verify(rig.lake).findings == ()


@pytest.mark.parametrize(
    "body",
    [
        '{"snapshot_id": "x", "owner": {}, "songs": {"items": []}}',
        '{"tracks": {"items": [{"song": {"name": "a"}}], "total": 1}}',
        '{"tracks": {"items": [{"track": true}], "total": 1}}',
        '{"tracks": {"items": []}}',
        '["not", "an", "object"]',
        '{"something": "else"}',
    ],
)
def test_an_unknown_shape_is_kept_in_raw_and_not_published(rig: Rig, body: str) -> None:
    rig.simulator.faults.add(Fault("body", times=None, on="playlist", body=body))
    rig.simulator.faults.add(Fault("body", times=None, on="items", body='{"pages": 1}'))
    outcome = rig.one()
    assert outcome.status == Status.SUSPECT
    assert outcome.error is not None
    assert outcome.error.kind == "UnknownShape"
    raw = gzip.decompress(rig.lake.store.get(outcome.row["raw_key"]).data).decode()
    assert json.dumps(body)[1:-1] in raw or '{\\"pages\\": 1}' in raw
    assert list(rig.lake.store.list(keys.ENTRIES)) == []
    rig.simulator.faults.clear()
    assert rig.one().status == Status.OK


# Every row of the table of errors.

PLAYLIST_TROUBLES = [
    (
        Fault("status", status=400, body={"error": {"status": 400, "message": "Invalid base62 id"}}),
        "NotFound",
        "not_found",
    ),
    (Fault("status", status=403, body={"error": {"status": 403, "message": "Forbidden"}}), "NotReadable", "forbidden"),
    (Fault("status", status=403, body=""), "NotReadable", "forbidden"),
    (
        Fault("status", status=404, body={"error": {"status": 404, "message": "Resource not found"}}),
        "NotFound",
        "not_found",
    ),
    (Fault("status", status=404, body='["Not found."]'), "NotFound", "not_found"),
    (
        Fault("status", status=500, body={"error": {"status": 500, "message": "Server error."}}),
        "SpotifyUnavailable",
        "unavailable",
    ),
    (Fault("status", status=502, body="<html>Bad gateway</html>"), "SpotifyUnavailable", "unavailable"),
    (Fault("status", status=503, body='{"error": "upstream"}'), "SpotifyUnavailable", "unavailable"),
    (Fault("status", status=504, body='{"error": null}'), "SpotifyUnavailable", "unavailable"),
    (Fault("empty"), "SpotifyUnavailable", "unavailable"),
    (Fault("html"), "SpotifyUnavailable", "unavailable"),
    (Fault("truncated"), "SpotifyUnavailable", "unavailable"),
    (Fault("truncated", clean=True), "SpotifyUnavailable", "unavailable"),
    (Fault("reset"), "SpotifyUnavailable", "unavailable"),
    (Fault("body", body="{}"), "SpotifyUnavailable", "unavailable"),
]
RUN_TROUBLES = [
    (
        Fault("status", status=401, body={"error": {"status": 401, "message": "Invalid access token"}}),
        "CredentialsRefused",
        "forbidden",
    ),
    (
        Fault("status", status=403, body="User not registered in the Developer Dashboard"),
        "CredentialsRefused",
        "forbidden",
    ),
    (Fault("status", status=403, body="User not approved for app"), "CredentialsRefused", "forbidden"),
    (Fault.premium_required(), "PremiumRequired", "forbidden"),
    (Fault.quota_exceeded(52_531), "QuotaExceeded", "deferred"),
    (Fault.rate_limited(7_200), "RateLimited", "deferred"),
    (
        Fault("status", status=429, body="Too many requests", headers={"Retry-After": "19056"}),
        "RateLimited",
        "deferred",
    ),
]
TOKEN_TROUBLES = [
    (400, {"error": "invalid_client", "error_description": "Invalid client"}, "CredentialsRefused", "forbidden"),
    (401, {"error": "invalid_client"}, "CredentialsRefused", "forbidden"),
    (400, {"error": "invalid_grant", "error_description": "Refresh token expired"}, "ConsentDoubted", "unavailable"),
    (400, {"error": "invalid_grant", "error_description": "Refresh token revoked"}, "ConsentDoubted", "unavailable"),
    (503, "upstream connect error or disconnect/reset before headers.", "SpotifyUnavailable", "unavailable"),
    (429, "Too many requests", "RateLimited", "deferred"),
    (200, "<html>", "SpotifyUnavailable", "unavailable"),
    (200, {"token_type": "Bearer"}, "SpotifyUnavailable", "unavailable"),
]


def fresh(fault: Fault, **facts: Any) -> Fault:
    return Fault(**{**fault.__dict__, "times": None, **facts})


def label(value: Any) -> str:
    return f"{value.kind}-{value.status}" if isinstance(value, Fault) else str(value)[:30]


@pytest.mark.parametrize(("fault", "kind", "status"), PLAYLIST_TROUBLES, ids=label)
@pytest.mark.parametrize("on", ["playlist", "items"])
def test_trouble_with_one_playlist_is_its_own_day_and_is_repaired(
    rig: Rig, fault: Fault, kind: str, status: str, on: str
) -> None:
    name = "hundred-and-one"
    rig.simulator.faults.add(fresh(fault, on=on, playlist=rig.id(name)))
    run = rig.extract(name, "fifty")
    bad, good = run.outcomes
    assert bad.error is not None
    assert (bad.error.kind, bad.status) == (kind, status)
    assert rig.id(name) in bad.row["reason"]
    assert bad.error.advice
    assert (good.status, run.stopped) == (Status.OK, None)
    assert rig.lake.snapshot(rig.id(name), TODAY)["status"] == status
    assert rig.lake.entries(rig.id(name), TODAY) == []
    rig.simulator.faults.clear()
    repaired = rig.extract(name, "fifty")
    assert repaired.complete
    assert [outcome.already for outcome in repaired.outcomes] == [False, True]
    assert verify(rig.lake).findings == ()


@pytest.mark.parametrize(("fault", "kind", "status"), RUN_TROUBLES, ids=label)
def test_trouble_with_everything_stops_the_run_and_explains_every_gap(
    rig: Rig, fault: Fault, kind: str, status: str
) -> None:
    rig.simulator.faults.add(fresh(fault, on="playlist"))
    run = rig.extract("fifty", "one", "top-50")
    assert run.stopped is not None
    assert (run.stopped.kind, [outcome.status for outcome in run.outcomes]) == (kind, [status] * 3)
    assert rig.asked() <= 2
    assert {row["status"] for name in ("fifty", "one") for row in [rig.lake.snapshot(rig.id(name), TODAY)]} == {status}
    rig.simulator.faults.clear()
    rig.clock.advance(hours=15)
    assert rig.extract("fifty", "one", "top-50").complete


@pytest.mark.parametrize(("http_status", "body", "kind", "status"), TOKEN_TROUBLES, ids=label)
def test_trouble_at_the_token_endpoint(rig: Rig, http_status: int, body: Any, kind: str, status: str) -> None:
    headers = {"Retry-After": "600"} if http_status == 429 else {}
    rig.simulator.faults.add(Fault("status", on="token", times=None, status=http_status, body=body, headers=headers))
    run = rig.extract("fifty", "one")
    assert run.stopped is not None
    assert (run.stopped.kind, [outcome.status for outcome in run.outcomes]) == (kind, [status] * 2)
    assert rig.asked("/v1/") == 0
    rig.simulator.faults.clear()
    rig.clock.advance(minutes=11)
    assert rig.extract("fifty", "one").complete


@pytest.mark.parametrize("fault", [Fault("status", status=503), Fault.rate_limited(1)], ids=label)
def test_a_token_is_asked_for_five_times_and_no_more(rig: Rig, fault: Fault) -> None:
    rig.simulator.faults.add(fresh(fault, on="token"))
    run = rig.extract("fifty", "one")
    assert run.stopped is not None
    assert rig.asked("/api/token") == ATTEMPTS


def test_no_network_at_all(rig: Rig) -> None:
    run = rig.extract(api_url="http://127.0.0.1:9/v1", accounts_url="http://127.0.0.1:9")
    assert run.stopped is not None
    assert (run.stopped.kind, run.outcomes[0].status) == ("SpotifyUnavailable", "unavailable")
    assert rig.one().status == Status.OK


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=502, body="Bad gateway", times=3),
        Fault("reset", times=2),
        Fault("empty", times=2),
        Fault("truncated", times=2),
        Fault.rate_limited(3, times=2),
        Fault.rate_limited(None, times=1),
        Fault("status", status=401, body={"error": {"status": 401, "message": "The access token expired"}}, times=1),
    ],
    ids=label,
)
@pytest.mark.parametrize("on", ["playlist", "items"])
def test_passing_trouble_is_waited_for(rig: Rig, fault: Fault, on: str) -> None:
    rig.simulator.faults.add(Fault(**{**fault.__dict__, "on": on}))
    assert rig.one("hundred-and-one").status == Status.OK
    assert sum(rig.clock.slept) < 61


def test_retry_after_is_kept_to_with_a_second_more(rig: Rig) -> None:
    rig.simulator.faults.add(Fault.rate_limited(7))
    rig.one()
    assert rig.clock.slept == [8]


def test_a_ban_is_a_schedule_and_not_a_sleep(rig: Rig) -> None:
    rig.one("fifty")
    rig.simulator.faults.add(Fault.quota_exceeded(79_892))
    run = rig.extract("one", "top-50")
    assert isinstance(run.stopped, QuotaExceeded)
    assert rig.clock.slept == []
    asked = rig.asked()
    rig.clock.advance(hours=6)
    run = rig.extract("fifty", "one", "top-50")
    assert rig.asked() == asked
    assert isinstance(run.stopped, QuotaExceeded)
    assert [outcome.status for outcome in run.outcomes] == ["ok", "deferred", "deferred"]
    assert "2026-11-24 10:11:32 UTC" in run.stopped.message
    rig.clock.advance(hours=17)
    assert rig.extract("fifty", "one", "top-50").complete


def test_an_earlier_ban_does_not_shorten_a_later_one(rig: Rig) -> None:
    rig.lake.update_state(keys.NOT_BEFORE, lambda _: {"not_before": (NOON - timedelta(days=1)).isoformat()})
    assert rig.one("fifty").status == Status.OK


def test_a_quota_ban_without_an_end_is_kept_to_for_an_hour(rig: Rig) -> None:
    rig.simulator.faults.add(Fault.quota_exceeded(None))
    assert isinstance(rig.extract("fifty").stopped, QuotaExceeded)
    rig.clock.advance(minutes=59)
    assert not rig.extract("fifty").complete
    rig.clock.advance(minutes=1)
    assert rig.extract("fifty").complete


def test_the_longer_of_two_bans_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    longer = {"not_before": (NOON + timedelta(days=2)).isoformat(), "error": "QuotaExceeded"}
    rig.lake.update_state(keys.NOT_BEFORE, lambda _: longer)
    # This run has looked before the other one wrote that down.
    monkeypatch.setattr("chalicelib.snapshots.pipeline.standing_ban", lambda lake, now: None)
    rig.simulator.faults.add(Fault.quota_exceeded(3600))
    assert rig.extract("fifty").stopped is not None
    assert rig.lake.read_state(keys.NOT_BEFORE) == longer


# What a run tells.


def test_a_run_notes_the_newest_complete_day_for_the_health_route(rig: Rig) -> None:
    assert rig.extract("x" * 22).published == 0
    assert rig.lake.read_state(keys.NEWEST_OK) == {}
    rig.extract("one", "fifty")
    assert rig.lake.read_state(keys.NEWEST_OK) == {"captured_at": NOON.isoformat()}


def test_a_gap_is_logged_as_a_warning_and_a_run_with_one_as_an_error(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chalicelib.snapshots.pipeline")
    rig.extract("one", "x" * 22, at_once=1)
    rig.extract("one")
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR", "INFO", "INFO"]
    # The lists have a line each, so that of the run does not tell them again.
    of_the_run = vars(caplog.records[2])
    assert (of_the_run["complete"], "snapshots" in of_the_run) == (False, False)
    rig.simulator.faults.add(Fault.quota_exceeded(3600))
    rig.extract("fifty")
    assert vars(caplog.records[-1])["stopped"] == "QuotaExceeded"


def test_the_seconds_of_the_lists_are_those_of_the_run(lake: Lake, clock: Clock) -> None:
    simulator = Simulator(now=clock.now, sleep=clock.sleep, latency=1.0)
    with simulator.serve() as server:
        run = Rig(simulator, server, lake, clock).extract("one", "fifty", at_once=1)
    assert sum(outcome.seconds for outcome in run.outcomes) == clock.monotonic() > 0


# Whose list, whose token.


def test_a_new_app_reads_only_what_its_user_owns_or_shares(rig: Rig) -> None:
    rig.sign_in(DEVELOPMENT)
    run = rig.extract("fifty", "collaborative", "followed", "private", "top-50")
    assert [str(outcome.status) for outcome in run.outcomes] == ["ok", "ok", "forbidden", "not_found", "not_found"]
    assert run.stopped is None
    assert "owns or collaborates" in run.outcomes[2].error.advice
    assert "charts.spotify.com" in run.outcomes[4].error.advice


def test_a_new_app_without_a_user_reads_nothing_and_says_so(rig: Rig) -> None:
    rig.app = DEVELOPMENT
    assert rig.one("fifty").status == Status.FORBIDDEN


def test_a_token_that_ends_in_the_middle_is_fetched_again(lake: Lake, clock: Clock) -> None:
    def tick(seconds: float) -> None:
        clock.sleep(seconds)

    simulator = Simulator(now=clock.now, sleep=tick, token_lifetime=100, latency=3.0)
    with simulator.serve() as server:
        rig = Rig(simulator, server, lake, clock)
        assert rig.one("large").status == Status.OK
        assert rig.asked("/api/token") >= 2


def test_consent_ends_after_six_months(rig: Rig) -> None:
    rig.sign_in(DEVELOPMENT)
    assert rig.one("fifty").status == Status.OK
    rig.clock.advance(days=185)
    kinds = []
    since = f"Refused since {rig.clock.now():%Y-%m-%d %H:%M} UTC."
    for hours in (0, 5, 1, 24):
        rig.clock.advance(hours=hours)
        run = rig.extract("fifty")
        assert run.stopped is not None
        assert (since in run.stopped.message) == (run.stopped.kind == "ConsentDoubted")
        kinds.append((run.stopped.kind, str(run.outcomes[0].status)))
    # Spotify has refused good sign-ins for some hours, so a refusal is not the end, nor is that of Lambda's own retry.
    assert kinds == [*[("ConsentDoubted", "unavailable")] * 2, *[("ConsentExpired", "forbidden")] * 2]
    rig.sign_in(DEVELOPMENT)
    assert rig.one("fifty").status == Status.OK
    rig.clock.advance(days=185)
    assert rig.extract("fifty").stopped.kind == "ConsentDoubted"


def test_a_day_that_was_there_before_does_not_prove_the_sign_in(rig: Rig) -> None:
    rig.sign_in(DEVELOPMENT)
    rig.one("one")
    rig.simulator.revoke(rig.refresh_token)
    kinds = []
    for _ in range(2):
        kinds.append(rig.extract("one", "fifty").stopped.kind)
        rig.clock.advance(hours=7)
    assert kinds == ["ConsentDoubted", "ConsentExpired"]


def test_a_good_sign_in_that_is_refused_once_goes_on_by_itself(rig: Rig) -> None:
    rig.sign_in(DEVELOPMENT)
    rig.simulator.faults.add(Fault("status", on="token", status=400, body={"error": "invalid_grant"}))
    last_but_one_day = TODAY - timedelta(days=179)
    assert rig.extract("fifty", consented_at=last_but_one_day).stopped.kind == "ConsentDoubted"
    assert rig.extract("fifty", consented_at=last_but_one_day).complete


def test_a_wrong_secret_costs_one_request(rig: Rig) -> None:
    run = rig.extract("fifty", "one", client_secret="wrong")
    assert isinstance(run.stopped, CredentialsRefused)
    assert rig.asked("/") == 1


# The process's own end.


def test_no_playlist_is_begun_that_the_time_does_not_suffice_for(rig: Rig) -> None:
    run = rig.extract("fifty", "one", seconds_left=3)
    assert (run.outcomes, run.left) == ((), (rig.id("fifty"), rig.id("one")))


def test_a_list_too_long_for_the_time_is_left_whole(lake: Lake, clock: Clock) -> None:
    simulator = Simulator(now=clock.now, sleep=clock.sleep, latency=1.0)
    with simulator.serve() as server:
        rig = Rig(simulator, server, lake, clock)
        run = rig.extract("one", "large", "fifty", seconds_left=20)
        assert {outcome.status for outcome in run.outcomes} == {Status.OK}
        assert run.left[0] == rig.id("large")
        assert lake.snapshot(rig.id("large"), TODAY) is None
        assert rig.extract("one", "large", "fifty").complete


# The lake's trouble.


class Dying:
    """A store that dies at the n-th write: the process is killed there."""

    def __init__(self, inner: Any, writes: int) -> None:
        self._inner, self._left = inner, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create(self, key: str, data: bytes) -> None:
        self._count()
        self._inner.create(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> None:
        self._count()
        self._inner.replace(key, data, etag)

    def _count(self) -> None:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1


@pytest.mark.parametrize("writes", range(6))
@pytest.mark.parametrize("day_before", [False, True])
def test_killed_at_any_write_the_next_run_completes_the_day(rig: Rig, writes: int, day_before: bool) -> None:
    if day_before:
        rig.clock.advance(days=-1)
        rig.extract("hundred-and-one", "fifty")
        rig.clock.advance(days=1)
        rig.simulator.edit(rig.id("hundred-and-one"), remove_at=0)
    healthy = rig.lake
    rig.lake = Lake(Dying(healthy.store, writes), rig.clock.world())
    with pytest.raises(KeyboardInterrupt):
        rig.extract("hundred-and-one", "fifty")
    rig.lake = healthy
    for name in ("hundred-and-one", "fifty"):
        row = healthy.snapshot(rig.id(name), TODAY)
        if row is not None:
            assert len(healthy.entries(rig.id(name), TODAY)) == row["entry_count"]
    assert rig.extract("hundred-and-one", "fifty").complete
    assert verify(healthy).findings == ()


def killed_while_replaced(rig: Rig, name: str, remove_at: int, writes: int) -> Outcome:
    """Take another snapshot of today's, dying at that write, and give what the next run makes of it."""
    rig.clock.advance(hours=1)
    rig.simulator.edit(rig.id(name), remove_at=remove_at)
    healthy = rig.lake
    rig.lake = Lake(Dying(healthy.store, writes), rig.clock.world())
    if writes < 3:
        with pytest.raises(KeyboardInterrupt):
            rig.one(name, again=True)
    rig.lake = healthy
    rig.clock.advance(hours=1)
    return rig.one(name)


@pytest.mark.parametrize("writes", range(4))
def test_killed_while_a_day_is_replaced_the_next_run_makes_it_whole(rig: Rig, writes: int) -> None:
    rig.one("fifty")
    assert killed_while_replaced(rig, "fifty", 0, writes).status == Status.OK
    assert verify(rig.lake).findings == ()


@pytest.mark.parametrize("writes", range(4))
def test_killed_while_an_unchanged_day_is_replaced_the_next_run_makes_it_whole(rig: Rig, writes: int) -> None:
    rig.one("hundred-and-one")
    rig.clock.advance(days=1)
    assert rig.one("hundred-and-one").status == Status.UNCHANGED
    asked = rig.asked()
    assert (rig.one("hundred-and-one").already, rig.asked()) == (True, asked)
    assert killed_while_replaced(rig, "hundred-and-one", 7, writes).published
    assert verify(rig.lake).findings == ()


def test_an_import_of_today_does_not_keep_spotify_from_being_asked(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without its mark the simulator is Spotify, and worth more than an import.
    monkeypatch.setattr("simulator.web.HEADER", "X-Nothing")
    playlist_id = rig.id("fifty")
    track = {"id": "A" * 22, "uri": f"spotify:track:{'A' * 22}", "name": "x", "artists": [], "album": {}}
    contents = {"items": [{"track": track}], "total": 1, "offset": 0}
    saved = {"id": playlist_id, "name": "mine", "snapshot_id": "s", "owner": {"id": "me"}, "tracks": contents}
    path = tmp_path / f"saved-{TODAY}.json"
    path.write_text(json.dumps(saved))
    assert [one.changed for one in import_path(rig.lake, path)] == [1]
    outcome = rig.one("fifty")
    assert (outcome.already, outcome.row["source"], outcome.row["entry_count"]) == (False, "spotify", 50)
    assert len(rig.names("fifty")) == 50


def test_an_answer_that_is_late_is_asked_for_again(lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.spotify.retry.READ_TIMEOUT", 0.2)
    late = threading.Event()
    simulator = Simulator(now=clock.now, sleep=late.wait)
    simulator.faults.add(Fault("slow", on="playlist", seconds=1.0))
    with simulator.serve() as server:
        assert Rig(simulator, server, lake, clock).one().status == Status.OK
        late.set()
    assert len(clock.slept) == 1


@pytest.mark.parametrize("where", ["playlist", "token"])
def test_an_answer_that_drips_is_given_up_after_a_minute(lake: Lake, clock: Clock, where: str) -> None:
    over = threading.Event()

    def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)
        over.wait(0.01)  # the reader's turn

    simulator = Simulator(now=clock.now, sleep=sleep)
    simulator.faults.add(Fault("drip", on=where, seconds=20))
    with simulator.serve() as server:
        assert Rig(simulator, server, lake, clock).one().status == Status.OK
        over.set()
    assert len(clock.slept) == 1


@contextmanager
def spotify_that_answers(answer: bytes) -> Iterator[str]:
    """The address of one that gives every connection that answer and closes it; without an answer it says nothing."""
    silent = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                silent.append(connection)
                connection.recv(65_536)
                if answer:
                    connection.sendall(answer)
                    connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for connection in silent:
        connection.close()


def test_a_refusal_whose_words_break_off_is_asked_about_again(rig: Rig) -> None:
    broken = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 500\r\n\r\n{"error"'
    with spotify_that_answers(broken) as url:
        outcome = rig.one(api_url=url)
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.status, len(rig.clock.slept)) == ("SpotifyUnavailable", "unavailable", 4)
    assert "503" in outcome.row["reason"]


@pytest.mark.parametrize("place", ["api_url", "accounts_url"])
def test_a_silent_connection_ends_when_the_process_has_to(
    rig: Rig, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.snapshots.pipeline._SHORTEST", 0.5)
    end = time.monotonic() + 2
    monkeypatch.setattr(rig.clock, "world", lambda *_: World(time_left=lambda: end - time.monotonic()))
    with spotify_that_answers(b"") as url:
        assert rig.one(**{place: url}).status == Status.UNAVAILABLE
    assert time.monotonic() < end + 2


def test_a_lake_that_cannot_be_written_stops_the_run(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    world = rig.clock.world()
    rig.lake = Lake(open_store(str(tmp_path / "file"), world), world)
    run = rig.extract("fifty", "one")
    assert isinstance(run.stopped, LakeUnavailable)
    assert (run.outcomes, len(run.left)) == ((), 2)


def test_a_damaged_table_is_one_playlists_trouble(rig: Rig) -> None:
    rig.lake.store.create(keys.snapshots(rig.id("fifty"), 2026), b"garbage")
    run = rig.extract("fifty", "one")
    assert [outcome.published for outcome in run.outcomes] == [False, True]
    assert run.outcomes[0].error.kind == "DamagedFile"
    assert rig.lake.store.get(keys.snapshots(rig.id("fifty"), 2026)).data == b"garbage"


# Proving.


def test_verify_finds_what_was_tampered_with(rig: Rig) -> None:
    rig.extract("top-50", "fifty", "one")
    row = rig.lake.snapshot(TOP_50, TODAY)
    put_entries(rig.lake, TOP_50, TODAY, NOON + timedelta(days=1), "simulator", rig_rows(rig, TOP_50, name="Forged"))
    raw = rig.lake.snapshot(rig.id("fifty"), TODAY)["raw_key"]
    path = Path(rig.lake.store.locate(raw))
    path.write_bytes(path.read_bytes()[:-20])
    Path(rig.lake.store.locate(rig.lake.snapshot(rig.id("one"), TODAY)["raw_key"])).unlink()
    problems = {finding.playlist_id: finding.problem for finding in verify(rig.lake).findings}
    assert "differ from what raw yields" in problems[row["playlist_id"]]
    assert "raw_sha256" in problems[rig.id("fifty")]
    assert "missing" in problems[rig.id("one")]


@pytest.mark.parametrize(
    "stray",
    [
        "entries/year=2026/{segment} (1).parquet",
        "entries/year=2026/{segment}(1).parquet",
        "entries/year=2026/copy/{segment}.parquet",
        "entries/{segment}.parquet",
        "snapshots/year=2026/{list} (1).parquet",
        "snapshots/old/{list}.parquet",
        "snapshots/{list}.parquet",
    ],
)
def test_verify_names_what_no_playlist_owns(rig: Rig, stray: str) -> None:
    rig.extract("one")
    row = rig.lake.snapshot(rig.id("one"), TODAY)
    key = "tables/" + stray.format(segment=f"{rig.id('one')}-{TODAY}", list=rig.id("one"))
    table = row["entries_key"] if "entries" in key else keys.snapshots(rig.id("one"), TODAY.year)
    rig.lake.store.create(key, rig.lake.store.get(table).data)
    (found,) = verify(rig.lake).findings
    assert (found.playlist_id, rig.lake.store.locate(key) in found.problem) == (None, True)
    assert rig.lake.tried() == [(rig.id("one"), TODAY.year)]


def test_raw_that_a_lifecycle_rule_removed_is_a_note_and_a_hole_is_a_finding(rig: Rig) -> None:
    for _ in range(3):
        rig.extract("top-50", "one")
        rig.clock.advance(days=1)

    def remove(playlist_id: str, day: date) -> None:
        Path(rig.lake.store.locate(rig.lake.snapshot(playlist_id, day)["raw_key"])).unlink()

    remove(TOP_50, TODAY)
    assert "missing" in verify(rig.lake).findings[0].problem
    remove(rig.id("one"), TODAY)
    verdict = verify(rig.lake)
    assert (verdict.findings, verdict.days) == ((), 6)
    assert verdict.to_json()["notes"] == ["Raw of before 2026-11-24 is gone: 2 days not proven against it."]
    remove(TOP_50, TODAY + timedelta(days=1))
    assert [found.snapshot_date for found in verify(rig.lake).findings] == [TODAY + timedelta(days=1)]


def rig_rows(rig: Rig, playlist_id: str, **facts: Any) -> list[dict[str, Any]]:
    from chalicelib.lake.tables import to_json

    return [to_json(entry) | facts for entry in rig.lake.entries(playlist_id, TODAY)]


# Several playlists at a time, at one pace.


@pytest.fixture
def crowded(lake: Lake, clock: Clock) -> Iterator[Rig]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep, crowd=100)
    with simulator.serve() as server:
        yield Rig(simulator, server, lake, clock)


CROWD = [f"crowd-{number}" for number in range(1, 101)]


def test_a_429_in_the_middle_of_many_lists_loses_nothing_and_is_waited_for_by_all(crowded: Rig) -> None:
    refused_at: list[datetime] = []
    note = crowded.simulator.note

    def watched(served: Any) -> None:
        if served.status == 429:
            refused_at.append(crowded.clock.now())
        elif refused_at and served.path.startswith("/v1/playlists"):
            early = crowded.clock.now() - refused_at[0] < timedelta(seconds=20)
            # What was under way when the refusal came is answered; nothing is sent after it.
            assert not early or len(late) < AT_ONCE - 1
            late.append(early) if early else None
        note(served)

    late: list[bool] = []
    crowded.simulator.note = watched  # type: ignore[method-assign]
    crowded.simulator.faults.add(Fault("status", on="playlist", status=429, retry_after=20, after=40))
    run = crowded.extract(*CROWD)
    assert run.complete
    assert [outcome.playlist_id for outcome in run.outcomes] == [crowded.id(name) for name in CROWD]
    assert crowded.asked("/v1/playlists") == 101
    assert verify(crowded.lake).findings == ()


def test_no_thirty_seconds_hold_more_requests_than_the_pace_allows(crowded: Rig) -> None:
    sent: list[datetime] = []
    note = crowded.simulator.note

    def watched(served: Any) -> None:
        if served.path.startswith("/v1/playlists"):
            sent.append(crowded.clock.now())
        note(served)

    crowded.simulator.note = watched  # type: ignore[method-assign]
    # One at a time: this clock is moved on by every thread that waits, and would tell others' moments too late.
    assert crowded.extract(*CROWD, rate=1.0, at_once=1).complete
    assert len(sent) == 100
    assert all(later - one >= timedelta(seconds=29) for one, later in zip(sent, sent[30:], strict=False))


def test_one_failing_list_of_many_at_a_time_is_its_own_trouble(crowded: Rig) -> None:
    gone = crowded.id("crowd-7")
    crowded.simulator.faults.add(Fault("status", on="playlist", status=404, playlist=gone, times=None))
    run = crowded.extract(*CROWD[:20])
    assert [outcome.playlist_id for outcome in run.outcomes if not outcome.published] == [gone]
    assert {outcome.row["requests"] for outcome in run.outcomes if outcome.published} == {1}


def test_a_quota_ban_in_the_middle_explains_the_day_of_every_list_that_was_left(crowded: Rig) -> None:
    body = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
    ban = Fault("status", on="playlist", status=429, body=body, retry_after=40_000, after=10, times=None)
    crowded.simulator.faults.add(ban)
    run = crowded.extract(*CROWD[:40])
    assert isinstance(run.stopped, QuotaExceeded)
    assert len(run.outcomes) == 40
    assert {outcome.status for outcome in run.outcomes if not outcome.published} == {Status.DEFERRED}
    assert crowded.asked("/v1/playlists") <= 10 + AT_ONCE


def test_while_a_quota_ban_lasts_whoever_asks_hears_of_that_ban(clock: Clock) -> None:
    pace = Pace(1.0, clock.world())
    pace.refused(QuotaExceeded("a quota", retry_after=600))
    pace.refused(RateLimited("a short pause, under way since before", retry_after=5))
    with pytest.raises(QuotaExceeded, match="600 s more"), pace.turn("another playlist"):
        pass
