"""One language's page."""

from __future__ import annotations

import gradio as gr

from workbench.ui.context import UiContext
from workbench.ui.frame import TabBuilder, build_frame
from workbench.ui.tabs import (
    compare,
    convert,
    data,
    evaluate,
    jobs,
    live,
    review,
    serve,
    settings,
    start,
    train,
)

TABS: dict[str, TabBuilder] = {
    "start": start.build,
    "data": data.build,
    "train": train.build,
    "convert": convert.build,
    "serve": serve.build,
    "evaluate": evaluate.build,
    "compare": compare.build,
    "live": live.build,
    "review": review.build,
    "jobs": jobs.build,
    "settings": settings.build,
}


def build_app(ctx: UiContext) -> gr.Blocks:
    """The page in the context's language, ready to be mounted."""
    with gr.Blocks(title=ctx.t("header.name"), analytics_enabled=False, fill_width=True) as blocks:
        build_frame(ctx, TABS)
    return blocks
