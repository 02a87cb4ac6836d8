"""chartlake as a person installs it: one wheel, in an empty environment, in an empty folder, without the checkout."""

from __future__ import annotations

import json
import stat
import subprocess
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from simulator import TOP_50
from tests.wheel import RUNNING, Installed, build, interpreter, versions_here

CHART = """rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams
1,spotify:track:4cOdK2wGLETKBW3PvgPWqT,Somebody,A Song,A Label,1,1,2,1000
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="session", params=versions_here())
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"this machine's Python {request.param} has no ssl and venv")
    return Installed(python, wheel, tmp_path_factory.mktemp(request.param))


def test_the_day_of_a_newcomer_needs_nothing_but_the_wheel(installed: Installed, tmp_path: Path) -> None:
    ready = installed.run(tmp_path, "init", "--yes")
    assert (ready.returncode, "50 entries, ok" in ready.stdout) == (0, True), ready.stderr
    again = installed.run(tmp_path, "extract", "--json")
    snapshot = json.loads(again.stdout)["snapshots"][0]
    assert (again.returncode, snapshot["playlist_id"], snapshot["status"]) == (0, TOP_50, "ok"), again.stderr
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    chart = json.loads(installed.run(tmp_path, "charts", "--json").stdout)
    assert len(chart["entries"]) == 50
    file = tmp_path / "regional-global-daily-2025-05-01.csv"
    file.write_text(CHART)
    imported = installed.run(tmp_path, "import", file.name)
    assert (imported.returncode, "1 day, 1 row" in imported.stdout) == (0, True), imported.stderr
    assert installed.run(tmp_path, "report").returncode == 0
    assert "Top 50" in (tmp_path / "lake" / "site" / "index.html").read_text()
    # Nobody has credentials here, which is all that is missing.
    checks = json.loads(installed.run(tmp_path, "doctor", "--json").stdout)
    assert {one["name"] for one in checks if one["mark"] == "bad"} == {"credentials"}


def test_every_command_of_the_wheel_has_what_it_needs(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import click, sys; from chalicelib.cli import main; group = click.Context(main)\n"
        "for name in main.list_commands(group): print(main.get_command(group, name).get_help(group))\n"
        "from chalicelib.cli.schedules import KINDS; import chalicelib.cli.doctor, simulator\n"
        "from chalicelib.cli.schedules.plan import _TEMPLATES; print(_TEMPLATES.list_templates())"
    )
    found = subprocess.run(
        [installed.bin / "python", "-c", code], cwd=tmp_path, env=installed.environment, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "github.yml" in found.stdout
    assert not {"chalice", "pandas", "pytest"} & {path.name for path in installed.packages.iterdir()}


@pytest.mark.parametrize("installed", [RUNNING], indirect=True)
def test_bash_completes_commands_and_options(installed: Installed, tmp_path: Path) -> None:
    script = """
eval "$(chartlake completion bash)"
complete -p chartlake
for words in "chartlake sche" "chartlake extract --ag" "chartlake schedule sys"; do
    COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
    _chartlake_completion chartlake; echo "${COMPREPLY[@]}"
done
"""
    found = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=installed.environment, capture_output=True, text=True
    )
    assert found.stdout.splitlines()[1:] == ["schedule", "--again", "systemd"], found.stderr


@pytest.mark.parametrize("installed", [RUNNING], indirect=True)
@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("zsh", {"COMP_WORDS": "chartlake sche", "COMP_CWORD": "1"}),
        ("fish", {"COMP_WORDS": "chartlake sche", "COMP_CWORD": "sche"}),
    ],
)
def test_other_shells_complete_too(installed: Installed, tmp_path: Path, shell: str, asked: dict[str, str]) -> None:
    written = installed.run(tmp_path, "completion", shell)
    assert (written.returncode, f"_CHARTLAKE_COMPLETE={shell}_complete" in written.stdout) == (0, True)
    installed_environment = installed.environment | asked | {"_CHARTLAKE_COMPLETE": f"{shell}_complete"}
    answered = subprocess.run(
        [installed.bin / "chartlake"], env=installed_environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert "schedule" in answered.stdout


def test_the_metadata_says_what_an_index_shows(metadata: Message) -> None:
    assert (metadata["Name"], metadata["License-Expression"]) == ("chartlake", "MIT")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    classifiers = metadata.get_all("Classifier") or []
    assert {f"Programming Language :: Python :: {one}" for one in versions_here()} <= set(classifiers)
    assert str(metadata.get_payload()).startswith("# chartlake")


def test_the_wheel_holds_the_command_and_nothing_of_the_workshop(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"chalicelib", "simulator"}
    assert any(name.endswith("LICENSE") for name in names)
