"""Reads runs to compare: evaluations of the workspace, and folders that `workbench score --out` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from workbench.artifacts import ArtifactStore, read_json
from workbench.artifacts.files import parse_line
from workbench.errors import InputError, NotFoundError, StateError
from workbench.evaluation.pairing import Key, key_of
from workbench.schemas.artifact import Artifact
from workbench.schemas.evaluation import RunMetrics, ScoredAnswer, TaskFigures

ANSWERS, SUMMARY, MANIFEST = "answers.jsonl", "summary.json", "artifact.json"
PREFIX = "run:"
Details = Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """One run: its answers and the protocol under which they were given."""

    id: str
    answers: Sequence[ScoredAnswer]
    details: Details = field(default_factory=dict[str, Any])
    """Details of the evaluation's artifact; empty where nothing is known."""
    tasks: Mapping[str, TaskFigures] = field(default_factory=dict[str, TaskFigures])
    """The figures of its tasks: they name each task's protocol and primary score."""
    name: str = ""

    @property
    def label(self) -> str:
        return str(self.details.get("label", "") or self.name)

    @property
    def model(self) -> str:
        """Name under which the model was asked; empty where nothing is known."""
        return self._endpoint("model")

    @property
    def engine(self) -> str:
        return self._endpoint("engine")

    def _endpoint(self, key: str) -> str:
        endpoint = self.details.get("endpoint")
        return str(cast("Details", endpoint).get(key, "")) if isinstance(endpoint, Mapping) else ""


def load_run(name: str, artifacts: ArtifactStore) -> Side:
    """A run by the name that a person gave it.

    Args:
        name: Id of an evaluation, or the path of a folder with `answers.jsonl`; `run:` may stand before it.
        artifacts: Where ids are looked up, first.

    Raises:
        NotFoundError: `run_missing`.
        StateError: `not_an_evaluation`.
        InputError: `answers_unreadable`, `run_ids_repeat`.
    """
    plain = name.removeprefix(PREFIX).strip()
    if not plain:
        raise NotFoundError("run_missing", name=name)
    try:
        artifact = artifacts.get(plain)
    except NotFoundError:
        return load_folder(Path(plain).expanduser())
    if artifact.kind != "evaluation":
        raise StateError("not_an_evaluation", id=plain)
    return read_run(artifacts.folder(plain), artifact)


def load_folder(folder: Path) -> Side:
    """A run from a folder, or from the `answers.jsonl` in it.

    Raises:
        NotFoundError: `run_missing`.
        InputError: `answers_line_bad`, `answers_unreadable`, `run_ids_repeat`.
    """
    folder = folder.parent if folder.name == ANSWERS else folder
    if not (folder / ANSWERS).is_file():
        raise NotFoundError("run_missing", name=str(folder))
    manifest = folder / MANIFEST
    try:
        artifact = Artifact.model_validate(read_json(manifest)) if manifest.is_file() else None
    except (ValidationError, InputError) as exc:
        raise InputError("artifact_unreadable", id=folder.name, path=str(manifest)) from exc
    return read_run(folder, artifact)


def read_answers(path: Path) -> list[ScoredAnswer]:
    """All answers of a run; one bad line refuses the file, because a missing answer would count nowhere.

    Raises:
        InputError: `answers_unreadable`, `run_ids_repeat`.
    """
    seen: set[Key] = set()
    answers: list[ScoredAnswer] = []
    for number, line in _lines(path):
        record = parse_line(line)
        try:
            answer = ScoredAnswer.model_validate(record)
        except ValidationError as exc:
            raise InputError("answers_line_bad", path=str(path), line=number) from exc
        if key_of(answer) in seen:
            raise InputError("run_ids_repeat", path=str(path), id=answer.id)
        seen.add(key_of(answer))
        answers.append(answer)
    if not answers:
        raise InputError("answers_unreadable", path=str(path))
    return answers


def unique_labels(runs: Sequence[Side]) -> list[str]:
    """A name per run by which a reader can tell them apart."""
    labels = [run.label or run.id for run in runs]
    for hints in ([run.model for run in runs], [run.id for run in runs]):
        repeated = {label for label in labels if labels.count(label) > 1}
        labels = [
            f"{label} ({hint})" if label in repeated and hint else label
            for label, hint in zip(labels, hints, strict=True)
        ]
    return labels


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as handle:
        yield from ((number, line) for number, line in enumerate(handle, start=1) if line.strip())


def read_run(folder: Path, artifact: Artifact | None = None) -> Side:
    """A run from its folder; an artifact says under which protocol it was made.

    Raises:
        InputError: `answers_line_bad`, `answers_unreadable`, `run_ids_repeat`.
    """
    return Side(
        id=artifact.id if artifact else str(folder.resolve()),
        answers=read_answers(folder / ANSWERS),
        details=artifact.details if artifact else {},
        tasks=read_tasks(folder),
        name=artifact.name if artifact else folder.resolve().name,
    )


def read_tasks(folder: Path) -> dict[str, TaskFigures]:
    """The figures of a run's tasks; empty where its summary is missing or cannot be read."""
    try:
        content: Any = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        return RunMetrics.model_validate(content.get("metrics", content)).tasks
    except (OSError, ValueError, AttributeError):
        return {}
