"""What several tests of training need: a job, and rows to train on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.artifacts import write_json_atomic
from workbench.jobs import CancelRequested, JobContext, JobFolder, PauseRequested
from workbench.jobs.context import ControlWatch, StatusBoard
from workbench.paths import Workspace
from workbench.schemas.job import ControlVerb, JobKind, JobSpec, JobStatus
from workbench.schemas.training import LoraSettings, SFTSettings


class SteppedJob(JobContext):
    """A job whose person asks for something at a given optimizer step."""

    asked: tuple[int, ControlVerb] | None = None
    steps = 0

    def progress(self, phase: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        if phase == "train_steps":
            self.steps = int(done)
        super().progress(phase, done, total, unit)

    def check(self) -> bool:
        if self.asked is None or self.steps + 1 < self.asked[0]:
            return False
        if self.asked[1] == "pause":
            raise PauseRequested
        if self.asked[1] == "cancel":
            raise CancelRequested
        return True

    @property
    def stopped_early(self) -> bool:
        return self._board.status.stopped_early


def make_job(
    workspace: Workspace,
    kind: JobKind = "train",
    job_id: str = "job-1",
    *,
    environ: dict[str, str] | None = None,
    asked: tuple[int, ControlVerb] | None = None,
) -> SteppedJob:
    """A job as its worker sees it; with an id that exists already, the resumed job."""
    folder = JobFolder(workspace.jobs / job_id)
    resumed = folder.root.exists()
    folder.root.mkdir(exist_ok=True)
    write_json_atomic(
        folder.spec_file, JobSpec(id=job_id, kind=kind, title="test", config={}, created_at=0.0)
    )
    status = JobStatus(state="running", updated_at=0.0)
    job = SteppedJob(
        folder,
        board=StatusBoard(folder, status, time.time, time.monotonic),
        watch=ControlWatch(folder),
        workspace=workspace,
        environ=environ or {},
        resumed=resumed,
        clock=time.time,
        steady=time.monotonic,
    )
    job.asked = asked
    return job


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file of JSON lines."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def metrics_of(job: JobContext) -> list[dict[str, Any]]:
    return read_lines(job.folder / "metrics.jsonl")


def events_of(job: JobContext) -> list[dict[str, Any]]:
    return read_lines(job.folder / "events.jsonl")


def event_codes(job: JobContext) -> list[str]:
    return [event["code"] for event in events_of(job)]


def curve(job: JobContext, name: str) -> dict[int, float]:
    """A column over the step as a reader sees it: the last value of a step counts."""
    return {line["step"]: line[name] for line in metrics_of(job) if name in line}


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def chat_row(question: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "参考文書を根拠に答えてください。"},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def chat_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows of different lengths."""
    return [
        chat_row(
            f"質問: 図書館は何時に開館しますか。{'あ' * (i % 5)}",
            f"午前{i % 12}時に開館します。" * (1 + i % 3),
        )
        for i in range(start, start + count)
    ]


def tiny_settings(model: Path, folder: Path, **changes: Any) -> SFTSettings:
    """Settings of a run of seconds."""
    values: dict[str, Any] = {
        "model": str(model),
        "train_file": str(write_rows(folder / "train.jsonl", chat_rows(24))),
        "eval_file": str(write_rows(folder / "valid.jsonl", chat_rows(6, start=100))),
        "lora": LoraSettings(r=4, lora_alpha=8, lora_dropout=0.1),
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 1,
        "learning_rate": 1e-3,
        "max_steps": 10,
        "max_length": 256,
        "eval_steps": 5,
    }
    return SFTSettings(**{**values, **changes})
