"""The outcome of a comparison in a few lines: a figure before and after, and what it means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from workbench.i18n import Lang, t
from workbench.ui.wording import say_share

SMALL = 0.005
"""A change below half a point in a hundred is called the same."""
ARROW = " → "
Tone = Literal["good", "warn", "plain"]


@dataclass(frozen=True)
class Figure:
    """One figure of `RunMetrics` worth a line."""

    field: str
    key: str
    more_is_better: bool
    share: bool = True


FIGURES = (
    Figure("over_refusal_rate", "over_refusal", more_is_better=False),
    Figure("correct_refusal_rate", "correct_refusal", more_is_better=True),
    Figure("verbatim_quote_rate", "quote", more_is_better=True),
    Figure("answered_f1", "f1", more_is_better=True, share=False),
    Figure("general_accuracy", "general", more_is_better=True),
)


def tone_of(before: float, after: float, *, more_is_better: bool) -> Tone:
    """Whether a change is good; a worse figure is a warning, because it must not hide behind a good one."""
    gain = (after - before) if more_is_better else (before - after)
    if abs(gain) < SMALL:
        return "plain"
    return "good" if gain > 0 else "warn"


def _intervals_part(baseline: Mapping[str, Any], finetuned: Mapping[str, Any], field: str) -> bool:
    """Whether the 95 % intervals of both sides do not overlap; sides without intervals count as apart."""
    found = [
        cast("Mapping[str, Any]", side.get("intervals") or {}).get(field) for side in (baseline, finetuned)
    ]
    bounds = [(item["low"], item["high"]) for item in found if item and item.get("low") is not None]
    if len(bounds) < 2:
        return True
    (low_a, high_a), (low_b, high_b) = bounds
    return high_a < low_b or high_b < low_a


def make_headlines(metrics: Mapping[str, Any], lang: Lang) -> list[dict[str, str]]:
    """One line per figure that both sides have.

    Args:
        metrics: `{"baseline": RunMetrics as JSON, "finetuned": ...}`.
        lang: The page's language.
    """
    sides = [cast("Mapping[str, Any]", metrics.get(side) or {}) for side in ("baseline", "finetuned")]
    lines: list[dict[str, str]] = []
    for figure in FIGURES:
        before, after = (side.get(figure.field) for side in sides)
        if before is None or after is None:
            continue
        said = [say_share(value) if figure.share else f"{value:.2f}" for value in (before, after)]
        tone = tone_of(before, after, more_is_better=figure.more_is_better)
        if tone == "good" and not _intervals_part(sides[0], sides[1], figure.field):
            # a gain within the margin of error is no good news yet; a fall is said all the same
            tone = "plain"
        lines.append({"figure": ARROW.join(said), "tone": tone, "text": t(f"headline.{figure.key}", lang)})
    return lines
