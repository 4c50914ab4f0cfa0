from __future__ import annotations

import pytest

from workbench.evaluation.protocols import PROTOCOLS, Given

JSQUAD = PROTOCOLS["jsquad"].measure
SQUAD = PROTOCOLS["squad_v2"].measure


def test_an_answer_is_read_with_tags_or_without() -> None:
    plain = JSQUAD(Given("雨季", "雨季"))
    tagged = JSQUAD(Given("<answer>雨季</answer>\n<examples", "雨季"))
    assert plain.scores == tagged.scores
    assert (plain.rule, tagged.rule) == ("plain", "tags")
    assert set(plain.scores.values()) == {1.0}


def test_a_tag_that_never_closes_holds_no_answer() -> None:
    verdict = JSQUAD(Given("<answer>雨季の", "雨季"))
    assert verdict.extracted == ""
    assert set(verdict.scores.values()) == {0.0}


def test_a_prompt_that_asked_for_tags_takes_nothing_else() -> None:
    given = Given("雨季", "雨季", meta={"answer_pattern": "answer_tags_jp"})
    assert JSQUAD(given).scores["exact_match_llmjp"] == 0.0


def test_llm_jp_eval_knows_the_first_reference_alone() -> None:
    scores = JSQUAD(Given("東アジア", "東アジアの広範囲", references=("東アジア",))).scores
    assert (scores["exact_match"], scores["exact_match_llmjp"]) == (1.0, 0.0)


def test_squad_takes_the_best_reference() -> None:
    scores = SQUAD(Given("the Normans", "Norse", references=("Normans",))).scores
    assert (scores["em"], scores["f1"], scores["f1_answerable"], scores["refused"]) == (1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    "said",
    ["unanswerable", "No answer.", "I cannot answer this question.", "提供された情報からは回答できません。"],
)
def test_declining_is_right_where_nothing_is_expected_and_wrong_elsewhere(said: str) -> None:
    refusal = "refused" if len(said) > 15 else "answered"
    nothing = SQUAD(Given(said, "", refusal=refusal))
    assert nothing.state == "refused"
    assert nothing.scores == {"em": 1.0, "f1": 1.0, "refused": 1.0, "refused_unanswerable": 1.0}
    something = SQUAD(Given(said, "France", refusal=refusal))
    assert something.scores == {"em": 0.0, "f1": 0.0, "refused": 1.0, "f1_answerable": 0.0}


def test_answering_is_wrong_where_nothing_is_expected() -> None:
    verdict = SQUAD(Given("France", ""))
    assert verdict.scores == {"em": 0.0, "f1": 0.0, "refused": 0.0, "refused_unanswerable": 0.0}
    assert verdict.state is None
