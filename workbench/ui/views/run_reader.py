"""Keeps the curves and events of the runs on display current, reading only what is new."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from workbench.jobs import JsonlTail, MetricSeries
from workbench.jobs.downsample import Points

CURVE_POINTS = 4000
"""Points per curve before smoothing; the chart thins them further."""
RUNS_KEPT = 4
NAMES = (
    "loss",
    "eval_loss",
    "token_accuracy",
    "eval_token_accuracy",
    "learning_rate",
    "grad_norm",
    "tokens_per_second",
    "memory_bytes",
)


class RunReader:
    """One run's `metrics.jsonl` and `events.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self.series = MetricSeries(folder / "metrics.jsonl")
        self.events: list[dict[str, Any]] = []
        self._tail = JsonlTail(folder / "events.jsonl")
        self._restarts = 0
        self._curves: dict[str, Points] = {}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take in what was appended; several browsers may ask at once."""
        with self._lock:
            if self.series.poll():
                curves = self.series.all_points(NAMES, CURVE_POINTS)
                self._curves = {name: only_finite(points) for name, points in curves.items()}
            new = self._tail.read()
            if self._tail.restarts != self._restarts:
                self._restarts = self._tail.restarts
                self.events = []
            self.events = [*self.events, *new] if new else self.events

    @property
    def curves(self) -> dict[str, Points]:
        """Curves by metric name, finite values only."""
        return self._curves

    @property
    def stamp(self) -> tuple[int, int]:
        """Changes whenever there is something new to draw."""
        return self.series.version, len(self.events)


def only_finite(points: Points) -> Points:
    """The curve without its gaps."""
    kept = [(x, y) for x, y in zip(points.x, points.y, strict=True) if math.isfinite(y)]
    return Points([x for x, _ in kept], [y for _, y in kept])


class RunReaders:
    """Readers of the runs that were looked at last, shared by all windows of one page."""

    def __init__(self) -> None:
        self._readers: OrderedDict[Path, RunReader] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: Path) -> RunReader:
        """The reader of a job folder, made where there is none yet."""
        with self._lock:
            reader = self._readers.pop(folder, None) or RunReader(folder)
            self._readers[folder] = reader
            while len(self._readers) > RUNS_KEPT:
                self._readers.popitem(last=False)
            return reader
