import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import finish, make_artifact
from tests.ui.samples import QUOTED, answer
from tests.ui.serve_samples import URL, make_ready, set_running, with_adapter
from tests.ui.small_models import make_result, write_model
from workbench.errors import ConfigError, InputError, StateError
from workbench.evaluation.journal import JOURNAL, Journal
from workbench.evaluation.summary import summarise
from workbench.inference import EndpointRegistry
from workbench.jobs import JobFolder
from workbench.schemas.artifact import Artifact
from workbench.schemas.evaluation import EvaluateConfig
from workbench.schemas.inference import ChatReply, Endpoint
from workbench.schemas.job import JobRecord
from workbench.schemas.recipe import RecipeConfig
from workbench.ui.context import UiContext
from workbench.ui.handover import Handed
from workbench.ui.tabs import evaluate_page as page
from workbench.ui.tabs.evaluate_live import LiveAnswers

LAN = Endpoint(
    name="lan", base_url="http://10.0.0.2:8000/v1", model="m", locality="lan", api_key_env="LAN_KEY"
)
TESTS = {name: '{"x": 1}\n' for name in ("test.jsonl", "test_unseen.jsonl", "test_unanswerable.jsonl")}


@pytest.fixture
def dataset(ctx: UiContext) -> str:
    return make_artifact(ctx, "dataset", "税 FAQ", {"train.jsonl": "{}\n", **TESTS}).id


@pytest.fixture
def adapter(ctx: UiContext, dataset: str) -> str:
    draft = ctx.artifacts.begin("adapter", "税 LoRA")
    (draft.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    return draft.commit(inputs=[ctx.artifacts.ref(dataset)], details={"base_model": "/models/base"}).id


def values(**changes: Any) -> dict[str, Any]:
    plain = {"what": "adapter", "adapter": None, "endpoint": None, "dataset": None, "limit": 0, "token": "t"}
    return {**plain, "tasks": [], **changes}


def evaluation(ctx: UiContext, label: str) -> Artifact:
    metrics = summarise([answer(i, QUOTED) for i in range(5)], draws=100)
    draft = ctx.artifacts.begin("evaluation", label)
    (draft.folder / "summary.json").write_text(metrics.model_dump_json(), encoding="utf-8")
    return draft.commit(details={"label": label, "endpoint": {"model": "m", "engine": "embedded"}})


def test_an_adapter_is_evaluated_together_with_its_base(ctx: UiContext, adapter: str, dataset: str) -> None:
    page.start_evaluation(ctx, **values(adapter=adapter, dataset=dataset, limit=7))
    job = page.list_jobs(ctx)[0]
    steps = RecipeConfig.model_validate(job.spec.config).recipe.steps
    assert [step.kind for step in steps] == ["serve", "evaluate", "evaluate", "compare"]
    assert [step.config["limit"] for step in steps if step.kind == "evaluate"] == [7, 7]


def test_a_double_click_starts_once(ctx: UiContext, adapter: str, dataset: str) -> None:
    for _ in range(2):
        page.start_evaluation(ctx, **values(adapter=adapter, dataset=dataset))
    assert len(page.list_jobs(ctx)) == 1


def test_an_endpoint_is_asked_every_test_file_of_the_data(ctx: UiContext, dataset: str) -> None:
    EndpointRegistry(ctx.workspace).add(LAN)
    page.start_evaluation(ctx, **values(what="endpoint", endpoint="lan", dataset=dataset))
    job = page.list_jobs(ctx)[0]
    config = EvaluateConfig.model_validate(job.spec.config)
    assert Path(config.tests.unanswerable).name == "test_unanswerable.jsonl"
    assert config.label == "lan"
    assert job.spec.secret_names == ("LAN_KEY",)


def test_an_endpoint_of_our_own_server_is_asked_as_one_of_its_sides(
    ctx: UiContext, dataset: str, tmp_path: Path
) -> None:
    job = make_ready(ctx, with_adapter(tmp_path))
    note = ctx.jobs.get(job.spec.id).status.note
    set_running(
        ctx,
        job,
        ready=True,
        endpoint=URL,
        note={**note, "provenance": {"engine": "embedded", "base_sha256": "b"}},
    )
    registry = EndpointRegistry(ctx.workspace)
    tuned = Endpoint.model_validate(note["endpoints"]["finetuned"]).model_copy(update={"name": "tuned"})
    registry.add(tuned)
    registry.add(tuned.model_copy(update={"name": "other", "model": "none-of-its-models"}))
    page.start_evaluation(ctx, **values(what="endpoint", endpoint="tuned", dataset=dataset))
    config = EvaluateConfig.model_validate(page.list_jobs(ctx)[0].spec.config)
    assert config.provenance == {"engine": "embedded", "base_sha256": "b"}
    with pytest.raises(StateError, match="serve_side_unknown"):
        page.start_evaluation(ctx, **values(what="endpoint", endpoint="other", dataset=dataset))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "evaluation_no_dataset"),
        ({"dataset": "d"}, "evaluation_no_adapter"),
        ({"dataset": "d", "what": "endpoint"}, "evaluation_no_endpoint"),
    ],
)
def test_what_is_missing_is_said(ctx: UiContext, given: dict[str, str], code: str) -> None:
    with pytest.raises(InputError, match=code):
        page.start_evaluation(ctx, **values(**given))


@pytest.mark.parametrize("limit", [-1, 1.5, "x"])
def test_a_limit_that_is_no_count_is_refused(limit: object) -> None:
    with pytest.raises(ConfigError):
        page.check_limit(limit)


def test_the_data_an_adapter_was_trained_on_is_offered_first(
    ctx: UiContext, adapter: str, dataset: str
) -> None:
    make_artifact(ctx, "dataset", "別のデータ", TESTS)
    assert page.guess_dataset(ctx, adapter) == dataset
    assert page.choose_adapter(ctx, adapter)["value"] == dataset


def test_questions_that_leave_the_house_are_announced(ctx: UiContext) -> None:
    EndpointRegistry(ctx.workspace).add(LAN.model_copy(update={"locality": "cloud"}))
    assert "10.0.0.2" in page.describe_choice(ctx, "endpoint", "lan", None)
    assert page.describe_choice(ctx, "adapter", "lan", None) == ""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_model(tmp_path / "base")


def steps_of(job: JobRecord) -> list[tuple[str, str]]:
    recipe = RecipeConfig.model_validate(job.spec.config).recipe
    return [(step.kind, str(step.config.get("model", ""))) for step in recipe.steps]


def test_a_converted_model_is_compared_with_the_model_it_was_made_from(
    ctx: UiContext, dataset: str, base: Path
) -> None:
    made = make_result(ctx, "tax-merged", base)
    folder = str(ctx.artifacts.folder(made.id).resolve())
    page.start_evaluation(ctx, **values(what="model", model=folder, dataset=dataset))
    job = page.list_jobs(ctx)[0]
    assert job.spec.title == "評価: tax-merged"
    kinds = ["serve", "evaluate", "serve", "evaluate", "compare"]
    assert [kind for kind, _ in steps_of(job)] == kinds
    assert [model for kind, model in steps_of(job) if kind == "serve"] == [str(base), folder]
    recipe = RecipeConfig.model_validate(job.spec.config).recipe
    asked = [step.config["endpoint"]["base_url"] for step in recipe.steps if step.kind == "evaluate"]
    assert asked == ["@serve_base.endpoint", "@serve.endpoint"]
    assert "元のモデル「base」にも" in page.describe_choice(ctx, "model", None, folder)


def test_a_model_of_unknown_origin_is_asked_alone(ctx: UiContext, dataset: str) -> None:
    folder = str(ctx.artifacts.folder(make_result(ctx, "alone").id).resolve())
    page.start_evaluation(ctx, **values(what="model", model=folder, dataset=dataset))
    assert [kind for kind, _ in steps_of(page.list_jobs(ctx)[0])] == ["serve", "evaluate"]
    assert "このモデルだけ" in page.describe_choice(ctx, "model", None, folder)


@pytest.mark.parametrize("chosen", [None, "", "/etc"])
def test_a_model_that_is_not_in_the_list_is_not_evaluated(
    ctx: UiContext, dataset: str, chosen: str | None
) -> None:
    with pytest.raises(InputError, match="evaluation_no_model"):
        page.start_evaluation(ctx, **values(what="model", model=chosen, dataset=dataset))


def hand(ctx: UiContext, what: Any, name: str) -> list[Any]:
    return page.take_handed(ctx, Handed(target="evaluate", what=what, name=name, job="", at=0.0))


def test_what_another_page_hands_over_is_chosen_here(ctx: UiContext, base: Path) -> None:
    folder = str(ctx.artifacts.folder(make_result(ctx, "tax-merged", base).id).resolve())
    what, adapter, endpoint, model, note = hand(ctx, "model", folder)
    assert (what, model["value"], model["visible"]) == ("model", folder, True)
    assert not adapter["visible"]
    assert not endpoint["visible"]
    assert "元のモデル" in note
    EndpointRegistry(ctx.workspace).add(LAN)
    what, _, endpoint, model, note = hand(ctx, "endpoint", "lan")
    assert (what, endpoint["value"], model["visible"]) == ("endpoint", "lan", False)


@pytest.mark.parametrize(
    ("what", "name"), [("model", ""), ("model", "/etc"), ("endpoint", "<b>"), ("", "lan")]
)
def test_a_forged_hand_over_is_refused(ctx: UiContext, what: Any, name: str) -> None:
    with pytest.raises(InputError, match="evaluation_no_model"):
        hand(ctx, what, name)


def test_the_list_holds_every_evaluation_and_keeps_the_choice(ctx: UiContext) -> None:
    first = evaluation(ctx, "baseline")
    evaluation(ctx, "finetuned")
    shown = page.show_lists(ctx, first.id, None, None, None, None)
    assert shown[0].count("<tr>") == 3
    assert shown[1]["value"] == first.id
    assert "95 % の幅" in page.show_detail(ctx, first.id)


def submit_evaluation(ctx: UiContext, parent: str = "") -> JobRecord:
    config = EvaluateConfig.model_validate({"endpoint": LAN, "label": "baseline", "tests": {}})
    return ctx.jobs.submit("evaluate", "baseline", config, parent=parent)


def journal(ctx: UiContext, job: JobRecord, numbers: range) -> None:
    with Journal(JobFolder.of(ctx.workspace, job.spec.id).work_dir / JOURNAL) as written:
        for number in numbers:
            written.add(str(number), ChatReply(text=QUOTED), answer(number, QUOTED))


def test_finished_answers_appear_while_the_rest_is_asked(ctx: UiContext) -> None:
    live, job = LiveAnswers(), submit_evaluation(ctx)
    journal(ctx, job, range(2))
    assert "1 番の窓口" in page.show_run(ctx, live, "")[1]
    journal(ctx, job, range(2, 3))
    shown = page.show_run(ctx, live, "")[1]
    assert "2 番の窓口" in shown
    assert shown.count("<tr>") == 4


def test_a_recipe_shows_the_answers_of_its_evaluations(ctx: UiContext, adapter: str, dataset: str) -> None:
    page.start_evaluation(ctx, **values(adapter=adapter, dataset=dataset))
    recipe = page.list_jobs(ctx)[0]
    child = submit_evaluation(ctx, parent=recipe.spec.id)
    journal(ctx, child, range(2))
    cards, answers, _, _, following = page.show_run(ctx, LiveAnswers(), "")
    assert len(json.loads(cards)["jobs"]) == 2
    assert "1 番の窓口" in answers
    assert following["visible"] is False


def test_a_finished_comparison_leads_to_the_next_step(ctx: UiContext, adapter: str, dataset: str) -> None:
    page.start_evaluation(ctx, **values(adapter=adapter, dataset=dataset))
    finish(ctx, page.list_jobs(ctx)[0], {"verdict": "pass"})
    assert page.show_run(ctx, LiveAnswers(), "")[4]["visible"] is True


def test_tasks_are_asked_of_both_sides_beside_the_test_sets_or_alone(
    ctx: UiContext, adapter: str, dataset: str
) -> None:
    tasks = [{"task": "gsm8k", "data": "/d/test.jsonl", "limit": 5, "shots": None}]
    for sets in (dataset, ""):
        page.start_evaluation(ctx, **values(adapter=adapter, dataset=sets, tasks=tasks))
        steps = RecipeConfig.model_validate(page.list_jobs(ctx)[0].spec.config).recipe.steps
        asked = [step.config for step in steps if step.kind == "evaluate"]
        assert [config["tasks"][0]["task"] for config in asked] == ["gsm8k", "gsm8k"]
        assert [bool(config["tests"]) for config in asked] == [bool(sets)] * 2


def test_tasks_alone_can_be_asked_of_an_endpoint(ctx: UiContext) -> None:
    EndpointRegistry(ctx.workspace).add(LAN)
    tasks = [{"task": "ifeval", "data": "/d/input_data.jsonl", "limit": 3, "shots": None}]
    page.start_evaluation(ctx, **values(what="endpoint", endpoint="lan", tasks=tasks))
    config = EvaluateConfig.model_validate(page.list_jobs(ctx)[0].spec.config)
    assert config.tasks[0].limit == 3
    assert config.tests.answerable == ""


def test_the_answers_can_be_narrowed_to_those_that_failed(ctx: UiContext) -> None:
    live, job = LiveAnswers(), submit_evaluation(ctx)
    journal(ctx, job, range(2))
    assert "当てはまる答えはありません" in page.show_run(ctx, live, "", "failed")[1]
    assert page.show_run(ctx, live, "", "forged")[1] == page.show_run(ctx, live, "", "all")[1]


def command(ctx: UiContext, *given: Any) -> str:
    return json.loads(page.show_command(ctx, *given))["command"]


def test_the_command_repeats_the_page(ctx: UiContext) -> None:
    tasks = [{"task": "gsm8k", "data": "/d/t.jsonl", "limit": 5, "shots": None}]
    plain = "workbench evaluate --adapter a1 --dataset d1 --general"
    assert command(ctx, "adapter", "a1", None, "d1", 0, []) == plain
    assert command(ctx, "adapter", "a1", None, "d1", 5, tasks) == f"{plain} --task gsm8k=/d/t.jsonl --limit 5"
    outside = "workbench evaluate --endpoint lan --task gsm8k=/d/t.jsonl --limit 5"
    assert command(ctx, "endpoint", None, "lan", "", 0, tasks) == outside


def test_there_is_no_command_where_none_does_the_same(ctx: UiContext) -> None:
    tasks = [{"task": "gsm8k", "data": "", "limit": 5, "shots": None}]
    assert command(ctx, "endpoint", "a1", None, "d1", 0, []) == ""
    assert command(ctx, "adapter", "a1", None, "d1", 0, tasks) == ""
    assert command(ctx, "adapter", "a1", None, "", 0, []) == ""
