"""Tasks beside the RAFT sets, in words: what can be chosen, what was chosen, and what each gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.tasks import Task
from workbench.i18n import Lang, has_key, t, translator
from workbench.schemas.evaluation import Interval, TaskChoice, TaskFigures
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph, table
from workbench.ui.views.words import say_decimal, say_interval
from workbench.ui.wording import say_share

SMALL_N = 50
"""Below so many questions an interval is wider than most differences; the page says so."""


def say_title(task: Task, lang: Lang) -> str:
    """A task's title in the page's language, else in the one it has."""
    titles = task.spec.title
    return titles.get(lang) or next(iter(titles.values()), task.spec.name)


def say_score(name: str, lang: Lang) -> str:
    """A score's name in words; one of a protocol of a person's own keeps its name."""
    key = f"evaluate_tab.score.{name}"
    return t(key, lang) if has_key(key, lang) else name


def say_value(protocol: str, name: str, value: float | None) -> str:
    """A score's figure: per cent where each question counts 0 or 1, a number for others.

    Args:
        protocol: Name and version of the protocol that measured it.
        name: The score.
        value: The figure, None where nothing was measured.
    """
    known = PROTOCOLS.get(protocol.partition("@")[0])
    return say_share(value) if known is not None and name in known.rates else say_decimal(value)


def say_own(figures: TaskFigures) -> str:
    """The figure of a task's own score."""
    own = figures.metrics.get(figures.primary)
    return say_value(figures.protocol, figures.primary, own.value if own else None)


def describe_task(task: Task, *, has_data: bool, lang: Lang) -> Html:
    """What a task asks, how it is scored, and whether a file is needed.

    Args:
        task: The task.
        has_data: Its data lies beside the task file, or can be fetched where there is a network.
        lang: The page's language.
    """
    spec = task.spec
    about = spec.about.get(lang) or next(iter(spec.about.values()), "")
    names = ", ".join(spec.source.data.names)
    data = "evaluate_tab.task.data.fetched" if has_data else "evaluate_tab.task.data.needed"
    facts = t("evaluate_tab.task.facts", lang, protocol=task.protocol.label, tokens=spec.sampling.max_tokens)
    parts: list[Child] = [facts, t(data, lang)]
    if names:
        parts.append(t("evaluate_tab.task.data.names", lang, names=names))
    if spec.license:
        parts.append(t("evaluate_tab.task.license", lang, license=spec.license))
    return el(
        "div",
        paragraph(about) if about else None,
        paragraph(join(parts, " "), "wb-soft wb-tiny"),
        cls="wv-task",
    )


def list_choices(choices: Sequence[TaskChoice], titles: Sequence[str], lang: Lang) -> dict[str, Any]:
    """The chosen tasks for the table with a button to take one off."""
    remove = {
        "verb": "remove",
        "label": t("evaluate_tab.task.remove", lang),
        "hint": t("evaluate_tab.task.remove.hint", lang),
        "careful": False,
    }
    rows = [
        {
            "id": str(place),
            "cells": [title, choice.data or "–", _count(choice, lang), _shots(choice, lang)],
            "actions": [remove],
        }
        for place, (choice, title) in enumerate(zip(choices, titles, strict=True))
    ]
    columns = [t(f"evaluate_tab.task.col.{name}", lang) for name in ("title", "data", "limit", "shots")]
    return {"columns": columns, "rows": rows}


def _count(choice: TaskChoice, lang: Lang) -> str:
    return f"{choice.limit:,}" if choice.limit else t("evaluate_tab.task.all", lang)


def _shots(choice: TaskChoice, lang: Lang) -> str:
    return t("evaluate_tab.task.as_given", lang) if choice.shots is None else str(choice.shots)


def render_figures(figures: Sequence[TaskFigures], titles: Mapping[str, str], lang: Lang) -> Html:
    """What each task gave: its score in words with interval and chance level, then all scores and what was left out."""
    return el("div", *(_render_task(one, titles.get(one.task, one.task), lang) for one in figures))


def _render_task(figures: TaskFigures, title: str, lang: Lang) -> Html:
    own = figures.metrics.get(figures.primary) or Interval(value=None)
    head = el(
        "p",
        el(
            "b",
            f"{say_score(figures.primary, lang)} {say_value(figures.protocol, figures.primary, own.value)}",
        ),
        " ",
        el("span", _say_interval(figures, figures.primary, own, lang), cls="wb-soft wb-tiny"),
        " ",
        _chance(figures, own, lang),
    )
    few = figures.n < SMALL_N
    note = paragraph(t("evaluate_tab.task.few", lang, n=figures.n), "wb-soft wb-tiny") if few else None
    return el(
        "section",
        el("h3", title),
        head,
        note,
        paragraph(_say_left_out(figures, lang), "wb-soft wb-tiny"),
        _render_scores(figures, lang),
        _render_genres(figures, lang),
        cls="wv-task-result",
    )


def _chance(figures: TaskFigures, own: Interval, lang: Lang) -> Html | None:
    if figures.chance is None:
        return None
    said = t(
        "evaluate_tab.task.chance", lang, value=say_value(figures.protocol, figures.primary, figures.chance)
    )
    at_chance = own.low is not None and own.low <= figures.chance
    return join(
        [
            el("span", said, cls="wb-soft wb-tiny"),
            " ",
            chip(t("evaluate_tab.task.at_chance", lang), "warn") if at_chance else None,
        ]
    )


def _say_interval(figures: TaskFigures, name: str, figure: Interval, lang: Lang) -> str:
    return say_interval(figure, translator(lang), lambda value: say_value(figures.protocol, name, value))


def _say_left_out(figures: TaskFigures, lang: Lang) -> str:
    """Errors, empty and cut-off answers, refusals and answers that could not be read, with protocol and shots."""
    unread = figures.metrics.get("parsed")
    counts = {
        "errors": figures.errors,
        "empty": figures.empty,
        "truncated": figures.truncated,
        "refused": figures.refused,
    }
    said = t("evaluate_tab.task.counts", lang, n=f"{figures.n:,}", **counts)
    if unread is not None and unread.value is not None:
        count = round((1 - unread.value) * unread.n)
        said += t("evaluate_tab.task.unparsed", lang, count=count)
    return said + t("evaluate_tab.task.protocol", lang, protocol=figures.protocol, shots=figures.shots)


def _render_scores(figures: TaskFigures, lang: Lang) -> Html | None:
    others = {name: one for name, one in figures.metrics.items() if name != figures.primary}
    if not others:
        return None
    rows = [
        [
            say_score(name, lang),
            say_value(figures.protocol, name, one.value),
            _say_interval(figures, name, one, lang),
        ]
        for name, one in others.items()
    ]
    head: list[Child] = [t(f"evaluate_tab.task.col.{name}", lang) for name in ("score", "value", "interval")]
    summary = el("summary", t("evaluate_tab.task.others", lang, count=len(rows)))
    return el("details", summary, table(head, rows, cls="wv-scores", numbers=(1,)))


def _render_genres(figures: TaskFigures, lang: Lang) -> Html | None:
    named = {name: one for name, one in figures.genres.items() if name}
    if not named:
        return None
    rows = [
        [
            name,
            say_value(figures.protocol, figures.primary, one.value),
            _say_interval(figures, figures.primary, one, lang),
        ]
        for name, one in named.items()
    ]
    head: list[Child] = [t(f"evaluate_tab.task.col.{name}", lang) for name in ("genre", "value", "interval")]
    summary = el("summary", t("evaluate_tab.task.genres", lang, count=len(rows)))
    return el("details", summary, table(head, rows, cls="wv-scores", numbers=(1,)))
