"""ジョブ: everything that runs, ran or waits; what can be done with it, its log, and what lies on disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.schemas.job import ENDED, JobRecord
from workbench.ui.components import (
    job_cards,
    job_row,
    jobs_payload,
    json_view,
    labels_of,
    log_payload,
    log_view,
    read_tail,
    to_json,
)
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs.controls import LOOK, ask_job
from workbench.ui.tabs.ticking import follow
from workbench.ui.views.evaluation import name_artifact
from workbench.ui.wording import say_ago, say_bytes

SHOWN = 60
FILTERS: dict[str, Callable[[JobRecord], bool]] = {
    "all": lambda job: True,
    "active": lambda job: job.status.state not in ENDED,
    "failed": lambda job: job.status.state == "failed",
    "ended": lambda job: job.status.state in ENDED,
}


@dataclass
class Sizes:
    """Sizes on disk of things that no longer change, measured once."""

    known: dict[str, int] = field(default_factory=dict[str, int])

    def of(self, name: str, measure: Callable[[str], int]) -> int:
        if name not in self.known:
            try:
                self.known[name] = measure(name)
            except (WorkbenchError, OSError):  # deleted in this very moment
                return 0
        return self.known[name]


def arrange(jobs: Sequence[JobRecord]) -> list[JobRecord]:
    """Newest first, the steps of a recipe below it in the order they ran."""
    parents = {job.spec.id for job in jobs if not job.spec.parent}
    ordered: list[JobRecord] = []
    for job in jobs:
        if job.spec.parent in parents:
            continue
        ordered.append(job)
        ordered += reversed([child for child in jobs if child.spec.parent == job.spec.id])
    return ordered


def read_jobs(ctx: UiContext, chosen: str, selected: str, sizes: Sizes, now: float) -> str:
    """The cards as JSON."""
    keep = FILTERS.get(chosen, FILTERS["all"])
    jobs = [job for job in ctx.jobs.list(limit=SHOWN) if keep(job)]
    rows = [job_row(job, now, ctx.lang, disk_bytes=_job_bytes(ctx, job, sizes)) for job in arrange(jobs)]
    return jobs_payload(rows, selected)


def _job_bytes(ctx: UiContext, job: JobRecord, sizes: Sizes) -> int | None:
    if job.status.state not in ENDED:
        sizes.known.pop(job.spec.id, None)
        return None
    return sizes.of(job.spec.id, ctx.jobs.disk_bytes)


def read_log(ctx: UiContext, selected: str) -> str:
    """The end of the chosen job's log as JSON; `null` where none is chosen or it was deleted."""
    if not selected:
        return log_payload("")
    try:
        job = ctx.jobs.get(selected)
    except WorkbenchError:
        return log_payload("")
    return log_payload(read_tail(Path(job.folder) / "log.txt"), job.spec.title)


def read_artifacts(ctx: UiContext, sizes: Sizes, now: float) -> str:
    """What was made, as JSON for the table; a result that others were made from has no delete button."""
    delete = {
        "verb": "delete",
        "label": ctx.t("jobs.artifacts.delete"),
        "hint": ctx.t("jobs.artifacts.delete.hint"),
        "careful": True,
    }
    artifacts = ctx.artifacts.list()
    needed = {ref.id for artifact in artifacts for ref in artifact.inputs}
    rows = [
        {
            "id": artifact.id,
            "cells": [
                name_artifact(artifact, ctx.lang),
                ctx.t(f"artifact.kind.{artifact.kind}"),
                say_bytes(sizes.of(artifact.id, ctx.artifacts.disk_bytes)),
                say_ago(artifact.created_at, now, ctx.t),
            ],
            "actions": [] if artifact.id in needed else [delete],
        }
        for artifact in artifacts
    ]
    columns = [ctx.t(f"jobs.artifacts.{name}") for name in ("name", "kind", "size", "made")]
    return to_json({"columns": columns, "rows": rows})


def read_disk(ctx: UiContext, sizes: Sizes) -> str:
    """One line on what the disk holds."""
    disk = shutil.disk_usage(ctx.workspace.root)
    jobs = sum(_job_bytes(ctx, job, sizes) or 0 for job in ctx.jobs.list())
    artifacts = sum(sizes.of(artifact.id, ctx.artifacts.disk_bytes) for artifact in ctx.artifacts.list())
    said = {"free": disk.free, "total": disk.total, "jobs": jobs, "artifacts": artifacts}
    return ctx.t("jobs.disk", **{name: say_bytes(size) for name, size in said.items()})


def press_job(ctx: UiContext, event: gr.EventData, selected: str) -> str:
    """A button of a card was pressed; returns the id of the job whose log is shown."""
    data = cast("dict[str, Any]", event._data or {})  # pyright: ignore[reportPrivateUsage] - the only way in
    job_id, verb = str(data.get("job", "")), str(data.get("verb", ""))
    if verb == LOOK:
        return "" if selected == job_id else ctx.jobs.get(job_id).spec.id
    freed = ctx.jobs.disk_bytes(job_id) if verb == "delete" else 0
    ask_job(ctx, job_id, verb)
    title = ctx.t("toast.done")
    gr.Info(
        ctx.t("jobs.deleted", size=say_bytes(freed)) if verb == "delete" else ctx.t(f"jobs.asked.{verb}"),
        title=title,
    )
    return "" if verb == "delete" and selected == job_id else selected


def press_artifact(ctx: UiContext, event: gr.EventData) -> None:
    """The delete button of a result was pressed."""
    data = cast("dict[str, Any]", event._data or {})  # pyright: ignore[reportPrivateUsage] - the only way in
    freed = ctx.artifacts.delete(str(data.get("row", "")))
    gr.Info(ctx.t("jobs.deleted", size=say_bytes(freed)), title=ctx.t("toast.done"))


def build(ctx: UiContext) -> None:
    """Lay out and wire the jobs page."""
    gr.Markdown(f"# {ctx.t('jobs.title')}\n\n{ctx.t('jobs.lead')}", elem_classes="wb-lead")
    choices = [(ctx.t(f"jobs.filter.{name}"), name) for name in FILTERS]
    label = ctx.t("jobs.filter")
    show = gr.Radio(choices, value="all", label=label, elem_id="jobs-filter", elem_classes="wb-flat")
    selected = gr.State("")
    cards = job_cards(ctx, "jobs-cards")
    with gr.Column(visible=False, elem_classes="wb-card") as log_card:
        log = log_view(ctx, "jobs-log")
    with gr.Column(elem_classes="wb-card"):
        gr.Markdown(
            f"## {ctx.t('jobs.artifacts.title')}\n\n{ctx.t('jobs.artifacts.lead')}", elem_classes="wb-lead"
        )
        disk = gr.Markdown(elem_id="jobs-disk")
        labels = labels_of(ctx, "jobs.artifacts", ("empty", "confirm"))
        table = json_view("table", elem_id="jobs-artifacts", labels=labels, scripts=("cards.js",))
    _wire(ctx, show, selected, cards, log_card, log, disk, table)


def _wire(
    ctx: UiContext,
    show: gr.Radio,
    selected: gr.State,
    cards: gr.HTML,
    log_card: gr.Column,
    log: gr.HTML,
    disk: gr.Markdown,
    table: gr.HTML,
) -> None:
    sizes = Sizes()

    def look(ctx: UiContext, chosen: str, job_id: str) -> list[Any]:
        now = time.time()
        return [
            read_jobs(ctx, chosen, job_id, sizes, now),
            gr.update(visible=bool(job_id)),
            read_log(ctx, job_id),
            read_disk(ctx, sizes),
            read_artifacts(ctx, sizes, now),
        ]

    events: Any = (cards, table, selected, show)
    events[0].click(ui_handler(ctx, press_job), [selected], [selected], **QUIET)
    events[1].click(ui_handler(ctx, press_artifact), None, None, **QUIET)
    outputs = [cards, log_card, log, disk, table]
    follow(ctx, look, inputs=[show, selected], outputs=outputs, extra=events[2].change)
