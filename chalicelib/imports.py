"""Bringing history in: foreign files to days of the lake, all of a file or nothing of it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, BinaryIO

from .days import empty_row
from .entries import Row
from .errors import BadImport
from .history import Day, Followers, expand, read_clone, read_followers, read_history
from .lake.lake import Lake, Rank, rank
from .lake.schema import Status
from .tombstones import Tombstones, read_tombstones

Opener = Callable[[], BinaryIO]
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ImportedFile:
    """What became of one file: its days and rows, how many of the days are new or other than before, how
    many were left out because they were purged, its rejects."""

    name: str
    format: str
    days: int = 0
    rows: int = 0
    changed: int = 0
    purged: int = 0
    rejects: tuple[tuple[int, str, str], ...] = field(default=(), repr=False)
    error: BadImport | None = None

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "file": self.name,
            "format": self.format,
            "days": self.days,
            "rows": self.rows,
            "changed": self.changed,
            "purged": self.purged,
            "rejected": len(self.rejects),
        }
        if self.error:
            found |= {"error": self.error.message, "advice": self.error.advice, "problems": self.error.problems}
        return found


@dataclass(frozen=True)
class Options:
    """What a person says about the files: their day and region, and whether bad lines may be left out."""

    day: date | None = None
    region: str | None = None
    skip_bad: bool = False


def import_path(lake: Lake, path: Path, options: Options | None = None) -> Iterator[ImportedFile]:
    """Import a file, a ZIP archive, a folder of files, or a git clone of a playlist archive; yields file by file.

    A file that cannot be imported is an `ImportedFile` with its `BadImport`; the others are not held up by it.
    """
    options = options or Options()
    if (path / ".git").exists():
        yield _attempted(str(path), lambda: _import_clone(lake, path, options))
        return
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for file in files:
        try:
            members = expand(str(file), file)
        except BadImport as error:
            yield ImportedFile(str(file), "", error=error)
            continue
        except OSError as error:
            yield ImportedFile(str(file), "", error=_unreadable(str(file), error))
            continue
        for name, opener in members:
            yield import_file(lake, name, opener, options)


def import_file(lake: Lake, name: str, opener: Opener, options: Options | None = None) -> ImportedFile:
    """Import one file into the lake. Its days stand beside those of other sources; what Spotify told stays."""
    told = options or Options()
    return _attempted(name, lambda: _import_file(lake, name, opener, told))


def _attempted(name: str, job: Callable[[], ImportedFile]) -> ImportedFile:
    try:
        return job()
    except BadImport as error:
        return ImportedFile(name, "", error=error)
    except OSError as error:
        return ImportedFile(name, "", error=_unreadable(name, error))


def _unreadable(name: str, error: OSError) -> BadImport:
    return BadImport(
        name, [(0, f"it cannot be read: {error.strerror or error}")], advice="Check the path and its rights."
    )


def _import_file(lake: Lake, name: str, opener: Opener, options: Options) -> ImportedFile:
    rejects: list[tuple[int, str, str]] | None = [] if options.skip_bad else None
    days = read_history(name, opener, day=options.day, region=options.region, skip_bad=rejects)
    found = _store(lake, name, days, _digest(opener))
    if not found.format and not rejects:
        return _import_followers(lake, name, read_followers(name, opener))
    return found if not rejects else ImportedFile(**{**found.__dict__, "rejects": tuple(rejects)})


def _import_clone(lake: Lake, folder: Path, options: Options) -> ImportedFile:
    rejects: list[tuple[int, str, str]] | None = [] if options.skip_bad else None
    found = _store(lake, folder.name, read_clone(folder, skip_bad=rejects), "")
    return ImportedFile(**{**found.__dict__, "rejects": tuple(rejects or ())})


def _import_followers(lake: Lake, name: str, followers: Followers) -> ImportedFile:
    """Fill in the follower counts of imported days; a count alone makes no day, since it tells nothing of the list."""
    if followers.playlist_id is None:
        raise BadImport(name, [(0, "its name has no playlist id")], advice="Name it <playlist id>.json.")
    changed = 0
    for year in sorted({day.year for day in followers.counts}):
        rows = [
            row | {"followers": followers.counts[row["snapshot_date"]]}
            for row in lake.snapshots(followers.playlist_id, year)
            if (row["source"] or "").startswith("import:")
            and row["followers"] is None
            and row["snapshot_date"] in followers.counts
        ]
        if rows:
            changed += len(lake.put_snapshots(followers.playlist_id, year, rows))
    return ImportedFile(name, "archive-followers", len(followers.counts), 0, changed)


@dataclass
class _Staged:
    """The days of one playlist's year while a file is read: their rows in a file, the rest of them here."""

    path: Path
    snapshots: dict[date, Row] = field(default_factory=dict)
    ranks: dict[date, Rank] = field(default_factory=dict)


def _store(lake: Lake, name: str, days: Iterable[Day], digest: str) -> ImportedFile:
    """Stage everything on disk first, so that a fault at the end of a file leaves the lake as it was, and memory holds
    one day at a time."""
    staged: dict[tuple[str, int], _Staged] = {}
    formats: dict[str, None] = {}
    purged = read_tombstones(lake)
    count = rows = left_out = 0
    with tempfile.TemporaryDirectory(prefix="chartlake-") as folder:
        for day in days:
            formats[day.format] = None
            if purged.covers(day.playlist_id, day.snapshot_date):
                left_out += 1
                continue
            key = (day.playlist_id, day.snapshot_date.year)
            target = staged.setdefault(key, _Staged(Path(folder) / f"{len(staged)}.ndjson"))
            _stage(target, _without_users(day, purged), name, digest)
            count, rows = count + 1, rows + len(day.rows)
        changed = sum(_place(lake, playlist_id, year, one) for (playlist_id, year), one in sorted(staged.items()))
    return ImportedFile(name, ", ".join(formats), count, rows, changed, left_out)


def _without_users(day: Day, purged: Tombstones) -> Day:
    if not purged.users:
        return day
    rows = [purged.entry_without_users(row, day.snapshot_date) for row in day.rows]
    return replace(day, rows=rows, facts=purged.facts_without_users(day.facts, day.snapshot_date))


def _stage(target: _Staged, day: Day, name: str, digest: str) -> None:
    # The start of the day where the format tells no moment: the same file always gives the same rows.
    captured_at = day.moment or datetime.combine(day.snapshot_date, time.min, UTC)
    source = f"import:{day.format}:{name.rsplit('/', 1)[-1]}"
    capture_id = (day.origin or digest)[:16]
    common = {
        "snapshot_date": day.snapshot_date.isoformat(),
        "playlist_id": day.playlist_id,
        "captured_at": captured_at.isoformat(),
        "capture_id": capture_id,
        "source": source,
    }
    with target.path.open("ab") as file:
        # Without its nulls, which most columns of a chart are, a row is written and read twice as fast.
        told = ({name: value for name, value in row.items() if value is not None} for row in day.rows)
        file.writelines(json.dumps(row | common).encode() + b"\n" for row in told)
    target.ranks[day.snapshot_date] = rank(source, captured_at)
    target.snapshots[day.snapshot_date] = (
        empty_row(day.playlist_id, day.snapshot_date, captured_at)
        | day.facts
        | {
            "entry_count": len(day.rows),
            "status": Status.OK,
            "capture_id": capture_id,
            "source": source,
            "position_quality": day.position_quality,
        }
    )


def _place(lake: Lake, playlist_id: str, year: int, staged: _Staged) -> int:
    """Entries first, then their commit; gives how many days are new or other than before."""
    before = lake.fingerprints(playlist_id, year)
    keys = lake.put_days(playlist_id, staged.ranks, staged.path)
    snapshots = [row | {"entries_key": keys[day]} for day, row in sorted(staged.snapshots.items())]
    lake.put_snapshots(playlist_id, year, snapshots)
    if not before:
        return len(staged.ranks)
    after = lake.fingerprints(playlist_id, year)
    return sum(before.get(day) != after.get(day) for day in staged.ranks)


def _digest(opener: Opener) -> str:
    digest = hashlib.sha256()
    with opener() as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
