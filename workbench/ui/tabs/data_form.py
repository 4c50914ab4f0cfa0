"""The data page's plain functions: files, columns, sizes, teachers, starting, and what a run made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import InputError, WorkbenchError
from workbench.generation import FaqTable, load_faq, preview_faq, suggest_sizes
from workbench.generation.templates import check_refusal
from workbench.i18n import render_error
from workbench.inference import EndpointRegistry
from workbench.paths import assets_dir
from workbench.schemas.generation import FaqSource, RaftConfig
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import JobRecord
from workbench.ui.components import command_payload, job_row, jobs_payload
from workbench.ui.context import UiContext
from workbench.ui.forms import parse_form
from workbench.ui.handover import Handed
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import faq as view
from workbench.ui.views.html import Html, el
from workbench.ui.views.runs import keep_choice, make_request_id, pick_run, run_choices
from workbench.ui.views.uploads import is_known_source, keep_upload

SAMPLE = Path("samples") / "city_faq.csv"
EXTRACTIVE = "extractive"
SIZES = ("train", "test", "unseen", "unanswerable")
ADVANCED = (
    "extra_unanswerable",
    "distractors",
    "oracle_share",
    "valid_share",
    "answer_min",
    "answer_max",
    "negative_ratio_max",
    "seed",
    "system_prompt",
    "refusal",
)
"""Fields behind one click; all of them are flags of the command too."""
FILES = ("train", "valid", "test", "test_unseen", "test_unanswerable")


@lru_cache(maxsize=4)
def read_table(path: str, question: str, answer: str, group: str) -> FaqTable:
    """The file read with these columns. Uploads lie under the hash of their content and never change."""
    source = FaqSource(
        path=path, question_column=question, answer_column=answer, group_column=group, guess_group=False
    )
    return load_faq(source)


def sample_path() -> Path:
    """The FAQ that comes with the program."""
    return assets_dir() / SAMPLE


def check_source(ctx: UiContext, source: str) -> str:
    """The path of a file that this page may read.

    Raises:
        InputError: None was chosen, or the path is none that the page was given.
    """
    if not source or not is_known_source(ctx.workspace, source, sample_path()):
        raise InputError("faq_not_chosen")
    return source


def teacher_choices(ctx: UiContext) -> list[tuple[str, str]]:
    """The extractive teacher and every registered endpoint."""
    named = [
        (ctx.t("data_tab.teacher.endpoint", name=endpoint.name, model=endpoint.model), endpoint.name)
        for endpoint in EndpointRegistry(ctx.workspace).list()
    ]
    return [(ctx.t("data_tab.teacher.extractive"), EXTRACTIVE), *named]


def list_teachers(ctx: UiContext, chosen: str | None) -> list[Any]:
    """The teachers as they are registered now; the chosen one stays chosen while it exists."""
    choices = teacher_choices(ctx)
    known = {value for _, value in choices}
    return [gr.update(choices=choices, value=chosen if chosen in known else EXTRACTIVE)]


def take_teacher(ctx: UiContext, handed: Handed) -> list[Any]:
    """Choose the teacher that another tab handed over."""
    return list_teachers(ctx, handed["name"])


def find_teacher(ctx: UiContext, name: str) -> Endpoint | None:
    """The endpoint of that name, None for the extractive teacher."""
    return None if name == EXTRACTIVE else EndpointRegistry(ctx.workspace).get(name)


def choose_upload(ctx: UiContext, dropped: str | None) -> list[Any]:
    """Take in a dropped file and show what is in it."""
    if not dropped:
        return [SKIP] * 10
    return open_source(ctx, str(keep_upload(ctx.workspace, Path(dropped))))


def choose_sample(ctx: UiContext) -> list[Any]:
    """Show the sample FAQ."""
    return open_source(ctx, str(sample_path()))


def open_source(ctx: UiContext, source: str) -> list[Any]:
    """Guess the columns of a file and read it.

    Returns:
        Updates for source, the three columns, their box, and what `show_table` fills.
    """
    try:
        guess = preview_faq(source)
    except WorkbenchError as exc:
        unusable = [explain(ctx, exc), SKIP, *([SKIP] * 4)]
        return ["", *([SKIP] * 3), gr.update(visible=False), *unusable]
    names = list(guess.columns)
    none = (ctx.t("data_tab.columns.group_none"), "")
    columns = [
        gr.update(choices=names, value=guess.guess.question or None),
        gr.update(choices=names, value=guess.guess.answer or None),
        gr.update(choices=[none, *names], value=guess.guess.group),
    ]
    shown = show_table(ctx, source, guess.guess.question, guess.guess.answer, guess.guess.group)
    return [source, *columns, gr.update(visible=True), *shown]


def show_table(
    ctx: UiContext, source: str, question: str | None, answer: str | None, group: str | None
) -> list[Any]:
    """Read a file with the chosen columns.

    Returns:
        Updates for preview, group, and the four sizes.
    """
    path = check_source(ctx, source)
    preview = preview_faq(path)
    try:
        table = read_table(path, question or "", answer or "", group or "")
    except WorkbenchError as exc:
        shown = el("div", explain(ctx, exc), view.render_preview(preview, None, ctx.lang))
        return [shown, gr.update(choices=[], value=""), *([SKIP] * len(SIZES))]
    everything = (ctx.t("data_tab.group.all"), "")
    groups = [
        (ctx.t("data_tab.group.choice", group=name, count=f"{count:,}"), name)
        for name, count in table.groups.items()
    ]
    target = groups[0][1] if len(groups) > 1 else ""
    choices = gr.update(choices=[everything, *groups], value=target)
    return [view.render_preview(preview, table, ctx.lang), choices, *sizes_for(table, target)]


def explain(ctx: UiContext, error: WorkbenchError) -> Html:
    """An error in its place on the page: what happened and what to do."""
    rendered = render_error(error, ctx.lang)
    return el("div", el("b", rendered.message), " ", el("span", rendered.hint), cls="wb-error", role="alert")


def sizes_for(table: FaqTable, group: str) -> list[int]:
    """Sizes that the file allows, in the order of `SIZES`."""
    sizes = suggest_sizes(table, group)
    return [int(getattr(sizes, name)) for name in SIZES]


def choose_group(
    ctx: UiContext,
    source: str,
    question: str | None,
    answer: str | None,
    column: str | None,
    group: str | None,
) -> list[Any]:
    """Sizes for another target group."""
    if not source:
        return [SKIP] * len(SIZES)
    table = read_table(check_source(ctx, source), question or "", answer or "", column or "")
    return list(sizes_for(table, group or ""))


def choose_teacher(ctx: UiContext, teacher: str) -> Html:
    """What the chosen teacher does and where the text goes."""
    return view.render_teacher(find_teacher(ctx, teacher), ctx.lang)


def read_config(ctx: UiContext, values: Mapping[str, Any]) -> RaftConfig:
    """The configuration that the page says.

    Raises:
        InputError: No file was chosen.
        ConfigError: One entry per bad field.
    """
    rest = dict(values)
    source = {
        "path": check_source(ctx, str(rest.pop("source") or "")),
        "question_column": rest.pop("question") or "",
        "answer_column": rest.pop("answer") or "",
        "group_column": rest.pop("group_column") or "",
        "guess_group": False,
    }
    endpoint = find_teacher(ctx, str(rest.pop("teacher") or EXTRACTIVE))
    teacher = "extractive" if endpoint is None else "endpoint"
    fixed = {"source": source, "group": rest.pop("group") or "", "teacher": teacher, "endpoint": endpoint}
    config = parse_form(RaftConfig, rest, fixed=fixed)
    check_refusal(config.refusal)
    return config


def start_generation(ctx: UiContext, **values: Any) -> str:
    """Submit the job; the choice that shows it.

    Raises:
        ConfigError: One entry per bad field.
        InputError: No file was chosen, or it cannot be used.
    """
    token = str(values.pop("token"))
    config = read_config(ctx, values)
    source = config.source
    # a file that cannot be used is said here, not by a job that fails later
    read_table(source.path, source.question_column, source.answer_column, source.group_column)
    names = (config.endpoint.api_key_env,) if config.endpoint and config.endpoint.api_key_env else ()
    title = ctx.t("data_tab.job_title", name=Path(config.source.path).stem)
    request = make_request_id(token, config, ctx.jobs.list(kind="generate_raft"))
    ctx.jobs.submit("generate_raft", title, config, request_id=request, secret_names=names)
    # the empty choice follows the newest run, which is this one
    return ""


def show_command(ctx: UiContext, **values: Any) -> str:
    """The command that does the same as the start button; empty while the form is not complete."""
    values.pop("token", None)
    try:
        config = read_config(ctx, values)
    except WorkbenchError:
        return command_payload([])
    return command_payload(command_for(config))


def command_for(config: RaftConfig) -> list[str]:
    """`workbench generate raft ...` with the columns, the sizes, and every value that differs from its default."""
    source, plain = config.source, RaftConfig(source=config.source)
    command = ["workbench", "generate", "raft", source.path, "--out", "raft-data"]
    command += ["--teacher", config.endpoint.name if config.endpoint else EXTRACTIVE]
    command += ["--question-column", source.question_column, "--answer-column", source.answer_column]
    # an empty one means that there is none, where a missing flag would mean to guess
    command += ["--group-column", source.group_column]
    command += ["--group", config.group] if config.group else []
    for name in (*SIZES, *ADVANCED):
        value = getattr(config, name)
        if name in SIZES or value != getattr(plain, name):
            command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def show_run(ctx: UiContext, chosen: str | None) -> list[Any]:
    """Card, result, list of runs and the next step, for the run on display."""
    jobs = ctx.jobs.list(kind="generate_raft")
    job = pick_run(jobs, chosen or "")
    rows = [] if job is None else [job_row(job, job.status.updated_at, ctx.lang)]
    done = job is not None and job.status.state == "succeeded"
    runs = gr.update(
        choices=run_choices(jobs, ctx.lang), value=keep_choice(jobs, chosen), visible=len(jobs) > 1
    )
    # a finished run shows what it made instead of its card
    shown = gr.update(value=jobs_payload(rows), visible=bool(rows) and not done)
    return [shown, render_done(ctx, job) if done else "", runs, gr.update(visible=done)]


def render_done(ctx: UiContext, job: JobRecord | None) -> Html:
    """The result card: figures and rows of what was made."""
    if job is None or job.result is None:
        return Html()
    files = {name: Path(path) for name, path in job.result.get("files", {}).items() if name in FILES}
    counts = {name: count_lines(path) for name, path in files.items()}
    samples = view.read_samples(files["train"]) if "train" in files else []
    return el(
        "div",
        view.render_result(job.result, counts, ctx.lang),
        view.render_samples(samples, ctx.lang),
        cls="wb-card",
    )


@lru_cache(maxsize=64)
def count_lines(path: Path) -> int:
    """Lines of a made file, which never changes; 0 where it was deleted."""
    if not path.is_file():
        return 0
    with path.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
