"""The table of several runs and its plots, as markup and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evaluation.run_makers import JCQ, figures_of, flipped, task_answer, task_run
from workbench.evaluation.compare import compare
from workbench.evaluation.genres import break_down, genres_by_column, genres_by_source
from workbench.evaluation.runs import Side
from workbench.evaluation.table import build_table, list_differences
from workbench.i18n import LANGUAGES
from workbench.schemas.table import RunTable
from workbench.ui.views import run_plots
from workbench.ui.views.comparison import render_figures
from workbench.ui.views.html import Html
from workbench.ui.views.run_table import render_flips, render_genres, render_table

EVIL = "<img src=x onerror=alert(1)>"


def runs(*tasks: str) -> list[Side]:
    sides = []
    for name, lost in (("base", 0), (EVIL, 20)):
        answers = [
            a for task in tasks for a in task_run(name, flipped(60, 40, lost, 4)[1], task=task).answers
        ]
        sides.append(Side(name, answers, {"label": name}))
    return sides


@pytest.fixture
def table() -> RunTable:
    return build_table(runs(JCQ, "gsm8k", "jsquad"), "base", draws=200)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_tells_values_verdicts_and_numbers(table: RunTable, lang: Any) -> None:
    markup = render_table(table, lang)
    assert "73.3 %" in markup
    assert "40.0 %" in markup
    assert ("悪化" if lang == "ja" else "worse") in markup
    assert "60" in markup
    assert EVIL not in markup
    assert "run_table." not in markup


def test_what_speaks_against_comparing_stands_in_a_box() -> None:
    sides = [
        task_run("a", [1.0] * 30, figures=figures_of(shots=4)),
        task_run("b", [1.0] * 30, figures=figures_of(shots=0)),
    ]
    assert "例題の数が違います" in render_table(build_table(sides, "a"), "ja")
    assert 'role="note"' not in render_table(build_table([sides[0]], "a"), "ja")


def test_a_radar_needs_three_tasks(table: RunTable) -> None:
    names = [figure["name"] for figure in run_plots.make_figures(table, [0.0, 1.0], "x", "ja")]
    assert names == ["bar", "radar", "histogram"]
    two = build_table(runs(JCQ, "gsm8k"), "base", draws=200)
    assert [figure["name"] for figure in run_plots.make_figures(two, [], "x", "ja")] == ["bar"]


def test_figures_that_do_not_lie_between_0_and_1_are_on_no_common_axis() -> None:
    scores = [3.0, 4.0, 5.0] * 10
    judged = build_table([task_run("a", scores, metric="grade"), task_run("b", scores, metric="grade")], "a")
    assert run_plots.bar_figure(judged, "ja") is None


def test_bars_carry_their_intervals(table: RunTable) -> None:
    figure = run_plots.bar_figure(table, "ja")
    assert figure is not None
    trace = figure["data"][0]
    assert trace["y"] == pytest.approx([2 / 3 + 4 / 60] * 3)
    assert min(trace["error_y"]["array"]) > 0.05


def test_the_histogram_holds_every_shared_question() -> None:
    base, run = runs(JCQ)
    column = build_table([base, run], "base").columns[0]
    found = list_differences(base, run, column)
    assert (len(found), found.count(-1.0), found.count(1.0)) == (60, 20, 0)


def test_names_cannot_put_markup_into_a_plot(table: RunTable) -> None:
    figures = run_plots.make_figures(table, [1.0], EVIL, "ja")
    assert "<img" not in run_plots.figures_payload(figures)
    assert "<img" not in json.dumps(figures)


def test_the_saved_page_needs_nothing_from_outside(table: RunTable) -> None:
    figures = run_plots.make_figures(table, [1.0], "x", "ja")
    page = run_plots.render_page(figures, render_table(table, "ja"), "/*lib </script> */", "ja")
    assert "http" not in page
    assert page.count("</script>") == 2
    assert EVIL not in page
    assert isinstance(render_table(table, "ja"), Html)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_errors_by_category_and_the_largest_changes_are_told(lang: Any) -> None:
    before = [task_answer(f"q{i}", float(i > 20), genre=EVIL if i % 2 else "地理") for i in range(60)]
    after = [task_answer(f"q{i}", float(i <= 20), genre=EVIL if i % 2 else "地理") for i in range(60)]
    found = break_down(after, genres_by_column(after), before)
    markup = render_genres(found, lang) + render_flips(found, lang)
    assert "地理" in markup
    assert EVIL not in markup
    assert "genres." not in markup
    assert markup.count("<details>") == 2


def test_a_file_without_categories_says_what_to_do() -> None:
    run = [task_answer("a", 1.0)]
    assert "言葉の規則" in render_genres(break_down(run, genres_by_column(run)), "ja")
    assert "変わった質問はありません" in render_flips(break_down(run, {}, run), "ja")


def test_a_pairwise_comparison_of_tasks_shows_their_scores_and_the_split() -> None:
    fields = {"task": EVIL, "metric": "f1", "documents": ("d",), "target": "t"}
    before = [task_answer(str(i), 0.0, state="refused", **fields) for i in range(30)]
    after = [task_answer(str(i), 0.7, **fields) for i in range(30)]
    markup = render_figures(compare(Side("a", before), Side("b", after), draws=200).summary, "ja")
    assert "0.70" in markup
    assert "変化の内訳" in markup
    assert EVIL not in markup
    assert "不要な拒否" not in markup, "figures that nothing was measured of are left out"


def test_documents_sources_have_a_heading_and_advice_of_their_own() -> None:
    run = [task_answer("a", 1.0, source="国税庁"), task_answer("b", 0.0, source="厚労省")]
    markup = render_genres(break_down(run, genres_by_source(run)), "ja", by_source=True)
    assert "文書の出典" in markup
    assert "国税庁" in markup
    plain = [task_answer("a", 1.0)]
    assert "出典が書かれていません" in render_genres(
        break_down(plain, genres_by_source(plain)), "ja", by_source=True
    )
