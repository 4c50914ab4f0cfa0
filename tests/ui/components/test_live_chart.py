"""What the curves are drawn from."""

from __future__ import annotations

import json
import math

import numpy as np

from workbench.ui.components.live_chart import POINTS, chart_payload, smooth, smooth_curve


def panels(text: str) -> dict[str, dict]:
    return {panel["name"]: panel for panel in json.loads(text)["panels"]}


def test_a_run_without_values_has_no_panels() -> None:
    assert json.loads(chart_payload({}, "ja"))["panels"] == []


def test_training_and_evaluation_loss_share_a_panel_raw_and_smoothed() -> None:
    found = panels(chart_payload({"loss": ([1, 2, 3], [3.0, 2.0, 1.0]), "eval_loss": ([3], [1.5])}, "ja"))[
        "loss"
    ]
    assert found["raw"] == {"x": [1, 2, 3], "y": [3, 2, 1]}
    assert found["evaluation"] == {"x": [3], "y": [1.5]}
    assert len(found["smooth"]["y"]) == 3
    assert found["title"] == "損失"


def test_memory_is_told_in_gigabytes_and_not_smoothed() -> None:
    found = panels(chart_payload({"memory_bytes": ([1], [3 * 2**30])}, "en"))["memory"]
    assert found["raw"]["y"] == [3]
    assert "smooth" not in found


def test_a_gap_is_null_because_json_has_no_nan() -> None:
    text = chart_payload({"loss": ([1, 2], [1.0, math.nan])}, "ja")
    assert "NaN" not in text
    assert panels(text)["loss"]["raw"]["y"] == [1, None]


def test_a_long_run_is_thinned_without_losing_a_spike() -> None:
    x = np.arange(200_000)
    y = np.ones(200_000)
    y[123_456] = 50.0
    found = panels(chart_payload({"loss": (x, y)}, "ja"))["loss"]
    assert len(found["raw"]["x"]) <= POINTS
    assert max(found["raw"]["y"]) == 50.0
    assert len(found["smooth"]["x"]) <= POINTS


def test_smoothing_keeps_a_constant_and_starts_without_bias() -> None:
    assert np.allclose(smooth([2.0] * 50), 2.0)
    assert smooth([5.0, 1.0])[0] == 5.0
    assert smooth([]) == []


def test_smoothing_leaves_gaps_out() -> None:
    x, y = smooth_curve([1, 2, 3], [1.0, math.nan, 1.0])
    assert x == [1, 3]
    assert np.allclose(y, 1.0)


def test_the_payload_says_where_the_run_stands() -> None:
    told = json.loads(chart_payload({"loss": ([1, 112], [2.0, 1.0])}, "ja", run="r1", total_steps=138))
    assert (told["run"], told["now"], told["total"]) == ("r1", 112, 138)
