"""The sentence splitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.text.sentences import is_balanced, split_sentences


def texts(source: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("一つ。二つ！三つ？", ["一つ。", "二つ！", "三つ？"]),
        ("彼は「はい。行きます。」と言った。次。", ["彼は「はい。行きます。」と言った。", "次。"]),
        ("注（例えば。こう。）です。", ["注（例えば。こう。）です。"]),
        ("本当！？次", ["本当！？", "次"]),
        ("（閉じない。次の文。", ["（閉じない。", "次の文。"]),
        ("見出し\n本文です。\n\n　続き", ["見出し", "本文です。", "続き"]),
        ("税率は3.5です。No. 7を見る。", ["税率は3.5です。", "No. 7を見る。"]),
        ("It works. Try again.", ["It works.", "Try again."]),
        ("", []),
        (" \n　", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(source: str, expected: list[str]):
    assert texts(source) == expected


@given(st.text(alphabet="あい。！？「」（）\n 　.A", max_size=60))
def test_every_sentence_lies_at_its_offsets_and_nothing_but_space_is_lost(source: str):
    sentences = split_sentences(source)
    assert all(source[one.start : one.end] == one.text for one in sentences)
    assert "".join("".join(source.split())) == "".join("".join(one.text.split()) for one in sentences)


def test_balance_sees_crossed_and_open_brackets():
    assert is_balanced("「（あ）」")
    assert not is_balanced("「（あ」）")
    assert not is_balanced("あ」")
    assert not is_balanced("「あ")
