"""Forms come from schemas and go back into them."""

from __future__ import annotations

import gradio as gr
import pytest

from tests.ui.fakes import make_ctx
from workbench.errors import ConfigError
from workbench.i18n import render_error
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint
from workbench.schemas.training import SFTSettings
from workbench.ui.context import UiContext
from workbench.ui.forms import build_form, find_field, make_component, nest, parse_form

GIVEN = {"name": "a", "base_url": "http://127.0.0.1/v1", "model": "m"}


def test_each_field_gets_its_label_hint_and_default_from_the_schema(ctx: UiContext) -> None:
    with gr.Blocks():
        form = build_form(Endpoint, "endpoint", ctx, fields=("name", "locality"), advanced=("timeout_s",))
    assert list(form) == ["name", "locality", "timeout_s"]
    assert form["name"].label == ctx.t("field.Endpoint.name.label")
    assert form["name"].elem_id == "endpoint-name"
    assert form["timeout_s"].value == 120.0
    assert form["locality"].value == "local"
    assert (ctx.t("choice.Endpoint.locality.cloud"), "cloud") in form["locality"].choices


def test_bounds_are_said_in_the_hint_so_that_the_schema_can_report_all_problems_at_once(
    ctx: UiContext,
) -> None:
    with gr.Blocks():
        number = make_component(ctx, Endpoint, "max_in_flight", "x")
    assert isinstance(number, gr.Number)
    assert "1,024" in number.info
    assert number.minimum is None


def test_a_share_becomes_a_slider(workspace: Workspace) -> None:
    from workbench.schemas.generation import RaftConfig

    with gr.Blocks():
        slider = make_component(make_ctx(workspace), RaftConfig, "oracle_share", "x")
    assert isinstance(slider, gr.Slider)
    assert (slider.minimum, slider.maximum, slider.value) == (0, 1, 0.8)


def test_a_nested_field_is_found_with_the_default_of_the_outer_schema() -> None:
    spec = find_field(SFTSettings, "lora.r")
    assert (spec.owner.__name__, spec.name, spec.default) == ("LoraSettings", "r", 16)


@pytest.mark.parametrize("path", ["nothing", "lora.nothing", "model.nothing"])
def test_an_unknown_path_is_refused(path: str) -> None:
    with pytest.raises(KeyError):
        find_field(SFTSettings, path)


def test_keys_with_double_underscores_are_nested() -> None:
    assert nest({"a": 1, "lora__r": 8, "lora__lora_alpha": 4}) == {"a": 1, "lora": {"r": 8, "lora_alpha": 4}}


def test_what_a_form_sent_becomes_the_schema() -> None:
    settings = parse_form(
        SFTSettings, {"lora__r": 8, "learning_rate": 0.001}, fixed={"model": "/m", "train_file": "/t"}
    )
    assert (settings.lora.r, settings.learning_rate, settings.model) == (8, 0.001, "/m")


def test_all_bad_fields_are_reported_at_once_by_their_labels() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_form(Endpoint, {**GIVEN, "base_url": "ftp://x", "max_in_flight": 0})
    assert {problem.field for problem in caught.value.problems} == {
        "Endpoint.base_url",
        "Endpoint.max_in_flight",
    }
    said = render_error(caught.value, "ja").text
    assert "アドレス" in said
    assert "1 以上" in said


def test_a_bad_nested_field_is_named_by_its_own_schema() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_form(SFTSettings, {"lora__r": 0}, fixed={"model": "/m", "train_file": "/t"})
    assert [problem.field for problem in caught.value.problems] == ["LoraSettings.r"]
