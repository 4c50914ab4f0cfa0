"""Questions with labelled choices: the article's protocol, llm-jp-eval's, and our own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.chance import chance_of_labels, chance_of_seen_labels
from workbench.evaluation.protocols.llmjp import LLMJP, score_llmjp
from workbench.text.choices import extract_choice
from workbench.text.llmjp import extract_llmjp
from workbench.text.normalise import norm_light

JCQ_LABELS = ("0", "1", "2", "3", "4")
_FIRST_DIGIT = re.compile(r"[0-4]")


def _measure_chat(given: Given) -> Verdict:
    found = _FIRST_DIGIT.search(given.prediction)
    label = found.group() if found else ""
    return _judge(label, norm_light(given.expected), "first_digit" if label else "unparsed")


def _measure_llmjp(given: Given) -> Verdict:
    label = extract_llmjp(given.prediction, "choice_only_jp")
    labels = _texts(given.meta.get("labels")) or JCQ_LABELS
    scores = score_llmjp(label, given.accepted, ool=label not in labels)
    return Verdict(scores, extracted=label, rule="first_line")


def _measure_choice(given: Given) -> Verdict:
    choices = _texts(given.meta.get("choices"))
    found = extract_choice(given.prediction, choices)
    return _judge(found.label or "", label_of(given.expected, choices), found.rule)


def _judge(label: str, right: str, rule: str) -> Verdict:
    scores = {"correct": float(bool(label) and label == right), "parsed": float(bool(label))}
    return Verdict(scores, extracted=label, rule=rule)


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
JCQ_LLMJP = replace(LLMJP, name="jcq_llmjp", measure=_measure_llmjp, chance=chance_of_labels(len(JCQ_LABELS)))
CHOICE = Protocol(
    name="choice",
    version=1,
    primary=JCQ_CHAT.primary,
    measure=_measure_choice,
    rates=JCQ_CHAT.rates,
    asides=JCQ_CHAT.asides,
    chance=chance_of_seen_labels,
    needs=("choices",),
)
