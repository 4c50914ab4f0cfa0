from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.errors import StateError
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import ServeConfig, ServedModel
from workbench.serving.recipes import load_recipe
from workbench.serving.sides import check_baseline, describe_models, find_side, switched_off

ADAPTERS = [{"name": "ft", "path": "/a/ft.gguf"}, {"name": "other", "path": "/a/other.gguf"}]


def models(engine: str, listed: tuple[str, ...] = (), **values: Any) -> tuple[ServedModel, ...]:
    given = {"engine": engine, "model": "/m", "model_name": "base", "adapters": ADAPTERS, **values}
    config = ServeConfig.model_validate(given)
    recipe = None if engine == "embedded" else load_recipe(engine)
    return describe_models(config, "http://127.0.0.1:9/v1", recipe, listed)


def scales(endpoint: Endpoint) -> list[float]:
    return [one["scale"] for one in endpoint.extra_body["lora"]]


def test_llama_cpp_is_told_a_scale_for_every_adapter_in_every_request() -> None:
    base, ft, other = models("llamacpp")
    assert scales(base.endpoint) == [0.0, 0.0]
    assert scales(ft.endpoint) == [1.0, 0.0]
    assert scales(other.endpoint) == [0.0, 1.0]
    assert {one.endpoint.model for one in (base, ft, other)} == {"base"}
    assert [one.is_base for one in (base, ft, other)] == [True, False, False]


def test_elsewhere_the_name_chooses() -> None:
    for engine in ("embedded", "vllm", "nim1", "nim2"):
        assert [one.endpoint.model for one in models(engine)] == ["base", "ft", "other"]
        assert all("lora" not in one.endpoint.extra_body for one in models(engine))


def test_ollama_s_models_are_its_own_and_read_as_much_as_was_chosen() -> None:
    named = models("ollama", model="llama3.2:3b", max_context=2048)
    assert named[0].endpoint.model == "llama3.2:3b"
    assert named[1].endpoint.model.startswith("ftw-ft:")
    assert named[0].endpoint.extra_body == {"options": {"num_ctx": 2048}}
    assert named[0].endpoint.dialect == "ollama"


def test_another_file_under_the_same_name_is_another_ollama_model() -> None:
    first = models("ollama", model="/models/a.gguf")[0].endpoint.model
    assert first != models("ollama", model="/models/b.gguf")[0].endpoint.model


def test_a_model_inside_its_image_keeps_the_name_that_it_has() -> None:
    only = models("nim_spark", ("nvidia/nemotron-nano",), adapters=[])
    assert only[0].endpoint.model == "nvidia/nemotron-nano"
    assert models("nim_spark", ("base",), adapters=[])[0].endpoint.model == "base"


def test_a_base_with_its_adapters_left_on_is_none_of_the_sides() -> None:
    served = models("llamacpp")
    careless = served[0].endpoint.model_copy(update={"extra_body": {}})
    with pytest.raises(StateError, match="serve_side_unknown"):
        find_side(careless, served)
    with pytest.raises(StateError, match="serve_side_unknown"):
        check_baseline(careless, served)


def test_a_tuned_model_is_no_baseline() -> None:
    served = models("vllm")
    check_baseline(served[0].endpoint, served)
    with pytest.raises(StateError, match="serve_baseline_is_tuned"):
        check_baseline(served[1].endpoint, served)


def test_the_way_a_number_is_written_makes_no_other_side() -> None:
    served = models("llamacpp")
    written = served[0].endpoint.model_copy(
        update={"extra_body": {"lora": [{"scale": 0, "id": 1}, {"scale": 0, "id": 0}]}}
    )
    assert find_side(written, served).is_base


def test_off_is_the_base_s_own_way_of_being_asked() -> None:
    served = models("llamacpp")
    assert switched_off(served[1].endpoint, served) == served[0].endpoint
    assert Path(served[0].name).name == "base"
