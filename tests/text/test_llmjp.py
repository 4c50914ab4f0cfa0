from __future__ import annotations

import pytest

from workbench.text.llmjp import char_f1_llmjp, extract_llmjp


@pytest.mark.parametrize(
    ("text", "taken"), [("2\n\n解説", "2"), ("2", "2"), (" ３ \n", "3"), ("\n2", ""), ("答えは2", "答えは2")]
)
def test_a_choice_is_the_first_line(text: str, taken: str) -> None:
    assert extract_llmjp(text, "choice_only_jp") == taken


def test_an_answer_stands_between_closed_tags_or_nowhere() -> None:
    assert extract_llmjp("<answer>雨季\n</answer>\n<answer>夏</answer>", "answer_tags_jp") == "雨季"
    assert extract_llmjp("<answer>雨季の途中", "answer_tags_jp") == ""
    assert extract_llmjp("雨季", "answer_tags_jp") == ""


def test_a_custom_answer_is_the_first_paragraph() -> None:
    assert extract_llmjp("一行目\n二行目\n\n別の話", "custom") == "一行目\n二行目"


@pytest.mark.parametrize(
    ("said", "wanted", "score"),
    [
        ("はい。", "はい", 1.0),
        ("¥5,000", "5000", 0.67),
        ("5月から7月", "5月から7月にかけて", 0.75),
        ("", "雨季", 0.0),
    ],
)
def test_its_char_f1_is_a_similarity_in_whole_percent(said: str, wanted: str, score: float) -> None:
    assert char_f1_llmjp(said, wanted) == score
