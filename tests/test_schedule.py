"""`chartlake schedule`: its files are held to their formats, and what they start takes a snapshot where it should."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xmlschema
import yaml
from click.testing import CliRunner, Result

from chalicelib.cli import main
from chalicelib.cli.doctor.schedule import runs_after
from chalicelib.cli.schedules import KINDS
from simulator import EXTENDED, TOP_50, Simulator

ROOT = Path(__file__).parents[1]
# Each letter of it means something to one of the schedulers.
AWKWARD = "my 100% “charts” & $HOME's <lake> \\x"

# Stands in for a scheduler's own command, which would change this machine: it notes how it was called. As crontab it
# also keeps the table.
_STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$HOME/called"
[ "$(basename "$0")" = crontab ] || exit 0
[ "$1" = - ] && exec cat > "$HOME/crontab"
[ -e "$HOME/crontab" ] || { echo "no crontab for you" >&2; exit 1; }
cat "$HOME/crontab"
"""


class Machine:
    """A person's folder, home and schedulers."""

    def __init__(self, place: Path) -> None:
        self.folder, self.home, self.bin = place / AWKWARD, place / "home", place / "bin"
        for folder in (self.folder, self.home, self.bin):
            folder.mkdir()
        for name in ("systemctl", "crontab", "launchctl", "schtasks"):
            self.stand_in(name, _STAND_IN)
        self.environment: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith(("SPOTI", "CHARTLAKE", "XDG"))
        }
        self.environment |= {"HOME": str(self.home), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def stand_in(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def run(self, *arguments: str) -> Result:
        with contextlib.chdir(self.folder):
            return CliRunner().invoke(main, arguments, env=self.environment)

    def plan(self, *arguments: str) -> dict[str, Any]:
        found = self.run("schedule", *arguments, "--json")
        assert found.exit_code == 0, found.stdout + found.stderr
        document: dict[str, Any] = json.loads(found.stdout)
        return document

    def written(self, *arguments: str) -> list[str]:
        """The texts of the files that it would write."""
        return [step["text"] for step in self.plan(*arguments)["steps"] if step["step"] == "write"]

    @property
    def called(self) -> list[str]:
        path = self.home / "called"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def files(self) -> set[str]:
        found = (path for path in (*self.home.rglob("*"), *self.folder.rglob("*")) if ".git/" not in str(path))
        return {path.name for path in found if path.is_file() and path.name != "called"}

    def keeps_today(self) -> bool:
        return bool(list(self.folder.glob("lake/tables/snapshots/*/*.parquet")))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def repository(machine: Machine) -> Machine:
    """The folder is a git repository, whose remote is another one."""
    for command in ("init --quiet --initial-branch main", f"init --quiet --bare {machine.home}/remote"):
        subprocess.run(["git", *command.split()], cwd=machine.folder, check=True)
    subprocess.run(["git", "remote", "add", "origin", f"{machine.home}/remote"], cwd=machine.folder, check=True)
    return machine


# The formats.


def test_systemd_accepts_the_units(machine: Machine, tmp_path: Path) -> None:
    plan = machine.plan("systemd", "--at", "07:05")
    paths = []
    for step in plan["steps"][:2]:
        paths.append(tmp_path / Path(step["path"]).name)
        paths[-1].write_text(step["text"])
    verified = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    service, timer = (path.read_text() for path in paths)
    assert "\nOnCalendar=*-*-* 07:05:00\n" in timer
    assert "\nPersistent=true\n" in timer
    assert f"\nWorkingDirectory={str(machine.folder).replace('%', '%%')}\n" in service
    when = ["systemd-analyze", "calendar", "*-*-* 07:05:00"]
    assert "07:05:00" in subprocess.run(when, capture_output=True, text=True, check=True).stdout


def test_systemd_refuses_a_unit_with_a_mistake(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "broken.service"
    path.write_text(machine.written("systemd")[0].replace("Type=oneshot", "Tpe=oneshot"))
    assert "Unknown key" in subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True).stderr


@pytest.mark.parametrize(("at", "fields"), [("06:15", "15 6-23 * * *"), ("23:59", "59 23 * * *")])
def test_cron_accepts_the_line(machine: Machine, tmp_path: Path, at: str, fields: str) -> None:
    (step,) = machine.plan("cron", "--at", at)["steps"]
    assert step["stdin"].startswith(f"{fields} cd ")
    table = tmp_path / "table"
    table.write_text(step["stdin"])
    crontab = shutil.which("crontab")
    assert crontab, "apt-get install cron"
    # Debian's checks by -n, cronie by -T. Debian's takes no path of more than 99 letters.
    usage = subprocess.run([crontab, "-h"], capture_output=True, text=True)
    check = "-n" if "-n\t" in usage.stdout + usage.stderr else "-T"
    assert subprocess.run([crontab, check, table.name], cwd=tmp_path, capture_output=True).returncode == 0
    table.write_text(step["stdin"].replace("* * *", "* * 9", 1))
    assert subprocess.run([crontab, check, table.name], cwd=tmp_path, capture_output=True).returncode != 0


def test_launchd_gets_a_property_list(machine: Machine) -> None:
    agent = plistlib.loads(machine.written("launchd", "--at", "07:05")[0].encode())
    assert agent["WorkingDirectory"] == str(machine.folder)
    assert agent["StartCalendarInterval"] == {"Hour": 7, "Minute": 5}
    assert agent["RunAtLoad"] is True
    assert agent["Label"].startswith("chartlake-my-100-charts-home-s-lake-x-")


def test_windows_gets_a_task_of_its_schema(machine: Machine, tmp_path: Path) -> None:
    schema, path = xmlschema.XMLSchema(ROOT / "tests" / "task.xsd"), tmp_path / "task.xml"
    text = machine.written("windows", "--at", "07:05")[0]
    path.write_text(text, "utf-16")
    schema.validate(str(path))
    task: Any = schema.to_dict(str(path))
    assert task["Triggers"]["CalendarTrigger"][0]["StartBoundary"].endswith("T07:05:00")
    assert task["Settings"]["StartWhenAvailable"] is True
    assert task["Actions"]["Exec"][0]["WorkingDirectory"] == str(machine.folder)
    path.write_text(text.replace("DaysInterval", "Days"), "utf-16")
    assert not schema.is_valid(str(path))


@pytest.mark.parametrize("lake", ["lake", "s3://my-charts/chartlake"])
@pytest.mark.parametrize("secret", ["", "/chartlake/spotify"])
def test_github_gets_a_workflow_of_its_schema(repository: Machine, tmp_path: Path, lake: str, secret: str) -> None:
    (repository.folder / ".env").write_text(
        f"CHARTLAKE_LAKE={lake}\nCHARTLAKE_SECRET={secret}\nSPOTIPY_CLIENT_ID=key\n"
    )
    plan = repository.plan("github", "--at", "20:15")
    path = tmp_path / "chartlake.yml"
    path.write_text(plan["steps"][0]["text"])
    checker = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.github-workflows"]
    checked = subprocess.run([*checker, path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    workflow = yaml.safe_load(path.read_text())
    # YAML 1.1 takes `on` for a truth.
    assert [one["cron"] for one in workflow[True]["schedule"]] == ["15 20 * * *", "15 2 * * *"]
    in_s3 = lake.startswith("s3://")
    assert workflow["permissions"] == {"contents": "read" if in_s3 else "write"}
    named = set(re.findall(r"secrets\.(\w+)", path.read_text()))
    assert ("AWS_REGION" in named, "SPOTIPY_CLIENT_ID" in named) == (in_s3 or bool(secret), not secret)
    assert all(name in plan["notes"][0] for name in named)
    assert "key" not in path.read_text().split()
    path.write_text(path.read_text().replace("runs-on", "runs"))
    assert subprocess.run([*checker, path], capture_output=True).returncode == 1


# What they start.


def test_what_cron_starts_keeps_today_and_catches_up(machine: Machine) -> None:
    line = machine.plan("cron")["steps"][0]["stdin"].rstrip("\n")
    fields, command = line.split(" ", 5)[:5], line.split(" ", 5)[5]
    bare = {"HOME": str(machine.home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    # For cron the command ends at a % that has no backslash, and the backslash of any other goes away.
    command = re.split(r"(?<!\\)%", command)[0].replace(r"\%", "%")
    subprocess.run(["/bin/sh", "-c", command], env=bare, cwd="/", check=True)
    assert machine.keeps_today()
    assert "50 entries, ok" in (machine.folder / "chartlake.log").read_text()
    switched_on = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
    assert next(runs_after(switched_on, f"cron({fields[0]} {fields[1]} * * ? *)")) == switched_on.replace(
        hour=10, minute=15
    )


def test_what_launchd_starts_keeps_today(machine: Machine) -> None:
    agent = plistlib.loads(machine.written("launchd")[0].encode())
    bare = {"HOME": str(machine.home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    subprocess.run(agent["ProgramArguments"], env=bare, cwd=agent["WorkingDirectory"], check=True, capture_output=True)
    assert machine.keeps_today()


def test_what_github_starts_keeps_today_in_the_repository(repository: Machine) -> None:
    (repository.folder / ".env").write_text("SPOTIPY_CLIENT_ID=mine\nSPOTIPY_CLIENT_SECRET=canary\n")
    repository.run("schedule", "github", "--yes")
    (repository.folder / "lake" / "config").mkdir(parents=True)
    (repository.folder / "lake" / "config" / "playlists.txt").write_text(TOP_50)
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for command in ("add .github lake", "commit --quiet --message begin", "push --quiet --set-upstream origin main"):
        subprocess.run([*git, *command.split()], cwd=repository.folder, check=True)
    (repository.folder / ".env").unlink()
    workflow = yaml.safe_load((repository.folder / ".github" / "workflows" / "chartlake.yml").read_text())
    job = workflow["jobs"]["extract"]
    install, extract, keep = (step["run"] for step in job["steps"] if "run" in step)
    assert shlex.split(install)[:4] == ["python", "-m", "pip", "install"]
    repository.stand_in("chartlake", f'#!/bin/sh\nexec "{sys.executable}" -m chalicelib "$@"\n')

    def step(script: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        filled = {
            name: secrets.get(name, "") if value.startswith("${{ secrets.") else value
            for name, value in job["env"].items()
        }
        shell = ["bash", "-e", "-c", script]
        path = {"PATH": f"{repository.bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        environment = os.environ | path | filled | {k: v for k, v in secrets.items() if k not in filled}
        return subprocess.run(shell, cwd=repository.folder, env=environment, capture_output=True, text=True)

    missing = step(extract)
    assert (missing.returncode != 0, "Add the secret SPOTIPY_CLIENT_ID" in missing.stderr) == (True, True)
    assert not repository.keeps_today()
    with Simulator().serve() as server:
        done = step(
            extract,
            SPOTIPY_CLIENT_ID=EXTENDED.client_id,
            SPOTIPY_CLIENT_SECRET=EXTENDED.client_secret,
            SPOTIFY_API_URL=server.api_url,
            SPOTIFY_ACCOUNTS_URL=server.accounts_url,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    for _ in range(2):  # with nothing new it is well, too
        kept = step(keep)
        assert kept.returncode == 0, kept.stderr
    pushed = ["git", "ls-tree", "-r", "--name-only", "main"]
    names = subprocess.run(pushed, cwd=repository.home / "remote", capture_output=True, text=True, check=True).stdout
    assert "lake/tables/snapshots/" in names
    assert ".env" not in names
    counted = ["git", "rev-list", "--count", "main"]
    assert subprocess.run(counted, cwd=repository.home / "remote", capture_output=True, text=True).stdout == "2\n"


# Showing, installing, removing.


@pytest.mark.parametrize("kind", list(KINDS))
def test_it_shows_and_changes_nothing_until_it_is_told_to_and_then_removes_all_of_it(
    repository: Machine, kind: str
) -> None:
    (repository.home / "crontab").write_text("@daily mine\n")
    before = repository.files
    shown = repository.run("schedule", kind)
    assert (shown.exit_code, "Nothing is changed" in shown.stdout) == (0, True)
    assert (repository.files, [call for call in repository.called if call != "crontab -l"]) == (before, [])
    assert repository.plan(kind, "--remove")["steps"] == []
    for _ in range(2):  # a second time changes nothing more
        done = repository.run("schedule", kind, "--yes")
        assert (done.exit_code, "Installed." in done.stdout) == (0, True), done.stderr
        for step in repository.plan(kind)["steps"]:
            if step["step"] == "write":
                assert Path(step["path"]).read_text(step["encoding"]) == step["text"]
            else:
                assert " ".join(step["command"]) in repository.called
        assert all(one.strip() in done.stdout for one in repository.plan(kind)["notes"])
    if kind == "cron":
        assert (repository.home / "crontab").read_text().count("\n") == 2
    removed = repository.run("schedule", kind, "--remove", "--yes")
    assert (removed.exit_code, "Removed." in removed.stdout) == (0, True), removed.stderr
    assert repository.files == before
    assert (repository.home / "crontab").read_text() == "@daily mine\n"
    assert "Nothing of" in repository.run("schedule", kind, "--remove", "--yes").stdout


def test_a_crontab_that_cannot_be_read_is_never_written_over(machine: Machine) -> None:
    machine.stand_in("crontab", '#!/bin/sh\n[ "$1" = - ] && touch "$HOME/lost"\necho "you may not" >&2\nexit 1\n')
    found = machine.run("schedule", "cron", "--yes")
    assert (found.exit_code, "you may not" in found.stderr) == (1, True)
    assert not (machine.home / "lost").exists()


def test_a_crontab_that_cannot_be_asked_for_is_not_taken_for_an_empty_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.home / "crontab").write_text("@daily mine\n")

    truly = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if command[-1] == "-l":
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return truly(command, **options)

    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.cli.schedules.cron.subprocess.run", run)
        found = machine.run("schedule", "cron", "--yes")
    assert (found.exit_code, "crontab cannot be run here: Resource temporarily" in found.stderr) == (1, True)
    assert (machine.home / "crontab").read_text() == "@daily mine\n"


def test_every_other_line_of_a_crontab_stays_byte_by_byte(machine: Machine) -> None:
    mine = "# caf\xe9 \x85\r\n\n@daily a\x0cb".encode("latin-1")
    (machine.home / "crontab").write_bytes(mine)
    assert machine.run("schedule", "cron", "--yes").exit_code == 0
    installed = (machine.home / "crontab").read_bytes()
    assert installed.startswith(mine + b"\n")
    assert installed.count(b"chartlake") >= 1
    assert machine.run("schedule", "cron", "--remove", "--yes").exit_code == 0
    assert (machine.home / "crontab").read_bytes() == mine + b"\n"


def test_a_scheduler_that_refuses_is_told_in_its_own_words(machine: Machine) -> None:
    machine.stand_in("systemctl", '#!/bin/sh\necho "Failed to connect to bus" >&2\nexit 1\n')
    found = machine.run("schedule", "systemd", "--yes")
    assert (found.exit_code, "Failed to connect to bus" in found.stderr) == (1, True)
    assert "schedule --remove" in found.stderr


def test_two_folders_have_two_schedules(machine: Machine, tmp_path: Path) -> None:
    first = machine.run("schedule", "cron", "--yes")
    machine.folder = tmp_path / "other" / AWKWARD
    machine.folder.mkdir(parents=True)
    second = machine.run("schedule", "cron", "--yes")
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert (machine.home / "crontab").read_text().count("\n") == 2
    machine.run("schedule", "cron", "--yes", "--remove")
    assert "other" not in (machine.home / "crontab").read_text()


# What would go wrong on the day after.


def test_a_setting_that_only_the_shell_has_is_refused(machine: Machine) -> None:
    machine.environment["CHARTLAKE_LAKE"] = "elsewhere"
    found = machine.run("schedule", "cron", "--yes")
    assert (found.exit_code, "CHARTLAKE_LAKE" in found.stderr, machine.called) == (2, True, [])
    (machine.folder / ".env").write_text("CHARTLAKE_LAKE=elsewhere\n")
    assert machine.run("schedule", "cron", "--yes").exit_code == 0


@pytest.mark.parametrize("python", ["/home/me/.cache/uv/archive-v0/x/bin/python", "/home/me/.cache/pipx/x/bin/python"])
def test_what_was_installed_for_one_call_only_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    found = machine.run("schedule", "cron", "--yes")
    assert (found.exit_code, "pipx install chartlake" in found.stderr) == (2, True)


@pytest.mark.parametrize(
    ("lake", "words"), [("/elsewhere", "outside of the repository"), ("lake", "not the root of a git repository")]
)
def test_github_needs_a_repository_that_holds_the_lake(repository: Machine, lake: str, words: str) -> None:
    (repository.folder / ".env").write_text(f"CHARTLAKE_LAKE={lake}\n")
    if lake == "lake":
        shutil.rmtree(repository.folder / ".git")
    found = repository.run("schedule", "github", "--yes")
    assert (found.exit_code, words in found.stderr) == (2, True)
    assert ".github" not in {path.name for path in repository.folder.iterdir()}


def test_a_schedule_without_credentials_says_that_it_would_keep_invented_songs(machine: Machine) -> None:
    assert "invented songs" in machine.run("schedule", "cron").stdout
    (machine.folder / ".env").write_text("SPOTIPY_CLIENT_ID=a\nSPOTIPY_CLIENT_SECRET=b\n")
    assert "invented songs" not in machine.run("schedule", "cron").stdout
