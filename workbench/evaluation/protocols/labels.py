"""Questions with labelled choices: the article's protocol, llm-jp-eval's, and our own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.chance import chance_of_labels, chance_of_seen_labels
from workbench.text.choices import extract_choice
from workbench.text.llmjp import char_f1_llmjp, extract_llmjp
from workbench.text.matching import best_of, exact_match_nfkc
from workbench.text.normalise import norm_light

JCQ_LABELS = ("0", "1", "2", "3", "4")
_FIRST_DIGIT = re.compile(r"[0-4]")


def _measure_chat(given: Given) -> Verdict:
    found = _FIRST_DIGIT.search(given.prediction)
    label = found.group() if found else ""
    scores = {"correct": float(label == norm_light(given.expected)), "parsed": float(bool(label))}
    return Verdict(scores, extracted=label, rule="first_digit" if label else "unparsed")


def _measure_llmjp(given: Given) -> Verdict:
    label = extract_llmjp(given.prediction, "choice_only_jp")
    labels = _texts(given.meta.get("labels")) or JCQ_LABELS
    scores = {
        "exact_match": best_of(exact_match_nfkc, label, given.accepted),
        "char_f1": best_of(char_f1_llmjp, label, given.accepted),
        "ool": float(label not in labels),
    }
    return Verdict(scores, extracted=label, rule="first_line")


def _measure_choice(given: Given) -> Verdict:
    choices = _texts(given.meta.get("choices"))
    found = extract_choice(given.prediction, choices)
    right = label_of(given.expected, choices)
    scores = {
        "correct": float(found.label is not None and found.label == right),
        "parsed": float(found.label is not None),
    }
    return Verdict(scores, extracted=found.label or "", rule=found.rule)


def label_of(expected: str, choices: Sequence[str]) -> str:
    """The label of the right choice, which a file may name by its number or by its text."""
    plain = norm_light(expected)
    texts = [norm_light(choice) for choice in choices]
    return str(texts.index(plain)) if texts.count(plain) == 1 else plain


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(str(item) for item in cast("Sequence[object]", value))


def _names_jcq_label(expected: str) -> bool:
    return norm_light(expected) in JCQ_LABELS


JCQ_CHAT = Protocol(
    name="jcq_chat",
    version=1,
    primary="correct",
    measure=_measure_chat,
    rates=frozenset({"correct", "parsed"}),
    asides=frozenset({"parsed"}),
    chance=chance_of_labels(len(JCQ_LABELS)),
    reads_expected=_names_jcq_label,
)
JCQ_LLMJP = Protocol(
    name="jcq_llmjp",
    version=1,
    primary="exact_match",
    measure=_measure_llmjp,
    rates=frozenset({"exact_match", "ool"}),
    asides=frozenset({"ool"}),
    chance=chance_of_labels(len(JCQ_LABELS)),
    reads_cut=True,
)
CHOICE = Protocol(
    name="choice",
    version=1,
    primary="correct",
    measure=_measure_choice,
    rates=frozenset({"correct", "parsed"}),
    asides=frozenset({"parsed"}),
    chance=chance_of_seen_labels,
    needs=("choices",),
)
