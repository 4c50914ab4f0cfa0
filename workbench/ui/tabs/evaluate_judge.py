"""The judge's card of the evaluation page: a model with a rubric judges what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.errors import InputError
from workbench.evaluation.judging import list_rubrics, load_rubric
from workbench.inference import EndpointRegistry
from workbench.pipeline.judge import submit_judge
from workbench.pipeline.judge_check import check_judgement, read_judgements
from workbench.schemas.artifact import Artifact
from workbench.schemas.base import parse
from workbench.schemas.job import ENDED
from workbench.schemas.judging import JudgeConfig, JudgementSummary, Rubric
from workbench.ui.components import job_cards, job_row, jobs_payload
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.handover import Handed, receive
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.evaluate_page import check_limit, endpoint_choices, keep_listed
from workbench.ui.tabs.ticking import follow, page_token
from workbench.ui.views import judging as view
from workbench.ui.views.evaluation import evaluation_choices, name_artifact
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.runs import Choices, make_request_id
from workbench.ui.views.words import say_date

LISTED = 20


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    subject: gr.Dropdown
    endpoint: gr.Dropdown
    rubric: gr.Dropdown
    about: gr.HTML
    limit: gr.Number
    start: gr.Button
    token: gr.State
    card: gr.HTML
    chosen: gr.Dropdown
    result: gr.HTML


def build(ctx: UiContext) -> None:
    """Lay out the card."""
    lead = paragraph(ctx.t("evaluate_tab.judge.lead"), "wb-soft")
    with gr.Accordion(
        ctx.t("evaluate_tab.judge"), open=False, elem_classes="wb-card", elem_id="evaluate-judge"
    ):
        gr.HTML(lead, elem_classes="wb-html")
        with gr.Row():
            subject = gr.Dropdown([], **_said(ctx, "subject"))
            endpoint = gr.Dropdown([], **_said(ctx, "endpoint"))
            rubric = gr.Dropdown(rubric_choices(ctx), **_said(ctx, "rubric"))
            limit = gr.Number(0, precision=0, **_said(ctx, "limit"))
        about = gr.HTML(elem_id="judge-about", elem_classes="wb-html")
        with gr.Row(elem_classes="wb-buttons"):
            start = gr.Button(ctx.t("evaluate_tab.judge.start"), elem_id="judge-start")
        card = job_cards(ctx, "judge-job")
        chosen = gr.Dropdown(
            [], label=ctx.t("evaluate_tab.judge.chosen"), visible=False, elem_id="judge-chosen"
        )
        result = gr.HTML(elem_id="judge-result", elem_classes="wb-html")
    _wire(ctx, Parts(subject, endpoint, rubric, about, limit, start, page_token(), card, chosen, result))


def _said(ctx: UiContext, name: str) -> dict[str, Any]:
    key = f"evaluate_tab.judge.{name}"
    return {"label": ctx.t(key), "info": ctx.t(f"{key}.hint"), "elem_id": f"judge-{name}"}


def rubric_choices(ctx: UiContext) -> Choices:
    """The rubrics that ship with the program."""
    return [(_title(rubric, ctx), rubric.name) for rubric in list_rubrics()]


def _title(rubric: Rubric, ctx: UiContext) -> str:
    return rubric.title.get(ctx.lang) or next(iter(rubric.title.values()))


def describe_rubric(ctx: UiContext, name: str | None) -> Html:
    """What a rubric looks at."""
    if not name:
        return Html()
    rubric = load_rubric(name).rubric
    about = rubric.about.get(ctx.lang) or next(iter(rubric.about.values()), "")
    criteria = ", ".join(criterion.title for criterion in rubric.criteria)
    said = ctx.t("evaluate_tab.judge.criteria", criteria=criteria)
    return el("div", paragraph(about) if about else None, paragraph(said, "wb-soft wb-tiny"))


def subject_choices(ctx: UiContext) -> Choices:
    """What can be judged: comparisons (two sides), then single evaluations."""
    compared = [
        (
            ctx.t(
                "evaluate_tab.judge.comparison",
                name=name_artifact(item, ctx.lang),
                date=say_date(item.created_at),
            ),
            item.id,
        )
        for item in ctx.artifacts.list("comparison")[:LISTED]
        # a comparison of questions tried by hand has no evaluations behind it
        if item.details.get("origin") != "live"
    ]
    return [*compared, *evaluation_choices(ctx.artifacts.list("evaluation")[:LISTED], ctx.lang)]


def start_judge(ctx: UiContext, **values: Any) -> None:
    """Submit the judge's job.

    Raises:
        InputError: Something was not chosen, or a pairwise rubric was given a single evaluation.
    """
    config = make_config(ctx, values)
    jobs = ctx.jobs.list(kind="judge")
    title = ctx.t("judging.title", name=_title(load_rubric(config.rubric).rubric, ctx))
    request = make_request_id(str(values.get("token")), config, jobs)
    submit_judge(ctx.jobs, config, title, request_id=request)


def make_config(ctx: UiContext, values: Mapping[str, Any]) -> JudgeConfig:
    """What the form asks of a judge."""
    for name in ("subject", "endpoint", "rubric"):
        if not values.get(name):
            raise InputError(f"judge_card_no_{name}")
    subject, rubric = str(values["subject"]), load_rubric(str(values["rubric"])).rubric
    if rubric.mode == "pairwise" and ctx.artifacts.get(subject).kind != "comparison":
        raise InputError("judge_pair_needs_comparison")
    given = {
        "mode": rubric.mode,
        "evaluations": (subject,),
        "rubric": str(values["rubric"]),
        "endpoint": EndpointRegistry(ctx.workspace).get(str(values["endpoint"])),
        "limit": check_limit(values.get("limit")),
    }
    return parse(JudgeConfig, given)


def show_lists(ctx: UiContext, subject: str | None, endpoint: str | None, chosen: str | None) -> list[Any]:
    """What can be judged, by whom, the jobs that judge, and the judgements so far."""
    subjects = keep_listed(subject_choices(ctx), subject)
    endpoints = keep_listed(endpoint_choices(ctx), endpoint)
    jobs = ctx.jobs.list(kind="judge")
    shown = [job for job in jobs if job.status.state not in ENDED] or jobs[:1]
    cards = jobs_payload([job_row(job, job.status.updated_at, ctx.lang) for job in shown])
    found = ctx.artifacts.list("judgement")[:LISTED]
    judged = keep_listed([(_name(item), item.id) for item in found], chosen)
    return [gr.update(**subjects), gr.update(**endpoints), cards, gr.update(**judged, visible=bool(found))]


def _name(item: Artifact) -> str:
    return f"{item.name} · {say_date(item.created_at)}"


def show_judgement(ctx: UiContext, chosen: str | None) -> Html:
    """What the judge found, how people agree with it, and where its two orders disagree."""
    if not chosen:
        return Html()
    summary = JudgementSummary.model_validate_json(
        ctx.artifacts.file(chosen, "summary.json").read_text(encoding="utf-8")
    )
    check = check_judgement(ctx.artifacts, ctx.votes.votes, chosen)
    parts = [view.render_summary(summary, ctx.lang, check)]
    if summary.mode == "pairwise":
        parts.append(view.render_disagreements(read_judgements(ctx.artifacts, chosen), ctx.lang))
    return join(parts)


def _wire(ctx: UiContext, parts: Parts) -> None:
    lists = [parts.subject, parts.endpoint, parts.chosen]
    outputs = [parts.subject, parts.endpoint, parts.card, parts.chosen]
    follow(ctx, show_lists, inputs=lists, outputs=outputs)
    parts.rubric.change(ui_handler(ctx, describe_rubric), parts.rubric, parts.about, **QUIET)
    parts.chosen.change(ui_handler(ctx, show_judgement), parts.chosen, parts.result, **QUIET)
    names = ("subject", "endpoint", "rubric", "limit", "token")
    started = parts.start.click(
        ui_handler(ctx, start_judge),
        inputs_kwargs={name: getattr(parts, name) for name in names},
        outputs=None,
        trigger_mode="once",
        **QUIET,
    )
    started.success(ui_handler(ctx, show_lists), lists, outputs, **QUIET)
    wire_job_cards(ctx, parts.card)
    receive(ctx, "judge", take_judge, [parts.endpoint])


def take_judge(ctx: UiContext, handed: Handed) -> list[Any]:
    """Choose the judge that another tab handed over."""
    return [gr.update(choices=endpoint_choices(ctx), value=handed["name"])]
