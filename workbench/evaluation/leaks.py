"""Keeps questions that people exported for training out of later test sets."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.artifacts import ArtifactStore
from workbench.artifacts.exported import read_exported
from workbench.errors import StateError
from workbench.jobs import JobContext
from workbench.schemas.chat import Sample
from workbench.text.leaks import Leak, Question, find_leaks


def exclude_leaks(samples: Sequence[Sample], job: JobContext) -> list[Sample]:
    """The samples that no training file made from a review holds; the job tells how many were left out.

    Raises:
        StateError: `tests_all_leaked` where none is left.
    """
    kept, leaks = split_leaks(samples, job.artifacts)
    if leaks:
        job.event("leaks_excluded", count=len(leaks), total=len(samples), first=leaks[0].id)
    if leaks and not kept:
        raise StateError("tests_all_leaked", count=len(leaks))
    return kept


def split_leaks(samples: Sequence[Sample], artifacts: ArtifactStore) -> tuple[list[Sample], list[Leak]]:
    """The samples without those that stand in a training file made from a review, and what was left out.

    Args:
        samples: A test set.
        artifacts: Where reviews are published.
    """
    questions = [Question(_key(sample), sample.question) for sample in samples]
    leaks = find_leaks(questions, read_exported(artifacts))
    leaked = {leak.id for leak in leaks}
    return [sample for sample in samples if _key(sample) not in leaked], leaks


def _key(sample: Sample) -> str:
    """As `ScoredAnswer.key`."""
    return f"{sample.task}/{sample.id}" if sample.task else sample.id
