from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.jobs.support import until
from workbench.jobs.processes import (
    is_pid_alive,
    is_process_alive,
    process_started_at,
    read_process,
    resident_bytes,
)


def _write_stat(proc: Path, pid: int, name: str, state: str, ticks: int) -> None:
    (proc / str(pid)).mkdir()
    fields = [state, *["0"] * 18, str(ticks), "0"]
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")


def test_this_process_lives() -> None:
    started = process_started_at(os.getpid())
    assert started > 0
    assert is_process_alive(os.getpid(), started)
    assert resident_bytes(os.getpid()) > 1 << 20


def test_a_pid_that_another_process_got_is_not_taken_for_the_first() -> None:
    assert not is_process_alive(os.getpid(), process_started_at(os.getpid()) - 5.0)


def test_a_pid_that_nobody_has_is_dead() -> None:
    assert not is_process_alive(2**30, 1.0)
    assert process_started_at(2**30) == 0.0
    assert resident_bytes(2**30) == 0


def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_started_at(child.pid)
    assert is_process_alive(child.pid, started)
    assert child.stdin is not None
    child.stdin.close()
    until(lambda: (read_process(child.pid) or ("gone",))[0] == "Z")
    assert not is_process_alive(child.pid, started)
    assert not is_pid_alive(child.pid)
    child.wait()


def test_a_name_with_spaces_and_parentheses_does_not_confuse(tmp_path: Path) -> None:
    _write_stat(tmp_path, 7, "a) S (b", "R", 500)
    facts = read_process(7, tmp_path)
    assert facts is not None
    assert facts.state == "R"
    assert facts.started_at == 500 / os.sysconf("SC_CLK_TCK")
