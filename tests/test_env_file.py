"""A file `.env` that came with somebody else's folder: what it can make chartlake do, and what it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from chalicelib.cli.env_file import read_env_file

ROOT = Path(__file__).parents[1]
PLAYLIST = "5" * 22


class Shell:
    """Somebody who runs chartlake in a folder that came from elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ours = ("SPOTI", "CHARTLAKE", "AWS_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
        }

    def says(self, *lines: str, mode: int = 0o600) -> Path:
        path = self.folder / ".env"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(mode)
        return path

    def run(self, *arguments: str) -> tuple[int, str]:
        found = subprocess.run(
            [sys.executable, "-m", "chalicelib", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return found.returncode, " ".join((found.stdout + found.stderr).split())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def eavesdropper() -> Iterator[tuple[str, list[str]]]:
    """An address that takes down whatever it is sent."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(str(self.headers) + self.rfile.read(int(self.headers["Content-Length"])).decode())
            answer = b'{"error": "invalid_client"}'
            self.send_response(400)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_starts_no_command(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "aws.ini").write_text(f"[profile evil]\ncredential_process = touch {mark}\nregion = eu-west-1\n")
    attack = {"AWS_CONFIG_FILE": "aws.ini", "AWS_PROFILE": "evil"}
    where = [sys.executable, "-c", "import boto3; boto3.client('s3').list_buckets()"]
    subprocess.run(where, env=shell.environment | attack, cwd=tmp_path, capture_output=True, check=False)
    assert mark.exists(), "the attack itself does not work here"
    mark.unlink()
    shell.says(*(f"{name}={value}" for name, value in attack.items()), "CHARTLAKE_LAKE=s3://charts/lake")
    code, said = shell.run("coverage")
    assert (code, mark.exists()) == (1, False)
    assert f"Settings from {tmp_path}/.env: AWS_PROFILE, CHARTLAKE_LAKE" in said
    assert f"Not taken from {tmp_path}/.env: AWS_CONFIG_FILE. If you want that, set it in your shell." in said
    # And that profile is nobody's here.
    assert "The config profile (evil) could not be found" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["extract", "doctor"])
@pytest.mark.parametrize("secret", ["SPOTIPY_CLIENT_SECRET", "SPOTIPY_REFRESH_TOKEN"])
def test_the_shells_secrets_go_to_no_address_of_it(
    shell: Shell, eavesdropper: tuple[str, list[str]], command: str, secret: str
) -> None:
    address, heard = eavesdropper
    shell.environment |= {"SPOTIPY_CLIENT_ID": "c" * 32, secret: "canary-secret"}
    shell.says(f"SPOTIFY_ACCOUNTS_URL={address}", f"CHARTLAKE_PLAYLISTS={PLAYLIST}")
    code, said = shell.run(command)
    assert code != 0
    assert heard == []
    assert f"{address} would be sent {secret} of your shell." in said
    assert "If you trust that address, set SPOTIFY_ACCOUNTS_URL in your shell; else take it out of the file." in said


@pytest.mark.parametrize("in_file", [True, False])
def test_a_parameters_secrets_go_to_no_address_of_it(
    shell: Shell, aws: str, eavesdropper: tuple[str, list[str]], in_file: bool
) -> None:
    address, heard = eavesdropper
    name = f"/chartlake/{uuid.uuid4().hex}"
    value = json.dumps({"client_id": "c" * 32, "client_secret": "canary-secret"})
    boto3.client("ssm").put_parameter(Name=name, Type="SecureString", Value=value)
    shell.environment |= {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
    named = f"CHARTLAKE_SECRET={name}"
    if not in_file:
        shell.environment["CHARTLAKE_SECRET"] = name
    shell.says(f"SPOTIFY_ACCOUNTS_URL={address}", *([named] if in_file else []))
    code, said = shell.run("extract", PLAYLIST)
    assert (code, heard) == (2, [])
    assert f"{address} would be sent what the SSM parameter {name} holds." in said


def test_its_own_secrets_may_go_to_its_own_address(shell: Shell, eavesdropper: tuple[str, list[str]]) -> None:
    address, heard = eavesdropper
    lines = (f"SPOTIFY_ACCOUNTS_URL={address}", f"SPOTIPY_CLIENT_ID={'c' * 32}", "SPOTIPY_CLIENT_SECRET=canary")
    shell.says(*lines)
    code, said = shell.run("extract", PLAYLIST)
    assert (code, len(heard), "invalid_client" in said) == (1, 1, True)
    # Spotify's own address may stand there, whoever holds the secret.
    shell.environment |= {"SPOTIPY_CLIENT_ID": "c" * 32, "SPOTIPY_CLIENT_SECRET": "canary-secret"}
    shell.says("SPOTIFY_ACCOUNTS_URL=https://accounts.spotify.com/")
    assert "would be sent" not in shell.run("coverage")[1]


def test_it_takes_nothing_from_the_shell_into_a_value(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "canary-secret")
    line = "CHARTLAKE_LAKE=s3://evil/${SPOTIPY_CLIENT_SECRET}"
    assert read_env_file(shell.says(line), {}) == dict([line.split("=")])


def test_aws_is_asked_at_no_address_of_it(shell: Shell, eavesdropper: tuple[str, list[str]]) -> None:
    address, heard = eavesdropper
    shell.environment |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
    shell.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    shell.says(f"AWS_ENDPOINT_URL_SSM={address}", "AWS_SESSION_TOKEN=x", "CHARTLAKE_SECRET=/chartlake/x")
    _, said = shell.run("extract", PLAYLIST)
    assert heard == []
    assert "/.env: AWS_ENDPOINT_URL_SSM, AWS_SESSION_TOKEN. If" in said


def test_others_who_may_read_or_change_it_are_warned_of(shell: Shell) -> None:
    secret = "SPOTIPY_CLIENT_SECRET=canary-secret"
    for mode, read, change in ((0o600, False, False), (0o644, True, False), (0o666, True, True)):
        path = shell.says(secret, mode=mode)
        _, said = shell.run("coverage")
        assert said.count(f"Settings from {path}: SPOTIPY_CLIENT_SECRET") == 1
        assert (f"may read the secrets in {path}: chmod 600 it." in said, f"may change {path}" in said) == (
            read,
            change,
        )
        assert "canary-secret" not in said
    shell.says("CHARTLAKE_TIMEZONE=UTC", mode=0o644)
    assert "Others on this machine" not in shell.run("coverage")[1]


def test_a_file_that_says_nothing_to_chartlake_is_not_spoken_of(shell: Shell) -> None:
    shell.says("OTHER=1", "CHARTLAKE_LAKE=elsewhere")
    shell.environment["CHARTLAKE_LAKE"] = "lake"
    assert ".env" not in shell.run("coverage")[1]


@pytest.mark.parametrize("command", [["coverage"], ["backfill", "--url", "http://127.0.0.1:9"], ["doctor"]])
def test_a_profile_that_is_not_there_is_named(shell: Shell, command: list[str]) -> None:
    shell.environment |= {"AWS_PROFILE": "nope", "CHARTLAKE_LAKE": "s3://charts/lake", "AWS_REGION": "eu-west-1"}
    code, said = shell.run(*command)
    assert code != 0
    assert "(nope)" in said
    assert "AWS_PROFILE" in said or "aws sts get-caller-identity" in said
    assert "Traceback" not in said
