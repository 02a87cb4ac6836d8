"""Proving a lake: every promise about a kept day, checked again from the objects themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Any

from ..errors import ChartlakeError
from ..lake import keys
from ..lake.at_once import in_order
from ..lake.lake import Lake
from ..lake.schema import PUBLISHED, Status
from ..lake.tables import to_json
from ..spotify.capture import Capture, from_raw
from ..spotify.entries import Origin, Row, UnknownEntryShape, entry_rows
from ..text import counted

# As many lists, and as many days of each, are looked at together: at 25 ms a request to S3, sixteen keep the processor
# busy.
_AT_ONCE = 4


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
class _Found:
    """What one list's year adds to the verdict, and on how many days a lifecycle rule has removed the raw document."""

    playlist_id: str
    days: int = 0
    published: int = 0
    entries: int = 0
    partial: int = 0
    aged: int = 0
    findings: list[Finding] = field(default_factory=list)

    def tell(self, day: date | None, problem: str) -> None:
        self.findings.append(Finding(self.playlist_id, day, problem))

    def count(self, row: Row, held: Row | None) -> None:
        """Count a day, given as its row and what its segment holds of it."""
        self.days += 1
        if row["status"] in PUBLISHED:
            self.published += 1
            self.partial += row["position_quality"] == "partial"
            self.entries += held["entries"] if held else 0


def verify(
    lake: Lake, progress: Callable[[str, int], None] = lambda playlist_id, year: None, at_once: int = _AT_ONCE
) -> Verdict:
    """Re-read a whole lake and prove it.

    For every day that was tried: the raw document is there and matches its SHA-256; a published day's entries equal,
    row for row, what raw yields with today's code; their number is Spotify's `total`; no position is doubled; a day
    that is not published has no entries; no segment holds a day that nobody committed; among the tables lies nothing
    that is no playlist's; audio features are told of each track once. Every object is read once, some of them at a
    time; `progress` is told of each list's year that is done.
    """
    proof = _Proof(lake, at_once)
    findings = [
        Finding(None, None, f"{lake.store.locate(key)} is no playlist's table; move it away, since readers count it")
        for key in lake.strays()
    ]
    findings += _of_features(lake)
    verdict, aged = Verdict(), 0
    years = sorted(lake.segments().items())
    for ((playlist_id, year), _), found in zip(years, in_order(proof.of_year, years, at_once), strict=True):
        progress(playlist_id, year)
        verdict.days += found.days
        verdict.published += found.published
        verdict.entries += found.entries
        verdict.partial += found.partial
        aged += found.aged
        findings.extend(found.findings)
    verdict.findings = tuple(findings)
    if aged:
        oldest = date.fromisoformat(proof.oldest)
        verdict.notes += (f"Raw of before {oldest} is gone: {counted(aged, 'day')} not proven against it.",)
    if verdict.partial:
        days = counted(verdict.partial, "imported day")
        verdict.notes += (f"{days} may lack entries; the reason of each is in the table snapshots.",)
    return verdict


def _of_features(lake: Lake) -> list[Finding]:
    where = lake.store.locate(keys.TRACKS_FEATURES)
    try:
        doubled = lake.doubled_features()
    except ChartlakeError as error:
        return [Finding(None, None, error.message)]
    told = f"{where} tells of {counted(doubled, 'track')} twice; delete it and run `chartlake replay`"
    return [Finding(None, None, told)] if doubled else []


class _Proof:
    """The proof of one lake. Objects are fetched several at a time, since most of that is waiting; what is in a raw
    document is unpacked one at a time, since one of a long list takes 200 MB."""

    def __init__(self, lake: Lake, at_once: int) -> None:
        self._lake = lake
        self._at_once = at_once
        self._unpacking = Lock()
        # The day (UTC) of the oldest raw document that is there. Where all that was captured before some day is gone,
        # a lifecycle rule has removed it.
        self.oldest = min((_captured_on(key) for _, _, key in lake.raw_keys()), default="")

    def of_year(self, year: tuple[tuple[str, int], list[str]]) -> _Found:
        """What is true of one list's year, given with its segments."""
        (playlist_id, number), segments = year
        found = _Found(playlist_id)
        try:
            committed = {row["snapshot_date"]: row for row in self._lake.snapshots(playlist_id, number)}
            held = self._held(segments, found)
            for day in sorted(set(held) - {day for day, row in committed.items() if row["status"] in PUBLISHED}):
                found.tell(day, "entries are there, but no row commits the day (an interrupted run; run again)")
            days = [(row, held.get(day)) for day, row in committed.items()]
            proofs = in_order(self._of_day, days, self._at_once)
            for (row, content), (aged, problems) in zip(days, proofs, strict=True):
                found.count(row, content)
                found.aged += aged
                for problem in problems:
                    found.tell(row["snapshot_date"], problem)
        except ChartlakeError as error:
            found.tell(None, error.message)
        return found

    def _held(self, segments: list[str], found: _Found) -> dict[date, Row]:
        """What the segments hold of each day; tells of a day that stands in two."""
        held: dict[date, Row] = {}
        for key in segments:
            for one in self._lake.segment_days(key):
                day = one["snapshot_date"]
                if day in held:
                    found.tell(day, f"the day stands in two segments, {key} is the second")
                held[day] = one
        return held

    def _of_day(self, day: tuple[Row, Row | None]) -> tuple[bool, list[str]]:
        """Whether the raw document of a day has aged away, and what is wrong with the day, given as its row and what
        its segment holds of it."""
        row, held = day
        raw, aged, problems = self._raw_of(row)
        if row["status"] in PUBLISHED:
            problems.extend(_miscounted(row, held))
            if raw is not None and row["status"] == Status.OK:
                with self._unpacking:
                    capture = from_raw(raw, self._lake.store.locate(row["raw_key"]))
                    problems.extend(_different(self._lake, row, held, capture))
        return aged, problems

    def _raw_of(self, row: Row) -> tuple[bytes | None, bool, list[str]]:
        """A day's raw document, if it has one and it is the one that was committed; whether it has aged away; and what
        is wrong with it."""
        key = row["raw_key"]
        if key is None or keys.kept_sha256(key):
            # An imported file is read by those who know its format.
            return None, False, []
        found = self._lake.store.get(key)
        where = self._lake.store.locate(key)
        if found is None and self.oldest and _captured_on(key) < self.oldest:
            return None, True, []
        if found is None:
            return None, False, [f"its raw document {where} is missing"]
        if hashlib.sha256(found.data).hexdigest() != row["raw_sha256"]:
            return None, False, [f"its raw document {where} does not match raw_sha256"]
        return found.data, False, []


def _captured_on(raw_key: str) -> str:
    return raw_key.rpartition("/")[2][:8]


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


def _different(lake: Lake, row: Row, held: Row | None, capture: Capture) -> Iterator[str]:
    day, playlist_id = row["snapshot_date"], row["playlist_id"]
    origin = Origin(day, playlist_id, capture.captured_at, capture.capture_id, capture.source)
    try:
        if lake.digest(playlist_id, day, entry_rows(capture.pages(), origin)) == (held["digest"] if held else None):
            return
    except UnknownEntryShape as error:
        yield f"its raw document cannot be read: {error}"
        return
    expected = [_canonical(one) for one in entry_rows(capture.pages(), origin)]
    stored = [_canonical(to_json(one)) for one in lake.entries(playlist_id, day)]
    different = [place for place, (a, b) in enumerate(zip(expected, stored, strict=False), start=1) if a != b]
    if different:
        yield f"{len(different)} entries differ from what raw yields, the first at position {different[0]}"


def _canonical(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True).replace("+00:00", "Z")
