"""The bill: what it adds up to, what it rests on, and that its assumptions are not invented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chalicelib import cost
from chalicelib.lake.lake import Lake
from chalicelib.pipeline import open_pipeline
from chalicelib.settings import Settings
from simulator import EXTENDED, TOP_50, Simulator
from tests.conftest import NOON, Clock

ROOT = Path(__file__).parents[1]
PRICES = cost.load_prices()


def chartlake(*arguments: str, lake: Path) -> str:
    environment = os.environ | {"CHARTLAKE_LAKE": str(lake), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, "-m", "chalicelib", *arguments]
    return subprocess.run(command, env=environment, cwd=lake.parent, capture_output=True, text=True, check=True).stdout


def test_one_list_a_day_stays_within_what_is_always_free_but_for_cents() -> None:
    whole = cost.total(cost.bill(cost.assumed(1, 50), PRICES))
    assert whole.to_pay < 0.05
    # Ten alarms and four metrics are what would cost, were they not free.
    assert whole.list_price == pytest.approx(2.2, abs=0.1)


def test_the_bill_grows_with_the_playlists_and_never_undercuts_a_line() -> None:
    bills = [cost.bill(cost.assumed(playlists, 50), PRICES) for playlists in (1, 1_000, 100_000)]
    totals = [cost.total(lines) for lines in bills]
    assert totals[0].to_pay < totals[1].to_pay < totals[2].to_pay
    assert totals[1].to_pay < 10
    for lines in bills:
        assert all(0 <= line.to_pay <= line.list_price for line in lines)


@pytest.mark.parametrize(("entries", "requests"), [(0, 1), (100, 1), (101, 3), (150, 3), (10_000, 200)])
def test_requests_follow_spotifys_pages(entries: int, requests: int) -> None:
    assert cost.assumed(1, entries).requests == requests


def test_the_prices_have_a_date_and_cover_what_is_billed() -> None:
    assert date.fromisoformat(PRICES["date"]).year >= 2026
    assert all(value > 0 for value in PRICES["prices"].values())


def filled(lake: Lake, clock: Clock, days: int) -> None:
    simulator = Simulator(now=clock.now)
    with simulator.serve() as server:
        settings = Settings(
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
        )
        for _ in range(days):
            assert open_pipeline(replace(settings), clock.world(), lake).extract([TOP_50]).complete
            clock.advance(days=1)


def test_the_lakes_own_days_are_what_is_reckoned_with(lake: Lake, clock: Clock) -> None:
    assert cost.measured(lake, NOON.date()) is None
    filled(lake, clock, 3)
    found = cost.measured(lake, clock.now().date())
    assert found == cost.Load(1, 50, 1, measured=True)
    assert cost.measured(lake, date(2027, 6, 1)) is None


def test_the_size_of_an_entry_is_about_what_the_bill_assumes(lake: Lake, clock: Clock) -> None:
    filled(lake, clock, 1)
    raw = [lake.store.get(key) for key in lake.store.list("raw/")]
    kilobytes = sum(len(one.data) for one in raw if one) / 1000 / 50
    assert kilobytes == pytest.approx(cost.KB_AN_ENTRY_IN_RAW, rel=0.3)


def test_the_command_shows_every_line_and_what_it_rests_on(tmp_path: Path) -> None:
    shown = chartlake("cost", "--playlists", "100", "--entries", "50", lake=tmp_path / "lake")
    document: dict[str, Any] = json.loads(chartlake("cost", "--json", lake=tmp_path / "lake"))
    assert "100 playlist(s) of 50 entries" in shown
    assert all(line["name"] in shown for line in document["lines"])
    assert PRICES["date"] in shown
    assert (document["playlists"], document["entries"], document["measured"]) == (1, 50, False)
    assert document["lines"][-1]["to_pay"] == pytest.approx(sum(line["to_pay"] for line in document["lines"][:-1]))
