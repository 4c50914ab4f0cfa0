"""What the evaluation page says: figures in words, the list of evaluations, answers as they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from workbench.artifacts import read_json
from workbench.errors import InputError
from workbench.i18n import Lang, t, translator
from workbench.schemas.artifact import Artifact
from workbench.schemas.evaluation import Interval, RunMetrics
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph, table
from workbench.ui.views.tasks import render_figures, say_own
from workbench.ui.views.words import NOTHING, say_date, say_decimal, say_interval
from workbench.ui.wording import say_share


class Figure(NamedTuple):
    """One figure of a run and how to read it."""

    name: str
    higher_better: bool
    share: bool
    """A share from 0 to 1, shown in per cent."""


FIGURES: tuple[Figure, ...] = (
    Figure("over_refusal_rate", higher_better=False, share=True),
    Figure("correct_refusal_rate", higher_better=True, share=True),
    Figure("verbatim_quote_rate", higher_better=True, share=True),
    Figure("answered_f1", higher_better=True, share=False),
    Figure("general_accuracy", higher_better=True, share=True),
)


def say_figure(figure: Figure, value: float | None) -> str:
    """A figure in its own form: per cent, or a number from 0 to 1."""
    return say_share(value) if figure.share else say_decimal(value)


def read_metrics(folder: Path) -> RunMetrics | None:
    """The figures of an evaluation's folder; None where they cannot be read."""
    try:
        content: Any = read_json(folder / "summary.json")
        return RunMetrics.model_validate(content.get("metrics", content))
    except (FileNotFoundError, InputError, ValidationError):
        return None


def render_metrics(metrics: RunMetrics, lang: Lang) -> Html:
    """Every figure in words: what it is, the value with its interval, which way is better, and chance."""
    measured = [figure for figure in FIGURES if getattr(metrics, figure.name) is not None]
    rows = [_metric_row(figure, metrics, lang) for figure in measured]
    errors = t("evaluate_tab.detail.errors", lang, errors=metrics.errors) if metrics.errors else ""
    warning = el("p", chip(t("train_tab.notice.warn", lang), "warn"), " ", errors) if errors else None
    return el("div", warning, el("dl", *rows, cls="wv-figures") if rows else None)


def render_detail(
    artifact: Artifact, metrics: RunMetrics, lang: Lang, titles: Mapping[str, str] | None = None
) -> Html:
    """One evaluation: what was asked, and every figure in words; tasks by their titles."""
    endpoint: Mapping[str, Any] = artifact.details.get("endpoint") or {}
    facts = {
        "model": str(endpoint.get("model", NOTHING)),
        "engine": str(endpoint.get("engine", NOTHING)),
        "n": f"{metrics.n:,}",
        "date": say_date(artifact.created_at),
    }
    line = paragraph(t("evaluate_tab.detail.facts", lang, **facts), "wb-soft")
    tasks = render_figures(list(metrics.tasks.values()), titles or {}, lang) if metrics.tasks else None
    return el("div", line, render_metrics(metrics, lang), tasks)


def _metric_row(figure: Figure, metrics: RunMetrics, lang: Lang) -> Html:
    value: float | None = getattr(metrics, figure.name)
    interval = metrics.intervals.get(figure.name) or Interval(value=value)
    name = t(f"evaluate_tab.metric.{figure.name}", lang)
    way = t(
        "evaluate_tab.metric.higher_better" if figure.higher_better else "evaluate_tab.metric.lower_better",
        lang,
    )
    said = say_interval(interval, translator(lang), say_share if figure.share else say_decimal)
    chance = None
    if figure.name == "answered_f1" and metrics.answered_f1_chance is not None:
        chance = el(
            "small", t("evaluate_tab.metric.chance", lang, value=say_decimal(metrics.answered_f1_chance))
        )
    return join(
        [
            el("dt", name, " ", el("small", way)),
            el(
                "dd", el("b", say_figure(figure, value)), " ", el("span", said, cls="wb-soft wb-tiny"), chance
            ),
        ]
    )


def side_name(label: str, lang: Lang) -> str:
    """`baseline` and `finetuned` in words; a person's own label as it is."""
    return t(f"evaluate_tab.side.{label}", lang) if label in ("baseline", "finetuned") else label


def name_artifact(artifact: Artifact, lang: Lang) -> str:
    """An artifact's name; in words where it bears only the label of a side."""
    if artifact.kind == "comparison" and artifact.name == "finetuned":
        return t("compare_tab.both_sides", lang)
    return side_name(artifact.name, lang)


def model_of(evaluation: Artifact) -> str:
    """The model that was asked."""
    endpoint: Mapping[str, Any] = evaluation.details.get("endpoint") or {}
    return str(endpoint.get("model") or evaluation.name)


def evaluation_choices(evaluations: Sequence[Artifact], lang: Lang) -> list[tuple[str, str]]:
    """Evaluations for a drop-down list."""
    return [
        (
            t(
                "evaluate_tab.list.choice",
                lang,
                name=model_of(item),
                side=side_name(str(item.details.get("label", "")), lang),
                date=say_date(item.created_at),
            ),
            item.id,
        )
        for item in evaluations
    ]


def render_list(evaluations: Sequence[tuple[Artifact, RunMetrics | None]], lang: Lang) -> Html:
    """All evaluations with their figures."""
    if not evaluations:
        return paragraph(t("evaluate_tab.list.none", lang), "wb-empty")
    head: list[Child] = [t("evaluate_tab.list.name", lang), t("evaluate_tab.col.side", lang)]
    head += [t(f"evaluate_tab.metric.{figure.name}", lang) for figure in FIGURES]
    head += [t("evaluate_tab.list.tasks", lang), t("compare_tab.col.n", lang)]
    rows = [_list_row(artifact, metrics, lang) for artifact, metrics in evaluations]
    numbers = [*range(2, 2 + len(FIGURES)), len(head) - 1]
    return table(head, rows, cls="wv-evaluations", numbers=numbers)


def _list_row(artifact: Artifact, metrics: RunMetrics | None, lang: Lang) -> list[Child]:
    label = str(artifact.details.get("label", ""))
    own = "" if artifact.name == label else artifact.name
    name = join([own, el("br") if own else None, el("small", say_date(artifact.created_at), cls="wb-soft")])
    side = el(
        "span", side_name(label, lang), cls=f"wv-side-{label}" if label in ("baseline", "finetuned") else ""
    )
    if metrics is None:
        return [name, side, *([NOTHING] * (len(FIGURES) + 2))]
    figures = [_cell(figure, metrics, lang) for figure in FIGURES]
    return [name, side, *figures, _tasks_cell(metrics), f"{metrics.n:,}"]


def _tasks_cell(metrics: RunMetrics) -> Child:
    """The own score of each task in one line each."""
    lines = [el("span", f"{name} {say_own(figures)}") for name, figures in metrics.tasks.items()]
    return join([part for line in lines for part in (line, el("br"))][:-1]) if lines else NOTHING


def _cell(figure: Figure, metrics: RunMetrics, lang: Lang) -> Html:
    value: float | None = getattr(metrics, figure.name)
    interval = metrics.intervals.get(figure.name)
    bounds = ""
    if interval is not None and interval.low is not None and interval.high is not None:
        ends = {"low": say_figure(figure, interval.low), "high": say_figure(figure, interval.high)}
        bounds = t("view.range", lang, **ends)
    return join([el("b", say_figure(figure, value)), el("br"), el("small", bounds, cls="wb-soft")])
