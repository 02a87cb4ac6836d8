"""`chartlake doctor`: what it says about each thing, to whom, and what it asks of Spotify for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.doctor import Check, examine
from chalicelib.errors import BadSetting
from chalicelib.pipeline import open_lake, open_pipeline
from chalicelib.settings import Settings
from simulator import DEVELOPMENT, EXTENDED, GRANDFATHERED, TOP_50, App, Fault, Simulator
from tests.conftest import Clock

ROOT = Path(__file__).parents[1]


class Patient:
    """Somebody's settings beside a simulated Spotify."""

    def __init__(self, simulator: Simulator, server: Any, clock: Clock, folder: Path) -> None:
        self.simulator, self.clock = simulator, clock
        self.settings = Settings(
            lake=str(folder / "lake"), api_url=server.api_url, accounts_url=server.accounts_url, playlists="x"
        )
        self.use(EXTENDED)
        self.follow("one")

    def use(self, app: App, consented_days_ago: int | None = None) -> None:
        self.settings = replace(self.settings, client_id=app.client_id, client_secret=app.client_secret)
        if consented_days_ago is not None:
            moment = self.clock.now() - timedelta(days=consented_days_ago)
            token = self.simulator.refresh_token(app=app, consented_at=moment)
            self.settings = replace(self.settings, refresh_token=token, consented_at=moment.date())

    def follow(self, *names: str) -> list[str]:
        ids = [self.simulator.playlist_id(name) for name in names]
        self.settings = replace(self.settings, playlists=",".join(ids))
        return ids

    def examine(self) -> dict[str, Check]:
        return {check.name: check for check in examine(lambda: self.settings, self.clock.world())}

    def extract(self) -> None:
        world = self.clock.world()
        open_pipeline(self.settings, world, open_lake(self.settings, world)).extract(self.settings.playlists.split(","))


@pytest.fixture
def patient(clock: Clock, tmp_path: Path) -> Iterator[Patient]:
    simulator = Simulator(now=clock.now)
    with simulator.serve() as server:
        yield Patient(simulator, server, clock, tmp_path)


@pytest.mark.parametrize(
    ("app", "words", "readable"),
    [
        (EXTENDED, "extended quota", {"top-50", "one", "followed"}),
        (GRANDFATHERED, "made before 11 February 2026", {"one", "followed"}),
        (DEVELOPMENT, "made on or after 11 February 2026", {"one", "collaborative"}),
    ],
)
def test_each_kind_of_app_is_told_with_what_it_can_read(
    patient: Patient, app: App, words: str, readable: set[str]
) -> None:
    patient.use(app, consented_days_ago=10)
    names = ["top-50", "one", "followed", "private"] + (["collaborative"] if app is DEVELOPMENT else [])
    ids = patient.follow(*names)
    found = patient.examine()
    assert words in found["app"].message
    good = {name for name, one in zip(names, ids, strict=True) if found[f"playlist {one}"].mark == "good"}
    assert good == readable
    hidden = found[f"playlist {ids[3]}"]
    assert (hidden.mark, "Resource not found" in hidden.message) == ("bad", True)
    assert "private" in hidden.advice


@pytest.mark.parametrize("name", ["top-50", "followed"])
def test_what_is_not_ones_own_has_the_chart_import_left(patient: Patient, name: str) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=0)
    patient.follow(name)
    check = list(patient.examine().values())[-1]
    assert check.mark == "bad"
    assert "chartlake import" in check.advice


def test_an_app_that_gives_covers_only_is_told_even_if_nothing_else_is_followed(patient: Patient) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=0)
    (followed,) = patient.follow("followed")
    found = patient.examine()
    assert "only playlists that the signed-in user owns" in found["app"].message
    assert "403" in found[f"playlist {followed}"].message


def test_it_asks_once_a_playlist_and_tells_the_last_kept_day(patient: Patient) -> None:
    ids = patient.follow("one", "hundred-and-one")
    patient.extract()
    patient.clock.advance(days=3)
    before = len(patient.simulator.requests)
    found = patient.examine()
    assert [one.path for one in patient.simulator.requests[before:]] == [
        "/api/token",
        *(f"/v1/playlists/{one}" for one in ids),
    ]
    assert "entries: 101; last kept on 2026-11-23" in found[f"playlist {ids[1]}"].message
    assert "newest snapshot is of 2026-11-23T12:00" in found["lake"].message


@pytest.mark.parametrize(
    ("days_ago", "mark", "words"),
    [(10, "good", "170 days are left"), (160, "warning", "20 days are left"), (None, "warning", "not known")],
)
def test_the_days_left_of_a_sign_in(patient: Patient, days_ago: int | None, mark: str, words: str) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=days_ago or 0)
    if days_ago is None:
        patient.settings = replace(patient.settings, consented_at=None)
    consent = patient.examine()["consent"]
    assert (consent.mark, words in consent.message) == (mark, True)
    assert ("chartlake login" in consent.advice) == (mark == "warning")


def test_a_sign_in_that_ended_is_a_cross_and_no_playlist_is_asked(patient: Patient) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=200)
    found = patient.examine()
    assert found["credentials"].mark == "bad"
    assert "chartlake login" in found["credentials"].advice
    assert [one.path for one in patient.simulator.requests] == ["/api/token"]


def test_while_spotify_wants_to_be_left_alone_it_is(patient: Patient) -> None:
    patient.simulator.faults.add(Fault.quota_exceeded(50_000))
    patient.extract()
    asked = len(patient.simulator.requests)
    found = patient.examine()
    assert "until 2026-11-24 01:53:20 UTC" in found["quota"].message
    assert len(patient.simulator.requests) == asked
    patient.clock.advance(seconds=50_001)
    assert "quota" not in patient.examine()


def test_a_lapsed_premium_ends_the_asking(patient: Patient) -> None:
    patient.follow("one", "fifty")
    fault = Fault("status", status=403, body="Active premium subscription required", on="playlist", times=None)
    patient.simulator.faults.add(fault)
    found = list(patient.examine().values())
    assert "Premium" in found[-1].advice
    assert sum(one.path.startswith("/v1/playlists/") for one in patient.simulator.requests) == 1


def _wrong_setting() -> Settings:
    raise BadSetting("CHARTLAKE_SCHEDULE='daily' is neither rate(…) nor cron(…).")


def _no_credentials() -> Settings:
    return Settings(lake="/nowhere")


@pytest.mark.parametrize(
    ("settings_of", "name", "words"),
    [(_wrong_setting, "settings", "CHARTLAKE_SCHEDULE"), (_no_credentials, "credentials", "no Spotify credentials")],
)
def test_what_is_missing_before_spotify_is_reached(
    clock: Clock, settings_of: Callable[[], Settings], name: str, words: str
) -> None:
    last = list(examine(settings_of, clock.world()))[-1]
    assert (last.name, last.mark, words in last.message) == (name, "bad", True)


def test_in_aws_identity_bucket_and_parameter_are_looked_at(patient: Patient, aws: str) -> None:
    name = f"/chartlake/{uuid.uuid4().hex}"
    patient.settings = replace(patient.settings, lake="s3://charts/prefix", secret=name)
    found = patient.examine()
    assert "Account 123456789012" in found["aws"].message
    assert found["lake"].mark == "good"
    assert "ParameterNotFound" in found["credentials"].message
    value = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret})
    boto3.client("ssm").put_parameter(Name=name, Type="SecureString", Value=value)
    assert patient.examine()["credentials"].mark == "good"
    patient.settings = replace(patient.settings, lake="s3://no-such-bucket/prefix")
    assert patient.examine()["lake"].mark == "bad"


@pytest.mark.parametrize(("app", "code"), [(EXTENDED, 0), (GRANDFATHERED, 1)])
@pytest.mark.parametrize("as_json", [True, False])
def test_at_the_terminal_a_cross_is_exit_code_1_and_no_secret_is_shown(
    patient: Patient, tmp_path: Path, app: App, code: int, as_json: bool
) -> None:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE"))}
    environment = keep | {
        "CHARTLAKE_LAKE": str(tmp_path / "lake"),
        "CHARTLAKE_PLAYLISTS": TOP_50,
        "SPOTIFY_API_URL": patient.settings.api_url,
        "SPOTIFY_ACCOUNTS_URL": patient.settings.accounts_url,
        "SPOTIPY_CLIENT_ID": app.client_id,
        "SPOTIPY_CLIENT_SECRET": app.client_secret,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "chalicelib", "doctor", *(["--json"] if as_json else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == code
    if as_json:
        last = json.loads(done.stdout)[-1]
        assert (last["name"], last["mark"]) == (f"playlist {TOP_50}", "bad" if code else "good")
    else:
        assert f"{'×' if code else '✓'} playlist {TOP_50}" in done.stdout
    assert app.client_secret not in done.stdout + done.stderr
