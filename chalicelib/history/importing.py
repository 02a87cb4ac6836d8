"""Bringing history in: foreign files to days of the lake, all of a file or nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ..errors import BadImport
from ..lake.lake import Lake
from ..safe_files import replace_file
from .gathering import Gathering, unreadable
from .imported import ImportedFile, Options
from .opening import Opener, expand

__all__ = ["ImportedFile", "Options", "import_path", "import_paths", "keep_rejects"]

# Takes the name of a file, and how much of the work on it is done (0 to 1).
Progress = Callable[[str, float], None]


def import_path(
    lake: Lake,
    path: Path,
    options: Options | None = None,
    progress: Progress = lambda name, share: None,
    name: str | None = None,
) -> Iterator[ImportedFile]:
    """Do `import_paths` for one path; `name` is that of a single file, where it lies under another one."""
    yield from import_paths(lake, [path], options, progress, name)


def import_paths(
    lake: Lake,
    paths: Iterable[Path],
    options: Options | None = None,
    progress: Progress = lambda name, share: None,
    name: str | None = None,
) -> Iterator[ImportedFile]:
    """Import files, ZIP archives, folders of files, or git clones of a playlist archive; yields file by file, in their
    order. The days of many files are gathered, so that what they share is written once.

    A file that cannot be imported is an `ImportedFile` with its `BadImport`; the others are not held up by it. So is a
    link in a folder: it may lead anywhere.
    """
    options = options or Options()
    with lake.folder() as folder:
        gathering = Gathering(lake, folder)
        for path in paths:
            if (path / ".git").exists():
                yield from gathering.take_clone(path, options)
            for called, opened in _opened_in(path, options, name):
                if isinstance(opened, BadImport):
                    yield from gathering.refuse(called, opened)
                else:
                    yield from gathering.take(called, opened, options, partial(progress, called))
        yield from gathering.finish()


def _opened_in(path: Path, options: Options, name: str | None) -> Iterator[tuple[str, Opener | BadImport]]:
    """The name of each file that a path leads to, in the order of import, and what opens it."""
    files = _follower_counts(path) if (path / ".git").exists() else _files_in(path)
    for file in sorted(files, key=lambda one: _order(str(one))):
        yield from _members(name or str(file), file, options, is_named=file == path)


def _members(called: str, file: Path, options: Options, *, is_named: bool) -> list[tuple[str, Opener | BadImport]]:
    """What is to be read of a file: itself or, of an archive, what is in it; or why it is not."""
    if not is_named and file.is_symlink():
        return [(called, _is_link(called))]
    try:
        members: list[tuple[str, Opener | BadImport]] = list(expand(called, file, options.limits))
    except BadImport as error:
        return [(called, error)]
    except OSError as error:
        return [(called, unreadable(called, error))]
    return sorted(members, key=lambda one: _order(one[0]))


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
