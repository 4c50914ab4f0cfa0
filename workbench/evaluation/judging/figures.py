"""What judgements add up to. Pure; errors are counted and are in no figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from workbench.evaluation.judging.verdicts import orders_of, winner_of
from workbench.schemas.evaluation import Interval
from workbench.schemas.judging import Judgement, JudgeMode, PairFigures, Rubric
from workbench.text.stats import bootstrap_mean, mcnemar_exact, paired_bootstrap, wilson

Scores = Callable[[Judgement], Mapping[str, float]]
POINTS: Mapping[str, float] = {"finetuned": 1.0, "tie": 0.5, "baseline": 0.0}


def own_scores(judgement: Judgement) -> Mapping[str, float]:
    """The candidate's scores."""
    return judgement.scores


def baseline_scores(judgement: Judgement) -> Mapping[str, float]:
    """The baseline's scores, empty for a single run."""
    return judgement.baseline_scores


def judged(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Those that have a score or a verdict."""
    return [one for one in judgements if one.state != "error"]


def average_criteria(judgements: Sequence[Judgement], read: Scores) -> dict[str, Interval]:
    """Mean per criterion with its bootstrap interval."""
    names = dict.fromkeys(name for one in judgements for name in read(one))
    return {
        name: bootstrap_mean([read(one)[name] for one in judgements if name in read(one)]) for name in names
    }


def compare_criteria(judgements: Sequence[Judgement]) -> dict[str, Interval]:
    """Candidate minus baseline per criterion, over the questions where both have it."""
    both = [one for one in judgements if one.baseline_scores]
    names = dict.fromkeys(name for one in both for name in one.scores)
    changes: dict[str, Interval] = {}
    for name in names:
        shared = [one for one in both if name in one.scores and name in one.baseline_scores]
        before = [one.baseline_scores[name] for one in shared]
        changes[name] = paired_bootstrap(before, [one.scores[name] for one in shared])
    return changes


def distribute(judgements: Sequence[Judgement], rubric: Rubric) -> dict[str, dict[str, int]]:
    """Answers per score of each criterion; halves between two scores (repeats) go up."""
    counted: dict[str, dict[str, int]] = {}
    for criterion in rubric.criteria:
        values = [one.scores[criterion.name] for one in judgements if criterion.name in one.scores]
        counts = Counter(int(value + 0.5) for value in values)
        counted[criterion.name] = {str(score): counts[score] for score in range(rubric.low, rubric.high + 1)}
    return counted


def average_kinds(judgements: Sequence[Judgement], primary: str) -> dict[str, Interval]:
    """The own score by kind of question; empty where all are of one kind."""
    kinds = dict.fromkeys(one.kind for one in judgements)
    if len(kinds) < 2:
        return {}
    values = {kind: [one.scores[primary] for one in judgements if one.kind == kind] for kind in kinds}
    return {kind: bootstrap_mean(given) for kind, given in values.items()}


def correlate_length(judgements: Sequence[Judgement], primary: str) -> float | None:
    """Spearman's rank correlation of length and own score; None where one of them does not vary."""
    lengths = _rank([float(one.length) for one in judgements])
    scores = _rank([one.scores[primary] for one in judgements])
    if len(lengths) < 3 or len(set(lengths)) < 2 or len(set(scores)) < 2:
        return None
    return float(np.corrcoef(lengths, scores)[0, 1])


def _rank(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    places: dict[float, int] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, place)
    counts = Counter(values)
    return [places[value] + (counts[value] + 1) / 2 for value in values]


def measure_pairs(judgements: Sequence[Judgement], mode: JudgeMode) -> PairFigures:
    """How the candidate does against the baseline, and what may have swayed the judge."""
    verdicts = Counter(one.verdict for one in judgements)
    wins, losses = verdicts["finetuned"], verdicts["baseline"]
    decided = [one for one in judgements if one.verdict in ("finetuned", "baseline")]
    uneven = [one for one in decided if one.length != one.baseline_length]
    longer = sum((one.length > one.baseline_length) == (one.verdict == "finetuned") for one in uneven)
    figures = PairFigures(
        wins=wins,
        losses=losses,
        ties=verdicts["tie"],
        disagreements=sum(one.verdict == "tie" and one.disagreements > 0 for one in judgements),
        identical=sum(one.state == "identical" for one in judgements),
        win_rate=wilson(wins, wins + losses),
        points=bootstrap_mean([POINTS[one.verdict] for one in judgements if one.verdict]),
        longer_share=wilson(longer, len(uneven)),
    )
    return figures.model_copy(update=_measure_orders(judgements)) if mode == "pairwise" else figures


def _measure_orders(judgements: Sequence[Judgement]) -> dict[str, object]:
    orders = [pair for one in judgements for pair in orders_of(one.calls)]
    flips = sum(winner_of(one) != winner_of(other) for one, other in orders)
    choices = Counter(call.choice for pair in orders for call in pair)
    # a pair judged the same in both orders names each place once, so only the others tell of the place
    firsts, seconds = (
        sum(one.choice == other.choice == choice for one, other in orders) for choice in ("first", "second")
    )
    return {
        "flip_rate": wilson(flips, len(orders)),
        "first_share": wilson(choices["first"], choices["first"] + choices["second"]),
        "first_p": mcnemar_exact(firsts, seconds) if orders else None,
    }
