"""The Lambda bundle and the CloudFormation template: `chalice package` on a clean copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.package import TemplateDeepMerger

from chalicelib.errors import Final
from chalicelib.settings import from_environment

from .athena import athena_resources

ROOT = Path(__file__).parents[1]
# The room that only a person at a terminal enters, and its door; Lambda would carry them for nothing.
LAPTOP_ONLY = ("cli", "__main__.py")
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_ZIPPED, MOST_UNZIPPED = 50_000_000, 250_000_000
_OLDEST_PYTHON = (3, 12)

# What the rules of cfn-lint and cfn-lint-serverless say that does not hold here, and why.
SUPPRESSED = {
    "WS1000": "No tracing: X-Ray cannot be granted by resource, and the one log line a run holds its counters.",
    "WS2002": "No tracing: as above.",
    "WS1004": "The functions name their log groups in LoggingConfig, which the rule does not read; a test does.",
    "ES6000": "Only the dead-letter queue itself has none.",
    "ES7000": "The only subscription is a mail address, which has no dead-letter queue.",
}


class CannotPackage(Final):
    """The bundle or the template cannot be made."""

    advice = "Correct what the message names and run the same command again; nothing was changed in AWS."


@dataclass(frozen=True)
class Package:
    """A bundle (the zip that Lambda runs) and the template that refers to it."""

    bundle: Path
    template: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The files in the bundle."""
        with zipfile.ZipFile(self.bundle) as archive:
            return archive.namelist()


def build(stage: str, into: Path, architecture: str | None = None, queue: bool = False) -> Package:
    """Package `stage` into the empty folder `into`; `architecture` (arm64, x86_64) overrules config.json; with `queue`
    the lists are spread over workers.

    Raises `CannotPackage`: Python too old, unknown stage, one for `chalice deploy` only, a failing pip, a bundle that
    Lambda refuses.
    """
    source = clean_copy(into / "source", stage, architecture)
    _check_policies(source, stage)
    if sys.version_info < _OLDEST_PYTHON:
        raise CannotPackage(
            "Packaging needs Python 3.12 or newer, since DuckDB's wheels need the C library that Lambda has with it; "
            f"this is {'.'.join(map(str, sys.version_info[:2]))}.",
            advice="Run `make clean deploy PYTHON=python3.13 …`.",
        )
    command = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", stage]
    command += ["--merge-template", ".chalice/resources.json", str(into / "out")]
    # Chalice wants a region even where it asks nothing of AWS. It runs app.py in the copy before it packs that: what
    # Python would compile there would be packed, and be another file each time.
    environment = {"AWS_DEFAULT_REGION": "us-east-1"} | os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(_checked_wheels(source, into / "wheels"))}
    if queue:
        _add_queue(source / ".chalice", stage)
        # By it app.py has the workers' function.
        environment["CHARTLAKE_QUEUE"] = "lists"
    found = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    if found.returncode != 0:
        raise CannotPackage(f"`chalice package` failed: {(found.stderr or found.stdout).strip()}")
    template = json.loads((into / "out" / "sam.json").read_text())
    template["Resources"] |= athena_resources()
    if queue:
        # The scheduled job only fills the queue then, so its alarm gives its place among the free ten to the queue's.
        del template["Resources"]["NearTimeout"]
    package = Package(into / "out" / "deployment.zip", template)
    check_size(package.bundle)
    return package


def _add_queue(folder: Path, stage: str) -> None:
    """Put queue.json into the template, with each worker's part of the pace."""
    resources, queue = (json.loads((folder / f"{name}.json").read_text()) for name in ("resources", "queue"))
    variables = json.loads((folder / "config.json").read_text())["stages"][stage]["environment_variables"]
    worker = queue["Resources"]["Lists"]["Properties"]
    (source,) = worker["Events"].values()
    workers = source["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    worker["Environment"]["Variables"]["CHARTLAKE_RATE"] = f"{from_environment(variables).rate / workers:g}"
    # Chalice merges one file.
    (folder / "resources.json").write_text(json.dumps(TemplateDeepMerger().merge(queue, resources)))


def _checked_wheels(source: Path, into: Path) -> Path:
    """The wheels of the lock, each with one of its hashes: for this machine, on which Chalice looks at them first, and
    for Lambda. Chalice itself would take whatever the registry gives it."""
    architecture = json.loads((source / ".chalice" / "config.json").read_text()).get("lambda_architecture", "x86_64")
    machine = {"arm64": "aarch64"}.get(architecture, architecture)
    platforms = [f"--platform=manylinux{version}_{machine}" for version in ("_2_28", "_2_17", "2014")]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--dest", str(into)]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "-r", str(ROOT / "locked" / "bundle.txt")]
    for those in ([], [*platforms, f"--python-version={sys.version_info.major}.{sys.version_info.minor}"]):
        found = subprocess.run([*command, *those], capture_output=True, text=True)
        if found.returncode != 0:
            raise CannotPackage(f"The packages of locked/bundle.txt cannot be fetched: {found.stderr.strip()}")
    return into


def _check_policies(source: Path, stage: str) -> None:
    """Raise `CannotPackage` where a function of the stage would be kept out of the bucket that the stack makes."""
    config = json.loads((source / ".chalice" / "config.json").read_text())
    for function in config["stages"][stage]["lambda_functions"].values():
        if "${Lake.Arn}" not in (source / ".chalice" / function["iam_policy_file"]).read_text():
            raise CannotPackage(
                f"STAGE={stage}: {function['iam_policy_file']} names a bucket of your own, and the stack makes one.",
                advice="That stage is for `chalice deploy`; use STAGE=prod, or copy it in .chalice/config.json.",
            )


def clean_copy(source: Path, stage: str, architecture: str | None) -> Path:
    """What belongs into the bundle and nothing else: Chalice would take everything that lies in chalicelib/."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    if stage not in config["stages"]:
        raise CannotPackage(f"STAGE={stage}: .chalice/config.json knows {', '.join(config['stages'])}.")
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", *LAPTOP_ONLY)
    shutil.copytree(ROOT / "chalicelib", source / "chalicelib", ignore=unwanted)
    shutil.copytree(ROOT / ".chalice", source / ".chalice", ignore=shutil.ignore_patterns("deploy*"))
    for name in ("app.py", "requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, source)
    if architecture:
        config["lambda_architecture"] = architecture
        (source / ".chalice" / "config.json").write_text(json.dumps(config))
    return source


def check_size(bundle: Path) -> None:
    """Raise `CannotPackage` where Lambda would refuse the bundle, naming what takes the room."""
    with zipfile.ZipFile(bundle) as archive:
        sizes: Counter[str] = Counter()
        for entry in archive.infolist():
            sizes[entry.filename.split("/")[0]] += entry.file_size
    zipped, unzipped = bundle.stat().st_size, sizes.total()
    if zipped > MOST_ZIPPED or unzipped > MOST_UNZIPPED:
        largest = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.most_common(3))
        raise CannotPackage(
            f"The bundle has {zipped / 1e6:.1f} MB zipped and {unzipped / 1e6:.0f} MB unzipped; Lambda takes "
            f"{MOST_ZIPPED / 1e6:.0f} and {MOST_UNZIPPED / 1e6:.0f}. The largest parts: {largest}.",
            advice="Take out of requirements.txt what Lambda does not need (boto3 is there already).",
        )


def lint(template: dict[str, Any], folder: Path) -> None:
    """Raise `CannotPackage` with every finding of cfn-lint and its serverless rules that is not in `SUPPRESSED`."""
    path = folder / "template.json"
    path.write_text(json.dumps(template, indent=1))
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(path), "-a", "cfn_lint_serverless.rules"]
    found = subprocess.run([*command, "-i", *SUPPRESSED], capture_output=True, text=True)
    if found.returncode != 0:
        raise CannotPackage(f"The template has faults:\n{found.stdout.strip()}")
