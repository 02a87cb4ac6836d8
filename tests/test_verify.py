"""How `verify` reads: every object once, and some of them at a time."""

from __future__ import annotations

from collections import Counter
from threading import Barrier
from typing import Any

import pytest

from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import ObjectStore, Stored
from chalicelib.snapshots.verify import verify

from .test_extract import Rig, rig  # noqa: F401


class Watched:
    """A store that counts how often each object is read; at those `together` two readers have to meet."""

    def __init__(self, store: ObjectStore, together: set[str]) -> None:
        self._store, self._together = store, together
        self._meeting = Barrier(2)
        self.reads: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, key: str) -> Stored | None:
        self.reads[key] += 1
        if key in self._together:
            self._meeting.wait(30)
        return self._store.get(key)


@pytest.mark.parametrize("prefix", ["raw/", "tables/snapshots/"])
def test_every_object_is_read_once_and_two_at_a_time(rig: Rig, prefix: str) -> None:  # noqa: F811
    for _ in range(3):
        rig.extract("one", "fifty", "top-50")
        rig.clock.advance(days=1)
    # Of several the first one is read alone.
    first, *others = sorted(rig.lake.store.list(prefix))
    together = {key for key in others if prefix != "raw/" or key.split("/")[1] == first.split("/")[1]}
    assert len(together) == 2
    watched = Watched(rig.lake.store, together)
    verdict = verify(Lake(watched, rig.clock.world()))
    assert (verdict.days, verdict.published, verdict.findings) == (9, 9, ())
    read = {key: count for key, count in watched.reads.items() if key.startswith(("raw/", "tables/"))}
    # The features' table is looked for, though no file told any.
    assert read == dict.fromkeys([*watched.list("raw/"), *watched.list("tables/"), keys.TRACKS_FEATURES], 1)
