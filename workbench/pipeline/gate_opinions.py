"""The conditions of a gate that people and judging models decide. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.pipeline.gate_conditions import MIN_PAIRS, Decision, Evidence, decide
from workbench.schemas.evaluation import Interval
from workbench.schemas.gate import ConditionResult, HumanConditions, JudgeConditions, Section
from workbench.schemas.judging import JudgeCheck, JudgementSummary
from workbench.schemas.review import CRITICAL_TAGS, VoteSummary
from workbench.text.significance import narrow, wilson_at

CHECKED_BY = 30
"""Human verdicts with which a judge must have been compared."""


@dataclass(frozen=True)
class JudgeOpinion:
    """What a judge said of the candidate, and whether it may be believed."""

    summary: JudgementSummary
    check: JudgeCheck | None = None
    """None: never compared with people."""


@dataclass(frozen=True)
class Opinions:
    """What people and judges said; None where nothing was found."""

    votes: VoteSummary | None = None
    judge: JudgeOpinion | None = None


def check_judge(conditions: JudgeConditions, opinion: JudgeOpinion | None) -> Iterator[ConditionResult]:
    """The judge's conditions; without a judgement, or with an unchecked judge, they stay undecided."""
    blocked = _block_judge(conditions, opinion)
    asked = {"min_mean": conditions.min_mean, "min_win_rate": conditions.min_win_rate}
    if blocked and not any(threshold is not None for threshold in asked.values()):
        asked = {"require_judge_check": float(CHECKED_BY)}
    for limit, threshold in asked.items():
        if threshold is None:
            continue
        decision = blocked or _decide_judge(limit, threshold, conditions, opinion)
        yield _report("judge", conditions, limit, threshold, decision)


def _block_judge(conditions: JudgeConditions, opinion: JudgeOpinion | None) -> Decision | None:
    """Why the judge's word counts for nothing, None where it counts."""
    if opinion is None:
        return Decision("inconclusive", "no_judgement")
    check = opinion.check
    if not conditions.require_judge_check or (check is not None and check.usable):
        return None
    missing = CHECKED_BY - (check.n if check else 0)
    if missing > 0:
        return Decision("inconclusive", "judge_unchecked", missing)
    return Decision("inconclusive", "judge_disagrees")


def _decide_judge(
    limit: str, threshold: float, conditions: JudgeConditions, opinion: JudgeOpinion | None
) -> Decision:
    summary = opinion.summary if opinion else None
    if summary is None:
        return Decision("inconclusive", "no_judgement")
    if limit == "min_mean":
        mean = summary.criteria.get(summary.primary)
        if mean is None:
            return Decision("inconclusive", "no_mean")
        return _decide(mean, threshold, conditions, rate=False)
    if summary.pairs is None:
        return Decision("inconclusive", "no_win_rate")
    return _decide(summary.pairs.win_rate, threshold, conditions, rate=True)


def check_humans(conditions: HumanConditions, votes: VoteSummary | None) -> Iterator[ConditionResult]:
    """The reviewers' conditions, over the questions that were drawn at random."""
    drawn = votes.by_selection.get("random") if votes else None
    rate = drawn.win_rate if drawn else Interval(value=None)
    few = conditions.min_decisive_votes - rate.n
    counted = Evidence(Interval(value=float(rate.n), n=rate.n), rate.n, lambda n: (n, n))
    if votes is None:
        enough = Decision("inconclusive", "no_votes", conditions.min_decisive_votes)
    elif few > 0:
        enough = Decision("inconclusive", "too_few_votes", few, counted)
    else:
        enough = Decision("pass", "held", 0, counted)
    yield _report("human", conditions, "min_decisive_votes", float(conditions.min_decisive_votes), enough)
    if conditions.min_win_rate is not None:
        won = _decide(rate, conditions.min_win_rate, conditions, rate=True) if few <= 0 else enough
        yield _report("human", conditions, "min_win_rate", conditions.min_win_rate, won)
    if conditions.max_critical_tags is not None:
        yield _check_tags(conditions, conditions.max_critical_tags, votes)


def _check_tags(conditions: HumanConditions, most: int, votes: VoteSummary | None) -> ConditionResult:
    if votes is None:
        return _report("human", conditions, "max_critical_tags", most, Decision("inconclusive", "no_votes"))
    given = votes.tags.get("finetuned", {})
    count = sum(given.get(tag, 0) for tag in CRITICAL_TAGS)
    evidence = Evidence(Interval(value=float(count), n=votes.votes), votes.votes, lambda n: (count, count))
    decision = decide(evidence, float(most), "point", at_most=True)
    return _report("human", conditions, "max_critical_tags", most, decision)


def _decide(
    found: Interval, threshold: float, conditions: JudgeConditions | HumanConditions, *, rate: bool
) -> Decision:
    if found.n < MIN_PAIRS:
        return Decision("inconclusive", "too_few_votes", MIN_PAIRS - found.n)
    bounds = wilson_at(found.value) if rate else narrow(found)
    evidence = Evidence(found, found.n, bounds, rate=rate, after=found.value)
    return decide(evidence, threshold, conditions.decide_on)


def _report(
    section: Section,
    conditions: JudgeConditions | HumanConditions,
    limit: str,
    threshold: float,
    decision: Decision,
) -> ConditionResult:
    evidence = decision.evidence
    return ConditionResult(
        section=section,
        tier=conditions.tier,
        decide_on=conditions.decide_on,
        limit=limit,
        threshold=threshold,
        outcome=decision.outcome,
        reason=decision.reason,
        rate=evidence.rate,
        after=evidence.after,
        statistic=evidence.statistic,
        n=evidence.n,
        needed=decision.needed,
    )
