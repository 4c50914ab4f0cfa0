"""Small comparisons and votes for the tests of this room."""

from __future__ import annotations

from typing import Any

from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.schemas.chat import ChatMessage
from workbench.schemas.comparison import ComparisonItem, ComparisonSummary, Decomposition, Sentence
from workbench.schemas.evaluation import Interval, RunMetrics, ScoredAnswer, Vote

DOCUMENT = "住民票の写しの手数料は1通300円です。"


def answer(name: str, text: str, **values: Any) -> ScoredAnswer:
    known: dict[str, Any] = {
        "kind": "answerable",
        "question": f"質問 {name}: 手数料はいくらですか。",
        "documents": (DOCUMENT,),
        "target": "300円です。",
        "answer_state": "ok",
        "state": "answered",
        "scores": {"char_f1": 0.5, "refused": 0.0, "partial": 0.0},
    }
    return ScoredAnswer(id=name, prediction=text, **{**known, **values})


def item(name: str, before: str = "200円です。", after: str = "300円です。", **values: Any) -> ComparisonItem:
    """One question; `sides` gives fields of both answers, `baseline` and `finetuned` those of one."""
    sides: dict[str, Any] = values.pop("sides", {})
    old = answer(name, before, **{**sides, **values.pop("baseline", {})})
    new = answer(name, after, **{**sides, **values.pop("finetuned", {})})
    known: dict[str, Any] = {"delta": 0.1, "category": "both_answered_better", "differs": before != after}
    return ComparisonItem(
        id=name,
        kind=old.kind,
        task=old.task,
        question=old.question,
        documents=old.documents,
        target=old.target,
        baseline=old,
        finetuned=new,
        **{**known, **values},
    )


def vote(sample: str = "s1", verdict: Any = "finetuned", reviewer: str = "佐藤", **values: Any) -> Vote:
    known: dict[str, Any] = {"comparison": "c1", "left": "baseline", "at": 1.0}
    return Vote(sample_id=sample, verdict=verdict, reviewer=reviewer, **{**known, **values})


def figures(n: int) -> ComparisonSummary:
    return ComparisonSummary(
        baseline="evaluation-a",
        finetuned="evaluation-b",
        labels={"baseline": "base", "finetuned": "tuned"},
        metrics={"baseline": RunMetrics(n=n), "finetuned": RunMetrics(n=n)},
        n=n,
        decomposition=Decomposition(n=n, total=Interval(value=None)),
        sentences=(
            Sentence(code="over_refusal_rate_improved", params={"before": 20, "after": 5, "n": n}),
            Sentence(code="general_accuracy_worse", params={"before": 90, "after": 80, "n": n}),
        ),
    )


def publish_evaluation(artifacts: ArtifactStore, answers: list[ScoredAnswer]) -> str:
    """An evaluation that still has its prompts."""
    draft = artifacts.begin("evaluation", "tuned")
    messages = (
        ChatMessage(role="system", content="資料だけから答えてください。"),
        ChatMessage(role="user", content="資料と質問"),
    )
    kept = [one.model_copy(update={"messages": messages}) for one in answers]
    write_jsonl_atomic(draft.folder / "answers.jsonl", kept)
    return draft.commit().id


def publish_comparison(
    artifacts: ArtifactStore, items: list[ComparisonItem], *, evaluation: str = "", name: str = "tuned"
) -> str:
    draft = artifacts.begin("comparison", name)
    write_jsonl_atomic(draft.folder / "items.jsonl", items)
    write_json_atomic(draft.folder / "summary.json", figures(len(items)))
    return draft.commit(details={"baseline": "evaluation-gone", "finetuned": evaluation}).id
