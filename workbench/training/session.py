"""One training session: prepare, resume where there is a checkpoint, train, save, prove, commit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import transformers

from workbench.artifacts import ArtifactDraft, read_json, ref_path, write_json_atomic
from workbench.jobs import JobContext
from workbench.schemas.artifact import Artifact, ArtifactRef
from workbench.schemas.training import SFTSettings
from workbench.training.adapter import AdapterProof, save_adapter
from workbench.training.callbacks import JobCallback, Watching
from workbench.training.checkpoints import Checkpoint, drop_broken, find_checkpoint
from workbench.training.judge import eval_losses, train_losses
from workbench.training.plan import plan_training
from workbench.training.sft import (
    CHECKPOINTS,
    Prelude,
    build_trainer,
    is_out_of_memory,
    out_of_memory,
    prepare,
    read_memory,
)

# untyped libraries
TORCH: Any = torch
TRANSFORMERS: Any = transformers
logger = logging.getLogger(__name__)

SECONDS_FILE = "seconds.json"
SUMMARY_FILE = "training_summary.json"
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


class Stopwatch:
    """Seconds of training, those of earlier runs of the job up to their last checkpoint included."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._before = float(read_json(path)["seconds"]) if path.exists() else 0.0
        self._begun = clock()

    @property
    def seconds(self) -> float:
        return self._before + self._clock() - self._begun

    def save(self) -> None:
        write_json_atomic(self._path, {"seconds": self.seconds})


@dataclass(frozen=True)
class Outcome:
    """What a finished run amounts to."""

    steps: int
    tokens: int
    seconds: float
    train_loss: float | None
    """Mean over all logged steps."""
    last_loss: float | None
    eval_loss: float | None
    """Of the state that was kept: the lowest one."""
    last_eval_loss: float | None
    best_step: int
    stopped_early: bool

    def numbers(self) -> dict[str, float]:
        """Figures worth showing in a list."""
        named = {
            "steps": self.steps,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 2),
            "train_loss": self.train_loss,
            "last_loss": self.last_loss,
            "eval_loss": self.eval_loss,
        }
        return {name: float(value) for name, value in named.items() if value is not None}


def train(settings: SFTSettings, job: JobContext) -> dict[str, Any]:
    """Run a training job; see `workbench.training.run.run`."""
    TORCH.set_num_threads(int(read_json(job.work_dir / "threads.json")["threads"]))
    prelude = prepare(settings, job)
    job.progress("train_load")
    folder = job.work_dir / CHECKPOINTS
    checkpoint = find_checkpoint(folder)
    for name in drop_broken(folder, checkpoint):
        job.event("checkpoint_dropped", name=name)
    stopwatch = Stopwatch(job.work_dir / SECONDS_FILE, time.monotonic)
    callback = JobCallback(job, _watching(settings, prelude, checkpoint, stopwatch))
    try:
        trainer = build_trainer(settings, prelude, job.work_dir, callback)
        _train(trainer, checkpoint, job)
    except (RuntimeError, MemoryError) as exc:
        if is_out_of_memory(exc):
            raise out_of_memory(settings, prelude) from exc
        raise
    outcome = _outcome(trainer.state, callback, stopwatch.seconds)
    if outcome.stopped_early:
        job.mark_stopped_early()
    artifact = _commit(settings, prelude, trainer, outcome, job)
    return {
        "artifact": artifact.id,
        "path": str(job.artifacts.folder(artifact.id)),
        "steps": outcome.steps,
        "train_loss": outcome.train_loss,
        "eval_loss": outcome.eval_loss,
        "stopped_early": outcome.stopped_early,
    }


def _watching(
    settings: SFTSettings, prelude: Prelude, checkpoint: Checkpoint | None, stopwatch: Stopwatch
) -> Watching:
    device = prelude.compute.device
    return Watching(
        vocabulary=prelude.info.vocabulary,
        patience=settings.early_stopping_patience if prelude.valid else 0,
        tokens_before=checkpoint.tokens if checkpoint else 0,
        read_memory=lambda: read_memory(device),
        on_saved=stopwatch.save,
    )


def _train(trainer: Any, checkpoint: Checkpoint | None, job: JobContext) -> None:
    if checkpoint is None:
        trainer.train()
        return
    job.event("resumed", step=checkpoint.step)
    state = TRANSFORMERS.TrainerState.load_from_json(str(checkpoint.path / "trainer_state.json"))
    if state.global_step < state.max_steps:
        trainer.train(resume_from_checkpoint=str(checkpoint.path))
        return
    # killed between its last step and the end: nothing is left to train
    trainer.state = state
    best = Path(state.best_model_checkpoint or checkpoint.path).name
    trainer.model.load_adapter(str(checkpoint.path.parent / best), "default", is_trainable=True)


def _outcome(state: Any, callback: JobCallback, seconds: float) -> Outcome:
    losses, evaluated = train_losses(state.log_history), eval_losses(state.log_history)
    return Outcome(
        steps=state.global_step,
        tokens=callback.tokens,
        seconds=seconds,
        train_loss=sum(losses) / len(losses) if losses else None,
        last_loss=losses[-1] if losses else None,
        eval_loss=min(evaluated, default=None),
        last_eval_loss=evaluated[-1] if evaluated else None,
        best_step=state.best_global_step or state.global_step,
        stopped_early=bool(callback.ended_by) and state.global_step < state.max_steps,
    )


def _commit(
    settings: SFTSettings, prelude: Prelude, trainer: Any, outcome: Outcome, job: JobContext
) -> Artifact:
    job.progress("train_save")
    draft = job.artifacts.begin(
        "adapter", settings.name or Path(settings.train_file).stem, job_id=job.spec.id
    )
    try:
        return _fill(draft, settings, prelude, trainer, outcome, job)
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def _fill(
    draft: ArtifactDraft,
    settings: SFTSettings,
    prelude: Prelude,
    trainer: Any,
    outcome: Outcome,
    job: JobContext,
) -> Artifact:
    proof = save_adapter(trainer, draft.folder)
    if proof.untrained:
        job.event("modules_untrained", count=len(proof.untrained), total=proof.modules)
    base = ref_path(prelude.info.path)
    summary = summarise(settings, prelude, outcome, proof)
    write_json_atomic(draft.folder / SUMMARY_FILE, summary)
    return draft.commit(
        inputs=(*_data_refs(settings), base),
        license=prelude.info.license,
        numbers=outcome.numbers(),
        details={
            "base_model": base.id,
            "base_sha256": base.sha256,
            "base_architecture": prelude.info.architecture,
            "method": settings.method,
            "coverage": summary["coverage"],
            "stopped_early": outcome.stopped_early,
        },
    )


def _data_refs(settings: SFTSettings) -> tuple[ArtifactRef, ...]:
    files = [name for name in (settings.train_file, settings.eval_file, settings.rehearsal_file) if name]
    return tuple(ref_path(Path(name)) for name in files)


def summarise(
    settings: SFTSettings, prelude: Prelude, outcome: Outcome, proof: AdapterProof
) -> dict[str, Any]:
    """Everything about a run that one may want to know later; `training_summary.json`."""
    coverage, train_rows, valid = prelude.coverage, prelude.train, prelude.valid
    plan = plan_training(settings, device=prelude.compute.device)
    return {
        "settings": settings.model_dump(mode="json"),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "device": prelude.compute.device,
        "precision": prelude.compute.precision,
        "threads": TORCH.get_num_threads(),
        "steps": outcome.steps,
        "tokens": outcome.tokens,
        "seconds": round(outcome.seconds, 2),
        "losses": {
            "train_mean": outcome.train_loss,
            "train_last": outcome.last_loss,
            "eval_best": outcome.eval_loss,
            "eval_last": outcome.last_eval_loss,
        },
        "best_step": outcome.best_step,
        "stopped_early": outcome.stopped_early,
        "rows": {
            "train": train_rows.kept,
            "eval": valid.kept if valid else 0,
            "skipped": len(train_rows.problems),
            "truncated": len(train_rows.truncated),
            "masked": len(train_rows.masked),
            "tokens": train_rows.tokens,
            "trained_tokens": train_rows.trained_tokens,
        },
        "coverage": {
            "modules": coverage.modules,
            "names": list(coverage.names),
            "missing": list(coverage.missing),
            "of_all": coverage.of_all,
            "of_body": coverage.of_body,
            "trained": coverage.adapter,
        },
        "memory": {
            "planned": plan.total,
            "parts": plan.parts,
            "measured": read_memory(prelude.compute.device),
        },
        "proof": proof.summary(),
    }
