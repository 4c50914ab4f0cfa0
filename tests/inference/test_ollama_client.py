from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from aiohttp import web

from tests.inference.fake_ollama_chat import FakeOllama, ollama
from workbench.errors import EndpointError
from workbench.inference import create_client
from workbench.inference.ollama_client import OllamaClient
from workbench.inference.probe import probe
from workbench.inference.retrier import Retrier
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling

KEY = "sk-very-secret"
QUESTION = ChatRequest(
    messages=(ChatMessage(role="system", content="s"), ChatMessage(role="user", content="質問")),
    sampling=Sampling(max_tokens=33, stop=("。",), seed=4),
)


def endpoint(url: str, **values: Any) -> Endpoint:
    given = {"name": "o", "base_url": url, "model": "m:latest", "engine": "ollama", "dialect": "ollama"}
    return Endpoint.model_validate({**given, **values})


@asynccontextmanager
async def client_of(server: FakeOllama, key: str = "", **values: Any) -> AsyncIterator[OllamaClient]:
    async def no_sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    retrier = Retrier("o", sleep=no_sleep, rng=Random(0))
    client = OllamaClient(endpoint(server.url, **values), key, retrier=retrier)
    try:
        yield client
    finally:
        await client.close()


async def ask(server: FakeOllama, key: str = "", **values: Any) -> ChatReply:
    async with ollama(server), client_of(server, key, **values) as client:
        return await client.complete(QUESTION)


async def test_every_option_is_sent_and_none_is_left_to_the_server() -> None:
    server = FakeOllama()
    reply = await ask(server)
    assert (reply.text, reply.state, reply.finish_reason) == ("答えです。", "ok", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (11, 18)
    body = server.bodies[0]
    assert body["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "質問"}]
    assert (body["model"], body["stream"], body["think"]) == ("m:latest", False, False)
    assert body["options"] == {
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "typical_p": 1.0,
        "repeat_penalty": 1.0,
        "repeat_last_n": 0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "seed": 4,
        "num_predict": 33,
        "stop": ["。"],
    }


async def test_the_endpoint_s_own_options_are_added_one_by_one() -> None:
    server = FakeOllama()
    await ask(server, extra_body={"options": {"num_ctx": 2048, "top_k": 1}, "keep_alive": "1h"})
    assert server.bodies[0]["options"]["num_ctx"] == 2048
    assert server.bodies[0]["options"]["top_k"] == 1
    assert server.bodies[0]["options"]["temperature"] == 0.0
    assert server.bodies[0]["keep_alive"] == "1h"


@pytest.mark.parametrize(("thinking", "sent"), [("off", False), ("on", True), ("default", None)])
async def test_the_thinking_switch_is_the_server_s_own(thinking: str, sent: bool | None) -> None:
    server = FakeOllama()
    await ask(server, thinking=thinking)
    assert server.bodies[0].get("think") is sent


async def test_a_thinking_part_is_kept_apart() -> None:
    server = FakeOllama("2")
    server.thinking = "1+1 は"
    reply = await ask(server)
    assert (reply.text, reply.reasoning) == ("2", "1+1 は")


async def test_an_answer_that_ran_out_of_tokens_is_truncated() -> None:
    server = FakeOllama("長い")
    server.done_reason = "length"
    assert (await ask(server)).state == "truncated"


async def test_a_busy_server_is_asked_again() -> None:
    server = FakeOllama("2")
    server.refusals = [web.json_response({"error": "server busy"}, status=503)] * 2
    assert (await ask(server)).text == "2"
    assert len(server.bodies) == 3


async def test_a_missing_model_names_those_that_are_there() -> None:
    with pytest.raises(EndpointError) as caught:
        await ask(FakeOllama(models=("a:1", "b:2")))
    assert caught.value.code == "endpoint_model_missing"
    assert caught.value.params["models"] == "a:1, b:2"


async def test_a_refused_key_never_shows_itself() -> None:
    server = FakeOllama()
    server.refusals = [web.json_response({"error": f"bad key {KEY}"}, status=400)]
    reply = await ask(server, KEY)
    assert reply.state == "error"
    assert KEY not in reply.error_detail
    assert "***" in reply.error_detail


async def test_a_streamed_answer_comes_in_pieces_and_ends_with_the_whole() -> None:
    server = FakeOllama("三つの答え")
    async with ollama(server), client_of(server) as client:
        chunks = [chunk async for chunk in client.stream(QUESTION)]
    assert [chunk.text for chunk in chunks[:-1]] == ["三つ", "の答", "え"]
    reply = chunks[-1].reply
    assert reply is not None
    assert (reply.text, reply.state, reply.completion_tokens) == ("三つの答え", "ok", 18)
    assert reply.first_token_seconds is not None


async def test_a_stream_is_begun_again_where_the_server_was_busy() -> None:
    server = FakeOllama("2")
    server.refusals = [web.json_response({"error": "server busy"}, status=503)]
    async with ollama(server), client_of(server) as client:
        chunks = [chunk async for chunk in client.stream(QUESTION)]
    assert chunks[-1].reply is not None
    assert chunks[-1].reply.text == "2"


async def test_an_error_inside_a_stream_keeps_what_had_come() -> None:
    server = FakeOllama("三つの答え")
    server.break_after = 2
    async with ollama(server), client_of(server) as client:
        chunks = [chunk async for chunk in client.stream(QUESTION)]
    reply = chunks[-1].reply
    assert reply is not None
    assert (reply.state, reply.error_code, reply.text) == ("error", "answer_cut_off", "三つの答")


async def test_the_dialect_is_chosen_by_the_endpoint() -> None:
    async with ollama(FakeOllama("2")) as server:
        client = create_client(endpoint(server.url), environ={})
        try:
            assert isinstance(client, OllamaClient)
            assert await client.models() == ("m:latest",)
        finally:
            await client.close()


async def test_a_probe_works_as_with_any_other_server() -> None:
    async with ollama(FakeOllama("2")) as server:
        result = await probe(endpoint(server.url), environ={})
    assert result.models == ("m:latest",)
    assert result.reply.text == "2"


async def test_nothing_at_the_address_is_said_as_such() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with pytest.raises(EndpointError, match="endpoint_unreachable"):
        await probe(endpoint(url), environ={})


async def test_another_kind_of_server_is_no_ollama() -> None:
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(EndpointError, match="endpoint_not_chat"):
            await probe(endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}"), environ={})
    finally:
        await runner.cleanup()
