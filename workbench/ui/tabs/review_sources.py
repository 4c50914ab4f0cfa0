"""What a review shows from elsewhere: the runs' names, the prompt of a question, and what a judge said."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from workbench.artifacts import read_json, read_jsonl
from workbench.errors import WorkbenchError
from workbench.schemas.evaluation import Side
from workbench.schemas.judging import Judgement, JudgementSummary
from workbench.schemas.review import Verdict
from workbench.ui.context import UiContext
from workbench.ui.views.comparison import read_summary

SIDES: tuple[Side, Side] = ("baseline", "finetuned")


@lru_cache(maxsize=16)
def read_labels(ctx: UiContext, comparison: str) -> Mapping[Side, str]:
    """The names of the two runs; empty where the summary cannot be read."""
    try:
        return read_summary(ctx.artifacts.folder(comparison)).labels
    except WorkbenchError:
        return {}


def read_system_prompt(ctx: UiContext, comparison: str, sample_id: str) -> str:
    """The system prompt of a question; empty where the evaluation is gone or keeps no prompts."""
    return _prompts(ctx, comparison).get(sample_id, "")


@lru_cache(maxsize=2)
def _prompts(ctx: UiContext, comparison: str) -> Mapping[str, str]:
    evaluation = _evaluations(ctx, comparison)[1]
    try:
        path = ctx.artifacts.file(evaluation, "answers.jsonl")
        return dict(filter(None, map(_read_prompt, read_jsonl(path))))
    except (WorkbenchError, FileNotFoundError):
        return {}


def _read_prompt(line: Mapping[str, Any]) -> tuple[str, str] | None:
    """Key and system prompt of one answer; the line is not taken apart further, which a page would wait for."""
    messages: Any = line.get("messages") or ()
    said = [str(one.get("content", "")) for one in messages if one.get("role") == "system"]
    name, task = str(line.get("id", "")), str(line.get("task") or "")
    return (f"{task}/{name}" if task else name, "\n\n".join(said)) if said else None


def _evaluations(ctx: UiContext, comparison: str) -> tuple[str, str]:
    details = ctx.artifacts.get(comparison).details
    first, second = (str(details.get(side, "")) for side in SIDES)
    return first, second


def read_judge(ctx: UiContext, comparison: str) -> Mapping[str, Verdict]:
    """The judge's verdict by question, of the newest judgement of this comparison; empty where there is none."""
    stamp = ctx.workspace.artifacts.stat().st_mtime_ns
    return _judge(ctx, comparison, stamp)


@lru_cache(maxsize=4)
def _judge(ctx: UiContext, comparison: str, _stamp: int) -> Mapping[str, Verdict]:
    wanted = _evaluations(ctx, comparison)
    for artifact in ctx.artifacts.list("judgement"):
        try:
            summary = JudgementSummary.model_validate(
                read_json(ctx.artifacts.file(artifact.id, "summary.json"))
            )
            if summary.evaluations == wanted:
                return _read_verdicts(ctx, artifact.id)
        except (WorkbenchError, ValidationError, FileNotFoundError):
            continue
    return {}


def _read_verdicts(ctx: UiContext, judgement: str) -> Mapping[str, Verdict]:
    lines = read_jsonl(ctx.artifacts.file(judgement, "judgements.jsonl"))
    said = [Judgement.model_validate(line) for line in lines]
    return {one.key: one.verdict for one in said if one.verdict}
