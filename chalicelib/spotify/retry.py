"""How long and how often Spotify is asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from ..errors import RateLimited, SpotifyUnavailable
from ..time_and_chance import World

ATTEMPTS = 5
# Spotify counts requests over a rolling 30 s; a 429 without Retry-After is waited for about as long.
_UNNAMED_PAUSE = 10.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 20.0

# Seconds for a connection, and between two pieces of an answer.
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 30.0

_Result = TypeVar("_Result")


class RetryBudget:
    """Seconds that may be spent waiting. Threads that wait at the same time spend them once."""

    def __init__(
        self, seconds: float, world: World, parent: RetryBudget | None = None, waits_when_told: bool = True
    ) -> None:
        """`waits_when_told`: whether a pause that Spotify asks for is waited for here. A worker puts it off instead."""
        self._seconds = self._left = seconds
        self.waits_when_told: bool = waits_when_told and (parent is None or parent.waits_when_told)
        self._world = world
        self._parent = parent
        self._waiting_until = float("-inf")
        self._lock = threading.Lock()

    def renew(self) -> None:
        """Begin anew, in a process that outlives one run."""
        with self._lock:
            self._left = self._seconds

    def take(self, seconds: float) -> bool:
        """Take a wait of that many seconds from now on; False where it does not fit, and then nothing is taken."""
        with self._lock:
            now = self._world.monotonic()
            extra = max(0.0, now + seconds - max(now, self._waiting_until))
            if extra > self._left or seconds >= self._world.time_left():
                return False
            if self._parent and not self._parent.take(seconds):
                return False
            self._left -= extra
            self._waiting_until = max(self._waiting_until, now + seconds)
            return True


def timeouts(world: World) -> tuple[float, float]:
    """What one request may take to connect and to answer: no longer than this process lives, and a second at least."""
    left = max(1.0, world.time_left())
    return min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)


def with_retries(call: Callable[[], _Result], budget: RetryBudget, world: World) -> _Result:
    """Call until it answers; passing trouble is waited for while attempts and budget last, then its error is raised.

    What `call` itself has retried in vain is not retried again: attempts within attempts would multiply.
    """

    def passes(error: BaseException) -> bool:
        if isinstance(error, RateLimited) and not budget.waits_when_told:
            return False
        return isinstance(error, SpotifyUnavailable | RateLimited) and not error.retried

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited):
            # One second more than asked for: Spotify's clock and ours differ.
            return (error.retry_after if error.retry_after is not None else _UNNAMED_PAUSE) + 1
        longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** (state.attempt_number - 1))
        return longest * (0.5 + world.random.random() / 2)

    def give_up(state: RetryCallState) -> bool:
        return state.attempt_number >= ATTEMPTS or not budget.take(state.upcoming_sleep)

    retrying = Retrying(
        retry=retry_if_exception(passes),
        wait=wait,
        stop=give_up,
        sleep=world.sleep,
        reraise=True,
    )
    try:
        return retrying(call)
    except (SpotifyUnavailable, RateLimited) as error:
        error.retried = True
        raise
