"""Compares two evaluations question by question (job kind `compare`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from workbench.artifacts import ArtifactDraft, write_json_atomic, write_jsonl_atomic
from workbench.errors import StateError
from workbench.evaluation.changes import (
    count_task_leaks,
    decompose,
    decompose_tasks,
    measure_changes,
)
from workbench.evaluation.items import pair_answers
from workbench.evaluation.pairing import pair_up
from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.runs import Details, Side, read_run
from workbench.evaluation.sentences import describe
from workbench.evaluation.summary import summarise
from workbench.evaluation.task_figures import summarise_task
from workbench.jobs import JobContext
from workbench.schemas.artifact import Artifact
from workbench.schemas.base import parse
from workbench.schemas.comparison import ComparisonItem, ComparisonSummary, Sentence
from workbench.schemas.evaluation import CompareConfig, RunMetrics, ScoredAnswer, TaskFigures

PHASE = "compare"


@dataclass(frozen=True)
class Comparison:
    """What a comparison found."""

    summary: ComparisonSummary
    items: list[ComparisonItem]


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Compare two evaluations (job kind `compare`)."""
    settings = parse(CompareConfig, config)
    job.progress(PHASE)
    found = compare(
        load_side(job, settings.baseline),
        load_side(job, settings.finetuned),
        draws=settings.bootstrap,
        seed=settings.seed,
    )
    job.check()
    artifact = publish(job, settings, found)
    if found.summary.warnings:
        job.event("comparison_warned", count=len(found.summary.warnings))
    job.progress(PHASE, done=found.summary.n, total=found.summary.n, unit="questions")
    summary = found.summary.model_dump(mode="json")
    return {
        "artifact": artifact.id,
        "metrics": summary["metrics"],
        "differ": found.summary.differ,
        "sentences": summary["sentences"],
        "warnings": summary["warnings"],
    }


def load_side(job: JobContext, artifact_id: str) -> Side:
    """An evaluation from disk.

    Raises:
        StateError: `not_an_evaluation`.
        InputError: Its answers cannot be read.
    """
    artifact = job.artifacts.get(artifact_id)
    if artifact.kind != "evaluation":
        raise StateError("not_an_evaluation", id=artifact_id)
    return read_run(job.artifacts.folder(artifact_id), artifact)


def compare(baseline: Side, finetuned: Side, *, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Pair the answers by question and measure what changed. Pure.

    Args:
        baseline: The side before.
        finetuned: The side after.
        draws: Bootstrap draws.
        seed: Of those draws.

    Raises:
        StateError: `nothing_to_compare` where the two share no question.
    """
    pairs = pair_up(baseline.answers, finetuned.answers)
    if not pairs:
        raise StateError("nothing_to_compare")
    items = [pair_answers(old, new) for old, new in pairs]
    sides = {
        "baseline": _measure(baseline, [old for old, _ in pairs]),
        "finetuned": _measure(finetuned, [new for _, new in pairs]),
    }
    unpaired = len(baseline.answers) + len(finetuned.answers) - 2 * len(pairs)
    return Comparison(_summarise(baseline, finetuned, items, sides, unpaired, draws, seed), items)


def _measure(side: Side, shared: Sequence[ScoredAnswer]) -> RunMetrics:
    """The figures of one side over the shared questions; tasks by the protocols that scored them."""
    tasks: dict[str, TaskFigures] = {}
    for name, known in side.tasks.items():
        protocol = PROTOCOLS.get(known.protocol.partition("@")[0])
        answers = [answer for answer in shared if answer.task == name]
        if protocol is not None and protocol.label == known.protocol and answers:
            tasks[name] = summarise_task(answers, protocol, name, known.shots)
    return summarise(shared, tasks=tasks)


def check_protocols(baseline: Details, finetuned: Details) -> list[Sentence]:
    """Why two evaluations may not be compared as they are; empty where nothing speaks against it."""
    warnings: list[Sentence] = []
    for code, read in COMPARED.items():
        if code == BASE_MODEL and not any(map(_ADAPTERS, (baseline, finetuned))):
            # two whole models are compared because their weights differ
            continue
        before, after = read(baseline), read(finetuned)
        if before is not None and after is not None and before != after:
            params: dict[str, str | int | float] = {"before": _short(before), "after": _short(after)}
            warnings.append(Sentence(code=f"{code}_differs", params=params))
    return warnings


def check_tasks(baseline: Side, finetuned: Side) -> list[Sentence]:
    """Tasks of both runs that were scored or asked in another way."""
    warnings: list[Sentence] = []
    for name in sorted(baseline.tasks.keys() & finetuned.tasks.keys()):
        before, after = baseline.tasks[name], finetuned.tasks[name]
        for code, old, new in (
            ("task_protocol_differs", before.protocol, after.protocol),
            ("task_shots_differs", before.shots, after.shots),
        ):
            if old != new:
                warnings.append(Sentence(code=code, params={"task": name, "before": old, "after": new}))
    return warnings


def _summarise(
    baseline: Side,
    finetuned: Side,
    items: Sequence[ComparisonItem],
    sides: dict[Any, RunMetrics],
    unpaired: int,
    draws: int,
    seed: int,
) -> ComparisonSummary:
    changes = measure_changes(items, draws=draws, seed=seed)
    parts = decompose(items, draws=draws, seed=seed)
    differ = sum(item.differs for item in items)
    warnings = [*check_protocols(baseline.details, finetuned.details), *check_tasks(baseline, finetuned)]
    if unpaired:
        warnings.append(Sentence(code="questions_unpaired", params={"count": unpaired, "n": len(items)}))
    return ComparisonSummary(
        baseline=baseline.id,
        finetuned=finetuned.id,
        labels={"baseline": baseline.label, "finetuned": finetuned.label},
        metrics=sides,
        n=len(items),
        unpaired=unpaired,
        differ=differ,
        changes=tuple(changes),
        decomposition=parts,
        task_decompositions=decompose_tasks(items, draws=draws, seed=seed),
        categories=dict(Counter(item.category for item in items)),
        sentences=tuple(describe(changes, parts, sides, differ, count_task_leaks(items))),
        warnings=tuple(warnings),
    )


def _from(*keys: str) -> Callable[[Details], object]:
    def read(details: Details) -> object:
        value: object = details
        for key in keys:
            if not isinstance(value, Mapping):
                return None
            value = cast("Mapping[str, object]", value).get(key)
        return value

    return read


BASE_MODEL = "base_model"
_ADAPTERS = _from("provenance", "adapters")
COMPARED: dict[str, Callable[[Details], object]] = {
    "protocol": _from("protocol"),
    "engine": _from("endpoint", "engine"),
    "thinking": _from("endpoint", "thinking"),
    "sampling": _from("sampling"),
    "tests": _from("tests"),
    "phrases": _from("refusal_phrases"),
    "image": _from("provenance", "image_digest"),
    BASE_MODEL: _from("provenance", "base_sha256"),
    "template": _from("provenance", "template_sha256"),
    "quantisation": _from("provenance", "quantisation"),
}
"""What must be equal on both sides, by the code of the warning."""


_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def _short(value: object) -> str:
    # twelve digits of a hash tell two apart as well as all of them
    text = _HASH.sub(r"\1…", str(value))
    return text if len(text) <= 60 else f"{text[:57]}…"


def publish(job: JobContext, settings: CompareConfig, found: Comparison) -> Artifact:
    """The comparison as an artifact."""
    label = found.summary.labels.get("finetuned") or "comparison"
    draft = job.artifacts.begin("comparison", label, job_id=job.spec.id)
    try:
        return _fill(draft, job, settings, found)
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def _fill(draft: ArtifactDraft, job: JobContext, settings: CompareConfig, found: Comparison) -> Artifact:
    write_jsonl_atomic(draft.folder / "items.jsonl", found.items)
    write_json_atomic(draft.folder / "summary.json", found.summary)
    total = found.summary.decomposition.total.value
    numbers = {"n": float(found.summary.n), "differ": float(found.summary.differ)}
    return draft.commit(
        inputs=[job.artifacts.ref(settings.baseline), job.artifacts.ref(settings.finetuned)],
        numbers=numbers | ({} if total is None else {"delta_f1": total}),
        details={"baseline": settings.baseline, "finetuned": settings.finetuned},
    )
