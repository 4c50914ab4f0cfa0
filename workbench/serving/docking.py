"""The way from serving to the container engine: one place, so that tests can put another engine there."""

from __future__ import annotations

from collections.abc import Callable

from workbench.containers import ContainerEngine
from workbench.paths import Workspace

Connect = Callable[[Workspace], ContainerEngine]


def connect(workspace: Workspace) -> ContainerEngine:
    """The engine of this machine, for the containers of this workspace.

    Raises:
        ResourceError: There is none, it does not run, or it may not be used.
    """
    # imported here: the library behind it takes a quarter of a second, and most pages need no engine
    from workbench.containers import connect as connect_engine

    return connect_engine(workspace)
