"""Run every benchmark and write what they printed, with the machine, into docs/measured.md, and as JSON beside it.

    .venv/bin/python -m benchmarks [--only NAME ...]

Takes twenty minutes, on a machine that has nothing else to do. `--only` measures these and leaves the others of the
page as they were measured before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE, RECORD = ROOT / "docs" / "measured.md", ROOT / "docs" / "measured.json"
# In the order of the page: what is measured, by which module, with which arguments.
BENCHMARKS = {
    "One list into S3": ("reading",),
    "300 lists of 50, no latency": ("many_lists", "--lists", "300"),
    "300 lists of 50, 120 ms an answer": ("many_lists", "--lists", "300", "--latency", "120"),
    "300 lists of 50, 120 ms an answer, into S3": ("many_lists", "--lists", "300", "--latency", "120", "--s3"),
    "Questions about one list": ("answers",),
    "Questions over 100 lists": ("views",),
    "Questions over HTTP": ("http_answers",),
    "Pages": ("report",),
    "A year of official charts, file by file": ("import_charts",),
    "Kaggle's Top 50, 500 MB": ("import_kaggle",),
    "1,000 days replayed": ("replay",),
}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "day": date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "processor": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        # What else the machine did in the minute before: processes that ran or waited to.
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("duckdb", "spotipy", "boto3")},
    }


def measured(module: str, *arguments: str) -> dict[str, Any]:
    """What one benchmark printed, on which machine."""
    about = machine()
    began = time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return about | {"command": command[1:], "took": time.perf_counter() - began, "printed": done.stdout.rstrip()}


def page(record: dict[str, Any]) -> str:
    """docs/measured.md."""
    parts = [
        "# Measured\n",
        "<!-- Written by `make bench`. -->\n",
        "What each benchmark printed, on which machine. [Benchmarks](benchmarks.md) says what the figures mean.\n",
    ]
    for title in BENCHMARKS:
        if one := record.get(title):
            packages = ", ".join(f"{name} {number}" for name, number in one["packages"].items())
            parts.append(
                f"## {title}\n\n```text\n{one['printed']}\n```\n\n"
                f"`python {' '.join(one['command'])}`, commit {one['commit']}, {one['day']}: {one['processor']}, "
                f"{one['cores']} cores{_load(one)}, Python {one['python']}, {packages}.\n"
            )
    return "\n".join(parts)


def _load(one: dict[str, Any]) -> str:
    """How busy the machine was before, where that was noted."""
    return f" under a load of {one['load']:g} before" if "load" in one else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[name for name, *_ in BENCHMARKS.values()], metavar="NAME")
    asked = parser.parse_args()
    before: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record = {title: before[title] for title in BENCHMARKS if title in before}
    for title, (module, *arguments) in BENCHMARKS.items():
        if module in asked.only:
            print(title, flush=True)
            record[title] = measured(module, *arguments)
            print(record[title]["printed"], flush=True)
            RECORD.write_text(json.dumps(record, indent=2) + "\n")
            PAGE.write_text(page(record))


if __name__ == "__main__":
    main()
