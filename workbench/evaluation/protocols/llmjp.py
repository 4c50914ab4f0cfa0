"""Any dataset of llm-jp-eval: its extraction by the dataset's answer pattern, exact match, and its `char_f1`."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.text.llmjp import ANSWER_PATTERNS, char_f1_llmjp, extract_llmjp
from workbench.text.matching import best_of, exact_match_nfkc

DEFAULT_PATTERN = "custom"
"""What llm-jp-eval does where a dataset names none: the first paragraph."""


def _measure(given: Given) -> Verdict:
    """As llm-jp-eval, with the first reference alone; `ool` for a closed list of labels, else for nothing found."""
    named = str(given.meta.get("answer_pattern") or DEFAULT_PATTERN)
    pattern = named if named in ANSWER_PATTERNS else DEFAULT_PATTERN
    text = extract_llmjp(given.prediction, pattern)
    labels = given.meta.get("labels")
    ool = text not in labels if isinstance(labels, list) and labels else not text
    return Verdict(score_llmjp(text, [given.expected], ool=ool), extracted=text, rule=pattern)


def score_llmjp(text: str, accepted: Sequence[str], *, ool: bool) -> dict[str, float]:
    """The scores of llm-jp-eval.

    Args:
        text: What was taken out of the answer.
        accepted: The references of which the best counts.
        ool: The text is outside the labels.
    """
    return {
        "exact_match": best_of(exact_match_nfkc, text, accepted),
        "char_f1": best_of(char_f1_llmjp, text, accepted),
        "ool": float(ool),
    }


LLMJP = Protocol(
    name="llmjp",
    version=1,
    primary="exact_match",
    measure=_measure,
    rates=frozenset({"exact_match", "ool"}),
    asides=frozenset({"ool"}),
    reads_cut=True,
)
