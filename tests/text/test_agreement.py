from __future__ import annotations

import pytest

from workbench.text.agreement import cohen_kappa, krippendorff_alpha, raw_agreement

OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, example C: four observers, twelve units."""


def units(*observers: str) -> list[list[int]]:
    columns = zip(*(row.split() for row in observers), strict=True)
    return [[int(value) for value in column if value != "."] for column in columns]


def table(rows: list[list[int]]) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(rows) for j, count in enumerate(row) for _ in range(count)]


def test_kappa_of_artstein_and_poesio_2008_table_1() -> None:
    pairs = table([[20, 20], [10, 50]])
    assert raw_agreement(pairs) == pytest.approx(0.7)
    assert cohen_kappa(pairs) == pytest.approx(0.348, abs=5e-4)


def test_kappa_of_artstein_and_poesio_2008_table_4_with_three_categories() -> None:
    pairs = table([[46, 6, 0], [0, 32, 0], [0, 6, 10]])
    assert cohen_kappa(pairs) == pytest.approx(0.8013, abs=5e-5)


def test_kappa_of_the_grant_proposals_of_the_textbooks() -> None:
    assert cohen_kappa(table([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_weights_forgive_small_steps_and_need_the_scale() -> None:
    near, far = table([[10, 2, 0], [2, 10, 2], [0, 2, 10]]), table([[10, 0, 2], [2, 10, 2], [2, 0, 10]])
    scale = (0, 1, 2)
    plain_near, plain_far = cohen_kappa(near), cohen_kappa(far)
    linear_near = cohen_kappa(near, weights="linear", order=scale)
    linear_far = cohen_kappa(far, weights="linear", order=scale)
    assert plain_near is not None
    assert plain_far is not None
    assert linear_near is not None
    assert linear_far is not None
    assert linear_near > plain_near
    assert linear_far < linear_near
    with pytest.raises(ValueError, match="order"):
        cohen_kappa(near, weights="linear")
    with pytest.raises(ValueError, match="outside"):
        cohen_kappa(near, weights="quadratic", order=(0, 1))


def test_with_two_labels_weights_change_nothing() -> None:
    pairs = table([[20, 5], [10, 15]])
    assert cohen_kappa(pairs, weights="quadratic", order=(0, 1)) == pytest.approx(0.4)


def test_kappa_says_nothing_where_one_verdict_rules() -> None:
    assert cohen_kappa([]) is None
    assert raw_agreement([]) is None
    assert cohen_kappa([("a", "a")] * 5) is None
    assert raw_agreement([("a", "a")] * 5) == 1.0


def test_alpha_of_krippendorff_2011_example_a_binary() -> None:
    rated = units("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
    assert krippendorff_alpha(rated) == pytest.approx(0.095, abs=5e-4)


def test_alpha_of_krippendorff_2011_example_c_with_gaps() -> None:
    assert krippendorff_alpha(units(*OBSERVERS)) == pytest.approx(0.743, abs=5e-4)


def test_alpha_for_intervals_of_krippendorff_2011() -> None:
    assert krippendorff_alpha(units(*OBSERVERS), level="interval") == pytest.approx(0.849, abs=5e-4)


def test_alpha_needs_two_ratings_of_something_and_two_labels() -> None:
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([[1], [2]]) is None
    assert krippendorff_alpha([[1, 1], [1, 1]]) is None
    with pytest.raises(ValueError, match="numbers"):
        krippendorff_alpha([["a", "b"]], level="interval")
