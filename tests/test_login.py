"""`chartlake login` as its own process, with `requests` as the browser: every way in which it can end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from dotenv import dotenv_values

from chalicelib.errors import ChartlakeError, SignInFailed
from chalicelib.settings import Settings
from chalicelib.spotify.credentials import load_credentials
from chalicelib.spotify.login import sign_in_by_browser, sign_in_by_paste
from chalicelib.spotify.tokens import Credentials
from simulator import DEVELOPMENT, Simulator
from tests.conftest import Clock

ROOT = Path(__file__).parents[1]


def agree(address: str, answer: str = "agree") -> str:
    """Answer on the consent page and give the address that the browser is sent to."""
    sent = requests.post(address, data={"answer": answer}, timeout=5, allow_redirects=False)
    return sent.headers.get("Location", "")


class Person:
    """Somebody at a terminal in a folder of their own, beside a simulated Spotify."""

    def __init__(self, folder: Path, server: Any) -> None:
        self.folder = folder
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE"))}
        self.environment = keep | {
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "SPOTIPY_CLIENT_ID": DEVELOPMENT.client_id,
            "SPOTIPY_CLIENT_SECRET": DEVELOPMENT.client_secret,
            "PYTHONPATH": str(ROOT),
        }
        self.secrets = [DEVELOPMENT.client_secret]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "chalicelib", *arguments]
        return subprocess.Popen(
            command, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=self.folder
        )

    def log_in(self, *options: str, answer: str = "agree", change: tuple[str, str] = ("", "")) -> tuple[int, str, str]:
        """Exit code, what the terminal showed, and the page in the browser."""
        process = self.start("login", "--no-browser", "--port", "0", *options)
        assert process.stderr is not None
        shown = ""
        while "http" not in shown:
            shown += process.stderr.readline() or "http: the process ended"
        back = agree(shown.split()[-1], answer)
        page = requests.get(back.replace(*change), timeout=10).text if back else ""
        out, err = process.communicate(timeout=30)
        assert not any(secret in shown + out + err + page for secret in self.secrets)
        return process.returncode, shown + out + err, page

    @property
    def env_file(self) -> dict[str, str | None]:
        return dotenv_values(self.folder / ".env")


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with Simulator().serve() as server:
        yield Person(tmp_path, server)


@pytest.mark.parametrize("with_secret", [True, False])
def test_a_sign_in_is_stored_privately_and_reads_ones_own_playlist(person: Person, with_secret: bool) -> None:
    if not with_secret:
        del person.environment["SPOTIPY_CLIENT_SECRET"]
    (person.folder / ".env").write_text("# mine\nCHARTLAKE_TIMEZONE=Europe/Berlin\nSPOTIPY_REFRESH_TOKEN=old\n")
    code, shown, page = person.log_in()
    assert (code, "Signed in; stored in .env" in shown) == (0, True)
    assert "You are signed in" in page
    assert "http" not in page
    stored = person.env_file
    assert stored["CHARTLAKE_TIMEZONE"] == "Europe/Berlin"
    assert stored["SPOTIPY_CONSENTED_AT"]
    assert "# mine" in (person.folder / ".env").read_text()
    assert stored["SPOTIPY_REFRESH_TOKEN"] not in (None, "old")
    assert str(stored["SPOTIPY_REFRESH_TOKEN"]) not in shown + page
    assert stat.S_IMODE((person.folder / ".env").stat().st_mode) == 0o600
    own = Simulator().playlist_id("one")
    process = person.start("extract", own, "--json")
    assert json.loads(process.communicate(timeout=60)[0])["snapshots"][0]["status"] == "ok"


@pytest.mark.parametrize(("followed", "asks"), [("", False), ("0" * 22, False), ("me", True), ("me/liked", True)])
def test_only_who_follows_what_is_their_own_is_asked_for_the_library(person: Person, followed: str, asks: bool) -> None:
    person.environment["CHARTLAKE_PLAYLISTS"] = followed
    process = person.start("login", "--paste")
    assert process.stderr is not None
    address = [process.stderr.readline() for _ in range(3)][-1].strip()
    scopes = ["playlist-read-private", "playlist-read-collaborative", *(["user-library-read"] if asks else [])]
    assert parse_qs(urlsplit(address).query)["scope"] == [" ".join(scopes)]
    process.communicate(agree(address) + "\n", timeout=30)
    assert process.returncode == 0


def test_pasting_the_address_needs_no_server_on_this_machine(person: Person) -> None:
    process = person.start("login", "--paste", "--json")
    assert process.stderr is not None
    address = [process.stderr.readline() for _ in range(3)][-1].strip()
    out, _ = process.communicate(agree(address) + "\n", timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["stored_in"] == ".env"
    assert person.env_file["SPOTIPY_REFRESH_TOKEN"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"answer": "cancel"}, "The consent was denied on Spotify's page."),
        ({"change": ("code=", "code=x")}, "Invalid authorization code"),
        ({"change": ("code=", "error=server_error&was=")}, "server_error"),
    ],
)
def test_a_sign_in_that_fails_says_so_in_both_places_and_stores_nothing(
    person: Person, options: dict[str, Any], words: str
) -> None:
    code, shown, page = person.log_in(**options)
    assert code == 1
    assert words in " ".join(shown.split())
    assert "Not signed in" in page
    assert person.env_file == {}


@pytest.mark.parametrize(
    "query", ["", "?code=x&state=wrong", "?error=access_denied&state=wrong", "?error=access_denied"]
)
def test_what_is_no_answer_to_this_sign_in_does_not_end_it(clock: Clock, query: str) -> None:
    def browse(address: str) -> None:
        back = agree(address)
        stranger = requests.get(back.partition("?")[0] + query, timeout=5)
        assert (stranger.status_code, "no answer to the sign-in that waits" in stranger.text) == (404, True)
        assert requests.get(back, timeout=5).status_code == 200

    with Simulator(now=clock.now).serve() as server:
        app = Credentials(DEVELOPMENT.client_id, DEVELOPMENT.client_secret)
        assert sign_in_by_browser(server.accounts_url, app, clock.world(), browse, port=0).refresh_token


def test_a_pasted_address_of_another_sign_in_is_refused(clock: Clock) -> None:
    with Simulator(now=clock.now).serve() as server:
        app = Credentials(DEVELOPMENT.client_id, DEVELOPMENT.client_secret)
        with pytest.raises(SignInFailed, match="its state is another one"):
            sign_in_by_paste(
                server.accounts_url, app, clock.world(), lambda url: agree(url).replace("state=", "state=f")
            )


def test_a_wrong_secret_is_refused(person: Person) -> None:
    person.environment["SPOTIPY_CLIENT_SECRET"] = "canary"
    person.secrets.append("canary")
    code, shown, _ = person.log_in()
    assert code == 1
    assert "Invalid client secret" in shown


def test_an_unknown_app_ends_with_the_time_and_says_what_to_check(person: Person) -> None:
    person.environment["SPOTIPY_CLIENT_ID"] = "f" * 32
    code, shown, page = person.log_in("--timeout", "0.3")
    assert (code, page) == (1, "")
    assert "Nobody came back from Spotify within 0.3 s" in shown
    assert "INVALID_CLIENT" in shown


def test_a_port_in_use_is_named(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = person.start("login", "--no-browser", "--port", port)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"Port {port} of 127.0.0.1 is in use." in err
    assert "--port" in err


def test_without_an_app_it_says_how_to_get_one(person: Person) -> None:
    del person.environment["SPOTIPY_CLIENT_ID"]
    process = person.start("login")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "developer.spotify.com/dashboard" in err


@pytest.mark.parametrize("exists", [True, False])
def test_in_aws_the_parameter_keeps_its_other_fields(person: Person, aws: str, clock: Clock, exists: bool) -> None:
    name = f"/chartlake/{uuid.uuid4().hex}"
    app = {"client_id": DEVELOPMENT.client_id, "client_secret": DEVELOPMENT.client_secret}
    ssm = boto3.client("ssm")
    if exists:
        ssm.put_parameter(Name=name, Type="SecureString", Value=json.dumps(app | {"note": "mine"}))
        del person.environment["SPOTIPY_CLIENT_ID"], person.environment["SPOTIPY_CLIENT_SECRET"]
    person.environment |= {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
    person.environment["CHARTLAKE_SECRET"] = name
    code, shown, _ = person.log_in()
    assert code == 0
    assert f"stored in the SSM parameter {name}" in shown
    assert person.env_file == {}
    found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    stored = json.loads(found["Value"])
    assert stored.items() >= (app | ({"note": "mine"} if exists else {})).items()
    assert load_credentials(Settings(secret=name), clock.world()).refresh_token == stored["refresh_token"]


def test_only_the_first_answer_counts_and_only_this_machine_can_give_it(clock: Clock) -> None:
    seen: list[int] = []

    def browse(address: str) -> None:
        back = agree(address)
        seen.append(requests.get(back.replace("/callback", "/favicon.ico"), timeout=5).status_code)
        with pytest.raises(requests.ConnectionError):
            requests.get(back.replace("127.0.0.1", "127.0.0.2"), timeout=5)
        answer = requests.get(back, timeout=5)
        seen.append(answer.status_code)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        seen.append(requests.get(back, timeout=5).status_code)

    with Simulator(now=clock.now).serve() as server:
        app = Credentials(DEVELOPMENT.client_id, DEVELOPMENT.client_secret)
        signed_in = sign_in_by_browser(server.accounts_url, app, clock.world(), browse, port=0)
    assert seen == [404, 200, 404]
    assert signed_in == replace(app, refresh_token=signed_in.refresh_token, consented_at=clock.now().date())
    assert signed_in.refresh_token not in repr(signed_in)


class Chromium:
    """A real browser, spoken to as W3C's WebDriver describes."""

    def __init__(self, url: str) -> None:
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
        wanted = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
        self._url = f"{url}/session"
        self._url += "/" + self._ask("post", "", {"capabilities": wanted})["sessionId"]
        # What is looked for may stand on the next page, which is on its way.
        self._ask("post", "/timeouts", {"implicit": 20_000})

    def open(self, address: str) -> None:
        self._ask("post", "/url", {"url": address})

    def click(self, selector: str) -> None:
        self._ask("post", f"{self._find(selector)}/click", {})

    def text(self, selector: str) -> str:
        return str(self._ask("get", f"{self._find(selector)}/text"))

    def close(self) -> None:
        self._ask("delete", "")

    def _find(self, selector: str) -> str:
        element = self._ask("post", "/element", {"using": "css selector", "value": selector})
        return f"/element/{next(iter(element.values()))}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, self._url + path, json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]


@pytest.fixture
def chromium() -> Iterator[Chromium]:
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        pytest.skip("needs a real browser: apt-get install chromium chromium-driver")
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        started = next(line for line in process.stdout if "started successfully on port" in line)
        browser = Chromium(f"http://127.0.0.1:{started.rstrip().rstrip('.').rpartition(' ')[2]}")
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("button", "title"), [("agree", "You are signed in"), ("cancel", "Not signed in")])
def test_a_real_browser_is_led_through_it(chromium: Chromium, clock: Clock, button: str, title: str) -> None:
    pages: list[str] = []

    def browse(address: str) -> None:
        chromium.open(address)
        pages.append(chromium.text("h1"))
        chromium.click(f"button[value={button}]")
        pages.append(chromium.text("body[style] h1"))

    with Simulator(now=clock.now).serve() as server:
        app = Credentials(DEVELOPMENT.client_id)
        try:
            found: object = sign_in_by_browser(server.accounts_url, app, clock.world(), browse, port=0, seconds=30)
        except ChartlakeError as error:
            found = error
    assert "(simulated)" in pages[0]
    assert pages[1] == title
    assert isinstance(found, Credentials if button == "agree" else SignInFailed)
