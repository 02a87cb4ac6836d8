"""`python -m tests.simulation.mutants`: plant each bug in a copy of the code, and show that the simulation sees it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLANT = ("git", "apply", "--unidiff-zero")
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))


def caught(patch: Path, schedules: int) -> tuple[str, int]:
    """By which schedule a planted bug is seen ("" for none), with what it breaks, and how many were played."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        shutil.copytree(ROOT / "chalicelib", tree / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "tests" / "simulation", tree / "tests" / "simulation")
        (tree / "tests" / "__init__.py").touch()
        subprocess.run([*PLANT, str(patch)], cwd=tree, check=True, env=_without_git())
        command = [sys.executable, "-m", "tests.simulation", "--until-broken", "--processes", "1"]
        command += ["--schedules", str(schedules)]
        environment = os.environ | {"PYTHONPATH": str(tree)}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    seen = re.search(r"^seed \d+: .*", done.stdout, re.MULTILINE)
    played = re.search(r"^([\d,]+) schedules", done.stdout, re.MULTILINE)
    if played is None:
        raise AssertionError(f"{patch.name}: the simulation itself failed:\n{done.stderr}")
    return seen[0] if seen else "", int(played[1].replace(",", ""))


def _without_git() -> dict[str, str]:
    """`git apply` writes into the folder that it is run in only where that is no part of another repository."""
    return os.environ | {"GIT_CEILING_DIRECTORIES": tempfile.gettempdir(), "GIT_DIR": os.devnull}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--schedules", type=int, default=10_000, help="how many schedules each may take")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    patches = [patch for patch in PATCHES if not asked.names or patch.stem in asked.names]
    missed = 0
    with ThreadPoolExecutor(asked.processes) as pool:
        for patch, (seen, played) in zip(
            patches, pool.map(lambda one: caught(one, asked.schedules), patches), strict=True
        ):
            missed += not seen
            print(
                f"{patch.stem}: {f'seen after {played}: {seen[:150]}' if seen else f'NOT SEEN in {played}'}", flush=True
            )
    print(f"{len(patches) - missed} of {len(patches)} planted bugs were seen")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
