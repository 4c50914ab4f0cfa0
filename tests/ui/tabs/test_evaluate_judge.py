from __future__ import annotations

from typing import Any

import pytest

from tests.ui.fakes import make_artifact
from tests.ui.samples import save_comparison
from workbench.errors import ConfigError, InputError
from workbench.inference import EndpointRegistry
from workbench.schemas.inference import Endpoint
from workbench.schemas.judging import JudgeConfig
from workbench.ui.context import UiContext
from workbench.ui.tabs import evaluate_judge as page


@pytest.fixture
def endpoint(ctx: UiContext) -> str:
    made = Endpoint(name="judge", base_url="http://10.0.0.2/v1", model="big", api_key_env="JUDGE_KEY")
    EndpointRegistry(ctx.workspace).add(made)
    return made.name


def values(**changes: Any) -> dict[str, Any]:
    return {"subject": None, "endpoint": None, "rubric": None, "limit": 0, "token": "t", **changes}


def test_a_comparison_is_judged_by_the_chosen_rubric(ctx: UiContext, endpoint: str) -> None:
    subject = save_comparison(ctx).id
    for _ in range(2):
        page.start_judge(ctx, **values(subject=subject, endpoint=endpoint, rubric="pairwise_ja", limit=30))
    jobs = ctx.jobs.list(kind="judge")
    assert len(jobs) == 1, "a double click starts once"
    config = JudgeConfig.model_validate(jobs[0].spec.config)
    assert (config.mode, config.evaluations, config.limit) == ("pairwise", (subject,), 30)
    assert jobs[0].spec.secret_names == ("JUDGE_KEY",)


def test_a_single_evaluation_can_be_scored_but_not_compared(ctx: UiContext, endpoint: str) -> None:
    subject = make_artifact(ctx, "evaluation", "e").id
    config = page.make_config(ctx, values(subject=subject, endpoint=endpoint, rubric="raft_ja"))
    assert config.mode == "absolute"
    with pytest.raises(InputError, match="judge_pair_needs_comparison"):
        page.make_config(ctx, values(subject=subject, endpoint=endpoint, rubric="pairwise_ja"))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "judge_card_no_subject"),
        ({"subject": "e"}, "judge_card_no_endpoint"),
        ({"subject": "e", "endpoint": "judge"}, "judge_card_no_rubric"),
    ],
)
def test_what_is_missing_is_said(ctx: UiContext, given: dict[str, str], code: str) -> None:
    with pytest.raises(InputError, match=code):
        page.make_config(ctx, values(**given))


def test_a_limit_that_is_no_count_is_refused(ctx: UiContext, endpoint: str) -> None:
    subject = make_artifact(ctx, "evaluation", "e").id
    with pytest.raises(ConfigError):
        page.make_config(ctx, values(subject=subject, endpoint=endpoint, rubric="raft_ja", limit=-3))


def test_rubrics_are_described_by_what_they_look_at(ctx: UiContext) -> None:
    names = [name for _, name in page.rubric_choices(ctx)]
    assert {"raft_ja", "pairwise_ja"} <= set(names)
    assert "見るところ" in page.describe_rubric(ctx, "raft_ja")
    assert page.describe_rubric(ctx, None) == ""


def test_comparisons_of_questions_tried_by_hand_have_no_runs_to_judge(ctx: UiContext) -> None:
    draft = ctx.artifacts.begin("comparison", "live")
    (draft.folder / "items.jsonl").write_text("", encoding="utf-8")
    draft.commit(details={"origin": "live"})
    kept = save_comparison(ctx).id
    assert [name for _, name in page.subject_choices(ctx)] == [kept]


def test_the_lists_keep_their_choices(ctx: UiContext, endpoint: str) -> None:
    subject = save_comparison(ctx).id
    subjects, endpoints, _, judged = page.show_lists(ctx, subject, endpoint, None)
    assert (subjects["value"], endpoints["value"], judged["visible"]) == (subject, endpoint, False)
    assert page.show_judgement(ctx, None) == ""
