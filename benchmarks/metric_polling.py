"""What one tick of the live chart costs on a long run: reading what is new, beside reading the file anew.

    python benchmarks/metric_polling.py [--lines 200000] [--ticks 20]

A tick takes in the lines written since the last one and brings every curve down to what a chart can show.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.artifacts import append_jsonl, read_jsonl
from workbench.jobs import MetricSeries, downsample

METRICS = ("loss", "token_accuracy", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes")
LINES_PER_TICK = 10
LIMIT_MS = 50.0


def make_line(step: int) -> dict[str, float]:
    """One step of a made-up run."""
    decay = math.exp(-step / 50_000)
    wave = math.sin(step * 1.7)
    values = (2 * decay + wave / 50, 1 - decay, 2e-4 * decay, 1 + wave, 5_000 + 50 * wave, 4e9 + step)
    return {"step": step, **dict(zip(METRICS, values, strict=True)), "at": 1.8e9 + step}


def poll_new(series: MetricSeries) -> int:
    """The workbench's tick."""
    series.poll()
    return sum(len(points.x) for points in series.all_points(METRICS).values())


def read_all(path: Path) -> int:
    """A tick that reads the whole file."""
    records = list(read_jsonl(path))
    steps = [record["step"] for record in records]
    return sum(len(downsample(steps, [record[name] for record in records]).x) for name in METRICS)


def measure(
    path: Path, first_step: int, ticks: int, tick: Callable[[], int]
) -> tuple[list[float], list[float]]:
    """Wall and CPU milliseconds of each tick, with new lines before each."""
    wall: list[float] = []
    cpu: list[float] = []
    for number in range(ticks):
        start = first_step + number * LINES_PER_TICK
        append_jsonl(path, [make_line(step) for step in range(start, start + LINES_PER_TICK)])
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        shown = tick()
        wall.append((time.perf_counter() - wall_before) * 1000)
        cpu.append((time.process_time() - cpu_before) * 1000)
        assert 0 < shown <= 600 * len(METRICS)
    return wall, cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--ticks", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.jsonl"
        append_jsonl(path, (make_line(step) for step in range(options.lines)))
        series = MetricSeries(path)
        before = time.perf_counter()
        poll_new(series)
        opened = (time.perf_counter() - before) * 1000
        new_wall, new_cpu = measure(path, options.lines, options.ticks, lambda: poll_new(series))
        all_wall, all_cpu = measure(
            path, 2 * options.lines, max(3, options.ticks // 5), lambda: read_all(path)
        )
    print(f"metrics file: {options.lines:,} lines, {len(METRICS)} curves of at most 600 points")
    print(f"{'':24}{'wall median':>12}{'wall worst':>12}{'CPU median':>12}")
    for name, wall, cpu in (
        ("only what is new", new_wall, new_cpu),
        ("the whole file anew", all_wall, all_cpu),
    ):
        figures = (statistics.median(wall), max(wall), statistics.median(cpu))
        print(f"{name:24}" + "".join(f"{figure:9.1f} ms" for figure in figures))
    ratio = statistics.median(all_cpu) / statistics.median(new_cpu)
    print(f"ratio (CPU): {ratio:.0f} x; the first opening of the page reads everything once: {opened:.0f} ms")
    return 0 if statistics.median(new_cpu) < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
