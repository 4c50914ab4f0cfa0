"""The bar at the top: name, badge, meters and language; and which steps are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from workbench.i18n import Lang, t
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext
from workbench.ui.wording import say_bytes


@dataclass(frozen=True)
class HeaderState:
    """What the bar shows. Bytes and counts."""

    leaves_house: bool
    memory_used: int
    memory_total: int
    gpu_name: str | None
    gpu_share: float | None
    """Per cent."""
    jobs_running: int
    jobs_waiting: int
    done: tuple[str, ...] = ()
    """Names of the tabs whose step has a result on disk."""


def header_payload(state: HeaderState, lang: Lang) -> str:
    """JSON text for the bar."""
    jobs = (
        t("header.jobs", lang, running=state.jobs_running, waiting=state.jobs_waiting)
        if state.jobs_running or state.jobs_waiting
        else t("header.jobs_none", lang)
    )
    share = state.memory_used / state.memory_total if state.memory_total else 0.0
    return to_json(
        {
            "badge": t("header.leaves_house" if state.leaves_house else "header.stays", lang),
            "badge_hint": t("header.leaves_house.hint" if state.leaves_house else "header.stays.hint", lang),
            "leaves": state.leaves_house,
            "memory": f"{say_bytes(state.memory_used)} / {say_bytes(state.memory_total)}",
            "memory_share": round(share, 3),
            "gpu": _gpu_text(state, lang),
            "gpu_share": None if state.gpu_share is None else state.gpu_share / 100,
            "machine": state.gpu_name or "",
            "jobs": jobs,
            "busy": state.jobs_running > 0,
            "done": list(state.done),
        }
    )


def _gpu_text(state: HeaderState, lang: Lang) -> str:
    if state.gpu_name is None:
        return t("header.gpu_none", lang)
    # some machines report the GPU but not how busy it is
    return "" if state.gpu_share is None else f"{state.gpu_share:.0f} %"


def header(ctx: UiContext, steps: Sequence[str]) -> gr.HTML:
    """The bar. Its script also marks the done steps on the tabs and keeps the tab in the address."""
    other = "en" if ctx.lang == "ja" else "ja"
    labels = labels_of(ctx, "header", ("name", "memory", "gpu", "other_language", "theme"))
    labels |= {"other_href": f"/{other}/", "other_lang": other, "other_loading": t("page.loading", other)}
    labels |= {"steps": ",".join(steps), "lang": ctx.lang}
    labels |= labels_of(ctx, "toast", ("error", "warning", "info"))
    return json_view("header", elem_id="wb-header", labels=labels)
