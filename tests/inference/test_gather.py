from __future__ import annotations

import asyncio

import pytest

from workbench.errors import EndpointError
from workbench.inference import MockClient, complete_all
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest


def ask(count: int) -> list[tuple[str, ChatRequest]]:
    return [
        (str(number), ChatRequest(messages=(ChatMessage(role="user", content=str(number)),)))
        for number in range(count)
    ]


class SlowClient(MockClient):
    """Counts how many requests are under way; answers when told to."""

    def __init__(self) -> None:
        super().__init__(lambda request: f"a{request.messages[-1].content}")
        self.under_way = 0
        self.most = 0
        self.go = asyncio.Event()

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
            await asyncio.sleep(0)
            return await super().complete(request)
        finally:
            self.under_way -= 1


async def test_every_request_is_answered_once_and_never_more_than_allowed_at_a_time() -> None:
    client = SlowClient()
    client.go.set()
    replies: dict[str, str] = {}
    await complete_all(
        client,
        ask(20),
        in_flight=3,
        on_reply=lambda key, reply: replies.update({key: reply.text}),
        should_stop=lambda: False,
    )
    assert replies == {str(number): f"a{number}" for number in range(20)}
    assert client.most == 3


async def test_a_stop_begins_no_new_request_and_lets_those_under_way_finish() -> None:
    client = SlowClient()
    done: list[str] = []
    polls = 0

    def should_stop() -> bool:
        nonlocal polls
        polls += 1
        if polls == 2:
            client.go.set()
        return polls >= 2

    await complete_all(
        client, ask(10), in_flight=4, on_reply=lambda key, _: done.append(key), should_stop=should_stop
    )
    assert sorted(done) == ["0", "1", "2", "3"]


async def test_a_stop_drops_requests_that_do_not_finish_in_time() -> None:
    client = SlowClient()
    done: list[str] = []
    await complete_all(
        client,
        ask(10),
        in_flight=4,
        on_reply=lambda key, _: done.append(key),
        should_stop=lambda: True,
        grace_seconds=0.01,
    )
    assert done == []
    assert client.under_way == 0


async def test_an_endpoint_that_fails_ends_the_call_after_what_was_answered() -> None:
    client = MockClient(["one", "two", EndpointError("endpoint_unauthorised", endpoint="x", name="K")])
    done: list[str] = []
    with pytest.raises(EndpointError) as caught:
        await complete_all(
            client, ask(10), in_flight=1, on_reply=lambda key, _: done.append(key), should_stop=lambda: False
        )
    assert caught.value.code == "endpoint_unauthorised"
    assert done == ["0", "1"]


async def test_what_should_stop_raises_is_passed_on_and_nothing_stays_behind() -> None:
    client = SlowClient()

    def cancelled() -> bool:
        raise KeyError("cancel")

    with pytest.raises(KeyError):
        await complete_all(client, ask(5), in_flight=2, on_reply=lambda *_: None, should_stop=cancelled)
    assert client.under_way == 0


async def test_no_requests_are_no_work() -> None:
    await complete_all(MockClient(), [], in_flight=4, on_reply=lambda *_: None, should_stop=lambda: False)
