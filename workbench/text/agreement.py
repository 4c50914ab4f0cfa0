"""How far several people (or people and a judge) agree beyond chance. Pure; no library needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Literal

Label = Hashable
Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "interval"]


def raw_agreement(pairs: Sequence[tuple[Label, Label]]) -> float | None:
    """Share of pairs whose two labels are the same; None without pairs."""
    if not pairs:
        return None
    return sum(first == second for first, second in pairs) / len(pairs)


def cohen_kappa(
    pairs: Sequence[tuple[Label, Label]], *, weights: Weights = "none", order: Sequence[Label] = ()
) -> float | None:
    """Cohen's kappa of two raters (J. Cohen, 1960; weighted: 1968).

    Args:
        pairs: The labels of the first and the second rater on each unit.
        weights: How a disagreement counts by its distance on the scale; `none` counts all alike.
        order: The scale, lowest first; needed with weights.

    Returns:
        1 for perfect agreement, 0 for that of chance; None without pairs or where both raters gave one and the
        same label throughout, since chance then explains everything.

    Raises:
        ValueError: Weights without the order, or a label that is not in it.
    """
    if not pairs:
        return None
    cost = _cost(weights, order)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    n = len(pairs)
    observed = sum(cost(a, b) for a, b in pairs) / n
    expected = sum(
        cost(a, b) * count_a * count_b for a, count_a in first.items() for b, count_b in second.items()
    )
    expected /= n * n
    return None if expected == 0 else 1 - observed / expected


def krippendorff_alpha(units: Sequence[Sequence[Label]], *, level: Level = "nominal") -> float | None:
    """Krippendorff's alpha for any number of raters and missing ratings (K. Krippendorff, 2011).

    Args:
        units: The ratings of each unit, in any order; units with fewer than two count for nothing.
        level: `interval` takes squared differences of numbers, `nominal` only same or not.

    Returns:
        None where no unit has two ratings, or where all ratings are the same.
    """
    rated = [Counter(unit) for unit in units if len(unit) > 1]
    totals: Counter[Label] = Counter()
    observed = 0.0
    distance = _squared if level == "interval" else _differs
    for unit in rated:
        totals.update(unit)
        size = unit.total()
        observed += sum(distance(a, b) * unit[a] * unit[b] for a in unit for b in unit) / (size - 1)
    n = totals.total()
    expected = sum(distance(a, b) * totals[a] * totals[b] for a in totals for b in totals)
    if n < 2 or expected == 0:
        return None
    return 1 - (n - 1) * observed / expected


def _cost(weights: Weights, order: Sequence[Label]) -> Callable[[Label, Label], float]:
    if weights == "none":
        return _differs
    if not order:
        raise ValueError("weights need the order of the labels")
    place = {label: index for index, label in enumerate(order)}
    power = 1 if weights == "linear" else 2

    def cost(a: Label, b: Label) -> float:
        if a not in place or b not in place:
            raise ValueError(f"label outside the scale: {a!r}, {b!r}")
        return abs(place[a] - place[b]) ** power

    return cost


def _differs(a: Label, b: Label) -> float:
    return float(a != b)


def _squared(a: Label, b: Label) -> float:
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        raise ValueError("interval data must be numbers")
    return float(a - b) ** 2
