from __future__ import annotations

import pytest

from workbench.evaluation.protocols import PROTOCOLS, Given

CHOICES = ["掲示板", "パソコン", "マザーボード", "ハードディスク", "まな板"]


@pytest.mark.parametrize(
    ("said", "label", "correct"),
    [
        ("2\n", "2", 1.0),
        ("5択のうち2です", "2", 1.0),
        ("答えは10です", "1", 0.0),
        ("マザーボード", "", 0.0),
        ("２", "", 0.0),
    ],
)
def test_the_article_takes_the_first_digit_from_0_to_4(said: str, label: str, correct: float) -> None:
    verdict = PROTOCOLS["jcq_chat"].measure(Given(said, "2"))
    assert verdict.extracted == label
    assert verdict.scores == {"correct": correct, "parsed": float(bool(label))}


@pytest.mark.parametrize(
    ("said", "exact", "ool"),
    [("2", 1.0, 0.0), ("２\n3", 1.0, 0.0), ("3", 0.0, 0.0), ("答えは2", 0.0, 1.0), ("\n2", 0.0, 1.0)],
)
def test_llm_jp_eval_takes_the_whole_first_line(said: str, exact: float, ool: float) -> None:
    scores = PROTOCOLS["jcq_llmjp"].measure(Given(said, "2")).scores
    assert (scores["exact_match"], scores["ool"]) == (exact, ool)


def test_the_labels_of_another_task_may_be_named() -> None:
    given = Given("neutral", "neutral", meta={"labels": ["entailment", "neutral"]})
    assert PROTOCOLS["jcq_llmjp"].measure(given).scores["ool"] == 0.0


@pytest.mark.parametrize(
    ("said", "label", "rule"),
    [
        ("2", "2", "whole"),
        (r"考えると \boxed{2}", "2", "stated"),
        ("5択のうち2か3です", "", "unparsed"),
        ("マザーボードです", "2", "choice_text"),
    ],
)
def test_our_own_rule_says_how_it_read_the_label(said: str, label: str, rule: str) -> None:
    verdict = PROTOCOLS["choice"].measure(Given(said, "2", meta={"choices": CHOICES}))
    assert (verdict.extracted, verdict.rule) == (label, rule)
    assert verdict.scores["correct"] == float(label == "2")


def test_the_right_choice_may_be_given_by_its_text() -> None:
    verdict = PROTOCOLS["choice"].measure(Given("2", "マザーボード", meta={"choices": CHOICES}))
    assert verdict.scores["correct"] == 1.0


def test_chance_is_one_in_so_many_labels() -> None:
    given = [Given("1", str(label)) for label in (0, 4, 2)]
    assert PROTOCOLS["jcq_chat"].chance(given) == pytest.approx(0.2)
    assert PROTOCOLS["choice"].chance(given) == pytest.approx(0.2)
    assert PROTOCOLS["choice"].chance([]) is None
