import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import make_artifact
from tests.ui.samples import save_comparison
from workbench.errors import InputError, NotFoundError, StateError
from workbench.ui.context import UiContext
from workbench.ui.tabs import compare_page as page
from workbench.ui.tabs.compare_page import Page

# positions in what `show` returns
CURRENT, QUESTION, PROGRESS, FILTERS, TALLY, LEFT, RIGHT = range(7)


@pytest.fixture
def comparison(ctx: UiContext) -> str:
    return save_comparison(ctx).id


def at(comparison: str, **changes: Any) -> Page:
    plain = Page(comparison, "all", "all", "", "税務担当", False, "")
    return plain._replace(**changes)


def vote(ctx: UiContext, pressed: str, where: Page, comment: str = "") -> list[Any]:
    return page.cast_vote(ctx, pressed, where, comment)


def test_the_newest_comparison_is_chosen_and_a_choice_stays(ctx: UiContext, comparison: str) -> None:
    assert page.list_comparisons(ctx, None)[0]["value"] == comparison
    newer = save_comparison(ctx).id
    assert page.list_comparisons(ctx, comparison)[0]["value"] == comparison
    assert newer in [value for _, value in page.list_comparisons(ctx, None)[0]["choices"]]


def test_without_a_comparison_the_page_says_how_to_get_one(ctx: UiContext) -> None:
    assert "評価" in page.show_comparison(ctx, None)[0]
    assert json.loads(page.show(ctx, at(""))[QUESTION]) == {"empty": True}


def test_the_first_question_is_shown_with_both_answers(ctx: UiContext, comparison: str) -> None:
    shown = page.show(ctx, at(comparison))
    drawn = json.loads(shown[QUESTION])
    assert shown[CURRENT] == drawn["id"] == "s0"
    assert drawn["left"]["side"] == "baseline"
    assert drawn["right"]["quotes"][0]["tone"] == "good"
    assert "0 / 6 問" in shown[PROGRESS]


def test_a_verdict_is_saved_and_the_next_question_comes(ctx: UiContext, comparison: str) -> None:
    shown = vote(ctx, "right", at(comparison, current="s0"), "良い")
    saved = ctx.votes.votes(comparison)
    assert [(v.sample_id, v.verdict, v.left, v.comment) for v in saved] == [
        ("s0", "finetuned", "baseline", "良い")
    ]
    assert shown[0] == ""
    assert shown[1 + CURRENT] == "s1"
    assert "1 / 6 問" in shown[1 + PROGRESS]


def test_the_next_question_comes_also_where_the_judged_one_leaves_the_list(
    ctx: UiContext, comparison: str
) -> None:
    shown = vote(ctx, "tie", at(comparison, filter="unreviewed", current="s1"))
    assert shown[1 + CURRENT] == "s2"


def test_the_last_question_stays_after_its_verdict(ctx: UiContext, comparison: str) -> None:
    assert vote(ctx, "bad", at(comparison, current="s5"))[1 + CURRENT] == "s5"
    assert ctx.votes.votes(comparison)[0].verdict == "both_bad"


def test_under_hidden_names_a_button_means_the_side_that_stood_there(ctx: UiContext, comparison: str) -> None:
    for number in range(6):
        vote(ctx, "left", at(comparison, blind=True, current=f"s{number}"))
    saved = ctx.votes.votes(comparison)
    assert all(v.verdict == v.left for v in saved)
    assert "学習" not in json.dumps(
        json.loads(page.show(ctx, at(comparison, blind=True))[QUESTION])["left"]["label"]
    )


def test_under_hidden_names_the_sum_of_the_verdicts_is_hidden_too(ctx: UiContext, comparison: str) -> None:
    vote(ctx, "right", at(comparison, current="s0"))
    assert "隠します" in page.show(ctx, at(comparison, blind=True))[TALLY]
    assert "学習後が良い 1" in page.show(ctx, at(comparison))[TALLY]


def test_without_a_name_nothing_is_saved(ctx: UiContext, comparison: str) -> None:
    with pytest.raises(StateError, match="reviewer_missing"):
        vote(ctx, "left", at(comparison, reviewer="", current="s0"))
    assert ctx.votes.votes(comparison) == []


def test_a_forged_question_is_not_judged(ctx: UiContext, comparison: str) -> None:
    with pytest.raises(StateError, match="vote_nothing"):
        vote(ctx, "left", at(comparison, current="no-such"))


def test_a_forged_comparison_is_refused(ctx: UiContext) -> None:
    with pytest.raises(NotFoundError):
        page.show(ctx, at("../../etc"))


def test_two_reviewers_have_their_own_progress(ctx: UiContext, comparison: str) -> None:
    vote(ctx, "left", at(comparison, current="s0"))
    assert "1 / 6 問" in page.show(ctx, at(comparison))[PROGRESS]
    assert "0 / 6 問" in page.show(ctx, at(comparison, reviewer="別の人"))[PROGRESS]


def test_undo_takes_the_last_verdict_back_and_shows_its_question(ctx: UiContext, comparison: str) -> None:
    vote(ctx, "left", at(comparison, current="s2"))
    shown = page.undo_vote(ctx, at(comparison, current="s3"))
    assert shown[CURRENT] == "s2"
    assert ctx.votes.votes(comparison) == []
    with pytest.raises(StateError, match="vote_none"):
        page.undo_vote(ctx, at(comparison))


def test_the_list_ends_at_its_ends(ctx: UiContext, comparison: str) -> None:
    assert page.step(ctx, at(comparison, current="s0"), -1)[CURRENT] == "s0"
    assert page.step(ctx, at(comparison, current="s0"), 1)[CURRENT] == "s1"
    assert page.step(ctx, at(comparison, current="s5"), 1)[CURRENT] == "s5"


def test_a_filter_that_finds_nothing_says_so(ctx: UiContext, comparison: str) -> None:
    shown = page.show(ctx, at(comparison, search="どこにもない"))
    assert json.loads(shown[QUESTION]) == {"empty": True}
    assert "当てはまる問題はありません" in shown[PROGRESS]


def test_the_name_and_the_words_are_taken_as_the_page_sends_them() -> None:
    read = Page.of(["c", None, None, None, f"  {'名' * 100}", None, None])
    assert read == Page("c", "all", "all", "", "名" * 80, False, "")


def test_the_export_is_written_where_it_may_be_served(
    ctx: UiContext, comparison: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    vote(ctx, "right", at(comparison, current="s0"))
    path = Path(page.export_votes(ctx, comparison)["value"])
    assert path.is_relative_to(tmp_path / "served")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert len(rows) == 7
    with pytest.raises(InputError):
        page.export_votes(ctx, "")


def test_a_damaged_comparison_is_told_with_a_sentence(ctx: UiContext) -> None:
    broken = make_artifact(ctx, "comparison", "x", {"summary.json": "{"}).id
    with pytest.raises(InputError, match="comparison_unreadable"):
        page.show_comparison(ctx, broken)
