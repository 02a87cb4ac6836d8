"""The wheel that `make wheel` builds, and empty environments of every Python here into which it is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST = (3, 11)
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def versions_here() -> list[str]:
    """Each Python from 3.11 on that this machine has, the running one included."""
    found = {RUNNING, *(match[1] for path in _candidates() if (match := re.search(r"python(3\.\d+)$", path.name)))}
    return sorted((one for one in found if _number(one) >= OLDEST), key=_number)


def interpreter(version: str) -> str | None:
    """One of that version that truly runs: a version manager's stub may exist and only print an error."""
    if version == RUNNING:
        return sys.executable
    for path in _candidates():
        if path.name == f"python{version}":
            tried = subprocess.run([path, "-c", "import ssl, venv"], capture_output=True)
            if tried.returncode == 0:
                return str(path)
    return None


def build(folder: Path) -> Path:
    """What `make wheel` makes of the files that git knows, or would."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        copy = folder / name
        if (ROOT / name).is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    (folder / ".venv").symlink_to(sys.prefix)
    made = subprocess.run(["make", "-o", ".venv/ready-for-tests", "wheel"], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = (folder / "dist").iterdir()
    return wheel


class Installed:
    """chartlake from the wheel, in an environment that holds nothing else."""

    def __init__(self, python: str, wheel: Path, folder: Path) -> None:
        env, home = folder / "env", folder / "home"
        self.bin = env / "bin"
        home.mkdir()
        # The pip of these tests, since each environment's own takes long to be put there.
        subprocess.run([python, "-m", "venv", "--without-pip", env], check=True)
        pip = [sys.executable, "-m", "pip", "--python", self.bin / "python", "--quiet", "--disable-pip-version-check"]
        options = ["--no-compile", "--constraint", ROOT / "constraints.txt"]
        subprocess.run([*pip, "install", *options, wheel], check=True, cwd=folder)
        (self.packages,) = (env / "lib").glob("python3.*/site-packages")
        self.environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8"}

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "chartlake", *arguments], cwd=folder, env=self.environment, capture_output=True, text=True
        )


def _candidates() -> Iterator[Path]:
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(versions.glob("3.*/bin/python3.*"))
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield from sorted(Path(folder or ".").glob("python3.*"))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
