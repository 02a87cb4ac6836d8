"""Files beside files of strangers: nothing outside a folder is reached from inside it, and no link is followed.

Each part of a path is opened from the one before it, so nothing can be exchanged between the look and the act. What is
written is private to its owner, and is there as a whole or not at all.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600
_CHUNK = 1 << 20
_UNFINISHED = ".unfinished"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that nobody writes to would be waited for.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LeadsAway(OSError):
    """A path that leaves its folder, goes through a link, or ends at what is no file."""

    def __init__(self, words: str) -> None:
        super().__init__(errno.ELOOP, words)


def parts_of(path: str) -> list[str]:
    """The names in a relative path; none for the folder itself. Raises `LeadsAway` for one that could lead out."""
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise LeadsAway("it leads out of its folder")
    return parts


@contextmanager
def open_folder(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """The descriptor of a folder below `root`, which may be reached through links itself; with `make` what is missing
    on the way is made. Raises `LeadsAway` or `OSError`."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in parts:
            inner = _open_or_make(folder, name) if make else _open_inner(folder, name)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _open_or_make(folder: int, name: str) -> int:
    try:
        return _open_inner(folder, name)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, PRIVATE_FOLDER, dir_fd=folder)
        return _open_inner(folder, name)


def _open_inner(folder: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP) and _is_link(folder, name):
            raise LeadsAway(f"{name} is a link") from None
        raise


def _is_link(folder: int, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def open_file(folder: int, name: str) -> int:
    """The descriptor of a file, to be read. Raises `LeadsAway` for a link, a pipe or a device, and `OSError`."""
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LeadsAway(f"{name} is a link") from None
        raise
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return file
    os.close(file)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    raise LeadsAway(f"{name} is a pipe or a device")


def read_file(folder: int, name: str) -> bytes:
    """A file's bytes. Raises what `open_file` does."""
    file = open_file(folder, name)
    try:
        left, chunks = os.fstat(file).st_size, []
        while left and (chunk := os.read(file, left)):
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(file)


def write_file(folder: int, name: str, data: bytes) -> None:
    """Write beside the place, to the disk, and rename into it. Only one may write the same name at a time."""
    copy_file(folder, name, io.BytesIO(data))


def copy_file(folder: int, name: str, source: BinaryIO) -> None:
    """Do `write_file` with all that is left in a stream."""
    # One name for each place, so that what a killed process leaves is replaced by the next, not added to.
    unfinished = f".{name}{_UNFINISHED}"
    try:
        with os.fdopen(_open_anew(folder, unfinished), "wb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        raise


def is_unfinished(name: str) -> bool:
    """Whether a file of that name is what a write left that was killed; or one that is still under way."""
    return name.startswith(".") and name.endswith(_UNFINISHED)


def _open_anew(folder: int, name: str) -> int:
    try:
        return os.open(name, _WRITE, _PRIVATE_FILE, dir_fd=folder)
    except FileExistsError:
        # Not written into: it may be another name of a file that is not ours.
        os.unlink(name, dir_fd=folder)
        return os.open(name, _WRITE, _PRIVATE_FILE, dir_fd=folder)


def files_below(folder: int, prefix: str = "") -> Iterator[str]:
    """The paths of all files below an open folder, in no order. Links are nobody's files."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                yield f"{prefix}{entry.name}"
    for name in folders:
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed meanwhile
        try:
            yield from files_below(inner, f"{prefix}{name}/")
        finally:
            os.close(inner)


def replace_file(path: Path, data: bytes) -> None:
    """Write a person's own file: as a whole, readable by its owner only. A link there is replaced, not followed."""
    # mkstemp makes the file with mode 0600; a hidden one is no history to import, should it stay.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
