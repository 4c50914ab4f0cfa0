"""A conversion that runs or ran: progress to the byte, its proof, and where the result can go next."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import gradio as gr

from workbench.artifacts import read_json
from workbench.conversion.part_files import PART
from workbench.conversion.run import PHASE, PROOF, SETTINGS
from workbench.errors import InputError, NotFoundError, StateError, WorkbenchError
from workbench.inference import EndpointRegistry
from workbench.pipeline import choose_engine
from workbench.schemas.base import parse
from workbench.schemas.conversion import ConvertConfig, ProofReport
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import ENDED, JobRecord
from workbench.serving.model_files import gguf_kind
from workbench.training.models import describe_model
from workbench.ui.components import job_row, jobs_payload
from workbench.ui.context import UiContext
from workbench.ui.handover import Handed
from workbench.ui.live_sources import start_server
from workbench.ui.models import base_of, find_twin, is_gguf_model, list_askable, list_models, register_model
from workbench.ui.tabs.convert_page import list_jobs, submit_conversion
from workbench.ui.views import conversion as view
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.runs import keep_choice, pick_run, run_choices

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
WAITS_FOR_CONSENT = "tokenizer_not_confirmed"
"""Error of a conversion that waits for a person to accept another tokenizer."""


def show_run(ctx: UiContext, chosen: str | None) -> list[Any]:
    """The conversion on display.

    Returns:
        List, card, figures, consent, proof, two ways on, whether there is more than a card, and the way on to the
        serving page.
    """
    jobs = list_jobs(ctx)
    job = pick_run(jobs, chosen or "")
    runs = gr.update(
        choices=run_choices(jobs, ctx.lang), value=keep_choice(jobs, chosen), visible=len(jobs) > 1
    )
    hidden = gr.update(visible=False)
    if job is None:
        return [runs, jobs_payload([]), Html(), hidden, Html(), hidden, hidden, hidden, hidden]
    place = result_place(ctx, job)
    usable = place is not None and can_answer(place)
    gguf = gguf_kind(place) if place is not None else ""
    # an adapter goes with the file that its base became, which is looked for beside it
    kept = place is not None and place.is_relative_to(ctx.workspace.artifacts)
    asked = usable or bool(registration(job).get("models")) or gguf == "model" or (gguf == "adapter" and kept)
    facts, proof, waits = tell_run(ctx, job), show_proof(ctx, place), needs_consent(job)
    return [
        runs,
        jobs_payload([job_row(job, job.status.updated_at, ctx.lang)]),
        facts,
        gr.update(visible=waits),
        proof,
        gr.update(visible=usable),
        gr.update(visible=asked),
        gr.update(visible=bool(facts or proof or waits)),
        gr.update(visible=bool(gguf)),
    ]


def tell_run(ctx: UiContext, job: JobRecord) -> Html:
    """Bytes done while it runs; where the result lies, or what a stopped one left, when it is over."""
    lines: list[Html] = []
    progress, state = job.status.progress, job.status.state
    if state == "running" and progress.phase == PHASE and progress.total:
        done = ctx.t("convert_tab.bytes", done=f"{int(progress.done):,}", total=f"{int(progress.total):,}")
        lines.append(paragraph(done, "cv-bytes"))
    if state in ("queued", "running"):
        lines.append(paragraph(ctx.t("convert_tab.keeps_on"), "wb-soft wb-tiny"))
    place = result_place(ctx, job)
    if place is not None:
        lines.append(_tell_result(ctx, job, place))
        lines.append(view.render_registered(registration(job), ctx.lang))
    left = find_left(ctx, job)
    if left is not None:
        lines.append(paragraph(ctx.t("convert_tab.left", path=str(left)), "wb-soft wb-tiny cv-path"))
    return join(lines)


def _tell_result(ctx: UiContext, job: JobRecord, place: Path) -> Html:
    result = job.result or {}
    size = view.say_exact(int(result.get("bytes") or 0), ctx.lang)
    peak = int(result.get("peak_rss_bytes") or 0)
    said = ctx.t("convert_tab.result", size=size, peak=view.say_bytes(peak)) if peak else size
    return el(
        "div",
        el("p", said),
        paragraph(ctx.t("convert_tab.result.place", path=str(place)), "wb-soft wb-tiny cv-path"),
    )


def registration(job: JobRecord) -> Mapping[str, Any]:
    """What a conversion for Ollama tells of the server: `models` and `url`, or the `commands` to be run."""
    found: Any = (job.result or {}).get("ollama")
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}


def result_place(ctx: UiContext, job: JobRecord) -> Path | None:
    """Folder of a finished conversion's result; None before, and where it was deleted."""
    if job.status.state != "succeeded" or not job.result:
        return None
    try:
        return ctx.artifacts.folder(str(job.result.get("artifact") or ""))
    except (NotFoundError, InputError):
        place = Path(str(job.result.get("path") or "/nowhere"))
        return place if place.exists() else None


def find_left(ctx: UiContext, job: JobRecord) -> Path | None:
    """The unfinished folder that a stopped conversion left, from which it can go on."""
    if job.status.state not in ENDED or job.status.state == "succeeded":
        return None
    target, name = (str(job.spec.config.get(key) or "") for key in ("target", "name"))
    whole = Path(target) if target else ctx.workspace.models / name
    part = whole.with_name(whole.name + PART)
    return part if part.is_dir() else None


def show_proof(ctx: UiContext, place: Path | None) -> Html:
    """The stored proof as a table; nothing where there is none."""
    if place is None:
        return Html()
    folder = place if place.is_dir() else place.parent
    if not (folder / PROOF).is_file():
        return Html()
    report = parse(ProofReport, cast("Mapping[str, Any]", read_json(folder / PROOF)))
    return view.render_proof(report, ctx.lang)


# ---- a tokenizer that differs


def needs_consent(job: JobRecord) -> bool:
    """Whether it failed only because some texts are cut into other tokens than before."""
    return job.status.state == "failed" and job.error is not None and job.error.code == WAITS_FOR_CONSENT


def accept_tokenizer(ctx: UiContext, chosen: str | None, agreed: bool, token: str) -> str:
    """Convert once more with the person's consent; the choice that shows it.

    Raises:
        StateError: `convert_no_consent` where nothing waits for it or the box was not ticked.
    """
    job = pick_run(list_jobs(ctx), chosen or "")
    if job is None or not needs_consent(job) or not agreed:
        raise StateError("convert_no_consent")
    settings = parse(ConvertConfig, {**job.spec.config, "accept_tokenizer": True})
    submit_conversion(ctx, settings, token, job.spec.memory_bytes)
    return ""


# ---- where the result can go


def can_answer(place: Path) -> bool:
    """Whether the program's own server can load it: a text model with its tokenizer and no program of its own."""
    try:
        return _can_answer(str(place), place.stat().st_mtime_ns)
    except OSError:
        return False


@lru_cache(maxsize=64)
def _can_answer(place: str, modified_ns: int) -> bool:
    del modified_ns  # only tells one state of the folder from the next
    try:
        return not describe_model(Path(place)).needs_remote_code
    except WorkbenchError:
        return False


def hand_over(ctx: UiContext, chosen: str | None) -> Handed:
    """What the evaluation page is to ask: the model that Ollama has now, or the result's folder.

    A folder with a GGUF file is asked through a server in a container, which the evaluation starts.

    Raises:
        StateError: `convert_no_result`.
    """
    job = pick_run(list_jobs(ctx), chosen or "")
    told: Mapping[str, Any] = registration(job) if job is not None else dict[str, Any]()
    models = [str(name) for name in cast("list[Any]", told.get("models") or [])]
    if not models:
        return _hand("model", offer_result(ctx, chosen))
    name = _UNSAFE.sub("-", f"ollama-{models[0]}")[:100]
    values: dict[str, Any] = {"name": name, "base_url": told.get("url"), "model": models[0]}
    endpoint = parse(Endpoint, {**values, "engine": "ollama", "dialect": "ollama"})
    EndpointRegistry(ctx.workspace).add(endpoint)
    return _hand("endpoint", name)


def _hand(what: Literal["endpoint", "model"], name: str) -> Handed:
    return Handed(target="evaluate", what=what, name=name, job="", at=time.time())


def offer_result(ctx: UiContext, chosen: str | None) -> str:
    """The result's folder, which from now on stands among the models that can be chosen.

    Raises:
        StateError: `convert_no_result`; `convert_base_first` for an adapter whose base is no GGUF file yet.
        InputError: `model_folder_invalid`.
    """
    job = pick_run(list_jobs(ctx), chosen or "")
    place = result_place(ctx, job) if job is not None else None
    if place is not None and gguf_kind(place) == "adapter":
        if base_of(place) is None:
            known = {
                model.path: model.name
                for model in list_models(ctx.workspace, ctx.t("train_tab.model.starter"))
            }
            base = read_base(place)
            raise StateError("convert_base_first", base=known.get(base, Path(base).name))
        return str(place.resolve())
    if place is None or not (can_answer(place) or is_gguf_model(place)):
        raise StateError("convert_no_result")
    path = str(place.resolve())
    if path not in {model.path for model in list_askable(ctx.workspace, "")}:
        register_model(ctx.workspace, path)
    return path


def read_base(place: Path) -> str:
    """Path of the base that a result was made with; empty where its conversion was given none."""
    return parse(ConvertConfig, cast("Mapping[str, Any]", read_json(place / SETTINGS))).base


def hand_to_serving(ctx: UiContext, chosen: str | None) -> Handed:
    """The GGUF of a result for the serving page: with the engine that it was made for, an adapter beside its base.

    Raises:
        StateError: `convert_no_result`.
    """
    job = pick_run(list_jobs(ctx), chosen or "")
    place = result_place(ctx, job) if job is not None else None
    kind = gguf_kind(place) if place is not None else ""
    if place is None or not kind:
        raise StateError("convert_no_result")
    handed = Handed(target="serve", what="model", name=str(place.resolve()), job="", at=time.time())
    handed["engine"] = choose_engine(place)
    if kind == "adapter":
        base = read_base(place)
        handed["adapter"] = handed["name"]
        handed["name"] = str(find_twin(place, Path(base)) or "") if base else ""
    return handed


def serve_result(ctx: UiContext, chosen: str | None) -> JobRecord:
    """Start a server for the result, or find the one that runs.

    Raises:
        StateError: `convert_no_result`.
        ResourceError: The machine is too small for it.
    """
    return start_server(ctx, f"model:{offer_result(ctx, chosen)}")
