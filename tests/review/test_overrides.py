from __future__ import annotations

from typing import Any

import pytest

from tests.review.makers import answer, item, publish_comparison, vote
from workbench.artifacts import ArtifactStore
from workbench.paths import Workspace
from workbench.pipeline.expert import recount
from workbench.review import apply_overrides, collect_overrides


def test_the_reviewers_word_replaces_the_programs() -> None:
    found = answer(
        "s1", "300円です。", state="refused", scores={"refused": 1.0, "partial": 0.0, "char_f1": 0.4}
    )
    [changed] = apply_overrides(
        [found], collect_overrides([vote("s1", states={"baseline": "answered"})]), "baseline"
    )
    assert (changed.state, changed.scores) == ("answered", {"refused": 0.0, "partial": 0.0, "char_f1": 0.4})
    assert apply_overrides(
        [found], collect_overrides([vote("s1", states={"finetuned": "answered"})]), "baseline"
    ) == [found]


@pytest.mark.parametrize("state", ["empty", "truncated", "error"])
def test_what_was_not_answered_stays_unanswered(state: Any) -> None:
    found = answer("s1", "", state=state, scores={})
    assert apply_overrides(
        [found], collect_overrides([vote("s1", states={"baseline": "answered"})]), "baseline"
    ) == [found]


def test_a_tasks_own_scores_stay() -> None:
    found = answer("1", "不明", kind="task", task="jcq", scores={"refused": 1.0})
    [changed] = apply_overrides(
        [found], collect_overrides([vote("jcq/1", states={"baseline": "refused"})]), "baseline"
    )
    assert (changed.state, changed.scores) == ("refused", {"refused": 1.0})


def test_a_comparison_is_counted_again(workspace: Workspace) -> None:
    refused = {"state": "refused", "scores": {"refused": 1.0, "partial": 0.0, "char_f1": 0.1}}
    items = [item(f"s{index}", baseline=refused) for index in range(4)]
    artifacts = ArtifactStore(workspace)
    comparison = publish_comparison(artifacts, items)
    before = recount(artifacts, comparison, [])
    after = recount(artifacts, comparison, [vote("s0", states={"baseline": "answered"})])
    assert before.summary.metrics["baseline"].over_refusal_rate == 1.0
    assert after.summary.metrics["baseline"].over_refusal_rate == 0.75
    assert after.items[0].baseline.state == "answered"
