from __future__ import annotations

import pytest

from workbench.text.key_facts import UnboundedPatternError, check_fact, find_facts

ANSWER = "手数料は１通 300円 です。郵送の場合は、申請書と返信用封筒を同封してください。"


def test_each_fact_is_found_or_not() -> None:
    assert find_facts(ANSWER, ["1通300円", "返信用封筒", "窓口"]) == [True, True, False]


def test_one_of_several_wordings_is_enough() -> None:
    assert find_facts(ANSWER, [["郵便", "郵送"], ["電話", "メール"]]) == [True, False]


def test_a_figure_is_not_found_inside_another() -> None:
    assert find_facts("手数料は1,300円です。", ["300円"]) == [False]
    assert find_facts("令和10年です。", ["令和1"]) == [False]
    assert find_facts("手数料は300円です。", ["300円"]) == [True]


def test_a_pattern_is_searched_in_the_text_with_its_punctuation() -> None:
    assert find_facts(ANSWER, ["re:[0-9]{2,4}円", "re:申請書.{0,10}封筒", "re:^郵送"]) == [True, True, False]


@pytest.mark.parametrize(
    "pattern",
    [
        "re:(a+)+b",
        "re:.*円",
        "re:a{2,}",
        "re:a{,9}b",
        "re:(a{1,9}){1,9}",
        "re:(?=a)b",
        r"re:(a)\1",
        "re:a{0,100}a{0,100}",
        "re:a{0,9999}",
        "re:(",
        "re:[",
        "re:",
        "",
        "。",
        "re:" + "a?" * 12,
        "re:" + "あ" * 400,
    ],
)
def test_a_pattern_without_a_bound_is_refused(pattern: str) -> None:
    with pytest.raises(UnboundedPatternError):
        check_fact(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"re:[0-9]{1,3}円|無料", r"re:(?:税務署|国税局)に?届け", r"re:\*\{1\}", "re:[(*+]", "re:第[五5]種"],
)
def test_a_bounded_pattern_is_taken(pattern: str) -> None:
    check_fact(pattern)


def test_the_worst_allowed_pattern_ends_on_the_worst_text() -> None:
    # forty lengths twice at each of twenty thousand places; an unbounded pattern would not end at all
    assert find_facts("a" * 200_000, ["re:a{0,40}a{0,40}b"]) == [False]
