"""The bill: what it adds up to, what it rests on, and that its assumptions are not invented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli import cost
from chalicelib.handlers import scheduled
from chalicelib.handlers.lambda_usage import remember
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import Status
from chalicelib.lake.store import ObjectStore
from chalicelib.settings import Settings
from chalicelib.snapshots import pipeline
from chalicelib.snapshots.outcome import Outcome, Run
from chalicelib.snapshots.pipeline import open_pipeline
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
    assert cost.assumed(1, entries).requests.value == requests


def test_the_prices_have_a_date_and_cover_what_is_billed() -> None:
    assert date.fromisoformat(PRICES["date"]).year >= 2026
    assert all(value > 0 for value in PRICES["prices"].values())


def settings_for(server: Any) -> Settings:
    return Settings(
        client_id=EXTENDED.client_id,
        client_secret=EXTENDED.client_secret,
        api_url=server.api_url,
        accounts_url=server.accounts_url,
    )


def filled(lake: Lake, clock: Clock, days: int) -> None:
    with Simulator(now=clock.now).serve() as server:
        for _ in range(days):
            assert open_pipeline(settings_for(server), clock.world(), lake).extract([TOP_50]).complete
            clock.advance(days=1)


def test_the_lakes_own_days_are_what_is_reckoned_with(lake: Lake, clock: Clock) -> None:
    nothing = cost.load_of(lake, NOON.date())
    assert (nothing, nothing.measured) == (cost.assumed(1, 50), False)
    filled(lake, clock, 3)
    found = cost.load_of(lake, clock.now().date())
    assert (found.playlists, found.entries, found.requests.value, found.measured) == (1, 50, 1, True)
    assert "over 3 snapshots" in found.requests.words
    assert cost.load_of(lake, date(2027, 6, 1)) == cost.assumed(1, 50)
    given = cost.load_of(lake, clock.now().date(), playlists=7, entries=150)
    assert (given.playlists, given.entries, given.requests.value, given.measured) == (7, 150, 3, False)
    # What an entry weighs does not depend on how many are asked about.
    assert given.kb_in_raw == found.kb_in_raw


def test_raw_is_weighed_and_tables_only_when_a_month_is_in_them(lake: Lake, clock: Clock) -> None:
    filled(lake, clock, 3)
    found = cost.load_of(lake, clock.now().date())
    raw = [stored.data for key in lake.store.list("raw/") if (stored := lake.store.get(key))]
    assert found.kb_in_raw.value == pytest.approx(sum(map(len, raw)) / 1000 / 150)
    assert (found.kb_in_raw.basis, found.kb_in_tables.basis) == ("measured", "assumed")
    filled(lake, clock, 28)
    found = cost.load_of(lake, clock.now().date())
    table = lake.store.get(next(iter(lake.store.list("tables/entries/year=2026/"))))
    assert table
    assert found.kb_in_tables.basis == "measured"
    assert found.kb_in_tables.value == pytest.approx(len(table.data) / 1000 / (31 * 50))
    (line,) = [one for one in cost.bill(found, PRICES) if one.name == "S3: storage after a year"]
    assert line.basis == "measured"


def run_of(seconds: float, requests: int, clock: Clock) -> Run:
    row = {"requests": requests}
    return Run((Outcome(TOP_50, clock.now().date(), Status.OK, row, seconds=seconds),))


def test_only_what_lambda_took_counts_as_its_duration(lake: Lake, clock: Clock) -> None:
    filled(lake, clock, 1)
    assert cost.load_of(lake, clock.now().date()).seconds_a_run.basis == "assumed"
    run = run_of(2.0, requests=4, clock=clock)
    for number in range(40):
        remember(lake, run, 8.0 + number % 2, memory_mb=512, now=clock.now(), pages=2, seconds_in_pages=3.0)
    found = cost.load_of(lake, clock.now().date())
    assert (found.seconds_a_request.value, found.seconds_a_request.basis) == (0.5, "measured")
    assert (found.seconds_a_page.value, found.seconds_a_page.basis) == (1.5, "measured")
    # 8 and 9 s in turn, 2 of them in the playlists and 3 in the pages; the start of the environment is on top.
    assert found.seconds_a_run.value == pytest.approx(3.5 + 1)
    assert (found.memory_gb.value, "over 30 runs in Lambda" in found.seconds_a_request.words) == (0.5, True)
    computing = cost.bill(found, PRICES)[0]
    assert computing.basis == "measured"
    assert computing.list_price == pytest.approx(
        30.4 * (0.5 + 1.5 + 4.5) * 0.5 * PRICES["prices"]["lambda_gb_second_arm64"]
    )


class Counted:
    """A store that counts what is asked of it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        def counted(*arguments: Any) -> Any:
            is_page = str(arguments[0]).startswith(("site/tracks/", "site/artists/"))
            with self._lock:
                self.calls["page " * is_page + name] += 1
            return getattr(self._store, name)(*arguments)

        return counted


def test_a_day_takes_the_requests_to_s3_that_the_bill_counts(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, counts = Simulator(now=clock.now), []
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
    with simulator.serve() as server:
        monkeypatch.setattr(scheduled, "from_environment", lambda _: settings_for(server))
        # What lists have in common is asked from two on.
        for playlists in (["fifty", "one"], ["fifty", "one", "top-50"]):
            store = Counted(open_store(str(tmp_path / str(len(playlists))), clock.world()))
            ids = [simulator.playlist_id(name) for name in playlists]
            monkeypatch.setattr(pipeline, "open_lake", lambda *_, store=store: Lake(store, clock.world()))
            store.create(keys.PLAYLISTS, "\n".join(ids).encode())
            # Until six days stand, the year before is asked for too.
            for _ in range(7):
                store.calls.clear()
                assert scheduled.daily(lambda: 900_000, clock.world())["complete"]
                clock.advance(days=1)
            calls = store.calls
            pages = calls["page get"]
            assert 0 < pages == calls["page create"] + calls["page replace"] <= cost.PAGES_ACROSS
            counts.append((calls["get"], calls["create"] + calls["replace"], calls["list"] + calls["folders"]))
    two, three = counts
    each = [b - a for a, b in zip(two, three, strict=True)]
    assert each == [cost.GETS, cost.PUTS, cost.LISTS]
    besides = [a - 2 * b for a, b in zip(two, each, strict=True)]
    assert besides == [cost.GETS_A_RUN, cost.PUTS_A_RUN, cost.LISTS_A_RUN]


def test_the_size_of_an_entry_is_about_what_the_bill_assumes(lake: Lake, clock: Clock) -> None:
    filled(lake, clock, 1)
    raw = [lake.store.get(key) for key in lake.store.list("raw/")]
    kilobytes = sum(len(one.data) for one in raw if one) / 1000 / 50
    assert kilobytes == pytest.approx(cost.assumed(1, 50).kb_in_raw.value, rel=0.3)


def test_the_command_shows_every_line_and_what_it_rests_on(tmp_path: Path) -> None:
    shown = chartlake("cost", "--playlists", "100", "--entries", "50", lake=tmp_path / "lake")
    document: dict[str, Any] = json.loads(chartlake("cost", "--json", lake=tmp_path / "lake"))
    assert "100 playlists of 50 entries" in shown
    assert all(line["name"] in shown for line in document["lines"])
    assert PRICES["date"] in shown
    assert (document["playlists"], document["entries"], document["measured"]) == (1, 50, False)
    assert document["lines"][-1]["to_pay"] == pytest.approx(sum(line["to_pay"] for line in document["lines"][:-1]))
    bases = {line["name"]: (line["basis"], line["rests_on"]) for line in document["lines"]}
    assert bases["Lambda: computing"][0] == "assumed"
    assert bases["CloudWatch: alarms"] == ("known", "what `make deploy` makes")
    assert all(words in shown for basis, words in bases.values() if basis == "assumed")


def test_who_says_what_he_will_follow_needs_no_lake_yet(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("no folder")
    shown = chartlake("cost", "--playlists", "2", "--entries", "50", lake=tmp_path / "lake")
    assert "2 playlists of 50 entries" in shown
