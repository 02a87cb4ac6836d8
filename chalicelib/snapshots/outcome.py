"""What a run gives back: the form that logs, HTTP and `--json` share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..errors import ChartlakeError
from ..lake.schema import PUBLISHED, Status

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What one playlist's day is worth after this run. `already` means that it was there before."""

    playlist_id: str
    snapshot_date: date
    status: Status
    row: Row = field(repr=False)
    already: bool = False
    error: ChartlakeError | None = None
    seconds: float = 0.0

    @property
    def published(self) -> bool:
        return self.status in PUBLISHED

    def to_json(self) -> dict[str, Any]:
        """The machine-readable form that logs, HTTP and `--json` share."""
        found: dict[str, Any] = {
            "playlist_id": self.playlist_id,
            "snapshot_date": self.snapshot_date.isoformat(),
            "status": str(self.status),
            "already": self.already,
            "name": self.row.get("name"),
            "entry_count": self.row.get("entry_count"),
            "total": self.row.get("total"),
            "requests": 0 if self.already else self.row.get("requests"),
            "entries_key": self.row.get("entries_key"),
            "raw_key": self.row.get("raw_key"),
            "source": self.row.get("source"),
            "seconds": round(self.seconds, 3),
        }
        if not self.published:
            found["reason"] = self.row.get("reason")
        if self.error and not self.published:
            found |= {"error": self.error.kind, "advice": self.error.advice}
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Outcome:
        """What `to_json` gave in another process, but for the kinds of its errors."""
        error = ChartlakeError(found["reason"], advice=found["advice"]) if "error" in found else None
        day, status = date.fromisoformat(found["snapshot_date"]), Status(found["status"])
        return cls(found["playlist_id"], day, status, found, found["already"], error, found["seconds"])


@dataclass(frozen=True)
class Run:
    """All of a run: an outcome for each playlist that was reached, those that were left, and what stopped it, or was
    wrong with the list of them."""

    outcomes: tuple[Outcome, ...]
    left: tuple[str, ...] = ()
    stopped: ChartlakeError | None = None
    consent_days_left: int | None = None

    @property
    def published(self) -> int:
        return sum(outcome.published for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        """Every playlist has its day."""
        return not self.left and self.stopped is None and self.published == len(self.outcomes)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Run:
        """What `to_json` gave in another process, but for the kinds of its errors."""
        stopped = ChartlakeError(found["message"], advice=found["advice"]) if "stopped" in found else None
        outcomes = tuple(map(Outcome.from_json, found["snapshots"]))
        return cls(outcomes, tuple(found["left"]), stopped, found["consent_days_left"])

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "complete": self.complete,
            "published": self.published,
            "failed": len(self.outcomes) - self.published,
            "left": list(self.left),
            "consent_days_left": self.consent_days_left,
            "snapshots": [outcome.to_json() for outcome in self.outcomes],
        }
        if self.stopped:
            found |= {
                "stopped": self.stopped.kind,
                "message": self.stopped.message,
                "advice": self.stopped.advice,
            }
        return found
