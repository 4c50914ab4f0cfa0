"""The plain functions behind the table of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.utils import get_upload_folder

from workbench.errors import InputError, StateError
from workbench.evaluation.genres import (
    Genres,
    break_down,
    genres_by_column,
    genres_by_list,
    genres_by_rules,
    genres_by_source,
    read_list,
    read_rules,
)
from workbench.evaluation.measures import group_benches
from workbench.evaluation.naming import say_bench, say_measure
from workbench.evaluation.runs import Side, load_folder
from workbench.evaluation.table import build_table, list_differences
from workbench.evaluation.table_export import FORMATS
from workbench.paths import assets_dir
from workbench.schemas.artifact import Artifact
from workbench.schemas.genres import GenreBreakdown
from workbench.schemas.table import Correction, RunTable, TableColumn
from workbench.ui.components import command_payload
from workbench.ui.context import UiContext
from workbench.ui.plotly_file import plotly_script
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import run_plots
from workbench.ui.views import run_table as view
from workbench.ui.views.evaluation import name_artifact
from workbench.ui.views.html import Child, el, join, paragraph
from workbench.ui.views.uploads import keep_upload
from workbench.ui.views.words import say_date

LISTED = 60
SOURCES = ("column", "document", "rules", "file")
SAVED = ("xlsx", "csv", "md", "json", "html")
RULES = "genres/japanese_commonsense.yaml"
_KEPT = 8


class Choice(NamedTuple):
    """What a person has chosen to compare."""

    runs: tuple[str, ...]
    reference: str
    every: bool
    exploratory: bool

    @classmethod
    def of(cls, runs: Any, reference: Any, every: Any, exploratory: Any) -> Choice:
        chosen = tuple(dict.fromkeys(str(run) for run in runs or ()))
        base = str(reference or "") if str(reference or "") in chosen else next(iter(chosen), "")
        return cls(chosen, base, bool(every), bool(exploratory))


def name_runs(ctx: UiContext) -> dict[str, str]:
    """The evaluations on disk, newest first, as people tell them apart."""
    return {
        item.id: ctx.t(
            "run_table.run",
            name=name_artifact(item, ctx.lang),
            model=_model_of(item),
            date=say_date(item.created_at),
        )
        for item in ctx.artifacts.list("evaluation")[:LISTED]
    }


def _model_of(evaluation: Artifact) -> str:
    endpoint: Mapping[str, Any] = evaluation.details.get("endpoint") or {}
    return str(endpoint.get("model", ""))


def list_runs(ctx: UiContext, chosen: Sequence[str] | None, reference: str | None) -> list[Any]:
    """The evaluations to choose from; what is chosen stays chosen while it exists."""
    names = name_runs(ctx)
    kept = [run for run in chosen or () if run in names]
    base = reference if reference in kept else next(iter(kept), None)
    return [
        gr.update(choices=[(name, run) for run, name in names.items()], value=kept),
        gr.update(choices=[(names[run], run) for run in kept], value=base),
    ]


def load_evaluation(ctx: UiContext, run: str) -> Side:
    """An evaluation of the workspace; read once while its content stays the same.

    Raises:
        NotFoundError: No such artifact.
        StateError: `not_an_evaluation`.
    """
    artifact = ctx.artifacts.get(run)
    if artifact.kind != "evaluation":
        raise StateError("not_an_evaluation", id=run)
    return _read_folder(ctx.artifacts.folder(run), artifact.sha256)


@lru_cache(maxsize=_KEPT)
def _read_folder(folder: Path, _sha256: str) -> Side:
    return load_folder(folder)


def make_table(ctx: UiContext, choice: Choice) -> RunTable:
    """The table of the chosen runs.

    Raises:
        InputError: `runs_not_chosen` where fewer than two are.
        NotFoundError: One of them does not exist.
    """
    if len(choice.runs) < 2:
        raise InputError("runs_not_chosen")
    correction: Correction = "exploratory" if choice.exploratory else "holm"
    runs = [load_evaluation(ctx, run) for run in choice.runs]
    return build_table(runs, choice.reference, correction=correction, every_metric=choice.every)


def show_table(ctx: UiContext, *values: Any) -> list[Any]:
    """The table, the runs and figures to look at, and the command."""
    choice = Choice.of(*values)
    table = make_table(ctx, choice)
    others = [(row.label, row.run) for row in table.rows if row.run != table.reference]
    columns = [(name_column(ctx, column), column.key) for column in table.columns]
    primary = next((column.key for column in table.columns if column.primary), columns[0][1])
    return [
        view.render_table(table, ctx.lang),
        gr.update(choices=others, value=others[-1][1]),
        gr.update(choices=columns, value=primary),
        command_payload(make_command(choice)),
    ]


def name_column(ctx: UiContext, column: TableColumn) -> str:
    """A figure by its words."""
    return f"{say_bench(column.bench, ctx.lang)}: {say_measure(column.metric, ctx.lang)}"


def make_command(choice: Choice) -> list[str]:
    """The command that prints the same table."""
    flags = [
        *(["--all-metrics"] if choice.every else []),
        *(["--exploratory"] if choice.exploratory else []),
    ]
    return ["workbench", "table", *choice.runs, "--reference", choice.reference, *flags]


def show_detail(ctx: UiContext, *values: Any) -> list[Any]:
    """Plots, errors by category, and what changed most, of one run against the reference."""
    *chosen, looked, key, source, upload = values
    choice = Choice.of(*chosen)
    if len(choice.runs) < 2 or looked not in choice.runs:
        return [SKIP, SKIP, SKIP]
    table = make_table(ctx, choice)
    column = next((one for one in table.columns if one.key == key), table.columns[0])
    base, run = load_evaluation(ctx, choice.reference), load_evaluation(ctx, str(looked))
    figures = _make_figures(ctx, table, base, run, column)
    if source == "file" and not upload:
        return [run_plots.figures_payload(figures), paragraph(ctx.t("genres.upload.none"), "wb-empty"), ""]
    found = _break_down(ctx, base, run, column, str(source), upload)
    return [
        run_plots.figures_payload(figures),
        view.render_genres(found, ctx.lang, by_source=source == "document"),
        view.render_flips(found, ctx.lang),
    ]


def _break_down(
    ctx: UiContext, base: Side, run: Side, column: TableColumn, source: str, upload: Any
) -> GenreBreakdown:
    answers = group_benches(run.answers).get(column.bench, [])
    return break_down(answers, find_genres(ctx, run, source, upload), base.answers)


def _make_figures(
    ctx: UiContext, table: RunTable, base: Side, run: Side, column: TableColumn
) -> list[run_plots.Figure]:
    label = next(row.label for row in table.rows if row.run == run.id)
    shown = f"{label} · {name_column(ctx, column)}"
    return run_plots.make_figures(table, list_differences(base, run, column), shown, ctx.lang)


def find_genres(ctx: UiContext, run: Side, source: str, upload: Any) -> Genres:
    """The category of each question.

    Args:
        ctx: The page's context.
        run: The run that is looked at.
        source: `column`, `document` (where its documents come from), `rules` (those that ship with the program)
            or `file`.
        upload: Path of the dropped file: rules as YAML, or a list as CSV or JSONL.
    """
    if source == "document":
        return genres_by_source(run.answers)
    if source == "rules":
        return genres_by_rules(run.answers, read_rules(assets_dir() / RULES))
    if source == "file" and upload:
        path = keep_upload(ctx.workspace, Path(str(upload)))
        if path.suffix.lower() in (".yaml", ".yml"):
            return genres_by_rules(run.answers, read_rules(path))
        return genres_by_list(run.answers, read_list(path))
    return genres_by_column(run.answers)


def choose_source(ctx: UiContext, source: str) -> Any:
    """The place to drop a file shows only where one is asked for."""
    return gr.update(visible=source == "file")


def save(ctx: UiContext, *values: Any) -> Any:
    """Write the table where the page may serve it from.

    Raises:
        InputError: Nothing was chosen, or an unknown format.
    """
    *chosen, looked, key, source, upload, ending = values
    choice = Choice.of(*chosen)
    table = make_table(ctx, choice)
    if ending == "html":
        page = _render_page(ctx, choice, table, looked, key, str(source), upload)
        data = page.encode("utf-8", "replace")
    elif ending in FORMATS:
        data = FORMATS[str(ending)](table, ctx.lang)
    else:
        raise InputError("table_format_unknown", path=str(ending), known=", ".join(SAVED))
    folder = Path(get_upload_folder()) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"runs.{ending}"
    path.write_bytes(data)
    return gr.update(value=str(path))


def _render_page(
    ctx: UiContext, choice: Choice, table: RunTable, looked: Any, key: Any, source: str, upload: Any
) -> str:
    """The table, the plots, and the errors by category of the run that is looked at."""
    run = str(looked) if looked in choice.runs else choice.runs[-1]
    column = next((one for one in table.columns if one.key == key), table.columns[0])
    base, side = load_evaluation(ctx, choice.reference), load_evaluation(ctx, run)
    figures = _make_figures(ctx, table, base, side, column)
    library = plotly_script().read_text(encoding="utf-8")
    body: list[Child] = [view.render_table(table, ctx.lang)]
    if run != choice.reference and (source != "file" or upload):
        found = _break_down(ctx, base, side, column, source, upload)
        title = ctx.t("genres.of", run=side.label, way=ctx.t(f"genres.source.{source}"))
        body += [el("h2", title), view.render_genres(found, ctx.lang, by_source=source == "document")]
    return run_plots.render_page(figures, join(body), library, ctx.lang)
