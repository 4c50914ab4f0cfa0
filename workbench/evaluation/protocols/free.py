"""Answers in free words, compared with references and with an expert's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.chance import chance_by_shuffling
from workbench.text.key_facts import Fact, find_facts
from workbench.text.matching import best_of, exact_match_ja
from workbench.text.overlap import char_bigram_f1, char_f1, rouge_l_char
from workbench.text.words import load_tokenizer, token_f1_ja


def _measure_char_f1(given: Given) -> Verdict:
    return Verdict({"char_f1": best_of(char_f1, given.prediction, given.accepted)})


def _measure_exact(given: Given) -> Verdict:
    return Verdict({"exact_match": best_of(exact_match_ja, given.prediction, given.accepted)})


def _measure_free(given: Given) -> Verdict:
    scores = {
        "char_f1": best_of(char_f1, given.prediction, given.accepted),
        "char_bigram_f1": best_of(char_bigram_f1, given.prediction, given.accepted),
        "rouge_l_char": best_of(rouge_l_char, given.prediction, given.accepted),
        "exact_match": best_of(exact_match_ja, given.prediction, given.accepted),
    }
    tokenize = load_tokenizer()
    if tokenize is not None:
        scores["token_f1_ja"] = max(
            token_f1_ja(given.prediction, target, tokenize) for target in given.accepted
        )
    facts = read_facts(given.meta)
    if not facts:
        return Verdict(scores)
    found = [float(holds) for holds in find_facts(given.prediction, facts)]
    return Verdict({**scores, "key_facts": sum(found) / len(found)}, lists={"key_facts_found": tuple(found)})


def read_facts(meta: Mapping[str, Any]) -> list[Fact]:
    """The facts that a line lists; each a text, or a list of texts of which one is enough."""
    listed = meta.get("key_facts")
    if not isinstance(listed, list | tuple):
        return []
    return [
        [str(text) for text in cast("Sequence[object]", fact)]
        if isinstance(fact, list | tuple)
        else str(fact)
        for fact in cast("Sequence[object]", listed)
    ]


CHAR_F1 = Protocol(
    name="char_f1",
    version=1,
    primary="char_f1",
    measure=_measure_char_f1,
    chance=chance_by_shuffling(char_f1),
)
EXACT_MATCH_JA = Protocol(
    name="exact_match_ja",
    version=1,
    primary="exact_match",
    measure=_measure_exact,
    rates=frozenset({"exact_match"}),
    chance=chance_by_shuffling(exact_match_ja),
)
FREE_QA = Protocol(
    name="free_qa",
    version=1,
    primary="char_f1",
    measure=_measure_free,
    rates=frozenset({"exact_match"}),
    chance=chance_by_shuffling(char_f1),
)
