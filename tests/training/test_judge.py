"""What numbers of a run say."""

from __future__ import annotations

import math

import pytest

from workbench.training.judge import (
    SpeedMeter,
    count_rises,
    count_without_gain,
    eval_losses,
    is_broken,
    is_loss_scaled,
)


@pytest.mark.parametrize(
    ("loss", "accuracy", "vocabulary", "scaled"),
    [
        (10.71, 0.687, 131072, True),
        (10.71 / 8, 0.687, 131072, False),
        (11.8, 0.0, 131072, False),
        (0.05, 0.99, 32000, False),
        (7.3, 0.0, 512, False),
    ],
)
def test_a_summed_loss_is_told_from_a_mean(
    loss: float, accuracy: float, vocabulary: int, scaled: bool
) -> None:
    assert is_loss_scaled(loss, accuracy, vocabulary) is scaled


def test_infinite_and_undefined_numbers_are_broken() -> None:
    assert is_broken(1.0, math.nan)
    assert is_broken(math.inf, None)
    assert not is_broken(1.0, None, 0.0)


@pytest.mark.parametrize(
    ("losses", "rises"),
    [([], 0), ([1.0], 0), ([3, 2, 1], 0), ([1, 2, 3, 4], 3), ([4, 1, 2, 2], 0), ([1, 0, 1], 1)],
)
def test_rises_in_a_row_are_counted_from_the_end(losses: list[float], rises: int) -> None:
    assert count_rises(losses) == rises


def test_evaluations_since_the_best_are_counted() -> None:
    assert count_without_gain([3.0, 1.0, 2.0, 1.5]) == 2
    assert count_without_gain([3.0, 2.0]) == 0
    assert count_without_gain([]) == 0


def test_losses_are_read_from_a_trainers_log() -> None:
    assert eval_losses([{"loss": 1.0}, {"eval_loss": 2.0}, {"eval_loss": 1.5}]) == [2.0, 1.5]


def test_speed_counts_steps_only() -> None:
    meter = SpeedMeter()
    meter.begin(0.0)
    meter.end(2.0)
    # an evaluation from 2 to 10
    meter.begin(10.0)
    meter.end(12.0)
    assert meter.take(400) == 100.0
    assert meter.take(400) is None
