from __future__ import annotations

import pytest

from tests.evaluation.makers import sample
from workbench.artifacts import ArtifactStore, write_jsonl_atomic
from workbench.artifacts.exported import EXPORTED
from workbench.errors import StateError
from workbench.evaluation.leaks import exclude_leaks, split_leaks
from workbench.paths import Workspace
from workbench.schemas.exported import ExportedQuestion

EXPORTED_QUESTION = "住民票の手数料はいくらですか。"
"""That of `sample`."""


class Told:
    """As much of a job as is needed here."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self.artifacts = artifacts
        self.events: list[tuple[str, dict[str, object]]] = []

    def event(self, code: str, **params: object) -> None:
        self.events.append((code, params))


@pytest.fixture
def artifacts(workspace: Workspace) -> ArtifactStore:
    store = ArtifactStore(workspace)
    draft = store.begin("review", "r")
    marked = ExportedQuestion(
        comparison="c1", sample_id="old", question=EXPORTED_QUESTION, format="dpo", at=1.0
    )
    write_jsonl_atomic(draft.folder / EXPORTED, [marked, {"broken": True}])
    draft.commit()
    return store


def test_exported_questions_are_left_out_of_a_test_set_and_told(artifacts: ArtifactStore) -> None:
    job = Told(artifacts)
    kept = exclude_leaks([sample("a"), sample("b", "unanswerable"), sample("c", "general")], job)  # type: ignore[arg-type]
    # the unanswerable twin asks the same question
    assert [one.id for one in kept] == ["c"]
    assert job.events == [("leaks_excluded", {"count": 2, "total": 3, "first": "a"})]


def test_a_test_set_that_is_all_trained_on_is_refused(artifacts: ArtifactStore) -> None:
    with pytest.raises(StateError, match="tests_all_leaked"):
        exclude_leaks([sample("a")], Told(artifacts))  # type: ignore[arg-type]


def test_without_exports_nothing_is_left_out_and_nothing_told(workspace: Workspace) -> None:
    job = Told(ArtifactStore(workspace))
    samples = [sample("a"), sample("b")]
    assert exclude_leaks(samples, job) == samples  # type: ignore[arg-type]
    assert job.events == []
    assert split_leaks(samples, job.artifacts) == (samples, [])
