"""The thread that owns the model: who is answered when."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import torch

from workbench.errors import EndpointError
from workbench.inference.embedded.batching import CacheKind, RowGroup
from workbench.inference.embedded.rows import Row

logger = logging.getLogger(__name__)

SLICE_STEPS = 16
"""Tokens per row before another model name gets its turn."""
PREFILL_TOKENS = 16384
"""Prompt tokens, padding included, that are read in one forward pass; bounds the memory of a burst."""
GATHER_SECONDS = 0.004
"""How long an idle engine waits for neighbours of a first request."""
MAX_WAITING = 2048
"""Requests in line; the next one is told to come back later."""


class Scheduler:
    """Takes turns between the model names that have requests; within a name first come, first served.

    Requests of one name share forward passes. A name keeps the model for a slice of steps while others
    wait, so a long answer of one does not hold up the others.

    Args:
        activate: Switches the adapters to that model name.
        new_group: Makes an empty group of rows.
        max_rows: Rows in one forward pass.
        cache_kind: Whether rows may join a running group.
    """

    def __init__(
        self,
        activate: Callable[[str], None],
        new_group: Callable[[], RowGroup],
        max_rows: int,
        cache_kind: CacheKind,
    ) -> None:
        self._activate = activate
        self._new_group = new_group
        self._max_rows = 1 if cache_kind == "single" else max_rows
        self._joins = cache_kind == "joins"
        self._waiting: deque[Row] = deque()
        self._groups: dict[str, RowGroup] = {}
        """Groups with rows, the one whose turn is next first."""
        self._entering: list[Row] = []
        """Rows whose prompts are being read."""
        self._changed = threading.Condition()
        self._stopping = False
        self.batches: list[int] = []
        """Rows of the last forward passes, for the status page and for tests."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def submit(self, row: Row) -> None:
        """Put a row in line.

        Raises:
            EndpointError: The engine has stopped, or the line is too long.
        """
        with self._changed:
            if self._stopping or not self._thread.is_alive():
                raise EndpointError("serve_stopping")
            if len(self._waiting) >= MAX_WAITING:
                raise EndpointError("serve_line_full", retry_after=1.0, waiting=MAX_WAITING)
            self._waiting.append(row)
            self._changed.notify_all()

    @property
    def pending(self) -> int:
        """Requests that wait or are being answered."""
        return len(self._waiting) + sum(len(group.rows) for group in list(self._groups.values()))

    def close(self) -> None:
        """Stop after the current step; requests under way are told so."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with torch.inference_mode():
                while self._wait_for_work():
                    self._take_turn(self._next_name())
        finally:
            # also where the thread dies of something unforeseen: nobody may wait for ever
            self._stopping = True
            self._dismiss()

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not self._stopping and not self._waiting and not self._groups:
                self._changed.wait()
            fresh = not self._groups
        if fresh and not self._stopping:
            time.sleep(GATHER_SECONDS)
        return not self._stopping

    def _next_name(self) -> str:
        """The name whose turn it is: running groups in turn, and names that only wait before a second
        turn.
        """
        for row in list(self._waiting):
            if row.model not in self._groups:
                return row.model
        return next(iter(self._groups))

    def _take_turn(self, name: str) -> None:
        group = self._groups.pop(name, None) or self._new_group()
        # to the end of the line of groups: the others come first next time
        self._groups[name] = group
        try:
            self._activate(name)
            self._work(name, group)
        except RuntimeError as exc:
            self._fail(name, group, exc)
        if not group.rows:
            self._groups.pop(name, None)

    def _work(self, name: str, group: RowGroup) -> None:
        for _ in range(SLICE_STEPS):
            rows = self._take_waiting(name, group)
            if rows:
                self._note(len(rows))
                self._entering = rows
                group.admit(rows)
                self._entering = []
            if not group.rows or self._stopping:
                return
            self._note(len(group.rows))
            group.step()

    def _take_waiting(self, name: str, group: RowGroup) -> list[Row]:
        """Rows of that name which may begin now, at most what one reading pass holds."""
        if not self._waiting or (group.rows and not self._joins):
            return []
        taken: list[Row] = []
        longest = 0
        with self._changed:
            kept: deque[Row] = deque()
            for row in self._waiting:
                if row.leaves:
                    continue
                width = max(longest, len(row.prompt))
                fits = len(group.rows) + len(taken) < self._max_rows
                fits = fits and (not taken or width * (len(taken) + 1) <= PREFILL_TOKENS)
                if row.model == name and fits:
                    taken.append(row)
                    longest = width
                else:
                    kept.append(row)
            self._waiting = kept
        return taken

    def _fail(self, name: str, group: RowGroup, exc: RuntimeError) -> None:
        """A forward pass failed: its requests get an error, the engine lives on."""
        out_of_memory = isinstance(exc, torch.OutOfMemoryError) or "can't allocate memory" in str(exc)
        code = "serve_out_of_memory" if out_of_memory else "serve_model_failed"
        logger.exception("forward pass of %s failed with %d rows", name, len(group.rows))
        if out_of_memory:
            self._max_rows = max(1, self._max_rows // 2)
        for row in [*group.rows, *self._entering]:
            if not row.leaves:
                row.fail(code, str(exc)[:200])
        self._groups.pop(name, None)
        group.rows, self._entering = [], []

    def _dismiss(self) -> None:
        with self._changed:
            rows = [*self._waiting, *self._entering]
            rows += [row for group in self._groups.values() for row in group.rows]
            self._waiting.clear()
            self._groups.clear()
        for row in rows:
            if not row.leaves:
                row.fail("serve_stopping")

    def _note(self, rows: int) -> None:
        self.batches.append(rows)
        del self.batches[:-1000]
