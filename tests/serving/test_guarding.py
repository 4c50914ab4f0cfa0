from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.fake_server import FakeModelServer
from workbench.errors import StateError
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import ServeConfig
from workbench.serving.guarding import find_off, guard_endpoints, require_held, served_models, server_root
from workbench.serving.recipes import load_recipe
from workbench.serving.sides import describe_models

ON = [{"id": 0, "scale": 1}]


@pytest.fixture
def llama() -> Iterator[FakeModelServer]:
    """A llama.cpp server that somebody else started, with one adapter."""
    with FakeModelServer("llamacpp", ("127.0.0.1", 0)) as server:
        yield server


def registered(server: FakeModelServer, name: str, **body: Any) -> Endpoint:
    url = f"http://127.0.0.1:{server.port}/v1"
    return Endpoint(name=name, base_url=url, model="base", engine="llamacpp", extra_body=body)


async def test_a_foreign_llama_server_is_asked_which_adapters_to_switch_off(llama: FakeModelServer) -> None:
    off = find_off(registered(llama, "before", lora=ON, seed=3))
    assert off.extra_body == {"lora": [{"id": 0, "scale": 0.0}], "seed": 3}


async def test_a_comparison_over_a_foreign_llama_server_is_refused_where_the_adapter_was_left_on(
    llama: FakeModelServer,
) -> None:
    careless, tuned = registered(llama, "before"), registered(llama, "after", lora=ON)
    found = await guard_endpoints(careless, tuned, environ={})
    with pytest.raises(StateError, match="serve_guard_refused"):
        require_held(found, careless)
    careful = registered(llama, "before", lora=[{"id": 0, "scale": 0}])
    held = await guard_endpoints(careful, tuned, environ={})
    assert held.state == "held"
    require_held(held, careful)


async def test_a_server_of_ours_is_held_to_its_own_base(llama: FakeModelServer) -> None:
    config = ServeConfig.model_validate(
        {"engine": "llamacpp", "model": "/m.gguf", "adapters": [{"name": "ft", "path": "/a.gguf"}]}
    )
    models = describe_models(config, f"http://127.0.0.1:{llama.port}/v1", load_recipe("llamacpp"))
    base, tuned = models[0].endpoint, models[1].endpoint
    assert (await guard_endpoints(base, tuned, environ={}, models=models)).state == "held"
    assert (await guard_endpoints(tuned, tuned, environ={}, models=models)).state == "refused"


def test_the_models_of_a_job_s_note_come_back_whole() -> None:
    config = ServeConfig.model_validate({"model": "/m", "adapters": [{"name": "ft", "path": "/a"}]})
    models = describe_models(config, "http://127.0.0.1:9/v1")
    assert served_models({"served": [one.model_dump(mode="json") for one in models]}) == models
    assert served_models({}) == ()
    assert server_root("http://127.0.0.1:9/v1") == "http://127.0.0.1:9"
