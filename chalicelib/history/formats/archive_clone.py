"""A clone of mackorone's spotify-playlist-archive: one state a day and playlist out of its git history.

Each state is a version of `playlists/pretty/<id>.json`, or before December 2021 of `playlists/pretty/<name>.md`; its
day is the UTC day of its commit, and the last commit of a day counts. A day without a commit is unknown, not unchanged.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from ...errors import BadImport
from ..day import Day, Problems, refused
from ..document import parsed
from ..naming import Named
from ..opening import Limits
from ..table import decoded
from . import archive_json, archive_markdown

_STATES = "playlists/pretty"
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


def read_clone(
    folder: Path,
    *,
    playlists: frozenset[str] | None = None,
    skip_bad: list[tuple[int, str, str]] | None = None,
    limits: Limits | None = None,
) -> Iterator[Day]:
    """The states in a clone, newest first; of `playlists` alone (Spotify ids) if they are named.

    As with a file, `BadImport` names every bad version at the end, unless `skip_bad` is given. A partial clone is
    refused: what it lacks would have to be fetched by commands that its own configuration names.
    """
    _refuse_partial(folder)
    limits = limits or Limits()
    problems = Problems(str(folder), skip_bad)
    empty = True
    for day in _days(folder, playlists, problems, limits):
        empty = False
        yield day
    problems.raise_if_any()
    if empty and not problems.count:
        raise refused(
            str(folder),
            f"its history has no state of {'these playlists' if playlists else 'any playlist'}",
            f"Give the folder of a clone with its whole history, in which {_STATES} has files.",
        )


def _refuse_partial(folder: Path) -> None:
    with _git(folder, "config", "--null", "--name-only", "--list") as (_, answers):
        names = [field.decode("utf-8", "replace") for field in _fields(answers)]
    if any(re.fullmatch(_PROMISES, name, re.IGNORECASE) for name in names):
        raise refused(
            str(folder),
            "it is a partial clone: what it lacks is not fetched, since a clone can name any command for that",
            "Clone the repository's address yourself, without --filter, and import that clone.",
        )


def _days(folder: Path, playlists: frozenset[str] | None, problems: Problems, limits: Limits) -> Iterator[Day]:
    seen: set[tuple[str, date]] = set()
    with _git(folder, "cat-file", "--batch") as (questions, answers):
        for version in _versions(folder, playlists):
            data = _content(questions, answers, version, limits)
            if data is None:
                continue
            day = _day(version, data, problems)
            if day and (playlists is None or day.playlist_id in playlists):
                key = (day.playlist_id, day.snapshot_date)
                if key not in seen:
                    seen.add(key)
                    yield day


def _versions(folder: Path, playlists: frozenset[str] | None) -> Iterator[_Version]:
    """The last version of each file on each day, newest first."""
    names = [f"{_STATES}/{id_}.json" for id_ in sorted(playlists)] + [f"{_STATES}/*.md"] if playlists else [_STATES]
    seen: set[tuple[str, date]] = set()
    for commit, moment, paths in _commits(folder, names):
        for path in sorted(paths):
            key = (PurePosixPath(path).stem, moment.date())
            # Beside <id>.json there is the same for people, <id>.md; a name was all that older files had.
            wanted = path.endswith(".json") or (path.endswith(".md") and not _ID.fullmatch(key[0]))
            if wanted and key not in seen:
                seen.add(key)
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
    """One version's bytes; None where it is no file. Raises `BadImport` where the clone lacks it."""
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
        raise refused(
            f"{version.path}@{version.commit[:12]}", f"it is larger than {limits.document:,} bytes", "Leave it out."
        )
    return answers.read(size + 1)[:size]


def _day(version: _Version, data: bytes, problems: Problems) -> Day | None:
    name = f"{version.path}@{version.commit[:12]}"
    named = Named(name, version.moment.date())
    own = Problems(name)
    try:
        text = decoded(data)
        if version.path.endswith(".json"):
            body = parsed(name, text)
            if not isinstance(body, dict) or not archive_json.is_pretty(body):
                raise refused(name, "it is no state of a playlist", "Leave it out.")
            days = archive_json.read_pretty(body, named, own)
        else:
            days = archive_markdown.read_pretty(text, named, own)
        own.raise_if_any()
    except BadImport as error:
        problems.add(0, error.message, name)
        return None
    return replace(days[0], moment=version.moment, origin=version.commit)


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
