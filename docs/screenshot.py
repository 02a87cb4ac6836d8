"""The pictures of README.md and of the site: the demo's Top 50 as a browser shows it, by day and by night.

    .venv/bin/chartlake demo && CHARTLAKE_LAKE=demo/lake .venv/bin/chartlake report
    .venv/bin/python docs/screenshot.py

Writes docs/page.png and docs/page-dark.png. Needs Chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from simulator import TOP_50

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "demo" / "lake" / "site" / "playlists" / f"{TOP_50}.html"
PICTURES: dict[Literal["light", "dark"], str] = {"light": "page.png", "dark": "page-dark.png"}


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 860})
        page.goto(PAGE.as_uri())
        for scheme, name in PICTURES.items():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=ROOT / "docs" / name)
        browser.close()


if __name__ == "__main__":
    main()
