"""Training rows from votes, as TRL reads conversations: DPO pairs, KTO labels, SFT answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.review.exports.source import ExportSource, answer_of, prompt_of
from workbench.review.settle import DECISIVE, SIDES
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Side, Vote
from workbench.text.escape import clean_xml

Row = dict[str, Any]
Turn = dict[str, str]


def dpo_rows(source: ExportSource) -> list[Row]:
    """Pairs of a better and a worse answer, from settled decisive verdicts.

    Where neither will do and somebody wrote the right answer, that one is better than both. An answer that was
    cut off is never the better one; empty ones and errors are in no pair.
    """
    rows: list[Row] = []
    for item in source.items:
        vote = source.deciding.get(item.key)
        if vote is not None:
            rows.extend(
                _row(source, item, vote, prompt=True, chosen=_said(chosen), rejected=_said(rejected))
                for chosen, rejected in _pairs(source, item, vote)
            )
    return rows


def kto_rows(source: ExportSource) -> list[Row]:
    """Single answers with a label, from what reviewers called right and wrong; where they differ, none."""
    return [
        _row(source, item, vote, prompt=True, completion=_said(answer_of(item, side).prediction), label=label)
        for item in source.items
        for side in SIDES
        for vote, label in _label(source, item, side)
    ]


def sft_rows(source: ExportSource) -> list[Row]:
    """Conversations that end with an answer as a reviewer wrote it."""
    rows: list[Row] = []
    for item in source.items:
        vote = correcting_vote(source, item)
        if vote is not None:
            row = _row(source, item, vote, prompt=False)
            messages = prompt_of(source, item)[0] + _said(vote.correction)
            rows.append({"messages": _clean_turns(messages), **row})
    return rows


def correcting_vote(source: ExportSource, item: ComparisonItem) -> Vote | None:
    """The vote whose corrected answer counts: the adjudicator's, else the latest."""
    corrected = [vote for vote in source.by_sample.get(item.key, []) if vote.correction.strip()]
    return max(corrected, key=lambda vote: (vote.adjudication, vote.at), default=None)


def _pairs(source: ExportSource, item: ComparisonItem, vote: Vote) -> Iterator[tuple[str, str]]:
    if vote.verdict in DECISIVE:
        won: Side = "finetuned" if vote.verdict == "finetuned" else "baseline"
        better, worse = (
            answer_of(item, won),
            answer_of(item, "baseline" if won == "finetuned" else "finetuned"),
        )
        if (
            _is_usable(better, as_good=True)
            and _is_usable(worse)
            and _differ(better.prediction, worse.prediction)
        ):
            yield better.prediction, worse.prediction
        return
    corrected = correcting_vote(source, item) if vote.verdict == "both_bad" else None
    if corrected is None:
        return
    seen = {corrected.correction.strip()}
    for side in SIDES:
        answer = answer_of(item, side)
        if _is_usable(answer) and answer.prediction.strip() not in seen:
            seen.add(answer.prediction.strip())
            yield corrected.correction, answer.prediction


def _label(source: ExportSource, item: ComparisonItem, side: Side) -> Iterator[tuple[Vote, bool]]:
    votes = [vote for vote in source.by_sample.get(item.key, []) if side in vote.correctness]
    rulings = [vote for vote in votes if vote.adjudication]
    votes = rulings[-1:] or votes
    given = {vote.correctness[side] for vote in votes}
    if given in ({"right"}, {"wrong"}) and _is_usable(answer_of(item, side), as_good=given == {"right"}):
        yield votes[-1], given == {"right"}


def _is_usable(answer: ScoredAnswer, *, as_good: bool = False) -> bool:
    spoiled = ("error", "empty", "truncated") if as_good else ("error", "empty")
    return answer.state not in spoiled and bool(answer.prediction.strip())


def _differ(first: str, second: str) -> bool:
    return first.strip() != second.strip()


def _said(text: str) -> list[Turn]:
    return [{"role": "assistant", "content": text}]


def _clean_turns(turns: list[Turn]) -> list[Turn]:
    return [{"role": turn["role"], "content": clean_xml(turn["content"])} for turn in turns]


def _row(
    source: ExportSource, item: ComparisonItem, vote: Vote, *, prompt: bool, **values: list[Turn] | bool
) -> Row:
    """A row with its lineage; every row has every key, so that columns keep one type."""
    messages, asked = prompt_of(source, item)
    turns = {
        name: _clean_turns(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return {
        **({"prompt": _clean_turns(messages)} if prompt else {}),
        **turns,
        "meta": {
            "comparison": source.comparison,
            "sample_id": clean_xml(item.key),
            "verdict": vote.verdict,
            "strength": vote.strength,
            "tags": {side: [clean_xml(tag) for tag in vote.tags.get(side, ())] for side in SIDES},
            "reviewer": clean_xml(vote.reviewer),
            "selection": vote.selection,
            "models": {side: clean_xml(source.label(side)) for side in SIDES},
            "prompt_as_asked": asked,
        },
    }
