"""Whose containers they are. Everything we make carries our labels; without them nothing is ever touched."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from workbench.errors import ResourceError
from workbench.paths import Workspace

MANAGED = "io.workbench.managed"
OWNER = "io.workbench.owner"
SECRETS = "io.workbench.secret-names"
"""Names (never values) of the variables to mask in what the container says."""
NAME_PREFIX = "ftw-"


def owner_of(workspace: Workspace) -> str:
    """The workspace's own id, made once: two workspaces on one machine do not touch each other's containers.

    Raises:
        ResourceError: `workspace_unwritable`.
    """
    path = workspace.containers / "owner"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_once(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as exc:
        raise ResourceError(
            "workspace_unwritable", path=str(workspace.root), reason=str(exc.strerror)
        ) from exc


def _create_once(path: Path) -> None:
    if path.exists():
        return
    temporary = path.with_name(f".owner.{os.getpid()}")
    temporary.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
    try:
        # a link fails where another process was first, and is never seen half-written
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def ownership(owner: str, secret_names: Iterable[str]) -> dict[str, str]:
    """The labels of a container of ours."""
    labels = {MANAGED: "true", OWNER: owner}
    names = ",".join(sorted(secret_names))
    return {**labels, SECRETS: names} if names else labels


def is_owned(labels: Mapping[str, str], owner: str) -> bool:
    """Whether a container with these labels belongs to the workspace."""
    return labels.get(MANAGED) == "true" and labels.get(OWNER) == owner


def owner_filter(owner: str) -> dict[str, list[str]]:
    """The engine's filter for the containers of a workspace."""
    return {"label": [f"{MANAGED}=true", f"{OWNER}={owner}"]}


def full_name(name: str) -> str:
    """The name a container gets: with our prefix, and made up where none was given."""
    if not name:
        return NAME_PREFIX + secrets.token_hex(4)
    return name if name.startswith(NAME_PREFIX) else NAME_PREFIX + name


class StopMarks:
    """Remembers which containers we stopped ourselves, so that exit code 137 is not shown as a crash.

    A file each, so that the memory outlives this process; labels cannot be changed after a container was made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, container: str) -> None:
        """Call before the stop: the end can be seen while it is still under way."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / container).touch()

    def discard(self, container: str) -> None:
        """The container starts again, or is gone."""
        (self._folder / container).unlink(missing_ok=True)

    def __contains__(self, container: object) -> bool:
        return (self._folder / str(container)).exists()

    def sweep(self, living: Iterable[str]) -> None:
        """Forget containers that are gone."""
        keep = set(living)
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in keep:
                    path.unlink(missing_ok=True)
