"""What commands take beside another checkout's, on the lake of the demo, and what importing `app` takes.

    git worktree add ../before COMMIT
    .venv/bin/python benchmarks/commands.py --against ../before [--runs 15]

Each command runs as a process of its own, of both checkouts in turn, with the packages of this one. Printed: the
medians of the processor's milliseconds, and the median of the ratios of each pair, which other work on the machine
disturbs least.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CLI = "from chalicelib.cli import main; main(__import__('sys').argv[1:])"
COMMANDS = {
    "import app": ["import app"],
    "charts": [_CLI, "charts", "37i9dQZEVXSimulatedT50"],
    "coverage": [_CLI, "coverage"],
    "query": [_CLI, "query", "SELECT count(*) FROM runs"],
    "query --parquet": [_CLI, "query", "SELECT * FROM entries", "--parquet", "entries.parquet"],
    "artists": [_CLI, "artists", "37i9dQZEVXSimulatedT50"],
    "compare": [_CLI, "compare", "37i9dQZEVXSimulatedT50"],
}


def busy(checkout: Path, folder: str, code: list[str]) -> float:
    """Milliseconds of the processor that one process takes."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "CHARTLAKE_LAKE": "demo/lake"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", *code], cwd=folder, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{checkout}: {done.stdout}{done.stderr}")
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="Another checkout of chartlake.")
    parser.add_argument("--runs", type=int, default=15)
    asked = parser.parse_args()
    other = asked.against.resolve()
    for checkout in (other, ROOT):
        subprocess.run([sys.executable, "-m", "compileall", "-q", "app.py", "chalicelib"], cwd=checkout, check=True)
    with tempfile.TemporaryDirectory() as folder:
        busy(ROOT, folder, [_CLI, "demo"])
        print(f"{'':18}{'there':>8}{'here':>8}  ratio")
        for name, code in COMMANDS.items():
            pairs = []
            for number in range(asked.runs):
                # The first of a pair may be the slower one, so both take turns.
                turns = (other, ROOT) if number % 2 else (ROOT, other)
                taken = {checkout: busy(checkout, folder, code) for checkout in turns}
                pairs.append((taken[other], taken[ROOT]))
            there, here = (statistics.median(one) for one in zip(*pairs, strict=True))
            ratio = statistics.median(after / before for before, after in pairs)
            print(f"{name:18}{there:>5.0f} ms{here:>5.0f} ms  {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
