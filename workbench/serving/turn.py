"""One model server starts at a time: two that measure free memory while both take it make each other fail."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_NAME = "serve-start.lock"
POLL_SECONDS = 0.5


@contextmanager
def starting_turn(locks: Path, while_waiting: Callable[[], None]) -> Generator[None]:
    """Hold the right to start; the lock of a process that died is free again.

    Args:
        locks: The workspace's folder of locks.
        while_waiting: Called a few times a second until it is our turn; may raise.
    """
    lock = FileLock(locks / LOCK_NAME)
    wait = 0.0
    while not _take(lock, wait):
        while_waiting()
        wait = POLL_SECONDS
    try:
        yield
    finally:
        lock.release()


def _take(lock: FileLock, seconds: float) -> bool:
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return False
    return True
