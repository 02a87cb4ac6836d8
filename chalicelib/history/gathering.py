"""Files on their way into the lake: read one by one, written together, their bytes kept before their rows."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import BadImport
from ..lake import keys
from ..lake.lake import Lake, is_imported
from ..spotify.entries import Row
from .day import Day
from .formats.archive_clone import Odd, read_clone
from .formats.archive_json import read_followers
from .imported import ImportedFile, Options
from .kept import Lists, keep, kept_key, name_to_keep, note, note_key, pack, raw_facts
from .opening import Opener
from .reader import read_history
from .staging import Staging, Taken

_CHUNK = 1 << 20
# Rows that wait, at least, before they are written; a year of one list's daily charts has 73,000.
_GATHERED_ROWS = 500_000
# What a person looks at before an import.
_FIRST_ROWS = 10

# Whether a day of a playlist is asked for.
Wanted = Callable[[str, date], bool]


def _all(playlist_id: str, day: date) -> bool:
    return True


@dataclass(frozen=True)
class _Keeping:
    """How a file's bytes are kept: their key, what goes there (None: they are there), and of what is noted beside
    them what it was."""

    raw_key: str
    packed: Path | None
    sha256: str
    name: str
    options: Options


@dataclass(frozen=True)
class _Waiting:
    """A file all of whose days wait (a refused one has none), and how its bytes are to be kept (None: not). One
    without any day, good or bad, has numbers of followers by day."""

    found: ImportedFile
    taken: Taken
    keeping: _Keeping | None = None
    has_no_days: bool = False


class Gathering:
    """Files whose days wait in a folder until they are written together: all of a file, or nothing of it.

    Each method gives the files that are finished, in the order in which they came.
    """

    def __init__(self, lake: Lake, folder: Path) -> None:
        self._lake = lake
        self._folder = folder
        self._staging = Staging(lake, folder)
        self._waiting: list[_Waiting] = []
        self._files = 0
        # By their digests the keys of files that are new to the lake: of two with the same bytes one is kept.
        self._packed: dict[str, str] = {}
        self._progress: Callable[[float], None] = lambda share: None

    def take(
        self,
        name: str,
        opener: Opener,
        options: Options,
        progress: Callable[[float], None] = lambda share: None,
        wanted: Wanted = _all,
    ) -> Iterator[ImportedFile]:
        """Read a file, but for days that are not wanted. Its days stand beside those of other sources; what Spotify
        told stays."""
        self._progress = progress
        one = self._attempted(name, lambda: self._read(name, opener, options, wanted))
        if one.has_no_days:
            # The numbers fill in days, which have to be there first.
            yield from self.finish()
            self._progress = progress
            one = self._attempted(name, lambda: self._filled(one, name, opener, wanted))
        yield from self._add(one)

    def take_clone(self, folder: Path, options: Options) -> Iterator[ImportedFile]:
        """Read the states in a clone; their bytes are not kept, since the clone is what keeps them."""
        yield from self._add(self._attempted(str(folder), lambda: self._read_clone(folder, options)))

    def refuse(self, name: str, error: BadImport) -> None:
        """Let a file that cannot be imported wait for its turn to be told."""
        self._waiting.append(_refused(name, error))

    def finish(self) -> Iterator[ImportedFile]:
        """Write all that waits: first the bytes of the files, then their rows."""
        for one in self._waiting:
            if one.keeping and one.taken.lists:
                self._keep(one.keeping, one.taken, one.taken.lists)
        changed = self._staging.write(lambda share: self._progress((2 + share) / 3))
        finished, self._waiting = self._waiting, []
        for one in finished:
            yield replace(one.found, changed=one.found.changed + one.taken.changed(changed))

    def _attempted(self, name: str, job: Callable[[], _Waiting]) -> _Waiting:
        try:
            return job()
        except BadImport as error:
            return _refused(name, error)
        except OSError as error:
            return _refused(name, unreadable(name, error))

    def _add(self, one: _Waiting) -> Iterator[ImportedFile]:
        if self._staging.has_to_go_before(one.taken):
            yield from self.finish()
        self._staging.add(one.taken)
        self._waiting.append(one)
        if self._staging.rows >= _GATHERED_ROWS:
            yield from self.finish()

    def _read(self, name: str, opener: Opener, options: Options, wanted: Wanted) -> _Waiting:
        rejects: list[tuple[int, str, str]] | None = [] if options.skip_bad else None
        sha256, size = _measured(opener)

        # Reading takes two thirds of the time, writing the rest.
        def watched() -> BinaryIO:
            return cast(BinaryIO, _Counted(opener(), lambda read: self._progress(2 / 3 * read / max(size, 1))))

        days = read_history(name, watched, **options.reading(), skip_bad=rejects, limits=options.limits)
        if options.dry_run:
            return self._looked_at(name, days, rejects)
        taken = self._staging.read(name, days, sha256, wanted)
        keeping = None if taken.holds_purged else self._keeping(name, opener, options, sha256, size)
        taken.settle(raw_facts(keeping.raw_key if keeping else None, sha256))
        return _Waiting(_imported(name, taken, rejects), taken, keeping, not taken.formats and not rejects)

    def _looked_at(self, name: str, days: Iterable[Day], rejects: list[tuple[int, str, str]] | None) -> _Waiting:
        """What a file holds, as it would be imported, and its first rows; nothing of it waits."""
        first: list[Row] = []
        taken = self._staging.read(name, _watched(days, first), "")
        self._staging.discard(taken)
        return _Waiting(replace(_imported(name, taken, rejects), first_rows=tuple(first)), Taken())

    def _keeping(self, name: str, opener: Opener, options: Options, sha256: str, size: int) -> _Keeping | None:
        held = self._packed.get(sha256) or kept_key(self._lake, sha256)
        if not held and not options.keep:
            return None
        if held:
            return _Keeping(held, None, sha256, name, options)
        self._files += 1
        packed = self._folder / f"{self._files}.gz"
        pack(name, opener, sha256, size, packed)
        self._packed[sha256] = keys.kept_import(sha256, name)
        return _Keeping(self._packed[sha256], packed, sha256, name, options)

    def _keep(self, keeping: _Keeping, taken: Taken, lists: Lists) -> None:
        """Keep a file's bytes, and note its import: once more only where it takes the place of another file."""
        if keeping.options.keep:
            keep(self._lake, keeping.raw_key, keeping.packed)
            told, by = keeping.options.to_json(), keeping.options.by
            name = name_to_keep(keeping.name)
            key = note_key(keeping.sha256, name, told)
            note(self._lake, key, name, told, lists, by, lambda: self._staging.takes_a_place(taken))

    def _read_clone(self, folder: Path, options: Options) -> _Waiting:
        unplaced: list[Odd] = []
        # A clone that is given as "." has a name all the same.
        days = read_clone(folder, unplaced=unplaced, limits=options.limits)
        if options.dry_run:
            return self._looked_at(str(folder), days, None)
        taken = self._staging.read(str(folder.resolve()), days, "")
        found = _imported(str(folder), taken, None)
        strays = ((odd.version.path, odd.version.moment.date(), odd.reason) for odd in unplaced)
        return _Waiting(replace(found, remarks=(*found.remarks, *strays)), taken)

    def _filled(self, one: _Waiting, name: str, opener: Opener, wanted: Wanted) -> _Waiting:
        """Fill in the follower counts of imported days; a count alone makes no day, since it tells nothing of the
        list."""
        followers = read_followers(name, opener)
        playlist_id = followers.playlist_id
        if playlist_id is None:
            raise BadImport(name, [(0, "its name has no playlist id")], advice="Name it <playlist id>.json.")
        if one.keeping and followers.counts:
            lists = {playlist_id: (min(followers.counts), max(followers.counts))}
            self._keep(one.keeping, one.taken, lists)
        changed = 0
        for year in sorted({day.year for day in followers.counts}):
            fill = {
                day: partial(_with_followers, count)
                for day, count in followers.counts.items()
                if day.year == year and wanted(playlist_id, day)
            }
            changed += self._lake.amend(playlist_id, year, fill)
        found = ImportedFile(name, "archive-followers", (playlist_id,), len(followers.counts), 0, changed)
        return _Waiting(found, Taken())


def _watched(days: Iterable[Day], first: list[Row]) -> Iterator[Day]:
    """The days, of whose rows the first ones are put into `first`."""
    for day in days:
        key = {"snapshot_date": day.snapshot_date.isoformat(), "playlist_id": day.playlist_id}
        first += [key | row for row in day.rows[: _FIRST_ROWS - len(first)]]
        yield day


def _with_followers(count: int, row: Row) -> Row:
    return row | {"followers": count} if is_imported(row) and row["followers"] is None else row


def _refused(name: str, error: BadImport) -> _Waiting:
    return _Waiting(ImportedFile(name, "", error=error), Taken())


def unreadable(name: str, error: OSError) -> BadImport:
    """Why a file, or the folder for its rows, failed the operating system."""
    if error.errno == errno.ENOSPC:
        folder = tempfile.gettempdir()
        return BadImport(name, [(0, f"its rows find no room in {folder}")], advice="Make room, or set TMPDIR.")
    return BadImport(
        name, [(0, f"it cannot be read: {error.strerror or error}")], advice="Check the path and its rights."
    )


def _imported(name: str, taken: Taken, rejects: list[tuple[int, str, str]] | None) -> ImportedFile:
    return ImportedFile(
        name,
        ", ".join(taken.formats),
        tuple(taken.lists),
        taken.days,
        taken.rows,
        purged=taken.purged,
        rejects=tuple(rejects or ()),
        remarks=tuple(taken.remarks),
    )


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
