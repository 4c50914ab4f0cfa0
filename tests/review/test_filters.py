from __future__ import annotations

from typing import Any

import pytest

from tests.review.makers import item, vote
from workbench.i18n import LANGUAGES, has_key
from workbench.review import FILTERS, ORDERS, look, narrow
from workbench.schemas.evaluation import PinnedNote
from workbench.schemas.review import DEFAULT_TAGS

ITEMS = [item("s1"), item("s2", delta=-0.5), item("s3")]


def names(filter_: str, votes: list[Any], **values: Any) -> list[str]:
    return [one.id for one in narrow(ITEMS, filter_, look(ITEMS, votes, **values))]


def test_reviewed_is_meant_of_one_reviewer_or_of_anybody() -> None:
    votes = [vote("s1", "tie", "a"), vote("s2", "tie", "b"), vote("s3", "tie", "a", repeat=True)]
    assert names("unreviewed", votes, reviewer="a") == ["s2", "s3"]
    assert names("reviewed", votes) == ["s1", "s2"]


def test_split_verdicts_are_found_by_who_differs() -> None:
    votes = [vote("s1", "tie", "a"), vote("s1", "baseline", "b"), vote("s2"), vote("s3")]
    assert names("split_humans", votes) == ["s1"]
    assert names("split_metric", votes) == ["s1", "s2"]
    assert names("split_judge", votes, judge={"s3": "baseline"}) == ["s3"]
    assert names("split", votes, judge={"s3": "baseline"}) == ["s1", "s2", "s3"]


def test_tags_corrections_and_notes_are_found() -> None:
    note = PinnedNote(side="baseline", start=0, end=2, text="違う")
    votes = [
        vote("s1", tags={"baseline": ("fact_error",)}),
        vote("s2", tags={"finetuned": ("独自",)}, correction="こう書く"),
        vote("s3", notes=(note,)),
    ]
    assert names("tagged", votes) == ["s1", "s2"]
    assert names("tagged", votes, tag="独自") == ["s2"]
    assert names("corrected", votes) == ["s2"]
    assert names("noted", votes) == ["s3"]


@pytest.mark.parametrize(
    ("before", "after", "values", "changed"),
    [
        ("対象になります。詳しくは窓口へ。", "対象になりません。詳しくは窓口へ。", {}, True),
        ("対象になります。現金は使えません。", "対象になります。現金も使えます。", {}, False),
        ("300円です。", "回答できません。", {"finetuned": {"state": "refused"}}, True),
        ("A", "B", {"baseline": {"extracted": "1"}, "finetuned": {"extracted": "2"}}, True),
        ("答えは1です。", "1", {"baseline": {"extracted": "1"}, "finetuned": {"extracted": "1"}}, False),
        ("同じ", "同じ", {}, False),
    ],
)
def test_a_changed_conclusion_is_told_from_changed_words(
    before: str, after: str, values: dict[str, Any], changed: bool
) -> None:
    one = item("s1", before, after, **values)
    assert bool(narrow([one], "conclusion", look([one], []))) == changed


def test_one_right_goes_by_people_before_scores() -> None:
    one = item("s1", baseline={"scores": {"oracle_quote": 0.0}}, finetuned={"scores": {"oracle_quote": 1.0}})
    assert narrow([one], "one_right", look([one], [])) == [one]
    both = [vote("s1", correctness={"baseline": "right", "finetuned": "right"})]
    assert narrow([one], "one_right", look([one], both)) == []


def test_every_filter_order_and_tag_has_words() -> None:
    keys = [
        *(f"review.filter.{name}" for name in FILTERS),
        *(f"review.order.{name}" for name in ORDERS),
        *(f"review.tag.{name}" for name in DEFAULT_TAGS),
    ]
    assert [key for key in keys for lang in LANGUAGES if not has_key(key, lang)] == []


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(KeyError):
        narrow(ITEMS, "nonsense", look(ITEMS, []))
