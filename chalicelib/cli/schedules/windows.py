"""A task of Windows' Task Scheduler: https://learn.microsoft.com/openspecs/windows_protocols/ms-tsch (2.5)."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import list2cmdline

from .plan import Delete, Job, Plan, Run, Write, render


def plan(job: Job) -> Plan:
    """The task's description, which stays beside the person's other settings, and the commands that register it."""
    folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "chartlake"
    path = folder / f"{job.name}.xml"
    text = render(
        "windows.xml",
        folder=job.folder,
        program=job.command[0],
        arguments=list2cmdline(job.command[1:]),
        today=job.today,
        at=f"{job.at:%H:%M}",
    )
    # In the encoding that Windows itself exports tasks in.
    return Plan(
        install=(
            Write(path, text, "utf-16"),
            Run(("schtasks", "/Create", "/F", "/TN", job.name, "/XML", str(path))),
        ),
        remove=(Run(("schtasks", "/Delete", "/F", "/TN", job.name), may_fail=True), Delete(path)),
        installed=path.exists(),
        notes=("It runs while you are signed in to this machine.",),
    )
