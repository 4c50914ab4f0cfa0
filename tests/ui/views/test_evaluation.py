from pathlib import Path

from tests.ui.fakes import make_artifact
from tests.ui.samples import QUOTED, answer
from workbench.evaluation.summary import summarise
from workbench.schemas.artifact import ArtifactKind
from workbench.schemas.evaluation import RunMetrics
from workbench.ui.context import UiContext
from workbench.ui.views.evaluation import FIGURES, name_artifact, read_metrics, render_list, render_metrics

METRICS = summarise([answer(i, QUOTED) for i in range(30)], draws=100)


def test_every_figure_is_told_with_its_interval_and_its_direction() -> None:
    html = render_metrics(METRICS, "ja")
    measured = [figure for figure in FIGURES if getattr(METRICS, figure.name) is not None]
    assert html.count("<dt>") == len(measured) > 0
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


def test_figures_that_were_not_measured_are_left_out() -> None:
    assert "一般の問題" not in render_metrics(METRICS, "ja")


def test_the_label_of_a_side_is_told_in_words_and_a_name_of_ones_own_as_it_is(ctx: UiContext) -> None:
    def told(kind: ArtifactKind, name: str) -> str:
        return name_artifact(make_artifact(ctx, kind, name, {"x": "1"}), "ja")

    assert told("comparison", "finetuned") == "学習前と学習後"
    assert told("evaluation", "finetuned") == "学習後"
    assert told("comparison", "税務 11 月") == "税務 11 月"
