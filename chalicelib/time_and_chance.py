"""Time and chance, passed in, so that a test or a simulation can own them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class World:
    """What a process takes from outside besides Spotify and the store.

    `now` gives an aware datetime; `monotonic` seconds; `sleep` takes seconds; `time_left` gives the seconds until this
    process has to end (infinite on a person's machine, Lambda's own deadline in Lambda).
    """

    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: random.Random = field(default_factory=random.SystemRandom)
    time_left: Callable[[], float] = lambda: float("inf")

    def new_id(self) -> str:
        """16 hex digits: the name of one capture or of one run."""
        return f"{self.random.getrandbits(64):016x}"
