"""Which process is it, and does it still live? A pid alone may name another one by now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
# a zombie has ended and only waits for its parent to ask; X is a process on its way out
_DEAD_STATES = frozenset("ZXx")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class ProcessFacts(NamedTuple):
    """What /proc/PID/stat says."""

    state: str
    """One letter: R, S, D, T, Z ..."""
    started_at: float
    """Seconds after the machine's start. Unlike the time of day it never jumps when the clock is set."""


def read_process(pid: int, proc: Path = PROC) -> ProcessFacts | None:
    """Facts of a process, or None where it does not exist."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # the second field is the name in parentheses and may hold spaces and parentheses itself
    fields = text[text.rfind(")") + 2 :].split()
    return ProcessFacts(fields[0], int(fields[19]) / _TICKS_PER_SECOND)


def process_started_at(pid: int, proc: Path = PROC) -> float:
    """Start time of a process in seconds after the machine's start; 0 where it does not exist."""
    facts = read_process(pid, proc)
    return 0.0 if facts is None else facts.started_at


def is_process_alive(pid: int, started_at: float, proc: Path = PROC) -> bool:
    """Whether this very process lives: the same pid, the same start time, and not a zombie."""
    facts = read_process(pid, proc)
    return facts is not None and facts.state not in _DEAD_STATES and facts.started_at == started_at


def is_pid_alive(pid: int, proc: Path = PROC) -> bool:
    """Whether any living process has this pid."""
    facts = read_process(pid, proc)
    return facts is not None and facts.state not in _DEAD_STATES


def resident_bytes(pid: int, proc: Path = PROC) -> int:
    """Main memory that a process holds at the moment; 0 where it is gone."""
    try:
        pages = (proc / str(pid) / "statm").read_text(encoding="ascii").split()[1]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
