"""What a trial of an endpoint showed, and how it bears load, in words and as a plot. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.errors import WorkbenchError
from workbench.i18n import Lang, render_error, t
from workbench.schemas.inference import Endpoint
from workbench.schemas.probing import EndpointReport, LoadLevel, LoadReport
from workbench.ui.views.html import Child, Html, chip, el, paragraph, table
from workbench.ui.views.words import cut, say_decimal
from workbench.ui.wording import say_number

LONGEST_ANSWER = 120
SHOWN_MODELS = 8
THROUGHPUT, LATENCY, LATENCY_MOST = "#2f5bd0", "#c4560c", "#8a5a00"
"""Told apart in light and dark."""
Figure = dict[str, Any]


def place_chip(leaves: bool, lang: Lang) -> Html:
    """The badge that says whether questions leave the house."""
    return chip(t("header.leaves_house" if leaves else "header.stays", lang), "warn" if leaves else "good")


def render_trial(endpoint: Endpoint, lang: Lang) -> Html:
    """A trial is under way."""
    return paragraph(t("endpoints.trial.going", lang, name=endpoint.name), "wb-soft")


def render_report(report: EndpointReport, lang: Lang) -> Html:
    """Everything that one press of the trial button found: models, answer, streaming, thinking, speed, place."""
    rows = [
        _models(report, lang),
        _row(
            "good",
            t(
                "endpoints.trial.answer",
                lang,
                answer=cut(report.answer, LONGEST_ANSWER),
                seconds=say_decimal(report.seconds, 1),
            ),
        )
        if report.answer
        else _row("warn", t("endpoints.trial.empty", lang)),
        _streaming(report, lang),
        _thinking(report, lang),
        _speed(report, lang),
        _place(report, lang),
    ]
    title = el(
        "h3",
        t("endpoints.trial.title", lang, name=report.endpoint),
        " ",
        place_chip(report.leaves_house, lang),
    )
    return el("div", title, el("ul", *rows, cls="wv-sentences"), cls="sv-trial")


def _row(tone: str, *said: Child) -> Html:
    sign = {"good": "✓", "warn": "!", "bad": "×"}.get(tone, "–")
    return el("li", el("span", sign, cls=f"wv-mark wv-{tone or 'plain'}"), el("div", *said))


def _models(report: EndpointReport, lang: Lang) -> Html:
    if not report.models:
        return _row("", t("endpoints.trial.models.none", lang))
    shown = ", ".join(report.models[:SHOWN_MODELS])
    more = "…" if len(report.models) > SHOWN_MODELS else ""
    return _row("good", t("endpoints.trial.models", lang, count=len(report.models), names=shown + more))


def _streaming(report: EndpointReport, lang: Lang) -> Html:
    if report.streams is None:
        return _row("", t("endpoints.trial.streams.unknown", lang))
    if report.streams:
        first = say_decimal(report.first_token_seconds, 2)
        return _row("good", t("endpoints.trial.streams", lang, seconds=first))
    return _row("warn", t("endpoints.trial.streams.no", lang))


def _thinking(report: EndpointReport, lang: Lang) -> Html:
    if report.thinking_leaks:
        return _row("warn", t("endpoints.trial.leaks", lang))
    return _row("good", t("endpoints.trial.thinks" if report.thinks else "endpoints.trial.thinks.not", lang))


def _speed(report: EndpointReport, lang: Lang) -> Html:
    if report.tokens_per_second is None:
        return _row("", t("endpoints.trial.speed.unknown", lang))
    return _row("good", t("endpoints.trial.speed", lang, speed=say_number(report.tokens_per_second, 1)))


def _place(report: EndpointReport, lang: Lang) -> Html:
    if report.leaves_house:
        claimed = "" if report.locality == "cloud" else t("endpoints.trial.place.differs", lang)
        return _row("warn", t("endpoints.trial.place.leaves", lang), " ", claimed)
    return _row("good", t("endpoints.trial.place.stays", lang))


def render_refusal(error: WorkbenchError, name: str, lang: Lang) -> Html:
    """The trial failed: why, and what to do."""
    rendered = render_error(error, lang)
    hints = [paragraph(line) for line in rendered.hint.splitlines() if line]
    title = el("b", t("endpoints.trial.failed", lang, name=name))
    return el("div", title, paragraph(rendered.message), *hints, cls="wv-box bad")


# ---- load


def say_knee(report: LoadReport, lang: Lang) -> str:
    """How many requests at the same time are worth sending, in words."""
    level = next((one for one in report.levels if one.in_flight == report.knee), None)
    if level is None:
        return t("load.knee.none", lang)
    speed, wait = say_number(level.tokens_per_second, 1), say_decimal(level.p50_seconds, 1)
    said = t("load.knee", lang, count=level.in_flight, speed=speed, seconds=wait)
    last = report.levels[-1]
    if last.in_flight > level.in_flight and last.p50_seconds is not None:
        said += t("load.knee.beyond", lang, count=last.in_flight, seconds=say_decimal(last.p50_seconds, 1))
    return said


def render_load(levels: Sequence[LoadLevel], report: LoadReport | None, lang: Lang) -> Html:
    """The knee in words, and the levels as a table."""
    if not levels:
        return Html()
    parts: list[Child] = []
    if report is not None:
        parts.append(paragraph(el("b", say_knee(report, lang)), "sv-knee"))
        if report.ended != "done":
            parts.append(paragraph(t(f"load.ended.{report.ended}", lang), "wb-soft wb-tiny"))
    head = [t(f"load.column.{name}", lang) for name in ("in_flight", "speed", "p50", "p95", "ok")]
    parts.append(
        table(head, [_cells(level, lang) for level in levels], cls="sv-load", numbers=(0, 1, 2, 3, 4))
    )
    return el("div", *parts)


def _cells(level: LoadLevel, lang: Lang) -> list[Child]:
    ok = t("load.answered", lang, ok=level.ok, requests=level.requests)
    return [
        str(level.in_flight),
        t("load.speed", lang, speed=say_number(level.tokens_per_second, 1)),
        t("load.seconds", lang, seconds=say_decimal(level.p50_seconds, 2)),
        t("load.seconds", lang, seconds=say_decimal(level.p95_seconds, 2)),
        ok,
    ]


def make_load_figure(levels: Sequence[LoadLevel], knee: int | None, lang: Lang) -> list[Figure]:
    """Throughput on the left axis, waiting on the right one, over requests at the same time."""
    if not levels:
        return []
    x = [str(level.in_flight) for level in levels]
    data = [
        _line("load.trace.speed", x, [level.tokens_per_second for level in levels], THROUGHPUT, "y", lang),
        _line("load.trace.p50", x, [level.p50_seconds for level in levels], LATENCY, "y2", lang),
        _line(
            "load.trace.p95", x, [level.p95_seconds for level in levels], LATENCY_MOST, "y2", lang, dash="dot"
        ),
    ]
    layout: Figure = {
        # the levels grow by factors: as names they stand evenly
        "xaxis": {"type": "category", "title": {"text": t("load.axis.in_flight", lang)}},
        "yaxis": {"title": {"text": t("load.axis.speed", lang)}, "rangemode": "tozero"},
        "yaxis2": {
            "title": {"text": t("load.axis.wait", lang)},
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
        },
    }
    if knee is not None and str(knee) in x:
        # names that look like numbers are taken for places on the axis: the place it is
        layout |= _mark_knee(x.index(str(knee)), lang)
    return [{"name": "load", "title": t("load.figure", lang), "data": data, "layout": layout}]


def _mark_knee(place: int, lang: Lang) -> Figure:
    at = {"x": place, "yref": "paper", "y": 1, "yanchor": "top", "xanchor": "right", "showarrow": False}
    line = {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "paper"}
    return {
        "shapes": [{**line, "line": {"color": "#888", "width": 1, "dash": "dash"}}],
        "annotations": [{**at, "text": f"{t('load.knee.mark', lang)} "}],
    }


def _line(
    key: str, x: list[str], y: list[float | None], color: str, axis: str, lang: Lang, dash: str = "solid"
) -> Figure:
    unit = "load.hover.speed" if axis == "y" else "load.hover.wait"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": t(key, lang),
        "x": x,
        "y": [None if value is None else float(f"{value:.5g}") for value in y],
        "yaxis": axis,
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"size": 8, "color": color},
        "hovertemplate": t(unit, lang, x="%{x}", y="%{y}") + "<extra>%{fullData.name}</extra>",
    }
