"""The questions that are asked of every lake, as SQL views over its two tables: one text for DuckDB, Athena and Spark.

Each view is a file beside this one, written in DuckDB's SQL; `dialects` makes the others' forms of it.
"""

from __future__ import annotations

from pathlib import Path

# What measures lists, and compares them: docs/measures.md. None of the others needs one of these.
MEASURES = ("turnover", "overlap", "lead_lag", "reach", "freshness", "shares")

# In an order in which each needs only those before it, and the tables `entries` and `snapshots`.
VIEWS = (
    "mixed_days",
    "known_days",
    "recordings",
    "emptied",
    "slots",
    "moments",
    "placed",
    "keyed",
    "standings",
    "moves",
    "chart",
    "runs",
    "tracks",
    "credits",
    "artists",
    "albums",
    "playlists",
    "coverage",
    "events",
    *MEASURES,
)

# What the view `events` tells.
EVENT_KINDS = (
    *("entered", "re-entered", "left", "moved", "new_peak", "number_one", "milestone"),
    *("list_renamed", "description_changed", "owner_changed", "list_emptied", "followers_jump"),
    *("gap_began", "gap_ended"),
)


def view_sql(name: str) -> str:
    """The SELECT behind a view, in DuckDB's SQL."""
    return (Path(__file__).parent / f"{name}.sql").read_text("utf-8")
