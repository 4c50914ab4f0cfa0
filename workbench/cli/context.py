"""What every command is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.artifacts import ArtifactStore
from workbench.cli.output import Output
from workbench.i18n import Lang
from workbench.jobs import JobStore, prepare_workspace
from workbench.paths import Workspace


@dataclass(frozen=True)
class CliContext:
    """One call of the command line."""

    workspace: Workspace
    lang: Lang
    out: Output
    environ: Mapping[str, str]

    def jobs(self) -> JobStore:
        """The workspace's jobs; prepares the workspace and starts what waits in its queue."""
        prepare_workspace(self.workspace)
        store = JobStore(self.workspace)
        store.dispatch()
        return store

    def artifacts(self) -> ArtifactStore:
        """The workspace's artifacts."""
        prepare_workspace(self.workspace)
        return ArtifactStore(self.workspace)
