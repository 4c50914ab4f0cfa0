"""Reads `samples_*.jsonl` of lm-evaluation-harness. Its scores are kept as it gave them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from workbench.errors import InputError
from workbench.evaluation.formats.imported import ImportedRun, check_ids, figure, reported_protocol
from workbench.evaluation.formats.shapes import as_mapping
from workbench.evaluation.tasks.rows import Row, read_rows
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import ScoredAnswer, TaskFigures

PROGRAM = "lm-eval"
_NAME = re.compile(r"samples_(?P<task>.+?)_\d{4}-\d{2}-\d{2}T[\d.:-]+$")
_QUESTIONS = ("question", "query", "prompt", "input", "problem", "text")
Line = Mapping[str, Any]


def is_lm_eval_line(values: Line) -> bool:
    """Whether a line of JSON has the shape of a sample."""
    return "doc_id" in values and "doc" in values and "resps" in values


def read_lm_eval(paths: Sequence[Path], label: str = PROGRAM) -> ImportedRun:
    """One run from the files of its tasks.

    Raises:
        NotFoundError: A file does not exist.
        InputError: A line is no sample, or a question occurs twice.
    """
    answers: list[ScoredAnswer] = []
    tasks: dict[str, TaskFigures] = {}
    facts: dict[str, Any] = {}
    notes: list[Sentence] = []
    for path in paths:
        task = task_name(path)
        scored = _read_task(path, task)
        check_ids(scored, str(path))
        primary = next(iter(scored[0].scores), "score")
        protocol = reported_protocol(PROGRAM, task, scored, primary)
        scored = [answer.model_copy(update={"primary": primary}) for answer in scored]
        tasks[task], facts[task] = figure(task, scored, protocol, 0)
        notes.append(Sentence(code="import_scores_reported", params={"task": task, "program": PROGRAM}))
        answers += scored
    details = {
        "imported": {"program": PROGRAM, "file": ", ".join(path.name for path in paths)},
        "tasks": facts,
    }
    return ImportedRun(label, answers, tasks, details, notes)


def task_name(path: Path) -> str:
    """The task's name out of `samples_<task>_<date>.jsonl`."""
    found = _NAME.match(path.stem)
    return found.group("task") if found else path.stem.removeprefix("samples_")


def _read_task(path: Path, task: str) -> list[ScoredAnswer]:
    """A sample has one line per filter of its task; they become one answer with all scores."""
    merged: dict[str, ScoredAnswer] = {}
    for row in read_rows(path):
        if not is_lm_eval_line(row.values):
            raise row.fault("import_line_bad", program=PROGRAM)
        name = str(row.values["doc_id"])
        filtered = str(row.values.get("filter") or "none")
        scores = _read_scores(row, filtered)
        known = merged.get(name)
        if known is None:
            merged[name] = _read_answer(row, name, task, scores)
        elif known.scores.keys() & scores.keys():
            raise InputError("import_ids_repeat", path=str(path), id=name)
        else:
            merged[name] = known.model_copy(update={"scores": {**known.scores, **scores}})
    return list(merged.values())


def _read_answer(row: Row, name: str, task: str, scores: dict[str, float]) -> ScoredAnswer:
    values = row.values
    text = _first_text(values["resps"])
    return ScoredAnswer(
        id=name,
        kind="task",
        task=task,
        question=_question(values),
        target=str(values.get("target", "")),
        prediction=text,
        answer_state="ok" if text.strip() else "empty",
        state="answered" if text.strip() else "empty",
        scores=scores if text.strip() else {},
        extracted=_first_text(values.get("filtered_resps")),
        rule=str(values.get("filter") or ""),
    )


def _read_scores(row: Row, filtered: str) -> dict[str, float]:
    """The metrics that the line names, `metric,filter` where a filter has a name."""
    named = row.values.get("metrics")
    names = cast("list[object]", named) if isinstance(named, list) else []
    scores: dict[str, float] = {}
    for name in (str(name) for name in names):
        value = row.values.get(name)
        if isinstance(value, bool | int | float):
            scores[name if filtered == "none" else f"{name},{filtered}"] = float(value)
    return scores


def _question(values: Line) -> str:
    document = as_mapping(values["doc"])
    for key in _QUESTIONS:
        if isinstance(document.get(key), str):
            return str(document[key])
    return _first_text(values.get("arguments")) or str(values["doc"])


def _first_text(value: object) -> str:
    """The first text in nested lists and mappings; log-likelihoods become what they are written as."""
    inner: Iterable[object]
    while isinstance(value, list | dict):
        inner = (
            cast("dict[str, object]", value).values()
            if isinstance(value, dict)
            else cast("list[object]", value)
        )
        value = next(iter(inner), "")
    return str(value)
