"""What the comparison page says at its top: sentences, figures of both sides, where the change comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from workbench.artifacts import read_json
from workbench.errors import InputError
from workbench.evaluation.naming import say_measure
from workbench.i18n import Lang, has_key, t
from workbench.schemas.comparison import Change, ComparisonSummary, Decomposition, Sentence
from workbench.schemas.evaluation import RunMetrics
from workbench.text.figures import say_signed
from workbench.ui.views.evaluation import FIGURES, Figure, say_figure
from workbench.ui.views.html import Child, Html, chip, el, fold, join, paragraph, table
from workbench.ui.views.words import NOTHING

TONES = {"improved": "good", "worse": "bad", "no_difference": "", "too_few": "warn"}
WARNING_CODES = frozenset({"answers_identical", "refusals_leaked", "task_refusals_leaked", "errors_left_out"})
FIRST_SENTENCES = 8
_UNCHANGED = 0.0005


def read_summary(folder: Path) -> ComparisonSummary:
    """The summary of a comparison's folder.

    Raises:
        InputError: `comparison_unreadable`.
    """
    try:
        return ComparisonSummary.model_validate(read_json(folder / "summary.json"))
    except (FileNotFoundError, InputError, ValidationError) as exc:
        raise InputError("comparison_unreadable", id=folder.name) from exc


def sentence_tone(sentence: Sentence) -> str:
    """`good`, `bad`, `warn` or empty, from the code's ending."""
    if sentence.code.startswith("also_fell_") or sentence.code in WARNING_CODES:
        return "warn"
    return next((tone for verdict, tone in TONES.items() if sentence.code.endswith(f"_{verdict}")), "")


def say_sentence(sentence: Sentence, lang: Lang) -> str:
    """The sentence in the reader's language; its code where the catalogue does not know it."""
    key = f"sentence.{sentence.code}"
    return t(key, lang, **sentence.params) if has_key(key, lang) else sentence.code


def render_summary(summary: ComparisonSummary, lang: Lang) -> Html:
    """What came out, in sentences; a warning box where the two may not be compared, and one where a figure fell."""
    doubted = [sentence for sentence in summary.sentences if sentence_tone(sentence) == "warn"]
    plain = [sentence for sentence in summary.sentences if sentence not in (*summary.warnings, *doubted)]
    boxes = [_box("careful", summary.warnings, lang), _box("fell", doubted, lang)]
    lines = [_line(sentence, lang) for sentence in plain[:FIRST_SENTENCES]]
    return join([el("h2", t("compare_tab.summary", lang)), el("ul", *lines, cls="wv-sentences"), *boxes])


def _box(title: str, sentences: Sequence[Sentence], lang: Lang) -> Html | None:
    if not sentences:
        return None
    lines = [el("li", say_sentence(sentence, lang)) for sentence in sentences]
    return el(
        "div", el("b", t(f"compare_tab.{title}", lang)), el("ul", *lines), cls="wv-box warn", role="note"
    )


def _line(sentence: Sentence, lang: Lang) -> Html:
    tone = sentence_tone(sentence)
    mark = {"good": "✓", "bad": "!", "warn": "?"}.get(tone, "•")
    return el(
        "li",
        el("span", mark, cls=f"wv-mark wv-{tone or 'plain'}", aria_hidden="true"),
        say_sentence(sentence, lang),
    )


def render_figures(summary: ComparisonSummary, lang: Lang) -> Html:
    """Every figure of both sides with its change, its chance level, and the number of questions behind it."""
    changes = {change.metric: change for change in summary.changes if not change.task}
    tasks = [change for change in summary.changes if change.task]
    names = ("figure", "baseline", "finetuned", "change", "chance", "n")
    head: list[Child] = [t(f"compare_tab.col.{name}", lang) for name in names]
    before, after = summary.metrics["baseline"], summary.metrics["finetuned"]
    # a comparison of named tasks alone has none of these figures
    figures = [figure for figure in FIGURES if not tasks or figure.name in changes]
    rows = [_figure_row(figure, before, after, changes.get(figure.name), lang) for figure in figures]
    rows += [_task_row(change, after, lang) for change in tasks]
    body = table(head, rows, cls="wv-compare", numbers=range(1, len(head)))
    parts = [
        render_decomposition(one, lang, task)
        for task, one in {"": summary.decomposition, **summary.task_decompositions}.items()
    ]
    return join([el("h2", t("compare_tab.figures", lang)), body, *parts])


def _task_row(change: Change, after: RunMetrics, lang: Lang) -> list[Child]:
    """The own score of a named task."""
    figure = Figure(change.metric, higher_better=True, share=change.rate)
    known = after.tasks.get(change.task)
    return [
        join([change.task, " ", el("small", say_measure(change.metric, lang), cls="wb-soft")]),
        el("b", say_figure(figure, change.before), cls="wv-side-baseline"),
        el("b", say_figure(figure, change.after), cls="wv-side-finetuned"),
        render_change(figure, change, lang),
        NOTHING if known is None or known.chance is None else say_figure(figure, known.chance),
        f"{change.n:,}",
    ]


def _figure_row(
    figure: Figure, before: RunMetrics, after: RunMetrics, change: Change | None, lang: Lang
) -> list[Child]:
    way = t(
        "evaluate_tab.metric.higher_better" if figure.higher_better else "evaluate_tab.metric.lower_better",
        lang,
    )
    name = join([t(f"evaluate_tab.metric.{figure.name}", lang), " ", el("small", way, cls="wb-soft")])
    old: float | None = getattr(before, figure.name)
    new: float | None = getattr(after, figure.name)
    chance = after.answered_f1_chance if figure.name == "answered_f1" else None
    return [
        name,
        el("b", say_figure(figure, old), cls="wv-side-baseline"),
        el("b", say_figure(figure, new), cls="wv-side-finetuned"),
        render_change(figure, change, lang),
        NOTHING if chance is None else say_figure(figure, chance),
        NOTHING if change is None else f"{change.n:,}",
    ]


def render_change(figure: Figure, change: Change | None, lang: Lang) -> Html:
    """The paired difference with its interval, coloured by what it means."""
    if change is None or change.difference.value is None:
        return Html(NOTHING)
    value = change.difference.value
    said = t("compare_tab.change.same", lang) if abs(value) < _UNCHANGED else _say_signed(figure, value, lang)
    low, high = change.difference.low, change.difference.high
    bounds = ""
    if low is not None and high is not None:
        bounds = t("view.range", lang, low=_signed(figure, low), high=_signed(figure, high))
    verdict = t(f"compare_tab.verdict_of.{change.verdict}", lang)
    return join(
        [
            chip(said, TONES[change.verdict]),
            el("br"),
            el("small", f"{verdict} {bounds}".strip(), cls="wb-soft"),
        ]
    )


def _signed(figure: Figure, value: float) -> str:
    return say_signed(value * 100, 1) if figure.share else say_signed(value)


def _say_signed(figure: Figure, value: float, lang: Lang) -> str:
    text = _signed(figure, value)
    return t("compare_tab.change.points", lang, value=text) if figure.share else text


def render_decomposition(parts: Decomposition, lang: Lang, task: str = "") -> Html | None:
    """Where the change of the mean F1 comes from, group by group, in words; of a task, of its own score."""
    if not parts.n or parts.total.value is None:
        return None
    lines = [
        el(
            "li",
            el("b", say_signed(part.contribution, 3), cls="wv-part"),
            t(f"compare_tab.part.{part.code}", lang, n=part.n),
        )
        for part in parts.parts
        if part.n
    ]
    total = say_signed(parts.total.value, 3)
    if task:
        title = t("run_table.decomposition", lang, task=task)
        intro = t("run_table.decomposition.intro", lang, task=task, n=parts.n, total=total)
    else:
        title = t("compare_tab.decomposition", lang)
        intro = t("compare_tab.decomposition.intro", lang, n=parts.n, total=total)
    return fold(title, paragraph(intro, "wb-soft"), el("ul", *lines, cls="wv-parts"))
