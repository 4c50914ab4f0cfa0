"""What the numbers of a run say: pure judgements, each told once as an event."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MIN_ACCURACY = 0.2
OVERFITTING_RISES = 3
SCALED_STREAK = 12
"""Reports in a row that look scaled before it is said: a model that is sure of another answer format starts so too."""


def is_loss_scaled(loss: float, token_accuracy: float, vocabulary: int) -> bool:
    """Whether a reported loss is too large to be a mean over tokens, given how many are guessed right.

    A mean negative log-likelihood has about ln(vocabulary) for each token guessed wrong, at worst, and less
    than ln 2 for most guessed right. A run whose loss was added up over 8 accumulation steps showed 10.71
    at 68.7 % accuracy: the bound is 4.2 there. Below 20 % accuracy the two say nothing about each other.
    """
    if token_accuracy < MIN_ACCURACY or vocabulary < 2:
        return False
    worst = (1 - token_accuracy) * math.log(vocabulary) + token_accuracy * math.log(2)
    return loss > 1.5 * worst


def is_broken(*values: float | None) -> bool:
    """Whether a number of a training step is infinite or no number."""
    return any(value is not None and not math.isfinite(value) for value in values)


def count_rises(losses: Sequence[float]) -> int:
    """How often in a row the newest losses went up."""
    rises = 0
    for before, after in zip(reversed(losses[:-1]), reversed(losses[1:]), strict=True):
        if after <= before:
            break
        rises += 1
    return rises


def count_without_gain(losses: Sequence[float]) -> int:
    """Evaluations since the lowest loss."""
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def eval_losses(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """The evaluation losses of a trainer's log, oldest first; every checkpoint holds that log."""
    return [float(entry["eval_loss"]) for entry in history if "eval_loss" in entry]


def train_losses(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """The training losses of a trainer's log, oldest first."""
    return [float(entry["loss"]) for entry in history if "loss" in entry]


@dataclass
class SpeedMeter:
    """Tokens per second of training alone: evaluating and saving do not count.

    Times are seconds of a steady clock, given by the caller.
    """

    seconds: float = 0.0
    """Time in steps since the last rate was taken."""
    tokens: int = 0
    """Token count when the last rate was taken."""
    _begun: float | None = None

    def begin(self, now: float) -> None:
        """A step begins."""
        self._begun = now

    def end(self, now: float) -> None:
        """A step has ended."""
        if self._begun is not None:
            self.seconds += now - self._begun
        self._begun = None

    def take(self, tokens: int) -> float | None:
        """The rate since the last call, or None where no time has passed.

        Args:
            tokens: Tokens trained on so far.
        """
        done, seconds = tokens - self.tokens, self.seconds
        self.tokens, self.seconds = tokens, 0.0
        return done / seconds if seconds > 0 and done >= 0 else None
