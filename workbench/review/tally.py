"""Adds votes up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import cast, get_args

from workbench.review.agree import measure_agreement
from workbench.review.settle import (
    DECISIVE,
    SIDES,
    adjudicate,
    collect_overrides,
    first_looks,
    group_by_sample,
)
from workbench.schemas.evaluation import Correctness, Side, Vote
from workbench.schemas.review import Selection, SelectionTally, Share, Verdict, VoteSummary
from workbench.text.power import decisions_needed
from workbench.text.stats import mcnemar_exact, wilson

MIN_DECISIVE = 10
"""With fewer decisive questions nothing is said about how many more it takes."""


def tally(comparison: str, votes: Sequence[Vote], *, exported: int = 0) -> VoteSummary:
    """Counts, win rate, position preference, consistency and agreement.

    Args:
        comparison: Artifact id.
        votes: Those that count, as `VoteStore.votes` gives them.
        exported: Questions that went into training files.
    """
    counted = first_looks(votes)
    settled = adjudicate(votes)
    verdicts = Counter(vote.verdict for vote in counted)
    consistent = measure_consistency(votes)
    won = _count_won([vote for vote in counted if vote.selection != "targeted"], settled)
    decisive = [vote for vote in counted if vote.verdict in DECISIVE]
    left = sum(vote.verdict == vote.left for vote in decisive)
    split = {
        name for name, group in group_by_sample(counted).items() if len({vote.verdict for vote in group}) > 1
    }
    return VoteSummary(
        comparison=comparison,
        votes=len(counted),
        samples=len({vote.sample_id for vote in counted}),
        baseline=verdicts["baseline"],
        finetuned=verdicts["finetuned"],
        tie=verdicts["tie"],
        both_bad=verdicts["both_bad"],
        win_rate=wilson(won["finetuned"], won.total()),
        win_p=_test(won["finetuned"], won["baseline"]),
        votes_needed=count_needed(won["finetuned"], won["baseline"]),
        by_selection=_by_selection(counted, settled),
        left_share=wilson(left, len(decisive)),
        left_p=_test(left, len(decisive) - left),
        disagreements=len(split),
        adjudicated=len(split & {vote.sample_id for vote in votes if vote.adjudication}),
        agreement=measure_agreement(counted),
        reviewers=dict(Counter(vote.reviewer for vote in counted)),
        tags={
            side: dict(Counter(tag for vote in counted for tag in vote.tags.get(side, ()))) for side in SIDES
        },
        correctness={side: _count_correctness(counted, side) for side in SIDES},
        corrections=sum(bool(vote.correction.strip()) for vote in counted),
        notes=sum(len(vote.notes) for vote in counted),
        overrides=tuple(collect_overrides(votes)),
        exported=exported,
        consistency=_sum_shares(consistent.values()),
        consistency_by=consistent,
    )


def count_needed(won: int, lost: int) -> int | None:
    """Further decisive questions until a rate like the present one is told from a coin (95 %, 80 % power).

    Returns:
        0 where it is told already, None where there are too few, or as many won as lost.
    """
    n = won + lost
    if n < MIN_DECISIVE:
        return None
    if mcnemar_exact(won, lost) < 0.05:
        return 0
    needed = decisions_needed(won / n)
    # at the edge the present rate may be as good as decided: one more is the least that can be asked for
    return None if needed is None else max(1, needed - n)


def measure_consistency(votes: Sequence[Vote]) -> dict[str, Share]:
    """By reviewer: hidden repeats that were judged like the first time. Repeats without a first are left out."""
    first = {(vote.reviewer, vote.sample_id): vote.verdict for vote in first_looks(votes)}
    same: dict[str, list[bool]] = {}
    for vote in votes:
        before = first.get((vote.reviewer, vote.sample_id))
        if vote.repeat and not vote.adjudication and before is not None:
            same.setdefault(vote.reviewer, []).append(vote.verdict == before)
    return {name: _share(sum(given), len(given)) for name, given in same.items()}


def _sum_shares(shares: Collection[Share]) -> Share | None:
    return _share(sum(one.count for one in shares), sum(one.n for one in shares)) if shares else None


def _share(count: int, n: int) -> Share:
    return Share(count=count, n=n, rate=wilson(count, n))


def _test(successes: int, failures: int) -> float | None:
    # the exact test of a coin is McNemar's
    return mcnemar_exact(successes, failures) if successes + failures else None


def _count_won(votes: Sequence[Vote], settled: dict[str, Verdict | None]) -> Counter[Verdict]:
    """Questions with a decisive verdict among those voted on."""
    verdicts = [settled[name] for name in {vote.sample_id for vote in votes}]
    return Counter(verdict for verdict in verdicts if verdict in DECISIVE)


def _by_selection(
    votes: Sequence[Vote], settled: dict[str, Verdict | None]
) -> dict[Selection, SelectionTally]:
    found: dict[Selection, SelectionTally] = {}
    for name in cast("tuple[Selection, ...]", get_args(Selection)):
        picked = [vote for vote in votes if vote.selection == name]
        if picked:
            found[name] = _tally_selection(picked, settled)
    return found


def _tally_selection(votes: Sequence[Vote], settled: dict[str, Verdict | None]) -> SelectionTally:
    counts = Counter(vote.verdict for vote in votes)
    won = _count_won(votes, settled)
    return SelectionTally(
        votes=len(votes),
        samples=len({vote.sample_id for vote in votes}),
        baseline=counts["baseline"],
        finetuned=counts["finetuned"],
        tie=counts["tie"],
        both_bad=counts["both_bad"],
        win_rate=wilson(won["finetuned"], won.total()),
    )


def _count_correctness(votes: Sequence[Vote], side: Side) -> dict[Correctness, int]:
    return dict(Counter(vote.correctness[side] for vote in votes if side in vote.correctness))
