"""The house: who may import whom, what a cold start loads, and that the documents keep up with the code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from radon.complexity import cc_rank, cc_visit

from chalicelib import errors
from chalicelib.lake import schema
from deploy import audit

ROOT = Path(__file__).parents[1]
CHALICELIB = ROOT / "chalicelib"
GROUND = "ground"

# What the bundle holds, and what only a room that Lambda never enters may use besides.
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
    "urllib3",
}
LAPTOP_ONLY = {"cli": {"click", "dotenv", "filelock", "rich", "sqlglot"}, "lake": {"filelock"}}


def rooms() -> dict[str, set[str]]:
    """Each room and those that it may import, from the table in docs/architecture.md."""
    table: dict[str, set[str]] = {}
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`([^`]+)`", cells[0])
        if line.startswith("| `") and len(cells) == 3:
            allowed = set(re.findall(r"`([^`]+)`", cells[2])) | ({GROUND} if GROUND in cells[2] else set())
            for name in names:
                table[name.strip("/")] = allowed
    return table


def modules() -> dict[str, Path]:
    """Every module of the code by its dotted name."""
    found = {}
    for path in (
        ROOT / "app.py",
        *(path for top in ("chalicelib", "deploy", "simulator") for path in (ROOT / top).rglob("*.py")),
    ):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
ROOMS = rooms()
TOP_FILES = {path.stem for path in CHALICELIB.glob("*.py")} - {"__init__", "__main__"}


def imports_of(module: str) -> set[str]:
    """All that a module imports, anywhere in it: modules of ours by their names, others by their package."""
    path = MODULES[module]
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            named = (f"{source}.{alias.name}" for alias in node.names)
            found.update(name if name in MODULES else source for name in named)
    return {name if name in MODULES else name.split(".")[0] for name in found} - set(sys.stdlib_module_names)


def room_of(module: str) -> str:
    """The room that a module of ours lies in: a folder of chalicelib, the ground, or what stands at the top."""
    top, _, rest = module.partition(".")
    if top != "chalicelib":
        return "app.py" if top == "app" else top
    room = rest.partition(".")[0]
    return GROUND if room in TOP_FILES | {""} else "cli" if room == "__main__" else room


def test_the_map_in_the_documents_is_the_tree() -> None:
    folders = {path.name for path in CHALICELIB.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(ROOMS) == folders | TOP_FILES | {"app.py", "simulator", "deploy"}
    assert len(TOP_FILES) <= 6
    assert len(folders) <= 9
    for folder in folders:
        assert ast.get_docstring(ast.parse((CHALICELIB / folder / "__init__.py").read_text())), folder


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module: str) -> None:
    room = room_of(module)
    allowed = {GROUND} if room == GROUND else ROOMS[room] | {room}
    ours = {name for name in imports_of(module) if name in MODULES}
    assert {
        name for name in ours if room_of(name) not in allowed and name.removeprefix("chalicelib.") not in allowed
    } == set()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("chalicelib")))
def test_lambda_imports_nothing_that_the_bundle_does_not_hold(module: str) -> None:
    packages = {name for name in imports_of(module) if name not in MODULES}
    assert packages <= BUNDLED | LAPTOP_ONLY.get(room_of(module), set())


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: {name for name in imports_of(module) if name in MODULES and name != module} for module in MODULES}
    TopologicalSorter(graph).prepare()


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


def test_what_is_installed_is_locked_with_hashes_and_names_no_registry() -> None:
    pinned = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text().lower(), re.MULTILINE)
    for name in ("run", "tests", "bundle"):
        text = (ROOT / "locked" / f"{name}.txt").read_text()
        assert "://" not in text
        packages = re.split(r"\n(?=\w)", text.strip())
        assert all(re.match(r"[\w.-]+==\S+", one) and "--hash=sha256:" in one for one in packages)
        for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE):
            assert (package, version) in pinned or package not in dict(pinned)
    made = (ROOT / "Makefile").read_text()
    assert all(f"--require-hashes --no-deps -r locked/{name}.txt" in made for name in ("run", "tests"))


def test_the_audit_fails_at_a_hole_and_names_what_it_could_not_look_up() -> None:
    hole = {"name": "b", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    skipped = {"name": "a", "skip_reason": "not found"}
    assert audit.report({"dependencies": [skipped, hole]}) == (
        [
            "b 1: CVE-1, mended in 2",
            "1 of 2 packages were looked up; see above.",
            "NOT LOOKED UP, so nothing is known of them: a.",
        ],
        True,
    )
    assert audit.report({"dependencies": [hole | {"vulns": []}]})[1] is False


@pytest.mark.parametrize(
    ("table", "columns"),
    [("entries", schema.ENTRIES), ("snapshots", schema.SNAPSHOTS), ("audio_features", schema.AUDIO_FEATURES)],
)
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
        assert set(stage["lambda_functions"]) == {"api_handler", "daily", "extract", "upload", "lists"}
        for function in stage["lambda_functions"].values():
            assert set(function) <= _FUNCTION_KEYS
            assert (ROOT / ".chalice" / function["iam_policy_file"]).is_file()


def test_policies_name_actions_one_by_one_and_never_delete() -> None:
    for path in (ROOT / ".chalice").glob("policy-*.json"):
        for statement in json.loads(path.read_text())["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert statement["Resource"] != "*"
            # Lambda itself takes a message that is done out of the queue, in the function's name.
            assert not any("*" in one or "Delete" in one for one in actions if one != "sqs:DeleteMessage")


def test_no_function_is_hard_to_read() -> None:
    """By radon's grades: none is a D, and at most three are a C."""
    found = [
        (cc_rank(block.complexity), f"{path.relative_to(ROOT)}: {block.fullname} ({block.complexity})")
        for folder in ("chalicelib", "deploy", "simulator")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for block in cc_visit(path.read_text())
        if cc_rank(block.complexity) > "B"
    ]
    assert [where for rank, where in found if rank > "C"] == []
    assert len(found) <= 3, found
