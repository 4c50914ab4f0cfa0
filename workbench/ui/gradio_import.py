"""Imports gradio without what a page that is served does not need.

Every component class of gradio writes a `.pyi` file beside its source while it is being made. That is half of the
time that importing gradio takes, and it fails or races where site-packages is read-only or two processes start at
once. Gradio skips a class whose source file `inspect.getfile` cannot find; that door is used here.

Gradio also imports pandas, for the keys of a cache that nothing here fills, and its own command line. Both together
take half a second. A placeholder stands in for each meanwhile; it hands on to the real module when it is used.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
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


class _Later(ModuleType):
    """Stands for a module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system asks of every module
            raise AttributeError(name)
        self.step_aside()
        return getattr(import_module(self.__name__), name)

    def step_aside(self) -> None:
        """Leave the name to the real module."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def _deploy(*arguments: Any, **options: Any) -> Any:
    return import_module("gradio.cli").deploy(*arguments, **options)


@contextmanager
def _imported_later() -> Generator[None]:
    command_line = _Later("gradio.cli")
    vars(command_line)["deploy"] = _deploy  # gradio takes it out at once
    placeholders = [one for one in (_Later("pandas"), command_line) if one.__name__ not in sys.modules]
    for placeholder in placeholders:
        sys.modules[placeholder.__name__] = placeholder
    try:
        yield
    finally:
        for placeholder in placeholders:
            placeholder.step_aside()


with _no_stub_files(), _imported_later():
    import gradio as gradio


@contextmanager
def no_application_yet() -> Generator[None]:
    """Lay out a page without the two applications that gradio makes of it meanwhile, which only `launch` would use.

    Mounting makes the one that serves.
    """
    app: Any = import_module("gradio.routes").App
    original = app.create_app
    app.create_app = staticmethod(lambda *_arguments, **_options: None)
    try:
        yield
    finally:
        app.create_app = staticmethod(original)
