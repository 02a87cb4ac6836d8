"""What looking at one thing found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from ...errors import ChartlakeError

Mark = Literal["good", "warning", "bad"]
# AWS refuses a request that was signed five minutes beside its own time.
_MOST_SECONDS_OFF = 300


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `bad` is what keeps a run from its work; `advice` is empty where all is well."""

    name: str
    mark: Mark
    message: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def bad(name: str, error: ChartlakeError) -> Check:
    """A cross with an error's own words."""
    return Check(name, "bad", error.message, error.advice)


def clock(now: datetime, date_header: str | None, of: str) -> Check | None:
    """This machine's clock beside the moment in the Date header of somebody's answer; None where it has none."""
    try:
        theirs = parsedate_to_datetime(date_header or "").replace(tzinfo=UTC)  # HTTP knows no other zone
    except ValueError:
        return None
    seconds = (now - theirs).total_seconds()
    if abs(seconds) <= _MOST_SECONDS_OFF:
        return Check("clock", "good", f"Within {_MOST_SECONDS_OFF // 60} minutes of {of}'s.")
    side = "ahead of" if seconds > 0 else "behind"
    message = f"This machine's clock is {abs(seconds) / 60:,.0f} minutes {side} {of}'s."
    advice = "Set it (NTP): AWS refuses what is signed at a wrong time, and days and sign-ins would be counted wrongly."
    return Check("clock", "bad", message, advice)
