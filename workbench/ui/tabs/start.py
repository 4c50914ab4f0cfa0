"""はじめに: one button runs the whole cycle on the sample, and what came of it is told in words."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, cast

import gradio as gr

from workbench.errors import NotFoundError
from workbench.schemas.artifact import Artifact
from workbench.schemas.job import JobRecord
from workbench.ui.components import json_view, labels_of, to_json
from workbench.ui.context import UiContext
from workbench.ui.cycle import tell_cycle
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.headlines import make_headlines
from workbench.ui.tabs.controls import press_card
from workbench.ui.tabs.ticking import follow
from workbench.ui.views.evaluation import name_artifact
from workbench.ui.wording import say_ago

SAMPLE_REQUEST = "sample-"
GUIDE = ("data", "train", "convert", "serve", "evaluate", "compare", "review")
OPEN_DATA = "() => { WB.openTab('data'); }"


def newest_run(ctx: UiContext) -> JobRecord | None:
    """The recipe that was started last, by whoever."""
    return next(iter(ctx.jobs.list(kind="recipe", limit=1)), None)


def is_active(job: JobRecord | None) -> bool:
    """Whether a run goes on by itself; a paused one waits for a person."""
    return job is not None and job.status.state in ("queued", "running")


def start_sample(ctx: UiContext) -> JobRecord:
    """Start the sample's cycle, or return the one that runs.

    The request id names the run before this one, so that a double click, and two browsers that press at
    once, all mean the same start.
    """
    last = newest_run(ctx)
    if last is not None and is_active(last) and last.spec.request_id.startswith(SAMPLE_REQUEST):
        return last
    return ctx.run_sample(f"{SAMPLE_REQUEST}{last.spec.id if last else 'first'}")


def read_cycle(ctx: UiContext, now: float) -> str:
    """The newest run as JSON for the page; `{}` where nothing ever ran."""
    job = newest_run(ctx)
    if job is None:
        return to_json({})
    return to_json(tell_cycle(job, ctx.jobs.list(parent=job.spec.id), now, ctx.lang))


def read_summary(ctx: UiContext, comparison: Artifact) -> Mapping[str, Any]:
    """`summary.json` of a comparison; empty where it cannot be read."""
    try:
        text = ctx.artifacts.file(comparison.id, "summary.json").read_text(encoding="utf-8")
        loaded: Any = json.loads(text)
    except (NotFoundError, OSError, ValueError):
        return {}
    return cast("Mapping[str, Any]", loaded) if isinstance(loaded, dict) else {}


def read_last(ctx: UiContext, now: float) -> str:
    """The last finished comparison as JSON for the page."""
    comparison = next(iter(ctx.artifacts.list("comparison")), None)
    if comparison is None:
        return to_json({"empty": True})
    summary = read_summary(ctx, comparison)
    metrics = cast("Mapping[str, Any]", summary.get("metrics") or summary)
    count = int(cast("Mapping[str, Any]", metrics.get("baseline") or {}).get("n") or 0)
    ago = say_ago(comparison.created_at, now, ctx.t)
    detail = ctx.t("start.last.detail", n=count, ago=ago) if count else ago
    run = newest_run(ctx)
    told_beside = run is not None and (run.result or {}).get("comparison") == comparison.id
    headlines = [] if told_beside else make_headlines(metrics, ctx.lang)
    return to_json({"title": name_artifact(comparison, ctx.lang), "detail": detail, "headlines": headlines})


def _press_start(ctx: UiContext) -> tuple[str, Any]:
    start_sample(ctx)
    return read_cycle(ctx, time.time()), _button(ctx)


def _button(ctx: UiContext) -> Any:
    job = newest_run(ctx)
    running = is_active(job) and job is not None and job.spec.request_id.startswith(SAMPLE_REQUEST)
    key = "running" if running else "again" if job else "button"
    return gr.update(value=ctx.t(f"start.sample.{key}"), interactive=not running)


def _look(ctx: UiContext) -> list[Any]:
    now = time.time()
    return [read_cycle(ctx, now), read_last(ctx, now), _button(ctx)]


def build(ctx: UiContext) -> None:
    """Lay out and wire the start page."""
    gr.Markdown(f"# {ctx.t('start.title')}\n\n{ctx.t('start.lead')}", elem_classes="wb-lead")
    with gr.Row(equal_height=True):
        with gr.Column(scale=5, min_width=440, elem_classes="wb-card"):
            gr.Markdown(
                f"## {ctx.t('start.sample.title')}\n\n{ctx.t('start.sample.text')}", elem_classes="wb-lead"
            )
            with gr.Row(elem_classes="wb-buttons"):
                sample = gr.Button(ctx.t("start.sample.button"), variant="primary", elem_id="start-sample")
                own = gr.Button(ctx.t("start.own.button"), elem_id="start-own")
            cycle = json_view("cycle", elem_id="start-cycle", labels={}, scripts=("cards.js",))
        with gr.Column(scale=4, min_width=380, elem_classes="wb-card"):
            gr.Markdown(f"## {ctx.t('start.last.title')}")
            labels = labels_of(ctx, "start.last", ("none", "go", "jobs"))
            last = json_view("continue", elem_id="start-last", labels=labels, scripts=("cards.js",))
    with gr.Column(elem_classes="wb-card"):
        gr.Markdown(f"## {ctx.t('start.guide.title')}")
        steps = "\n".join(f"{number}. {ctx.t(f'start.guide.{name}')}" for number, name in enumerate(GUIDE, 1))
        gr.Markdown(steps, elem_classes="wb-guide")
    _wire(ctx, sample, own, cycle, last)


def _wire(ctx: UiContext, sample: gr.Button, own: gr.Button, cycle: gr.HTML, last: gr.HTML) -> None:
    buttons: Any = (sample, own, cycle)
    press_sample, press_own, press_cycle = (part.click for part in buttons)
    press_sample(ui_handler(ctx, _press_start), None, [cycle, sample], **QUIET)
    press_own(None, None, None, js=OPEN_DATA, **QUIET)
    press_cycle(ui_handler(ctx, press_card), None, None, **QUIET)
    follow(ctx, _look, inputs=[], outputs=[cycle, last, sample])
