"""Agreement among reviewers, with a judge, and with the scores. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from workbench.review.settle import DECISIVE, adjudicate, first_looks, group_by_sample
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Vote
from workbench.schemas.review import Agreement, Disagreement, DisagreementKind, MetricCheck, Verdict
from workbench.text.agreement import cohen_kappa, krippendorff_alpha, raw_agreement
from workbench.text.stats import mcnemar_exact, wilson

SCALE = (-2, -1, 0, 1, 2)
"""Baseline clearly better, slightly better, equal, fine-tuned slightly better, clearly better."""
LOWER_IS_BETTER = frozenset({"unsupported_specifics"})
NO_PREFERENCE = frozenset({"refused", "partial", "parsed"})
"""Scores of which neither more nor less is better for every question."""
_SAME = 1e-9


def measure_agreement(votes: Sequence[Vote]) -> Agreement:
    """How far reviewers agree on the questions that at least two of them judged."""
    groups = [group for group in group_by_sample(first_looks(votes)).values() if len(group) > 1]
    if not groups:
        return Agreement(reviewers=len({vote.reviewer for vote in first_looks(votes)}))
    pairs = [
        sorted(pair, key=lambda vote: vote.reviewer) for group in groups for pair in combinations(group, 2)
    ]
    labels = [(first.verdict, second.verdict) for first, second in pairs]
    names = {vote.reviewer for group in groups for vote in group}
    two = len(names) == 2
    points = [(_point(first), _point(second)) for first, second in pairs]
    return Agreement(
        reviewers=len(names),
        questions=len(groups),
        pairs=len(pairs),
        raw=raw_agreement(labels),
        kappa=cohen_kappa(labels) if two else None,
        weighted_kappa=cohen_kappa(points, weights="linear", order=SCALE) if two else None,
        alpha=krippendorff_alpha([[vote.verdict for vote in group] for group in groups]),
    )


def find_disagreements(
    votes: Sequence[Vote],
    items: Sequence[ComparisonItem] = (),
    judge: Mapping[str, Verdict] | None = None,
) -> list[Disagreement]:
    """Questions on which people differ among themselves, from the judge or from the score; open ones first.

    Args:
        votes: Those that count.
        items: To look for differences from the score; without them only people and judge are compared.
        judge: The judge's verdict by question.
    """
    deltas = {item.key: item.delta for item in items}
    settled = adjudicate(votes)
    ruled = {vote.sample_id for vote in votes if vote.adjudication}
    found: list[Disagreement] = []
    for name, group in group_by_sample(first_looks(votes)).items():
        one = _differ(name, group, _prefer(deltas.get(name)), (judge or {}).get(name))
        if one is not None:
            found.append(one.model_copy(update={"settled": settled[name] if name in ruled else None}))
    return sorted(
        found, key=lambda one: (one.settled is not None, "humans" not in one.kinds, not one.opposed)
    )


def check_metric(
    items: Sequence[ComparisonItem], votes: Sequence[Vote], metric: str = "own_score"
) -> MetricCheck:
    """How often the sign of a metric's change names the side that people prefer.

    Args:
        items: Questions with their scores.
        votes: Those that count; only settled decisive verdicts are compared.
        metric: Name of a score, `own_score`, or `length`.
    """
    read = _READERS.get(metric, lambda item: _score_change(item, metric))
    return _check(metric, {item.key: _prefer(read(item)) for item in items}, adjudicate(votes))


def check_metrics(
    items: Sequence[ComparisonItem], votes: Sequence[Vote], judge: Mapping[str, Verdict] | None = None
) -> list[MetricCheck]:
    """Every score of the items, length and judge against people; those that agree best first."""
    names = {name for item in items for name in (*item.baseline.scores, *item.finetuned.scores)}
    checks = [
        check_metric(items, votes, name) for name in ("own_score", *sorted(names - NO_PREFERENCE), "length")
    ]
    if judge is not None:
        checks.append(_check("judge", judge, adjudicate(votes)))
    seen = [check for check in checks if check.n or check.equal]
    return sorted(seen, key=lambda check: -(check.rate.value or 0.0))


def _point(vote: Vote) -> int:
    if vote.verdict not in DECISIVE:
        return 0
    size = 2 if vote.strength == "clear" else 1
    return size if vote.verdict == "finetuned" else -size


def _prefer(change: float | None) -> Verdict | None:
    if change is None:
        return None
    return "tie" if abs(change) <= _SAME else "finetuned" if change > 0 else "baseline"


def _differ(
    name: str, group: Sequence[Vote], metric: Verdict | None, judge: Verdict | None
) -> Disagreement | None:
    verdicts: dict[str, Verdict] = {vote.reviewer: vote.verdict for vote in group}
    given = set(verdicts.values())
    kinds: list[DisagreementKind] = []
    if len(given) > 1:
        kinds.append("humans")
    if judge is not None and given != {judge}:
        kinds.append("judge")
    # people see more than a score: only a plain contradiction counts
    if metric in DECISIVE and given & DECISIVE and metric not in given:
        kinds.append("metric")
    if not kinds:
        return None
    everyone: set[Verdict | None] = {*given, judge, metric if "metric" in kinds else None}
    return Disagreement(
        sample_id=name,
        kinds=tuple(kinds),
        verdicts=verdicts,
        judge=judge,
        metric=metric,
        opposed=everyone >= DECISIVE,
    )


def _check(
    metric: str, preferred: Mapping[str, Verdict | None], settled: Mapping[str, Verdict | None]
) -> MetricCheck:
    pairs = [
        (said, settled[name])
        for name, said in preferred.items()
        if said is not None and settled.get(name) in DECISIVE
    ]
    decided = [(said, human) for said, human in pairs if said in DECISIVE]
    agree = sum(said == human for said, human in decided)
    return MetricCheck(
        metric=metric,
        agree=agree,
        n=len(decided),
        equal=len(pairs) - len(decided),
        rate=wilson(agree, len(decided)),
        p=mcnemar_exact(agree, len(decided) - agree) if decided else None,
    )


def _score_change(item: ComparisonItem, name: str) -> float | None:
    before, after = item.baseline.scores.get(name), item.finetuned.scores.get(name)
    if before is None or after is None:
        return None
    return before - after if name in LOWER_IS_BETTER else after - before


def _length_change(item: ComparisonItem) -> float | None:
    return _length(item.finetuned) - _length(item.baseline)


def _length(answer: ScoredAnswer) -> float:
    return float(len(answer.prediction))


_READERS: dict[str, Callable[[ComparisonItem], float | None]] = {
    "own_score": lambda item: item.delta,
    "length": _length_change,
}
