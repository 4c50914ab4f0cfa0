"""The workbench's page as a process of its own, which can be killed as a crash would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@contextmanager
def serving(workspace: Path, repo_root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a workspace; the process is killed at the end."""
    environ = {**os.environ, "PYTHONPATH": str(repo_root)}
    command = [sys.executable, "-m", "workbench", "ui", "--no-browser", "--workspace", str(workspace)]
    log = (workspace.parent / f"page-{port}.log").open("wb")
    process = subprocess.Popen([*command, "--port", str(port)], env=environ, stdout=log, stderr=log)
    try:
        _wait_until_served(port, process)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        log.close()


def _wait_until_served(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, "the page's process ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ja/", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the page was not served")
