"""Takes the README's pictures with a real browser: `.venv/bin/python docs/screenshots.py --workspace DIR`.

DIR is a workspace in which the sample cycle has been run (`workbench run assets/recipes/raft_starter.yaml --workspace DIR`).
Needs the tests' requirements and Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TABS = ("start", "data", "train", "convert", "serve", "evaluate", "compare", "live", "review", "jobs")
FILLED = {"compare": "#cmp-question", "train": "#train-chart", "start": "#start-cycle"}
"""What is drawn last on a page; a picture without it would show a page half made."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def wait_for(url: str) -> None:
    """Wait until the page answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"no answer from {url}")


def take(page: Page, url: str, lang: str, suffix: str) -> None:
    """One picture per tab."""
    page.goto(f"{url}/{lang}/")
    page.wait_for_timeout(4000)
    for tab in TABS:
        page.evaluate(f"WB.openTab('{tab}')")
        if tab in FILLED:
            page.locator(FILLED[tab]).filter(has_text=re.compile(r"\S")).first.wait_for(timeout=120_000)
        page.wait_for_timeout(4000)
        page.screenshot(path=str(ROOT / "docs" / "images" / f"{tab}-{lang}{suffix}.png"))


def main() -> None:
    """Serve the workspace, take the pictures, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--suffix", default="", help="put behind the names, for sizes beside the README's")
    given = parser.parse_args()
    port = free_port()
    command = [sys.executable, "-m", "workbench", "ui", "--no-browser", "--port", str(port)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--workspace", given.workspace], env=environ)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        wait_for(f"http://127.0.0.1:{port}/ja/")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for lang in ("ja", "en"):
                page = browser.new_page(viewport={"width": given.width, "height": given.height}, locale=lang)
                take(page, f"http://127.0.0.1:{port}", lang, given.suffix)
                page.close()
            browser.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


if __name__ == "__main__":
    main()
