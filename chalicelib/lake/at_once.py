"""Several pieces of work at a time, their results in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_order(work: Callable[[_Item], _Result], items: Sequence[_Item], at_once: int) -> Iterator[_Result]:
    """The results of `work`, each as soon as it and all before it are there.

    The first one goes alone: what is wrong with all of them then costs one try, not several. What one raises is raised
    when its turn comes; whatever was not begun by then is not begun any more.
    """
    if at_once == 1:
        yield from map(work, items)
        return
    yield from map(work, items[:1])
    pool = ThreadPoolExecutor(at_once)
    try:
        for future in [pool.submit(work, item) for item in items[1:]]:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
