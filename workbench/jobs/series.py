"""The metrics of one job in memory, kept current by reading only new lines."""

from __future__ import annotations

import math
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workbench.jobs.downsample import Points, downsample
from workbench.jobs.tail import JsonlTail


class MetricSeries:
    """Columns of `metrics.jsonl` over the step.

    A line holds `step` and any of the other metrics (`{"step": 10, "loss": 1.2, "at": ...}`). A metric that a
    line lacks gets no point, so evaluation loss may come once per hundred steps. Where the step goes back,
    the run was resumed from a checkpoint: the points that are done again are replaced. Threads may share it.

    Args:
        path: The file, which need not exist yet.
        x: Name of the column on the horizontal axis.
    """

    def __init__(self, path: Path, x: str = "step") -> None:
        self._tail = JsonlTail(path)
        self._x = x
        self._columns: dict[str, tuple[array[float], array[float]]] = {}
        self._restarts = 0
        self._last_x = -math.inf
        self._lock = threading.Lock()
        self.version = 0
        """Goes up whenever a poll brought something; a page that shows this version has nothing to redraw."""
        self.latest: dict[str, Any] = {}
        """The newest value of every metric, text included."""

    def poll(self) -> bool:
        """Take in what was appended since the last call; whether there was anything."""
        with self._lock:
            records = self._tail.read()
            if self._tail.restarts != self._restarts:
                self._restarts = self._tail.restarts
                self._columns.clear()
                self.latest = {}
                self._last_x = -math.inf
            for record in records:
                self._add(record)
            self.version += bool(records)
            return bool(records)

    def _add(self, record: Mapping[str, Any]) -> None:
        x = record.get(self._x)
        self.latest.update(record)
        if not isinstance(x, int | float):
            return
        if x < self._last_x:
            self._drop_from(x)
        self._last_x = float(x)
        for name, value in record.items():
            number = math.nan if value is None else value
            if name != self._x and isinstance(number, (int, float)):
                column = self._columns.get(name)
                if column is None:
                    column = self._columns[name] = (array("d"), array("d"))
                column[0].append(x)
                column[1].append(number)

    def _drop_from(self, x: float) -> None:
        for xs, ys in self._columns.values():
            place = bisect_left(xs, x)
            del xs[place:], ys[place:]

    @property
    def names(self) -> list[str]:
        """Metrics seen so far that are numbers, in the order of their first line."""
        return list(self._columns)

    def points(self, name: str, limit: int = 600) -> Points:
        """The curve of a metric with at most `limit` points; empty where the metric was never written."""
        with self._lock:
            xs, ys = self._columns.get(name, (array("d"), array("d")))
            return downsample(xs, ys, limit)

    def all_points(self, names: Iterable[str], limit: int = 600) -> dict[str, Points]:
        """The curves of those of the metrics that exist."""
        return {name: self.points(name, limit) for name in names if name in self._columns}
