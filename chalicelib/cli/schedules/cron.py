"""A line of the person's own crontab: man 5 crontab."""

from __future__ import annotations

import os
import shlex
import subprocess

from ...errors import SchedulerRefused
from .plan import Job, Plan, Run

_WHY_HOURLY = (
    "cron forgets what it had to start while the machine was off, so the line asks every hour from then on. What is "
    "kept already is skipped, and Spotify is not asked."
)


def plan(job: Job) -> Plan:
    """The crontab with our line and without it; every other line stays."""
    mark = f"# {job.name}"
    lines = _crontab()
    others = [line for line in lines if not line.endswith(mark)]
    return Plan(
        install=(_store([*others, f"{_line(job)} {mark}"]),),
        remove=(_store(others),),
        installed=len(others) < len(lines),
        notes=(_WHY_HOURLY, f"What the last run said is in {job.folder / 'chartlake.log'}."),
    )


def _line(job: Job) -> str:
    hours = f"{job.at.hour}-23" if job.at.hour < 23 else "23"
    command = f"cd {shlex.quote(str(job.folder))} && {shlex.join(job.command)} > chartlake.log 2>&1"
    # For cron a % is the end of the line.
    return f"{job.at.minute} {hours} * * * {command}".replace("%", r"\%")


def _store(lines: list[str]) -> Run:
    return Run(("crontab", "-"), stdin="".join(f"{line}\n" for line in lines))


def _crontab() -> list[str]:
    """The lines that are there, in whatever encoding. Raises `SchedulerRefused` where they cannot be read, since they
    would be lost."""
    try:
        found = subprocess.run(["crontab", "-l"], capture_output=True, env=os.environ | {"LC_ALL": "C"})
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SchedulerRefused(f"crontab cannot be run here: {error.strerror}.") from None
    if found.returncode and b"no crontab" not in found.stderr:
        raise SchedulerRefused(f"`crontab -l` failed: {found.stderr.decode(errors='replace').strip()}")
    text = found.stdout.decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []
