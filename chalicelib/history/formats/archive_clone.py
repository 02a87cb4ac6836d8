"""A clone of mackorone's spotify-playlist-archive: one state a day and playlist out of its git history.

Each state is a version of `playlists/pretty/<id>.json`, or before December 2021 of `playlists/pretty/<name>.md`; its
day is the UTC day of its commit, and the last commit of a day counts. A day without a commit is unknown, not unchanged.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from ...errors import BadImport
from ...lake.schema import Status
from ..day import NO_FACTS, Day, Problems, refused
from ..document import parsed
from ..naming import Named
from ..opening import Limits
from ..table import decoded
from ..worth import judged
from . import archive_json, archive_markdown

_STATES = "playlists/pretty"
_CHUNK = 1 << 20
_ID = re.compile(r"[0-9A-Za-z]{22}")
# A clone is foreign: nothing that its configuration may start is allowed to start. What it lacks is not fetched, since
# its own configuration says by which command that is done; each of the two variables alone is enough for it.
_GIT = ("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_ENVIRONMENT = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}
_PROMISES = r"(remote\..*\.(promisor|partialclonefilter)|extensions\.partialclone)"
_LOG = ("log", "--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-renames", "--diff-filter=AM", "-z")


@dataclass(frozen=True)
class _Version:
    commit: str
    moment: datetime
    path: str

    @property
    def name(self) -> str:
        return f"{self.path}@{self.commit[:12]}"


@dataclass(frozen=True)
class Odd:
    """A version that could not be read, and why."""

    version: _Version
    reason: str


def read_clone(
    folder: Path,
    *,
    playlists: frozenset[str] | None = None,
    unplaced: list[Odd] | None = None,
    limits: Limits | None = None,
) -> Iterator[Day]:
    """The states in a clone, newest first; of `playlists` alone (Spotify ids) if they are named.

    One odd version holds up no other: its day is a gap with the reason, unless an earlier version of that day can be
    read. Those of which nobody knows whose they are go to `unplaced`. Raises `BadImport` where nothing can be read, and
    for a partial clone: what it lacks would have to be fetched by commands that its own configuration names.
    """
    _refuse_partial(folder)
    odd: list[Odd] = []
    owners: dict[str, set[str]] = {}
    seen: set[tuple[str, date]] = set()
    for day, path in _days(folder, playlists, odd, limits or Limits()):
        owners.setdefault(path, set()).add(day.playlist_id)
        if (day.playlist_id, day.snapshot_date) not in seen:
            seen.add((day.playlist_id, day.snapshot_date))
            yield day
    if not seen:
        raise _nothing_in(folder, playlists, odd)
    owned = [(_owner(one.version, owners), one) for one in odd]
    if unplaced is not None:
        unplaced.extend(one for owner, one in owned if owner is None)
    yield from _gaps(owned, playlists, seen)


def _gaps(
    owned: Iterable[tuple[str | None, Odd]], playlists: frozenset[str] | None, seen: set[tuple[str, date]]
) -> Iterator[Day]:
    """The days of which nothing could be read, by the first odd version of each."""
    for owner, one in owned:
        if owner is None or (playlists is not None and owner not in playlists):
            continue
        key = (owner, one.version.moment.date())
        if key not in seen:
            seen.add(key)
            yield _gap(owner, one)


def _refuse_partial(folder: Path) -> None:
    with _git(folder, "config", "--null", "--name-only", "--list") as (_, answers):
        names = [field.decode("utf-8", "replace") for field in _fields(answers)]
    if any(re.fullmatch(_PROMISES, name, re.IGNORECASE) for name in names):
        raise refused(
            str(folder),
            "it is a partial clone: what it lacks is not fetched, since a clone can name any command for that",
            "Clone the repository's address yourself, without --filter, and import that clone.",
        )


def _nothing_in(folder: Path, playlists: frozenset[str] | None, odd: list[Odd]) -> BadImport:
    if odd:
        return BadImport(str(folder), [(0, one.reason) for one in odd], advice="Fetch the clone again.")
    return refused(
        str(folder),
        f"its history has no state of {'these playlists' if playlists else 'any playlist'}",
        f"Give the folder of a clone with its whole history, in which {_STATES} has files.",
    )


def _owner(version: _Version, owners: dict[str, set[str]]) -> str | None:
    """Whose state the version was: by its name, or by the other versions of its file where they agree."""
    stem = PurePosixPath(version.path).stem
    if _ID.fullmatch(stem):
        return stem
    found = owners.get(version.path, set())
    return next(iter(found)) if len(found) == 1 else None


def _gap(playlist_id: str, odd: Odd) -> Day:
    format_ = "archive-pretty-json" if odd.version.path.endswith(".json") else "archive-pretty-markdown"
    return Day(
        playlist_id,
        odd.version.moment.date(),
        format_,
        dict(NO_FACTS),
        None,
        [],
        odd.version.moment,
        odd.version.commit,
        status=Status.SUSPECT,
        reason=odd.reason,
    )


def _days(folder: Path, playlists: frozenset[str] | None, odd: list[Odd], limits: Limits) -> Iterator[tuple[Day, str]]:
    """The last readable state of each file on each day, with the file's path; the others become `odd`."""
    read: set[tuple[str, date]] = set()
    with _git(folder, "cat-file", "--batch") as (questions, answers):
        for version in _versions(folder, playlists):
            key = (PurePosixPath(version.path).stem, version.moment.date())
            if key in read:
                continue
            try:
                day = _day(version, _content(questions, answers, version, limits))
            except BadImport as error:
                odd.append(Odd(version, error.message))
                continue
            if day:
                read.add(key)
                if playlists is None or day.playlist_id in playlists:
                    yield day, version.path


def _versions(folder: Path, playlists: frozenset[str] | None) -> Iterator[_Version]:
    """Every version of every file that is a state, newest first."""
    names = [f"{_STATES}/{id_}.json" for id_ in sorted(playlists)] + [f"{_STATES}/*.md"] if playlists else [_STATES]
    for commit, moment, paths in _commits(folder, names):
        for path in sorted(paths):
            # Beside <id>.json there is the same for people, <id>.md; a name was all that older files had.
            if path.endswith(".json") or (path.endswith(".md") and not _ID.fullmatch(PurePosixPath(path).stem)):
                yield _Version(commit, moment, path)


def _commits(folder: Path, names: list[str]) -> Iterator[tuple[str, datetime, list[str]]]:
    with _git(folder, *_LOG, "--format=%x01%H %ct", "--name-only", "--", *names) as (_, answers):
        commit, moment, paths = "", datetime.min, list[str]()
        for field in _fields(answers):
            # The first path of a commit begins on a line of its own.
            text = field.decode("utf-8", "replace").lstrip("\n")
            if text.startswith("\x01"):
                if paths:
                    yield commit, moment, paths
                commit, _, seconds = text[1:].partition(" ")
                moment, paths = datetime.fromtimestamp(int(seconds), UTC), []
            elif text:
                paths.append(text)
        if paths:
            yield commit, moment, paths


def _fields(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(1 << 16):
        *fields, rest = (rest + chunk).split(b"\0")
        yield from fields
    yield rest


def _content(questions: IO[bytes], answers: IO[bytes], version: _Version, limits: Limits) -> bytes | None:
    """One version's bytes; None where it is no file. Raises `BadImport` where the clone lacks it, or it is too long."""
    if "\n" in version.path:
        return None
    questions.write(f"{version.commit}:{version.path}\n".encode())
    questions.flush()
    head = answers.readline().split()
    if head[-1:] == [b"missing"]:
        raise refused(
            f"{version.path}@{version.commit[:12]}",
            "the clone lacks its content",
            "Clone the repository's address again, whole, and import that clone.",
        )
    if len(head) != 3 or head[1] != b"blob":
        return None
    size = int(head[2])
    if size > limits.document:
        for start in range(0, size + 1, _CHUNK):
            answers.read(min(_CHUNK, size + 1 - start))
        raise refused(version.name, f"it is larger than {limits.document:,} bytes", "Leave it out.")
    return answers.read(size + 1)[:size]


def _day(version: _Version, data: bytes | None) -> Day | None:
    """The state that a version is; None where there is none. Raises `BadImport` where it cannot be believed."""
    if data is None:
        return None
    named, problems, text = Named(version.name, version.moment.date()), Problems(version.name), decoded(data)
    if version.path.endswith(".json"):
        body = parsed(version.name, text)
        if not isinstance(body, dict) or not archive_json.is_pretty(body):
            raise refused(version.name, "it is no state of a playlist", "Leave it out.")
        days = archive_json.read_pretty(body, named, problems)
    else:
        days = archive_markdown.read_pretty(text, named, problems)
    problems.raise_if_any()
    # What git holds was not cut: it knows it by its hash.
    day = judged(replace(days[0], moment=version.moment, origin=version.commit, cut=None))
    if day.status != Status.OK:
        raise refused(version.name, day.reason or "it is no list", "Leave it out.")
    return day


@contextmanager
def _git(folder: Path, *arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A git process: its standard input and output. Raises `BadImport` where the folder is no clone."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [*_GIT, "-C", str(folder), *arguments]
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command,
                env=environment | _ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        except OSError as error:
            raise refused(str(folder), f"git cannot be started ({error})", "Install git.") from error
        with process:
            yield from _piped(process)
        if process.returncode != 0:
            complaints.seek(0)
            reason = f"git cannot read it as a clone: {decoded(complaints.read(300)).strip()}"
            raise refused(str(folder), reason, "Give the folder that `git clone` made, with its whole history.")


def _piped(process: subprocess.Popen[bytes]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The process's input and output; it ends when the reader has, and at once when the reader gave up."""
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdin, process.stdout
    except BaseException:
        process.kill()
        raise
    finally:
        process.stdin.close()
