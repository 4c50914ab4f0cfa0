"""How a judge agrees with people. Pure: judgements and votes come in, a judge may or may not enter a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from workbench.schemas.evaluation import Side, Vote
from workbench.schemas.judging import CheckReason, JudgeCheck, Judgement
from workbench.text.agreement import cohen_kappa, raw_agreement
from workbench.text.stats import wilson

NEEDED_VERDICTS = 30
"""Items with a verdict of people that a judge needs before it may enter a gate."""
Label = str


class Labelled(NamedTuple):
    """Items on which both people and the judge said something."""

    pairs: list[tuple[Label, Label]]
    """The people's word and the judge's."""
    split: int
    """Items on which people have no common word."""
    by_verdict: bool


def check_judge(
    judgements: Sequence[Judgement], votes: Sequence[Vote], *, side: Side = "finetuned"
) -> JudgeCheck:
    """Whether the judge's word may count, by its agreement with people on the same answers.

    Args:
        judgements: Of one judge on one comparison, or on one of its two runs.
        votes: On that comparison. Hidden repeats count for nothing; an adjudication decides.
        side: For judgements of a single run: which side of the comparison it is.
    """
    return check_labels([label_items(judgements, votes, side=side)])


def label_items(
    judgements: Sequence[Judgement], votes: Sequence[Vote], *, side: Side = "finetuned"
) -> Labelled:
    """What people and the judge said of each item: who is better, or for a single run how right it is."""
    by_verdict = any(one.verdict for one in judgements)
    said = {one.key: one.verdict if by_verdict else one.band for one in judgements if one.state != "error"}
    human, split = _human_words(votes, None if by_verdict else side, said.keys())
    return Labelled([(human[key], said[key]) for key in human if said[key]], split, by_verdict)


def check_labels(found: Sequence[Labelled], needed: int = NEEDED_VERDICTS) -> JudgeCheck:
    """The check over the items of several comparisons, judged by the same judge."""
    pairs = [pair for one in found for pair in one.pairs]
    agreement, kappa = raw_agreement(pairs), cohen_kappa(pairs)
    decisive = [pair for pair in pairs if "tie" not in pair]
    by_verdict = any(one.by_verdict for one in found)
    reason = _give_reason(len(pairs), needed, kappa)
    return JudgeCheck(
        n=len(pairs),
        needed=needed,
        agreement=agreement,
        interval=wilson(sum(human == judge for human, judge in pairs), len(pairs)),
        kappa=kappa,
        decisive_n=len(decisive) if by_verdict else 0,
        decisive_agreement=raw_agreement(decisive) if by_verdict else None,
        split=sum(one.split for one in found),
        basis="verdict" if by_verdict else "correctness",
        usable=reason in ("ok", "one_sided"),
        reason=reason,
    )


def _give_reason(n: int, needed: int, kappa: float | None) -> CheckReason:
    if n < needed:
        return "too_few"
    if kappa is None:
        # people and judge said one and the same of everything: right every time, and not put to the test
        return "one_sided"
    return "ok" if kappa > 0 else "by_chance"


def _human_words(
    votes: Sequence[Vote], side: Side | None, keys: Iterable[str]
) -> tuple[dict[str, Label], int]:
    wanted = set(keys)
    by_item: dict[str, list[Vote]] = {}
    for vote in votes:
        if vote.sample_id in wanted and not vote.repeat and _word(vote, side):
            by_item.setdefault(vote.sample_id, []).append(vote)
    words = {key: _agree(given, side) for key, given in by_item.items()}
    common = {key: word for key, word in words.items() if word}
    return common, len(words) - len(common)


def _agree(votes: Sequence[Vote], side: Side | None) -> Label:
    """The word of an adjudication, else of the majority; empty where there is none."""
    latest: Mapping[tuple[str, bool], Vote] = {
        (vote.reviewer, vote.adjudication): vote for vote in sorted(votes, key=lambda vote: vote.at)
    }
    deciding = [vote for vote in latest.values() if vote.adjudication] or list(latest.values())
    counts = Counter(_word(vote, side) for vote in deciding).most_common()
    return counts[0][0] if len(counts) == 1 or counts[0][1] > counts[1][1] else ""


def _word(vote: Vote, side: Side | None) -> Label:
    if side is not None:
        return vote.correctness.get(side, "")
    # a judge has no word for "both bad"
    return "tie" if vote.verdict == "both_bad" else vote.verdict
