from typing import get_args

import pytest

from tests.ui.samples import make_comparison
from workbench.i18n import LANGUAGES, has_key
from workbench.schemas.evaluation import QuoteState, SampleKind
from workbench.schemas.review import QueueItem
from workbench.ui.views.review_item import (
    LONG,
    LONGEST,
    QUOTE_TONES,
    build_diff,
    build_item,
    pin,
    reveal,
    say_differences,
    say_side,
    say_tag,
)

ITEM = make_comparison().items[3]
SWAPPED = QueueItem(sample_id="s3", left="finetuned")


def test_every_state_of_a_quote_has_words_and_a_tone() -> None:
    assert set(QUOTE_TONES) == set(get_args(QuoteState))
    for lang in LANGUAGES:
        assert all(has_key(f"review_tab.quote.{state}", lang) for state in QUOTE_TONES)
        assert all(has_key(f"sample_kind.{kind}", lang) for kind in get_args(SampleKind))


def test_the_side_of_the_queue_stands_left() -> None:
    drawn = build_item(ITEM, SWAPPED, "ja", blind=True, oracle_shown=False)
    assert drawn["left"]["text"] == ITEM.finetuned.prediction
    assert drawn["left"]["quotes"][0]["badge"] == "見つからない"
    assert reveal(ITEM, SWAPPED, {}, "ja")["sides"] == {"left": "finetuned", "right": "baseline"}


def test_very_long_answers_are_cut_and_not_compared() -> None:
    long = "あ" * (LONGEST + 5)
    item = ITEM.model_copy(update={"baseline": ITEM.baseline.model_copy(update={"prediction": long})})
    drawn = build_item(item, QueueItem(sample_id="s3", left="baseline"), "ja", blind=True, oracle_shown=False)
    assert len(drawn["left"]["text"]) == LONGEST
    assert drawn["left"]["cut"]
    assert drawn["diff"] is None
    assert "長い" in drawn["differences"]
    assert build_diff("x" * LONG, "y") is not None


def test_important_differences_are_counted_in_words() -> None:
    assert "1 か所" in say_differences("期限は5日です。", "期限は7日です。", "ja")
    assert "違いはありません" in say_differences("期限は5日です。", "期限は 5日 となります。", "ja")


def test_a_note_outside_of_its_answer_is_dropped() -> None:
    fits = {"place": "left", "start": 0, "end": 2, "text": " ここ "}
    found = pin(SWAPPED, fits, ITEM)
    assert found is not None
    assert (found.side, found.text) == ("finetuned", "ここ")
    assert pin(SWAPPED, {**fits, "end": 10_000}, ITEM) is None
    assert pin(SWAPPED, {**fits, "start": 2}, ITEM) is None


@pytest.mark.parametrize(
    ("label", "said"), [("", "学習前"), ("baseline", "学習前"), ("run-7", "学習前（run-7）")]
)
def test_a_side_is_named_with_its_run_where_that_says_more(label: str, said: str) -> None:
    assert say_side("baseline", {"baseline": label}, "ja") == said


def test_a_reason_of_the_projects_own_is_said_as_it_is() -> None:
    assert say_tag("fact_error", "ja") == "事実誤り"
    assert say_tag("税率の誤り", "en") == "税率の誤り"
