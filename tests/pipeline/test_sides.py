from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import StateError
from workbench.pipeline.sides import has_unequal, settle_side
from workbench.schemas.evaluation import EvaluateConfig
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import ServeConfig
from workbench.serving.recipes import load_recipe
from workbench.serving.sides import describe_models

URL = "http://127.0.0.1:9/v1"


def note(engine: str = "llamacpp") -> dict[str, Any]:
    config = ServeConfig.model_validate(
        {"engine": engine, "model": "/m.gguf", "adapters": [{"name": "ft", "path": "/a.gguf"}]}
    )
    models = describe_models(config, URL, load_recipe(engine) if engine != "embedded" else None)
    served = [model.model_dump(mode="json") for model in models]
    return {"served": served, "provenance": {"engine": engine, "template_sha256": "t"}}


def asking(label: str, endpoint: Endpoint, **values: Any) -> EvaluateConfig:
    return EvaluateConfig.model_validate({"endpoint": endpoint, "label": label, **values})


def side(index: int, told: dict[str, Any]) -> Endpoint:
    return Endpoint.model_validate(told["served"][index]["endpoint"])


def test_answers_carry_the_facts_of_the_server_that_gave_them() -> None:
    told = note()
    settled = settle_side(asking("baseline", side(0, told)), told)
    assert settled.provenance == {"engine": "llamacpp", "template_sha256": "t"}
    own = settle_side(asking("baseline", side(0, told), provenance={"engine": "mine"}), told)
    assert own.provenance["engine"] == "mine"


def test_a_baseline_with_its_adapter_left_on_is_refused_before_anything_is_asked() -> None:
    told = note()
    careless = side(0, told).model_copy(update={"extra_body": {}})
    with pytest.raises(StateError, match="serve_side_unknown"):
        settle_side(asking("baseline", careless), told)
    with pytest.raises(StateError, match="serve_baseline_is_tuned"):
        settle_side(asking("baseline", side(1, told)), told)


def test_a_tuned_side_is_asked_as_it_is() -> None:
    told = note()
    assert settle_side(asking("finetuned", side(1, told)), told).endpoint == side(1, told)


def test_the_built_in_server_s_names_are_sides_too() -> None:
    told = note("embedded")
    endpoint = Endpoint(name="b", base_url=URL, model="base", engine="embedded", max_in_flight=16)
    assert settle_side(asking("baseline", endpoint), told).provenance["engine"] == "embedded"
    with pytest.raises(StateError, match="serve_baseline_is_tuned"):
        settle_side(asking("baseline", endpoint.model_copy(update={"model": "ft"})), told)


def test_servers_that_are_not_ours_are_left_alone() -> None:
    config = asking("baseline", Endpoint(name="b", base_url=URL, model="x"))
    assert settle_side(config, {}) is config


def test_two_servers_of_a_recipe_that_differ_in_more_than_weights_are_told() -> None:
    config = asking("finetuned", Endpoint(name="f", base_url=URL, model="base"))
    mine = {"provenance": {"engine": "llamacpp", "base_sha256": "a"}}
    twin = {"provenance": {"engine": "llamacpp", "base_sha256": "b"}}
    other = {"provenance": {"engine": "embedded", "base_sha256": "b"}}
    elsewhere = "http://127.0.0.1:8/v1"
    assert not has_unequal(config, {URL: mine, elsewhere: twin})
    assert has_unequal(config, {URL: mine, elsewhere: other})
    assert not has_unequal(config, {elsewhere: other})
