"""Answers that are a number or a formula: GSM8K and MATH."""

from __future__ import annotations

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.text.numbers import (
    extract_boxed,
    extract_gsm8k_flexible,
    extract_gsm8k_strict,
    normalise_math,
    same_math,
    same_number,
)


def _measure_gsm8k(given: Given) -> Verdict:
    strict = extract_gsm8k_strict(given.prediction)
    found = extract_gsm8k_flexible(given.prediction)
    golds = [_gold_number(target) for target in given.accepted]
    scores = {
        "correct": float(any(same_number(found or "", gold) for gold in golds)),
        "strict": float(any(same_number(strict or "", gold) for gold in golds)),
        "parsed": float(found is not None),
    }
    return Verdict(scores, extracted=found or "", rule="last_number" if found else "unparsed")


def _gold_number(expected: str) -> str:
    """The number of a reference, which may be the whole solution with `####` before it."""
    return extract_gsm8k_strict(expected) or extract_gsm8k_flexible(expected) or ""


def _measure_math(given: Given) -> Verdict:
    boxed = extract_boxed(given.prediction)
    found = boxed if boxed is not None else extract_gsm8k_flexible(given.prediction)
    scores = {
        "correct": float(
            any(same_math(found or "", extract_boxed(target) or target) for target in given.accepted)
        ),
        "boxed": float(boxed is not None),
        "parsed": float(found is not None),
    }
    rule = "boxed" if boxed is not None else "last_number" if found else "unparsed"
    return Verdict(scores, extracted=found or "", rule=rule)


GSM8K = Protocol(
    name="gsm8k",
    version=1,
    primary="correct",
    measure=_measure_gsm8k,
    rates=frozenset({"correct", "strict", "parsed"}),
    asides=frozenset({"parsed"}),
    reads_expected=lambda expected: bool(_gold_number(expected)),
)
MATH = Protocol(
    name="math",
    version=1,
    primary="correct",
    measure=_measure_math,
    rates=frozenset({"correct", "boxed", "parsed"}),
    asides=frozenset({"boxed", "parsed"}),
    reads_expected=lambda expected: bool(normalise_math(extract_boxed(expected) or expected)),
)
