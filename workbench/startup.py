"""How processes of ours start: what they find in their environment, and loading without collecting.

Importing makes hundreds of thousands of objects that stay, and Python's collector walks through all of them again
and again meanwhile: a fifth to a quarter of the time until a page or a command is ready.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

LATER_THRESHOLDS = (10_000, 20, 20)
"""Python's own date from small heaps: with answers by the thousand it would look through all of them hundreds of times."""


@contextmanager
def collection_paused() -> Generator[None]:
    """Load without collecting; what is there afterwards is never walked through again.

    Inside another pause it does nothing, so that the outer one lasts as long as it says.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*LATER_THRESHOLDS)
        gc.enable()


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self.__name__), name)
        vars(self)[name] = value
        return value


def later(name: str) -> Any:
    """A module that is imported when something of it is first used: what many can do and few of them do each time."""
    return _Later(name)


def python_variables(env: Mapping[str, str]) -> dict[str, str]:
    """What a Python process of ours needs in its environment, whoever starts it and from wherever."""
    package_root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    given = env.get("PYTHONPATH", "").split(os.pathsep)
    others = [place for place in given if place not in ("", package_root)]
    return {
        "PYTHONPATH": os.pathsep.join([package_root, *others]),
        # lines reach the log at once, and a crash inside native code leaves a trace there
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        # pydantic would read what every installed package says of itself, to find plugins that nothing here has
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    }
