"""Writing a page into the lake."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..lake.store import Conflict, ObjectStore

_log = logging.getLogger(__name__)


def write(store: ObjectStore, key: str, make: Callable[[], bytes]) -> None:
    """Write what `make` reads and renders, unless it stands there already; never an older state over a newer one.

    The version to replace is taken before anything is read. Whoever was faster may have read before us, so it is made
    once more; whoever is faster then has begun after the first of them wrote, and so has read all that we had.
    """
    for _ in range(2):
        found = store.get(key)
        data = make()
        try:
            if found is None:
                store.create(key, data)
            elif found.data != data:
                store.replace(key, data, found.etag)
            return
        except Conflict:
            _log.info("%s was written by another process meanwhile", key)
