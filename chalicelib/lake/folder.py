"""A lake in a folder, with the same promises as S3."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ..errors import DamagedFile, LakeUnavailable
from ..safe_files import (
    PRIVATE_FOLDER,
    LeadsAway,
    copy_file,
    files_below,
    is_unfinished,
    open_file,
    open_folder,
    parts_of,
    read_file,
    write_file,
)
from .at_once import in_order
from .store import Conflict, Stored

# New files that are written at the same time.
_AT_ONCE = 8
# What flock answers where it is not known: some network and user-space file systems.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FolderStore:
    """Objects as files: written beside their place and renamed into it, one writer at a time in all processes.

    Files and folders are private to their owner. Links below the folder are nobody's objects: neither listed nor
    followed; a key that goes through one, or out of the folder, is a `DamagedFile`.
    """

    def __init__(self, path: str) -> None:
        self._root = Path(path).expanduser().resolve()
        # A soft lock in its place would stay for ever when its process is killed.
        self._lock = FileLock(self._root / ".lock", mode=0o600, fallback_to_soft=False)

    def get(self, key: str) -> Stored | None:
        with self._explained(key):
            try:
                with self._folder_of(key) as (folder, name):
                    return _read(folder, name)
            except FileNotFoundError:
                return None

    def download(self, key: str, path: Path) -> str | None:
        with self._explained(key):
            try:
                with (
                    self._folder_of(key) as (folder, name),
                    os.fdopen(open_file(folder, name), "rb") as source,
                    path.open("wb") as copy,
                ):
                    shutil.copyfileobj(source, copy, 1 << 20)
            except FileNotFoundError:
                return None
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()

    def create(self, key: str, data: bytes) -> None:
        self._write(key, data, etag=None)

    def add(self, objects: Mapping[str, bytes | Path]) -> list[str]:
        if not objects:
            return []
        with self._explained(""):
            self._root.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            with self._one_writer():
                # What takes time is to wait for the disk, which takes what eight write in one go.
                written = in_order(self._add, list(objects.items()), _AT_ONCE)
                return [key for key, is_new in zip(objects, written, strict=True) if not is_new]

    def _add(self, one: tuple[str, bytes | Path]) -> bool:
        key, content = one
        with self._explained(key):
            if self._is_there(key):
                return False
            with (
                io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source,
                self._folder_of(key, make=True) as (folder, name),
            ):
                copy_file(folder, name, source)
            return True

    def replace(self, key: str, data: bytes, etag: str) -> None:
        self._write(key, data, etag)

    def delete(self, key: str) -> None:
        with self._explained(key):
            # Without a lock where there is nothing: its file would make the folder.
            if not self._is_there(key):
                return
            with self._one_writer():
                self._unlink(key)

    def sweep(self) -> None:
        with self._explained(""):
            found = [path for path in self._below("") if is_unfinished(path.rpartition("/")[2])]
            if not found:
                return
            # Whoever writes holds the lock, so what is there now nobody goes on with.
            with self._one_writer():
                for path in found:
                    self._unlink(path)

    def list(self, prefix: str) -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        with self._explained(prefix):
            found = sorted(key for key in self._below(folder) if key.startswith(prefix))
        yield from (key for key in found if not key.rpartition("/")[2].startswith("."))

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        yield from ((key, found.etag) for key in self.list(prefix) if (found := self.get(key)))

    def folders(self, prefix: str) -> Iterator[str]:
        names: list[str] = []
        with self._explained(prefix):
            try:
                with open_folder(self._root, parts_of(prefix.rstrip("/"))) as folder, os.scandir(folder) as entries:
                    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            except (FileNotFoundError, NotADirectoryError):
                pass
        yield from sorted(f"{prefix}{name}/" for name in names)

    def locate(self, key: str) -> str:
        path = self._root / key
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def link(self, key: str, seconds: int) -> str:
        return (self._root / key).as_uri()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        try:
            self._lock.acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise LakeUnavailable(
                f"{self._root}: its file system keeps no locks ({error.strerror}), so two runs at once could spoil it.",
                advice="Set CHARTLAKE_LAKE to a folder on a disk of this machine, or to S3: s3://bucket/prefix.",
            ) from error
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _folder_of(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder of a key, and the key's name in it."""
        *parts, name = parts_of(key)
        with open_folder(self._root, parts, make=make) as folder:
            yield folder, name

    def _write(self, key: str, data: bytes, etag: str | None) -> None:
        with self._explained(key):
            self._root.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            with self._one_writer(), self._folder_of(key, make=True) as (folder, name):
                found = _read(folder, name)
                if (found.etag if found else None) != etag:
                    if found and found.data == data:
                        return
                    raise Conflict(key)
                write_file(folder, name, data)

    def _is_there(self, key: str) -> bool:
        try:
            with self._folder_of(key) as (folder, name):
                os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _unlink(self, key: str) -> None:
        *parts, name = parts_of(key)
        try:
            with open_folder(self._root, parts) as folder:
                os.unlink(name, dir_fd=folder)
            while parts:
                # A folder's name tells of what was in it.
                *parts, name = parts
                with open_folder(self._root, parts) as folder:
                    os.rmdir(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise

    def _below(self, folder: str) -> Iterator[str]:
        try:
            with open_folder(self._root, parts_of(folder)) as opened:
                yield from files_below(opened, f"{folder}/" if folder else "")
        except (FileNotFoundError, NotADirectoryError):
            return

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except LeadsAway as error:
            raise DamagedFile(
                f"{self.locate(key)}: {error.strerror}, so it is no file of this lake.",
                advice="Remove it, or put the file itself in its place; chartlake leaves its folder by no link.",
            ) from None
        except OSError as error:
            raise LakeUnavailable(f"{self.locate(key)}: {error.strerror or error}.") from error


def _read(folder: int, name: str) -> Stored | None:
    try:
        data = read_file(folder, name)
    except FileNotFoundError:
        return None
    return Stored(data, hashlib.sha256(data).hexdigest())
