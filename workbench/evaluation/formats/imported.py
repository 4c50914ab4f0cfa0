"""What is read from another program's result file, and how it becomes an evaluation of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.errors import InputError
from workbench.evaluation.protocols import Protocol, Verdict
from workbench.evaluation.summary import summarise
from workbench.evaluation.task_figures import summarise_task
from workbench.schemas.artifact import Artifact, ArtifactRef
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import ScoredAnswer, TaskFigures


@dataclass(frozen=True)
class ImportedRun:
    """One run of another program."""

    label: str
    answers: Sequence[ScoredAnswer]
    tasks: Mapping[str, TaskFigures]
    details: Mapping[str, Any]
    """What the artifact carries: the program, its version, the protocol of each task."""
    notes: Sequence[Sentence] = field(default_factory=tuple[Sentence, ...])
    """What a reader of the figures must know."""


def reported_protocol(program: str, task: str, answers: Iterable[ScoredAnswer], primary: str) -> Protocol:
    """A protocol for scores that the other program gave and that are not computed again.

    Its version is 0, so that such a figure is never taken for one of ours.
    """
    values: dict[str, list[float]] = {}
    for answer in answers:
        for name, value in answer.scores.items():
            values.setdefault(name, []).append(value)
    rates = {name for name, given in values.items() if all(value in (0.0, 1.0) for value in given)}
    return Protocol(
        name=f"{program}:{task}",
        version=0,
        primary=primary,
        measure=lambda given: Verdict({}),
        rates=frozenset(rates),
        needs_expected=False,
    )


def figure(
    task: str, answers: Sequence[ScoredAnswer], protocol: Protocol, shots: int
) -> tuple[TaskFigures, dict[str, Any]]:
    """The figures of an imported task, and the facts that a comparison looks at."""
    facts = {"protocol": protocol.label, "shots": shots, "limit": 0}
    return summarise_task(answers, protocol, task, shots), facts


def check_ids(answers: Sequence[ScoredAnswer], path: str) -> None:
    """Refuse a file that answers a question twice.

    Raises:
        InputError: `import_ids_repeat`, or `import_empty` where there is no answer at all.
    """
    if not answers:
        raise InputError("import_empty", path=path)
    seen: set[str] = set()
    for answer in answers:
        if answer.key in seen:
            raise InputError("import_ids_repeat", path=path, id=answer.key[:80])
        seen.add(answer.key)


def publish_run(run: ImportedRun, artifacts: ArtifactStore, sources: Sequence[ArtifactRef]) -> Artifact:
    """The run as an evaluation, its files as inputs."""
    draft = artifacts.begin("evaluation", run.label)
    try:
        metrics = summarise(run.answers, tasks=run.tasks)
        write_jsonl_atomic(draft.folder / "answers.jsonl", run.answers)
        write_json_atomic(draft.folder / "summary.json", metrics)
        figures = {name: task.metrics[task.primary].value for name, task in run.tasks.items()}
        return draft.commit(
            inputs=sources,
            numbers={"n": float(metrics.n), "errors": float(metrics.errors)}
            | {name: value for name, value in figures.items() if value is not None},
            details={
                **run.details,
                "label": run.label,
                "notes": [note.model_dump(mode="json") for note in run.notes],
            },
        )
    finally:
        # nothing is left to discard once it was committed
        draft.discard()
