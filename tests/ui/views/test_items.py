import pytest

from tests.ui.samples import make_comparison
from workbench.ui.views.items import FILTERS, Choice, build_item, count_filters, select

ITEMS = make_comparison().items


def ids(choice: Choice) -> list[str]:
    return [item.id for item in select(ITEMS, choice)]


def test_rescued_and_newly_refused_questions_are_found() -> None:
    assert ids(Choice("rescued")) == ["s0"]
    assert ids(Choice("newly_refused")) == ["s1"]


def test_an_invented_quote_is_found() -> None:
    assert ids(Choice("quote_missing")) == ["s3"]


def test_a_kind_and_words_narrow_the_list_further() -> None:
    assert ids(Choice(kind="unanswerable")) == ["s5"]
    assert ids(Choice(search="3 番の窓口")) == ["s3"]
    assert ids(Choice(search="午前7時")) == ["s3"]
    assert ids(Choice(search="どこにもない")) == []


def test_a_forged_filter_shows_everything() -> None:
    assert len(ids(Choice("__class__", "x"))) == len(ITEMS)


def test_every_filter_stands_with_its_number() -> None:
    named = dict((value, text) for text, value in count_filters(ITEMS, "ja"))
    assert set(named) == set(FILTERS)
    assert "（1）" in named["rescued"]


def test_the_diff_gives_both_texts_back() -> None:
    drawn = build_item(ITEMS[3], "ja")
    assert "".join(part["a"] for part in drawn["diff"]) == ITEMS[3].baseline.prediction
    assert "".join(part["b"] for part in drawn["diff"]) == ITEMS[3].finetuned.prediction
    assert any(part["important"] for part in drawn["diff"])


@pytest.mark.parametrize(("place", "label"), [("left", "学習前"), ("right", "学習後")])
def test_the_baseline_stands_left(place: str, label: str) -> None:
    assert build_item(ITEMS[0], "ja")[place]["label"] == label
