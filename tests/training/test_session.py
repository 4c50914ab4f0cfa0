"""Whole runs on a random model of two layers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.training.support import (
    SteppedJob,
    chat_row,
    chat_rows,
    curve,
    event_codes,
    events_of,
    make_job,
    metrics_of,
    read_lines,
    tiny_settings,
    write_rows,
)
from workbench.errors import InputError, ResourceError
from workbench.jobs import CancelRequested, JobStore, PauseRequested
from workbench.paths import Workspace
from workbench.schemas.training import LoraSettings, SFTSettings
from workbench.training.plan import plan_training
from workbench.training.run import run

pytestmark = pytest.mark.slow


def train(settings: SFTSettings, job: SteppedJob) -> dict[str, Any]:
    try:
        return run(settings.model_dump(mode="json"), job)
    finally:
        job.close()


def adapter_bytes(result: dict[str, Any]) -> bytes:
    return (Path(result["path"]) / "adapter_model.safetensors").read_bytes()


def test_a_run_leaves_an_adapter_with_its_lineage(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    settings = tiny_settings(tiny_model, tmp_path, name="mine")
    job = make_job(workspace)
    result = train(settings, job)
    artifact = job.artifacts.get(result["artifact"])
    names = {entry.path for entry in artifact.files}
    assert {
        "adapter_config.json",
        "adapter_model.safetensors",
        "tokenizer.json",
        "training_summary.json",
    } <= names
    assert not any(name.endswith((".bin", ".pt", ".pth", ".md")) for name in names)
    assert artifact.name == "mine"
    assert [ref.id for ref in artifact.inputs] == [settings.train_file, settings.eval_file, str(tiny_model)]
    assert artifact.details["base_model"] == str(tiny_model)
    assert artifact.numbers["steps"] == result["steps"] == 10
    summary = json.loads((Path(result["path"]) / "training_summary.json").read_text())
    assert summary["proof"]["keys_shapes_values"] == "passed"
    assert summary["rows"]["trained_tokens"] < summary["rows"]["tokens"]
    assert summary["losses"]["eval_best"] == result["eval_loss"]


def test_every_step_is_on_the_curve_with_every_number(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    job = make_job(workspace)
    train(tiny_settings(tiny_model, tmp_path), job)
    lines = metrics_of(job)
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 11))
    expected = {
        "step",
        "epoch",
        "loss",
        "token_accuracy",
        "learning_rate",
        "grad_norm",
        "tokens",
        "tokens_per_second",
        "memory_bytes",
    }
    assert all(expected <= line.keys() for line in lines if "loss" in line)
    assert [line["step"] for line in lines if "eval_loss" in line] == [5, 10]
    assert all("eval_token_accuracy" in line for line in lines if "eval_loss" in line)
    tokens = list(curve(job, "tokens").values())
    assert tokens == sorted(tokens)
    assert tokens[0] > 0


@pytest.mark.parametrize(
    "changes", [{}, {"gradient_accumulation_steps": 3, "max_steps": 12, "eval_steps": 4}]
)
def test_a_run_paused_and_resumed_ends_as_one_that_ran_through(
    workspace: Workspace, tiny_model: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    settings = tiny_settings(tiny_model, tmp_path, **changes)
    whole = make_job(workspace, job_id="whole")
    through = train(settings, whole)
    paused = make_job(workspace, job_id="paused", asked=(7, "pause"))
    with pytest.raises(PauseRequested):
        train(settings, paused)
    assert max(curve(paused, "loss")) == 7
    resumed = make_job(workspace, job_id="paused")
    result = train(settings, resumed)
    assert adapter_bytes(result) == adapter_bytes(through)
    assert curve(resumed, "loss") == curve(whole, "loss")
    assert curve(resumed, "eval_loss") == curve(whole, "eval_loss")
    assert curve(resumed, "tokens") == curve(whole, "tokens")
    assert result["train_loss"] == through["train_loss"]
    assert [event["params"] for event in events_of(resumed) if event["code"] == "resumed"] == [{"step": 7}]


def test_a_worker_killed_and_resumed_ends_with_the_same_loss(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    settings = tiny_settings(tiny_model, tmp_path, max_steps=48, eval_steps=5)
    whole = make_job(workspace, job_id="whole")
    through = train(settings, whole)
    # the threads of this process, so that the same sums are added up in the same order
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    store = JobStore(workspace, environ=environ)
    record = store.submit("train", "killed", settings)
    metrics = Path(record.folder) / "metrics.jsonl"
    give_up = time.monotonic() + 600
    while not any(line["step"] > 18 for line in read_whole_lines(metrics)):
        assert time.monotonic() < give_up, (Path(record.folder) / "log.txt").read_text()
        time.sleep(0.02)
    os.kill(store.get(record.spec.id).status.pid, signal.SIGKILL)
    while store.get(record.spec.id).status.state == "running":
        assert time.monotonic() < give_up
        time.sleep(0.05)
    assert store.get(record.spec.id).status.state == "failed"
    store.resume(record.spec.id)
    ended = store.wait(record.spec.id, timeout=600)
    assert ended.status.state == "succeeded", (Path(record.folder) / "log.txt").read_text()
    assert ended.result is not None
    assert adapter_bytes(ended.result) == adapter_bytes(through)
    last = {line["step"]: line["loss"] for line in read_lines(metrics) if "loss" in line}
    assert last == curve(whole, "loss")


def read_whole_lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_a_half_written_checkpoint_is_passed_over(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    settings = tiny_settings(tiny_model, tmp_path, eval_steps=3)
    through = train(settings, make_job(workspace, job_id="whole"))
    first = make_job(workspace, job_id="cut", asked=(8, "pause"))
    with pytest.raises(PauseRequested):
        train(settings, first)
    newest = first.work_dir / "checkpoints" / "checkpoint-8"
    data = (newest / "optimizer.pt").read_bytes()
    (newest / "optimizer.pt").write_bytes(data[: len(data) // 2])
    resumed = make_job(workspace, job_id="cut")
    result = train(settings, resumed)
    assert adapter_bytes(result) == adapter_bytes(through)
    assert [e["params"] for e in events_of(resumed) if e["code"] == "resumed"] == [{"step": 6}]
    assert "checkpoint_dropped" in event_codes(resumed)


def test_a_run_killed_after_its_last_step_only_needs_saving(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    settings = tiny_settings(tiny_model, tmp_path)
    first = make_job(workspace)
    through = train(settings, first)
    before = len(metrics_of(first))
    shutil.rmtree(through["path"] + "-kept", ignore_errors=True)
    again = make_job(workspace)
    result = train(settings, again)
    assert adapter_bytes(result) == adapter_bytes(through)
    assert len(metrics_of(again)) == before
    assert result["steps"] == 10
    assert result["train_loss"] == through["train_loss"]


def test_stop_and_keep_the_best_succeeds_with_the_best_state(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    job = make_job(workspace, asked=(7, "stop"))
    result = train(tiny_settings(tiny_model, tmp_path), job)
    assert result["stopped_early"]
    assert job.stopped_early
    assert result["steps"] == 7
    assert sorted(curve(job, "eval_loss")) == [5, 7]
    assert result["eval_loss"] == min(curve(job, "eval_loss").values())


def test_cancel_leaves_no_adapter(workspace: Workspace, tiny_model: Path, tmp_path: Path) -> None:
    job = make_job(workspace, asked=(4, "cancel"))
    with pytest.raises(CancelRequested):
        train(tiny_settings(tiny_model, tmp_path), job)
    assert job.artifacts.list() == []
    assert list(workspace.artifacts.iterdir()) == []


def test_early_stopping_ends_the_run_and_says_so(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    # the evaluation rows contradict the training rows, so that every step makes them less likely
    good = write_rows(tmp_path / "good.jsonl", [chat_row("質問", "はい。" * 8)] * 16)
    bad = write_rows(tmp_path / "bad.jsonl", [chat_row("質問", "0 1 2 3 4 5 6 7 8 9")] * 4)
    job = make_job(workspace)
    settings = tiny_settings(
        tiny_model, tmp_path, train_file=str(good), eval_file=str(bad), max_steps=60, eval_steps=2,
        learning_rate=1e-2, early_stopping_patience=4, lora=LoraSettings(r=16, lora_dropout=0.0),
    )  # fmt: skip
    result = train(settings, job)
    assert result["stopped_early"]
    assert result["steps"] < 60
    assert {"stopped_by_patience", "overfitting"} <= set(event_codes(job))
    assert result["eval_loss"] == min(curve(job, "eval_loss").values())


def test_a_loss_that_is_no_number_ends_the_run(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-model"
    shutil.copytree(tiny_model, broken)
    poison(broken / "model.safetensors")
    job = make_job(workspace)
    with pytest.raises(InputError) as caught:
        train(tiny_settings(broken, tmp_path), job)
    assert caught.value.code == "train_loss_not_finite"
    assert "loss_not_finite" in event_codes(job)
    assert job.artifacts.list() == []


def poison(path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(str(path))
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], float("nan"))
    save_file(tensors, str(path), metadata={"format": "pt"})


def test_out_of_memory_names_the_cheapest_fix(
    workspace: Workspace, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.training import session

    def refuse(*_: object) -> None:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: ..."
        )

    monkeypatch.setattr(session, "_train", refuse)
    job = make_job(workspace)
    with pytest.raises(ResourceError) as caught:
        train(tiny_settings(tiny_model, tmp_path), job)
    assert caught.value.code == "train_memory_batch"
    assert caught.value.params == {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2}


def test_packing_trains_on_fewer_longer_sequences(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    job = make_job(workspace)
    settings = tiny_settings(tiny_model, tmp_path, packing=True, max_steps=-1, eval_steps=2)
    result = train(settings, job)
    assert result["steps"] < 12
    assert result["eval_loss"] > 0


def test_losses_are_those_of_the_same_script_by_hand(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    job = make_job(workspace)
    settings = tiny_settings(tiny_model, tmp_path, max_steps=26)
    train(settings, job)
    by_hand = train_by_hand(settings, tmp_path / "by-hand")
    assert curve(job, "loss") == {step: loss for step, (loss, _) in by_hand.items()}
    assert len(by_hand) == 26
    assert curve(job, "grad_norm") == {step: norm for step, (_, norm) in by_hand.items()}


def train_by_hand(settings: SFTSettings, output: Path) -> dict[int, tuple[float, float]]:
    """Loss and gradient norm per step of a plain TRL script on the file's conversations."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    def conversations(path: str) -> Dataset:
        rows = [json.loads(line)["messages"] for line in Path(path).read_text().splitlines()]
        return Dataset.from_list([{"prompt": row[:-1], "completion": row[-1:]} for row in rows])

    trainer = SFTTrainer(
        model=settings.model,
        args=SFTConfig(
            output_dir=str(output), max_steps=26, per_device_train_batch_size=2, learning_rate=1e-3,
            lr_scheduler_type="cosine", warmup_steps=0.03, max_length=256, logging_steps=1, bf16=False,
            activation_checkpointing=False, use_cpu=True, optim="adamw_torch", dataloader_pin_memory=False,
            train_sampling_strategy="group_by_length", save_strategy="no",
            eval_strategy="steps", eval_steps=5, seed=42, disable_tqdm=True,
        ),
        train_dataset=conversations(settings.train_file),
        eval_dataset=conversations(settings.eval_file),
        peft_config=LoraConfig(
            r=4, lora_alpha=8, lora_dropout=0.1, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )  # fmt: skip
    trainer.train()
    return {e["step"]: (e["loss"], e["grad_norm"]) for e in trainer.state.log_history if "loss" in e}


def test_rows_that_cannot_be_used_are_told_and_the_others_trained(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    rows = [*chat_rows(8), chat_row("質問", "  "), {"text": "x"}, chat_row("長い" * 400, "はい。")]
    job = make_job(workspace)
    path = write_rows(tmp_path / "mixed.jsonl", rows)
    result = train(tiny_settings(tiny_model, tmp_path, train_file=str(path), max_steps=2, eval_file=""), job)
    assert result["eval_loss"] is None
    told = {event["code"]: event["params"] for event in events_of(job)}
    assert told["rows_skipped_empty_answer"] == {"file": "mixed.jsonl", "count": 1, "rows": "9"}
    assert told["rows_skipped_no_fields"]["rows"] == "10"
    assert told["rows_masked"]["rows"] == "11"


def test_rows_to_rehearse_are_trained_beside_the_others(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    rehearsal = write_rows(tmp_path / "rehearsal.jsonl", [*chat_rows(5, start=200), {"text": "x"}])
    settings = tiny_settings(
        tiny_model, tmp_path, rehearsal_file=str(rehearsal), max_steps=-1, num_train_epochs=1
    )
    plan = plan_training(settings)
    job = make_job(workspace)
    result = train(settings, job)
    summary = json.loads((Path(result["path"]) / "training_summary.json").read_text())
    assert summary["rows"]["train"] == plan.rows.rows == 24 + 5
    assert result["steps"] == plan.steps
    told = {event["code"]: event["params"] for event in events_of(job)}
    assert told["rows_skipped_no_fields"] == {"file": "rehearsal.jsonl", "count": 1, "rows": "6"}
    assert str(rehearsal) in [ref.id for ref in job.artifacts.get(result["artifact"]).inputs]


def test_targets_that_match_nothing_are_refused_with_the_names_that_would(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    settings = tiny_settings(tiny_model, tmp_path, lora=LoraSettings(target_modules=("in_proj",)))
    with pytest.raises(InputError) as caught:
        train(settings, make_job(workspace))
    assert caught.value.code == "train_targets_missing"
    assert "q_proj" in str(caught.value.params["known"])
