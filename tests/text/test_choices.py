from __future__ import annotations

import pytest

from workbench.text.choices import extract_choice

CHOICES = ["りんご", "犬", "電車", "机", "青い犬小屋"]


@pytest.mark.parametrize(
    ("answer", "label", "rule"),
    [
        ("2", "2", "whole"),
        ("２\n", "2", "whole"),
        ("3.", "3", "whole"),
        ("「1」", "1", "whole"),
        ("4番です。", "4", "whole"),
        ("考えると、0 は果物です。答え：1", "1", "stated"),
        ("正解は「3」です。ちなみに答えは 2 ではなく", "2", "stated"),
        (r"\boxed{4}", "4", "stated"),
        ("たぶん 2 だと思います", "2", "only_label"),
        ("電車だと思います。", "2", "choice_text"),
        ("青い犬小屋", "4", "choice_text"),
        ("5", None, "unparsed"),
        ("1 か 2", None, "unparsed"),
        ("", None, "unparsed"),
        ("提供された情報からは回答できません。", None, "unparsed"),
        ("りんごか机です", None, "unparsed"),
        ("3つの理由から考えます", None, "unparsed"),
    ],
)
def test_the_label_is_read_by_the_first_rule_that_fits(answer: str, label: str | None, rule: str) -> None:
    assert extract_choice(answer, CHOICES) == (label, rule)


def test_the_first_digit_of_a_long_text_is_never_taken() -> None:
    answer = (
        "この問題は身近なものについて尋ねています。まず 1 の選択肢を見て、"
        "次にほかの選択肢も見てから考える必要があると思います。"
    )
    assert extract_choice(answer, CHOICES).label is None
