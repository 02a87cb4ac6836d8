"""Foreign bytes made safe to read: gzip opened, sizes bounded, broken files named."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from ..errors import BadImport
from .day import refused

Opener = Callable[[], BinaryIO]

_CHUNK = 1 << 18
# Roots and separators of other systems, and what would cut a name short.
_FOREIGN = re.compile(r"^[A-Za-z]:|\\|\0")
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
# What zipfile lets through besides: places beyond any file, names that are no text, versions that it does not know.
_UNREADABLE = (*_BROKEN, RuntimeError, ValueError, OverflowError)
# Small files compress absurdly well without meaning harm.
_RATIO_COUNTS_FROM = 16 << 20


@dataclass(frozen=True)
class Limits:
    """How much a file may unpack to. Bytes; `ratio` is unpacked to packed; a document is what is read as a whole."""

    file: int = 8 << 30
    document: int = 64 << 20
    ratio: int = 200
    members: int = 10_000


class _Packed:
    """The file as it lies there, its first bytes looked at; counts what was read of it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._head = raw.read(2)
        self.is_gzip = self._head == b"\x1f\x8b"
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data, self._head = self._head or self._raw.read(size), b""
        self.count += len(data)
        return data


class _Bounded(io.RawIOBase):
    """A stream of bytes that ends in `BadImport` when it is damaged, too long, or a compression bomb."""

    def __init__(self, name: str, packed: _Packed, limits: Limits) -> None:
        self._name = name
        self._packed = packed
        self._stream = gzip.GzipFile(fileobj=cast(BinaryIO, packed)) if packed.is_gzip else packed
        self._limits = limits
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(min(len(target), _CHUNK))
        except _BROKEN as error:
            raise _damaged(self._name, error) from error
        target[: len(data)] = data
        self._count += len(data)
        self._check()
        return len(data)

    def _check(self) -> None:
        if self._count > self._limits.file:
            raise refused(
                self._name,
                f"it holds more than {self._limits.file:,} bytes when unpacked",
                "Split the file into smaller ones.",
            )
        if self._count > max(_RATIO_COUNTS_FROM, self._limits.ratio * self._packed.count):
            raise refused(
                self._name,
                f"it unpacks to more than {self._limits.ratio} times its size, as no history file does",
                "Unpack it yourself and look at it before importing it.",
            )


class _Recoded(io.RawIOBase):
    """A stream of UTF-16 (its byte order told by its first bytes) as UTF-8."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self._name = name
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        is_end = False
        while not self._left and not is_end:
            data = self._stream.read(_CHUNK)
            is_end = not data
            try:
                self._left = self._decoder.decode(data, final=is_end).encode("utf-8")
            except UnicodeError as error:
                raise refused(self._name, f"its UTF-16 is damaged ({error})", "Save it as UTF-8.") from error
        part, self._left = self._left[: len(target)], self._left[len(target) :]
        target[: len(part)] = part
        return len(part)


@contextmanager
def opened(name: str, open_bytes: Opener, limits: Limits) -> Iterator[BinaryIO]:
    """The file's bytes, never more than the limits allow; unpacked if they are gzip, and UTF-8 if they are UTF-16, both
    told by their first bytes."""
    with open_bytes() as raw:
        try:
            packed = _Packed(raw)
        except _BROKEN as error:
            raise _damaged(name, error) from error
        stream = io.BufferedReader(_Bounded(name, packed, limits), _CHUNK)
        is_utf_16 = stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        yield io.BufferedReader(_Recoded(name, stream), _CHUNK) if is_utf_16 else stream


def _damaged(name: str, error: Exception) -> BadImport:
    return refused(name, f"the compressed file is cut off or damaged ({error})", "Fetch the file again.")


def whole(name: str, open_bytes: Opener, limits: Limits) -> bytes:
    """A file that can only be understood as a whole, refused when it is too large for that."""
    with opened(name, open_bytes, limits) as stream:
        data = stream.read(limits.document + 1)
    if len(data) > limits.document:
        raise refused(
            name,
            f"it is larger than {limits.document:,} bytes, the most that a file of this kind may have",
            "Split it into one file a playlist or day.",
        )
    return data


def expand(name: str, source: Path | bytes, limits: Limits | None = None) -> list[tuple[str, Opener]]:
    """The files in a ZIP archive as (name, opener); anything that is no archive comes back as it is.

    Raises `BadImport` for the whole archive if a member is encrypted, is a link, is too large, or has a name that
    leads out of the archive.
    """
    limits = limits or Limits()

    def open_source() -> BinaryIO:
        return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")

    with open_source() as stream:
        if stream.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
            return [(name, open_source)]
        members = _members(name, stream, limits)
    archive = _Archive(source)
    return [(inner, archive.opener(inner, member)) for member in members for inner in (f"{name}/{member.filename}",)]


def _listed(name: str, stream: BinaryIO) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(stream) as archive:
            return archive.infolist()
    except _UNREADABLE as error:
        raise refused(name, f"the ZIP archive cannot be read ({error})", "Fetch or pack it again.") from error


def _members(name: str, stream: BinaryIO, limits: Limits) -> list[zipfile.ZipInfo]:
    advice = "Unpack the archive yourself and import the files that you want."
    members = _listed(name, stream)
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise refused(name, "it is an office document, not a text", "Save the sheet as CSV (UTF-8) and import that.")
    if len(members) > limits.members:
        raise refused(name, f"it has {len(members):,} members; {limits.members:,} are allowed", advice)
    if sum(member.file_size for member in members) > limits.file:
        raise refused(name, f"it would unpack to more than {limits.file:,} bytes", advice)
    for member in members:
        reason = _danger(member, limits)
        if reason:
            raise refused(name, f"its member {member.filename[:80]!r} {reason}", advice)
    return [member for member in members if not _is_clutter(member)]


def _danger(member: zipfile.ZipInfo, limits: Limits) -> str | None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or _FOREIGN.search(member.orig_filename):
        return "has a name that leads out of the archive"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed by a method other than the usual one (deflate)"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link, not a file"
    if member.file_size > _RATIO_COUNTS_FROM and member.file_size > limits.ratio * max(member.compress_size, 1):
        return f"unpacks to more than {limits.ratio} times its size"
    return None


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return member.is_dir() or not parts or parts[0] == "__MACOSX" or parts[-1].startswith(".")


class _Archive:
    """An archive whose directory is read once, whatever the number of its members."""

    def __init__(self, source: Path | bytes) -> None:
        self._source = source

    @cached_property
    def _opened(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source)

    def opener(self, name: str, member: zipfile.ZipInfo) -> Opener:
        def open_member() -> BinaryIO:
            try:
                return cast(BinaryIO, self._opened.open(member))
            except _UNREADABLE as error:
                raise refused(name, f"it cannot be unpacked ({error})", "Pack the archive again.") from error

        return open_member
