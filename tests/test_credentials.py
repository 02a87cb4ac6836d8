"""Credentials in SSM: how often they are read, what a new sign-in changes, and how its end announces itself."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.credentials import load_credentials
from chalicelib.errors import BadSetting, ConsentExpired
from chalicelib.lake.lake import Lake
from chalicelib.outcome import Run
from chalicelib.pipeline import open_pipeline
from chalicelib.settings import Settings
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
