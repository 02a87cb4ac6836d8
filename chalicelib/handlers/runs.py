"""Runs that outlive a request: what was asked, how far it is and what came of it, a small JSON document each.

A request with a key is one run, however often it arrives: the document's name comes from the key, and only one can
create it. Every later change is a compare-and-swap. Nobody tells of a process that dies, so each run has a deadline.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ..errors import ChartlakeError, DamagedFile, KeyTaken
from ..lake import keys
from ..lake.lake import Lake
from ..lake.store import Conflict
from ..time_and_chance import World

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
# Lambda keeps an event for as long (EventInvokeConfig in .chalice/resources.json).
_QUEUED_SECONDS = 21_600.0
# A run that is spread over workers is looked at every minute; after a day the next one has begun.
LONGEST_FAN_OUT = 86_400.0
# No function may run longer; two minutes after it died Lambda has tried it again.
_LONGEST_TURN = 900.0
_GRACE = 300.0
_AT_ONCE = 8


@dataclass(frozen=True)
class Run:
    """One run. `left` is where the next process goes on, `turns` how many have worked on it, `done` and `total` count
    playlists (extract) or raw captures (replay), `result` is what all turns together have done."""

    run_id: str
    state: str
    request: dict[str, Any]
    created_at: str
    deadline: str
    nonce: str
    left: list[str] = field(default_factory=list)
    turns: int = 0
    done: int = 0
    total: int = 0
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.state in (DONE, FAILED)

    def to_json(self, now: datetime) -> dict[str, Any]:
        """What a person is told. A run past its deadline has failed, whatever its last process wrote."""
        facts = {
            "run_id": self.run_id,
            "state": self.state,
            "mode": self.request["mode"],
            "created_at": self.created_at,
            "done": self.done,
            "total": self.total,
        }
        if not self.ended and now > datetime.fromisoformat(self.deadline):
            facts |= {
                "state": FAILED,
                "error": "ProcessDied",
                "message": f"The process at work on run {self.run_id} ended without a word.",
                "advice": "Send the request again with another key: what is there already is skipped.",
            }
        return self.result | facts


def begin(lake: Lake, world: World, request: Mapping[str, Any], key: str | None) -> tuple[Run, bool]:
    """The run of this request, and whether it is new. Raises `KeyTaken`."""
    run_id = world.new_id() if key is None else hashlib.sha256(key.encode()).hexdigest()[:16]
    now = world.now().astimezone(UTC)
    run = Run(run_id, RUNNING, dict(request), now.isoformat(), _deadline(world, RUNNING), world.new_id())
    try:
        lake.store.create(keys.run(run_id), _document(run))
    except Conflict:
        standing = read(lake, run_id)
        if standing is None or standing.request != run.request:
            raise KeyTaken(f"Field 'key': {key!r} was sent with another request before, run {run_id}.") from None
        return standing, False
    return run, True


def read(lake: Lake, run_id: str) -> Run | None:
    """A run by its id; None where there is none. Raises `DamagedFile`."""
    if not re.fullmatch(r"[0-9a-f]{16}", run_id):
        return None
    state = lake.read_state(keys.run(run_id))
    try:
        return Run(**state) if state else None
    except TypeError as error:
        raise DamagedFile(f"{lake.store.locate(keys.run(run_id))} is not understood: {error}.") from error


def newest(lake: Lake, most: int) -> list[Run]:
    """The runs that began last, the newest first."""
    ids = [key.removeprefix(keys.RUNS).removesuffix(".json") for key in lake.store.list(keys.RUNS)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [run for run in pool.map(partial(read, lake), ids) if run is not None]
    return sorted(found, key=lambda run: run.created_at, reverse=True)[:most]


def take(lake: Lake, world: World, run: Run) -> Run:
    """Begin a turn of a run that waits."""
    return _write(lake, world, replace(run, state=RUNNING, turns=run.turns + 1))


def note(lake: Lake, world: World, run: Run, done: int, total: int) -> None:
    """Tell how far the turn is, and that its process lives."""
    _write(lake, world, replace(run, done=done, total=total))


def hand_on(lake: Lake, world: World, run: Run) -> Run:
    """End a turn; another process is to go on with what is left."""
    return _write(lake, world, replace(run, state=QUEUED))


def end(lake: Lake, world: World, run: Run, state: str) -> Run:
    """End the run."""
    return _write(lake, world, replace(run, state=state))


def fail(lake: Lake, world: World, run: Run, error: ChartlakeError) -> Run:
    """End the run with the reason."""
    reason = {"error": error.kind, "message": error.message, "advice": error.advice}
    return end(lake, world, replace(run, result=run.result | reason), FAILED)


def _write(lake: Lake, world: World, run: Run) -> Run:
    written = replace(run, deadline=_deadline(world, run.state))

    def unless_ended(state: dict[str, Any]) -> dict[str, Any]:
        # An event can be delivered twice: the process that comes second finds the run ended by the first.
        return state if state.get("state") in (DONE, FAILED) else asdict(written)

    lake.update_state(keys.run(run.run_id), unless_ended)
    return written


def _deadline(world: World, state: str) -> str:
    seconds = _QUEUED_SECONDS if state == QUEUED else min(max(world.time_left(), 0), _LONGEST_TURN) + _GRACE
    return (world.now().astimezone(UTC) + timedelta(seconds=seconds)).isoformat()


def _document(run: Run) -> bytes:
    return json.dumps(asdict(run), indent=2, sort_keys=True).encode() + b"\n"
