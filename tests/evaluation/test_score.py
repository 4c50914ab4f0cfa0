from __future__ import annotations

import pytest

from tests.evaluation.makers import PLAIN, QUOTED, REFUSAL, reply, sample, scored
from workbench.evaluation.score import METRICS, score
from workbench.schemas.inference import AnswerState
from workbench.text.refusals import DEFAULT_RULES


def test_a_quoting_answer_has_its_quote_checked() -> None:
    answer = scored(QUOTED)
    assert answer.state == "answered"
    assert answer.scores["oracle_quote"] == 1.0
    assert answer.scores["citation_precision"] == 1.0
    (quote,) = answer.quotes
    assert answer.prediction[quote.start : quote.end] == "住民票の写しの手数料は1通300円です"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "参考文書2に「住民票の写しの手数料は1通300円です」と記載されています。",
        "「住民票の写しの手数料は1通300円です」と記載されています。",
        "参考文書2に「図書館の開館時間は午前9時から午後8時まで」と記載されています。",
        "参考文書1に「住民票の写しの手数料は1通500円です」と記載されています。",
    ],
)
def test_only_the_right_words_under_the_right_number_count_as_a_quote(text: str) -> None:
    assert scored(text).scores["oracle_quote"] == 0.0


def test_a_refusal_is_scored_as_one() -> None:
    answer = scored(REFUSAL)
    assert (answer.state, answer.scores["refused"]) == ("refused", 1.0)
    assert answer.scores["char_set_f1_seed001"] == 0.0


def test_unanswerable_questions_have_no_overlap_score() -> None:
    answer = scored(REFUSAL, kind="unanswerable")
    assert answer.scores["refused"] == 1.0
    assert "char_f1" not in answer.scores
    assert "oracle_quote" not in answer.scores


def test_figures_of_ones_own_are_counted() -> None:
    assert scored("手数料は500円で、3日かかります。").scores["unsupported_specifics"] == 2.0
    assert scored(PLAIN).scores["unsupported_specifics"] == 0.0


@pytest.mark.parametrize(
    ("text", "correct", "parsed"),
    [("1", 1.0, 1.0), ("りんご", 1.0, 1.0), ("0", 0.0, 1.0), (REFUSAL, 0.0, 0.0)],
)
def test_a_general_answer_is_right_wrong_or_not_understood(text: str, correct: float, parsed: float) -> None:
    scores = scored(text, kind="general").scores
    assert (scores["correct"], scores["parsed"]) == (correct, parsed)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ("empty", "empty"),
        ("truncated", "truncated"),
        ("thinking_truncated", "truncated"),
        ("error", "error"),
    ],
)
def test_what_is_no_answer_has_no_scores(given: AnswerState, state: str) -> None:
    answer = scored("" if given != "truncated" else QUOTED, state=given)
    assert (answer.state, answer.scores, answer.answer_state) == (state, {}, given)


def test_an_error_keeps_its_code_and_no_text() -> None:
    answer = scored("partial text", state="error")
    assert (answer.prediction, answer.error_code) == ("", "endpoint_timeout")


def test_own_phrases_change_the_state() -> None:
    text = "当方では承知しておりません。"
    assert score(sample(), reply(text)).state == "answered"
    assert score(sample(), reply(text), DEFAULT_RULES.extended(["承知しておりません"])).state == "refused"


def test_every_metric_has_a_name_that_is_used() -> None:
    used = {*scored(QUOTED).scores, *scored("1", kind="general").scores}
    assert used == set(METRICS)
