"""Makes a folder a workspace, and refuses one that a newer program made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from workbench.artifacts.files import read_json, write_json_atomic
from workbench.artifacts.store import sweep_leftovers
from workbench.errors import InputError, StateError
from workbench.jobs.failures import convert_os_error
from workbench.jobs.processes import is_pid_alive
from workbench.paths import Workspace

logger = logging.getLogger(__name__)

VERSION = 1
# version that a workspace has -> what makes it the next one; the keys are 1 .. VERSION - 1
MIGRATIONS: dict[int, Callable[[Workspace], None]] = {}


def prepare_workspace(workspace: Workspace) -> None:
    """Create the folders, bring an older workspace up to date, and clear away what dead processes left.

    Every face calls this before anything else.

    Raises:
        StateError: `workspace_newer`, or `workspace_unreadable`.
        ResourceError: `workspace_unwritable`, or `disk_full`.
    """
    try:
        for folder in workspace.folders():
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.locks / "workspace.lock", is_singleton=False):
            _migrate(workspace)
            for root in (workspace.artifacts, workspace.jobs):
                sweep_leftovers(root, is_pid_alive)
    except OSError as exc:
        raise convert_os_error(exc, workspace.root) from exc


def _migrate(workspace: Workspace) -> None:
    found = _read_version(workspace.version_file)
    if found > VERSION:
        raise StateError("workspace_newer", path=str(workspace.root), found=found, known=VERSION)
    for version in range(found, VERSION):
        logger.info("bringing workspace %s from format %d to %d", workspace.root, version, version + 1)
        MIGRATIONS[version](workspace)
        write_json_atomic(workspace.version_file, {"version": version + 1})


def _read_version(path: Path) -> int:
    try:
        return int(read_json(path)["version"])
    except FileNotFoundError:
        write_json_atomic(path, {"version": VERSION})
        return VERSION
    except (InputError, KeyError, TypeError, ValueError) as exc:
        raise StateError("workspace_unreadable", path=str(path)) from exc
