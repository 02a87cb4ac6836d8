"""A timer of the person's own systemd: man systemd.timer, systemd.service, systemd.exec."""

from __future__ import annotations

import os
from pathlib import Path

from .plan import Delete, Job, Plan, Run, Write, render

_SYSTEMCTL = ("systemctl", "--user")
_LINGER = "It runs while you are signed in to this machine; `loginctl enable-linger` lets it run without you."


def plan(job: Job) -> Plan:
    """A service, a timer that starts it, and the commands that make systemd know them."""
    units = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    service, timer = units / f"{job.name}.service", units / f"{job.name}.timer"
    folder, command = str(job.folder).replace("%", "%%"), " ".join(_quoted(word) for word in job.command)
    reload = Run((*_SYSTEMCTL, "daemon-reload"))
    return Plan(
        install=(
            Write(service, render("systemd.service", folder=folder, command=command)),
            Write(timer, render("systemd.timer", at=f"{job.at:%H:%M}")),
            reload,
            Run((*_SYSTEMCTL, "enable", "--now", timer.name)),
        ),
        remove=(
            Run((*_SYSTEMCTL, "disable", "--now", timer.name), may_fail=True),
            Delete(timer),
            Delete(service),
            reload,
        ),
        installed=service.exists() or timer.exists(),
        notes=(_LINGER, f"What the runs said: journalctl --user --unit {service.name}"),
    )


def _quoted(word: str) -> str:
    """A word of ExecStart, in which backslashes, specifiers and variables have a meaning."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
