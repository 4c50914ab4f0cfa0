"""The summary of a judgement and the warnings that belong beside its figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from workbench.evaluation.judging.families import families_of
from workbench.evaluation.judging.figures import (
    average_criteria,
    average_kinds,
    baseline_scores,
    compare_criteria,
    correlate_length,
    distribute,
    judged,
    measure_pairs,
    own_scores,
)
from workbench.evaluation.judging.rubrics import LoadedRubric
from workbench.evaluation.runs import Side as Run
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import Interval
from workbench.schemas.judging import (
    JudgeConfig,
    JudgeIdentity,
    Judgement,
    JudgementSummary,
    JudgeMode,
    PairFigures,
)
from workbench.text.stats import MIN_PAIRS

PROTOCOLS: Mapping[JudgeMode, str] = {
    "absolute": "judge_absolute@1",
    "pairwise": "judge_pairwise@1",
    "reward": "reward@1",
}
"""The number is raised with every change to prompts' build, parsing or counting that can change a figure."""
MANY_FLIPS = 0.2
MANY_ERRORS = 0.05
ALPHA = 0.05
BOUNDED_REWARDS = frozenset({"helpfulness", "correctness", "coherence", "complexity", "verbosity"})
"""Attributes of HelpSteer2, from about 0 to 4 for any question; other rewards compare answers to one question."""


def summarise_judgements(
    settings: JudgeConfig,
    identity: JudgeIdentity,
    rubric: LoadedRubric | None,
    runs: Sequence[Run],
    judgements: Sequence[Judgement],
    skipped: Mapping[str, int],
    primary: str,
) -> JudgementSummary:
    """Everything that the judgements of one job add up to."""
    usable, calls = judged(judgements), [call for one in judgements for call in one.calls]
    scored = [one for one in usable if primary in one.scores]
    own = rubric.rubric if rubric and rubric.rubric.mode == "absolute" else None
    summary = JudgementSummary(
        mode=settings.mode,
        protocol=PROTOCOLS[settings.mode],
        judge=identity,
        rubric=rubric.rubric.name if rubric else "",
        rubric_sha256=rubric.sha256 if rubric else "",
        evaluations=tuple(run.id for run in runs),
        labels=tuple(run.label for run in runs),
        models=tuple(run.model for run in runs),
        families=tuple(sorted(families_of(*_names(runs)))),
        n=len(usable),
        errors=len(judgements) - len(usable),
        errors_by=dict(Counter(one.reason for one in judgements if one.state == "error")),
        skipped=dict(skipped),
        calls=len(calls),
        retried=sum(call.tries > 1 for call in calls),
        without_reason=sum(call.state == "ok" and not call.has_reason for call in calls),
        tokens=sum(call.tokens for call in calls),
        primary=primary,
        low=own.low if own else None,
        high=own.high if own else None,
        titles={one.name: one.title for one in rubric.rubric.criteria} if rubric else {},
        criteria=average_criteria(scored, own_scores),
        baseline_criteria=average_criteria(scored, baseline_scores),
        differences=compare_criteria(scored),
        distribution=distribute(scored, own) if own else {},
        by_kind=average_kinds(scored, primary),
        length_correlation=correlate_length(scored, primary),
        pairs=measure_pairs(usable, settings.mode) if len(runs) == 2 else None,
    )
    return summary.model_copy(update={"warnings": tuple(find_warnings(summary))})


def find_warnings(summary: JudgementSummary) -> Iterator[Sentence]:
    """What a reader must know before trusting the figures."""
    shared = sorted(set(summary.judge.families) & set(summary.families))
    if summary.judge.model in summary.models:
        yield Sentence(code="same_model", params={"model": summary.judge.model})
    elif shared:
        yield Sentence(code="same_family", params={"families": ", ".join(shared)})
    asked = summary.n + summary.errors
    if asked and summary.errors / asked > MANY_ERRORS:
        yield Sentence(code="many_errors", params={"errors": summary.errors, "asked": asked})
    if summary.n < MIN_PAIRS:
        yield Sentence(code="few", params={"n": summary.n, "needed": MIN_PAIRS})
    if summary.without_reason:
        yield Sentence(
            code="without_reason", params={"count": summary.without_reason, "calls": summary.calls}
        )
    if summary.mode == "reward" and summary.primary not in BOUNDED_REWARDS and len(summary.evaluations) == 1:
        yield Sentence(code="reward_within_question")
    if summary.pairs is not None:
        yield from _pair_warnings(summary.pairs)


def _pair_warnings(pairs: PairFigures) -> Iterator[Sentence]:
    flips, first = pairs.flip_rate, pairs.first_share
    if flips is not None and flips.value is not None and flips.value > MANY_FLIPS:
        yield Sentence(code="many_flips", params={"share": _percent(flips)})
    if first is not None and first.value is not None and pairs.first_p is not None and pairs.first_p < ALPHA:
        code = "prefers_first" if first.value > 0.5 else "prefers_second"
        yield Sentence(code=code, params={"share": _percent(first)})
    longer = pairs.longer_share
    if longer.low is not None and longer.high is not None and (longer.low > 0.5 or longer.high < 0.5):
        code = "prefers_longer" if longer.low > 0.5 else "prefers_shorter"
        yield Sentence(code=code, params={"share": _percent(longer)})


def _percent(figure: Interval) -> float:
    return round(100 * (figure.value or 0.0), 1)


def _names(runs: Sequence[Run]) -> list[str]:
    """Every name under which the judged models are known: as asked, and as their provenance says."""
    names = [run.model for run in runs]
    for run in runs:
        provenance = run.details.get("provenance")
        if isinstance(provenance, Mapping):
            names += [value for value in provenance.values() if isinstance(value, str)]  # pyright: ignore[reportUnknownVariableType]
    return names
