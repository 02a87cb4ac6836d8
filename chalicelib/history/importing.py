"""Bringing history in: foreign files to days of the lake, all of a file or nothing of it."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import BadImport
from ..lake.lake import Lake, is_imported
from ..safe_files import replace_file
from ..spotify.entries import Row
from .formats.archive_clone import Odd, read_clone
from .formats.archive_json import Followers, read_followers
from .opening import Limits, expand
from .reader import read_history
from .staging import Kept, keep_days

Opener = Callable[[], BinaryIO]
# Takes the name of a file, and how much of the work on it is done (0 to 1).
Progress = Callable[[str, float], None]
_CHUNK = 1 << 20
# A large file of short days has thousands; the table `snapshots` holds them all.
_MOST_REMARKS = 100


@dataclass(frozen=True)
class ImportedFile:
    """What became of one file: the playlists that it tells of, its days and rows, how many of the days are new or other
    than before, how many were left out because they were purged, its rejects; and what is to be said of single days, as
    (playlist, day, reason): places that are missing, or why it is a gap."""

    name: str
    format: str
    playlists: tuple[str, ...] = ()
    days: int = 0
    rows: int = 0
    changed: int = 0
    purged: int = 0
    rejects: tuple[tuple[int, str, str], ...] = field(default=(), repr=False)
    remarks: tuple[tuple[str, date, str], ...] = field(default=(), repr=False)
    error: BadImport | None = None

    @property
    def rejects_path(self) -> Path:
        """Where its rejects are kept: beside it, or beside the archive that it lies in."""
        path = Path(self.name)
        archive = next((folder for folder in path.parents if folder.is_file()), None)
        if archive is None:
            return Path(f"{path}.rejects")
        return archive.with_name(f"{archive.name}--{'--'.join(path.relative_to(archive).parts)}.rejects")

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "file": self.name,
            "format": self.format,
            "playlists": list(self.playlists),
            "days": self.days,
            "rows": self.rows,
            "changed": self.changed,
            "purged": self.purged,
            "rejected": len(self.rejects),
            "remarks": [
                {"playlist_id": one, "snapshot_date": day.isoformat(), "reason": reason}
                for one, day, reason in self.remarks[:_MOST_REMARKS]
            ],
        }
        if self.error:
            found |= {"error": self.error.message, "advice": self.error.advice, "problems": self.error.problems}
        return found


@dataclass(frozen=True)
class Options:
    """What a person says about the files: their day and region, and whether bad lines may be left out; and how large
    they may be."""

    day: date | None = None
    region: str | None = None
    skip_bad: bool = False
    limits: Limits | None = None


def import_path(
    lake: Lake,
    path: Path,
    options: Options | None = None,
    progress: Progress = lambda name, share: None,
    name: str | None = None,
) -> Iterator[ImportedFile]:
    """Import a file, a ZIP archive, a folder of files, or a git clone of a playlist archive; yields file by file.

    A file that cannot be imported is an `ImportedFile` with its `BadImport`; the others are not held up by it. So is a
    link in a folder: it may lead anywhere. `name` is that of a single file, where it lies under another one.
    """
    options = options or Options()
    if (path / ".git").exists():
        yield _attempted(str(path), lambda: _import_clone(lake, path, options))
        files = _follower_counts(path)
    else:
        files = list(_files_in(path))
    for file in sorted(files, key=lambda one: _order(str(one))):
        called = name or str(file)
        if file != path and file.is_symlink():
            yield ImportedFile(called, "", error=_is_link(called))
            continue
        try:
            members = expand(called, file, options.limits)
        except BadImport as error:
            yield ImportedFile(called, "", error=error)
            continue
        except OSError as error:
            yield ImportedFile(called, "", error=_unreadable(called, error))
            continue
        for inner, opener in sorted(members, key=lambda one: _order(one[0])):
            yield import_file(lake, inner, opener, options, partial(progress, inner))


def _follower_counts(clone: Path) -> list[Path]:
    folders = (clone / "playlists", clone / "playlists" / "followers")
    return next(([one] for one in folders if one.is_symlink()), list(folders[-1].glob("*.json")))


def _files_in(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in path.rglob("*"):
        if (file.is_symlink() or file.is_file()) and not is_clutter(str(file)):
            yield file


def _is_link(name: str) -> BadImport:
    return BadImport(
        name,
        [(0, "it is a link, and may lead out of the folder")],
        advice="Name the file or folder that it leads to, if you want that imported.",
    )


def is_clutter(name: str) -> bool:
    """Whether a file among others is none that anybody meant to import: a system's own, or what an import left."""
    return name.rpartition("/")[2].startswith(".") or name.endswith(".rejects")


def _order(name: str) -> tuple[bool, str]:
    # Follower counts fill in days, which have to be there first.
    return "/followers/" in name, name


def import_file(
    lake: Lake,
    name: str,
    opener: Opener,
    options: Options | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> ImportedFile:
    """Import one file into the lake. Its days stand beside those of other sources; what Spotify told stays."""
    told = options or Options()
    return _attempted(name, lambda: _import_file(lake, name, opener, told, progress))


def _attempted(name: str, job: Callable[[], ImportedFile]) -> ImportedFile:
    try:
        return job()
    except BadImport as error:
        return ImportedFile(name, "", error=error)
    except OSError as error:
        return ImportedFile(name, "", error=_unreadable(name, error))


def _unreadable(name: str, error: OSError) -> BadImport:
    if error.errno == errno.ENOSPC:
        folder = tempfile.gettempdir()
        return BadImport(name, [(0, f"its rows find no room in {folder}")], advice="Make room, or set TMPDIR.")
    return BadImport(
        name, [(0, f"it cannot be read: {error.strerror or error}")], advice="Check the path and its rights."
    )


def _import_file(
    lake: Lake, name: str, opener: Opener, options: Options, progress: Callable[[float], None]
) -> ImportedFile:
    rejects: list[tuple[int, str, str]] | None = [] if options.skip_bad else None
    digest, size = _measured(opener)

    # Reading takes two thirds of the time, writing the rest.
    def watched() -> BinaryIO:
        return cast(BinaryIO, _Counted(opener(), lambda read: progress(2 / 3 * read / max(size, 1))))

    days = read_history(name, watched, day=options.day, region=options.region, skip_bad=rejects, limits=options.limits)
    kept = keep_days(lake, name, days, digest, lambda share: progress((2 + share) / 3))
    if not kept.formats and not rejects:
        return _import_followers(lake, name, read_followers(name, opener))
    return _imported(name, kept, rejects)


def _import_clone(lake: Lake, folder: Path, options: Options) -> ImportedFile:
    unplaced: list[Odd] = []
    # A clone that is given as "." has a name all the same.
    kept = keep_days(lake, str(folder.resolve()), read_clone(folder, unplaced=unplaced, limits=options.limits), "")
    found = _imported(str(folder), kept, None)
    strays = ((odd.version.path, odd.version.moment.date(), odd.reason) for odd in unplaced)
    return replace(found, remarks=(*found.remarks, *strays))


def _imported(name: str, kept: Kept, rejects: list[tuple[int, str, str]] | None) -> ImportedFile:
    return ImportedFile(
        name,
        ", ".join(kept.formats),
        kept.playlists,
        kept.days,
        kept.rows,
        kept.changed,
        kept.purged,
        tuple(rejects or ()),
        kept.remarks,
    )


def _import_followers(lake: Lake, name: str, followers: Followers) -> ImportedFile:
    """Fill in the follower counts of imported days; a count alone makes no day, since it tells nothing of the list."""
    if followers.playlist_id is None:
        raise BadImport(name, [(0, "its name has no playlist id")], advice="Name it <playlist id>.json.")
    changed = 0
    for year in sorted({day.year for day in followers.counts}):
        fill = {day: partial(_with_followers, count) for day, count in followers.counts.items() if day.year == year}
        changed += lake.amend(followers.playlist_id, year, fill)
    return ImportedFile(name, "archive-followers", (followers.playlist_id,), len(followers.counts), 0, changed)


def _with_followers(count: int, row: Row) -> Row:
    return row | {"followers": count} if is_imported(row) and row["followers"] is None else row


def keep_rejects(found: ImportedFile) -> None:
    """Write the bad lines of a file, each with its number and the reason. Raises `BadImport` where that fails."""
    if not found.rejects:
        return
    lines = "".join(f"{line}\t{reason}\t{text.rstrip()}\n" for line, reason, text in found.rejects)
    try:
        replace_file(found.rejects_path, lines.encode("utf-8", "replace"))
    except OSError as error:
        raise BadImport(
            found.name,
            [(0, f"its bad lines cannot be kept in {found.rejects_path}: {error.strerror or error}")],
            advice="Its good lines are imported; run it again where that file can be written.",
        ) from error


class _Counted:
    """A stream of bytes that tells how many of them were read."""

    def __init__(self, stream: BinaryIO, tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell
        self._count = 0

    def __enter__(self) -> _Counted:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._count += len(data)
        self._tell(self._count)
        return data


def _measured(opener: Opener) -> tuple[str, int]:
    """The SHA-256 of a file's bytes, and how many they are."""
    digest, size = hashlib.sha256(), 0
    with opener() as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
