"""From scored answers to the figures of one side. Pure.

Errors are in no figure. An empty answer and one that was cut off count as answers that neither refuse, quote
nor give the right label: a model that rambles until its tokens run out must not look better for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from workbench.schemas.evaluation import Interval, RunMetrics, ScoredAnswer, TaskFigures
from workbench.text.overlap import chance_level
from workbench.text.stats import bootstrap_mean, wilson

STATES = ("answered", "partial", "refused", "empty", "truncated", "error")
CHANCE_SEED = 0
DRAWS = 2_000


def summarise(
    answers: Sequence[ScoredAnswer],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    tasks: Mapping[str, TaskFigures] | None = None,
) -> RunMetrics:
    """The figures of one side with their 95 % intervals (Wilson for rates, bootstrap for means).

    `partial` answers count as answers, and their number is in `by_kind`.

    Args:
        answers: All answers, errors included.
        draws: Bootstrap draws for the interval of the F1.
        seed: Of those draws.
        tasks: The figures of the tasks among them, which their own protocols give.
    """
    valid = [answer for answer in answers if answer.state != "error"]
    intervals = {name: measure(valid) for name, measure in RATES.items()}
    answered = answered_with_reference(valid)
    f1 = bootstrap_mean([answer.scores["char_f1"] for answer in answered], draws=draws, seed=seed)
    return RunMetrics(
        n=len(answers),
        errors=len(answers) - len(valid),
        over_refusal_rate=intervals["over_refusal_rate"].value,
        correct_refusal_rate=intervals["correct_refusal_rate"].value,
        verbatim_quote_rate=intervals["verbatim_quote_rate"].value,
        answered_f1=f1.value,
        answered_f1_chance=chance_level(
            [answer.prediction for answer in answered], [answer.target for answer in answered], CHANCE_SEED
        ),
        general_accuracy=intervals["general_accuracy"].value,
        intervals={**intervals, "answered_f1": f1},
        by_kind={kind: _count(group) for kind, group in _group(answers).items()},
        tasks=dict(tasks or {}),
    )


def answered_with_reference(answers: Iterable[ScoredAnswer]) -> list[ScoredAnswer]:
    """Questions that a document answers and that got an answer, in full or in part."""
    return [answer for answer in answers if has_reference(answer) and answer.state in ("answered", "partial")]


def has_reference(answer: ScoredAnswer) -> bool:
    """Whether a document answers the question."""
    return answer.kind in ("answerable", "unseen")


def is_true(answer: ScoredAnswer, name: str) -> bool:
    """Whether a yes-or-no score of the answer is yes; what has no scores is no."""
    return answer.scores.get(name, 0.0) > 0


def _rate(counts: Callable[[ScoredAnswer], bool], name: str) -> Callable[[Sequence[ScoredAnswer]], Interval]:
    def measure(answers: Sequence[ScoredAnswer]) -> Interval:
        asked = [answer for answer in answers if counts(answer)]
        return wilson(sum(is_true(answer, name) for answer in asked), len(asked))

    return measure


RATES: dict[str, Callable[[Sequence[ScoredAnswer]], Interval]] = {
    "over_refusal_rate": _rate(has_reference, "refused"),
    "correct_refusal_rate": _rate(lambda answer: answer.kind == "unanswerable", "refused"),
    "verbatim_quote_rate": _rate(has_reference, "oracle_quote"),
    "general_accuracy": _rate(lambda answer: answer.kind == "general", "correct"),
}


def _group(answers: Sequence[ScoredAnswer]) -> dict[str, list[ScoredAnswer]]:
    groups: dict[str, list[ScoredAnswer]] = {}
    for answer in answers:
        groups.setdefault(answer.kind, []).append(answer)
    return groups


def _count(group: Sequence[ScoredAnswer]) -> dict[str, float]:
    counts = {"n": float(len(group))}
    counts |= {state: float(sum(answer.state == state for answer in group)) for state in STATES}
    valid = [answer for answer in group if answer.state != "error"]
    if group[0].kind == "general":
        # refusals and counter-questions that leak into a task without documents show here
        counts["unparsed"] = float(sum(not is_true(answer, "parsed") for answer in valid))
        counts["correct"] = float(sum(is_true(answer, "correct") for answer in valid))
        return counts
    for name in ("char_f1", "citation_precision"):
        values = [
            answer.scores[name] for answer in valid if name in answer.scores and answer.state != "refused"
        ]
        if values:
            counts[name] = sum(values) / len(values)
    counts["quotes"] = float(sum(len(answer.quotes) for answer in valid))
    counts["unsupported_specifics"] = sum(answer.scores.get("unsupported_specifics", 0.0) for answer in valid)
    return counts
