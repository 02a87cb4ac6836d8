"""The promise, looked at after every change of the lake: what stands there was true once, and is whole."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.lake import keys
from chalicelib.lake.schema import PUBLISHED, Status

from .memory import Table
from .schedule import Broken, Process, Schedule
from .spotify import Spotify, State

Row = dict[str, Any]
Day = tuple[str, date]


@dataclass
class Purging:
    """What a purge of the days before a day has to remove: the (day, capture) that were there when it began; and what
    it has removed from which table. What another process replaces meanwhile was not removed by it."""

    playlist_id: str
    before: date
    doomed: set[tuple[date, str]]
    process: Process | None
    removed: set[tuple[str, date, str]] = field(default_factory=set)
    ended: bool = False


class Promise:
    """Sees every change, and raises `Broken` at the first one after which the lake would mislead a reader."""

    def __init__(self, spotify: Spotify, schedule: Schedule, timezone: ZoneInfo, files: Mapping[bytes, Table]) -> None:
        self._spotify = spotify
        self._schedule = schedule
        self._timezone = timezone
        self._files = files
        self.objects: dict[str, bytes] = {}
        self.checks = 0
        # What each capture may have seen: the states that its list had while it was read.
        self._truth: dict[str, set[State] | None] = {}
        self._imported: dict[tuple[str, date, str], State] = {}
        self._best: dict[Day, Row] = {}
        # Who has put each mark of a day, the last of several that replayed one document at the same moment.
        self._marked_by: dict[tuple[str, date, str], Process] = {}
        self._purges: list[Purging] = []
        self._resting = False

    def watch(self, key: str, before: bytes | None, after: bytes | None) -> None:
        """Look at the lake after one object of it has changed."""
        if key.startswith(keys.RAW):
            self._raw(key, before, after)
            return
        owner = keys.snapshots_owner(key) or keys.segment_owner(key)
        if owner is None:
            return
        for purging in self._purges:
            if owner[0] == purging.playlist_id and purging.process is self._schedule.current:
                gone = purging.doomed & (self._captures(before) - self._captures(after))
                purging.removed |= {(_table_of(key), *one) for one in gone}
        if key.startswith(keys.SNAPSHOTS) and self._schedule.current is not None:
            fresh = self._marks(after) - self._marks(before)
            self._marked_by |= {(owner[0], *one): self._schedule.current for one in fresh}
        self._check(*owner)

    def sent(self, key: str) -> None:
        """A process sends an object: the reading that a raw document holds has ended."""
        owner, process = keys.raw_owner(key), self._schedule.current
        if owner and process and owner[0] in process.asked:
            playlist = self._spotify.playlists[owner[0]]
            seen = set(playlist.states[process.asked[owner[0]] :])
            self._truth[_capture_of(key)] = None if playlist.snapshot_ids == "stuck" else seen

    def imports(self, playlist_id: str, day: date, data: bytes, state: State) -> None:
        """An import of this file is about to begin."""
        self._imported[playlist_id, day, hashlib.sha256(data).hexdigest()[:16]] = state

    def ended_well(self, process: Process) -> None:
        """A process has ended, and no call of the store has failed it: it has nothing in hand any more."""
        for playlist_id, day, mark in [those for those, by in self._marked_by.items() if by is process]:
            row = self.rows(playlist_id, day.year).get(day)
            if row and mark in (row["replacing"] or "").split():
                raise Broken(f"{process} has ended, and its mark {mark} is on {playlist_id} {day}")

    def published(self, row: Row) -> None:
        """A run has told somebody that this day is there."""
        day = row["playlist_id"], row["snapshot_date"]
        if day not in self._best or _worth(self._best[day]) < _worth(row):
            self._best[day] = row

    def purge_begins(self, playlist_id: str, before: date) -> Purging:
        found: set[tuple[date, str]] = set()
        for key, data in self.objects.items():
            owner = keys.snapshots_owner(key) or keys.segment_owner(key)
            if owner and owner[0] == playlist_id:
                found |= {one for one in self._captures(data) if one[0] < before}
            raw = keys.raw_owner(key)
            if raw and raw[0] == playlist_id and raw[1] < before:
                found.add((raw[1], _capture_of(key)))
        purging = Purging(playlist_id, before, found, self._schedule.current)
        self._purges.append(purging)
        self._best = {day: row for day, row in self._best.items() if day[0] != playlist_id or day[1] >= before}
        return purging

    def purge_ended(self, purging: Purging) -> None:
        purging.removed |= {(table, *one) for one in purging.doomed for table in (keys.SNAPSHOTS, keys.ENTRIES)}
        purging.ended = True
        for year in (purging.before.year - 1, purging.before.year):
            self._check(purging.playlist_id, year)
        left = [key for key in self.objects if self._is_raw_of(purging, key)]
        if left:
            raise Broken(f"{left[0]} was purged and is there")

    def at_rest(self) -> None:
        """Everything that holds when nothing runs any more, and the next day's runs have ended."""
        self._resting = True
        for key in list(self.objects):
            owner = keys.snapshots_owner(key) or keys.segment_owner(key)
            if owner:
                self._check(*owner)
        for (playlist_id, day), told in self._best.items():
            row = self.rows(playlist_id, day.year).get(day)
            if row is None or _worth(row) < _worth(told):
                raise Broken(f"{playlist_id} {day} was told as done by capture {told['capture_id']}, and is {row}")

    def rows(self, playlist_id: str, year: int) -> dict[date, Row]:
        """The rows of a list's year, by day."""
        data = self.objects.get(keys.snapshots(playlist_id, year))
        return {row["snapshot_date"]: row for row in self._files[data]} if data else {}

    def _raw(self, key: str, before: bytes | None, after: bytes | None) -> None:
        if keys.kept_sha256(key) and key.endswith(".json"):
            # The note beside a kept file, which tells each time that it was imported.
            return
        if before is not None and after is not None and before != after:
            raise Broken(f"{key} was written over")

    def _captures(self, data: bytes | None) -> set[tuple[date, str]]:
        rows = self._files[data] if data else []
        return {(row["snapshot_date"], row["capture_id"]) for row in rows if row["capture_id"]}

    def _marks(self, data: bytes | None) -> set[tuple[date, str]]:
        rows = self._files[data] if data else []
        return {(row["snapshot_date"], mark) for row in rows if row["replacing"] for mark in row["replacing"].split()}

    def _is_purged_raw(self, key: str) -> bool:
        return any(self._is_raw_of(purging, key) for purging in self._purges)

    def _is_raw_of(self, purging: Purging, key: str) -> bool:
        raw = keys.raw_owner(key)
        return raw is not None and raw[0] == purging.playlist_id and (raw[1], _capture_of(key)) in purging.doomed

    def _check(self, playlist_id: str, year: int) -> None:
        self.checks += 1
        held = self._entries(playlist_id, year)
        rows = self.rows(playlist_id, year)
        for day, entries in held.items():
            self._check_entries(playlist_id, day, entries)
        for day, row in rows.items():
            self._check_row(playlist_id, day, row, held.get(day, []))
        for (owner, day), best in self._best.items():
            if owner == playlist_id and day.year == year:
                self._check_kept(day, best, rows.get(day))

    def _entries(self, playlist_id: str, year: int) -> dict[date, Table]:
        found: dict[date, Table] = defaultdict(list)
        for key in (key for key in self.objects if keys.segment_owner(key) == (playlist_id, year)):
            here: dict[date, Table] = defaultdict(list)
            for row in self._files[self.objects[key]]:
                here[row["snapshot_date"]].append(row)
            for day, rows in here.items():
                if day in found:
                    raise Broken(f"{playlist_id} {day} stands in two segments")
                found[day] = rows
        return found

    def _check_entries(self, playlist_id: str, day: date, entries: Table) -> None:
        """Whoever reads all files of entries sees complete days only."""
        name = f"the entries of {playlist_id} {day}"
        captures = {row["capture_id"] for row in entries}
        if len(captures) != 1:
            raise Broken(f"{name} are of captures {captures}")
        (capture_id,) = captures
        self._check_purged(keys.ENTRIES, playlist_id, day, capture_id)
        if [row["position"] for row in entries] != list(range(1, len(entries) + 1)):
            raise Broken(f"{name} stand at {[row['position'] for row in entries]}")
        self._check_truth(name, playlist_id, day, capture_id, entries)

    def _check_truth(self, name: str, playlist_id: str, day: date, capture_id: str, entries: Table) -> None:
        content = tuple(row["name"] for row in entries)
        if (playlist_id, day, capture_id) in self._imported:
            if content != self._imported[playlist_id, day, capture_id]:
                raise Broken(f"{name} are not those of the file")
            return
        truth = self._truth.get(capture_id, set())
        if truth is not None and content not in truth:
            raise Broken(f"{name} were never on the list while capture {capture_id} was taken: {content}")

    def _check_row(self, playlist_id: str, day: date, row: Row, entries: Table) -> None:
        name = f"{playlist_id} {day}, {row['status']}, capture {row['capture_id']}"
        if row["capture_id"]:
            self._check_purged(keys.SNAPSHOTS, playlist_id, day, row["capture_id"])
        imported = (row["source"] or "").startswith("import:")
        if not imported and not row["replacing"] and row["captured_at"].astimezone(self._timezone).date() != day:
            raise Broken(f"{name} was captured at {row['captured_at']}")
        if row["status"] not in PUBLISHED:
            return
        self._check_raw(name, row)
        if row["replacing"]:
            return
        if entries and row["entry_count"] == 0 and not self._resting:
            # Entries that take the place of none leave no mark; a reader is told that the day is being written, and the
            # next run looks at every empty day.
            return
        if len(entries) != row["entry_count"] or row["total"] not in (None, row["entry_count"]):
            raise Broken(f"{name}: {len(entries)} entries, {row['entry_count']} committed, {row['total']} counted")
        if row["status"] == Status.OK and {one["capture_id"] for one in entries} - {row["capture_id"]}:
            raise Broken(f"{name}: its entries are of capture {entries[0]['capture_id']}, and no mark says so")
        self._check_truth(f"the committed entries of {name}", playlist_id, day, row["capture_id"], entries)
        self.published(row)

    def _check_raw(self, name: str, row: Row) -> None:
        key = row["raw_key"]
        if key is None or (key not in self.objects and self._is_purged_raw(key)):
            return
        data = self.objects.get(key)
        if data is None:
            raise Broken(f"{name}: its raw document is gone")
        # A kept file is known by what it was before it was packed.
        document = gzip.decompress(data) if keys.kept_sha256(key) else data
        if hashlib.sha256(document).hexdigest() != row["raw_sha256"]:
            raise Broken(f"{name}: its raw document is another one")

    def _check_kept(self, day: date, best: Row, row: Row | None) -> None:
        name = f"{best['playlist_id']} {day}"
        if row is None or row["status"] not in PUBLISHED:
            raise Broken(f"{name} was published, and is {row['status'] if row else 'gone'}")
        if (row["source"] or "").startswith("import:") and not (best["source"] or "").startswith("import:"):
            raise Broken(f"{name}: an import took the place of capture {best['capture_id']}")

    def _check_purged(self, table: str, playlist_id: str, day: date, capture_id: str) -> None:
        for purging in self._purges:
            # Whatever file a day comes from, it is the one that was purged.
            imported = purging.ended and day < purging.before and (playlist_id, day, capture_id) in self._imported
            if purging.playlist_id == playlist_id and (imported or (table, day, capture_id) in purging.removed):
                raise Broken(f"{playlist_id} {day}, capture {capture_id}, was purged and came back")


def ban_of(data: bytes | None) -> datetime | None:
    """The moment before which Spotify wants no request, as the lake's own state tells it."""
    until = json.loads(data).get("not_before") if data else None
    return datetime.fromisoformat(until) if until else None


def _table_of(key: str) -> str:
    return keys.SNAPSHOTS if key.startswith(keys.SNAPSHOTS) else keys.ENTRIES


def _worth(row: Row) -> tuple[bool, bool, datetime]:
    return not (row["source"] or "").startswith("import:"), row["status"] == Status.OK, row["captured_at"]


def _capture_of(raw_key: str) -> str:
    return raw_key.rpartition("-")[2].removesuffix(".json.gz")
