"""What can be measured of each question of a run, by the names that figures, tables and gates use. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.summary import answered_with_reference, has_reference, is_true
from workbench.schemas.evaluation import ScoredAnswer, TaskFigures

RAFT = "raft"
"""Bench of the three RAFT sets together; each of them is a bench of its own too."""
RAFT_KINDS = frozenset({"answerable", "unseen", "unanswerable"})
ALIASES = {"false_refusal_rate": "over_refusal_rate"}
LOWER_IS_BETTER = frozenset(
    {
        "over_refusal_rate",
        "refusal_leak_rate",
        "error_rate",
        "empty_rate",
        "truncated_rate",
        "refused",
        "partial",
        "ool",
        "unparsed",
        "unsupported_specifics",
    }
)
ASIDES = frozenset({"refused", "partial", "parsed", "ool", "unparsed"})
"""Scores that describe an answer and do not judge it."""

Read = Callable[[ScoredAnswer], float | None]


@dataclass(frozen=True)
class Measure:
    """A figure as a value per question: None where the question does not count."""

    name: str
    read: Read

    @property
    def higher_is_better(self) -> bool:
        return self.name not in LOWER_IS_BETTER


def group_benches(answers: Sequence[ScoredAnswer]) -> dict[str, list[ScoredAnswer]]:
    """The answers by bench: each task, each RAFT set, the RAFT sets together, and the small general task."""
    benches: dict[str, list[ScoredAnswer]] = {}
    for answer in answers:
        for name in _benches_of(answer):
            benches.setdefault(name, []).append(answer)
    return benches


def _benches_of(answer: ScoredAnswer) -> list[str]:
    names = [answer.task] if answer.task else []
    if answer.kind != "task":
        names.append(answer.kind)
    if answer.kind in RAFT_KINDS:
        names.append(RAFT)
    # a task may have the name of a set
    return list(dict.fromkeys(names))


def list_measures(answers: Sequence[ScoredAnswer], figures: TaskFigures | None = None) -> dict[str, Measure]:
    """Everything that can be measured on these answers of one bench, derived rates first.

    Args:
        answers: Of one bench.
        figures: What is known of the task, so that a score counts here as it does in its figures.
    """
    found = {
        name: Measure(name, read)
        for name, read in RATES.items()
        if any(read(answer) is not None for answer in answers)
    }
    if any(_answered_f1(answer) is not None for answer in answers):
        found["answered_f1"] = Measure("answered_f1", _answered_f1)
    names = dict.fromkeys(name for answer in answers for name in answer.scores)
    judged = {name: is_judged(name, answers, figures) for name in names}
    return found | {
        name: Measure(name, read_score(name, judged=judged[name])) for name in names if name not in found
    }


def primary_of(answers: Sequence[ScoredAnswer], figures: TaskFigures | None = None) -> str:
    """The score that counts as the bench's own; empty where it has none."""
    if figures is not None and figures.primary:
        return figures.primary
    return next((answer.primary for answer in answers if answer.primary), "")


def is_judged(name: str, answers: Sequence[ScoredAnswer], figures: TaskFigures | None = None) -> bool:
    """Whether a question with an empty or cut-off answer counts as 0 in a score.

    So it is where the score and the bench's own are right or wrong, and every scored answer has it; of an
    overlap there is nothing to measure then.
    """
    scored = [answer.scores for answer in answers if answer.scores]
    if any(name not in scores for scores in scored):
        return False
    protocol = PROTOCOLS.get(figures.protocol.partition("@")[0]) if figures else None
    if protocol is not None:
        return name in protocol.rates - protocol.asides and protocol.primary in protocol.rates
    primary = primary_of(answers, figures) or name
    values = [scores.get(one, 0.0) for one in {name, primary} for scores in scored]
    return name not in ASIDES and is_rate(values)


def is_rate(values: Sequence[float]) -> bool:
    """Whether all values are 0 or 1."""
    return all(value in (0.0, 1.0) for value in values)


def read_score(name: str, *, judged: bool) -> Read:
    """A score as a value per question; an error counts nowhere.

    Args:
        name: Of the score.
        judged: Whether an empty or cut-off answer counts as 0.
    """

    def read(answer: ScoredAnswer) -> float | None:
        if answer.state == "error":
            return None
        missed = judged and answer.state in ("empty", "truncated")
        return answer.scores.get(name, 0.0 if missed else None)

    return read


def has_refused(answer: ScoredAnswer) -> bool:
    """Whether the answer is a refusal: by the protocol's own rule where it has one, else by its state."""
    return is_true(answer, "refused") if "refused" in answer.scores else answer.state == "refused"


def has_answer_in_documents(answer: ScoredAnswer) -> bool:
    """Whether a refusal would be a false one."""
    return has_reference(answer) or (_is_reading_task(answer) and bool(answer.target or answer.references))


def has_no_answer_in_documents(answer: ScoredAnswer) -> bool:
    """Whether a refusal is what is wanted."""
    missing = _is_reading_task(answer) and not (answer.target or answer.references)
    return answer.kind == "unanswerable" or missing


def _is_reading_task(answer: ScoredAnswer) -> bool:
    return answer.kind == "task" and bool(answer.documents)


def _is_plain_task(answer: ScoredAnswer) -> bool:
    return answer.kind == "general" or (answer.kind == "task" and not answer.documents)


def _answered_f1(answer: ScoredAnswer) -> float | None:
    return next((one.scores.get("char_f1") for one in answered_with_reference([answer])), None)


def _rate(counts: Callable[[ScoredAnswer], bool], holds: Callable[[ScoredAnswer], bool]) -> Read:
    def read(answer: ScoredAnswer) -> float | None:
        return float(holds(answer)) if answer.state != "error" and counts(answer) else None

    return read


def _state_rate(state: str) -> Read:
    return lambda answer: float(answer.state == state)


RATES: Mapping[str, Read] = {
    "over_refusal_rate": _rate(has_answer_in_documents, has_refused),
    "correct_refusal_rate": _rate(has_no_answer_in_documents, has_refused),
    "verbatim_quote_rate": _rate(has_reference, lambda answer: is_true(answer, "oracle_quote")),
    "general_accuracy": _rate(
        lambda answer: answer.kind == "general", lambda answer: is_true(answer, "correct")
    ),
    "refusal_leak_rate": _rate(_is_plain_task, has_refused),
    "error_rate": _state_rate("error"),
    "empty_rate": _state_rate("empty"),
    "truncated_rate": _state_rate("truncated"),
}
"""Shares of questions; a question that one of them does not concern has no value."""
