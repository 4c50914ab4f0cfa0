"""The guard against a server that holds base and adapter together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.fake_server import FakeModelServer
from workbench.errors import EndpointError
from workbench.inference import MockClient
from workbench.inference.guard import Said, largest_difference, prove_sides
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint

ON, OFF = [{"id": 0, "scale": 1.0}], [{"id": 0, "scale": 0.0}]


@pytest.fixture
def llama() -> Iterator[FakeModelServer]:
    with FakeModelServer("llamacpp", ("127.0.0.1", 0)) as server:
        yield server


def side(
    server: FakeModelServer, lora: list[dict[str, float]] | None, name: str = "base", **values: Any
) -> Endpoint:
    body = {} if lora is None else {"lora": lora}
    given = {
        "name": name,
        "base_url": f"http://127.0.0.1:{server.port}/v1",
        "model": "base",
        "engine": "llamacpp",
    }
    return Endpoint.model_validate({**given, "extra_body": body, **values})


async def test_a_baseline_with_its_adapter_off_passes(llama: FakeModelServer) -> None:
    off = side(llama, OFF)
    found = await prove_sides(off, {"ft": side(llama, ON, "ft")}, off, environ={})
    assert (found.state, found.method) == ("held", "logprobs")
    assert found.differences["ft"] > 0.1
    assert all(body["temperature"] == 0.0 for body in llama.bodies)


async def test_a_baseline_with_its_adapter_left_on_is_refused(llama: FakeModelServer) -> None:
    careless = side(llama, None, "baseline")
    found = await prove_sides(careless, {"ft": side(llama, ON, "ft")}, side(llama, OFF), environ={})
    assert (found.state, found.code) == ("refused", "baseline_is_not_base")
    assert found.params == {"name": "baseline"}
    assert found.differences["baseline"] > 0.1


async def test_a_weak_adapter_that_changes_no_word_is_seen_by_its_probabilities(
    llama: FakeModelServer,
) -> None:
    llama.effect = 0.02
    off = side(llama, OFF)
    assert (await prove_sides(off, {"ft": side(llama, ON)}, off, environ={})).state == "held"
    careless = await prove_sides(side(llama, None), {"ft": side(llama, ON)}, off, environ={})
    assert careless.state == "refused"


async def test_without_probabilities_the_words_decide(llama: FakeModelServer) -> None:
    llama.tells_logprobs = False
    off = side(llama, OFF)
    found = await prove_sides(off, {"ft": side(llama, ON)}, off, environ={})
    assert (found.state, found.method) == ("held", "tokens")
    assert found.differences == {"ft": 1.0}
    careless = await prove_sides(side(llama, None), {"ft": side(llama, ON)}, off, environ={})
    assert careless.state == "refused"


async def test_a_tuned_side_that_is_the_base_has_no_effect(llama: FakeModelServer) -> None:
    off = side(llama, OFF)
    found = await prove_sides(off, {"ft": off}, off, environ={})
    assert (found.state, found.code, found.params) == ("no_effect", "tuned_is_base", {"name": "ft"})


async def test_where_names_choose_a_tuned_model_is_no_baseline() -> None:
    with FakeModelServer("nim", ("127.0.0.1", 0)) as nim:
        base = side(nim, None, engine="nim")
        tuned = base.model_copy(update={"model": "ft", "name": "ft"})
        assert (await prove_sides(base, {"ft": tuned}, base, environ={})).state == "held"
        assert (await prove_sides(tuned, {"ft": tuned}, base, environ={})).state == "refused"


async def test_noise_of_the_engine_is_forgiven_and_no_more() -> None:
    calls = 0

    def create(endpoint: Endpoint, **values: Any) -> MockClient:
        def say(request: ChatRequest) -> ChatReply:
            nonlocal calls
            calls += 1
            wobble = 0.001 * (calls % 3)
            logprob = -1.0 - wobble - (0.002 if endpoint.name == "base" else 0.5)
            return ChatReply(text=f'{{"tokens": ["a"], "logprobs": [{logprob}]}}')

        return MockClient(say)

    base = Endpoint(name="base", base_url="http://x/v1", model="base")
    found = await prove_sides(
        base, {"ft": base.model_copy(update={"name": "ft"})}, base, environ={}, create=create
    )
    assert found.state == "held"


async def test_a_side_that_does_not_answer_is_an_error_and_no_verdict(llama: FakeModelServer) -> None:
    off = side(llama, OFF)
    with pytest.raises(EndpointError):
        await prove_sides(off, {"ft": side(llama, ON, model="gone")}, off, environ={})


def test_a_fork_counts_even_where_all_tokens_before_it_were_equal() -> None:
    one = (Said(("a", "b"), (-0.1, -0.2)),)
    other = (Said(("a", "c"), (-0.1, -0.9)),)
    assert largest_difference(one, other) == pytest.approx(0.9)
    assert largest_difference(one, one) == 0
    longer = (Said(("a", "b", "c"), (-0.1, -0.2, -0.3)),)
    assert largest_difference(one, longer) == pytest.approx(0.3)


async def test_the_question_reaches_every_side_unchanged(llama: FakeModelServer) -> None:
    off = side(llama, OFF)
    await prove_sides(off, {"ft": side(llama, ON)}, off, environ={}, questions=("自分の質問",))
    asked = {body["messages"][-1]["content"] for body in llama.bodies}
    assert asked == {"自分の質問"}
    assert ChatMessage(role="user", content="自分の質問").content in asked
