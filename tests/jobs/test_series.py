from __future__ import annotations

import math
from pathlib import Path

import pytest

from workbench.artifacts import append_jsonl
from workbench.jobs import MetricSeries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def test_a_curve_grows_by_what_is_new(path: Path) -> None:
    series = MetricSeries(path)
    assert not series.poll()
    assert series.points("loss") == ([], [])
    append_jsonl(path, [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}])
    assert series.poll()
    version = series.version
    assert series.points("loss") == ([1, 2], [3.0, 2.0])
    assert not series.poll()
    assert series.version == version
    append_jsonl(path, [{"step": 3, "loss": 1.0}])
    assert series.poll()
    assert series.version > version
    assert series.points("loss").y == [3.0, 2.0, 1.0]


def test_a_metric_that_comes_rarely_has_its_own_steps(path: Path) -> None:
    append_jsonl(path, [{"step": n, "loss": 1.0} for n in range(10)])
    append_jsonl(path, [{"step": 10, "loss": 1.0, "eval_loss": 2.0}])
    series = MetricSeries(path)
    series.poll()
    assert series.points("eval_loss") == ([10], [2.0])
    assert series.names == ["loss", "eval_loss"]


def test_steps_done_again_after_a_resume_replace_the_first_ones(path: Path) -> None:
    append_jsonl(path, [{"step": n, "loss": 10.0 + n} for n in range(1, 8)])
    append_jsonl(path, [{"step": 4, "eval_loss": 5.0}])
    series = MetricSeries(path)
    series.poll()
    append_jsonl(path, [{"step": n, "loss": 20.0 + n} for n in range(5, 9)])
    series.poll()
    assert series.points("loss").x == [1, 2, 3, 5, 6, 7, 8]
    assert series.points("loss").y == [11, 12, 13, 25, 26, 27, 28]
    assert series.points("eval_loss").x == [4]


def test_a_file_begun_anew_begins_the_curve_anew(path: Path) -> None:
    append_jsonl(path, [{"step": n, "loss": 1.0} for n in range(5)])
    series = MetricSeries(path)
    series.poll()
    path.unlink()
    append_jsonl(path, [{"step": 0, "reward": 1.0}])
    series.poll()
    assert series.names == ["reward"]
    assert series.latest == {"step": 0, "reward": 1.0}


def test_a_loss_that_was_no_number_is_a_gap(path: Path) -> None:
    append_jsonl(path, [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": 1.0}])
    series = MetricSeries(path)
    series.poll()
    assert math.isnan(series.points("loss").y[0])


def test_text_is_shown_but_not_drawn(path: Path) -> None:
    append_jsonl(path, [{"step": 1, "loss": 1.0, "stage": "warm-up"}, {"note": "no step", "loss": 9.0}])
    series = MetricSeries(path)
    series.poll()
    assert series.names == ["loss"]
    assert series.points("loss").y == [1.0]
    assert series.latest["stage"] == "warm-up"


def test_many_points_come_down_to_the_limit(path: Path) -> None:
    append_jsonl(path, [{"step": n, "loss": 99.0 if n == 3_333 else 1.0} for n in range(5_000)])
    series = MetricSeries(path)
    series.poll()
    points = series.all_points(["loss", "never"], limit=50)
    assert list(points) == ["loss"]
    assert len(points["loss"].x) <= 50
    assert 99.0 in points["loss"].y
