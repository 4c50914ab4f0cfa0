"""Before an evaluation: the sides of our servers are what they claim, and everything else is equal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.fake_server import FakeModelServer
from tests.ui.fakes import make_ctx
from tests.ui.serve_samples import set_running, submit_server
from workbench.errors import StateError
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import ServeConfig
from workbench.serving.equal_sides import compare_servers, guard_sides
from workbench.serving.recipes import load_recipe
from workbench.serving.sides import describe_models
from workbench.ui.context import UiContext

FACTS = {"engine": "llamacpp", "image_digest": "i@sha256:1", "quantisation": "Q8_0", "base_sha256": "a"}


@pytest.fixture
def llama() -> Iterator[FakeModelServer]:
    with FakeModelServer("llamacpp", ("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def ctx(workspace: Workspace) -> UiContext:
    return make_ctx(workspace)


def run_server(ctx: UiContext, url: str, role: str, facts: dict[str, Any], *adapters: str) -> list[Endpoint]:
    """A server that runs; how each of its models is asked."""
    mounts = [{"name": name, "path": f"/{name}.gguf"} for name in adapters]
    config = ServeConfig.model_validate(
        {"engine": "llamacpp", "model": f"/{role}.gguf", "role": role, "adapters": mounts}
    )
    models = describe_models(config, url, load_recipe("llamacpp"))
    note = {"served": [model.model_dump(mode="json") for model in models], "provenance": facts}
    set_running(ctx, submit_server(ctx, config), ready=True, endpoint=url, note=note)
    return [model.endpoint for model in models]


async def test_both_sides_of_one_server_are_asked_before_either_is_evaluated(
    ctx: UiContext, llama: FakeModelServer
) -> None:
    base, tuned = run_server(ctx, f"http://127.0.0.1:{llama.port}/v1", "after", FACTS, "ft")
    for asked in (base, tuned.model_copy(update={"name": "after"})):
        found = await guard_sides(asked, ctx.jobs, environ={})
        assert found is not None
        assert (found.state, found.code) == ("held", "one_server")
        assert found.differences


async def test_a_side_that_the_server_does_not_have_is_refused(
    ctx: UiContext, llama: FakeModelServer
) -> None:
    base, _ = run_server(ctx, f"http://127.0.0.1:{llama.port}/v1", "after", FACTS, "ft")
    with pytest.raises(StateError, match="serve_side_unknown"):
        await guard_sides(base.model_copy(update={"extra_body": {}}), ctx.jobs, environ={})


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"base_sha256": "b"}, "servers_equal"),
        ({}, "same_weights"),
        ({"base_sha256": "b", "image_digest": "i@sha256:2", "options": {"n": 1}}, "servers_differ"),
    ],
)
async def test_two_servers_are_held_against_each_other(
    ctx: UiContext, other: dict[str, Any], code: str
) -> None:
    (before,) = run_server(ctx, "http://127.0.0.1:1/v1", "before", FACTS)
    alone = await guard_sides(before, ctx.jobs, environ={})
    assert alone is not None
    assert alone.code == "one_side"
    (after,) = run_server(ctx, "http://127.0.0.1:2/v1", "after", {**FACTS, **other})
    for asked in (before, after):
        found = await guard_sides(asked, ctx.jobs, environ={})
        assert found is not None
        assert found.code == code


def test_the_facts_that_differ_are_named_and_untold_weights_are_no_equal_ones() -> None:
    found = compare_servers(FACTS, {**FACTS, "engine": "vllm", "dtype": "bfloat16"})
    assert found.params == {"facts": "engine,dtype"}
    assert compare_servers({"engine": "a"}, {"engine": "a", "dtype": ""}).code == "servers_equal"


async def test_an_endpoint_that_is_not_ours_is_left_alone(ctx: UiContext) -> None:
    foreign = Endpoint(name="x", base_url="http://127.0.0.1:9/v1", model="m")
    assert await guard_sides(foreign, ctx.jobs, environ={}) is None
