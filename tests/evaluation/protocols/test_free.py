from __future__ import annotations

import pytest

from workbench.evaluation.protocols import PROTOCOLS, Given


def test_every_score_is_taken_over_the_best_reference() -> None:
    scores = PROTOCOLS["free_qa"].measure(Given("300円", "三百円", references=("300円",))).scores
    assert scores["char_f1"] == scores["exact_match"] == scores["rouge_l_char"] == 1.0
    assert "key_facts" not in scores


def test_the_share_of_an_experts_facts_is_a_score() -> None:
    meta = {"key_facts": ["300円", ["郵送", "郵便"], "re:窓口.{0,5}不要"]}
    verdict = PROTOCOLS["free_qa"].measure(Given("手数料は300円、郵便で送ります。", "300円", meta=meta))
    assert verdict.scores["key_facts"] == pytest.approx(2 / 3)
    assert verdict.lists["key_facts_found"] == (1.0, 1.0, 0.0)


@pytest.mark.parametrize("name", ["char_f1", "exact_match_ja"])
def test_a_single_score_stands_alone(name: str) -> None:
    verdict = PROTOCOLS[name].measure(Given("３００円。", "300円"))
    assert verdict.scores == {PROTOCOLS[name].primary: 1.0}


def test_chance_meets_other_questions_references() -> None:
    given = [Given(text, text) for text in ("あいう", "かきく", "さしす")]
    assert PROTOCOLS["char_f1"].chance(given) == 0.0
    assert PROTOCOLS["char_f1"].chance(given[:1]) is None
