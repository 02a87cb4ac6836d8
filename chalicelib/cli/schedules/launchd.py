"""A launch agent of a person on macOS: man launchd.plist."""

from __future__ import annotations

import os
from pathlib import Path

from .plan import Delete, Job, Plan, Run, Write, render


def plan(job: Job) -> Plan:
    """A property list, and the commands that make launchd know it."""
    home = Path.home()
    agent, log = home / "Library" / "LaunchAgents" / f"{job.name}.plist", home / "Library" / "Logs" / f"{job.name}.log"
    # Windows has no such number, and no launchd either.
    domain = f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}"
    stop = Run(("launchctl", "bootout", f"{domain}/{job.name}"), may_fail=True)
    text = render(
        "launchd.plist",
        name=job.name,
        command=job.command,
        folder=job.folder,
        hour=job.at.hour,
        minute=job.at.minute,
        log=log,
    )
    return Plan(
        install=(Write(agent, text), stop, Run(("launchctl", "bootstrap", domain, str(agent)))),
        remove=(stop, Delete(agent)),
        installed=agent.exists(),
        notes=("It runs while you are signed in to this Mac.", f"What the runs said is in {log}."),
    )
