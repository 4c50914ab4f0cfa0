from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.jobs import downsample


def test_a_short_curve_stays_as_it_is() -> None:
    points = downsample([1, 2, 3], [3.0, math.nan, 1.0], limit=600)
    assert points.x == [1, 2, 3]
    assert points.y[0] == 3.0
    assert math.isnan(points.y[1])


def test_an_empty_curve_is_empty() -> None:
    assert downsample([], []) == ([], [])


def test_one_spike_among_200_000_points_survives() -> None:
    y = np.zeros(200_000)
    y[123_457] = 40.0
    y[77] = -3.0
    points = downsample(np.arange(200_000), y)
    assert len(points.x) <= 600
    assert points.y[points.x.index(123_457)] == 40.0
    assert points.y[points.x.index(77)] == -3.0


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500),
    st.integers(4, 60),
)
def test_first_last_smallest_and_largest_are_always_kept(values: list[float], limit: int) -> None:
    x = list(range(len(values)))
    points = downsample(x, values, limit)
    assert len(points.x) <= max(limit, min(len(values), limit))
    assert points.x == sorted(set(points.x))
    assert (points.x[0], points.x[-1]) == (0, len(values) - 1)
    assert min(points.y) == min(values)
    assert max(points.y) == max(values)
    assert all(values[int(place)] == value for place, value in zip(points.x, points.y, strict=True))


def test_a_spike_in_what_does_not_divide_evenly_survives() -> None:
    y = np.zeros(1_201)
    y[1_198] = 7.0
    assert 7.0 in downsample(np.arange(1_201), y, limit=600).y


def test_gaps_do_not_swallow_their_neighbours() -> None:
    y = np.full(5_000, math.nan)
    y[::1000] = [1, 2, 9, 4, 5]
    points = downsample(np.arange(5_000), y, limit=100)
    assert points.y == [1, 2, 9, 4, 5]


@pytest.mark.parametrize("size", [601, 602, 1199, 1200, 59_999])
def test_the_limit_holds_for_every_size(size: int) -> None:
    y = np.sin(np.arange(size) * 1.7)
    assert len(downsample(np.arange(size), y).x) <= 600
