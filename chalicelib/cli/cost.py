"""What a deployment costs a month, line by line: list prices times what the lake measured, or what is assumed.

Prices and AWS's always-free allowance stand with their date in prices.json; credits and twelve-month offers do not
count, since they end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from ..handlers.lambda_usage import remembered
from ..lake import keys
from ..lake.lake import Lake
from ..lake.schema import PUBLISHED
from ..report.across_pages import MOST_PAGES

Basis = Literal["measured", "partly", "assumed", "known"]
DAYS = 30.4
# What a snapshot reads (this year's rows, its segment; in January last year's rows too), writes (raw, segment, commit)
# and lists (segments). Then what its page reads (the year's rows and the segment, the page as it stands, twice the rows
# for the index, and twice the rows and the segment, for what lists have in common and for the pages of tracks and
# artists), writes (the page) and lists (the years). And what a run does besides, with its list of playlists, the
# watchlist (for pages and for channels), its state, the index and its cards. Each further year adds eight reads.
GETS, PUTS, LISTS = 2 + 9, 3 + 1, 1 + 1
GETS_A_RUN, PUTS_A_RUN, LISTS_A_RUN = 16, 6, 4
# A page of a track or an artist is read and written once a day.
PAGES_ACROSS = 2 * MOST_PAGES
FIRST_PAGE, LATER_PAGES = 100, 50
# The fifth metric is counted only where somebody is told what is watched.
METRICS, ALARMS = 4, 10
LINES_A_RUN = 20
# From so many lists on a queue spreads them over workers: ten messages are sent, received and deleted with a request
# each, and take a call of a worker. An empty queue is asked by five pollers every 20 seconds all the same
# (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
QUEUE_FROM = 300
MESSAGES_A_REQUEST, POLLS_A_DAY = 10, 5 * 24 * 3600 // 20
_SAMPLE = 20
# What a function cannot see of itself: the start of its environment, which is billed since August 2025.
_START_SECONDS = 1.0
# A segment's first days take ten times the room of its later ones, which repeat them.
_DAYS_TO_JUDGE_A_SEGMENT = 30


@dataclass(frozen=True)
class Figure:
    """A number that the bill rests on, and where it is from."""

    value: float
    words: str
    basis: Basis = "assumed"


@dataclass(frozen=True)
class Load:
    """What a day does. `kb_in_*` are kB that an entry of a day takes, compressed."""

    playlists: int
    entries: int
    requests: Figure
    seconds_a_request: Figure = Figure(0.4, "0.4 s a request to Spotify, with all that follows it")
    seconds_a_page: Figure = Figure(0.4, "0.4 s a page, with its part of the index")
    seconds_a_run: Figure = Figure(3.0, "3 s a run besides, with the start of its environment")
    memory_gb: Figure = Figure(1.0, "1,024 MB")
    kb_in_raw: Figure = Figure(0.3, "0.3 kB an entry a day in raw")
    kb_in_tables: Figure = Figure(0.03, "0.03 kB an entry a day in the tables")

    @property
    def measured(self) -> bool:
        """Whether playlists, entries and requests are those of a lake."""
        return self.requests.basis == "measured"


@dataclass(frozen=True)
class Line:
    """One line of the bill: USD a month at list price, and after what is always free; and what it rests on."""

    name: str
    amount: str
    list_price: float
    to_pay: float
    basis: Basis = "known"
    words: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "amount": self.amount,
            "list_price": self.list_price,
            "to_pay": self.to_pay,
            "basis": self.basis,
            "rests_on": self.words,
        }


def load_prices() -> dict[str, Any]:
    """The data file: `date`, `region`, `currency`, `prices` and `always_free_each_month`."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "prices.json").read_text())
    return found


def assumed(playlists: int, entries: int) -> Load:
    """A day of so many playlists with so many entries each: one request, or the further pages and a proof."""
    later = max(0, -(-(entries - FIRST_PAGE) // LATER_PAGES))
    requests = 1 + (later + 1 if later else 0)
    return Load(playlists, entries, Figure(requests, f"requests a playlist: {requests}, by Spotify's page sizes"))


def load_of(lake: Lake, today: date, playlists: int | None = None, entries: int | None = None) -> Load:
    """The load that the last 30 days of a lake show, but for what is given; assumed where they show nothing."""
    days = list(_published(lake, today - timedelta(days=30), today))
    count = playlists or len({row["playlist_id"] for row in days}) or 1
    load = _shown(count, days) if days and entries is None else assumed(count, 50 if entries is None else entries)
    return _with_table_sizes(_with_raw_sizes(_with_durations(load, lake), lake, days), lake, days)


def _shown(playlists: int, days: list[Mapping[str, Any]]) -> Load:
    """The load of so many playlists that are, on average, like these days."""
    requests = mean(row["requests"] or 0 for row in days)
    words = f"requests a playlist: {requests:.3g}, over {len(days)} snapshots"
    average = round(mean(row["entry_count"] or 0 for row in days))
    return Load(playlists, average, Figure(requests, words, "measured"))


def _with_durations(load: Load, lake: Lake) -> Load:
    """What runs in Lambda took."""
    runs = remembered(lake)
    requests = sum(run["requests"] for run in runs)
    if not requests:
        return load
    a_request = sum(run["seconds_in_playlists"] for run in runs) / requests
    a_run = mean(run["seconds"] - run["seconds_in_playlists"] - run.get("seconds_in_pages", 0) for run in runs)
    a_run += _START_SECONDS
    memory, over = runs[-1]["memory_mb"], f"over {len(runs)} runs in Lambda"
    start = f"of which {_START_SECONDS:.0f} s is assumed for the start of its environment"
    if pages := sum(run.get("pages", 0) for run in runs):
        a_page = sum(run.get("seconds_in_pages", 0) for run in runs) / pages
        load = replace(
            load, seconds_a_page=Figure(a_page, f"{a_page:.2g} s a page, with its part of the index", "measured")
        )
    return replace(
        load,
        seconds_a_request=Figure(a_request, f"{a_request:.2g} s a request to Spotify, {over}", "measured"),
        seconds_a_run=Figure(a_run, f"{a_run:.2g} s a run besides, {start}", "measured"),
        memory_gb=Figure(memory / 1024, f"{memory:,} MB", "measured"),
    )


def _weighed(lake: Lake, days: list[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """The entries and the bytes of each raw document that is there."""
    documents = [(row["entry_count"], lake.store.get(row["raw_key"])) for row in days]
    return [(entries, len(raw.data)) for entries, raw in documents if raw]


def _with_raw_sizes(load: Load, lake: Lake, days: list[Mapping[str, Any]]) -> Load:
    """What the lake's raw documents weigh, from a sample of them."""
    with_raw = [row for row in days if row["raw_key"] and row["entry_count"] and not keys.kept_sha256(row["raw_key"])]
    sample = with_raw[:: -(-len(with_raw) // _SAMPLE) or 1]
    weighed = _weighed(lake, sample)
    if not weighed:
        return load
    kb = sum(size for _, size in weighed) / sum(entries for entries, _ in weighed) / 1000
    words = f"{kb:.2g} kB an entry a day in raw, of {len(weighed)} documents"
    return replace(load, kb_in_raw=Figure(kb, words, "measured"))


def _with_table_sizes(load: Load, lake: Lake, days: list[Mapping[str, Any]]) -> Load:
    """What the lake's segments weigh, from a sample of them."""
    segments = [one for one in _segments(lake, days) if one[0] >= _DAYS_TO_JUDGE_A_SEGMENT]
    if not segments:
        return load
    kb = sum(size for _, _, size in segments) / sum(rows for _, rows, _ in segments) / 1000
    words = f"{kb:.2g} kB an entry a day in the tables, of {len(segments)} of their objects"
    return replace(load, kb_in_tables=Figure(kb, words, "measured"))


def _segments(lake: Lake, days: list[Mapping[str, Any]]) -> Iterator[tuple[int, int, int]]:
    """(days, rows, bytes) of the newest segments of some playlists."""
    keys = {row["playlist_id"]: row["entries_key"] for row in days if row["entries_key"]}
    for key in list(keys.values())[:_SAMPLE]:
        segment, held = lake.store.get(key), lake.segment_days(key)
        if segment and held:
            yield len(held), sum(day["entries"] for day in held), len(segment.data)


def bill(load: Load, prices: Mapping[str, Any]) -> list[Line]:
    """The month's lines. Storage is that after a year, when nothing was purged and raw is kept."""
    price, free = prices["prices"], prices["always_free_each_month"]
    snapshots = load.playlists * DAYS
    a_snapshot = load.requests.value * load.seconds_a_request.value + load.seconds_a_page.value
    seconds = snapshots * a_snapshot + DAYS * load.seconds_a_run.value
    # About as many artists as tracks.
    pages = DAYS * min(PAGES_ACROSS, 2 * load.playlists * load.entries)
    puts = snapshots * (PUTS + LISTS) + DAYS * (PUTS_A_RUN + LISTS_A_RUN) + pages
    gets = snapshots * GETS + DAYS * GETS_A_RUN + pages
    kept = load.entries * load.playlists * 365 * (load.kb_in_raw.value + load.kb_in_tables.value) / 1e6
    # Versions of a segment that were written over stay for 30 days: on average half a year of entries each.
    versions = load.entries * load.playlists * 182 * load.kb_in_tables.value * 30 / 1e6
    logs = (snapshots + LINES_A_RUN * DAYS) / 1e6
    batches = snapshots / MESSAGES_A_REQUEST if load.playlists >= QUEUE_FROM else 0
    polls = DAYS * POLLS_A_DAY if batches else 0
    requests = known(
        f"{GETS} reads, {PUTS} writes and {LISTS} lists a snapshot with its page; up to {PAGES_ACROSS} pages of tracks "
        "and artists a day"
    )
    return [
        _line(
            "Lambda: computing",
            seconds * load.memory_gb.value,
            "GB-s",
            price["lambda_gb_second_arm64"],
            (load.requests, load.seconds_a_request, load.seconds_a_page, load.seconds_a_run, load.memory_gb),
            free["lambda_gb_seconds"],
        ),
        _line(
            "Lambda: requests",
            DAYS + batches,
            "requests",
            price["lambda_request"],
            (known("a run a day, and one for ten lists where a queue spreads them"),),
            free["lambda_requests"],
        ),
        _line(
            "SQS: requests",
            3 * batches + polls,
            "requests",
            price["sqs_request"],
            (known(f"from {QUEUE_FROM} lists on: three for ten lists, and {POLLS_A_DAY:,} a day to an empty queue"),),
            free["sqs_requests"],
        ),
        _line("S3: writing and listing", puts, "requests", price["s3_put_or_list"], (requests,)),
        _line("S3: reading", gets, "requests", price["s3_get"], (requests,)),
        _line(
            "S3: storage after a year",
            kept + versions,
            "GB",
            price["s3_gb_month"],
            (load.kb_in_raw, load.kb_in_tables),
        ),
        _line(
            "CloudWatch: logs",
            logs,
            "GB",
            price["logs_gb"],
            (Figure(0, f"{LINES_A_RUN} lines a run and one a snapshot, of 1 kB"),),
            free["logs_gb"],
        ),
        _line("CloudWatch: metrics", METRICS, "metrics", price["metric_month"], (_STACK,), free["metrics"]),
        _line("CloudWatch: alarms", ALARMS, "alarms", price["alarm_month"], (_STACK,), free["alarms"]),
        _line("API Gateway", DAYS, "requests", price["api_request"], (Figure(0, "a call a day"),)),
        _line(
            "Athena",
            10 * DAYS,
            "queries",
            price["athena_query_of_10_mb"],
            (Figure(0, "ten queries a day, each over less than 10 MB"),),
        ),
    ]


def total(lines: Iterable[Line]) -> Line:
    """All lines in one."""
    found = list(lines)
    list_price, to_pay = sum(line.list_price for line in found), sum(line.to_pay for line in found)
    return Line("Total", "", list_price, to_pay, _together({line.basis for line in found}))


def known(words: str) -> Figure:
    """What is so by the program or by the stack, whatever the load."""
    return Figure(0, words, "known")


_STACK = known("what `make deploy` makes")


def _line(name: str, amount: float, unit: str, price: float, figures: Iterable[Figure], free: float = 0) -> Line:
    return Line(
        name,
        f"{amount:,.3g} {unit}" if amount < 1000 else f"{amount:,.0f} {unit}",
        amount * price,
        max(0.0, amount - free) * price,
        _together({figure.basis for figure in figures}),
        "; ".join(figure.words for figure in figures),
    )


def _together(bases: set[Basis]) -> Basis:
    """What several figures are together."""
    doubtful = bases - {"known"}
    if not doubtful:
        return "known"
    return doubtful.pop() if len(doubtful) == 1 else "partly"


def _published(lake: Lake, first: date, last: date) -> Iterable[Mapping[str, Any]]:
    for playlist_id, year in lake.tried():
        if year >= first.year:
            for row in lake.snapshots(playlist_id, year):
                if first <= row["snapshot_date"] <= last and row["status"] in PUBLISHED:
                    yield row
