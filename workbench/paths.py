"""Where everything lies on disk.

Two roots: the workspace of the user (moved by `--workspace` or `WORKBENCH_HOME`) and the assets that come
with the program. Nothing else in the package builds a path from a literal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "WORKBENCH_HOME"
DEFAULT_HOME = "workbench-data"


def assets_dir() -> Path:
    """The folder `assets/` that stands beside the package."""
    return Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True)
class Workspace:
    """Every on-disk location of one user's work."""

    root: Path

    @classmethod
    def locate(cls, given: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Workspace:
        """The workspace of a call: the flag wins over the environment, and both over `~/workbench-data`."""
        chosen = given or environ.get(HOME_VARIABLE) or Path.home() / DEFAULT_HOME
        return cls(Path(chosen).expanduser().resolve())

    @property
    def version_file(self) -> Path:
        return self.root / "workspace.json"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def models(self) -> Path:
        """Models downloaded from a hub, one folder each."""
        return self.root / "models"

    @property
    def uploads(self) -> Path:
        """Files that people dropped into the page, kept under their content's hash."""
        return self.root / "uploads"

    @property
    def cache(self) -> Path:
        """Results of recipe steps under the fingerprint of their inputs."""
        return self.root / "cache"

    @property
    def task_data(self) -> Path:
        """Data of evaluation tasks that was fetched; made where the first file comes."""
        return self.root / "task-data"

    @property
    def tools(self) -> Path:
        """Programs of others with an environment of their own; made where the first one is needed."""
        return self.root / "tools"

    @property
    def engine_caches(self) -> Path:
        """What engines in containers keep between starts, one folder each; made where the first one starts."""
        return self.root / "engine-caches"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def review_db(self) -> Path:
        return self.root / "review.sqlite"

    @property
    def live_set_file(self) -> Path:
        """Questions that were tried by hand and kept for a review."""
        return self.root / "live_set.jsonl"

    @property
    def gate_reports(self) -> Path:
        """The latest verdict of a gate on each pair of runs; made with the first one."""
        return self.root / "gates"

    @property
    def containers(self) -> Path:
        """What is remembered of the containers of this workspace; made where the first one is."""
        return self.root / "containers"

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.json"

    @property
    def endpoints_file(self) -> Path:
        return self.root / "endpoints.json"

    @property
    def log_file(self) -> Path:
        return self.root / "workbench.log"

    @property
    def empty(self) -> Path:
        """The working directory of the page's process: kept empty, so that nothing in it can be served."""
        return self.root / "empty"

    def folders(self) -> tuple[Path, ...]:
        """All folders that must exist before work begins."""
        return (
            self.root,
            self.jobs,
            self.artifacts,
            self.models,
            self.uploads,
            self.cache,
            self.locks,
            self.empty,
        )
