"""What a deployment costs a month, line by line, from list prices and from what the lake's own days took.

Prices and AWS's always-free allowance stand with their date in prices.json; credits and twelve-month offers do not
count, since they end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from .lake.lake import Lake
from .lake.schema import PUBLISHED

DAYS = 30.4
MEMORY_GB = 1.0
# Assumptions where no lake tells: seconds that a request to Spotify takes with all that follows it, and that a run
# takes beside its playlists; kB that a day's entry takes in raw and in its segment, compressed; log lines of 1 kB.
SECONDS_A_REQUEST, SECONDS_A_RUN = 0.4, 2.0
KB_AN_ENTRY_IN_RAW, KB_AN_ENTRY_IN_TABLES = 0.3, 0.03
LINES_A_RUN = 20
# Objects that a snapshot reads (last year's and this year's rows, its segment) and writes (raw, segment, commit).
GETS, PUTS, LISTS = 5, 3, 1
FIRST_PAGE, LATER_PAGES = 100, 50
METRICS, ALARMS = 4, 10


@dataclass(frozen=True)
class Load:
    """What a day does: `requests` to Spotify a playlist; `measured` says whether a lake told it."""

    playlists: int
    entries: int
    requests: float
    measured: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the bill: USD a month at list price, and after what is always free."""

    name: str
    amount: str
    list_price: float
    to_pay: float

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "amount": self.amount, "list_price": self.list_price, "to_pay": self.to_pay}


def load_prices() -> dict[str, Any]:
    """The data file: `date`, `region`, `currency`, `prices` and `always_free_each_month`."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "prices.json").read_text())
    return found


def assumed(playlists: int, entries: int) -> Load:
    """A day of so many playlists with so many entries each: one request, or the further pages and a proof."""
    later = max(0, -(-(entries - FIRST_PAGE) // LATER_PAGES))
    return Load(playlists, entries, 1 + (later + 1 if later else 0))


def measured(lake: Lake, today: date) -> Load | None:
    """The load that the last 30 days of a lake show; None where they show nothing."""
    days = list(_published(lake, today - timedelta(days=30), today))
    if not days:
        return None
    entries = round(mean(row["entry_count"] or 0 for row in days))
    requests = mean(row["requests"] or 0 for row in days)
    return Load(len({row["playlist_id"] for row in days}), entries, requests, measured=True)


def bill(load: Load, prices: Mapping[str, Any]) -> list[Line]:
    """The month's lines. Storage is that after a year, when nothing was purged and raw is kept."""
    price, free = prices["prices"], prices["always_free_each_month"]
    snapshots = load.playlists * DAYS
    gb_seconds = (snapshots * load.requests * SECONDS_A_REQUEST + DAYS * SECONDS_A_RUN) * MEMORY_GB
    puts = snapshots * (PUTS + LISTS)
    kept = load.entries * load.playlists * 365 * (KB_AN_ENTRY_IN_RAW + KB_AN_ENTRY_IN_TABLES) / 1e6
    # Versions of a segment that were written over stay for 30 days: on average half a year of entries each.
    versions = load.entries * load.playlists * 182 * KB_AN_ENTRY_IN_TABLES * 30 / 1e6
    logs = (snapshots + LINES_A_RUN * DAYS) / 1e6
    return [
        _line("Lambda: computing", gb_seconds, "GB-s", price["lambda_gb_second_arm64"], free["lambda_gb_seconds"]),
        _line("Lambda: requests", DAYS, "requests", price["lambda_request"], free["lambda_requests"]),
        _line("S3: writing and listing", puts, "requests", price["s3_put_or_list"]),
        _line("S3: reading", snapshots * GETS, "requests", price["s3_get"]),
        _line("S3: storage after a year", kept + versions, "GB", price["s3_gb_month"]),
        _line("CloudWatch: logs", logs, "GB", price["logs_gb"], free["logs_gb"]),
        _line("CloudWatch: metrics", METRICS, "metrics", price["metric_month"], free["metrics"]),
        _line("CloudWatch: alarms", ALARMS, "alarms", price["alarm_month"], free["alarms"]),
        _line("API Gateway: a call a day", DAYS, "requests", price["api_request"]),
        _line("Athena: ten queries a day", 10 * DAYS, "queries", price["athena_query_of_10_mb"]),
    ]


def total(lines: Iterable[Line]) -> Line:
    """All lines in one."""
    found = list(lines)
    return Line("Total", "", sum(line.list_price for line in found), sum(line.to_pay for line in found))


def _line(name: str, amount: float, unit: str, price: float, free: float = 0) -> Line:
    return Line(
        name,
        f"{amount:,.3g} {unit}" if amount < 1000 else f"{amount:,.0f} {unit}",
        amount * price,
        max(0.0, amount - free) * price,
    )


def _published(lake: Lake, first: date, last: date) -> Iterable[Mapping[str, Any]]:
    for playlist_id, year in lake.tried():
        if year >= first.year:
            for row in lake.snapshots(playlist_id, year):
                if first <= row["snapshot_date"] <= last and row["status"] in PUBLISHED:
                    yield row
