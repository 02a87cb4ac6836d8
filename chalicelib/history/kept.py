"""The bytes of imported files, each kept once, and beside them how they were imported: the raw of imports.

`raw/imports/<sha256>/<name>.gz` holds a file (one that was gzip already as it is), and a small JSON beside it for each
name and options under which it was read tells who imported it when.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from ..errors import BadImport, DamagedFile
from ..lake import keys
from ..lake.lake import Lake
from ..spotify.entries import Row
from .opening import Opener

# Playlists, each with a first and a last day.
Lists = Mapping[str, tuple[date, date]]

_CHUNK = 1 << 20
_BROKEN = (EOFError, OSError, gzip.zlib.error)  # type: ignore[attr-defined]
# Bytes. Larger files are packed three times as fast, and a tenth larger.
LARGE = 16 << 20


@dataclass(frozen=True)
class Note:
    """How a file was imported: its name, what was said of it, the lists that it tells of, each with its first and last
    day, and each time that it took a place in the lake: when (UTC), and by whom."""

    key: str
    name: str
    options: Mapping[str, Any]
    lists: Lists
    imports: tuple[tuple[datetime, str], ...]

    @property
    def sha256(self) -> str:
        return keys.kept_sha256(self.key) or ""

    def tells_of(self, playlist_id: str | None, first: date, last: date) -> bool:
        """Whether it may hold one of these days (the ends included) of that playlist (None: of any)."""
        lists = (
            self.lists if playlist_id is None else {one: self.lists[one] for one in self.lists if one == playlist_id}
        )
        return any(days[0] <= last and days[1] >= first for days in lists.values())


def note_key(sha256: str, name: str, options: Mapping[str, Any]) -> str:
    told = json.dumps([name, options], sort_keys=True)
    return keys.import_note(sha256, hashlib.sha256(told.encode()).hexdigest()[:16])


def name_to_keep(name: str) -> str:
    """A file's name without the folder of the person whose it is."""
    path, home = Path(name), Path.home()
    return str(path.relative_to(home)) if path.is_relative_to(home) else name


def read_notes(lake: Lake) -> Iterator[Note]:
    """Every note, in the order of their keys. Raises `DamagedFile`."""
    for key in lake.store.list(keys.KEPT_IMPORTS):
        if keys.kept_sha256(key) and key.endswith(".json"):
            yield _note(key, lake.read_state(key), lake.store.locate(key))


def _note(key: str, told: Mapping[str, Any], where: str) -> Note:
    try:
        lists = {one: (date.fromisoformat(days[0]), date.fromisoformat(days[1])) for one, days in told["lists"].items()}
        imports = tuple((datetime.fromisoformat(one["at"]), one["by"]) for one in told["imports"])
        return Note(key, told["name"], told["options"], lists, imports)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DamagedFile(f"{where} is no note of an import: {error!r}.", advice="Import that file again.") from None


def kept_key(lake: Lake, sha256: str) -> str | None:
    """Under which key a file's bytes are kept; None where they are not."""
    return next((key for key in lake.store.list(keys.kept_prefix(sha256)) if key.endswith(".gz")), None)


def pack(
    name: str, opener: Opener, sha256: str, size: int, path: Path, is_unwanted: Callable[[], bool] = lambda: False
) -> Path:
    """Make of a file what is kept, in `path`; of a part of it, as soon as it `is_unwanted`. Raises `BadImport` where it
    is no more what it was when it was read."""
    digest, level = hashlib.sha256(), 6 if size < LARGE else 1
    with opener() as source, path.open("wb") as target:
        chunk = source.read(_CHUNK)
        packed = None if chunk[:2] == b"\x1f\x8b" else gzip.GzipFile("", "wb", level, target, mtime=0)
        with packed or target as file:
            while chunk and not is_unwanted():
                digest.update(chunk)
                file.write(chunk)
                chunk = source.read(_CHUNK)
    if digest.hexdigest() != sha256:
        raise BadImport(name, [(0, "it was changed while it was read")], advice="Import it again when it is finished.")
    return path


@contextmanager
def packed_meanwhile(name: str, opener: Opener, sha256: str, size: int, path: Path) -> Iterator[Callable[[], Path]]:
    """Do `pack` in a thread of its own; gives what waits for the result, which is gone where nobody did."""
    is_over, asked = Event(), []
    try:
        with ThreadPoolExecutor(1) as pool:
            packing = pool.submit(pack, name, opener, sha256, size, path, is_over.is_set)

            def result() -> Path:
                asked.append(packing.result())
                return path

            try:
                yield result
            finally:
                is_over.set()
    finally:
        if not asked:
            path.unlink(missing_ok=True)


def keep(lake: Lake, packed: Mapping[str, Path]) -> None:
    """Put what was packed of files into the lake, by their keys."""
    # What is there already is the same: the key tells what is in it.
    lake.store.add(packed)
    for path in packed.values():
        path.unlink()


@dataclass(frozen=True)
class ToNote:
    """An import that is to be written down, and whether it counts `again` where it is known already."""

    key: str
    name: str
    options: Mapping[str, Any]
    lists: Lists
    by: str
    again: Callable[[], bool]

    def told(self, moment: datetime, before: Mapping[str, Any]) -> dict[str, Any]:
        """The note's JSON, from the one that stood there before."""
        days = {one: [first.isoformat(), last.isoformat()] for one, (first, last) in self.lists.items()}
        imports = [*before.get("imports", []), {"at": moment.astimezone(UTC).isoformat(), "by": self.by}]
        return {"name": self.name, "options": dict(self.options), "lists": days, "imports": imports}


def note(lake: Lake, those: Sequence[ToNote]) -> None:
    """Write down imports, most of them new."""
    first: dict[str, ToNote] = {}
    for one in those:
        first.setdefault(one.key, one)
    known = set(lake.add_states({key: one.told(lake.now(), {}) for key, one in first.items()}))
    for one in those:
        if (one is not first[one.key] or one.key in known) and one.again():
            lake.update_state(one.key, partial(one.told, lake.now()))


def raw_facts(raw_key: str | None, sha256: str) -> Row:
    """What the row of an imported day tells of its raw."""
    return {"raw_key": raw_key, "raw_sha256": sha256 if raw_key else None}


def fetch(lake: Lake, sha256: str, path: Path) -> Opener:
    """Fetch a kept file, proven by its SHA-256, and give what opens it as it was imported. Raises `DamagedFile`."""
    key = kept_key(lake, sha256)
    if key is None or lake.store.download(key, path) is None:
        where = lake.store.locate(keys.kept_prefix(sha256))
        raise DamagedFile(f"The bytes of an imported file are gone from {where}.", advice="Import the file again.")

    def as_it_is() -> BinaryIO:
        return path.open("rb")

    def unpacked() -> BinaryIO:
        return cast(BinaryIO, gzip.open(path))

    for opener in (unpacked, as_it_is):
        if _digest_of(opener) == sha256:
            return opener
    raise DamagedFile(
        f"{lake.store.locate(key)} does not match its SHA-256.",
        advice="Restore it (a bucket keeps versions), or delete it and import the file again.",
    )


def _digest_of(opener: Opener) -> str | None:
    digest = hashlib.sha256()
    try:
        with opener() as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except _BROKEN:
        return None
    return digest.hexdigest()


def keys_to_purge(
    lake: Lake,
    folder: Path,
    before: date,
    playlist_id: str | None,
    user_id: str | None,
    progress: Callable[[str], None],
) -> list[str]:
    """The keys of kept files and their notes that hold what is to go: a day before that one (of the playlist, or of
    any), or with `user_id` that user's id. A file goes as a whole."""
    found: dict[str, None] = {}
    for one in read_notes(lake):
        if one.sha256 in found or not one.tells_of(playlist_id, date.min, before - timedelta(days=1)):
            continue
        progress(one.key)
        if user_id is None or _names(fetch(lake, one.sha256, folder / "kept"), user_id):
            found[one.sha256] = None
    return [key for sha256 in found for key in lake.store.list(keys.kept_prefix(sha256))]


def _names(opener: Opener, user_id: str) -> bool:
    """Whether a file has that id as a value of its own or in a link to a user."""
    forms = b"|".join(re.escape(form.encode()) for form in {user_id, quote(user_id, safe="")})
    pattern = re.compile(rb"(?:[\"',;\t\n]|spotify:user:|/users?/)(?:" + forms + rb")(?=[\"',;?#/<&\s\\)])")
    return any(pattern.search(text) for text in _overlapping(opener, len(quote(user_id, safe="")) + 32))


def _overlapping(opener: Opener, overlap: int) -> Iterable[bytes]:
    """A file in pieces, unpacked, each with the end of the one before it, and a line feed at the end."""
    rest = b""
    with opener() as raw:
        head = raw.read(2)
    with opener() as raw:
        source = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if head == b"\x1f\x8b" else raw
        while chunk := source.read(_CHUNK):
            yield rest + chunk
            rest = (rest + chunk)[-overlap:]
    yield rest + b"\n"
