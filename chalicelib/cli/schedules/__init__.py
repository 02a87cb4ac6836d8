"""What a machine needs to run chartlake every day, one small module a scheduler."""

from __future__ import annotations

import shutil
import sys

from . import cron, github, launchd, systemd, windows
from .plan import Planner

KINDS: dict[str, Planner] = {
    "systemd": systemd.plan,
    "cron": cron.plan,
    "launchd": launchd.plan,
    "windows": windows.plan,
    "github": github.plan,
}


def kind_of_this_machine() -> str:
    """The scheduler that this system comes with."""
    if sys.platform == "win32":
        return "windows"
    if sys.platform == "darwin":
        return "launchd"
    return "systemd" if shutil.which("systemctl") else "cron"
