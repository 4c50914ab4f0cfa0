from __future__ import annotations

import pytest
from aiohttp import web

from tests.inference.fake_server import FakeServer, completion, running
from workbench.inference.openai_client import OpenAIClient
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import IN_FLIGHT, ChatReply, ChatRequest, Endpoint, Engine

REQUEST = ChatRequest(messages=(ChatMessage(role="user", content="問い"),))


async def ask(server: FakeServer, key: str = "", **changes: object) -> ChatReply:
    values = {"name": "e", "base_url": server.url, "model": "m", "engine": "vllm", **changes}
    client = OpenAIClient(Endpoint.model_validate(values), key)
    try:
        return await client.complete(REQUEST)
    finally:
        await client.close()


async def test_fields_beyond_the_common_ones_stand_in_the_body_itself() -> None:
    async with running(FakeServer(completion("答え"))) as server:
        reply = await ask(server, extra_body={"lora": [{"id": 0, "scale": 0.0}]})
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("答え", 5, 7)
    (body,) = server.bodies
    assert body["lora"] == [{"id": 0, "scale": 0.0}]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert "extra_body" not in body
    assert body["messages"] == [{"role": "user", "content": "問い"}]


async def test_the_key_is_sent_as_a_bearer_and_the_body_as_json() -> None:
    async with running(FakeServer(completion("x"))) as server:
        await ask(server, "sesame")
    assert server.headers[0]["Authorization"] == "Bearer sesame"
    assert server.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"message": {"content": ["a", "b"]}}]},
        {"choices": [{"message": None}]},
        {"choices": []},
        {"hello": 1},
    ],
)
async def test_an_answer_of_another_shape_is_an_error_and_no_text(answer: dict[str, object]) -> None:
    async with running(FakeServer(answer)) as server:
        reply = await ask(server)
    assert (reply.state, reply.error_code, reply.text) == ("error", "answer_not_chat", "")


async def test_what_a_server_leaves_out_is_nothing() -> None:
    async with running(FakeServer({"choices": [{"message": {"content": "x"}}]})) as server:
        reply = await ask(server)
    assert (reply.text, reply.state, reply.finish_reason, reply.completion_tokens) == ("x", "ok", "", 0)


async def test_an_answer_that_is_a_list_or_no_json_is_an_error() -> None:
    for body in (b"[1]", b"<html>", b"\xff\xfe"):
        async with running(FakeServer(web.Response(body=body, content_type="application/json"))) as server:
            assert (await ask(server)).error_code == "answer_not_chat"


@pytest.mark.parametrize(
    ("engine", "usual"), [("nim", 200), ("vllm", 200), ("embedded", 16), ("llamacpp", 4), ("ollama", 4)]
)
def test_each_engine_gets_as_many_requests_as_it_usually_bears(engine: Engine, usual: int) -> None:
    made = Endpoint(name="e", base_url="http://127.0.0.1/v1", model="m", engine=engine)
    assert made.max_in_flight == usual == IN_FLIGHT[engine]
    assert made.model_copy(update={"max_in_flight": 3}).max_in_flight == 3
    assert Endpoint.model_validate(made.model_dump() | {"max_in_flight": 5}).max_in_flight == 5
