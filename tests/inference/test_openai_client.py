from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from aiohttp import web

from tests.inference.fake_server import FakeServer, completion, error, running
from workbench.errors import EndpointError, InputError, StateError
from workbench.i18n import render_error
from workbench.inference import create_client
from workbench.inference.openai_client import OpenAIClient
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
    return Endpoint.model_validate(
        {"name": "srv", "base_url": url, "model": "base", "engine": "vllm", **values}
    )


@asynccontextmanager
async def client_of(server: FakeServer, key: str = "", **values: Any) -> AsyncIterator[OpenAIClient]:
    async def no_sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    slept: list[float] = []
    chosen = endpoint(server.url, **values)
    client = OpenAIClient(chosen, key, retrier=Retrier("srv", sleep=no_sleep, rng=Random(0)))
    client.slept = slept  # type: ignore[attr-defined]
    try:
        yield client
    finally:
        await client.close()


async def ask(*answers: Any, key: str = "", **values: Any) -> tuple[ChatReply, FakeServer]:
    async with running(FakeServer(*answers)) as server, client_of(server, key, **values) as client:
        return await client.complete(QUESTION), server


async def test_a_question_is_sent_whole_and_its_answer_read_whole() -> None:
    reply, server = await ask(completion("答えです。"))
    assert (reply.text, reply.state, reply.finish_reason) == ("答えです。", "ok", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (5, 7)
    assert reply.seconds > 0
    body = server.bodies[0]
    assert body["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "質問"}]
    assert (body["model"], body["max_tokens"], body["stop"], body["seed"]) == ("base", 33, ["。"], 4)
    assert (body["temperature"], body["top_p"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("engine", "thinking", "sent"),
    [
        ("vllm", "off", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("embedded", "on", {"chat_template_kwargs": {"enable_thinking": True}}),
        ("ollama", "off", {"reasoning_effort": "none"}),
        ("openai", "off", {}),
        ("nim", "default", {}),
    ],
)
async def test_thinking_is_switched_in_the_way_of_the_engine(
    engine: str, thinking: str, sent: dict[str, Any]
) -> None:
    _, server = await ask(completion("a"), engine=engine, thinking=thinking)
    body = server.bodies[0]
    extra = {name: body[name] for name in ("chat_template_kwargs", "reasoning_effort") if name in body}
    assert extra == sent


async def test_extra_fields_of_the_endpoint_are_sent_and_win() -> None:
    extra = {"lora": [{"id": 0, "scale": 0.0}], "chat_template_kwargs": {"mode": 1}}
    _, server = await ask(completion("a"), extra_body=extra)
    assert server.bodies[0]["lora"] == [{"id": 0, "scale": 0.0}]
    assert server.bodies[0]["chat_template_kwargs"] == {"mode": 1}


async def test_reasoning_comes_apart_from_the_answer_however_it_is_sent() -> None:
    inside, _ = await ask(completion("<think>考え</think>答え"))
    apart, _ = await ask(completion("答え", reasoning_content="考え"))
    assert (inside.text, inside.reasoning) == (apart.text, apart.reasoning) == ("答え", "考え")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (completion(""), "empty"),
        (completion(None), "empty"),
        (completion("半", "length"), "truncated"),
        (completion("<think>考え", "length"), "thinking_truncated"),
        (completion(None, "length", reasoning_content="考え"), "thinking_truncated"),
    ],
)
async def test_answers_that_are_none_have_a_state_of_their_own(answer: dict[str, Any], state: str) -> None:
    reply, _ = await ask(answer)
    assert reply.state == state


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(400, "This model's maximum context length is 4096 tokens"), "context_too_long"),
        (error(400, "too much", "context_length_exceeded"), "context_too_long"),
        (error(422, "bad field"), "request_refused"),
        (web.Response(text="<html>hello</html>", content_type="text/html"), "answer_not_chat"),
        (web.Response(text="{", content_type="application/json"), "answer_not_chat"),
        (web.json_response({"choices": []}), "answer_not_chat"),
        (completion("x", "content_filter"), "answer_filtered"),
    ],
)
async def test_a_request_that_cannot_be_answered_is_an_error_state_and_is_asked_once(
    answer: Any, code: str
) -> None:
    reply, server = await ask(answer)
    assert (reply.state, reply.error_code) == ("error", code)
    assert len(server.bodies) == 1


async def test_server_faults_are_asked_again_up_to_six_times() -> None:
    recovered, _ = await ask(error(500), error(503), completion("答え"))
    assert recovered.text == "答え"
    failed, server = await ask(error(500, "boom"))
    assert (failed.state, failed.error_code) == ("error", "answer_server_error")
    assert "boom" in failed.error_detail
    assert len(server.bodies) == 6


async def test_rate_limits_honour_the_stated_time_and_use_up_no_tries() -> None:
    limited = [error(429, "slow", Retry_After="2")] * 8
    async with running(FakeServer(*limited, completion("答え"))) as server, client_of(server) as client:
        reply = await client.complete(QUESTION)
        assert reply.text == "答え"
        assert len(server.bodies) == 9
        assert client.slept  # type: ignore[attr-defined]
        assert max(client.slept) <= 2.0  # type: ignore[attr-defined]
        assert min(client.slept) > 1.5  # type: ignore[attr-defined]


async def test_an_empty_account_is_not_waited_for() -> None:
    with pytest.raises(EndpointError, match="endpoint_quota"):
        await ask(error(429, "pay", "insufficient_quota"))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_stops_everything_with_a_sentence_that_names_the_variable(status: int) -> None:
    with pytest.raises(EndpointError) as caught:
        await ask(error(status, f"bad key {KEY}"), key=KEY, api_key_env="MY_KEY")
    shown = render_error(caught.value, "ja")
    assert "MY_KEY" in shown.text
    assert KEY not in f"{shown.text}{caught.value!r}"


async def test_a_server_that_wants_a_key_where_none_is_set_says_so() -> None:
    with pytest.raises(EndpointError, match="endpoint_needs_key"):
        await ask(error(401))


async def test_a_missing_model_is_reported_with_those_that_exist() -> None:
    with pytest.raises(EndpointError) as caught:
        await ask(error(404, "no model"), model="gone")
    assert caught.value.code == "endpoint_model_missing"
    assert caught.value.params["models"] == "base, ft"


async def test_a_wrong_path_is_told_from_a_missing_model() -> None:
    with pytest.raises(EndpointError, match="endpoint_path_missing"):
        await ask(error(404))


async def test_a_redirect_is_not_followed() -> None:
    with pytest.raises(EndpointError, match="endpoint_redirects"):
        await ask(web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"}), key=KEY)


async def test_a_server_that_does_not_answer_in_time_is_an_error_state() -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    reply, server = await ask(hang, timeout_s=0.05)
    assert (reply.state, reply.error_code) == ("error", "answer_timeout")
    assert len(server.bodies) == 6


async def test_nobody_at_the_address_is_an_error_state() -> None:
    server = FakeServer()
    server.url = f"http://127.0.0.1:{free_port()}/v1"
    async with client_of(server) as client:
        reply = await client.complete(QUESTION)
    assert (reply.state, reply.error_code) == ("error", "answer_unreachable")


async def test_a_key_that_the_server_repeats_is_masked() -> None:
    reply, server = await ask(error(400, f"what is {KEY}?"), key=KEY)
    assert KEY not in reply.error_detail
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_nothing_is_taken_from_the_environment_of_the_cloud_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    reply, server = await ask(completion("答え"))
    assert reply.text == "答え"
    sent = " ".join(server.headers[0].values())
    assert not {"sk-other", "org", "proj"} & set(sent.split())
    assert "OpenAI-Organization" not in server.headers[0]


async def test_the_key_is_read_from_its_variable_and_missing_ones_are_named() -> None:
    async with running(FakeServer(completion("答え"))) as server:
        chosen = endpoint(server.url, api_key_env="MY_KEY")
        client = create_client(chosen, environ={"MY_KEY": KEY})
        await client.complete(QUESTION)
        await client.close()
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        with pytest.raises(StateError) as caught:
            create_client(chosen, environ={"MY_KEY": " "})
    assert caught.value.params == {"name": "MY_KEY"}


def test_a_dialect_without_a_client_is_refused() -> None:
    chosen = endpoint("http://127.0.0.1:1").model_copy(update={"dialect": "other"})
    with pytest.raises(InputError, match="endpoint_dialect_unknown"):
        create_client(chosen, environ={})


async def test_a_probe_shows_models_and_one_answer() -> None:
    async with running(FakeServer(completion("2", reasoning_content="1+1 は"))) as server:
        result = await probe(endpoint(server.url), environ={})
    assert result.models == ("base", "ft")
    assert result.reply.text == "2"
    assert result.thinks


async def test_a_probe_does_without_a_model_list() -> None:
    server = FakeServer(completion("2"))
    server.models = None
    async with running(server):
        assert (await probe(endpoint(server.url), environ={})).models == ()


async def test_a_probe_of_nothing_says_that_nothing_answers() -> None:
    with pytest.raises(EndpointError) as caught:
        await probe(endpoint(f"http://127.0.0.1:{free_port()}/v1"), environ={})
    assert caught.value.code == "endpoint_unreachable"


async def test_a_probe_that_is_refused_repeats_the_reason() -> None:
    async with running(FakeServer(error(400, "no such field"))) as server:
        with pytest.raises(EndpointError) as caught:
            await probe(endpoint(server.url), environ={})
    assert "no such field" in render_error(caught.value, "en").text


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
