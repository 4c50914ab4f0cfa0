"""What the container engine shows, asked in threads of their own: a page never waits for an engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from workbench.errors import InternalError, ResourceError, WorkbenchError
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerRecord, ContainerStats, EngineInfo
from workbench.serving.docking import Connect

Result = TypeVar("Result")
FRESH_SECONDS = 3.0
"""Between two questions to the engine."""
FIRST_WAIT = 0.8
"""The first look at the page waits this long at most for an answer."""
SLOW_SECONDS = 8.0
"""After this long without an answer the page says so."""
ACTION_SECONDS = 45.0
"""A container is stopped, killed and removed within this, or the page says that it takes longer."""


@dataclass(frozen=True)
class EngineView:
    """The last answer of the engine."""

    info: EngineInfo | None = None
    error: WorkbenchError | None = None
    """Why there was none."""
    containers: tuple[ContainerRecord, ...] = ()
    stats: ContainerStats | None = None
    stats_of: str = ""
    """Id of the container that the stats belong to."""
    asked: bool = False
    slow: bool = False
    """The engine was asked again and has not answered for a while: all of this may be old."""


class EngineLook:
    """Keeps the last answer fresh while somebody looks at it.

    Args:
        connect: How the engine is reached.
        workspace: Whose containers.
        clock: A steady clock in seconds.
        first_wait: Seconds that the very first `read` waits.
    """

    def __init__(
        self,
        connect: Connect,
        workspace: Workspace,
        *,
        clock: Callable[[], float] = time.monotonic,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        self._connect, self._workspace = connect, workspace
        self._clock, self._first_wait = clock, first_wait
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._view = EngineView()
        self._asked_at: float | None = None
        self._busy = False

    def read(self, container: str = "") -> EngineView:
        """The last answer; asks anew in the background where it is old.

        Args:
            container: Id of a running container whose use of memory and CPU is wanted too.
        """
        with self._lock:
            now = self._clock()
            due = self._asked_at is None or now - self._asked_at >= FRESH_SECONDS
            if due and not self._busy:
                self._busy, self._asked_at = True, now
                threading.Thread(target=self._ask, args=(container,), daemon=True, name="engine-look").start()
        if not self._view.asked:
            self._answered.wait(self._first_wait)
        with self._lock:
            waited = self._clock() - (self._asked_at or 0.0)
            return replace(self._view, slow=self._busy and waited >= SLOW_SECONDS)

    def forget(self) -> None:
        """Ask again at the next look: something was just changed."""
        with self._lock:
            self._asked_at = None

    def known(self) -> Connect:
        """The containers as they were seen last, for functions that list them: never waits."""
        seen = self._view.containers
        return lambda workspace: cast("Any", _Known(seen))

    def _ask(self, container: str) -> None:
        # what nobody foresaw ends this thread, and Python reports it; the page must not wait for ever all the same
        view = EngineView(error=InternalError("internal", id="engine-look"), asked=True)
        try:
            view = _look(self._connect, self._workspace, container)
        finally:
            with self._lock:
                self._view, self._busy = view, False
            self._answered.set()


class _Known:
    """The one thing of an engine that finding servers needs."""

    def __init__(self, containers: tuple[ContainerRecord, ...]) -> None:
        self._containers = containers

    def list(self, *, everything: bool = False) -> tuple[ContainerRecord, ...]:
        return self._containers

    def close(self) -> None:
        """Nothing is open."""


def _look(connect: Connect, workspace: Workspace, container: str) -> EngineView:
    try:
        engine = connect(workspace)
    except WorkbenchError as exc:
        return EngineView(error=exc, asked=True)
    try:
        found = engine.list()
        running = any(one.id == container and one.state == "running" for one in found)
        stats = engine.stats(container) if running else None
        return EngineView(
            info=engine.info(), containers=found, stats=stats, stats_of=container if stats else "", asked=True
        )
    except WorkbenchError as exc:
        return EngineView(error=exc, asked=True)
    finally:
        engine.close()


def within(call: Callable[[], Result], seconds: float = ACTION_SECONDS) -> Result:
    """Call something that asks the engine, and wait for a bounded time.

    Raises:
        ResourceError: `engine_slow`: it goes on in the background, and nobody waits for it any more.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as exc:  # noqa: BLE001 - raised again by the one who waits
            failed.append(exc)

    worker = threading.Thread(target=run, daemon=True, name="engine-action")
    worker.start()
    worker.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise ResourceError("engine_slow", seconds=round(seconds))
    return done[0]
