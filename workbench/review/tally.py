"""Adds votes up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from workbench.schemas.evaluation import Vote
from workbench.schemas.review import VoteSummary
from workbench.text.stats import wilson


def tally(comparison: str, votes: Sequence[Vote]) -> VoteSummary:
    """Counts and the win rate of the fine-tuned side among decisive votes.

    Args:
        comparison: Artifact id.
        votes: One per reviewer and question.
    """
    counts = Counter(vote.verdict for vote in votes)
    decisive = [vote for vote in votes if vote.verdict in ("baseline", "finetuned")]
    verdicts: dict[str, set[str]] = {}
    for vote in votes:
        verdicts.setdefault(vote.sample_id, set()).add(vote.verdict)
    return VoteSummary(
        comparison=comparison,
        votes=len(votes),
        samples=len(verdicts),
        baseline=counts["baseline"],
        finetuned=counts["finetuned"],
        tie=counts["tie"],
        both_bad=counts["both_bad"],
        win_rate=wilson(counts["finetuned"], len(decisive)),
        left_share=wilson(sum(vote.verdict == vote.left for vote in decisive), len(decisive)),
        disagreements=sum(len(given) > 1 for given in verdicts.values()),
        reviewers=dict(Counter(vote.reviewer for vote in votes)),
    )
