"""The files of one job folder. The folder is the contract between submitter, worker and readers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.artifacts.files import read_json, write_json_atomic
from workbench.errors import InputError, NotFoundError
from workbench.paths import Workspace
from workbench.schemas.base import Model, StrictModel
from workbench.schemas.job import ControlVerb, JobErrorRecord, JobSpec, JobStatus

logger = logging.getLogger(__name__)


class Control(StrictModel):
    """`control.json`: what a person asked of a running job. Deleted when the job is resumed."""

    verb: ControlVerb
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class JobFolder:
    """Paths of a job folder, and reading and replacing its small files."""

    root: Path

    @classmethod
    def of(cls, workspace: Workspace, job_id: str) -> JobFolder:
        """The folder of a job; the id may come from a page or a command line.

        Raises:
            NotFoundError: `job_missing` where there is no such job.
        """
        plain = bool(job_id) and not job_id.startswith(".") and "/" not in job_id and "\0" not in job_id
        folder = cls(workspace.jobs / job_id) if plain else None
        if folder is None or not folder.spec_file.is_file():
            raise NotFoundError("job_missing", id=job_id)
        return folder

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def spec_file(self) -> Path:
        return self.root / "spec.json"

    @property
    def status_file(self) -> Path:
        return self.root / "status.json"

    @property
    def control_file(self) -> Path:
        return self.root / "control.json"

    @property
    def metrics_file(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def events_file(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def log_file(self) -> Path:
        return self.root / "log.txt"

    @property
    def error_file(self) -> Path:
        return self.root / "error.json"

    @property
    def result_file(self) -> Path:
        """Written last: where it exists, the job succeeded."""
        return self.root / "result.json"

    @property
    def work_dir(self) -> Path:
        """What a resumed job finds again: checkpoints, journals of finished rows."""
        return self.root / "work"

    @property
    def ballast_file(self) -> Path:
        """A few blocks given back when the disk is full, so that the reason can still be written."""
        return self.root / ".ballast"

    def read_spec(self) -> JobSpec:
        """The specification.

        Raises:
            NotFoundError: `job_missing`.
            InputError: `job_unreadable`.
        """
        try:
            return JobSpec.model_validate(read_json(self.spec_file))
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise NotFoundError("job_missing", id=self.id) from exc
        except (ValidationError, InputError) as exc:
            raise InputError("job_unreadable", id=self.id, path=str(self.spec_file)) from exc

    def read_status(self) -> JobStatus | None:
        """The status as written, or None where a power cut or a full disk left none that can be read."""
        return _read_record(JobStatus, self.status_file)

    def read_control(self) -> Control | None:
        return _read_record(Control, self.control_file)

    def read_error(self) -> JobErrorRecord | None:
        return _read_record(JobErrorRecord, self.error_file)

    def read_result(self) -> dict[str, Any] | None:
        """The result, or None where the job did not succeed."""
        try:
            return read_json(self.result_file)
        except (FileNotFoundError, InputError):
            return None

    def write_status(self, status: JobStatus, *, durable: bool = True) -> None:
        write_json_atomic(self.status_file, status, durable=durable)

    def write_control(self, control: Control) -> None:
        write_json_atomic(self.control_file, control)

    def write_error(self, error: JobErrorRecord) -> None:
        write_json_atomic(self.error_file, error)

    def has_work(self) -> bool:
        """Whether an earlier run left anything that a resumed one can use."""
        return self.work_dir.is_dir() and any(self.work_dir.iterdir())


def _read_record(model: type[Model], path: Path) -> Model | None:
    try:
        return model.model_validate(read_json(path))
    except FileNotFoundError:
        return None
    except (ValidationError, InputError):
        logger.warning("cannot be read, taken as absent: %s", path)
        return None


def read_last_lines(path: Path, count: int, max_bytes: int = 16384) -> list[str]:
    """The last lines of a text file that hold something, oldest first; empty where there is no file."""
    try:
        with path.open("rb") as handle:
            size = handle.seek(0, 2)
            handle.seek(max(0, size - max_bytes))
            text = handle.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    # progress bars rewrite their line with a carriage return: only what came last is worth showing
    lines = [line.rsplit("\r", 1)[-1].strip() for line in text.split("\n")]
    return [line for line in lines if line][-count:]


def dump_config(config: BaseModel) -> dict[str, Any]:
    """A configuration as it goes into the specification."""
    return config.model_dump(mode="json")
