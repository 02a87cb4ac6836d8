"""`chartlake init`: what a person is asked, what is written, and that a second time changes only what is answered."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from dotenv import dotenv_values

from chalicelib.cli import main
from simulator import DEVELOPMENT, EXTENDED, Simulator

ROOT = Path(__file__).parents[1]
LINK = "https://open.spotify.com/playlist/"

# A terminal of its own, so that what is typed can be hidden. Its status is the command's.
_IN_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
# Somebody who agrees on Spotify's page.
_BROWSER = """#!{python}
import requests, sys
requests.post(sys.argv[1], data={{"answer": "agree"}}, timeout=20)
"""


class Person:
    """Somebody in an empty folder, beside a simulated Spotify."""

    def __init__(self, folder: Path, simulator: Simulator, server: Any) -> None:
        self.folder, self.simulator = folder / "mine", simulator
        self.folder.mkdir()
        self.browser = folder / "browser"
        self.browser.write_text(_BROWSER.format(python=sys.executable))
        self.browser.chmod(0o755)
        self.environment: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith(("SPOTI", "CHARTLAKE"))
        }
        self.at_spotify = {"SPOTIFY_API_URL": server.api_url, "SPOTIFY_ACCOUNTS_URL": server.accounts_url}

    def run(self, *arguments: str, typed: str = "", **environment: str) -> Result:
        with contextlib.chdir(self.folder):
            return CliRunner().invoke(main, arguments, input=typed, env=self.environment | environment)

    def link(self, name: str) -> str:
        return f"{LINK}{self.simulator.playlist_id(name)}?si=abc"

    @property
    def env_file(self) -> dict[str, str | None]:
        return dotenv_values(self.folder / ".env")

    @property
    def playlists(self) -> str:
        return (self.folder / "lake" / "config" / "playlists.txt").read_text()


class Terminal:
    """`chartlake init` in a terminal: reads what is shown, then types."""

    def __init__(self, person: Person) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in person.environment}
        environment |= person.at_spotify | {
            "PYTHONPATH": str(ROOT),
            "BROWSER": f"{person.browser} %s",
            "COLUMNS": "200",
        }
        command = [sys.executable, "-c", _IN_A_TERMINAL, sys.executable, "-m", "chalicelib", "init"]
        self._process = subprocess.Popen(
            command, cwd=person.folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.shown = ""

    def answer(self, question: str, text: str) -> None:
        assert self._process.stdin is not None
        self._read_until(question)
        self._process.stdin.write(f"{text}\n".encode())

    def finish(self) -> int:
        with self._process:
            self._read_until(None)
        return self._process.returncode

    def _read_until(self, words: str | None) -> None:
        assert self._process.stdout is not None
        begin = len(self.shown)
        while words is None or words not in self.shown[begin:]:
            ready, _, _ = select.select([self._process.stdout], [], [], 60)
            assert ready, f"nothing more came after: {self.shown}"
            read = os.read(self._process.stdout.fileno(), 4096).decode("utf-8", "replace")
            if not read:
                break
            self.shown += read
        assert words is None or words in self.shown, self.shown


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    simulator = Simulator()
    with simulator.serve() as server:
        yield Person(tmp_path, simulator, server)


def test_yes_asks_nothing_and_the_simulator_answers(person: Person) -> None:
    found = person.run("init", "--yes")
    assert (found.exit_code, "invented artists" in found.stdout) == (0, True), found.output
    assert "50 entries, ok" in found.stdout
    assert person.env_file == {"CHARTLAKE_LAKE": "lake"}
    assert stat.S_IMODE((person.folder / ".env").stat().st_mode) == 0o600
    assert "already there" in person.run("extract").stdout
    for command in ("report --open", "schedule"):
        assert f"chartlake {command}" in found.stdout


def test_a_person_is_led_from_nothing_to_the_first_snapshot(person: Person) -> None:
    terminal = Terminal(person)
    terminal.answer("Client id", DEVELOPMENT.client_id)
    terminal.answer("Client secret", DEVELOPMENT.client_secret)
    terminal.answer("Where is the lake", "ftp://nowhere")
    terminal.answer("Where is the lake", "")
    terminal.answer("A playlist", person.link("one"))
    terminal.answer("A playlist", "https://open.spotify.com/album/1woYXxyyxTQJ0E0AhZE6mj")
    terminal.answer("A playlist", "")
    terminal.answer("Sign in to Spotify now?", "y")
    terminal.answer("Take the first snapshot now?", "")
    assert terminal.finish() == 0, terminal.shown
    assert "is no S3 address" in terminal.shown
    assert "is a link to an album" in terminal.shown
    assert "Signed in; stored in .env" in terminal.shown
    assert ", ok" in terminal.shown
    stored = person.env_file
    assert stored["SPOTIPY_CLIENT_ID"] == DEVELOPMENT.client_id
    assert stored["SPOTIPY_CLIENT_SECRET"] == DEVELOPMENT.client_secret
    assert stored["SPOTIPY_REFRESH_TOKEN"]
    assert stat.S_IMODE((person.folder / ".env").stat().st_mode) == 0o600
    assert person.playlists == f"{LINK}{person.simulator.playlist_id('one')}\n"
    for secret in (DEVELOPMENT.client_secret, stored["SPOTIPY_REFRESH_TOKEN"]):
        assert secret not in terminal.shown


def test_again_only_what_is_answered_anew_changes(person: Person) -> None:
    person.environment |= person.at_spotify
    (person.folder / ".env").write_text(
        f"# mine\nSPOTIPY_CLIENT_ID={EXTENDED.client_id}\nSPOTIPY_CLIENT_SECRET={EXTENDED.client_secret}\n"
        "CHARTLAKE_TIMEZONE=Europe/Berlin\n"
    )
    person.run("init", "--yes", "--no-snapshot", "--playlist", person.link("one"))
    lake = person.folder / "lake" / "config" / "playlists.txt"
    lake.write_text(f"# the first\n{lake.read_text()}")
    before = (person.folder / ".env").read_text()
    enter = "\n\n\n"  # id, secret, lake
    found = person.run("init", "--no-snapshot", typed=f"{enter}{person.link('one')}\n{person.link('fifty')}\n\n")
    assert found.exit_code == 0, found.output
    assert (person.folder / ".env").read_text() == before
    assert before.startswith("# mine\n")
    one, fifty = (f"{LINK}{person.simulator.playlist_id(name)}" for name in ("one", "fifty"))
    assert person.playlists == f"# the first\n{one}\n{fifty}\n"
    person.run("init", "--yes", "--no-snapshot", "--lake", "other")
    assert person.env_file == dotenv_values(stream=io.StringIO(before)) | {"CHARTLAKE_LAKE": "other"}


def test_another_app_or_none_forgets_the_sign_in_of_the_first(person: Person) -> None:
    person.environment |= person.at_spotify
    names = ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "SPOTIPY_REFRESH_TOKEN", "SPOTIPY_CONSENTED_AT")
    first = dict(zip(names, ("first", "canary", "token", "2026-11-23"), strict=True))
    (person.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in first.items()))
    person.run("init", "--yes", "--no-snapshot")
    assert person.env_file == first | {"CHARTLAKE_LAKE": "lake"}
    person.run("init", "--yes", "--no-snapshot", "--client-id", "second", "--client-secret", "other")
    assert [person.env_file[name] for name in names] == ["second", "other", "", ""]
    person.run("init", "--yes", "--no-snapshot", "--client-id", "")
    assert [person.env_file[name] for name in names] == ["", "", "", ""]


def test_machines_give_options_and_get_a_document(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.cli.doctor.PACKAGING_PYTHON", (3, 11))  # else it warns under that Python
    person.environment |= person.at_spotify
    options = ["--client-id", EXTENDED.client_id, "--client-secret", "-", "--playlist", person.link("one")]
    found = person.run("init", *options, "--lake", "kept", "--json", typed=f"{EXTENDED.client_secret}\n")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["added"] == [person.simulator.playlist_id("one")]
    assert document["run"]["published"] == 1
    assert {check["mark"] for check in document["checks"]} == {"good"}
    assert person.env_file["SPOTIPY_CLIENT_SECRET"] == EXTENDED.client_secret
    assert EXTENDED.client_secret not in found.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--playlist", "nonsense"], "is not a playlist"),
        (["--lake", "ftp://nowhere"], "is no S3 address"),
        (["--json", "--login"], "needs a person"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_written(person: Person, options: list[str], words: str) -> None:
    found = person.run("init", "--yes", *options)
    assert (found.exit_code, words in found.output) == (2, True)
    assert list(person.folder.iterdir()) == []


def test_what_is_missing_is_told_and_fails(person: Person) -> None:
    person.environment |= person.at_spotify
    found = person.run("init", "--yes", "--no-snapshot", "--client-id", EXTENDED.client_id, "--client-secret", "canary")
    assert (found.exit_code, "× credentials" in found.stdout) == (1, True)
    assert "canary" not in found.output


def test_the_shell_wins_over_what_is_answered_and_that_is_told(person: Person) -> None:
    found = person.run("init", "--yes", "--lake", "answered", "--no-snapshot", CHARTLAKE_LAKE="exported")
    assert "CHARTLAKE_LAKE in the environment wins over .env" in found.stderr
    assert person.env_file["CHARTLAKE_LAKE"] == "answered"


def test_an_app_without_a_secret_is_offered_the_sign_in_first(person: Person) -> None:
    found = person.run("init", "--yes", "--client-id", DEVELOPMENT.client_id)
    assert (found.exit_code, "not whole" in found.stderr) == (2, True)
    found = person.run("init", typed="\n\n\n\nn\n")
    assert "This app needs a signed-in user. Sign in now? [Y/n]: n" in found.stdout
    assert not list((person.folder / "lake").glob("tables"))


def test_all_of_mine_is_followed_and_needs_a_sign_in(person: Person) -> None:
    person.environment |= person.at_spotify
    options = ["--client-id", EXTENDED.client_id, "--client-secret", EXTENDED.client_secret]
    found = person.run("init", "--yes", "--no-snapshot", *options, "--playlist", "me", "--playlist", "me/liked")
    assert person.playlists == "me\nme/liked\n"
    assert (found.exit_code, "× playlists me" in found.stdout) == (1, True), found.output
    assert "Sign in with `chartlake login`" in " ".join(found.stdout.split())
    for name in ("large", "huge", "private"):
        person.simulator.unfollow(person.simulator.playlist_id(name))
    token = person.simulator.refresh_token(app=EXTENDED)
    taken = person.run("extract", "me", SPOTIPY_REFRESH_TOKEN=token)
    assert (taken.exit_code, "One Too Many" in taken.stdout) == (0, True), taken.output
    taken = person.run("extract", SPOTIPY_REFRESH_TOKEN=token)
    assert (taken.exit_code, "Liked Songs" in taken.stdout) == (0, True), taken.output
    assert len(json.loads(person.run("charts", "liked:listener", "--json").stdout)["entries"]) == 60


def test_a_lake_in_s3_gets_its_list_there(person: Person, aws: str) -> None:
    person.environment |= person.at_spotify
    options = ["--client-id", EXTENDED.client_id, "--client-secret", EXTENDED.client_secret]
    found = person.run("init", "--yes", *options, "--lake", "s3://charts/mine", "--playlist", person.link("one"))
    assert ", ok" in found.stdout, found.output
    kept = boto3.client("s3").get_object(Bucket="charts", Key="mine/config/playlists.txt")["Body"].read()
    assert kept.decode().startswith(LINK)
    assert [path.name for path in person.folder.iterdir()] == [".env"]
