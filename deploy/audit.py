"""What the advisory database knows of the locked packages: `make audit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def report(found: dict[str, Any]) -> tuple[list[str], bool]:
    """pip-audit's JSON as lines for a person, and whether there is a hole."""
    packages = found["dependencies"]
    lines = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for one in packages
        for hole in one.get("vulns", ())
    ]
    holes = bool(lines)
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    told = "see above" if holes else "no hole is known of those"
    lines.append(f"{len(packages) - len(skipped)} of {len(packages)} packages were looked up; {told}.")
    if skipped:
        lines.append(f"NOT LOOKED UP, so nothing is known of them: {', '.join(skipped)}.")
    return lines, holes


def main() -> int:
    """0: no hole is known; 1: there is one, or pip-audit itself failed."""
    command = [str(Path(sys.executable).parent / "pip-audit"), "--progress-spinner", "off", "--format", "json"]
    command += ["--requirement", str(ROOT / "locked" / "tests.txt"), "--require-hashes", "--disable-pip"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        lines, holes = report(json.loads(done.stdout))
    except ValueError:
        print(f"pip-audit failed, so nothing was looked up: {done.stderr.strip()}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return int(holes)


if __name__ == "__main__":
    sys.exit(main())
