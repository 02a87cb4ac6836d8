"""The pace at which Spotify is asked, shared by all threads of a process.

Spotify counts an app's requests over a rolling 30 seconds and does not tell its limit
(https://developer.spotify.com/documentation/web-api/concepts/rate-limits). So a short run may ask as fast as it likes,
as long as 30 seconds never hold more than the pace allows; a 429 halves the pace, and quiet raises it again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import OutOfTime, QuotaExceeded, RateLimited
from ..time_and_chance import World

# Spotify's own window, in seconds.
_WINDOW = 30.0
# After so many quiet seconds the pace grows by a quarter, up to the one that was set.
_QUIET, _GROWTH = 30.0, 1.25


class Pace:
    """At most `rate` requests a second, counted over any 30 seconds, and at most `at_once` at a time."""

    def __init__(self, rate: float, world: World, at_once: int = 4) -> None:
        self._fastest = self._rate = rate
        self._world = world
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(at_once)
        # When the last requests were sent, or may be.
        self._sent: deque[float] = deque(maxlen=self._most)
        self._changed_at = world.monotonic()
        self._not_before = float("-inf")
        self._ban: type[RateLimited | QuotaExceeded] = RateLimited

    @property
    def rate(self) -> float:
        """Requests a second, as the last refusals left it."""
        return self._rate

    @property
    def _most(self) -> int:
        return max(1, int(self._rate * _WINDOW))

    @contextmanager
    def turn(self, what: str) -> Iterator[None]:
        """Around one request for `what`. Waits until its turn comes.

        While Spotify wants to be left alone, raises what its refusal was; `OutOfTime` where the process ends sooner.
        """
        with self._places:
            self._refuse_while_banned(what)
            pause = self.reserve()
            if pause >= self._world.time_left():
                raise OutOfTime(f"{what}: a pace of {self._rate:g} requests a second leaves no time for it.")
            if pause > 0:
                self._world.sleep(pause)
                self._refuse_while_banned(what)
            yield

    def refused(self, error: RateLimited | QuotaExceeded) -> None:
        """Spotify answered 429: ask half as often from now on, and nothing for as long as it said."""
        with self._lock:
            now = self._world.monotonic()
            if now >= self._not_before:
                # Of several refusals that were under way together the first one counts.
                self._rate, self._changed_at = self._rate / 2, now
            not_before = now + (error.retry_after or 0.0)
            if not_before > self._not_before:
                self._not_before, self._ban = not_before, type(error)

    def reserve(self) -> float:
        """Take the next place in the window; gives the seconds until then, which whoever asks has to wait."""
        with self._lock:
            now = self._world.monotonic()
            while self._rate < self._fastest and now - self._changed_at >= _QUIET:
                self._rate = min(self._fastest, self._rate * _GROWTH)
                self._changed_at += _QUIET
            free_at = self._sent[-self._most] + _WINDOW if len(self._sent) >= self._most else now
            self._sent.append(max(now, free_at))
            return max(0.0, free_at - now)

    def _refuse_while_banned(self, what: str) -> None:
        left = self._not_before - self._world.monotonic()
        if left > 0:
            raise self._ban(f"{what}: Spotify asked to wait {left:.0f} s more.", retry_after=left)
