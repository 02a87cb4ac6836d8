"""Files on their way into the lake: read one by one, written together, their bytes kept before their rows."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import BadImport
from ..lake import keys
from ..lake.lake import Lake, is_imported
from ..lake.schema import FIRST_DAY
from ..spotify.entries import Row
from .bulk import BulkReader, NotPlain
from .day import Day
from .formats.archive_clone import Odd, read_clone
from .formats.archive_json import read_followers
from .imported import ImportedFile, Options
from .kept import LARGE, Lists, ToNote, keep, kept_key, name_to_keep, note, note_key, pack, packed_meanwhile, raw_facts
from .opening import Limits, Opener, opened
from .reader import read_history, table_of
from .staging import Source, Staging, Taken, Wanted, all_days
from .together import Small, Together, small_of

_CHUNK = 1 << 20
# Rows that wait, at least, before they are written; a year of one list's daily charts has 73,000.
_GATHERED_ROWS = 500_000
# What a person looks at before an import.
_FIRST_ROWS = 10


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
        self._bulk = BulkReader(folder, FIRST_DAY, self._staging.last_day)
        self._together = Together()
        # By their digests the keys of files that are new to the lake: of two with the same bytes one is kept.
        self._packed: dict[str, str] = {}
        self._progress: Callable[[float], None] = lambda share: None

    def take(
        self,
        name: str,
        opener: Opener,
        options: Options,
        progress: Callable[[float], None] = lambda share: None,
        wanted: Wanted = all_days,
    ) -> Iterator[ImportedFile]:
        """Read a file, but for days that are not wanted. Its days stand beside those of other sources; what Spotify
        told stays."""
        self._progress = progress
        small = None if options.dry_run else small_of(name, opener, options, wanted)
        if small is None or not self._together.has_room(small):
            yield from self._read_together()
        if small is not None:
            self._together.add(small)
            return
        one = self._attempted(name, lambda: self._read(name, opener, options, wanted))
        if one.has_no_days:
            # The numbers fill in days, which have to be there first.
            yield from self.finish()
            self._progress = progress
            one = self._attempted(name, lambda: self._filled(one, name, opener, wanted))
        yield from self._add([one])

    def take_clone(self, folder: Path, options: Options) -> Iterator[ImportedFile]:
        """Read the states in a clone; their bytes are not kept, since the clone is what keeps them."""
        yield from self._read_together()
        yield from self._add([self._attempted(str(folder), lambda: self._read_clone(folder, options))])

    def refuse(self, name: str, error: BadImport) -> Iterator[ImportedFile]:
        """Let a file that cannot be imported wait for its turn to be told."""
        yield from self._read_together()
        self._waiting.append(_refused(name, error))

    def finish(self) -> Iterator[ImportedFile]:
        """Read and write all that waits: first the bytes of the files, then their rows."""
        yield from self._read_together()
        yield from self._write()

    def _write(self) -> Iterator[ImportedFile]:
        self._keep([(one.keeping, one.taken, one.taken.lists) for one in self._waiting if one.keeping])
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

    def _add(self, those: Sequence[_Waiting]) -> Iterator[ImportedFile]:
        """Let files wait, of which none has to be written before another one."""
        if any(self._staging.has_to_go_before(one.taken) for one in those):
            yield from self._write()
        for one in those:
            self._staging.add(one.taken)
            self._waiting.append(one)
        if self._staging.rows >= _GATHERED_ROWS:
            yield from self._write()

    def _read_together(self) -> Iterator[ImportedFile]:
        """Read the small files that wait for that."""
        files = self._together.take()
        if files:
            sources = [Source(one.name, one.sha256, one.wanted) for one in files]
            blocks = self._bulk.files([(number, one.table, one.text) for number, one in enumerate(files)])
            try:
                found = self._staging.read_blocks(sources, blocks)
            except (NotPlain, OSError):
                found = {}
            yield from self._add([self._read_small(one, found.get(number)) for number, one in enumerate(files)])

    def _read_small(self, one: Small, taken: Taken | None) -> _Waiting:
        """What one of them told; it is read row by row where it is not plain."""
        if taken is None:
            return self._attempted(one.name, lambda: self._read(one.name, one.open, one.options, one.wanted))
        packed = partial(self._pack, one.name, one.open, one.sha256, len(one.data))
        rejects: list[tuple[int, str, str]] | None = [] if one.options.skip_bad else None
        return self._attempted(one.name, lambda: self._taken(one.name, packed, one.options, one.sha256, taken, rejects))

    def _read(self, name: str, opener: Opener, options: Options, wanted: Wanted) -> _Waiting:
        rejects: list[tuple[int, str, str]] | None = [] if options.skip_bad else None
        sha256, size = _measured(opener)

        # Reading takes two thirds of the time, writing the rest.
        def watched() -> BinaryIO:
            return cast(BinaryIO, _Counted(opener(), lambda read: self._progress(2 / 3 * read / max(size, 1))))

        if options.dry_run:
            days = read_history(name, watched, **options.reading(), skip_bad=rejects, limits=options.limits)
            return self._looked_at(name, days, rejects)
        source = Source(name, sha256, wanted)
        with self._packing(name, opener, options, sha256, size) as packed:
            taken = self._in_bulk(watched, options, source)
            if taken is None:
                days = read_history(name, watched, **options.reading(), skip_bad=rejects, limits=options.limits)
                taken = self._staging.read(days, source)
            return self._taken(name, packed, options, sha256, taken, rejects)

    def _packing(
        self, name: str, opener: Opener, options: Options, sha256: str, size: int
    ) -> AbstractContextManager[Callable[[], Path]]:
        """What packs a file. A large one that is new is packed beside its being read, which leaves half of a second
        processor idle."""
        is_new = options.keep and not self._kept_key(sha256)
        if size < LARGE or not is_new:
            return nullcontext(partial(self._pack, name, opener, sha256, size))
        return packed_meanwhile(name, opener, sha256, size, self._new_path())

    def _pack(self, name: str, opener: Opener, sha256: str, size: int) -> Path:
        return pack(name, opener, sha256, size, self._new_path())

    def _in_bulk(self, opener: Opener, options: Options, source: Source) -> Taken | None:
        """What a large file told; None where it is to be read row by row."""
        try:
            table = table_of(source.name, opener, **options.reading(), limits=options.limits)
            if table is None or table.by_column is None or not table.by_column.key:
                return None
            with opened(source.name, opener, options.limits or Limits()) as stream:
                return self._staging.read_blocks([source], self._bulk.blocks(table, stream)).get(0)
        except (BadImport, NotPlain, OSError):
            return None

    def _taken(
        self,
        name: str,
        packed: Callable[[], Path],
        options: Options,
        sha256: str,
        taken: Taken,
        rejects: list[tuple[int, str, str]] | None,
    ) -> _Waiting:
        """A file that was read, with its digest, and how its bytes are to be kept: `packed`."""
        keeping = None if taken.holds_purged else self._keeping(name, packed, options, sha256)
        taken.settle(raw_facts(keeping.raw_key if keeping else None, sha256))
        return _Waiting(_imported(name, taken, rejects), taken, keeping, not taken.formats and not rejects)

    def _looked_at(self, name: str, days: Iterable[Day], rejects: list[tuple[int, str, str]] | None) -> _Waiting:
        """What a file holds, as it would be imported, and its first rows; nothing of it waits."""
        first: list[Row] = []
        taken = self._staging.read(_watched(days, first), Source(name))
        self._staging.discard(taken)
        return _Waiting(replace(_imported(name, taken, rejects), first_rows=tuple(first)), Taken())

    def _keeping(self, name: str, packed: Callable[[], Path], options: Options, sha256: str) -> _Keeping | None:
        held = self._kept_key(sha256)
        if held:
            return _Keeping(held, None, sha256, name, options)
        if not options.keep:
            return None
        path = packed()
        self._packed[sha256] = keys.kept_import(sha256, name)
        return _Keeping(self._packed[sha256], path, sha256, name, options)

    def _kept_key(self, sha256: str) -> str | None:
        return self._packed.get(sha256) or kept_key(self._lake, sha256)

    def _new_path(self) -> Path:
        self._files += 1
        return self._folder / f"{self._files}.gz"

    def _keep(self, files: Iterable[tuple[_Keeping, Taken, Lists]]) -> None:
        """Keep the bytes of files that tell of any list, then note their imports: once more only where one takes the
        place of another file."""
        those = [(keeping, taken, lists) for keeping, taken, lists in files if lists and keeping.options.keep]
        keep(self._lake, {keeping.raw_key: keeping.packed for keeping, _, _ in those if keeping.packed})
        note(self._lake, [self._note_of(*one) for one in those])

    def _note_of(self, keeping: _Keeping, taken: Taken, lists: Lists) -> ToNote:
        told, name = keeping.options.to_json(), name_to_keep(keeping.name)
        key = note_key(keeping.sha256, name, told)
        return ToNote(key, name, told, lists, keeping.options.by, lambda: self._staging.takes_a_place(taken))

    def _read_clone(self, folder: Path, options: Options) -> _Waiting:
        unplaced: list[Odd] = []
        # A clone that is given as "." has a name all the same.
        days = read_clone(folder, unplaced=unplaced, limits=options.limits)
        if options.dry_run:
            return self._looked_at(str(folder), days, None)
        taken = self._staging.read(days, Source(str(folder.resolve())))
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
            self._keep([(one.keeping, one.taken, lists)])
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
