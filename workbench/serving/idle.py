"""How long nobody has asked a server in a container anything: by what the engine counts itself."""

from __future__ import annotations

from collections.abc import Callable

from workbench.inference.server_state import Activity, read_object, read_ollama_ps, read_prometheus, read_text
from workbench.schemas.engines import EngineRecipe

ASK_EVERY = 5.0


def read_activity(root: str, recipe: EngineRecipe) -> Activity | None:
    """How busy the server is; None where its engine does not tell.

    Args:
        root: The server's address without a path.
        recipe: Says where and what the engine counts.
    """
    counted = recipe.activity
    if counted.kind == "prometheus":
        text = read_text(root + counted.path)
        return None if text is None else read_prometheus(text, counted.busy, counted.counters)
    if counted.kind == "ollama_ps":
        return read_ollama_ps(read_object(root + counted.path))
    return None


class IdleWatch:
    """Counts the seconds since the last sign of work.

    A server that has never told anything is never idle: it is not stopped by guessing, and `known` says so. One
    that falls silent later counts as working from the last time on: it may be too busy to answer.

    Args:
        read: How busy the server is now.
        clock: A steady clock in seconds.
    """

    def __init__(self, read: Callable[[], Activity | None], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._last: Activity | None = None
        self._worked_at = clock()
        self._asked_at = clock() - ASK_EVERY
        self.known = False
        """Whether the engine tells at all."""

    def look(self) -> None:
        """Ask the server, no more often than is worth it."""
        now = self._clock()
        if now - self._asked_at < ASK_EVERY:
            return
        self._asked_at = now
        seen = self._read()
        if seen is None:
            self._worked_at = now if self.known else self._worked_at
            return
        if seen.busy or self._last is None or seen.total != self._last.total:
            self._worked_at = now
        self._last = seen
        self.known = True

    def idle_seconds(self) -> float:
        """Seconds since the last sign of work; 0 where the engine does not tell."""
        return self._clock() - self._worked_at if self.known else 0.0

    @property
    def counted(self) -> float:
        """What the engine has counted so far; its unit is the engine's."""
        return self._last.total if self._last else 0.0
