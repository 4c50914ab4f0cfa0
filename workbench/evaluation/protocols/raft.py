"""RAFT answers as the workbench itself scores them (`workbench.evaluation.score`), for files made elsewhere.

The question's own score is the character F1 of an answer, with a refusal as 0, where a document answers, and
whether the answer refuses where none does.
"""

from __future__ import annotations

from typing import cast

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.chance import chance_by_shuffling
from workbench.evaluation.score import Answer, measure_answer
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import SampleKind
from workbench.text.overlap import char_f1
from workbench.text.quotes import check_quotes

RAFT_KINDS = ("answerable", "unseen", "unanswerable")


def _measure(given: Given) -> Verdict:
    kind = raft_kind(given.meta.get("kind"), given.expected)
    sample = Sample(
        id="",
        kind=kind,
        messages=(),
        question=given.question,
        documents=given.documents,
        target=given.expected,
        oracle_position=given.meta.get("oracle_position"),
    )
    quotes = tuple(check_quotes(given.prediction, given.documents, given.question)) if given.documents else ()
    scores = measure_answer(Answer(sample, given.prediction, given.refusal, quotes))
    refused = given.refusal == "refused"
    own = float(refused) if kind == "unanswerable" else 0.0 if refused else scores["char_f1"]
    return Verdict({"score": own, **scores}, quotes=quotes)


def raft_kind(named: object, expected: str) -> SampleKind:
    """Which test set a question belongs to: as the file names it, else by whether it has a reference."""
    if named in RAFT_KINDS:
        return cast("SampleKind", named)
    return "answerable" if expected.strip() else "unanswerable"


RAFT = Protocol(
    name="raft",
    version=1,
    primary="score",
    measure=_measure,
    rates=frozenset({"refused", "partial", "oracle_quote"}),
    asides=frozenset({"refused", "partial", "citation_precision", "unsupported_specifics"}),
    chance=chance_by_shuffling(char_f1),
    needs_expected=False,
)
