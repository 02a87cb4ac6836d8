"""A lake in a folder, with the same promises as S3."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ..errors import LakeUnavailable
from .store import Conflict, Stored


class FolderStore:
    """Objects as files: written beside their place and renamed into it, one writer at a time in all processes."""

    def __init__(self, path: str) -> None:
        self._root = Path(path).expanduser().resolve()
        self._lock = FileLock(self._root / ".lock")

    def get(self, key: str) -> Stored | None:
        with self._explained(key):
            return self._read(self._root / key)

    def download(self, key: str, path: Path) -> str | None:
        with self._explained(key):
            try:
                shutil.copyfile(self._root / key, path)
            except FileNotFoundError:
                return None
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()

    def create(self, key: str, data: bytes) -> None:
        self._write(key, data, etag=None)

    def replace(self, key: str, data: bytes, etag: str) -> None:
        self._write(key, data, etag)

    def delete(self, key: str) -> None:
        path = self._root / key
        with self._explained(key):
            if not path.is_file():
                return
            with self._lock:
                path.unlink(missing_ok=True)
                for folder in path.parents:
                    # A folder's name tells of what was in it.
                    if folder == self._root or any(folder.iterdir()):
                        break
                    folder.rmdir()

    def list(self, prefix: str) -> Iterator[str]:
        folder = self._root / prefix.rpartition("/")[0]
        with self._explained(prefix):
            files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        keys = (path.relative_to(self._root).as_posix() for path in files if not path.name.startswith("."))
        yield from sorted(key for key in keys if key.startswith(prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        folder = self._root / prefix
        with self._explained(prefix):
            names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        yield from sorted(f"{prefix}{name}/" for name in names)

    def locate(self, key: str) -> str:
        path = self._root / key
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def link(self, key: str, seconds: int) -> str:
        return (self._root / key).as_uri()

    def _write(self, key: str, data: bytes, etag: str | None) -> None:
        path = self._root / key
        # One name for each place, so that what a killed process leaves is overwritten by the next, not added to.
        unfinished = path.with_name(f".{path.name}.unfinished")
        with self._explained(key):
            self._root.mkdir(parents=True, exist_ok=True)
            with self._lock:
                path.parent.mkdir(parents=True, exist_ok=True)
                found = self._read(path)
                if (found.etag if found else None) != etag:
                    if found and found.data == data:
                        return
                    raise Conflict(key)
                try:
                    with unfinished.open("wb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                    unfinished.replace(path)
                except OSError:
                    unfinished.unlink(missing_ok=True)
                    raise

    def _read(self, path: Path) -> Stored | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        return Stored(data, hashlib.sha256(data).hexdigest())

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LakeUnavailable(f"{self.locate(key)}: {error.strerror or error}.") from error
