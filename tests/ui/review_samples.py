"""A comparison to review: enough questions for a random draw with hidden repeats, with every kind of trouble in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.ui.samples import MADE_UP, QUOTED, REFUSAL, SCRIPT, answer, save_comparison
from workbench.artifacts import write_jsonl_atomic
from workbench.evaluation.compare import Comparison, Side, compare
from workbench.schemas.chat import ChatMessage
from workbench.ui.context import UiContext
from workbench.ui.tabs import review_room

TROUBLE = f"**太字**です。\n- 一つ目\n- 二つ目\n{SCRIPT}\n![x](http://evil.example/x.png) \u202eさかさ\u200b"


def make_long_comparison(count: int = 24) -> Comparison:
    """Questions in which the fine-tuned side answers, refuses, invents a quote and breaks out of Markdown in turn."""
    before = [(REFUSAL, QUOTED, QUOTED, TROUBLE)[n % 4] for n in range(count)]
    after = [(QUOTED, REFUSAL, MADE_UP, QUOTED)[n % 4] for n in range(count)]
    sides = [[answer(n, text) for n, text in enumerate(texts)] for texts in (before, after)]
    labels = ({"label": "baseline"}, {"label": "finetuned"})
    return compare(Side("e1", sides[0], labels[0]), Side("e2", sides[1], labels[1]), draws=100)


def save_review(ctx: UiContext, count: int = 24) -> str:
    """The comparison on disk, with evaluations that hold the prompts; returns its id."""
    found = make_long_comparison(count)
    ids = {}
    for side in ("baseline", "finetuned"):
        draft = ctx.artifacts.begin("evaluation", side)
        answers = [getattr(item, side) for item in found.items]
        prompts = [one.model_copy(update={"messages": make_prompt(one.question)}) for one in answers]
        write_jsonl_atomic(draft.folder / "answers.jsonl", prompts)
        ids[side] = draft.commit(details={"label": side}).id
    return save_comparison(ctx, found, ids).id


def make_prompt(question: str) -> tuple[ChatMessage, ...]:
    return (
        ChatMessage(role="system", content="資料だけで答えてください。"),
        ChatMessage(role="user", content=question),
    )


def ask(ctx: UiContext, action: str, **values: Any) -> dict[str, Any]:
    """One request of the desk, as the page sends it."""
    return review_room.answer(ctx, {"action": action, **values})


def at(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Where the desk is after an answer."""
    desk, (sample, repeat) = shown["desk"], shown["item"]["key"]
    return {
        "comparison": desk["comparison"],
        "reviewer": desk["reviewer"],
        "adjudicating": desk["adjudicating"],
        "sample_id": sample,
        "repeat": repeat,
    }
