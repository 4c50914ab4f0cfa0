"""Whether an answer is one of the accepted ones: exact matches, and the best score over several references."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from workbench.text.normalise import norm_ja

Score = Callable[[str, str], float]
"""Prediction and one reference to a number; more is better."""


def best_of(score: Score, prediction: str, accepted: Sequence[str]) -> float:
    """The score against the reference that fits best; 0 where there is none."""
    return max((score(prediction, target) for target in accepted), default=0.0)


def exact_match_ja(prediction: str, target: str) -> float:
    """1 where both are the same after `norm_ja`: width, case, spaces and punctuation do not count."""
    return float(norm_ja(prediction) == norm_ja(target))


def exact_match_nfkc(prediction: str, target: str) -> float:
    """1 where both are the same after NFKC and nothing else."""
    return float(unicodedata.normalize("NFKC", prediction) == unicodedata.normalize("NFKC", target))
