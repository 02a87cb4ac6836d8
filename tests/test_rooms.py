"""The house: who may import whom, what a cold start loads, and that the documents keep up with the code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chalicelib import errors
from chalicelib.lake import schema

ROOT = Path(__file__).parents[1]
CHALICELIB = ROOT / "chalicelib"

# A room and the rooms of chalicelib that it may import. Everything else is forbidden.
MAY_IMPORT = {
    "errors": set(),
    "world": set(),
    "logs": set(),
    "entries": set(),
    "history": {"entries", "errors", "history"},
    "settings": {"errors"},
    "spotify": {"errors", "world", "entries", "spotify"},
    "lake": {"errors", "world", "lake"},
    "credentials": {"errors", "settings", "spotify", "world"},
    "days": {"", "entries", "errors", "lake", "spotify"},
    "tombstones": {"entries", "errors", "lake", "spotify"},
    "staging": {"days", "entries", "errors", "history", "lake", "tombstones"},
    "imports": {"errors", "history", "lake", "staging"},
    "uploads": {"errors", "history", "imports", "lake", "world"},
    "replay": {"days", "entries", "errors", "lake", "spotify", "tombstones", "world"},
    "purge": {"errors", "lake", "spotify", "tombstones", "world"},
    "outcome": {"errors", "lake"},
    "pipeline": {"credentials", "days", "entries", "errors", "lake", "outcome", "settings", "spotify", "world"},
    "coverage": {"charts", "lake"},
    "views": {"", "views"},
    "charts": {"errors", "lake", "views"},
    "words": set(),
    "exports": {"lake", "words"},
    "columns": {"words"},
    "chart_tables": {"charts", "columns", "lake", "words"},
    "report": {"charts", "errors", "lake", "report", "words", "world"},
    "metrics": {"outcome"},
    "api": {"", "api", "charts", "errors", "lake", "report", "service", "settings", "spotify", "views", "world"},
    "measured": {"errors", "lake", "outcome"},
    "cost": {"lake", "measured"},
    "verify": {"entries", "errors", "lake", "spotify", "words"},
    "runs": {"errors", "lake", "world"},
    "backfill": {"errors", "lake", "outcome", "replay", "runs", "spotify", "world"},
    "service": {
        "",
        "backfill",
        "errors",
        "lake",
        "measured",
        "metrics",
        "outcome",
        "pipeline",
        "report",
        "runs",
        "settings",
        "uploads",
        "world",
    },
    "remote": {"errors", "world"},
    "doctor": {
        "credentials",
        "doctor",
        "entries",
        "errors",
        "lake",
        "pipeline",
        "service",
        "settings",
        "spotify",
        "world",
    },
    "login": {"errors", "spotify", "world"},
    "demo": {"coverage", "errors", "lake", "outcome", "pipeline", "settings", "world"},
    "terminal": {
        "chart_tables",
        "charts",
        "cost",
        "coverage",
        "demo",
        "doctor",
        "errors",
        "imports",
        "lake",
        "outcome",
        "purge",
        "replay",
        "verify",
        "words",
    },
    "cli": {
        "",
        "chart_tables",
        "charts",
        "cli",
        "exports",
        "terminal",
        "cost",
        "coverage",
        "credentials",
        "demo",
        "doctor",
        "errors",
        "imports",
        "lake",
        "login",
        "outcome",
        "pipeline",
        "purge",
        "remote",
        "replay",
        "report",
        "settings",
        "spotify",
        "verify",
        "views",
        "words",
        "world",
    },
    "__main__": {"cli"},
    "": set(),
}
# Rooms that never start in Lambda may use what the bundle does not hold.
BUNDLED = {
    "_typeshed",
    "boto3",
    "botocore",
    "mypy_boto3_s3",
    "mypy_boto3_ssm",
    "duckdb",
    "jinja2",
    "markupsafe",
    "requests",
    "spotipy",
    "tenacity",
}
LAPTOP_ONLY = {
    "views": {"sqlglot"},
    "cli": {"click", "rich", "dotenv", "simulator"},
    "columns": {"rich"},
    "chart_tables": {"rich"},
    "terminal": {"rich"},
    "lake": {"filelock"},
    "demo": {"filelock", "simulator"},
}


def room_of(path: Path) -> str:
    parts = path.relative_to(CHALICELIB).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imports_of(path: Path) -> tuple[set[str], set[str]]:
    """Rooms of chalicelib and other packages that a file imports, anywhere in it."""
    rooms, packages = set(), set()
    depth = len(path.relative_to(CHALICELIB).parts)
    own = path.relative_to(CHALICELIB).parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            packages.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            packages.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            if node.level < depth:
                rooms.add(own)
            elif node.module:
                rooms.add(node.module.split(".")[0])
            else:
                rooms.update("" if alias.name.startswith("__") else alias.name for alias in node.names)
    return rooms, packages - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", sorted(CHALICELIB.rglob("*.py")), ids=lambda p: str(p.relative_to(CHALICELIB)))
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    rooms, packages = imports_of(path)
    assert rooms <= MAY_IMPORT[room]
    assert packages <= BUNDLED | LAPTOP_ONLY.get(room, set())


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = (
        "import sys, app; print(*[n for n in ('boto3','botocore','spotipy','duckdb','requests') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_what_the_bundle_needs_is_a_part_of_what_a_machine_needs() -> None:
    bundle = {line for line in (ROOT / "requirements.txt").read_text().split("\n") if line and line[0] not in "#-"}
    machine = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    assert bundle < machine
    assert bundle >= BUNDLED - {"_typeshed", "boto3", "botocore", "mypy_boto3_s3", "mypy_boto3_ssm", "markupsafe"}


def test_every_direct_dependency_has_an_exact_version() -> None:
    locked = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = [
        *tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"],
        *(line for line in (ROOT / "requirements-dev.txt").read_text().split("\n") if line and line[0] not in "#-"),
    ]
    assert {re.split(r"[\[;]", name)[0].lower() for name in wanted} <= locked


@pytest.mark.parametrize(("table", "columns"), [("entries", schema.ENTRIES), ("snapshots", schema.SNAPSHOTS)])
def test_the_documents_name_every_column_with_its_type(table: str, columns: dict[str, str]) -> None:
    text = (ROOT / "docs" / "data.md").read_text()
    section = text.split(f"## `{table}`", 1)[1].split("\n## ", 1)[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| ([A-Z][^|]*?) \| (?:yes|no) \|", section, re.MULTILINE))
    assert documented == columns
    assert list(documented) == list(columns)


def test_the_documents_name_every_status() -> None:
    text = (ROOT / "docs" / "data.md").read_text()
    assert all(f"| `{status}` |" in text for status in schema.Status)


def test_every_error_has_advice_and_a_status_that_exists() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 12
    for kind in kinds:
        assert kind.advice.endswith((".", ")."))
        assert kind.status in set(schema.Status)


# Chalice accepts any key in config.json and ignores what it does not know (and, one level up, even what it knows).
_STAGE_KEYS = {"api_gateway_stage", "environment_variables", "lambda_functions"}
_FUNCTION_KEYS = {"lambda_memory_size", "lambda_timeout", "iam_policy_file"}


def test_chalices_configuration_has_only_keys_that_chalice_reads() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    known = {
        "version",
        "app_name",
        "autogen_policy",
        "lambda_architecture",
        "api_gateway_endpoint_type",
        "minimum_compression_size",
        "stages",
    }
    assert set(config) <= known
    assert set(config["stages"]) == {"dev", "prod"}
    for stage in config["stages"].values():
        assert set(stage) <= _STAGE_KEYS
        assert set(stage["lambda_functions"]) == {"api_handler", "daily", "extract", "upload"}
        for function in stage["lambda_functions"].values():
            assert set(function) <= _FUNCTION_KEYS
            assert (ROOT / ".chalice" / function["iam_policy_file"]).is_file()


def test_policies_name_actions_one_by_one_and_never_delete() -> None:
    for path in (ROOT / ".chalice").glob("policy-*.json"):
        for statement in json.loads(path.read_text())["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert statement["Resource"] != "*"
            assert not any("*" in action or "Delete" in action for action in actions)
