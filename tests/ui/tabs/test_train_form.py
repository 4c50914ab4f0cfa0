import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import make_artifact
from workbench.errors import ConfigError, InputError
from workbench.schemas.training import SFTSettings
from workbench.training.plan import training_bytes
from workbench.ui.context import UiContext
from workbench.ui.models import register_model, starter_folder
from workbench.ui.tabs import train_form as form
from workbench.ui.tabs.ticking import SKIP

ROW = json.dumps(
    {"messages": [{"role": "user", "content": "質問"}, {"role": "assistant", "content": "答え"}]},
    ensure_ascii=False,
)


@pytest.fixture
def model(ctx: UiContext, tiny_model: Path) -> str:
    return register_model(ctx.workspace, str(tiny_model)).path


@pytest.fixture
def dataset(ctx: UiContext) -> str:
    files = {"train.jsonl": f"{ROW}\n" * 20, "valid.jsonl": f"{ROW}\n"}
    return make_artifact(ctx, "dataset", "税 FAQ", files).id


def values(dataset: str, model: str, **changes: Any) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "model": model,
        "name": "",
        "consent": False,
        "num_train_epochs": 2,
        **changes,
    }


def test_settings_come_from_the_form_and_the_chosen_data(ctx: UiContext, dataset: str, model: str) -> None:
    settings = form.read_settings(ctx, values(dataset, model, lora__r=8))
    assert settings.lora.r == 8
    assert settings.num_train_epochs == 2
    assert settings.name == "税 FAQ"
    assert Path(settings.train_file).name == "train.jsonl"
    assert Path(settings.eval_file).name == "valid.jsonl"
    assert settings.trust_remote_code is False


def test_data_without_validation_rows_trains_without_a_validation_loss(ctx: UiContext, model: str) -> None:
    bare = make_artifact(ctx, "dataset", "d", {"train.jsonl": ROW, "valid.jsonl": ""}).id
    assert form.read_settings(ctx, values(bare, model)).eval_file == ""


def test_a_model_that_is_not_in_the_list_is_refused(ctx: UiContext, dataset: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train_no_model"):
        form.read_settings(ctx, values(dataset, str(tmp_path)))


def test_without_data_the_page_says_what_to_do(ctx: UiContext, model: str) -> None:
    with pytest.raises(InputError, match="train_no_dataset"):
        form.read_settings(ctx, values("", model))


def test_every_bad_field_is_reported_at_once(ctx: UiContext, dataset: str, model: str) -> None:
    with pytest.raises(ConfigError) as caught:
        form.read_settings(ctx, values(dataset, model, learning_rate=5, lora__r=0))
    assert len(caught.value.problems) == 2


def test_the_practice_model_comes_first_in_the_list(ctx: UiContext, model: str) -> None:
    choices = form.model_choices(ctx)
    assert choices[0][0] == ctx.t("train_tab.model.starter")
    assert model in [value for _, value in choices]


@pytest.fixture
def risky(ctx: UiContext, tiny_model: Path, tmp_path: Path) -> str:
    """A model that nothing but its own program can load."""
    folder = tmp_path / "risky"
    folder.mkdir()
    for path in tiny_model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own_kind", "auto_map": {"AutoModelForCausalLM": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "own.py").write_text("raise SystemExit", encoding="utf-8")
    return register_model(ctx.workspace, str(folder)).path


def test_a_models_own_program_runs_only_with_consent(ctx: UiContext, dataset: str, risky: str) -> None:
    with pytest.raises(InputError, match="model_needs_code"):
        form.read_settings(ctx, values(dataset, risky))
    assert form.read_settings(ctx, values(dataset, risky, consent=True)).trust_remote_code is True


def test_consent_is_asked_for_only_where_it_is_needed_and_never_carried_over(
    ctx: UiContext, risky: str, model: str
) -> None:
    asked, plain = form.choose_model(ctx, risky), form.choose_model(ctx, model)
    assert "own.py" in asked[1]
    assert asked[2]["visible"] is True
    assert plain[2]["visible"] is False
    assert asked[3] is False


def test_consent_for_a_model_that_needs_none_changes_nothing(
    ctx: UiContext, dataset: str, model: str
) -> None:
    assert form.read_settings(ctx, values(dataset, model, consent=True)).trust_remote_code is False


def test_the_outlook_is_told_before_anything_starts(ctx: UiContext, dataset: str, model: str) -> None:
    plan, button, changes, command = form.show_plan(ctx, **values(dataset, model))
    assert "メモリ" in plan
    assert "ステップ" in plan
    assert "workbench train" in command
    assert button["visible"] is False
    assert changes == {}
    assert ctx.jobs.list() == []


def test_what_makes_a_run_fit_is_set_by_one_button(
    ctx: UiContext, dataset: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = values(dataset, model, per_device_train_batch_size=16, gradient_accumulation_steps=2)
    needed = training_bytes(form.read_settings(ctx, given))
    monkeypatch.setattr(form, "most_bytes", lambda _: needed - 1)
    plan, button, changes, _ = form.show_plan(ctx, **given)
    assert "このままでは始められません" in plan
    assert button["visible"] is True
    fields = dict(zip(form.FIELDS, form.apply_fix(ctx, changes), strict=True))
    rows, passes = fields["per_device_train_batch_size"], fields["gradient_accumulation_steps"]
    assert rows * passes == 16 * 2
    assert fields["learning_rate"] == SKIP
    # what stands in the form then needs no further change
    again = {form.form_key(name): value for name, value in fields.items() if value != SKIP}
    _, button, changes, _ = form.show_plan(ctx, **{**given, **again})
    assert button["visible"] is False
    assert changes == {}


def test_an_unfinished_form_says_what_is_missing(ctx: UiContext) -> None:
    plan, *_ = form.show_plan(ctx, **values("", ""))
    assert "選ぶと" in plan


def test_a_model_folder_that_vanished_is_explained_in_place(ctx: UiContext, dataset: str) -> None:
    plan, *_ = form.show_plan(ctx, **values(dataset, "/gone"))
    assert "wb-error" in plan


def test_the_practice_model_gets_the_values_of_the_sample_recipe() -> None:
    assert set(form.starter_values()) <= set(form.FIELDS)


def test_the_practice_model_rehearses_and_another_model_does_not(ctx: UiContext, model: str) -> None:
    place = 4 + form.FIELDS.index("rehearsal_file")
    practice = form.choose_model(ctx, str(starter_folder()))
    assert Path(practice[place]).is_file()
    assert form.choose_model(ctx, model)[place] == ""


def test_every_field_of_the_form_belongs_to_the_schema() -> None:
    for path in form.FIELDS:
        head = path.split(".")[0]
        assert head in SFTSettings.model_fields
