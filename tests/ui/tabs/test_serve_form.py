"""The settings of a role's server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.serving.makers import make_adapter, make_gguf, make_model
from tests.ui.serve_samples import connect_to, make_config, submit_server, with_adapter
from tests.ui.small_models import make_gguf_result
from workbench.containers.fakes import FakeEngine
from workbench.errors import ConfigError, InputError, ResourceError
from workbench.paths import Workspace
from workbench.schemas.containers import EngineInfo
from workbench.schemas.serving import ServeConfig
from workbench.ui.context import UiContext
from workbench.ui.handover import Handed
from workbench.ui.models import starter_folder
from workbench.ui.tabs import serve_form as form


def values(model: str, **changes: Any) -> dict[str, Any]:
    plain = ServeConfig(model=model)
    fields = {name: getattr(plain, name) for name in form.FIELDS}
    return {"engine": "embedded", "model": model, "adapters": [], **fields, **changes}


def train_adapter(ctx: UiContext, base: str, name: str = "run") -> Path:
    draft = ctx.artifacts.begin("adapter", name)
    make_adapter(draft.folder)
    return ctx.artifacts.folder(draft.commit(details={"base_model": base}).id)


def test_every_field_that_the_form_takes_is_one_of_the_schema() -> None:
    assert set(form.FIELDS) | set(form.CHOSEN) <= set(ServeConfig.model_fields)


def test_before_anything_was_trained_the_practice_model_is_offered_as_before(ctx: UiContext) -> None:
    offered = form.offer_config(ctx, "before")
    assert offered is not None
    assert offered.model == str(starter_folder())
    for role in ("after", "teacher", "judge", "reward"):
        assert form.offer_config(ctx, role) is None


def test_the_newest_adapter_is_offered_with_its_base(ctx: UiContext) -> None:
    folder = train_adapter(ctx, "/models/base")
    after, before = form.offer_config(ctx, "after"), form.offer_config(ctx, "before")
    assert after is not None
    assert (after.model, [one.path for one in after.adapters]) == ("/models/base", [str(folder)])
    assert before is not None
    assert before.adapters == ()


def test_what_was_started_last_for_a_role_is_offered_again(ctx: UiContext, tmp_path: Path) -> None:
    config = make_config(tmp_path, role="judge", max_context=1234)
    submit_server(ctx, config)
    assert form.offer_config(ctx, "judge") == config
    filled = form.named(form.fill_form(ctx, "judge"))
    assert filled["max_context"] == 1234
    assert filled["model"]["value"] == config.model
    assert config.model in [value for _, value in filled["model"]["choices"]]


def test_the_form_becomes_the_schema(tmp_path: Path) -> None:
    model = str(make_model(tmp_path / "m"))
    config = form.read_config(
        "after", values(model, adapters=["/a/one"], max_context=2048, api_key_env=" KEY ")
    )
    assert (config.role, config.max_context, config.api_key_env) == ("after", 2048, "KEY")
    assert [one.name for one in config.adapters] == ["finetuned"]
    two = form.read_config("after", values(model, adapters=["/a/one", "/a/two"]))
    assert len({one.name for one in two.adapters}) == 2


def test_a_missing_model_and_bad_fields_are_told() -> None:
    with pytest.raises(InputError, match="serve_no_model"):
        form.read_config("after", values("  "))
    with pytest.raises(ConfigError) as caught:
        form.read_config("after", values("m", memory_share=2.0, max_context=1, api_key_env="a b"))
    assert len(caught.value.problems) == 3


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError):
        form.read_config("boss", values("/m"))


@pytest.mark.parametrize("engine", form.ENGINES)
def test_every_engine_says_what_it_is_for_and_what_it_needs(ctx: UiContext, engine: str) -> None:
    said = form.describe_engine(ctx, engine)
    assert ("Docker" in said) == (engine != "embedded")
    assert "engine.note" not in said


def test_only_engines_with_terms_or_keys_ask_for_them(ctx: UiContext) -> None:
    asking = {engine for engine in form.ENGINES if form.needs_rights(engine)}
    assert {"nim1", "nim2", "nim_spark"} <= asking
    assert "embedded" not in asking
    assert "https://" in form.describe_rights(ctx, "nim1")


def test_another_engine_offers_models_in_its_own_form(ctx: UiContext) -> None:
    folder = ctx.artifacts.folder(make_gguf_result(ctx, "q4").id)
    models, adapters, about, _, rights, container = form.choose_engine(ctx, "llamacpp", None, [])
    assert "GGUF" in about
    assert [value for _, value in models["choices"]] == [str(folder)]
    assert adapters["visible"]
    assert (rights["visible"], container["visible"]) == (False, True)
    assert not form.choose_engine(ctx, "embedded", None, [])[5]["visible"]


def test_only_adapters_of_the_chosen_base_are_offered(ctx: UiContext) -> None:
    mine, _ = train_adapter(ctx, "/models/a"), train_adapter(ctx, "/models/b")
    offered = form.choose_model(ctx, "embedded", "/models/a", [str(mine), "/elsewhere"])
    assert [value for _, value in offered["choices"]] == [str(mine)]
    assert offered["value"] == [str(mine)]


def test_what_was_chosen_stays_where_another_engine_can_read_it(ctx: UiContext, tmp_path: Path) -> None:
    folder, file = str(make_model(tmp_path / "m")), str(make_gguf(tmp_path / "m.gguf"))
    adapter = str(make_adapter(tmp_path / "a"))
    models, adapters, *_ = form.choose_engine(ctx, "vllm", folder, [adapter])
    assert (models["value"], adapters["value"]) == (folder, [adapter])
    models, adapters, *_ = form.choose_engine(ctx, "llamacpp", folder, [adapter])
    assert (models["value"], adapters["value"]) == (None, [])
    assert form.choose_engine(ctx, "llamacpp", file, [])[0]["value"] == file
    assert form.choose_engine(ctx, "ollama", "qwen3:8b", [])[0]["value"] == "qwen3:8b"
    assert form.choose_engine(ctx, "nim_spark", folder, [adapter])[1]["visible"] is False


def plan_for(ctx: UiContext, given: dict[str, Any], engine: FakeEngine | None = None) -> list[Any]:
    return form.show_plan(ctx, connect_to(engine or FakeEngine()), "after", given)


def test_the_embedded_server_needs_no_engine_and_is_planned_without_one(
    ctx: UiContext, tmp_path: Path
) -> None:
    def refuse(_: Workspace) -> FakeEngine:
        raise AssertionError("no engine is needed")

    checks, command, run = form.show_plan(ctx, refuse, "after", values(str(make_model(tmp_path / "m"))))
    assert "メモリ" in checks
    assert json.loads(command)["command"].startswith("workbench serve start --engine embedded")
    assert json.loads(run)["command"] == ""


def test_a_folder_that_is_no_model_stops_the_start(ctx: UiContext, tmp_path: Path) -> None:
    checks, _, _ = plan_for(ctx, values(str(tmp_path)))
    assert "sv-check-stop" in checks


def test_the_docker_run_is_shown_and_holds_no_secret(
    ctx: UiContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGC_API_KEY", "nvapi-canary-1")
    model = str(make_model(tmp_path / "m"))
    given = values(model, engine="nim1", accept_licence=True, api_key_env="NGC_API_KEY")
    engine = FakeEngine(engine=EngineInfo(version="27", arch="amd64", gpu="toolkit"))
    checks, command, run = plan_for(ctx, given, engine)
    assert "docker run" in json.loads(run)["command"]
    assert "NIM_MODEL_NAME" in run
    assert "nvapi-canary-1" not in checks + command + run
    assert "27" in checks


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("engine_not_installed", "入っていません"),
        ("engine_not_running", "動いていません"),
        ("engine_no_permission", "権限がありません"),
    ],
)
def test_the_three_states_without_an_engine_stand_in_the_way_in_words(
    ctx: UiContext, tmp_path: Path, code: str, said: str
) -> None:
    def fail(_: Workspace) -> FakeEngine:
        raise ResourceError(code, address="/x.sock", socket="/x.sock")

    given = values(str(make_model(tmp_path / "m")), engine="vllm")
    checks, _, _ = form.show_plan(ctx, fail, "after", given)
    assert said in checks
    assert "sv-check-stop" in checks


def test_an_adapter_is_named_as_people_know_it(ctx: UiContext, tmp_path: Path) -> None:
    folder = train_adapter(ctx, "/models/a", "税の質問")
    assert "税の質問" in form.name_adapter(ctx, str(folder))
    assert form.name_adapter(ctx, "/x/adapter") == "adapter"
    assert form.name_model(ctx, str(starter_folder())) == ctx.t("live_tab.starter")
    assert form.name_model(ctx, "qwen3:8b") == "qwen3:8b"
    assert form.safe_title(ctx, with_adapter(tmp_path, role="after")).startswith("学習後")


def hand(name: str, **more: Any) -> Handed:
    plain: Any = {
        "target": "serve",
        "what": "model",
        "name": name,
        "job": "",
        "at": 1.0,
        "engine": "llamacpp",
    }
    return {**plain, **more}


def test_what_another_tab_hands_over_fills_the_form_of_the_tuned_model(ctx: UiContext) -> None:
    made = make_gguf_result(ctx, "tax")
    folder = str(ctx.artifacts.folder(made.id))
    filled = form.named(form.fill_form(ctx, "after", hand(folder)))
    assert (filled["engine"], filled["model"]["value"]) == ("llamacpp", folder)
    assert folder in [value for _, value in filled["model"]["choices"]]
    assert form.named(form.fill_form(ctx, "judge", hand(folder)))["engine"] == "embedded"


def test_a_hand_over_is_over_once_a_server_was_started_for_the_role(ctx: UiContext, tmp_path: Path) -> None:
    config = make_config(tmp_path, role="after")
    submit_server(ctx, config)
    assert form.take_handed(ctx, "after", hand("/m")) is None
    assert form.take_handed(ctx, "after", hand("/m", at=9e12)) is not None


def test_an_adapter_without_its_base_waits_for_the_base_to_be_chosen(ctx: UiContext) -> None:
    made = make_gguf_result(ctx, "tax", to="gguf-adapter")
    folder = str(ctx.artifacts.folder(made.id))
    filled = form.named(form.fill_form(ctx, "after", hand("", adapter=folder)))
    assert (filled["model"]["value"], filled["adapters"]["value"]) == (None, [folder])


def test_models_and_adapters_as_gguf_stand_in_their_own_lists(ctx: UiContext) -> None:
    whole, adapter = make_gguf_result(ctx, "whole"), make_gguf_result(ctx, "tuned", to="gguf-adapter")
    models = [path for _, path in form.model_choices(ctx, "llamacpp")]
    adapters = [path for _, path in form.adapter_choices(ctx, "llamacpp", None)]
    assert models == [str(ctx.artifacts.folder(whole.id).resolve())]
    assert adapters == [str(ctx.artifacts.folder(adapter.id))]
    assert "whole" in form.model_choices(ctx, "llamacpp")[0][0]


def test_the_run_line_of_a_converted_file_names_it_as_the_container_sees_it(
    ctx: UiContext, tmp_path: Path
) -> None:
    folder = ctx.artifacts.folder(make_gguf_result(ctx, "tax").id)
    config = form.read_config(
        "after", values(str(folder), engine="llamacpp", image="ghcr.io/ggml-org/llama.cpp:server")
    )
    plan = form.make_plan(ctx, config, connect_to(FakeEngine()))
    line = " ".join(plan.run_command)
    assert f"{folder}/model-q8_0.gguf" in line
    assert "--model /models/base/model-q8_0.gguf" in line
    assert plan.memory_bytes > 0
