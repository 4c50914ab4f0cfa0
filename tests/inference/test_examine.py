from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.inference.fake_ollama_chat import FakeOllama, ollama
from tests.inference.fake_server import FakeServer, completion, error, running
from workbench.errors import EndpointError
from workbench.inference import MockClient, guess_locality, leaves_house
from workbench.inference.probe import examine
from workbench.schemas.inference import ChatReply, Endpoint


def endpoint(url: str, **values: Any) -> Endpoint:
    return Endpoint.model_validate(
        {"name": "e", "base_url": url, "model": "base", "engine": "vllm", **values}
    )


async def talk(request: web.Request) -> web.StreamResponse:
    """Answers whole, or bit by bit where that was asked for."""
    body = json.loads(await request.text())
    if not body.get("stream"):
        return web.json_response(completion("2"))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for index in range(20):
        choice = {"index": 0, "delta": {"content": f"{index} "}, "finish_reason": None}
        await response.write(f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n".encode())
        await asyncio.sleep(0.01)
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    end = {
        "id": "c",
        "choices": [choice],
        "usage": {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23},
    }
    await response.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
    return response


async def test_one_press_shows_models_answer_streaming_and_speed() -> None:
    async with running(FakeServer(talk)) as server:
        report = await examine(endpoint(server.url), environ={})
    assert report.models == ("base", "ft")
    assert report.answer == "2"
    assert report.streams is True
    assert report.first_token_seconds is not None
    assert report.tokens_per_second is not None
    assert 5 < report.tokens_per_second < 100
    assert not report.thinking_leaks
    assert not report.leaves_house


async def test_a_server_that_does_not_stream_can_be_used_all_the_same() -> None:
    async def whole_only(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        return (
            error(400, "stream is not supported")
            if body.get("stream")
            else web.json_response(completion("2"))
        )

    async with running(FakeServer(whole_only)) as server:
        report = await examine(endpoint(server.url), environ={})
    assert report.streams is False
    assert report.stream_error == "request_refused"
    assert report.answer == "2"


async def test_thinking_that_comes_although_it_is_off_is_a_leak() -> None:
    async with running(FakeServer(completion("2", reasoning_content="1+1 は"))) as server:
        off = await examine(endpoint(server.url), environ={})
        on = await examine(endpoint(server.url, thinking="on"), environ={})
    assert (off.thinks, off.thinking_leaks) == (True, True)
    assert (on.thinks, on.thinking_leaks) == (True, False)


async def test_ollama_s_own_dialect_is_tried_in_the_same_way() -> None:
    server = FakeOllama("一二三四五六七八九十")
    server.thinking = "考え中"
    async with ollama(server):
        values = {"model": "m:latest", "engine": "ollama", "dialect": "ollama"}
        report = await examine(endpoint(server.url, **values), environ={})
    assert report.streams is True
    assert report.thinking_leaks
    assert all(body["think"] is False for body in server.bodies)


async def test_a_refusal_is_an_error_with_the_server_s_reason() -> None:
    async with running(FakeServer(error(400, "no such field"))) as server:
        with pytest.raises(EndpointError, match="no such field"):
            await examine(endpoint(server.url), environ={})


async def test_too_few_tokens_say_nothing_about_speed() -> None:
    mock = MockClient([ChatReply(text="2", completion_tokens=1, seconds=0.5)])
    report = await examine(endpoint("http://127.0.0.1:1/v1"), environ={}, create=lambda *_, **__: mock)
    assert report.tokens_per_second is None
    assert mock.closed


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://127.0.0.1:8000/v1", "local"),
        ("http://localhost/v1", "local"),
        ("http://[::1]:8000/v1", "local"),
        ("http://10.1.2.3/v1", "lan"),
        ("http://192.168.0.9:8000/v1", "lan"),
        ("http://spark/v1", "lan"),
        ("http://spark.local/v1", "lan"),
        ("https://api.example.com/v1", "cloud"),
        ("https://8.8.8.8/v1", "cloud"),
        ("https://integrate.api.nvidia.com/v1", "cloud"),
    ],
)
def test_where_an_address_lies_is_guessed_without_looking_it_up(url: str, where: str) -> None:
    assert guess_locality(url) == where


@pytest.mark.parametrize(
    ("url", "said", "leaves"),
    [
        ("https://api.example.com/v1", "local", True),
        ("http://10.0.0.1/v1", "cloud", True),
        ("http://10.0.0.1/v1", "local", False),
        ("http://127.0.0.1/v1", "lan", False),
    ],
)
def test_the_worse_of_word_and_address_decides_whether_questions_leave_the_house(
    url: str, said: str, leaves: bool
) -> None:
    assert leaves_house(endpoint(url, locality=said)) is leaves
