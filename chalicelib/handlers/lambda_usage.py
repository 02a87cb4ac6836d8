"""What runs in Lambda took: facts of the last thirty, kept as small state, so that a bill need not be guessed.

Only Lambda's own runs are kept: a laptop's processor and network tell nothing of it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from ..errors import ChartlakeError
from ..lake import keys
from ..lake.lake import Lake
from ..snapshots.outcome import Run

_KEPT = 30

_log = logging.getLogger(__name__)


def remember(
    lake: Lake, run: Run, seconds: float, memory_mb: int, now: datetime, pages: int = 0, seconds_in_pages: float = 0.0
) -> None:
    """Keep what a run took that asked Spotify for something, and the pages that it rendered. It never fails a run."""
    requests = sum(0 if outcome.already else outcome.row.get("requests") or 0 for outcome in run.outcomes)
    if not requests:
        return
    fact = {
        "at": now.astimezone(UTC).isoformat(),
        "seconds": round(seconds, 3),
        "seconds_in_playlists": round(sum(outcome.seconds for outcome in run.outcomes), 3),
        "requests": requests,
        "pages": pages,
        "seconds_in_pages": round(seconds_in_pages, 3),
        "memory_mb": memory_mb,
    }
    try:
        lake.update_state(keys.MEASURED, lambda state: {"runs": [*state.get("runs", []), fact][-_KEPT:]})
    except ChartlakeError:
        _log.warning("what the run took is not kept", exc_info=True)


def remembered(lake: Lake) -> list[dict[str, Any]]:
    """The facts of the last runs in Lambda, oldest first."""
    found: list[dict[str, Any]] = lake.read_state(keys.MEASURED).get("runs", [])
    return found
