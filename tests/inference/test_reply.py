from __future__ import annotations

import pytest

from workbench.inference.reply import decide_state, strip_thinking


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("答えです。", "答えです。", ""),
        ("<think>考え</think>\n\n答え", "答え", "考え"),
        ("<think>一</think>答<think>二</think>え", "答え", "一\n二"),
        ("考えの途中</think>答え", "答え", "考えの途中"),
        ("<think></think>答え", "答え", ""),
        ("参考文書1に「<b>」とあります。", "参考文書1に「<b>」とあります。", ""),
    ],
)
def test_the_thinking_part_is_taken_out(text: str, answer: str, reasoning: str) -> None:
    stripped = strip_thinking(text)
    assert (stripped.text, stripped.reasoning, stripped.unclosed) == (answer, reasoning, False)


def test_thinking_that_never_ends_leaves_no_answer() -> None:
    stripped = strip_thinking("<think>まず、参考文書1を")
    assert stripped.text == ""
    assert stripped.unclosed
    assert stripped.reasoning == "まず、参考文書1を"


@pytest.mark.parametrize(
    ("text", "finish", "state"),
    [
        ("答え", "stop", "ok"),
        ("答", "length", "truncated"),
        ("", "stop", "empty"),
        ("  \n", "stop", "empty"),
        ("", "length", "truncated"),
        ("<think>考え", "length", "thinking_truncated"),
        ("<think>考え", "stop", "thinking_truncated"),
        ("<think>考え</think>", "stop", "empty"),
    ],
)
def test_an_answer_without_text_is_never_ok(text: str, finish: str, state: str) -> None:
    assert decide_state(strip_thinking(text), finish) == state


def test_an_answer_that_ran_out_while_thinking_apart_has_no_answer() -> None:
    apart = strip_thinking("")._replace(reasoning="考えの途中")
    assert decide_state(apart, "length") == "thinking_truncated"
