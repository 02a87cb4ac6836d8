"""Proving a lake: every promise about a kept day, checked again from the objects themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..errors import ChartlakeError
from ..lake import keys
from ..lake.lake import Lake
from ..lake.schema import PUBLISHED, Status
from ..lake.tables import to_json
from ..spotify.capture import Capture, from_raw
from ..spotify.entries import Origin, Row, UnknownEntryShape, entry_rows
from ..text import counted


@dataclass(frozen=True)
class Finding:
    """One broken promise: which day of which playlist (None: of no playlist), and what is wrong."""

    playlist_id: str | None
    snapshot_date: date | None
    problem: str

    def to_json(self) -> dict[str, Any]:
        day = self.snapshot_date.isoformat() if self.snapshot_date else None
        return {"playlist_id": self.playlist_id, "snapshot_date": day, "problem": self.problem}


@dataclass
class Verdict:
    """What was checked, and what was found; `notes` tell what could not be checked, though no promise is broken."""

    days: int = 0
    published: int = 0
    entries: int = 0
    # Imported days that lack places which their list may have had.
    partial: int = 0
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        counts = {"days": self.days, "published": self.published, "entries": self.entries}
        return counts | {"findings": [finding.to_json() for finding in self.findings], "notes": list(self.notes)}


@dataclass
class _Raw:
    """The day (UTC) of the oldest raw document that is there, and how many days have lost an older one: where all that
    was captured before some day is gone, a lifecycle rule has removed it."""

    oldest: str
    aged: int = 0

    def has_aged(self, key: str) -> bool:
        return bool(self.oldest) and _captured_on(key) < self.oldest


def verify(lake: Lake, progress: Callable[[str, int], None] = lambda playlist_id, year: None) -> Verdict:
    """Re-read a whole lake and prove it.

    For every day that was tried: the raw document is there and matches its SHA-256; a published day's entries equal,
    row for row, what raw yields with today's code; their number is Spotify's `total`; no position is doubled; a day
    that is not published has no entries; no segment holds a day that nobody committed; among the tables lies nothing
    that is no playlist's.
    """
    verdict = Verdict()
    raw = _Raw(min((_captured_on(key) for _, _, key in lake.raw_keys()), default=""))
    findings = [
        Finding(None, None, f"{lake.store.locate(key)} is no playlist's table; move it away, since readers count it")
        for key in lake.strays()
    ]
    for playlist_id, year in lake.held():
        progress(playlist_id, year)
        try:
            findings.extend(_verify_year(lake, playlist_id, year, verdict, raw))
        except ChartlakeError as error:
            findings.append(Finding(playlist_id, None, error.message))
    verdict.findings = tuple(findings)
    if raw.aged:
        oldest = date.fromisoformat(raw.oldest)
        verdict.notes += (f"Raw of before {oldest} is gone: {counted(raw.aged, 'day')} not proven against it.",)
    if verdict.partial:
        days = counted(verdict.partial, "imported day")
        verdict.notes += (f"{days} may lack entries; the reason of each is in the table snapshots.",)
    return verdict


def _captured_on(raw_key: str) -> str:
    return raw_key.rpartition("/")[2][:8]


def _verify_year(lake: Lake, playlist_id: str, year: int, verdict: Verdict, aged: _Raw) -> Iterator[Finding]:
    committed = {row["snapshot_date"]: row for row in lake.snapshots(playlist_id, year)}
    held: dict[date, Row] = {}
    for key in lake.segment_keys(playlist_id, year):
        for found in lake.segment_days(key):
            day = found["snapshot_date"]
            if day in held:
                yield Finding(playlist_id, day, f"the day stands in two segments, {key} is the second")
            held[day] = found
    for day in sorted(set(held) - {day for day, row in committed.items() if row["status"] in PUBLISHED}):
        yield Finding(playlist_id, day, "entries are there, but no row commits the day (an interrupted run; run again)")
    for day, row in committed.items():
        verdict.days += 1
        for problem in _verify_day(lake, row, held.get(day), verdict, aged):
            yield Finding(playlist_id, day, problem)


def _verify_day(lake: Lake, row: Row, held: Row | None, verdict: Verdict, aged: _Raw) -> Iterator[str]:
    raw, problem = _raw_of(lake, row, aged)
    if problem:
        yield problem
    if row["status"] not in PUBLISHED:
        return
    verdict.published += 1
    verdict.partial += row["position_quality"] == "partial"
    verdict.entries += held["entries"] if held else 0
    yield from _miscounted(row, held)
    if raw is not None and row["status"] == Status.OK:
        yield from _different(lake, row, from_raw(raw, lake.store.locate(row["raw_key"])))


def _raw_of(lake: Lake, row: Row, aged: _Raw) -> tuple[bytes | None, str | None]:
    """A day's raw document, if it has one and it is the one that was committed; else what is wrong with it."""
    key = row["raw_key"]
    if key is None or keys.kept_sha256(key):
        # An imported file is read by those who know its format.
        return None, None
    found = lake.store.get(key)
    if found is None and aged.has_aged(key):
        aged.aged += 1
        return None, None
    if found is None:
        return None, f"its raw document {lake.store.locate(key)} is missing"
    if hashlib.sha256(found.data).hexdigest() != row["raw_sha256"]:
        return None, f"its raw document {lake.store.locate(key)} does not match raw_sha256"
    return found.data, None


def _miscounted(row: Row, held: Row | None) -> Iterator[str]:
    held = held or {"entries": 0, "positions": 0, "captures": None, "capture_id": None}
    if held["entries"] != row["entry_count"]:
        yield f"{held['entries']} entries are there, {row['entry_count']} were committed"
    if row["total"] not in (None, row["entry_count"]) and row["position_quality"] != "partial":
        yield f"{row['entry_count']} entries were committed, Spotify counted {row['total']}"
    if held["positions"] != held["entries"]:
        yield f"{held['entries'] - held['positions']} positions are doubled"
    if held["captures"] not in (None, 1):
        yield f"its entries come from {held['captures']} captures"
    elif row["status"] == Status.OK and held["capture_id"] not in (None, row["capture_id"]):
        yield f"its entries are of capture {held['capture_id']}, and the commit of capture {row['capture_id']}"


def _different(lake: Lake, row: Row, capture: Capture) -> Iterator[str]:
    day, playlist_id = row["snapshot_date"], row["playlist_id"]
    origin = Origin(day, playlist_id, capture.captured_at, capture.capture_id, capture.source)
    try:
        expected = [_canonical(one) for one in entry_rows(capture.pages(), origin)]
    except UnknownEntryShape as error:
        yield f"its raw document cannot be read: {error}"
        return
    stored = [_canonical(to_json(one)) for one in lake.entries(playlist_id, day)]
    different = [place for place, (a, b) in enumerate(zip(expected, stored, strict=False), start=1) if a != b]
    if different:
        yield f"{len(different)} entries differ from what raw yields, the first at position {different[0]}"


def _canonical(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True).replace("+00:00", "Z")
