"""Many lists through the queue and worker processes, with faults and a quota ban, as Lambda would run them."""

from __future__ import annotations

import json
import platform
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator

import pytest

from deploy.package import Package
from simulator import Fault
from tests.aws import simulated
from tests.lambda_runtime import runtime_folder
from tests.spread import Spread, break_some, spread_over

LISTS, WORKERS, BROKEN = 60, 2, 0.05


@pytest.fixture(scope="module")
def spread(arm64: Package, x86_64: Package, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spread]:
    native = {"x86_64": x86_64, "aarch64": arm64}.get(platform.machine())
    if sys.platform != "linux" or native is None:
        pytest.skip("what runs in Lambda runs on Linux only")
    folder = {name: tmp_path_factory.mktemp(name) for name in ("task", "runtime", "logs", "aws")}
    with zipfile.ZipFile(native.bundle) as archive:
        archive.extractall(folder["task"])
    runtime = runtime_folder(folder["runtime"])
    with (
        simulated(folder["aws"]) as aws,
        spread_over(WORKERS, LISTS, folder["task"], runtime, folder["logs"], aws) as found,
    ):
        yield found


def test_every_list_has_its_day_in_spite_of_faults_and_a_quota_ban(spread: Spread) -> None:
    broken = break_some(spread, BROKEN)
    spread.simulator.faults.add(Fault.quota_exceeded(2, on="playlist", after=LISTS // 2))
    first = spread.start()
    spread.measure()
    spread.drain()
    told = spread.close(first)
    # The ban left some, by all workers at once, and each of them says so.
    assert (told["state"], told["done"], told["total"]) == ("failed", LISTS, LISTS)
    assert set(told["result"]["statuses"]) == {"ok", "deferred"}
    assert sum(told["result"]["statuses"].values()) == LISTS
    entry = spread.schedule_again()
    assert entry
    assert entry["Target"]["Arn"].endswith(":function:chartlake-prod-daily")

    threading.Event().wait(2)
    again = spread.start(json.loads(entry["Target"]["Input"]))
    spread.drain()
    told = spread.close(again)
    assert (told["state"], told["result"]["complete"], told["result"]["published"]) == ("done", True, LISTS)
    assert told["result"]["workers"] == WORKERS
    # One request a list, one more for each fault, one for the ban.
    assert spread.asked() == pytest.approx(LISTS + broken + 1, rel=0.05)
    kept = Counter(key.split("/")[2] for key in spread.keys("raw/"))
    assert set(kept.values()) == {1}
    assert len(kept) == len(spread.keys("tables/snapshots/")) == len(spread.keys("tables/entries/")) == LISTS
    assert spread.poller.errors == []
    spread.measure()
    dead = spread.aws.client("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    assert "Messages" not in spread.aws.client("sqs").receive_message(QueueUrl=dead)
