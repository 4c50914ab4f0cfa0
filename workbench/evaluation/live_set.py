"""Questions tried by hand become a comparison that can be reviewed.

`live_set.jsonl` of a workspace is append-only: a line per kept question (`LiveEntry`), and a line
`{"published": ARTIFACT, "ids": [...]}` for every comparison that was made of them. A question belongs to one
comparison only, so that no verdict is asked for twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from pydantic import ValidationError

from workbench.artifacts import (
    ArtifactStore,
    append_jsonl,
    read_jsonl,
    write_json_atomic,
    write_jsonl_atomic,
)
from workbench.errors import InputError
from workbench.evaluation.compare import Comparison, compare
from workbench.evaluation.runs import Side
from workbench.evaluation.score import score
from workbench.paths import Workspace
from workbench.schemas.artifact import Artifact
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.live import LiveAnswer, LiveEntry

logger = logging.getLogger(__name__)

TASK = "live"
"""Name of the task that questions without a reference belong to."""
LOCK_SECONDS = 10


class LiveSet(NamedTuple):
    """The kept questions, in the order in which they were kept."""

    waiting: tuple[LiveEntry, ...]
    """Not yet in any comparison."""
    published: dict[str, str]
    """Id of a question -> id of its comparison."""


def keep_entry(workspace: Workspace, entry: LiveEntry) -> LiveSet:
    """Add a question; the set as it is then.

    Raises:
        InputError: `live_answer_failed` where one of the answers ended in an error: there is nothing to judge.
    """
    if "error" in (entry.baseline.reply.state, entry.finetuned.reply.state):
        raise InputError("live_answer_failed")
    with _locked(workspace):
        append_jsonl(workspace.live_set_file, [entry.model_dump(mode="json")], durable=True)
        return read_set(workspace.live_set_file)


def read_set(path: Path) -> LiveSet:
    """The set on disk; empty where nothing was kept yet. Lines that cannot be read are left out with a log line."""
    entries: dict[str, LiveEntry] = {}
    published: dict[str, str] = {}
    for line in read_jsonl(path) if path.exists() else ():
        if "published" in line:
            published |= dict.fromkeys(map(str, line.get("ids") or ()), str(line["published"]))
            continue
        try:
            entry = LiveEntry.model_validate(line)
        except ValidationError:
            logger.warning("a line of %s is no kept question; skipped", path)
            continue
        entries[entry.id] = entry
    waiting = tuple(entry for name, entry in entries.items() if name not in published)
    return LiveSet(waiting, published)


def publish_set(workspace: Workspace, store: ArtifactStore) -> list[Artifact]:
    """Make one comparison per pair of models out of the questions that wait.

    Raises:
        InputError: `live_set_empty`.
    """
    with _locked(workspace):
        waiting = read_set(workspace.live_set_file).waiting
        if not waiting:
            raise InputError("live_set_empty")
        return [_publish(workspace, store, group) for group in group_by_pair(waiting)]


def group_by_pair(entries: Sequence[LiveEntry]) -> list[list[LiveEntry]]:
    """Questions that were answered by the same two models, together."""
    groups: dict[tuple[str, str], list[LiveEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.baseline.label, entry.finetuned.label), []).append(entry)
    return list(groups.values())


def build_comparison(entries: Sequence[LiveEntry]) -> Comparison:
    """Score both answers of each question as far as there is something to score against, and pair them. Pure."""
    sides = [
        Side("", [_score(entry, answer) for entry, answer in pairs], _describe(*pairs[0]))
        for pairs in (
            [(entry, entry.baseline) for entry in entries],
            [(entry, entry.finetuned) for entry in entries],
        )
    ]
    return compare(sides[0], sides[1])


def _score(entry: LiveEntry, answer: LiveAnswer) -> ScoredAnswer:
    """States, refusals and quotes always; an F1 only where the question came with its reference."""
    task = TASK if entry.kind == "task" else ""
    sample = Sample(
        id=entry.id,
        kind=entry.kind,
        task=task,
        messages=entry.messages,
        question=entry.question,
        documents=entry.documents,
        target=entry.target,
        oracle_position=entry.oracle_position,
    )
    scored = score(sample, answer.reply)
    # nobody has said what is right, so nothing may look like a gain or a loss
    return scored.model_copy(update={"task": task, "scores": {}}) if task else scored


def _describe(entry: LiveEntry, answer: LiveAnswer) -> dict[str, object]:
    return {
        "label": answer.label,
        "endpoint": answer.endpoint.model_dump(mode="json"),
        "sampling": entry.sampling.model_dump(mode="json"),
    }


def _publish(workspace: Workspace, store: ArtifactStore, entries: Sequence[LiveEntry]) -> Artifact:
    found = build_comparison(entries)
    draft = store.begin("comparison", TASK)
    try:
        write_jsonl_atomic(draft.folder / "items.jsonl", found.items)
        write_json_atomic(draft.folder / "summary.json", found.summary)
        artifact = draft.commit(
            numbers={"n": float(found.summary.n), "differ": float(found.summary.differ)},
            details={
                "origin": TASK,
                "baseline": entries[0].baseline.label,
                "finetuned": entries[0].finetuned.label,
            },
        )
    finally:
        # nothing is left to discard once it was committed
        draft.discard()
    note = {"published": artifact.id, "ids": [entry.id for entry in entries]}
    append_jsonl(workspace.live_set_file, [note], durable=True)
    return artifact


def _locked(workspace: Workspace) -> FileLock:
    return FileLock(workspace.locks / "live_set.lock", timeout=LOCK_SECONDS)
