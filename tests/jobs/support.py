"""What several tests of jobs need."""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic import ConfigDict

from workbench.jobs.machine import GIB, Memory
from workbench.schemas.base import StrictModel


class Config(StrictModel):
    """A configuration that takes any keys."""

    model_config = ConfigDict(extra="allow")


def roomy(total: int = 64 * GIB, available: int = 60 * GIB) -> Callable[[], Memory]:
    """A machine with so much memory."""
    return lambda: Memory(total, available, 0)


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something is so, and fail where it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
