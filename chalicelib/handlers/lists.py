"""What Lambda starts for a batch of lists from the queue. The heavy rooms are imported when it runs, not before."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import OutOfTime
from ..settings import Settings, from_environment
from ..time_and_chance import World
from .invocation import limited_world

if TYPE_CHECKING:
    from ..spotify.retry import RetryBudget
    from .fan_out import Worker

# Whether Lambda is told which messages of a batch are not done (FunctionResponseTypes in .chalice/queue.json). Chalice
# has no word for it; without it a batch holds one message, and a failure is an error.
_PARTIAL = "CHARTLAKE_PARTIAL_BATCHES"
# Seconds that a batch may spend on waiting for what passes.
_BUDGET = 60.0


@dataclass
class _Process:
    """What outlives one batch: the token, the pace, connections, the share of a run."""

    settings: Settings
    worker: Worker
    budget: RetryBudget
    milliseconds_left: Callable[[], int]


_process: _Process | None = None


def lists(event: Mapping[str, Any], milliseconds_left: Callable[[], int], world: World | None = None) -> dict[str, Any]:
    """Take the lists of a batch; gives SQS's answer: the messages that are to be delivered again.

    Raises `OutOfTime` where there are some and Lambda cannot be told which.
    """
    from .messages import Message

    process = _standing(milliseconds_left, world)
    process.budget.renew()
    kept = process.worker.work([Message.of(record) for record in event["Records"]])
    if kept and not os.environ.get(_PARTIAL):
        raise OutOfTime(f"{kept[0].playlist_id} is put off.", advice="The queue delivers it again.")
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in kept]}


def _standing(milliseconds_left: Callable[[], int], world: World | None) -> _Process:
    """This process's own, made for its first batch."""
    global _process
    settings = from_environment(os.environ)
    if _process is None or world is not None or _process.settings != settings:
        _process = _open(settings, milliseconds_left, world)
    _process.milliseconds_left = milliseconds_left
    return _process


def _open(settings: Settings, milliseconds_left: Callable[[], int], world: World | None) -> _Process:
    from ..snapshots.pipeline import open_lake, open_pipeline
    from ..spotify.retry import RetryBudget
    from .fan_out import Worker
    from .messages import Queue

    limited = limited_world(world, lambda: process.milliseconds_left(), float("inf"))
    lake = open_lake(settings, limited)
    budget = RetryBudget(_BUDGET, limited, waits_when_told=False)
    pipeline = open_pipeline(settings, limited, lake, budget)
    worker = Worker(settings, lake, limited, pipeline, Queue(settings.queue, limited))
    process = _Process(settings, worker, budget, milliseconds_left)
    return process
