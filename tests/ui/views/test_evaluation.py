from pathlib import Path

from tests.ui.fakes import make_artifact
from tests.ui.samples import QUOTED, SCRIPT, answer
from workbench.evaluation import summarise
from workbench.schemas.evaluation import RunMetrics
from workbench.ui.context import UiContext
from workbench.ui.views.evaluation import (
    FIGURES,
    SHOWN_ANSWERS,
    LiveAnswer,
    read_metrics,
    render_answers,
    render_list,
    render_metrics,
)

METRICS = summarise([answer(i, QUOTED) for i in range(30)], draws=100)


def test_every_figure_is_told_with_its_interval_and_its_direction() -> None:
    html = render_metrics(METRICS, "ja")
    assert html.count("<dt>") == len(FIGURES)
    assert "低いほど良い" in html
    assert "30 問" in html


def test_the_score_stands_beside_its_chance_level() -> None:
    assert "偶然の値" in render_metrics(METRICS.model_copy(update={"answered_f1_chance": 0.31}), "ja")


def test_questions_without_an_answer_are_pointed_out() -> None:
    assert "3 問は答えを得られず" in render_metrics(RunMetrics(n=10, errors=3), "ja")


def test_a_damaged_summary_leaves_dashes_in_the_list(ctx: UiContext, tmp_path: Path) -> None:
    broken = make_artifact(ctx, "evaluation", "<b>x</b>", {"summary.json": "{"})
    assert read_metrics(ctx.artifacts.folder(broken.id)) is None
    html = render_list([(broken, None)], "ja")
    assert "–" in html
    assert "<b>x</b>" not in html


def test_figures_lie_flat_in_the_summary(ctx: UiContext) -> None:
    saved = make_artifact(ctx, "evaluation", "e", {"summary.json": METRICS.model_dump_json()})
    assert read_metrics(ctx.artifacts.folder(saved.id)) == METRICS


def test_finished_answers_come_newest_first_and_escaped() -> None:
    lines = [LiveAnswer("baseline", answer(i, SCRIPT if i == 2 else QUOTED).model_dump()) for i in range(3)]
    html = render_answers(lines, 3, "ja")
    assert "<script>" not in html
    assert html.index("2 番の窓口") < html.index("1 番の窓口")
    assert "引用 原文どおり" in html


def test_only_the_newest_answers_are_drawn() -> None:
    lines = [LiveAnswer("baseline", answer(i, QUOTED).model_dump()) for i in range(50)]
    assert render_answers(lines, 50, "ja").count("<tr>") == SHOWN_ANSWERS + 1


def test_before_the_first_answer_the_page_says_what_will_come() -> None:
    assert "最初の答え" in render_answers([], 0, "ja")
