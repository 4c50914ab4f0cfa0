"""Questions tried by hand, kept and made into comparisons."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.artifacts import ArtifactStore, append_jsonl
from workbench.errors import InputError
from workbench.evaluation.items import read_items
from workbench.evaluation.live_set import build_comparison, keep_entry, publish_set, read_set
from workbench.paths import Workspace
from workbench.schemas.live import LiveEntry

DOCUMENT = "市民課の窓口は午前9時に開きます。"
QUOTED = f"参考文書1に「{DOCUMENT}」と記載されています。"
REFUSAL = "提供された情報からは回答できません。"


def side(label: str, text: str, state: str = "ok") -> dict[str, Any]:
    endpoint = {"name": "e", "base_url": "http://127.0.0.1:1/v1", "model": label}
    return {"label": label, "endpoint": endpoint, "reply": {"text": text, "state": state}}


def entry(name: str, before: str = REFUSAL, after: str = QUOTED, **values: Any) -> LiveEntry:
    given = {
        "id": name,
        "messages": [{"role": "user", "content": "q"}],
        "question": f"{name}: 窓口は何時に開きますか。",
        "baseline": side("base", before),
        "finetuned": side("tuned", after),
        **values,
    }
    return LiveEntry.model_validate(given)


def drawn(name: str) -> LiveEntry:
    return entry(name, kind="answerable", documents=[DOCUMENT], target=DOCUMENT, oracle_position=1)


def test_kept_questions_wait_for_their_review(workspace: Workspace) -> None:
    assert read_set(workspace.live_set_file).waiting == ()
    keep_entry(workspace, entry("a"))
    kept = keep_entry(workspace, entry("b"))
    assert [one.id for one in kept.waiting] == ["a", "b"]


def test_the_same_question_kept_twice_is_one(workspace: Workspace) -> None:
    keep_entry(workspace, entry("a"))
    assert len(keep_entry(workspace, entry("a")).waiting) == 1


def test_an_answer_that_failed_is_not_kept(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="live_answer_failed"):
        keep_entry(workspace, entry("a", finetuned=side("tuned", "", "error")))
    assert not workspace.live_set_file.exists()


def test_a_question_without_a_reference_is_compared_without_a_score() -> None:
    found = build_comparison([entry("a"), entry("b", QUOTED, QUOTED)])
    assert [(item.kind, item.task, item.category) for item in found.items] == [
        ("task", "live", "task_same")
    ] * 2
    assert found.summary.differ == 1
    assert found.summary.labels == {"baseline": "base", "finetuned": "tuned"}


def test_a_question_from_a_test_set_keeps_its_reference_and_its_quotes() -> None:
    item = build_comparison([drawn("a")]).items[0]
    assert item.category == "rescued"
    assert [quote.state for quote in item.finetuned.quotes] == ["verbatim"]


def test_each_pair_of_models_becomes_a_comparison_and_no_question_comes_twice(workspace: Workspace) -> None:
    store = ArtifactStore(workspace)
    for one in (entry("a"), drawn("b"), entry("c", finetuned=side("other", "別の答え"))):
        keep_entry(workspace, one)
    made = publish_set(workspace, store)
    assert [artifact.kind for artifact in made] == ["comparison", "comparison"]
    items = [read_items(store.file(artifact.id, "items.jsonl")) for artifact in made]
    assert [[item.id for item in group] for group in items] == [["a", "b"], ["c"]]
    assert [artifact.details["finetuned"] for artifact in made] == ["tuned", "other"]
    keep_entry(workspace, entry("d"))
    assert [
        item.id for item in read_items(store.file(publish_set(workspace, store)[0].id, "items.jsonl"))
    ] == ["d"]
    with pytest.raises(InputError, match="live_set_empty"):
        publish_set(workspace, store)


def test_a_line_that_cannot_be_read_does_no_harm(workspace: Workspace) -> None:
    keep_entry(workspace, entry("a"))
    append_jsonl(workspace.live_set_file, [{"id": "x", "question": 3}])
    assert [one.id for one in read_set(workspace.live_set_file).waiting] == ["a"]
