"""What happens at every step, without a model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.jobs import CancelRequested, PauseRequested
from workbench.training.callbacks import JobCallback, Watching
from workbench.training.judge import SCALED_STREAK


class Job:
    """Writes down what it is told and asks what it was given."""

    def __init__(self) -> None:
        self.metrics: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.request: type[Exception] | None = None
        self.stop = False

    def progress(self, phase: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        pass

    def metric(self, **values: float | int | str | None) -> None:
        self.metrics.append(values)

    def event(self, code: str, **params: str | int | float) -> None:
        self.events.append(code)

    def check(self) -> bool:
        if self.request is not None:
            raise self.request
        return self.stop


@pytest.fixture
def job() -> Job:
    return Job()


def make(
    job: Job, *, patience: int = 0, tokens_before: int = 0, saved: list[bool] | None = None
) -> JobCallback:
    done = saved if saved is not None else []
    watching = Watching(
        vocabulary=131072,
        patience=patience,
        tokens_before=tokens_before,
        read_memory=lambda: 7,
        on_saved=lambda: done.append(True),
    )
    return JobCallback(job, watching, clock=iter(float(n) for n in range(1000)).__next__)


def state(step: int, losses: tuple[float, ...] = (), max_steps: int = 100) -> Any:
    history = [{"eval_loss": loss} for loss in losses]
    return SimpleNamespace(global_step=step, max_steps=max_steps, epoch=0.5, log_history=history)


def control() -> Any:
    return SimpleNamespace(should_save=False, should_training_stop=False, should_evaluate=False)


def arguments(folder: Path, evaluated: bool = True) -> Any:
    strategy = "steps" if evaluated else "no"
    return SimpleNamespace(output_dir=str(folder), eval_strategy=strategy, load_best_model_at_end=evaluated)


def logs(**changes: float) -> dict[str, float]:
    return {
        "loss": 1.3,
        "mean_token_accuracy": 0.687,
        "grad_norm": 1.0,
        "learning_rate": 1e-4,
        "num_tokens": 500,
        **changes,
    }


def test_a_training_line_holds_the_documented_columns(job: Job, tmp_path: Path) -> None:
    callback = make(job, tokens_before=1000)
    callback.on_step_begin(None, state(3), control())
    callback.on_step_end(arguments(tmp_path), state(3), control())
    callback.on_log(None, state(3), control(), logs=logs())
    assert job.metrics == [
        {
            "step": 3, "epoch": 0.5, "loss": 1.3, "token_accuracy": 0.687, "learning_rate": 1e-4, "grad_norm": 1.0,
            "tokens": 1500, "tokens_per_second": 500.0, "memory_bytes": 7,
        }
    ]  # fmt: skip


def test_the_trainers_last_summary_is_no_point_of_the_curve(job: Job) -> None:
    make(job).on_log(None, state(9), control(), logs={"train_runtime": 3.0, "train_loss": 1.0})
    assert job.metrics == []


def test_a_summed_loss_is_told_once(job: Job) -> None:
    callback = make(job)
    for step in range(1, 2 * SCALED_STREAK):
        callback.on_log(None, state(step), control(), logs=logs(loss=10.71))
    assert job.events == ["loss_scaled"]


def test_a_large_loss_of_the_first_steps_is_not_called_a_sum(job: Job) -> None:
    callback = make(job)
    for step in range(1, SCALED_STREAK):
        callback.on_log(None, state(step), control(), logs=logs(loss=10.71))
    callback.on_log(None, state(SCALED_STREAK), control(), logs=logs(loss=1.3))
    assert job.events == []


def test_a_gradient_that_is_no_number_ends_the_run_after_its_line_is_written(job: Job) -> None:
    with pytest.raises(InputError) as caught:
        make(job).on_log(None, state(4), control(), logs=logs(grad_norm=float("nan")))
    assert caught.value.params == {"step": 4}
    assert len(job.metrics) == 1


def test_pausing_saves_first_and_then_ends(job: Job, tmp_path: Path) -> None:
    saved: list[bool] = []
    callback, wishes = make(job, saved=saved), control()
    job.request = PauseRequested
    callback.on_step_end(arguments(tmp_path), state(6), wishes)
    assert wishes.should_save
    assert not wishes.should_training_stop
    (tmp_path / "checkpoint-6").mkdir()
    with pytest.raises(PauseRequested):
        callback.on_save(arguments(tmp_path), state(6), wishes)
    assert saved == [True]


def test_cancelling_goes_through_in_the_middle_of_a_step(job: Job) -> None:
    job.request = CancelRequested
    with pytest.raises(CancelRequested):
        make(job).on_substep_end(None, state(6), control())


@pytest.mark.parametrize("evaluated", [True, False])
def test_stopping_looks_at_the_present_state_before_it_ends(
    job: Job, tmp_path: Path, evaluated: bool
) -> None:
    job.stop = True
    wishes = control()
    make(job).on_step_end(arguments(tmp_path, evaluated), state(6), wishes)
    assert wishes.should_training_stop
    assert wishes.should_save
    assert wishes.should_evaluate is evaluated


def test_three_rises_in_a_row_are_told_once(job: Job) -> None:
    callback = make(job)
    callback.on_evaluate(None, state(4, (1.0, 1.1, 1.2)), control())
    assert job.events == []
    callback.on_evaluate(None, state(5, (1.0, 1.1, 1.2, 1.3)), control())
    callback.on_evaluate(None, state(6, (1.0, 1.1, 1.2, 1.3, 1.4)), control())
    assert job.events == ["overfitting"]


def test_patience_counts_evaluations_before_a_resume_too(job: Job) -> None:
    wishes = control()
    callback = make(job, patience=3)
    callback.on_evaluate(None, state(8, (1.0, 2.0, 1.5, 1.2)), wishes)
    assert wishes.should_training_stop
    assert callback.ended_by == "patience"


def test_patience_at_the_planned_end_is_no_early_stop(job: Job) -> None:
    callback = make(job, patience=1)
    callback.on_evaluate(None, state(100, (1.0, 2.0)), control())
    assert callback.ended_by == ""
