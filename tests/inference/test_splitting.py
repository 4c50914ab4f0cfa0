"""Thinking and answer told apart while they come in."""

from __future__ import annotations

import pytest

from workbench.inference.reply import strip_thinking
from workbench.inference.splitting import ThinkingSplitter

WHOLE = "<think>\n考えています。1 < 2 です。</think>\n\n答えは<b>です。</b>"


def read(pieces: list[str]) -> tuple[str, str]:
    """What a reader sees at the end."""
    splitter, text, reasoning = ThinkingSplitter(), "", ""
    for split in [*(splitter.feed(piece) for piece in pieces), splitter.finish()]:
        if split.restart:
            text, reasoning = "", reasoning + text
        text, reasoning = text + split.text, reasoning + split.reasoning
    return text, reasoning


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
@pytest.mark.parametrize(
    "whole",
    [
        WHOLE,
        "ふつうの答え。",
        "考えの途中</think>答え",
        "<think>a</think>b<think>c</think>d",
        "<think>終わらない",
        "5 < 6 なので </b> です <",
        "",
    ],
)
def test_pieces_of_any_size_end_as_the_whole_answer_does(whole: str, size: int) -> None:
    text, reasoning = read([whole[i : i + size] for i in range(0, len(whole), size)])
    stripped = strip_thinking(whole)
    assert "".join(text.split()) == "".join(stripped.text.split())
    assert "".join(reasoning.split()) == "".join(stripped.reasoning.split())


def test_a_cut_tag_is_never_shown() -> None:
    splitter = ThinkingSplitter()
    shown = [splitter.feed(piece) for piece in ("<th", "ink>考え</thi", "nk>答え")]
    assert [split.text for split in shown] == ["", "", "答え"]
    assert [split.reasoning for split in shown] == ["", "考え", ""]


def test_an_end_without_a_beginning_takes_back_what_was_shown() -> None:
    splitter = ThinkingSplitter()
    assert splitter.feed("実は考え").text == "実は考え"
    split = splitter.feed("ている</think>答え")
    assert (split.restart, split.reasoning, split.text) == (True, "ている", "答え")


def test_empty_space_before_an_answer_is_dropped_and_inside_it_stays() -> None:
    splitter = ThinkingSplitter()
    assert splitter.feed("<think>a</think>\n\n").text == ""
    assert splitter.feed(" 一\n\n").text == "一\n\n"
    assert splitter.feed("二").text == "二"
