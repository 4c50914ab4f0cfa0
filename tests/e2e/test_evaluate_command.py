"""`workbench evaluate --task` as a script calls it: real processes, a real server, the worker started ahead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation.tasks.files import write_questions, write_task


@pytest.fixture
def server(repo_root: Path) -> Iterator[str]:
    """A chat server that answers every question with "2"."""
    script = repo_root / "benchmarks" / "mock_chat_server.py"
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        process.stdin.close()


def test_questions_are_asked_and_scored(server: str, tmp_path: Path, repo_root: Path) -> None:
    write_task(tmp_path)
    write_questions(tmp_path, 30)
    environ = {**os.environ, "PYTHONPATH": str(repo_root), "WORKBENCH_LANG": "en"}
    command = [sys.executable, "-m", "workbench", "evaluate", "--json", "--workspace", str(tmp_path / "home")]
    asked = ["--task", "mine.yaml", "--endpoint", server, "--model", "mock"]
    done = subprocess.run(
        [*command, *asked],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["state"] == "succeeded"
    figures = told["metrics"]["tasks"]["mine"]
    assert figures["n"] == 30
    assert figures["errors"] == 0
    job = Path(told["folder"])
    assert "Traceback" not in (job / "log.txt").read_text(encoding="utf-8")
