"""One question to several models at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest

from workbench.errors import EndpointError, StateError, WorkbenchError
from workbench.inference import Arrival, MockClient
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatChunk, ChatReply, ChatRequest, Endpoint
from workbench.ui.live_answers import Column, StopSigns, ask_all, count_same, find_twins
from workbench.ui.live_sources import Source

REQUEST = ChatRequest(messages=(ChatMessage(role="user", content="質問"),))


def source(name: str, url: str = "http://127.0.0.1:1/v1") -> Source:
    return Source(name, name, Endpoint(name="e", base_url=url, model=name))


def columns(*names: str) -> list[Column]:
    return [Column(source(name)) for name in names]


class Endless(MockClient):
    """Says something and never ends."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatChunk]:
        yield ChatChunk(text="続く")
        await asyncio.sleep(60)


def creator(clients: Mapping[str, MockClient | WorkbenchError]) -> Callable[..., Any]:
    def create(endpoint: Endpoint, **_: Any) -> MockClient:
        client = clients[endpoint.model]
        if isinstance(client, WorkbenchError):
            raise client
        return client

    return create


async def ask(asked: list[Column], clients: Mapping[str, MockClient | WorkbenchError]) -> int:
    frames = ask_all(asked, REQUEST, threading.Event(), environ={}, create=creator(clients), frame_seconds=0)
    return len([None async for _ in frames])


async def test_every_model_answers_in_its_own_column() -> None:
    asked, clients = columns("a", "b"), {"a": MockClient(["一つ目"]), "b": MockClient(["二つ目"])}
    assert await ask(asked, clients) >= 1
    assert [(column.state, column.text) for column in asked] == [("done", "一つ目"), ("done", "二つ目")]
    assert all(client.closed for client in clients.values())
    assert clients["a"].requests == clients["b"].requests == [REQUEST]


async def test_a_model_that_cannot_be_asked_leaves_the_others_alone() -> None:
    asked = columns("a", "b", "c")
    clients = {
        "a": StateError("secret_missing", name="KEY"),
        "b": MockClient(["答え"]),
        "c": MockClient([EndpointError("endpoint_quota", endpoint="c")]),
    }
    await ask(asked, clients)
    assert [column.state for column in asked] == ["error", "done", "error"]
    assert [column.error.code if column.error else "" for column in asked] == [
        "secret_missing",
        "",
        "endpoint_quota",
    ]


async def test_an_answer_that_failed_on_the_way_keeps_what_it_said() -> None:
    asked = columns("a")
    await ask(asked, {"a": MockClient([ChatReply(text="途中", state="error", error_code="answer_cut_off")])})
    assert (asked[0].state, asked[0].text) == ("error", "途中")
    assert asked[0].error is not None
    assert asked[0].error.code == "answer_cut_off"


async def test_a_stop_ends_what_goes_on_and_keeps_what_is_whole() -> None:
    asked, sign = columns("a", "b"), threading.Event()
    endless = Endless()
    create = creator({"a": MockClient(["答え"]), "b": endless})
    async for _ in ask_all(asked, REQUEST, sign, environ={}, create=create, frame_seconds=0.01):
        if asked[0].state == "done" and asked[1].text:
            sign.set()
    assert [(column.state, column.text) for column in asked] == [("done", "答え"), ("stopped", "続く")]
    assert endless.closed


async def test_a_page_that_goes_away_closes_the_connections() -> None:
    endless = Endless()
    frames = ask_all(columns("a"), REQUEST, threading.Event(), environ={}, create=creator({"a": endless}))
    await anext(frames)
    await frames.aclose()
    assert endless.closed


def test_a_new_question_of_the_same_page_stops_the_old_one() -> None:
    signs = StopSigns()
    first = signs.begin("page")
    second = signs.begin("page")
    assert (first.is_set(), second.is_set()) == (True, False)
    signs.end("page", first)
    signs.stop("page")
    assert second.is_set()
    signs.end("page", second)
    signs.stop("page")
    assert signs.signs == {}


def test_thinking_that_ended_without_a_beginning_moves_to_its_place() -> None:
    column = columns("a")[0]
    for chunk in (ChatChunk(text="実は考え"), ChatChunk(text="答え", reasoning="ている", restart=True)):
        column.take(Arrival(0, chunk))
    assert (column.text, column.reasoning) == ("答え", "実は考えている")


def test_speed_is_that_after_the_first_token() -> None:
    column = columns("a")[0]
    column.reply = ChatReply(text="x", completion_tokens=11, seconds=3.0, first_token_seconds=1.0)
    assert column.tokens_per_second == pytest.approx(5.0)
    column.reply = ChatReply(text="x", completion_tokens=1, seconds=3.0, first_token_seconds=1.0)
    assert column.tokens_per_second is None


def test_two_columns_of_one_model_are_noticed() -> None:
    same = [Column(source("a")), Column(source("b")), Column(Source("x", "x", source("a").endpoint))]
    assert find_twins(same) == [(0, 2)]


def test_equal_answers_are_counted_as_long_as_they_come_in_a_row() -> None:
    asked = columns("a", "b")
    for column in asked:
        column.state, column.text = "done", "同じ"
    counts: dict[str, int] = {}
    for expected in (1, 2, 3):
        counts = count_same(counts, asked)
        assert list(counts.values()) == [expected]
    asked[1].state = "error"
    assert count_same(counts, asked) == counts
    asked[1].state, asked[1].text = "done", "違う"
    assert list(count_same(counts, asked).values()) == [0]
