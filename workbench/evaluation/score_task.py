"""Scores one answer to a question of a task. Pure: the same sample and reply always give the same scores."""

from __future__ import annotations

from dataclasses import replace

from workbench.evaluation.protocols import Given, Protocol, Verdict
from workbench.evaluation.score import UNSCORED
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import SampleState, ScoredAnswer
from workbench.schemas.inference import AnswerState, ChatReply
from workbench.text.refusals import DEFAULT_RULES, RefusalRules, classify

_NOTHING = Verdict(scores={})


def score_task_reply(
    sample: Sample, reply: ChatReply, protocol: Protocol, rules: RefusalRules = DEFAULT_RULES
) -> ScoredAnswer:
    """The state of an answer and what the protocol says of it.

    Empty answers, answers that were cut off and errors keep their state and get no scores; refusals and
    partial answers are scored by the protocol's own rule.
    """
    # what stands beside an error is no answer
    text = "" if reply.state == "error" else reply.text
    state, verdict = _judge(given_of(sample, text), reply.state, protocol, rules)
    return ScoredAnswer(
        id=sample.id,
        kind=sample.kind,
        task=sample.task,
        genre=sample.genre,
        source=sample.source,
        question=sample.question,
        documents=sample.documents,
        target=sample.target,
        references=sample.references,
        oracle_position=sample.oracle_position,
        prediction=text,
        answer_state=reply.state,
        state=state,
        primary=protocol.primary,
        scores=dict(verdict.scores),
        lists=dict(verdict.lists),
        extracted=verdict.extracted,
        rule=verdict.rule,
        quotes=verdict.quotes,
        seconds=reply.seconds,
        completion_tokens=reply.completion_tokens,
        error_code=reply.error_code,
        messages=sample.messages,
    )


def score_again(
    answer: ScoredAnswer, protocol: Protocol, rules: RefusalRules = DEFAULT_RULES
) -> ScoredAnswer:
    """An answer that was scored before, by another protocol; what was no answer stays none."""
    sample = Sample(
        id=answer.id,
        kind=answer.kind,
        task=answer.task,
        genre=answer.genre,
        source=answer.source,
        messages=(),
        question=answer.question,
        documents=answer.documents,
        target=answer.target,
        references=answer.references,
        oracle_position=answer.oracle_position,
    )
    return score_task_reply(
        sample, ChatReply(text=answer.prediction, state=answer.answer_state), protocol, rules
    )


def given_of(sample: Sample, text: str) -> Given:
    """What a protocol sees of an answer to a question."""
    return Given(
        prediction=text,
        expected=sample.target,
        references=sample.references,
        question=sample.question,
        documents=sample.documents,
        meta={**sample.meta, "kind": sample.kind, "oracle_position": sample.oracle_position},
    )


def _judge(
    given: Given, state: AnswerState, protocol: Protocol, rules: RefusalRules
) -> tuple[SampleState, Verdict]:
    unscored = UNSCORED.get(state)
    readable = state == "truncated" and protocol.reads_cut and bool(given.prediction.strip())
    if unscored and not readable:
        return unscored, _NOTHING
    refusal = classify(given.prediction, given.documents, rules)
    verdict = protocol.measure(replace(given, refusal=refusal))
    if unscored and not (verdict.extracted and verdict.whole):
        return unscored, _NOTHING
    return verdict.state or refusal, verdict
