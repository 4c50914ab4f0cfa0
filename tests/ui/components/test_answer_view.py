"""What the reading view is drawn from."""

from __future__ import annotations

import json
from typing import Any

from workbench.ui.components.answer_view import render_answer_view

ITEM: dict[str, Any] = {
    "id": "q1",
    "kind": "answerable",
    "question": "対象になりますか。",
    "documents": ["一", "二です。", "三"],
    "target": "なります。",
    "oracle_position": 2,
    "left": {
        "label": "A",
        "side": "baseline",
        "text": "「ない」",
        "state": "answered",
        "quotes": [
            {"text": "ない", "state": "unsupported", "start": 1, "end": 3, "found_in": None, "span": None}
        ],
    },
    "right": {
        "label": "B",
        "side": "finetuned",
        "text": "「二で」",
        "state": "refused",
        "quotes": [
            {"text": "二で", "state": "verbatim", "start": 1, "end": 3, "found_in": 2, "span": (0, 2)}
        ],
    },
    "diff": [{"op": "replace", "a": "ない", "b": "二で", "important": True}],
}


def test_without_a_question_the_view_is_empty() -> None:
    assert json.loads(render_answer_view(None, "ja")) == {"empty": True}


def test_quotes_carry_their_badge_and_place() -> None:
    told = json.loads(render_answer_view(ITEM, "ja"))
    assert told["left"]["quotes"][0]["badge"] == "引用 見つからない"
    assert told["right"]["quotes"][0] == {
        "start": 1,
        "end": 3,
        "document": 2,
        "span": [0, 2],
        "tone": "good",
        "badge": "引用 原文どおり",
    }


def test_the_first_document_shown_is_the_one_that_is_quoted() -> None:
    assert json.loads(render_answer_view(ITEM, "ja"))["first"] == 2
    plain = {**ITEM, "left": {"text": "x"}, "right": {"text": "y"}, "oracle_position": 3}
    assert json.loads(render_answer_view(plain, "ja"))["first"] == 3
    assert json.loads(render_answer_view({**plain, "oracle_position": None}, "ja"))["first"] == 1


def test_a_refusal_has_a_badge_and_an_answer_has_none() -> None:
    told = json.loads(render_answer_view(ITEM, "en"))
    assert told["left"]["badge"] is None
    assert told["right"]["badge"]["text"] == "Declined to answer"


def test_tags_in_texts_cannot_open_in_the_page() -> None:
    text = render_answer_view({**ITEM, "question": "<script>alert(1)</script>"}, "ja")
    assert "<" not in text
    assert json.loads(text)["question"] == "<script>alert(1)</script>"


def test_every_state_of_the_schemas_has_words() -> None:
    from typing import get_args

    from workbench.i18n import has_key
    from workbench.schemas.evaluation import QuoteState, SampleState
    from workbench.ui.components.answer_view import QUOTE_BADGES

    assert set(get_args(QuoteState)) == set(QUOTE_BADGES)
    assert all(has_key(f"quote.{key}", "ja") for key, _ in QUOTE_BADGES.values())
    assert all(has_key(f"answer_state.{state}", "ja") for state in get_args(SampleState))
