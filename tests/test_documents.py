"""The documents: every command on them runs, every link holds, and the site asks nothing of the network.

A fenced block without a title runs as it stands, in the order of its page, in a shell of the page's own that stands in a
checkout with a demo's lake. One that cannot run here says so in its title, which the reader sees as well; its words must
still be commands that exist.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import click
import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import sync_playwright

from chalicelib.cli import main
from chalicelib.cli.demo_lake import take_days
from simulator import EXTENDED, Simulator

from .chalice_local import chalice_local
from .conftest import NOON

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
# What cannot run in a test: it needs an account, or minutes, or stays until it is stopped, or lacks what is around it.
NOT_HERE = {"Needs AWS", "Needs Spotify", "Takes long", "Until you stop it", "In Spark"}
FAILS = "Fails on purpose"
# How a block of each language is run by bash.
RUN = {"sh": "{}", "python": "python - <<'END'\n{}\nEND", "sql": "chartlake query - <<'END'\n{}\nEND"}
# The command as this checkout has it. No set-up within a test, and a page that curl cannot get is an error.
PREAMBLE = f"""
set -euo pipefail
chartlake() {{ {shlex.quote(sys.executable)} -m chalicelib "$@"; }}
python() {{ {shlex.quote(sys.executable)} "$@"; }}
make() {{ command make -o .venv/ready -o .venv/ready-for-tests "$@"; }}
curl() {{ command curl --silent --show-error --fail-with-body --max-time 60 "$@"; }}
"""


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    title: str
    text: str

    @property
    def runs(self) -> bool:
        return self.language in RUN and self.title not in NOT_HERE

    def script(self) -> str:
        text = RUN[self.language].format(self.text)
        if self.title == FAILS:
            *before, last = text.splitlines()
            text = "\n".join([*before, f"if {last}; then echo 'It did not fail.'; exit 99; fi"])
        return f"echo '== line {self.line}'\n{text}\n"


def blocks(page: Path) -> list[Block]:
    fence = re.compile(r"^( *)```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    text = page.read_text()
    found = [
        Block(
            text.count("\n", 0, one.start()) + 1,
            one[2],
            one[3] or "",
            "\n".join(line.removeprefix(one[1]) for line in one[4].rstrip("\n").split("\n")),
        )
        for one in fence.finditer(text)
    ]
    assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(found), f"{page.name} has a fence of another form"
    return found


def with_blocks(pages: list[Path]) -> list[Path]:
    return [page for page in pages if any(block.runs for block in blocks(page))]


@pytest.fixture(scope="session")
def demo_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen days of `chartlake demo`."""
    folder = tmp_path_factory.mktemp("demo") / "lake"
    list(take_days(str(folder), 16, NOON, ZoneInfo("UTC")))
    return folder


@pytest.fixture
def checkout(tmp_path: Path, demo_lake: Path) -> Path:
    """What somebody has after `make demo`."""
    folder = tmp_path / "chartlake"
    unwanted = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", "tests", "lake", "demo", "site")
    shutil.copytree(ROOT, folder, ignore=lambda at, names: unwanted(at, names) if Path(at) == ROOT else set())
    shutil.copytree(demo_lake, folder / "demo" / "lake")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.mark.parametrize("page", with_blocks(PAGES), ids=lambda page: page.name)
def test_what_a_page_shows_runs(page: Path, checkout: Path, tmp_path: Path) -> None:
    script = PREAMBLE + "".join(block.script() for block in blocks(page) if block.runs)
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE", "AWS"))}
    environment = keep | {"PYTHONPATH": str(checkout), "BROWSER": "true", "COLUMNS": "120"}
    with ExitStack() as stack:
        if "http://127.0.0.1:8000" in script:
            server = stack.enter_context(Simulator().serve())
            variables = {
                "CHARTLAKE_LAKE": str(checkout / "demo" / "lake"),
                "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
                "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
                "SPOTIFY_API_URL": server.api_url,
                "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            }
            url = stack.enter_context(chalice_local(variables, tmp_path / "served.log"))
            script = script.replace("http://127.0.0.1:8000", url)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, f"{page.name}, in the last block that is named here:\n{done.stdout[-4000:]}"


# What people have besides, in what a page shows.
SHELL = {"aws", "cat", "chmod", "cp", "curl", "export", "git", "mkdir", "sed", "source", "tail"}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command of shell that a page shows, run or not."""
    for block in blocks(page):
        if block.language == "sh":
            text = re.sub(r"<<'END'\n.*?\nEND", "", block.text, flags=re.DOTALL).replace("\\\n", " ")
            for part in re.split(r" \| | && |\$\(|\n", text):
                words = shlex.split(part.rstrip(")"), comments=True)
                while words and re.match(r"[A-Za-z_]+=", words[0]):
                    words = words[1:]
                if words:
                    yield words[: words.index(">")] if ">" in words else words


def is_known(words: list[str]) -> bool:
    """Whether there is such a command, with these options."""
    name, *rest = words
    if name == "make":
        return bool(re.search(f"^{re.escape(rest[0])}:", (ROOT / "Makefile").read_text(), re.MULTILINE))
    if name == ".venv/bin/python":
        return rest[0] == "-m" or (ROOT / rest[0]).is_file()
    if name == "chartlake":
        command = main.get_command(click.Context(main), rest[0])
        found, options = (command, rest[1:]) if command else (main, rest)
        found.make_parser(click.Context(found)).parse_args(options)
        return True
    return name in SHELL | {".venv/bin/chalice"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page: Path) -> None:
    for words in commands(page):
        assert is_known(words), words


def test_a_title_says_why_a_block_does_not_run() -> None:
    told = {block.title for page in PAGES for block in blocks(page)}
    assert told == NOT_HERE | {FAILS, ""}


# Links.


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    for token in (one for block in tokens for one in block.children or []):
        address = token.attrGet("href") or token.attrGet("src")
        if address:
            yield str(address)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_hold_in_the_repository_too(page: Path) -> None:
    for address in links(page):
        there = urlsplit(address)
        if there.scheme:
            continue
        target = (page.parent / unquote(there.path)).resolve() if there.path else page
        assert target.is_file(), address
        if there.fragment and target.suffix == ".md":
            assert there.fragment in anchors(target.read_text()), address


def test_what_pypi_shows_leads_nowhere_inside_a_checkout() -> None:
    readme = ROOT / tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["readme"]
    assert readme.is_file()
    assert [one for one in links(readme) if not one.startswith("https://")] == []
    assert "make " not in "".join(block.text for block in blocks(readme))


def test_the_first_page_is_one_page() -> None:
    assert len(README.read_text().splitlines()) <= 120


# The site.


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make site` builds it: a link, an anchor or a page of the menu that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return folder


def test_the_site_has_every_page_and_nothing_else_of_the_folder(site: Path) -> None:
    assert {path.parent.name for path in site.rglob("index.html")} - {site.name} == {
        page.stem for page in (ROOT / "docs").glob("*.md") if page.stem not in ("index", "pypi")
    }
    assert not list(site.rglob("*.py"))
    promises = re.findall(r"^\| ([A-Z].*?) \|", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    shown = (site / "security" / "index.html").read_text()
    assert len(promises) > 10
    assert all(re.sub(r"`.*", "", promise) in shown for promise in promises)


# What a browser fetches by itself; a link that a person may click is none of it.
LOADS = (
    r"<(?:script|img|iframe|source|video|audio|embed|input)\b[^>]*?\ssrc(?:set)?=[\"']?([^\"' >]+)",
    r"<link\b[^>]*?rel=[\"']?(?:stylesheet|preload|preconnect|dns-prefetch|icon|manifest|modulepreload)[^>]*?href=[\"']?([^\"' >]+)",
    r"<link\b[^>]*?href=[\"']?([^\"' >]+)[^>]*?rel=[\"']?(?:stylesheet|preload|preconnect|dns-prefetch|icon|manifest)",
    r"url\(\s*[\"']?([^\"')]+)",
    r"@import\s+[\"']([^\"']+)",
)


def test_no_page_of_the_site_names_a_file_of_another_host(site: Path) -> None:
    looked = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    loads = {one for path in looked for pattern in LOADS for one in re.findall(pattern, path.read_text())}
    assert any(one.endswith(".css") for one in loads)
    assert any(one.endswith(".js") for one in loads)
    assert {one for one in loads if re.match(r"\w+:|//", one) and not one.startswith("data:")} == set()


def test_a_browser_asks_the_site_alone(site: Path) -> None:
    executable = shutil.which("chromium")
    if not executable:
        pytest.skip("needs a real browser: apt-get install chromium")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    asked: list[str] = []
    complaints: list[str] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            for path in sorted(site.rglob("index.html")):
                page.goto(url + path.relative_to(site).as_posix())
            page.goto(url + "?q=purge")
            page.locator(".md-search-result__item").first.wait_for(state="attached")
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    assert len(asked) > 10
    assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []
    assert complaints == []
