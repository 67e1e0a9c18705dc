"""Make the pictures of README.md from the running app: `.venv/bin/python docs/pictures.py`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from browser import CONSOLE, FLAGS, serve, settle, system_chromium  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

PICTURES = {
    "network.png": "cell=rnn"
}  # file -> the query of the screen; without a query the page would show its greeting


def main() -> None:
    """Open each screen and save a picture of it beside this file."""
    with (
        tempfile.TemporaryDirectory() as home,
        serve(*CONSOLE, home=Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, device_scale_factor=1.5)
        for name, query in PICTURES.items():
            page.goto(f"{server.url}/?{query}")
            settle(page)
            page.locator(".live[data-nodes]").wait_for(state="attached")  # drawn at least once
            page.wait_for_timeout(1500)  # plotly draws after the script has ended
            page.screenshot(path=ROOT / "docs" / name)
        browser.close()


if __name__ == "__main__":
    main()
