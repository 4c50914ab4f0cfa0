"""Several processes at once, and a process that is killed in the middle."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from workbench.paths import Workspace
from workbench.review import VoteStore
from workbench.schemas.review import QueueKey

REVIEWERS, EACH = 20, 12

WRITER = """
import sys
from pathlib import Path
from workbench.paths import Workspace
from workbench.review import VoteStore
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import VoteDraft

root, reviewer, count = sys.argv[1:]
store = VoteStore(Workspace(Path(root)))
for index in range(int(count)):
    name = f"s{index}"
    store.save_draft(VoteDraft(comparison="c1", sample_id=name, reviewer=reviewer, comment=f"下書き {index}"))
    store.cast(Vote(comparison="c1", sample_id=name, reviewer=reviewer, verdict="tie", left="baseline"))
    print(index, flush=True)
"""


def start(workspace: Workspace, reviewer: str, count: int, repo: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(workspace.root), reviewer, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=repo,
        env={**os.environ, "PYTHONPATH": str(repo)},
    )


@pytest.mark.slow
def test_twenty_processes_begin_a_new_file_at_once_and_lose_nothing(
    workspace: Workspace, repo_root: Path
) -> None:
    running = [start(workspace, f"確認者{number}", EACH, repo_root) for number in range(REVIEWERS)]
    failed = [process.communicate(timeout=240)[1] for process in running]
    assert [process.returncode for process in running] == [0] * REVIEWERS, failed
    store = VoteStore(workspace)
    assert store.count("c1") == {f"確認者{number}": EACH for number in range(REVIEWERS)}
    assert store.summary("c1").votes == REVIEWERS * EACH
    assert all(store.draft("c1", "確認者0", QueueKey(f"s{index}")) is None for index in range(EACH))


@pytest.mark.slow
def test_what_was_told_as_saved_survives_kill_9(workspace: Workspace, repo_root: Path) -> None:
    told: Counter[str] = Counter()
    for attempt in range(3):
        process = start(workspace, f"確認者{attempt}", 10_000, repo_root)
        assert process.stdout is not None
        for _ in range(5 + 3 * attempt):
            assert process.stdout.readline()
            told[f"確認者{attempt}"] += 1
        process.send_signal(signal.SIGKILL)
        told[f"確認者{attempt}"] += len(process.stdout.readlines())
        process.wait(timeout=60)
        process.communicate()
    with closing(sqlite3.connect(workspace.review_db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = VoteStore(workspace).count("c1")
    for name, count in told.items():
        # one more may have been saved without being told; one that was told is always there
        assert count <= kept[name] <= count + 1
