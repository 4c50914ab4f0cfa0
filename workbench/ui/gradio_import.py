"""Imports gradio without the stub files that it writes beside its own source.

Every component class of gradio writes a `.pyi` file while it is being made. That is half of the time that
importing gradio takes, and it fails or races where site-packages is read-only or two processes start at
once. Gradio skips a class whose source file `inspect.getfile` cannot find; that door is used here.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

# read by gradio while it is imported
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@contextmanager
def _no_stub_files() -> Generator[None]:
    original = inspect.getfile

    def getfile(object: Any) -> str:
        if isinstance(object, type) and object.__module__.startswith("gradio."):
            raise OSError("no stub file wanted")
        return original(object)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = original


with _no_stub_files():
    import gradio as gradio
