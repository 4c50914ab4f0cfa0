"""Answers that are a piece of a text: JSQuAD and SQuAD 2.0."""

from __future__ import annotations

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.chance import chance_by_shuffling
from workbench.text.llmjp import char_f1_llmjp, extract_llmjp
from workbench.text.matching import best_of, exact_match_ja, exact_match_nfkc
from workbench.text.overlap import char_f1
from workbench.text.squad import norm_squad, squad_em, squad_f1

TAG = "<answer>"
NO_ANSWER = frozenset(
    {
        "unanswerable",
        "no answer",
        "noanswer",
        "na",
        "not answerable",
        "answer not found",
        "not in context",
        "question is unanswerable",
        "this question is unanswerable",
    }
)
"""What models say for "the text does not tell", in SQuAD's normal form, beside our refusal phrases."""


def _measure_jsquad(given: Given) -> Verdict:
    tagged = TAG in given.prediction or given.meta.get("answer_pattern") == "answer_tags_jp"
    text = extract_llmjp(given.prediction, "answer_tags_jp") if tagged else given.prediction.strip()
    scores = {
        "char_f1": best_of(char_f1, text, given.accepted),
        "exact_match": best_of(exact_match_ja, text, given.accepted),
        # llm-jp-eval compares with the first reference alone
        "exact_match_llmjp": exact_match_nfkc(text, given.expected),
        "char_f1_llmjp": char_f1_llmjp(text, given.expected),
    }
    return Verdict(scores, extracted=text, rule="tags" if tagged else "plain", whole=tagged)


def _measure_squad(given: Given) -> Verdict:
    """An answer that declines stands for the empty answer, which is right where nothing is expected."""
    plain = norm_squad(given.prediction)
    declines = given.refusal == "refused" or plain in NO_ANSWER or not given.prediction.strip()
    text = "" if declines else given.prediction.strip()
    answerable = any(target.strip() for target in given.accepted)
    accepted = [target for target in given.accepted if target.strip()] if answerable else [""]
    scores = {
        "em": best_of(squad_em, text, accepted),
        "f1": best_of(squad_f1, text, accepted),
        "refused": float(declines),
    }
    scores |= {"f1_answerable": scores["f1"]} if answerable else {"refused_unanswerable": float(declines)}
    return Verdict(
        scores,
        extracted=text,
        rule="no_answer" if declines else "plain",
        state="refused" if declines else None,
    )


JSQUAD = Protocol(
    name="jsquad",
    version=1,
    primary="char_f1",
    measure=_measure_jsquad,
    rates=frozenset({"exact_match", "exact_match_llmjp"}),
    chance=chance_by_shuffling(char_f1),
    reads_cut=True,
)
SQUAD_V2 = Protocol(
    name="squad_v2",
    version=1,
    primary="f1",
    measure=_measure_squad,
    rates=frozenset({"em", "refused", "refused_unanswerable"}),
    asides=frozenset({"refused", "refused_unanswerable"}),
    chance=chance_by_shuffling(squad_f1),
    needs_expected=False,
)
