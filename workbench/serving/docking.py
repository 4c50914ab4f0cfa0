"""The way from serving to the container engine: one place, so that tests can put another engine there."""

from __future__ import annotations

import os
from collections.abc import Callable

from workbench.containers import ContainerEngine
from workbench.paths import Workspace
from workbench.text.secrets import Redactor

Connect = Callable[[Workspace], ContainerEngine]


def connect(workspace: Workspace) -> ContainerEngine:
    """The engine of this machine, for the containers of this workspace.

    Raises:
        ResourceError: `engine_not_installed`, `engine_not_running`, `engine_no_permission`, `engine_not_answering`.
        InputError: `engine_address_unusable`, `engine_context_unknown`.
    """
    # imported here: the library behind it takes a quarter of a second, and most pages need no engine
    from workbench.containers.connect import connect as connect_engine

    return connect_engine(workspace, os.environ, mask=Redactor(os.environ).mask)
