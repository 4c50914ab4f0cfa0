"""Writes a run in the files of other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from workbench.artifacts import ArtifactStore
from workbench.errors import InputError, StateError
from workbench.evaluation.formats.llm_jp_write import write_llm_jp
from workbench.evaluation.formats.promptfoo import write_promptfoo
from workbench.evaluation.runs import Side, read_run
from workbench.schemas.artifact import Artifact
from workbench.schemas.evaluation import ScoredAnswer


def export_run(run: str, format: str, folder: Path, artifacts: ArtifactStore) -> dict[str, Any]:
    """Write an evaluation for another program.

    Args:
        run: Id of the evaluation.
        format: A key of `WRITERS`.
        folder: Where to write.
        artifacts: Where the evaluation lies.

    Returns:
        The files written, and what was left out.

    Raises:
        NotFoundError: There is no such evaluation.
        StateError: It is something else, or it has no answers to tasks.
        InputError: The format is unknown.
    """
    write = WRITERS.get(format)
    if write is None:
        raise InputError("run_export_unknown", format=format, known=", ".join(WRITERS))
    artifact = artifacts.get(run)
    if artifact.kind != "evaluation":
        raise StateError("not_an_evaluation", id=run)
    side = read_run(artifacts.folder(run), artifact)
    answers = [answer for answer in side.answers if answer.task]
    if not answers:
        raise StateError("export_without_tasks", id=run)
    return {"format": format, **write(folder.resolve(), artifact, side, answers)}


def _write_llm_jp(
    folder: Path, artifact: Artifact, side: Side, answers: Sequence[ScoredAnswer]
) -> dict[str, Any]:
    return write_llm_jp(folder, artifact, answers, side.tasks)


def _write_promptfoo(
    folder: Path, artifact: Artifact, side: Side, answers: Sequence[ScoredAnswer]
) -> dict[str, Any]:
    facts = cast("Mapping[str, Mapping[str, Any]]", artifact.details.get("tasks") or {})
    protocols = {name: str(task.get("protocol", "")).partition("@")[0] for name, task in facts.items()}
    return write_promptfoo(folder, answers, protocols, artifact.details)


WRITERS: dict[str, Callable[[Path, Artifact, Side, Sequence[ScoredAnswer]], dict[str, Any]]] = {
    "llm-jp-eval": _write_llm_jp,
    "promptfoo": _write_promptfoo,
}
