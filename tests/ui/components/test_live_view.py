from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ui.samples import DOCUMENT, QUOTED
from workbench.errors import StateError, WorkbenchError
from workbench.inference import Arrival
from workbench.schemas.inference import ChatChunk, ChatReply, Endpoint
from workbench.ui.components.live_view import render_live
from workbench.ui.live_answers import Column
from workbench.ui.live_sources import Source

SOURCE = Source("s", "学習後 · 税", Endpoint(name="e", base_url="http://h/v1", model="m"))


def done(**reply: Any) -> Column:
    column = Column(SOURCE)
    plain = {
        "text": QUOTED,
        "completion_tokens": 21,
        "prompt_tokens": 5,
        "seconds": 3.0,
        "first_token_seconds": 1.0,
    }
    column.take(Arrival(0, ChatChunk(reply=ChatReply.model_validate({**plain, **reply}))))
    return column


def draw(column: Column, documents: tuple[str, ...] = ()) -> dict[str, Any]:
    return json.loads(render_live("r", [column], "ja", documents=documents))["columns"][0]


def test_tokens_speed_and_times_are_told() -> None:
    facts = draw(done())["facts"]
    assert facts == ["21 トークン", "10.0 トークン/秒", "最初の文字まで 1.00 秒", "全部で 3.0 秒"]


def test_a_count_of_our_own_is_called_about() -> None:
    assert draw(done(prompt_tokens=0))["facts"][0] == "約 21 トークン"


def test_quotes_are_checked_once_an_answer_is_whole() -> None:
    quotes = draw(done(), (DOCUMENT,))["quotes"]
    assert [(quote["document"], quote["tone"], quote["badge"]) for quote in quotes] == [
        (1, "good", "原文どおり")
    ]
    growing = Column(SOURCE, "answering", QUOTED)
    assert draw(growing, (DOCUMENT,))["quotes"] == []


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column(SOURCE), "待っています"),
        (Column(SOURCE, "answering", "a"), "答えています"),
        (Column(SOURCE, "stopped", "a"), "止めました"),
        (done(), "完了"),
        (done(state="truncated"), "長さの上限で切れました"),
        (done(text="", state="empty"), "答えが空です"),
        (done(text="", state="thinking_truncated"), "考えている途中で切れました"),
    ],
)
def test_every_state_has_a_word(column: Column, said: str) -> None:
    assert draw(column)["chips"][0]["text"] == said


def test_thinking_that_should_not_have_come_is_pointed_out() -> None:
    assert [chip["text"] for chip in draw(done(reasoning="考え"))["chips"]] == [
        "完了",
        "止めたはずの思考が返りました",
    ]


def test_errors_are_sentences_in_the_pages_language() -> None:
    broken = Column(SOURCE, "error", error=StateError("secret_missing", name="KEY"))
    assert "KEY" in draw(broken)["error"]["message"]
    cut = done(state="error", error_code="answer_cut_off", error_detail="boom")
    assert draw(cut)["error"]["message"].startswith("サーバーの返事が")
    assert "boom" in draw(cut)["error"]["hint"]
    assert draw(Column(SOURCE, "error", error=WorkbenchError("strange")))["error"]["message"] == "strange"


def test_no_answer_can_open_a_tag_in_the_page() -> None:
    text = render_live("r", [done(text="<script>x</script>")], "ja", question="<b>", notes=["<i>"])
    assert "<" not in text
