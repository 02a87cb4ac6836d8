"""What the workers of a run have done, told without any of them waiting for another.

Thousands of workers cannot change one object one after the other. So each writes objects that nobody else writes, its
shares of the run: what became of each list. Whoever asks for the run reads them all. A list can be in two shares, since
a message can be delivered twice; then its snapshot counts, else what was told last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import errors
from ..errors import ChartlakeError
from ..lake import keys
from ..lake.lake import Lake
from ..lake.schema import PUBLISHED, Status
from ..snapshots.outcome import Outcome

# Lists in one object: 200 objects tell of 100,000 lists, and each is rewritten with every batch until it is full.
_LISTS = 500
# Lists without a snapshot that a run tells of; it counts all of them.
_MOST_NAMED = 1000
_AT_ONCE = 8

Told = dict[str, Any]


class Share:
    """What this process has done for runs."""

    def __init__(self, lake: Lake, worker: str) -> None:
        self._lake = lake
        self._worker = worker
        self._number = 0

    def tell(self, run_id: str, outcomes: Iterable[tuple[Outcome, bool]], now: datetime) -> None:
        """Tell what became of lists, and whether each is asked for again."""
        told = {one.playlist_id: _told(one, again, now) for one, again in outcomes}
        size = 0

        def with_these(state: dict[str, Any]) -> dict[str, Any]:
            nonlocal size
            lists = dict(state.get("lists", {}))
            for playlist_id, new in told.items():
                lists[playlist_id] = _better(lists.get(playlist_id), new)
            size = len(lists)
            return {"lists": lists}

        self._lake.update_state(keys.run_share(run_id, self._worker, self._number), with_these)
        if size >= _LISTS:
            self._number += 1


@dataclass(frozen=True)
class Gathered:
    """What all workers of a run have told: for each list the newest, or its snapshot."""

    lists: Mapping[str, Told]
    workers: int

    @property
    def done(self) -> int:
        """The lists that have their status for good."""
        return sum(not one["again"] for one in self.lists.values())

    @property
    def published(self) -> list[str]:
        return [playlist_id for playlist_id, one in self.lists.items() if one["status"] in PUBLISHED]

    @property
    def taken(self) -> list[str]:
        """The lists whose snapshot was not there before this run."""
        return [playlist_id for playlist_id in self.published if not self.lists[playlist_id]["already"]]

    @property
    def statuses(self) -> Counter[str]:
        """How many lists have which status."""
        return Counter(one["status"] for one in self.lists.values())

    @property
    def deferred(self) -> bool:
        """Whether lists were left since Spotify wanted a pause."""
        return Status.DEFERRED in self.statuses

    @property
    def newest(self) -> datetime | None:
        """The moment of the newest snapshot."""
        moments = [self.lists[playlist_id]["captured_at"] for playlist_id in self.published]
        return datetime.fromisoformat(max(moments)) if moments else None

    def to_json(self, total: int) -> dict[str, Any]:
        """The run's result, as logs, HTTP and `--json` share it."""
        published = len(self.published)
        without = {playlist_id: one for playlist_id, one in self.lists.items() if one["status"] not in PUBLISHED}
        return {
            "complete": published == total,
            "published": published,
            "failed": len(without),
            "statuses": dict(sorted(self.statuses.items())),
            "requests": sum(one["requests"] for one in self.lists.values()),
            "workers": self.workers,
            "without": [
                {"playlist_id": playlist_id} | {name: one[name] for name in _WHY if name in one}
                for playlist_id, one in sorted(without.items())[:_MOST_NAMED]
            ],
        }


_WHY = ("status", "reason", "error", "advice")


def gather(lake: Lake, run_id: str) -> Gathered:
    """Read all shares of a run."""
    names = list(lake.store.list(keys.run_shares(run_id)))
    lists: dict[str, Told] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for playlist_id, told in _each(pool.map(lake.read_state, names)):
            lists[playlist_id] = _better(lists.get(playlist_id), told)
    return Gathered(lists, len({name.rsplit("/", 1)[-1].partition("-")[0] for name in names}))


def _each(shares: Iterable[dict[str, Any]]) -> Iterator[tuple[str, Told]]:
    for share in shares:
        yield from share.get("lists", {}).items()


def _told(outcome: Outcome, again: bool, now: datetime) -> Told:
    found = outcome.to_json()
    told = {name: found[name] for name in ("status", "already", "reason", "error", "advice") if name in found}
    return told | {
        "again": again,
        "at": now.isoformat(),
        "captured_at": outcome.row["captured_at"].isoformat(),
        "requests": found["requests"] or 0,
    }


def _better(old: Told | None, new: Told) -> Told:
    """Of two reports on one list the one that counts."""
    if old is None:
        return new
    worth = [(one["status"] in PUBLISHED, not one["already"], one["at"]) for one in (old, new)]
    return old if worth[0] > worth[1] else new


# Why no worker needs to ask Spotify any more.


def stop(lake: Lake, run_id: str, error: ChartlakeError) -> None:
    """Tell every worker of the run that it is in vain."""
    lake.update_state(keys.run_stop(run_id), lambda before: before or error.to_json())


def stopped(lake: Lake, run_id: str) -> ChartlakeError | None:
    """What stopped the run, if something did."""
    found = lake.read_state(keys.run_stop(run_id))
    if not found:
        return None
    kind: type[ChartlakeError] = getattr(errors, found["error"], ChartlakeError)
    return kind(found["message"], advice=found["advice"])
