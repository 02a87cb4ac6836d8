"""Faults on demand: what goes wrong, on which requests, how often."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

KINDS = ("status", "truncated", "empty", "html", "slow", "drip", "reset", "edit", "body")
PLACES = ("any", "token", "playlist", "items", "me", "my_playlists", "liked")
_BEFORE_ANSWERING = ("slow", "edit")
_MESSAGES = {
    400: "Bad request",
    401: "Missing/invalid/expired access token",
    403: "Forbidden",
    404: "Resource not found",
    429: "API rate limit exceeded",
    500: "Server error.",
    502: "Bad gateway.",
    503: "Service unavailable",
    504: "Service didn't reply before timeout",
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    `on` is where: `token`, `playlist` (the playlist object), `items` (a page of entries), `me`, `my_playlists`, `liked`
    (a page of the Liked Songs) or `any`; `playlist`, an id, narrows it down. The first `after` matching requests are
    let through, the next `times` fail (None: all of them).

    - `status`: answer `status` with `body` (text or JSON; None for the usual words), `headers`, `retry_after` (s)
    - `truncated`: half of the true answer, with its true Content-Length; `clean` gives the length of the half
    - `empty`: 200 without a body; `html`: 200 with a web page; `body`: 200 with `body`
    - `slow`: wait `seconds` first; `drip`: wait them before each byte
    - `reset`: drop the connection without an answer
    - `edit`: change the playlist first (`remove_at`, `insert_at`, `rename`; without any, the first entry goes)
    """

    kind: str
    on: str = "any"
    playlist: str | None = None
    after: int = 0
    times: int | None = 1
    status: int = 500
    body: str | dict[str, Any] | list[Any] | None = None
    content_type: str | None = None
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    clean: bool = False
    remove_at: int | None = None
    insert_at: int | None = None
    rename: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}: there are {', '.join(KINDS)}")
        if self.on not in PLACES:
            raise ValueError(f"a fault cannot be on {self.on!r}: only on {', '.join(PLACES)}")
        if type(self.after) is not int or self.after < 0:
            raise ValueError(f"a fault comes after a number of requests, not {self.after!r}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError(f"a fault comes a number of times (null: for ever), not {self.times!r}")

    @classmethod
    def rate_limited(cls, retry_after: int | None = 1, **more: Any) -> Fault:
        """429 of the rolling window; `retry_after` in seconds, None to leave the header out."""
        return cls("status", status=429, retry_after=retry_after, **more)

    @classmethod
    def quota_exceeded(cls, retry_after: int = 48_925, **more: Any) -> Fault:
        """429 of a development app's daily quota; the wait is one of hours."""
        body = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
        return cls("status", status=429, body=body, retry_after=retry_after, **more)

    @classmethod
    def premium_required(cls, **more: Any) -> Fault:
        """403 in plain text: the app's owner no longer pays."""
        text = (
            "Active premium subscription required for the owner of the app. When the subscription status changes, "
            "it can take a few hours before requests are allowed again."
        )
        return cls("status", status=403, body=text, **more)

    @classmethod
    def not_registered(cls, **more: Any) -> Fault:
        """403 in plain text: the user is not on the app's allow-list."""
        return cls("status", status=403, body="User not registered in the Developer Dashboard", **more)

    @classmethod
    def bad_gateway(cls, **more: Any) -> Fault:
        """502 as JSON."""
        return cls("status", status=502, **more)

    @classmethod
    def from_json(cls, data: object) -> Fault:
        """Read a fault posted as a JSON object of these fields. Raises `ValueError`, which says what is wrong."""
        if not isinstance(data, dict) or "kind" not in data:
            raise ValueError("a fault is a JSON object with at least a kind")
        unknown = set(data) - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        return cls(**data)

    @property
    def usual_body(self) -> str | dict[str, Any] | list[Any]:
        """`body` or, where it is None, what Spotify usually says with this status."""
        if self.body is not None:
            return self.body
        return {"error": {"status": self.status, "message": _MESSAGES.get(self.status, "Server error.")}}

    def concerns(self, place: str, playlist: str | None) -> bool:
        """Tell whether a request to this place, for this playlist, is one to count."""
        return self.on in ("any", place) and self.playlist in (None, playlist)

    def remaining(self) -> Fault | None:
        """Give what is left of it after a request that it concerns: one to let through less, or one time less."""
        if self.after:
            return replace(self, after=self.after - 1)
        if self.times is None:
            return self
        return replace(self, times=self.times - 1) if self.times > 1 else None


class Faults:
    """The faults that wait to happen. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault happen from the next matching request on; earlier ones go first."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Let all go well again."""
        with self._lock:
            self._waiting.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting)

    def take(self, place: str, playlist: str | None) -> list[Fault]:
        """Give what this request suffers: every delay and edit that is due and, last, at most one spoilt answer."""
        taken: list[Fault] = []
        spoilt: list[Fault] = []
        with self._lock:
            left: list[Fault | None] = []
            for fault in self._waiting:
                answers = fault.kind not in _BEFORE_ANSWERING
                if not fault.concerns(place, playlist) or (answers and spoilt and not fault.after):
                    left.append(fault)
                    continue
                if not fault.after:
                    (spoilt if answers else taken).append(fault)
                left.append(fault.remaining())
            self._waiting = [fault for fault in left if fault]
        return taken + spoilt


_SPEC = re.compile(
    r"(?P<what>[a-z0-9-]+)(=(?P<seconds>[0-9.]+))?(:(?P<options>[^@*]+))?(@(?P<on>\w+))?(\*(?P<times>\d*))?"
)
_NAMED = {
    "rate-limited": Fault.rate_limited,
    "quota-exceeded": Fault.quota_exceeded,
    "premium-required": Fault.premium_required,
    "not-registered": Fault.not_registered,
    "bad-gateway": Fault.bad_gateway,
}
_OPTIONS = ("retry-after", "after", "playlist", "remove-at", "insert-at", "rename", "clean")


def parse_fault(spec: str) -> Fault:
    """Read `WHAT[:option=value,...][@WHERE][*TIMES]`, as in `429:retry-after=7200@items*3`.

    WHAT is a status, `slow=SECONDS`, `drip=SECONDS`, a kind or a named fault; `*` without a number means for ever.
    Raises `ValueError`, which says what is wrong.
    """
    found = _SPEC.fullmatch(spec.strip())
    if found is None:
        raise ValueError(f"{spec!r} is not a fault: one looks like 429:retry-after=7200@items*3")
    what, seconds, times = found["what"], found["seconds"], found["times"]
    arguments: dict[str, Any] = _options(spec, found["options"]) | {"on": found["on"] or "any"}
    if times is not None:
        arguments["times"] = int(times) if times else None
    if seconds is not None:
        arguments["seconds"] = float(seconds)
    if re.fullmatch(r"[1-5]\d\d", what):
        return Fault("status", status=int(what), **arguments)
    if what in _NAMED:
        return _NAMED[what](**arguments)
    return Fault(what, **arguments)


def _options(spec: str, text: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in text.split(",") if text else ():
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            raise ValueError(f"{spec!r}: no option is called {name!r}: there are {', '.join(_OPTIONS)}")
        if name == "clean":
            options[name] = True
        elif name in ("playlist", "rename"):
            options[name] = value
        elif value.isdecimal():
            options[name.replace("-", "_")] = int(value)
        else:
            raise ValueError(f"{spec!r}: {name} takes a whole number, not {value!r}")
    return options
