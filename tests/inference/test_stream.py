"""Streamed answers, at the level of the bytes that a server sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.inference.fake_server import FakeServer, error, running
from workbench.errors import EndpointError
from workbench.inference import MockClient, Streamer, create_client, stream_all
from workbench.inference.openai_client import OpenAIClient
from workbench.inference.retrier import Retrier
from workbench.inference.retry import RetryPolicy
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatChunk, ChatReply, ChatRequest, Endpoint

QUESTION = ChatRequest(messages=(ChatMessage(role="user", content="質問"),))
DONE = b"data: [DONE]\n\n"
Handler = Callable[[web.Request], Any]


def event(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return write({"choices": [choice]})


def write(content: dict[str, Any]) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return b"data: " + json.dumps({**head, **content}, ensure_ascii=False).encode() + b"\n\n"


def usage(read: int, made: int) -> bytes:
    return write(
        {"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": made, "total_tokens": 0}}
    )


def texts(*said: str) -> list[bytes]:
    return [event(content=text) for text in said]


def sender(parts: Sequence[bytes], *, dies: bool = False, then: asyncio.Event | None = None) -> Handler:
    """Sends parts one by one; then dies, or goes on until nobody listens and sets `then`."""

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0)
        if dies:
            assert request.transport is not None
            request.transport.abort()
        if then is not None:
            # writing tells that nobody reads any more
            try:
                while True:
                    await response.write(b": still here\n\n")
                    await asyncio.sleep(0.01)
            except ConnectionError:
                then.set()
        return response

    return send


def endpoint(url: str, **values: Any) -> Endpoint:
    return Endpoint.model_validate({"name": "srv", "base_url": url, "model": "m", **values})


@asynccontextmanager
async def client_of(server: FakeServer, **values: Any) -> AsyncIterator[OpenAIClient]:
    async def no_sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    client = OpenAIClient(endpoint(server.url, **values), retrier=Retrier("srv", sleep=no_sleep))
    try:
        yield client
    finally:
        await client.close()


async def ask(*answers: Any, **values: Any) -> list[ChatChunk]:
    async with running(FakeServer(*answers)) as server, client_of(server, **values) as client:
        return [chunk async for chunk in client.stream(QUESTION)]


def last(chunks: list[ChatChunk]) -> ChatReply:
    assert [chunk.reply is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    reply = chunks[-1].reply
    assert reply is not None
    return reply


async def test_an_answer_comes_bit_by_bit_and_ends_with_its_reply() -> None:
    parts = [*texts("窓口は", "", "9 時です。"), event("stop"), usage(11, 5), DONE]
    chunks = await ask(sender(parts))
    assert [chunk.text for chunk in chunks[:-1]] == ["窓口は", "9 時です。"]
    reply = last(chunks)
    assert (reply.text, reply.state, reply.finish_reason) == ("窓口は9 時です。", "ok", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (11, 5)
    assert reply.first_token_seconds is not None
    assert reply.seconds >= reply.first_token_seconds > 0


async def test_a_stream_asks_for_its_token_counts() -> None:
    async with running(FakeServer(sender([*texts("a"), event("stop"), DONE]))) as server:
        async with client_of(server) as client:
            assert [chunk async for chunk in client.stream(QUESTION)]
        assert server.bodies[0]["stream"] is True
        assert server.bodies[0]["stream_options"] == {"include_usage": True}


async def test_a_server_that_does_not_count_is_counted_by_its_pieces() -> None:
    reply = last(await ask(sender([*texts("一", "二", "三"), event("length"), DONE])))
    assert (reply.state, reply.prompt_tokens, reply.completion_tokens) == ("truncated", 0, 3)


@pytest.mark.parametrize("size", [1, 2, 5, 64])
async def test_bytes_cut_inside_a_character_do_no_harm(size: int) -> None:
    whole = b"".join([*texts("𠮷野家の", "費用は😀です。"), event("stop"), DONE])
    reply = last(await ask(sender([whole[i : i + size] for i in range(0, len(whole), size)])))
    assert reply.text == "𠮷野家の費用は😀です。"


async def test_thinking_cut_inside_its_tags_never_shows_as_an_answer() -> None:
    said = ("<thi", "nk>考え", "ている</", "think>\n\n答", "えです")
    chunks = await ask(sender([*texts(*said), event("stop"), DONE]))
    assert "".join(chunk.text for chunk in chunks) == "答えです"
    assert "".join(chunk.reasoning for chunk in chunks) == "考えている"
    reply = last(chunks)
    assert (reply.text, reply.reasoning, reply.state) == ("答えです", "考えている", "ok")


async def test_thinking_in_a_field_of_its_own_is_thinking_too() -> None:
    parts = [event(reasoning_content="考え"), event(content="答え"), event("stop"), DONE]
    chunks = await ask(sender(parts))
    assert [chunk.reasoning for chunk in chunks[:-1]] == ["考え", ""]
    assert last(chunks).reasoning == "考え"


async def test_thinking_that_never_ends_is_no_answer() -> None:
    reply = last(await ask(sender([*texts("<think>考え"), event("length"), DONE])))
    assert (reply.text, reply.state) == ("", "thinking_truncated")


async def test_what_looked_like_a_tag_is_shown_at_the_end() -> None:
    chunks = await ask(sender([*texts("5 <", " 6 <th"), event("stop"), DONE]))
    assert "".join(chunk.text for chunk in chunks) == last(chunks).text == "5 < 6 <th"


async def test_a_server_that_dies_in_the_middle_leaves_what_came_and_an_error() -> None:
    reply = last(await ask(sender(texts("途中", "まで"), dies=True)))
    assert (reply.text, reply.state, reply.error_code) == ("途中まで", "error", "answer_cut_off")


async def test_a_stream_that_just_ends_is_no_whole_answer() -> None:
    reply = last(await ask(sender(texts("途中"))))
    assert (reply.text, reply.state, reply.error_code) == ("途中", "error", "answer_cut_off")


async def test_a_finished_answer_needs_no_closing_word() -> None:
    reply = last(await ask(sender([*texts("答え"), event("stop")])))
    assert (reply.text, reply.state) == ("答え", "ok")


async def test_an_error_inside_the_stream_is_told() -> None:
    said = b'data: {"error": {"message": "out of memory", "code": "x"}}\n\n'
    reply = last(await ask(sender([*texts("途中"), said])))
    assert (reply.state, reply.error_code, reply.error_detail) == ("error", "answer_cut_off", "out of memory")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (sender([b"data: {\n\n"]), "answer_not_chat"),
        (sender([]), "answer_not_chat"),
        (web.json_response({"choices": []}), "answer_not_chat"),
        (web.Response(text="<html>", content_type="text/html"), "answer_not_chat"),
        (error(422, "bad field"), "request_refused"),
        (error(400, "x", "context_length_exceeded"), "context_too_long"),
        (sender([*texts("a"), event("content_filter"), DONE]), "answer_filtered"),
    ],
)
async def test_what_is_no_answer_is_an_error(answer: Any, code: str) -> None:
    reply = last(await ask(answer))
    assert (reply.state, reply.error_code) == ("error", code)


async def test_an_endless_answer_ends_with_the_time_for_one() -> None:
    stopped = asyncio.Event()
    reply = last(await ask(sender(texts("続く"), then=stopped), timeout_s=0.3))
    assert (reply.text, reply.error_code) == ("続く", "answer_timeout")


async def test_leaving_a_stream_closes_the_connection() -> None:
    stopped = asyncio.Event()
    async with (
        running(FakeServer(sender(texts("続く"), then=stopped))) as server,
        client_of(server) as client,
    ):
        async with aclosing(client.stream(QUESTION)) as stream:
            async for chunk in stream:
                assert chunk.text == "続く"
                break
        async with asyncio.timeout(20):
            await stopped.wait()


async def test_a_server_that_is_not_there_is_told() -> None:
    gone = endpoint("http://127.0.0.1:9/v1")
    client = create_client(gone, environ={}, policy=RetryPolicy(tries=1))
    assert isinstance(client, Streamer)
    try:
        chunks = [chunk async for chunk in client.stream(QUESTION)]
    finally:
        await client.close()
    assert last(chunks).error_code == "answer_unreachable"


async def test_a_refused_key_concerns_the_whole_endpoint() -> None:
    with pytest.raises(EndpointError, match="endpoint_needs_key"):
        await ask(error(401))


async def test_the_mock_streams_what_it_would_say() -> None:
    client = MockClient([ChatReply(text="窓口は 9 時です。", reasoning="考え")])
    assert isinstance(client, Streamer)
    chunks = [chunk async for chunk in client.stream(QUESTION)]
    assert len(chunks) > 3
    assert "".join(chunk.text for chunk in chunks) == last(chunks).text


async def test_several_answers_come_together_and_one_error_ends_only_its_own() -> None:
    broken = MockClient([EndpointError("endpoint_quota", endpoint="x")])
    clients = (MockClient(["一つ目の答え"]), broken, MockClient(["二つ目の答え"]))
    seen: dict[int, str] = {}
    errors: dict[int, str] = {}
    async for arrival in stream_all([client.stream(QUESTION) for client in clients]):
        if arrival.chunk is not None:
            seen[arrival.place] = seen.get(arrival.place, "") + arrival.chunk.text
        if arrival.error is not None:
            errors[arrival.place] = arrival.error.code
    assert seen == {0: "一つ目の答え", 2: "二つ目の答え"}
    assert errors == {1: "endpoint_quota"}


async def test_stopping_closes_every_stream() -> None:
    stopped = [asyncio.Event() for _ in range(4)]
    handlers = [sender(texts("続く"), then=event) for event in stopped]
    async with running(FakeServer(*handlers)) as server, client_of(server) as client:
        streams = [client.stream(QUESTION) for _ in stopped]
        async with aclosing(stream_all(streams)) as arrivals:
            seen: set[int] = set()
            async for arrival in arrivals:
                seen.add(arrival.place)
                if len(seen) == len(streams):
                    break
        async with asyncio.timeout(20):
            await asyncio.gather(*(event.wait() for event in stopped))
