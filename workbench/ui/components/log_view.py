"""The end of a log file, as plain text."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr

from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext

TAIL_BYTES = 64 * 1024


def read_tail(path: Path, limit: int = TAIL_BYTES) -> str:
    """The last `limit` bytes of a text file from the start of a line; empty where there is no file."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - limit))
            data = stream.read(limit)
    except FileNotFoundError:
        return ""
    if size > limit:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", errors="replace")


def log_payload(text: str, name: str = "") -> str:
    """JSON text for a log view."""
    return to_json({"name": name, "text": text})


def log_view(ctx: UiContext, elem_id: str) -> gr.HTML:
    """The view. A handler returns `log_payload(read_tail(path))` as its value; it scrolls with the end."""
    return json_view(
        "log", elem_id=elem_id, labels=labels_of(ctx, "log_view", ("empty", "title")), classes=("wb-log",)
    )
