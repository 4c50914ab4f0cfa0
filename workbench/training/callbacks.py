"""What happens at every step of a run: numbers to the job, and requests of people to the trainer.

Lines of `metrics.jsonl` hold the step and one group of columns each: training (`loss`, `token_accuracy`,
`entropy`, `learning_rate`, `grad_norm`, `tokens`, `tokens_per_second`, `memory_bytes`) or evaluation
(`eval_loss`, `eval_token_accuracy`). A resumed run writes the steps after its checkpoint again; for a
reader the last value of a column at a step counts, and the curve is whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import transformers

from workbench.errors import InputError
from workbench.jobs import PauseRequested
from workbench.training.checkpoints import sync_folder
from workbench.training.judge import (
    OVERFITTING_RISES,
    SCALED_STREAK,
    SpeedMeter,
    count_rises,
    count_without_gain,
    eval_losses,
    is_broken,
    is_loss_scaled,
)

# untyped library
TRANSFORMERS: Any = transformers
logger = logging.getLogger(__name__)

# the trainer's names -> ours
TRAIN_COLUMNS = {
    "loss": "loss",
    "mean_token_accuracy": "token_accuracy",
    "entropy": "entropy",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
}
EVAL_COLUMNS = {"eval_loss": "eval_loss", "eval_mean_token_accuracy": "eval_token_accuracy"}


class TrainingJob(Protocol):
    """What a run needs of its job."""

    def progress(self, phase: str, done: float = 0, total: float = 0, unit: str = "") -> None: ...
    def metric(self, **values: float | int | str | None) -> None: ...
    def event(self, code: str, **params: str | int | float) -> None: ...
    def check(self) -> bool: ...


@dataclass(frozen=True)
class Watching:
    """What the callback needs to know of a run."""

    vocabulary: int
    patience: int
    """Evaluations without improvement before the run ends; 0: never."""
    tokens_before: int
    """Tokens that earlier runs of the job trained on, up to the checkpoint."""
    read_memory: Callable[[], int]
    """Bytes in use."""
    on_saved: Callable[[], None]
    """Called after each checkpoint."""


class JobCallback(TRANSFORMERS.TrainerCallback):
    """Connects a trainer with its job.

    Args:
        job: The job.
        watching: Facts of the run.
        clock: Seconds of a steady clock.
    """

    def __init__(
        self, job: TrainingJob, watching: Watching, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._job = job
        self._watching = watching
        self._clock = clock
        self._speed = SpeedMeter()
        self._pausing = False
        self._told: set[str] = set()
        self._scaled_streak = 0
        self.ended_by: Literal["", "person", "patience"] = ""
        """Why the run ended before its planned end."""
        self.tokens = watching.tokens_before
        """Tokens trained on so far, earlier runs included."""

    # ---- requests of people

    def _ask(self) -> None:
        """Look for a request; cancelling goes through at once, the others wait for the end of the step."""
        try:
            if self._job.check():
                self.ended_by = "person"
        except PauseRequested:
            self._pausing = True

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._ask()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._ask()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._speed.end(self._clock())
        self._ask()
        self._job.progress("train_steps", state.global_step, state.max_steps, "train_steps")
        if self._pausing:
            control.should_save = True
        elif self.ended_by == "person":
            # the present state may be the best one: it is evaluated and saved before the run ends
            control.should_training_stop = control.should_save = True
            control.should_evaluate = str(args.eval_strategy) != "no" and args.load_best_model_at_end

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        sync_folder(Path(args.output_dir) / f"checkpoint-{state.global_step}")
        self._watching.on_saved()
        if self._pausing:
            raise PauseRequested

    # ---- numbers

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._job.progress("train_steps", state.global_step, state.max_steps, "train_steps")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._speed.begin(self._clock())

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if not logs:
            return
        if "eval_loss" in logs:
            self._job.metric(**_place(state), **_renamed(logs, EVAL_COLUMNS))
        elif "loss" in logs:
            self._log_training(state, logs)

    def _log_training(self, state: Any, logs: Mapping[str, Any]) -> None:
        self.tokens = self._watching.tokens_before + int(logs.get("num_tokens", 0))
        values = _renamed(logs, TRAIN_COLUMNS)
        self._job.metric(
            **_place(state),
            **values,
            tokens=self.tokens,
            tokens_per_second=self._speed.take(int(logs.get("num_tokens", 0))),
            memory_bytes=self._watching.read_memory(),
        )
        loss, accuracy = logs["loss"], logs.get("mean_token_accuracy")
        if is_broken(loss, logs.get("grad_norm")):
            self._job.event("loss_not_finite", step=state.global_step)
            raise InputError("train_loss_not_finite", step=state.global_step)
        looks_scaled = accuracy is not None and is_loss_scaled(loss, accuracy, self._watching.vocabulary)
        self._scaled_streak = self._scaled_streak + 1 if looks_scaled else 0
        if accuracy is not None and self._scaled_streak >= SCALED_STREAK:
            self._tell_once("loss_scaled", loss=round(loss, 3), accuracy=round(accuracy, 3))

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = eval_losses(state.log_history)
        if not losses:
            return
        if count_rises(losses) >= OVERFITTING_RISES:
            self._tell_once(
                "overfitting", step=state.global_step, best=round(min(losses), 4), last=round(losses[-1], 4)
            )
        patience = self._watching.patience
        ends_anyway = self.ended_by or state.global_step >= state.max_steps
        if patience and count_without_gain(losses) >= patience and not ends_anyway:
            self.ended_by = "patience"
            self._job.event("stopped_by_patience", step=state.global_step, count=patience)
            control.should_training_stop = True

    def _tell_once(self, code: str, **params: str | int | float) -> None:
        if code not in self._told:
            self._told.add(code)
            self._job.event(code, **params)


def _place(state: Any) -> dict[str, float]:
    return {"step": state.global_step, "epoch": round(float(state.epoch or 0), 4)}


def _renamed(logs: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    return {ours: float(logs[theirs]) for theirs, ours in names.items() if theirs in logs}
