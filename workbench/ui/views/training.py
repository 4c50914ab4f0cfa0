"""What the training page says about a run: headline, figures, and what is worth knowing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import WorkbenchError
from workbench.i18n import Lang, has_key, render_error, t, translator
from workbench.jobs.downsample import Points
from workbench.schemas.job import ENDED, JobRecord
from workbench.ui.components.job_card import TONES
from workbench.ui.models import starter_folder
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph
from workbench.ui.views.words import NOTHING, say_decimal, say_time_left
from workbench.ui.wording import say_bytes, say_number, say_seconds, say_share

Series = Mapping[str, Points]
"""Curves by metric name; their values are finite."""
WORSE_BY = 0.02
"""Relative rise of the validation loss over its best that is worth a warning."""
SHOWN_EVENTS = 6
EVENT_TONES = {
    "loss_not_finite": "bad",
    "overfitting": "warn",
    "loss_scaled": "warn",
    "checkpoint_dropped": "warn",
    "modules_untrained": "warn",
    "targets_ignored": "warn",
    "length_limited": "warn",
}
"""Events that are more than a note; what a file lost (`rows_...`) is a warning too."""
LOSSES = ("rows_", "train_rows_", "eval_rows_")


class RunFacts(NamedTuple):
    """What a run's files say about it; None where they are gone."""

    rows: int | None = None
    of_all: float | None = None
    """Share of all weights that the adapter reaches."""
    of_body: float | None = None
    """The same without embeddings and output head."""


class Notice(NamedTuple):
    """One line of 気づいたこと."""

    tone: str
    """good, warn, bad or empty."""
    text: str


def state_chip(job: JobRecord, lang: Lang) -> Html:
    """The state of a run as a coloured label."""
    status = job.status
    key = "stopped_early" if status.state == "succeeded" and status.stopped_early else status.state
    if status.state == "running":
        return chip(t("train_tab.state.running", lang), "good")
    return chip(
        t(f"job.state.{key}", lang),
        {"plain": "", "run": "good"}.get(TONES[status.state], TONES[status.state]),
    )


def _run_name(job: JobRecord) -> str:
    """The adapter's name where the person gave one: inside a recipe the job is only called after its step."""
    return str(job.spec.config.get("name") or job.spec.title)


def render_headline(
    job: JobRecord | None, lang: Lang, *, known: RunFacts | None = None, asked: str = ""
) -> Html:
    """Title, state and one line of facts.

    Args:
        job: The run on display; None where there is none yet.
        lang: The page's language.
        known: What its files say.
        asked: Verb that a person has asked for and that the run has not followed yet.
    """
    if job is None:
        return paragraph(t("train_tab.none", lang), "wb-empty")
    lines: list[Child] = [
        el("h1", _run_name(job), " ", state_chip(job, lang)),
        paragraph(" · ".join(_facts(job, known or RunFacts(), lang)), "wb-soft"),
    ]
    lines += [_box("warn", text) for text in _waiting(job, lang, asked)]
    lines += [_box("bad", text) for text in _failure(job, lang)]
    return el("div", *lines, cls="wv-headline")


def _box(tone: str, text: str) -> Html:
    return el("div", text, cls=f"wv-box {tone}", role="status")


def _facts(job: JobRecord, known: RunFacts, lang: Lang) -> list[str]:
    config, status, tr = job.spec.config, job.status, translator(lang)
    facts: list[str] = []
    if known.rows:
        facts.append(t("train_tab.line.rows", lang, count=f"{known.rows:,}"))
    if epochs := config.get("num_train_epochs"):
        facts.append(t("train_tab.line.epochs", lang, count=f"{epochs:g}"))
    facts.append(_lora(config, known, lang))
    if model := str(config.get("model", "")):
        facts.append(t("train_tab.line.model", lang, name=model_name(model, lang)))
    if status.state == "running":
        facts += [say_time_left(status.eta_seconds, tr), t("train_tab.line.keeps_on", lang)]
    elif status.state in ENDED and status.started_at:
        facts.append(
            t("train_tab.line.took", lang, time=say_seconds(status.ended_at - status.started_at, tr))
        )
    return facts


def model_name(path: str, lang: Lang) -> str:
    """The model's folder as people call it."""
    if Path(path) == starter_folder():
        return t("train_tab.model.starter", lang)
    return Path(path).name


def _lora(config: Mapping[str, Any], known: RunFacts, lang: Lang) -> str:
    r = config.get("lora", {}).get("r", "")
    if known.of_all is None or known.of_body is None:
        return t("train_tab.line.lora", lang, r=r)
    reach = {"all": say_share(known.of_all), "linear": say_share(known.of_body)}
    return t("train_tab.line.lora_reach", lang, r=r, **reach)


def _waiting(job: JobRecord, lang: Lang, asked: str) -> list[str]:
    status = job.status
    if asked and status.state == "running":
        return [t(f"train_tab.asked.{asked}", lang)]
    key = f"train_tab.waiting.{status.waiting_for or 'user'}"
    if status.state == "paused" or (status.state == "queued" and status.waiting_for):
        return [t(key, lang)] if has_key(key, lang) else []
    return []


def _failure(job: JobRecord, lang: Lang) -> list[str]:
    if job.error is None or job.status.state != "failed":
        return []
    return [render_error(WorkbenchError(job.error.code, **job.error.params), lang).text]


def last(series: Series, *names: str) -> float | None:
    """The newest value of the first of these curves that has one."""
    for name in names:
        if name in series and series[name].y:
            return series[name].y[-1]
    return None


def render_kpis(series: Series, planned_bytes: int, lang: Lang) -> Html:
    """The four figures beside the curves, each with its unit or a word of explanation.

    Args:
        series: Curves of the run.
        planned_bytes: Memory that the plan reserved, 0 where there was no plan.
        lang: The page's language.
    """
    loss, validation = last(series, "loss"), last(series, "eval_loss")
    accuracy = last(series, "mean_token_accuracy", "token_accuracy")
    speed, memory = last(series, "tokens_per_second"), last(series, "memory_bytes")
    under_loss = (
        t("train_tab.kpi.eval_loss", lang, value=say_decimal(validation)) if validation is not None else ""
    )
    planned = (
        t("train_tab.kpi.memory_planned", lang, planned=say_bytes(planned_bytes)) if planned_bytes else ""
    )
    return el(
        "div",
        _kpi(t("train_tab.kpi.loss", lang), say_decimal(loss), under_loss),
        _kpi(t("train_tab.kpi.accuracy", lang), say_share(accuracy), t("train_tab.kpi.accuracy.note", lang)),
        _kpi(
            t("train_tab.kpi.speed", lang),
            NOTHING if speed is None else say_number(speed, 0),
            t("train_tab.kpi.speed.unit", lang),
        ),
        _kpi(
            planned or t("train_tab.kpi.memory", lang), NOTHING if memory is None else say_bytes(memory), ""
        ),
        cls="wv-kpis",
    )


def _kpi(label: str, value: str, note: str) -> Html:
    under = el("span", note, cls="wb-soft wb-tiny") if note else None
    return el("div", el("span", label, cls="wb-soft wb-tiny"), el("b", value), under, cls="wv-kpi")


def find_trend(series: Series, lang: Lang) -> Notice | None:
    """What the validation loss does: falling, or rising from its best."""
    curve = series.get("eval_loss")
    if curve is None or len(curve.y) < 2:
        return None
    best, newest = min(curve.y), curve.y[-1]
    if newest > best * (1 + WORSE_BY):
        return Notice(
            "warn", t("train_tab.trend.rising", lang, best=say_decimal(best), last=say_decimal(newest))
        )
    if newest < curve.y[0]:
        values = {"first": say_decimal(curve.y[0]), "last": say_decimal(newest)}
        return Notice(
            "good", t("train_tab.trend.falling", lang, steps=round(curve.x[-1] - curve.x[0]), **values)
        )
    return None


def collect_notices(
    events: Sequence[Mapping[str, Any]], series: Series, latest: Mapping[str, Any], lang: Lang
) -> list[Notice]:
    """What the curves say, then events that have a sentence, newest first.

    Args:
        events: Lines of `events.jsonl`.
        series: Curves of the run.
        latest: Newest value of every metric; None stands for what was no number.
        lang: The page's language.
    """
    trend = find_trend(series, lang)
    if "loss" in latest and latest["loss"] is None:
        trend = Notice("bad", t("train_tab.trend.not_a_number", lang))
    notices = [trend] if trend else []
    for event in reversed(events):
        key = f"event.{event.get('code', '')}"
        if has_key(key, lang):
            notices.append(Notice(event_tone(str(event["code"])), t(key, lang, **event.get("params", {}))))
    return notices[:SHOWN_EVENTS]


def event_tone(code: str) -> str:
    """How much an event matters: bad, warn, or empty for a note."""
    return EVENT_TONES.get(code, "warn" if code.startswith(LOSSES) else "")


def render_notices(notices: Sequence[Notice], lang: Lang) -> Html:
    """The card 気づいたこと."""
    names = {"good": "good", "warn": "warn", "bad": "warn"}
    lines = [
        el("p", chip(t(f"train_tab.notice.{names.get(n.tone, 'info')}", lang), n.tone), " ", n.text)
        for n in notices
    ]
    body = join(lines) if lines else paragraph(t("train_tab.notices.none", lang), "wb-soft")
    return el("div", el("h2", t("train_tab.notices", lang)), body, cls="wv-notices")


def total_steps(job: JobRecord) -> float:
    """Planned optimizer steps, 0 where the run has not said them."""
    progress = job.status.progress
    return progress.total if progress.unit.endswith("steps") else 0.0
