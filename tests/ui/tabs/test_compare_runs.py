"""The table of several runs on the page, without a browser."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.evaluation.run_makers import flipped, task_run
from tests.ui.fakes import make_artifact, make_ctx
from workbench.artifacts import write_jsonl_atomic
from workbench.errors import InputError, NotFoundError, StateError
from workbench.evaluation.runs import Side
from workbench.i18n import LANGUAGES
from workbench.paths import Workspace
from workbench.ui.context import UiContext
from workbench.ui.tabs import compare_runs, gate_section
from workbench.ui.tabs import compare_runs_page as page


def publish(ctx: UiContext, run: Side) -> str:
    draft = ctx.artifacts.begin("evaluation", run.label)
    write_jsonl_atomic(draft.folder / "answers.jsonl", run.answers)
    details = {"label": run.label, "endpoint": {"model": f"model-{run.label}", "engine": "vllm"}}
    return draft.commit(details=details).id


@pytest.fixture
def runs(ctx: UiContext) -> list[str]:
    made = {"base": (0, 0), "without": (4, 6), "with": (2, 30)}
    return [
        publish(ctx, task_run(name, flipped(200, 150, *flips)[1], genre="地理"))
        for name, flips in made.items()
    ]


def test_the_evaluations_can_be_chosen_and_stay_chosen(ctx: UiContext, runs: list[str]) -> None:
    shown, reference = page.list_runs(ctx, [], None)
    assert {value for _, value in shown["choices"]} == set(runs)
    assert "model-with" in str(shown["choices"])
    shown, reference = page.list_runs(ctx, [runs[1], "gone", runs[0]], "gone")
    assert shown["value"] == [runs[1], runs[0]]
    assert reference["value"] == runs[1]


def test_the_table_the_lists_and_the_command_come_together(ctx: UiContext, runs: list[str]) -> None:
    markup, looked, column, command = page.show_table(ctx, runs, runs[0], False, False)
    assert "改善" in markup
    assert looked["value"] == runs[2]
    assert column["value"] == "jcq_chat/correct"
    assert json.loads(command)["command"] == f"workbench table {' '.join(runs)} --reference {runs[0]}"


def test_a_run_is_looked_at_in_detail(ctx: UiContext, runs: list[str]) -> None:
    chosen = [runs, runs[0], False, False]
    plots, genres, flips = page.show_detail(ctx, *chosen, runs[2], "jcq_chat/correct", "column", None)
    assert [figure["name"] for figure in json.loads(plots)["figures"]] == ["bar", "histogram"]
    assert "地理" in genres
    assert "直った 30 問" in genres
    assert "大きく良くなった質問" in flips


def test_categories_come_from_rules_and_from_a_dropped_file(
    ctx: UiContext, runs: list[str], tmp_path: Path
) -> None:
    chosen = [runs, runs[0], False, False, runs[2], "jcq_chat/correct"]
    assert "その他" in page.show_detail(ctx, *chosen, "rules", None)[1]
    assert "ここに入れて" in page.show_detail(ctx, *chosen, "file", None)[1]
    dropped = tmp_path / "genres.csv"
    dropped.write_text("id,genre\n0,税金\n", encoding="utf-8")
    assert "税金" in page.show_detail(ctx, *chosen, "file", str(dropped))[1]
    dropped.with_name("r.yaml").write_text("genres: [{name: 質問ぜんぶ, any: [質問]}]", encoding="utf-8")
    assert "質問ぜんぶ" in page.show_detail(ctx, *chosen, "file", str(dropped.with_name("r.yaml")))[1]


def test_fewer_than_two_runs_are_refused_with_a_sentence(ctx: UiContext, runs: list[str]) -> None:
    with pytest.raises(InputError, match="runs_not_chosen"):
        page.show_table(ctx, runs[:1], None, False, False)


def test_forged_choices_are_refused(ctx: UiContext, runs: list[str]) -> None:
    with pytest.raises(NotFoundError):
        page.show_table(ctx, [runs[0], "../../etc"], None, False, False)
    other = make_artifact(ctx, "dataset", "d").id
    with pytest.raises(StateError, match="not_an_evaluation"):
        page.show_table(ctx, [runs[0], other], None, False, False)
    detail = page.show_detail(ctx, runs, runs[0], False, False, "../../etc", "x/y", "column", None)
    assert all(value == page.SKIP for value in detail)


@pytest.mark.parametrize("ending", page.SAVED)
def test_every_format_is_written_where_the_page_may_serve_it(
    ctx: UiContext, runs: list[str], ending: str
) -> None:
    values: list[Any] = [runs, runs[0], False, False, runs[2], "jcq_chat/correct", "column", None, ending]
    path = Path(page.save(ctx, *values)["value"])
    assert path.suffix == f".{ending}"
    assert path.stat().st_size > 100
    if ending == "html":
        text = path.read_text(encoding="utf-8")
        assert "Plotly.newPlot('plot-0'" in text
        assert text.count("</script>") == 2


def test_an_unknown_format_is_refused(ctx: UiContext, runs: list[str]) -> None:
    values: list[Any] = [runs, runs[0], False, False, runs[2], "", "column", None, "../x"]
    with pytest.raises(InputError, match="table_format_unknown"):
        page.save(ctx, *values)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_both_sections_are_laid_out_without_a_warning(workspace: Workspace, lang: Any) -> None:
    ctx = make_ctx(workspace, lang)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gr.Blocks(analytics_enabled=False) as blocks:
            compare_runs.build_section(ctx)
            gate_section.build_section(ctx)
    ids = {getattr(block, "elem_id", None) for block in blocks.blocks.values()}
    assert {"runs-table", "runs-plots", "gate-form", "gate-verdict"} <= ids
    public = [fn for fn in blocks.fns.values() if getattr(fn, "api_visibility", "private") != "private"]
    assert public == []


def test_errors_are_told_by_where_the_documents_come_from_on_the_page_and_in_its_file(
    ctx: UiContext,
) -> None:
    runs = [
        publish(ctx, task_run(name, flipped(200, 150, 0, gained)[1], source="国税庁"))
        for name, gained in (("base", 0), ("with", 30))
    ]
    values: list[Any] = [runs, runs[0], False, False, runs[1], "jcq_chat/correct", "document", None]
    assert "国税庁" in page.show_detail(ctx, *values)[1]
    saved = Path(page.save(ctx, *values, "html")["value"]).read_text(encoding="utf-8")
    assert "誤答分析: with（文書の出典）" in saved
    assert "直った 30 問" in saved
