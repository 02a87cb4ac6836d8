"""Credentials in SSM: how often they are read, what a new sign-in changes, and how its end announces itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from dotenv import dotenv_values

from chalicelib.errors import BadSetting, ConsentExpired
from chalicelib.lake.lake import Lake
from chalicelib.settings import ENV_FILE, Settings
from chalicelib.snapshots.outcome import Run
from chalicelib.snapshots.pipeline import open_pipeline
from chalicelib.spotify.credentials import load_credentials
from simulator import DEVELOPMENT, Simulator
from tests.conftest import NOON, Clock


class Parameter:
    """One SSM parameter of moto's, and the settings that name it."""

    def __init__(self) -> None:
        self.settings = Settings(secret=f"/chartlake/{uuid.uuid4().hex}")

    def store(self, **values: str) -> None:
        value = json.dumps({"client_id": DEVELOPMENT.client_id, "client_secret": DEVELOPMENT.client_secret} | values)
        boto3.client("ssm").put_parameter(Name=self.settings.secret, Type="SecureString", Value=value, Overwrite=True)


@pytest.fixture
def parameter(aws: str) -> Parameter:
    return Parameter()


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    return Simulator(now=clock.now)


def test_what_was_read_is_kept_for_a_quarter_of_an_hour(parameter: Parameter, clock: Clock) -> None:
    world = clock.world()
    parameter.store(refresh_token="first")
    assert load_credentials(parameter.settings, world).refresh_token == "first"
    parameter.store(refresh_token="second")
    clock.advance(minutes=14)
    assert load_credentials(parameter.settings, world).refresh_token == "first"
    clock.advance(minutes=2)
    assert load_credentials(parameter.settings, world).refresh_token == "second"
    parameter.store(refresh_token="third")
    assert load_credentials(parameter.settings, world, afresh=True).refresh_token == "third"


def test_a_day_of_consent_that_is_none_is_explained_without_showing_the_value(
    parameter: Parameter, clock: Clock
) -> None:
    parameter.store(refresh_token="canary", consented_at="last week")
    with pytest.raises(BadSetting, match="consented_at") as refused:
        load_credentials(parameter.settings, clock.world())
    assert "canary" not in str(refused.value)


def run(simulator: Simulator, server: Any, parameter: Parameter, lake: Lake, clock: Clock) -> Run:
    settings = replace(parameter.settings, api_url=server.api_url, accounts_url=server.accounts_url)
    return open_pipeline(settings, clock.world(), lake).extract([simulator.playlist_id("one")])


def test_the_end_of_a_sign_in_is_announced_and_a_new_one_counts_at_once(
    simulator: Simulator, parameter: Parameter, lake: Lake, clock: Clock
) -> None:
    def sign_in() -> None:
        token = simulator.refresh_token(app=DEVELOPMENT)
        parameter.store(refresh_token=token, consented_at=clock.now().date().isoformat())

    with simulator.serve() as server:
        sign_in()
        assert run(simulator, server, parameter, lake, clock).consent_days_left == 180
        clock.advance(days=170)
        warned = run(simulator, server, parameter, lake, clock)
        assert (warned.complete, warned.consent_days_left) == (True, 10)
        clock.advance(days=15)
        ended = run(simulator, server, parameter, lake, clock)
        assert isinstance(ended.stopped, ConsentExpired)
        assert ended.consent_days_left == -5
        # Another sign-in, within the quarter of an hour in which the dead one is kept.
        clock.advance(minutes=5)
        sign_in()
        healed = run(simulator, server, parameter, lake, clock)
        assert (healed.complete, healed.consent_days_left) == (True, 180)


def test_a_refresh_token_that_spotify_replaces_is_kept(
    simulator: Simulator, parameter: Parameter, lake: Lake, clock: Clock
) -> None:
    first = simulator.refresh_token(app=DEVELOPMENT)
    parameter.store(refresh_token=first, consented_at="2026-11-23")
    simulator.accounts.rotating = True
    with simulator.serve() as server:
        for _ in range(3):
            assert run(simulator, server, parameter, lake, clock).complete
            clock.advance(days=1)
    kept = load_credentials(parameter.settings, clock.world(), afresh=True)
    assert kept.refresh_token != first
    assert (kept.client_secret, kept.consented_at) == (DEVELOPMENT.client_secret, date(2026, 11, 23))


def test_a_sign_in_during_a_run_outlives_the_token_that_spotify_replaces_in_it(
    simulator: Simulator, parameter: Parameter, lake: Lake, clock: Clock
) -> None:
    parameter.store(refresh_token=simulator.refresh_token(app=DEVELOPMENT), consented_at="2026-05-30")
    load_credentials(parameter.settings, clock.world())
    parameter.store(refresh_token="new", consented_at="2026-11-23")
    simulator.accounts.rotating = True
    with simulator.serve() as server:
        assert run(simulator, server, parameter, lake, clock).complete
    kept = load_credentials(parameter.settings, clock.world())
    assert (kept.refresh_token, kept.consented_at) == ("new", date(2026, 11, 23))


@pytest.fixture
def signed_in(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A person at a terminal in an empty folder, whose Spotify replaces refresh tokens."""
    monkeypatch.chdir(tmp_path)
    simulator.accounts.rotating = True
    token = simulator.refresh_token(app=DEVELOPMENT)
    told = Settings(client_id=DEVELOPMENT.client_id, client_secret=DEVELOPMENT.client_secret, refresh_token=token)
    with simulator.serve() as server:
        yield replace(told, api_url=server.api_url, accounts_url=server.accounts_url)


def test_a_replaced_token_goes_where_the_old_one_stood(
    signed_in: Settings, simulator: Simulator, lake: Lake, clock: Clock
) -> None:
    ENV_FILE.write_text(f"OTHER=1\nSPOTIPY_REFRESH_TOKEN='{signed_in.refresh_token}'\n")
    assert open_pipeline(signed_in, clock.world(), lake).extract([simulator.playlist_id("one")]).complete
    kept = dotenv_values(ENV_FILE)
    assert kept["OTHER"] == "1"
    assert kept["SPOTIPY_REFRESH_TOKEN"] not in ("", signed_in.refresh_token)


def test_a_replaced_token_that_cannot_be_kept_is_announced_without_being_shown(
    signed_in: Settings, simulator: Simulator, lake: Lake, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert open_pipeline(signed_in, clock.world(), lake).extract([simulator.playlist_id("one")]).complete
    warning = next(record for record in caplog.records if "replaced the refresh token" in record.getMessage())
    assert "chartlake login" in warning.getMessage()
    assert "AQ" not in caplog.text
    assert not ENV_FILE.exists()


@pytest.mark.parametrize(("settings", "left"), [({"consented_at": None}, None), ({"refresh_token": ""}, None)])
def test_no_days_are_told_where_none_are_known(
    simulator: Simulator, lake: Lake, clock: Clock, settings: dict[str, Any], left: int | None
) -> None:
    told = Settings(
        client_id=DEVELOPMENT.client_id,
        client_secret=DEVELOPMENT.client_secret,
        refresh_token=simulator.refresh_token(app=DEVELOPMENT),
        consented_at=date(2026, 11, 1),
    )
    with simulator.serve() as server:
        told = replace(told, api_url=server.api_url, accounts_url=server.accounts_url)
        known = open_pipeline(told, clock.world(), lake).extract([])
        assert known.consent_days_left == (date(2026, 11, 1) + timedelta(days=180) - NOON.date()).days
        assert open_pipeline(replace(told, **settings), clock.world(), lake).extract([]).consent_days_left is left
