from __future__ import annotations

from typing import Any

import pytest

from tests.inference.fake_server import FakeServer, completion, error, running
from workbench.errors import EndpointError, InputError
from workbench.inference import create_reward_client
from workbench.inference.retry import RetryPolicy
from workbench.inference.rewards import (
    HELPSTEER,
    add_weighted,
    choose_primary,
    parse_rewards,
    write_rewards,
)
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint

# the figures of NVIDIA's own example for Nemotron-4-340B-Reward
TEXT = "helpfulness:1.6171875,correctness:1.6484375,coherence:3.3125,complexity:0.546875,verbosity:0.515625"
SCORES = dict(zip(HELPSTEER, (1.6171875, 1.6484375, 3.3125, 0.546875, 0.515625), strict=True))
TALK = (
    ChatMessage(role="user", content="パリで何を見るとよいですか。"),
    ChatMessage(role="assistant", content="エッフェル塔です。"),
)


async def ask(answer: Any) -> tuple[ChatReply, FakeServer]:
    async with running(FakeServer(answer)) as server:
        endpoint = Endpoint(name="reward", base_url=server.url, model="nvidia/nemotron-4-340b-reward")
        client = create_reward_client(endpoint, environ={}, policy=RetryPolicy(tries=1))
        try:
            return await client.complete(ChatRequest(messages=TALK)), server
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        (TEXT, SCORES),
        ("reward:-12.3", {"reward": -12.3}),
        (" Reward = 4e-2 ", {"reward": 0.04}),
        ("-7.25", {"reward": -7.25}),
        ("principle 1: 0.5, principle 2: -1", {"principle 1": 0.5, "principle 2": -1.0}),
    ],
)
def test_scores_are_read_in_the_forms_in_which_servers_write_them(
    text: str, scores: dict[str, float]
) -> None:
    assert parse_rewards(text) == scores
    assert parse_rewards(write_rewards(scores)) == scores


@pytest.mark.parametrize(
    "text",
    [
        "",
        "よい回答です。",
        "reward: good",
        "helpfulness:1,だいたい",
        "reward:nan",
        "inf",
        "1.2.3",
        "The score is 5",
        "1e999",
    ],
)
def test_anything_else_is_no_score(text: str) -> None:
    assert parse_rewards(text) == {}


def test_five_attributes_have_the_model_cards_weighted_sum() -> None:
    total = 0.3 * 1.6171875 + 0.74 * 1.6484375 + 0.46 * 3.3125 + 0.47 * 0.546875 - 0.33 * 0.515625
    assert add_weighted(SCORES)["weighted"] == pytest.approx(total)
    assert add_weighted({"reward": 1.0}) == {"reward": 1.0}
    assert (choose_primary(SCORES), choose_primary(["x", "y"]), choose_primary([])) == (
        "helpfulness",
        "x",
        "reward",
    )


async def test_a_nim_writes_the_scores_into_the_message() -> None:
    reply, server = await ask(completion(TEXT, "length"))
    assert parse_rewards(reply.text) == SCORES
    # every reward comes with finish_reason `length`; it was not cut off
    assert reply.state == "ok"
    assert set(server.bodies[0]) == {"model", "messages", "stream"}
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "エッフェル塔です。"}


async def test_the_hosted_340b_sends_a_list_in_place_of_the_message() -> None:
    whole = completion(None, "length")
    whole["choices"][0]["message"] = [{"role": "assistant", "content": TEXT}]
    reply, _ = await ask(whole)
    assert parse_rewards(reply.text) == SCORES


async def test_scores_may_stand_in_place_of_log_probabilities() -> None:
    whole = completion("", "length")
    content = [
        {"token": name, "logprob": score, "bytes": None, "top_logprobs": []} for name, score in SCORES.items()
    ]
    whole["choices"][0]["logprobs"] = {"content": content}
    reply, _ = await ask(whole)
    assert parse_rewards(reply.text) == SCORES


async def test_real_log_probabilities_are_no_scores() -> None:
    whole = completion("こんにちは", "stop")
    content = [{"token": "こん", "logprob": -0.1, "bytes": None, "top_logprobs": []}]
    whole["choices"][0]["logprobs"] = {"content": content}
    reply, _ = await ask(whole)
    assert (reply.text, parse_rewards(reply.text)) == ("こんにちは", {})


async def test_an_empty_or_refused_answer_is_a_state() -> None:
    assert (await ask(completion("")))[0].state == "empty"
    failed = (await ask(error(400, "too long", "context_length_exceeded")))[0]
    assert (failed.state, failed.error_code) == ("error", "context_too_long")


async def test_a_server_without_the_model_is_told_as_such() -> None:
    with pytest.raises(EndpointError) as caught:
        await ask(error(404, "no model"))
    assert caught.value.code == "endpoint_model_missing"


def test_rewards_come_over_openais_api_only() -> None:
    endpoint = Endpoint(name="r", base_url="http://127.0.0.1:9", model="m", dialect="ollama")
    with pytest.raises(InputError):
        create_reward_client(endpoint, environ={})
