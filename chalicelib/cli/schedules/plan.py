"""What a schedule is made of: the job, and the steps that install or remove it, shown before any is taken."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from hashlib import sha256
from pathlib import Path
from re import sub
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ...errors import BadSetting, SchedulerRefused
from ...settings import Settings

# Other brackets than Jinja's own, which are GitHub's.
_TEMPLATES = Environment(
    loader=PackageLoader(__name__.rpartition(".")[0]),
    autoescape=select_autoescape(["xml", "plist"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
    variable_start_string="[[",
    variable_end_string="]]",
    block_start_string="[%",
    block_end_string="%]",
    comment_start_string="[#",
    comment_end_string="#]",
)


@dataclass(frozen=True)
class Job:
    """What has to be run every day: the words of a command, in whose folder, and when by this machine's clock."""

    folder: Path
    command: tuple[str, ...]
    at: time
    today: date
    settings: Settings
    package: str

    @property
    def name(self) -> str:
        """A name of its own for each folder, since a person may keep several lakes."""
        letters = sub(r"[^a-z0-9]+", "-", self.folder.name.lower()).strip("-") or "lake"
        return f"chartlake-{letters[:30]}-{sha256(str(self.folder).encode()).hexdigest()[:4]}"


@dataclass(frozen=True)
class Write:
    """Write a file."""

    path: Path
    text: str
    encoding: str = "utf-8"

    def shown(self) -> str:
        return f"write {self.path}\n\n{_indented(self.text)}"

    def take(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text, self.encoding)
        except OSError as error:
            raise SchedulerRefused(f"{self.path} cannot be written: {error.strerror}.") from None


@dataclass(frozen=True)
class Delete:
    """Delete a file; one that is gone already is success."""

    path: Path

    def shown(self) -> str:
        return f"delete {self.path}\n"

    def take(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SchedulerRefused(f"{self.path} cannot be deleted: {error.strerror}.") from None


@dataclass(frozen=True)
class Run:
    """Run a command of the system; `may_fail` is for one that undoes what may not be there."""

    command: tuple[str, ...]
    stdin: str | None = None
    may_fail: bool = False

    def shown(self) -> str:
        text = f"run {' '.join(self.command)}"
        return f"{text}, which reads\n\n{_indented(self.stdin)}" if self.stdin is not None else f"{text}\n"

    def take(self) -> None:
        # A person's own lines may be in any encoding.
        told = self.stdin.encode("utf-8", "surrogateescape") if self.stdin is not None else None
        try:
            done = subprocess.run(self.command, input=told, capture_output=True)
        except OSError as error:
            raise SchedulerRefused(f"{self.command[0]} cannot be run here: {error.strerror}.") from None
        if done.returncode and not self.may_fail:
            words = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise SchedulerRefused(f"`{' '.join(self.command)}` failed: {words}")


Step = Write | Delete | Run


@dataclass(frozen=True)
class Plan:
    """The steps of installing and of removing, whether there is anything to remove, and what a person should know."""

    install: tuple[Step, ...]
    remove: tuple[Step, ...]
    installed: bool
    notes: tuple[str, ...] = ()

    def steps(self, remove: bool) -> tuple[Step, ...]:
        """What is to be done: nothing, where nothing is there to be removed."""
        if not remove:
            return self.install
        return self.remove if self.installed else ()


Planner = Callable[[Job], Plan]


def render(template: str, **values: Any) -> str:
    """A file from the folder `templates`."""
    return _TEMPLATES.get_template(template).render(values)


def check_folder(folder: Path) -> None:
    """Raises `BadSetting` for a folder whose name has a control character: no scheduler's file can hold it."""
    if not str(folder).isprintable():
        raise BadSetting(f"The folder {str(folder)!r} cannot stand in a scheduler's file.", advice="Rename it.")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
