from __future__ import annotations

import json

import pytest

from tests.review.makers import answer, item, publish_comparison, publish_evaluation, vote
from workbench.artifacts import ArtifactStore, read_json, read_jsonl
from workbench.artifacts.exported import read_exported
from workbench.errors import InputError, NotFoundError, StateError
from workbench.paths import Workspace
from workbench.review import VoteStore, publish
from workbench.review.exports import load_source
from workbench.review.publish import save_export


@pytest.fixture
def artifacts(workspace: Workspace) -> ArtifactStore:
    return ArtifactStore(workspace, clock=lambda: 1_700_000_000.0)


@pytest.fixture
def votes(workspace: Workspace) -> VoteStore:
    return VoteStore(workspace)


@pytest.fixture
def comparison(artifacts: ArtifactStore, votes: VoteStore) -> str:
    evaluation = publish_evaluation(artifacts, [answer(f"s{index}", "x") for index in range(3)])
    made = publish_comparison(artifacts, [item(f"s{index}") for index in range(3)], evaluation=evaluation)
    votes.cast(vote("s0", "finetuned", comparison=made, states={"baseline": "refused"}))
    return made


def test_votes_are_published_with_their_comparison(
    artifacts: ArtifactStore, votes: VoteStore, comparison: str
) -> None:
    review = publish(votes, artifacts, comparison)
    assert review.kind == "review"
    assert [ref.id for ref in review.inputs] == [comparison]
    assert review.numbers == {"votes": 1, "samples": 1, "exported": 0, "win_rate": 1.0}
    summary = read_json(artifacts.file(review.id, "summary.json"))
    assert summary["finetuned"] == 1
    assert summary["overrides"][0]["state"] == "refused"
    assert len(list(read_jsonl(artifacts.file(review.id, "votes.jsonl")))) == 1
    assert [user.id for user in artifacts.users_of(comparison)] == [review.id]


def test_nothing_is_published_without_votes(artifacts: ArtifactStore, votes: VoteStore) -> None:
    made = publish_comparison(artifacts, [item("s0")])
    with pytest.raises(StateError, match="no_votes"):
        publish(votes, artifacts, made)
    with pytest.raises(NotFoundError):
        publish(votes, artifacts, "comparison-gone")


def test_a_training_file_marks_its_questions_and_publishes_them(
    artifacts: ArtifactStore, votes: VoteStore, comparison: str
) -> None:
    made = save_export(votes, artifacts, comparison, "dpo", "ja")
    assert [one.sample_id for one in made.questions] == ["s0"]
    assert made.rebuilt == 0
    [line] = made.data.splitlines()
    assert [turn["role"] for turn in json.loads(line)["prompt"]] == ["system", "user"]
    [marked] = read_exported(artifacts)
    assert (marked.sample_id, marked.format, marked.comparison) == ("s0", "dpo", comparison)
    assert votes.summary(comparison).exported == 1


def test_a_file_for_reading_marks_nothing(
    artifacts: ArtifactStore, votes: VoteStore, comparison: str
) -> None:
    for name in ("xlsx", "csv", "html", "report", "votes", "llm-comparator"):
        save_export(votes, artifacts, comparison, name, "en")
    assert artifacts.list("review") == []
    assert read_exported(artifacts) == []


def test_only_comparisons_can_be_exported(artifacts: ArtifactStore, votes: VoteStore) -> None:
    draft = artifacts.begin("dataset", "d")
    (draft.folder / "items.jsonl").write_text("{}", encoding="utf-8")
    other = draft.commit().id
    with pytest.raises(StateError, match="not_a_comparison"):
        load_source(artifacts, votes, other, "ja")


def test_a_damaged_comparison_is_named(artifacts: ArtifactStore, votes: VoteStore) -> None:
    draft = artifacts.begin("comparison", "d")
    (draft.folder / "items.jsonl").write_text('{"id": "x"}\n', encoding="utf-8")
    (draft.folder / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="comparison_items_unreadable"):
        load_source(artifacts, votes, draft.commit().id, "ja")


def test_reviews_of_an_older_version_mark_nothing(artifacts: ArtifactStore) -> None:
    draft = artifacts.begin("review", "old")
    (draft.folder / "votes.jsonl").write_text("", encoding="utf-8")
    draft.commit()
    assert read_exported(artifacts) == []
