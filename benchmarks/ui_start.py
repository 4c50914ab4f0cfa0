"""How long a start takes until the page answers, beside a bare gradio page started the same way.

    python benchmarks/ui_start.py [--rounds 3]

Prints seconds of each and their ratio. The first start of each is not counted: it warms the file cache.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARE = "import gradio as gr\nwith gr.Blocks() as demo:\n    gr.Markdown('x')\ndemo.launch(server_port={port}, quiet=True)"


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def seconds_until_answer(command: list[str], url: str) -> float:
    """Start a command and wait until the address answers 200; the process is ended afterwards."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - started < 120:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - started
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.02)
        raise SystemExit(f"no answer from {url}")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            port = free_port()
            workbench = [sys.executable, "-m", "workbench", "ui", "--no-browser", "--workspace", folder]
            ours.append(
                seconds_until_answer([*workbench, "--port", str(port)], f"http://127.0.0.1:{port}/ja/")
            )
            port = free_port()
            page = [sys.executable, "-c", BARE.format(port=port)]
            bare.append(seconds_until_answer(page, f"http://127.0.0.1:{port}/"))
            if number == 0:
                ours.clear()
                bare.clear()
    mine, theirs = statistics.median(ours), statistics.median(bare)
    print(f"workbench {mine:.2f} s   bare gradio page {theirs:.2f} s   ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()
