import json
from dataclasses import replace
from typing import Any

import pytest

from tests.ui.fakes import make_artifact
from tests.ui.samples import make_comparison, save_comparison
from workbench.errors import InputError, NotFoundError
from workbench.ui.context import UiContext
from workbench.ui.tabs import compare_page as page
from workbench.ui.tabs.compare_page import Page

# positions in what `show` returns
CURRENT, QUESTION, PROGRESS, FILTERS = range(4)


@pytest.fixture
def comparison(ctx: UiContext) -> str:
    return save_comparison(ctx).id


def at(comparison: str, **changes: Any) -> Page:
    return Page(comparison, "all", "all", "", "")._replace(**changes)


def test_the_newest_comparison_is_chosen_and_a_choice_stays(ctx: UiContext, comparison: str) -> None:
    assert page.list_comparisons(ctx, None)[0]["value"] == comparison
    newer = save_comparison(ctx).id
    assert page.list_comparisons(ctx, comparison)[0]["value"] == comparison
    assert newer in [value for _, value in page.list_comparisons(ctx, None)[0]["choices"]]


def test_the_way_to_the_review_is_offered_where_there_is_something_to_review(
    ctx: UiContext,
) -> None:
    assert page.list_comparisons(ctx, None)[1]["visible"] is False
    save_comparison(ctx)
    assert page.list_comparisons(ctx, None)[1]["visible"] is True


def test_without_a_comparison_the_page_says_how_to_get_one(ctx: UiContext) -> None:
    assert "評価" in page.show_comparison(ctx, None)[0]
    assert json.loads(page.show(ctx, at(""))[QUESTION]) == {"empty": True}


def test_the_first_question_is_shown_with_both_answers(ctx: UiContext, comparison: str) -> None:
    shown = page.show(ctx, at(comparison))
    drawn = json.loads(shown[QUESTION])
    assert shown[CURRENT] == drawn["id"] == "s0"
    assert drawn["left"]["side"] == "baseline"
    assert drawn["right"]["quotes"][0]["tone"] == "good"
    assert "1 / 6 問目" in shown[PROGRESS]


def test_a_forged_comparison_is_refused(ctx: UiContext) -> None:
    with pytest.raises(NotFoundError):
        page.show(ctx, at("../../etc"))


def test_the_list_ends_at_its_ends(ctx: UiContext, comparison: str) -> None:
    assert page.step(ctx, at(comparison, current="s0"), -1)[CURRENT] == "s0"
    assert page.step(ctx, at(comparison, current="s0"), 1)[CURRENT] == "s1"
    assert page.step(ctx, at(comparison, current="s5"), 1)[CURRENT] == "s5"


def test_a_filter_that_finds_nothing_says_so(ctx: UiContext, comparison: str) -> None:
    shown = page.show(ctx, at(comparison, search="どこにもない"))
    assert json.loads(shown[QUESTION]) == {"empty": True}
    assert "当てはまる問題はありません" in shown[PROGRESS]


def test_the_choices_are_taken_as_the_page_sends_them() -> None:
    assert Page.of(["c", None, None, None, None]) == Page("c", "all", "all", "", "")


def test_a_damaged_comparison_is_told_with_a_sentence(ctx: UiContext) -> None:
    broken = make_artifact(ctx, "comparison", "x", {"summary.json": "{"}).id
    with pytest.raises(InputError, match="comparison_unreadable"):
        page.show_comparison(ctx, broken)


def test_figures_by_where_the_documents_come_from_follow_where_a_file_says_it(
    ctx: UiContext, comparison: str
) -> None:
    assert "文書の出典" not in page.show_comparison(ctx, comparison)[1]
    found = make_comparison()
    items = [
        item.model_copy(update={"finetuned": item.finetuned.model_copy(update={"source": f"課{n % 2}"})})
        for n, item in enumerate(found.items)
    ]
    told = page.show_comparison(ctx, save_comparison(ctx, replace(found, items=items)).id)[1]
    assert "文書の出典ごとに見る" in told
    assert "課0" in told
    assert "課1" in told
