"""Scores one answer. Pure: the same sample and reply always give the same scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from workbench.evaluation.citations import citation_precision, count_unsupported, quotes_oracle
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import Quote, SampleState, ScoredAnswer
from workbench.schemas.inference import AnswerState, ChatReply
from workbench.text.choices import extract_choice
from workbench.text.overlap import char_f1, char_set_f1_seed001
from workbench.text.quotes import check_quotes
from workbench.text.refusals import DEFAULT_RULES, RefusalRules, classify, classify_seed001

UNSCORED: dict[AnswerState, SampleState] = {
    "empty": "empty",
    "truncated": "truncated",
    "thinking_truncated": "truncated",
    "error": "error",
}
"""What becomes of an answer that there is nothing to score of."""


@dataclass(frozen=True)
class Answer:
    """What metrics see: a question, and an answer that is neither empty nor cut off."""

    sample: Sample
    text: str
    state: SampleState
    quotes: tuple[Quote, ...]

    @property
    def has_reference(self) -> bool:
        """Whether a document answers, so that the answer can be compared with a reference."""
        return self.sample.kind in ("answerable", "unseen")


def score(sample: Sample, reply: ChatReply, rules: RefusalRules = DEFAULT_RULES) -> ScoredAnswer:
    """The state of an answer and every metric that applies to it.

    Empty answers, answers that were cut off and errors keep their state and get no scores.
    """
    unscored = UNSCORED.get(reply.state)
    text = reply.text if unscored != "error" else ""
    quotes = tuple(check_quotes(text, sample.documents, sample.question)) if sample.documents else ()
    state: SampleState = unscored or classify(text, sample.documents, rules)
    answer = Answer(sample, text, state, quotes)
    return ScoredAnswer(
        id=sample.id,
        kind=sample.kind,
        source=sample.source,
        question=sample.question,
        documents=sample.documents,
        target=sample.target,
        oracle_position=sample.oracle_position,
        prediction=text,
        answer_state=reply.state,
        state=state,
        scores={} if unscored else measure_answer(answer),
        quotes=quotes,
        seconds=reply.seconds,
        completion_tokens=reply.completion_tokens,
        error_code=reply.error_code,
        messages=sample.messages,
    )


def measure_answer(answer: Answer) -> dict[str, float]:
    """Every metric that applies to an answer."""
    found = {name: measure(answer) for name, measure in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}


def _refused(answer: Answer) -> float:
    return float(answer.state == "refused")


def _partial(answer: Answer) -> float:
    return float(answer.state == "partial")


def _char_f1(answer: Answer) -> float | None:
    return char_f1(answer.text, answer.sample.target) if answer.has_reference else None


def _char_set_f1_seed001(answer: Answer) -> float | None:
    if not answer.has_reference:
        return None
    if classify_seed001(answer.text) == "refused":
        return 0.0
    return char_set_f1_seed001(answer.text, answer.sample.target)


def _oracle_quote(answer: Answer) -> float | None:
    if not answer.has_reference:
        return None
    return float(quotes_oracle(answer.quotes, answer.sample.oracle_position))


def _citation_precision(answer: Answer) -> float | None:
    return citation_precision(answer.quotes)


def _unsupported_specifics(answer: Answer) -> float | None:
    return count_unsupported(answer.text, answer.sample.documents, answer.sample.question)


def _parsed(answer: Answer) -> float | None:
    if answer.sample.kind != "general":
        return None
    return float(extract_choice(answer.text, _choices(answer)).label is not None)


def _correct(answer: Answer) -> float | None:
    if answer.sample.kind != "general":
        return None
    return float(extract_choice(answer.text, _choices(answer)).label == answer.sample.target)


def _choices(answer: Answer) -> list[str]:
    return cast("list[str]", answer.sample.meta.get("choices", []))


Metric = Callable[[Answer], float | None]

METRICS: dict[str, Metric] = {
    "refused": _refused,
    "partial": _partial,
    "char_f1": _char_f1,
    "char_set_f1_seed001": _char_set_f1_seed001,
    "oracle_quote": _oracle_quote,
    "citation_precision": _citation_precision,
    "unsupported_specifics": _unsupported_specifics,
    "parsed": _parsed,
    "correct": _correct,
}
"""Each gives a number, or None where it does not apply to the question."""
