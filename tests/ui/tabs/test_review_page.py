import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest

from tests.ui.review_samples import ask, at, save_review
from workbench.errors import InputError, StateError
from workbench.review.exports import EXPORTS
from workbench.schemas.review import DEFAULT_TAGS
from workbench.ui.context import UiContext
from workbench.ui.tabs import review_page as page

BOSS = "部長"


@pytest.fixture(autouse=True)
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    return tmp_path / "served"


@pytest.fixture
def judged(ctx: UiContext) -> dict[str, str]:
    """A comparison of which one reviewer has judged six questions with names shown."""
    comparison = save_review(ctx)
    shown = ask(ctx, "begin", comparison=comparison, reviewer="一人目", mode="all", blind=False)
    for number in range(6):
        entry = {
            "correctness": {"right": "right"},
            "tags": {"left": ["fact_error"]},
            "correction": "直した答え",
        }
        shown = ask(ctx, "vote", **at(shown), verdict="right" if number else "tie", entry=entry)
        shown = ask(ctx, "go", **at(shown), by=1)
    return {"comparison": comparison, "reviewer": BOSS}


def test_the_results_tell_the_win_rate_and_whom_to_trust(ctx: UiContext, judged: dict[str, str]) -> None:
    html = page.show_results(ctx, judged)
    assert "優劣のついた 5 問のうち 100.0 %" in html
    assert "事実誤り" in html
    assert "一人目" in html
    assert "文字の一致（F1）" in html


def test_refusals_are_counted_again_with_what_the_reviewer_calls_them(ctx: UiContext) -> None:
    comparison = save_review(ctx, 4)
    # the baseline refuses the first question; with names shown it stands left
    shown = ask(ctx, "begin", comparison=comparison, reviewer="一人目", mode="all", blind=False)
    assert "数え直す" not in page.show_results(ctx, {"comparison": comparison, "reviewer": BOSS})
    ask(ctx, "vote", **at(shown), verdict="tie", entry={"states": {"left": "answered"}})
    html = page.show_results(ctx, {"comparison": comparison, "reviewer": BOSS})
    assert "数え直す" in html
    counted = html.split("数え直す")[1]
    assert counted.index("25.0 %") < counted.index("0.0 %", counted.index("25.0 %") + 6)


def test_the_results_stay_closed_in_the_middle_of_a_blind_review(
    ctx: UiContext, judged: dict[str, str]
) -> None:
    ask(ctx, "begin", comparison=judged["comparison"], reviewer=BOSS, mode="random", size=5, blind=True)
    assert "隠しています" in page.show_results(ctx, judged)
    with pytest.raises(StateError, match="review_export_blind"):
        page.write_export(ctx, judged, "csv")
    with pytest.raises(StateError, match="review_export_blind"):
        page.publish_votes(ctx, judged)


def test_who_has_not_judged_sees_results_only_after_saying_so(ctx: UiContext, judged: dict[str, str]) -> None:
    for where in (judged, {**judged, "reviewer": ""}):
        html, button = page.open_results(ctx, where, {})
        assert "まだ判定していません" in html
        assert "優劣のついた" not in html
        assert button["visible"]
        html, button, agreed = page.show_anyway(ctx, where)
        assert "優劣のついた" in html
        assert not button["visible"]
        # looked at again, it stays open; under another name it does not
        assert page.open_results(ctx, where, agreed)[0] == html
        assert page.open_results(ctx, {**where, "reviewer": "別の人"}, agreed)[1]["visible"]


def test_who_has_judged_with_names_shown_sees_results_at_once(ctx: UiContext, judged: dict[str, str]) -> None:
    html, button = page.open_results(ctx, {**judged, "reviewer": "一人目"}, {})
    assert "優劣のついた" in html
    assert not button["visible"]


def test_saying_so_does_not_open_the_results_of_a_blind_review_under_way(
    ctx: UiContext, judged: dict[str, str]
) -> None:
    *_, agreed = page.show_anyway(ctx, judged)
    ask(ctx, "begin", comparison=judged["comparison"], reviewer=BOSS, mode="random", size=5, blind=True)
    assert "隠しています" in page.open_results(ctx, judged, agreed)[0]


def test_without_votes_or_comparison_the_results_say_so(ctx: UiContext) -> None:
    assert "まだ判定はありません" in page.show_results(ctx, None)
    where = {"comparison": save_review(ctx), "reviewer": BOSS}
    assert "まだ判定はありません" in page.show_results(ctx, where)


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_every_format_is_offered_in_words_and_written_where_it_may_be_served(
    ctx: UiContext, judged: dict[str, str], served: Path, name: str
) -> None:
    rows = {row["id"]: row["cells"] for row in json.loads(page.show_exports(ctx))["rows"]}
    assert all(len(cell) > 3 for cell in rows[name])
    update, told = page.write_export(ctx, judged, name)
    path = Path(update["value"])
    assert path.is_relative_to(served)
    assert path.stat().st_size > 100
    assert path.name in told


def test_the_workbook_opens_and_training_rows_are_kept_out_of_later_tests(
    ctx: UiContext, judged: dict[str, str]
) -> None:
    book = openpyxl.load_workbook(page.write_export(ctx, judged, "xlsx")[0]["value"])
    assert book.worksheets[0].max_row == 25
    update, told = page.write_export(ctx, judged, "dpo")
    rows = [json.loads(line) for line in Path(update["value"]).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 5
    assert "学習用の 5 行" in told
    assert len(ctx.votes.exported(judged["comparison"])) == 5


def test_an_unknown_format_or_comparison_is_refused(ctx: UiContext, judged: dict[str, str]) -> None:
    with pytest.raises(InputError, match="export_unknown"):
        page.write_export(ctx, judged, "../../x")
    with pytest.raises(InputError, match="comparison_not_chosen"):
        page.write_export(ctx, {}, "csv")


def test_the_verdicts_are_put_on_record(ctx: UiContext, judged: dict[str, str]) -> None:
    told = page.publish_votes(ctx, judged)
    (artifact,) = ctx.artifacts.list("review")
    assert artifact.id in told
    assert artifact.numbers["votes"] == 6


def test_reasons_are_edited_as_words_and_kept_as_codes(ctx: UiContext) -> None:
    text, oracle = page.show_tags(ctx)
    assert text.splitlines()[0] == "事実誤り"
    assert oracle is False
    page.save_tags(ctx, "拒否すべきだった\n税率の誤り\n\nFactual error\n税率の誤り", True)
    settings = ctx.votes.settings()
    assert settings.tags[:2] == ("missing_refusal", "税率の誤り")
    assert settings.tags[2] in (*DEFAULT_TAGS, "Factual error")
    assert settings.oracle_before_vote


@pytest.mark.parametrize("text", ["", "\n \n", "x" * 41, "\n".join(str(n) for n in range(31))])
def test_reasons_that_cannot_be_kept_are_refused(ctx: UiContext, text: str) -> None:
    with pytest.raises(InputError, match="review_tags_bad"):
        page.save_tags(ctx, text, False)


def test_what_the_desk_tells_is_read_as_text() -> None:
    event: Any = SimpleNamespace(_data={"comparison": "c", "reviewer": None, "other": 1})
    context: Any = None
    assert page.read_where(context, event) == {"comparison": "c", "reviewer": ""}
