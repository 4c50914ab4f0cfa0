from __future__ import annotations

import pytest

from workbench.errors import EndpointError
from workbench.inference import MockClient
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest


def ask(text: str = "質問") -> ChatRequest:
    return ChatRequest(messages=(ChatMessage(role="user", content=text),))


async def test_a_sequence_is_said_in_order_and_its_last_entry_for_ever() -> None:
    client = MockClient(["一", ChatReply(text="", state="error", error_code="answer_timeout"), "三"])
    replies = [await client.complete(ask()) for _ in range(4)]
    assert [reply.text for reply in replies] == ["一", "", "三", "三"]
    assert replies[1].state == "error"
    assert len(client.requests) == 4


async def test_a_mapping_answers_by_question_and_a_function_by_request() -> None:
    mapped = MockClient({"窓口は？": "二階です。"})
    assert (await mapped.complete(ask("窓口は？"))).text == "二階です。"
    assert (await mapped.complete(ask("ほか"))).state == "empty"
    computed = MockClient(lambda request: request.messages[-1].content * 2)
    assert (await computed.complete(ask("あ"))).text == "ああ"


async def test_a_scripted_error_is_raised() -> None:
    with pytest.raises(EndpointError):
        await MockClient([EndpointError("endpoint_quota", endpoint="x", url="u")]).complete(ask())
