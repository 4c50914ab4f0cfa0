"""Lists job folders cheaply: specifications never change, and an ended status changes only by a resume."""

from __future__ import annotations

import logging
import os
from typing import NamedTuple

from workbench.jobs.folder import JobFolder
from workbench.paths import Workspace
from workbench.schemas.job import ENDED, JobSpec, JobStatus

logger = logging.getLogger(__name__)


class _Signature(NamedTuple):
    modified_ns: int
    inode: int
    size: int


class _Seen(NamedTuple):
    signature: _Signature
    status: JobStatus


class JobShelf:
    """All job folders of a workspace, with what was already read of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._root = workspace.jobs
        self._specs: dict[str, JobSpec] = {}
        self._ended: dict[str, _Seen] = {}

    def folders(self) -> list[JobFolder]:
        """Every job's folder, oldest first."""
        if not self._root.is_dir():
            return []
        names = sorted(name for name in os.listdir(self._root) if not name.startswith("."))
        return [JobFolder(self._root / name) for name in names]

    def spec(self, folder: JobFolder) -> JobSpec:
        """The job's specification.

        Raises:
            NotFoundError, InputError: As `JobFolder.read_spec`.
        """
        spec = self._specs.get(folder.id)
        if spec is None:
            spec = self._specs[folder.id] = folder.read_spec()
        return spec

    def status(self, folder: JobFolder) -> JobStatus | None:
        """The status as written, or None where it cannot be read."""
        try:
            facts = folder.status_file.stat()
        except FileNotFoundError:
            return None
        signature = _Signature(facts.st_mtime_ns, facts.st_ino, facts.st_size)
        seen = self._ended.get(folder.id)
        if seen is not None and seen.signature == signature:
            return seen.status
        status = folder.read_status()
        if status is not None and status.state in ENDED:
            self._ended[folder.id] = _Seen(signature, status)
        return status

    def forget(self, job_id: str) -> None:
        """Drop what was read of a job that is deleted."""
        self._specs.pop(job_id, None)
        self._ended.pop(job_id, None)
