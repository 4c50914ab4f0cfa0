"""The outlook on a run: pure arithmetic over headers and rows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.support import chat_rows, tiny_settings, write_rows
from workbench.errors import WorkbenchError
from workbench.schemas.training import LoraSettings
from workbench.training.coverage import measure_coverage
from workbench.training.memory import Load, Shape, estimate_parts, find_fix, suggest_fix, total
from workbench.training.plan import RowStats, choose_compute, count_steps, plan_training, training_bytes
from workbench.training.weights import TensorInfo

BIG = Shape(8_888_227_328, 18_060_000, 56, 4480, 15680, 131072)


def linear(name: str, rows: int, columns: int) -> TensorInfo:
    return TensorInfo(f"{name}.weight", (rows, columns), "BF16", rows * columns * 2)


def test_planning_never_loads_torch(tiny_model: Path, tmp_path: Path, repo_root: Path) -> None:
    settings = tiny_settings(tiny_model, tmp_path)
    code = (
        "import sys, json\n"
        "from workbench.training.plan import training_bytes\n"
        "from workbench.schemas.training import SFTSettings\n"
        "print(training_bytes(SFTSettings(**json.loads(sys.argv[1]))))\n"
        "bad = {'torch', 'transformers', 'trl', 'peft', 'datasets'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, settings.model_dump_json()],
        cwd=repo_root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == training_bytes(settings)


def test_lora_bytes_of_a_nine_billion_model_follow_the_table() -> None:
    # 17.78 GB of weights, 0.07 of gradients, 0.22 of adapter and moments, about 3 of activations, 1.5 of overhead
    parts = estimate_parts(BIG, Load(1, 4096, True, "cuda", 2))
    assert parts["weights"] + parts["optimizer"] == pytest.approx(17.78e9 + 0.22e9, rel=0.01)
    assert parts["gradients"] == pytest.approx(0.07e9, rel=0.05)
    assert parts["activations"] == pytest.approx(3.06e9, rel=0.02)
    assert total(parts) == pytest.approx(22.6e9, rel=0.03)


def test_without_checkpointing_every_block_is_kept() -> None:
    kept = estimate_parts(BIG, Load(1, 1024, False, "cuda", 2))["activations"]
    checkpointed = estimate_parts(BIG, Load(1, 1024, True, "cuda", 2))["activations"]
    assert kept > 5 * checkpointed


def test_fp32_takes_twice_the_weights() -> None:
    small = estimate_parts(BIG, Load(1, 128, False, "cpu", 4))
    half = estimate_parts(BIG, Load(1, 128, False, "cpu", 2))
    adapter = 4 * BIG.adapter
    assert small["weights"] - adapter == 2 * (half["weights"] - adapter)


def test_the_cheapest_fix_is_fewer_rows_with_the_same_result() -> None:
    load = Load(8, 2048, True, "cuda", 2)
    needed = total(estimate_parts(BIG, load))
    fix = find_fix(BIG, load, 2, needed - 1_000_000_000)
    assert fix is not None
    assert fix.code == "batch"
    assert set(fix.changes) == {"per_device_train_batch_size", "gradient_accumulation_steps"}
    rows, passes = fix.changes.values()
    assert int(rows) * int(passes) == 8 * 2
    assert fix.saved > 1_000_000_000


def test_with_one_row_checkpointing_comes_next_and_then_the_length() -> None:
    load = Load(1, 4096, False, "cuda", 2)
    weights = total(estimate_parts(BIG, Load(1, 1, True, "cuda", 2)))
    first = find_fix(BIG, load, 8, weights + 4_000_000_000)
    second = find_fix(BIG, load, 8, weights + 1_000_000_000)
    third = find_fix(BIG, load, 8, weights // 2)
    assert first is not None
    assert first.code == "checkpointing"
    assert second is not None
    assert second.code == "length"
    assert second.changes == {"gradient_checkpointing": "on", "max_length": 512}
    assert third is not None
    assert third.code == "smaller_model"
    assert not third.changes


def test_checkpointing_and_fewer_rows_together_come_before_shorter_rows() -> None:
    load = Load(8, 4096, False, "cuda", 2)
    fits = total(estimate_parts(BIG, Load(2, 4096, True, "cuda", 2)))
    assert total(estimate_parts(BIG, Load(1, 4096, False, "cuda", 2))) > fits
    fix = find_fix(BIG, load, 1, fits)
    assert fix is not None
    assert fix.code == "checkpointing"
    assert fix.changes == {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 4,
        "gradient_checkpointing": "on",
    }


def test_with_the_changes_it_names_a_run_fits() -> None:
    load = Load(8, 4096, False, "cuda", 2)
    needed = total(estimate_parts(BIG, load))
    found: set[str] = set()
    for budget in range(2_000_000_000, needed, 1_000_000_000):
        fix = find_fix(BIG, load, 1, budget)
        assert fix is not None
        changed = replace(
            load,
            batch=int(fix.changes.get("per_device_train_batch_size", load.batch)),
            checkpointing=load.checkpointing or "gradient_checkpointing" in fix.changes,
            length=int(fix.changes.get("max_length", load.length)),
        )
        left = total(estimate_parts(BIG, changed))
        assert fix.saved == needed - left
        assert (left <= budget) == (fix.code != "smaller_model")
        found.add(fix.code)
    assert found == {"batch", "checkpointing", "length", "smaller_model"}


def test_a_run_that_fits_needs_no_fix() -> None:
    assert find_fix(BIG, Load(1, 128, True, "cuda", 2), 8, 10**12) is None


def test_after_running_out_of_memory_the_next_cheapest_step_is_named() -> None:
    rows = suggest_fix(Load(4, 1024, False, "cpu", 4), 3)
    assert rows.changes == {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 6}
    assert suggest_fix(Load(1, 1024, False, "cpu", 4), 8).code == "checkpointing"
    assert suggest_fix(Load(1, 1024, True, "cpu", 4), 8).changes == {"max_length": 512}
    assert suggest_fix(Load(1, 256, True, "cpu", 4), 8).code == "smaller_model"


# ---- coverage


LAYER = (
    linear("model.layers.0.self_attn.q_proj", 64, 64),
    linear("model.layers.0.mlp.up_proj", 128, 64),
    TensorInfo("model.layers.0.input_layernorm.weight", (64,), "BF16", 128),
)
OUTER = (linear("model.embed_tokens", 1000, 64), linear("lm_head", 1000, 64))


def test_both_denominators_are_counted() -> None:
    coverage = measure_coverage((*LAYER, *OUTER), "llama", LoraSettings(r=4, target_modules=("q_proj",)))
    assert coverage.covered == 64 * 64
    assert coverage.body == 64 * 64 + 128 * 64 + 64
    assert coverage.total == coverage.body + 2 * 1000 * 64
    assert coverage.of_all < coverage.of_body < 1
    assert coverage.adapter == 4 * (64 + 64)


def test_all_linear_leaves_out_embeddings_and_head() -> None:
    assert measure_coverage((*LAYER, *OUTER), "llama", LoraSettings()).names == ("q_proj", "up_proj")


def test_names_that_match_nothing_are_told() -> None:
    lora = LoraSettings(target_modules=("q_proj", "gate_proj"))
    assert measure_coverage(LAYER, "llama", lora).missing == ("gate_proj",)


def test_modules_that_refuse_an_adapter_are_not_counted() -> None:
    mixer = (
        linear("backbone.layers.0.mixer.in_proj", 100, 64),
        linear("backbone.layers.0.mixer.out_proj", 64, 100),
    )
    assert measure_coverage(mixer, "nemotron_h", LoraSettings()).names == ("in_proj",)
    assert measure_coverage(mixer, "llama", LoraSettings()).names == ("in_proj", "out_proj")


def test_experts_are_in_the_denominator_only() -> None:
    experts = (linear("model.layers.0.mlp.experts.0.up_proj", 128, 64),)
    coverage = measure_coverage((*LAYER, *experts), "mixtral", LoraSettings())
    assert coverage.modules == 2
    assert coverage.total == sum(tensor.numel for tensor in (*LAYER, *experts))


def test_coverage_is_what_peft_adapts(tiny_model: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    plan = plan_training(tiny_settings(tiny_model, tmp_path, lora=LoraSettings(r=8)))
    base: Any = AutoModelForCausalLM.from_pretrained(str(tiny_model))
    wrapped: Any = get_peft_model(base, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    trainable = [p for p in wrapped.parameters() if p.requires_grad]
    assert plan.coverage.adapter == sum(p.numel() for p in trainable)
    assert 2 * plan.coverage.modules == len(trainable)


# ---- rows, steps, choices


def test_steps_are_those_that_the_trainer_counts(tiny_model: Path, tmp_path: Path) -> None:
    rows = RowStats(25, 30.0, 40, 0.0)
    settings = tiny_settings(
        tiny_model, tmp_path, max_steps=-1, num_train_epochs=2,
        per_device_train_batch_size=4, gradient_accumulation_steps=3,
    )  # fmt: skip
    # 7 batches an epoch make 3 steps, the last one of a single batch
    assert count_steps(settings, rows, packing=False) == 6
    assert count_steps(settings.model_copy(update={"max_steps": 5}), rows, packing=False) == 5


def test_rows_are_measured_in_the_models_tokens(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    settings = tiny_settings(tiny_model, tmp_path)
    tokenizer: Any = AutoTokenizer.from_pretrained(str(tiny_model))
    lines = Path(settings.train_file).read_text().splitlines()
    lengths = [
        len(tokenizer.apply_chat_template(json.loads(line)["messages"], return_dict=True)["input_ids"])
        for line in lines
    ]
    rows = plan_training(settings).rows
    assert rows.rows == len(lines)
    assert rows.longest == pytest.approx(max(lengths), rel=0.35)
    assert rows.mean == pytest.approx(sum(lengths) / len(lengths), rel=0.35)


def test_the_longest_row_decides_even_if_it_is_alone(tiny_model: Path, tmp_path: Path) -> None:
    rows = chat_rows(1000)
    rows[501] = {"prompt": "質問:", "completion": "長い" * 2000}
    path = write_rows(tmp_path / "many.jsonl", rows)
    settings = tiny_settings(tiny_model, tmp_path, train_file=str(path), max_length=8192)
    assert plan_training(settings).rows.longest > 2000


def test_a_budget_gives_a_verdict(tiny_model: Path, tmp_path: Path) -> None:
    settings = tiny_settings(tiny_model, tmp_path)
    need = training_bytes(settings)
    verdicts = [
        plan_training(settings, budget=budget).verdict for budget in (0, need // 2, need + 1, 10 * need)
    ]
    assert verdicts == ["unknown", "too_big", "tight", "fits"]


def test_auto_takes_the_fast_choice_of_each_device(tiny_model: Path, tmp_path: Path) -> None:
    settings = tiny_settings(tiny_model, tmp_path)
    assert choose_compute(settings, "cpu")[1:] == ("fp32", False)
    assert choose_compute(settings, "cuda")[1:] == ("bf16", True)
    forced = settings.model_copy(update={"precision": "bf16", "gradient_checkpointing": "on"})
    assert choose_compute(forced, "cpu")[1:] == ("bf16", True)


def test_an_unusable_model_is_refused_before_anything_starts(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path / "none", tmp_path)
    with pytest.raises(WorkbenchError) as caught:
        training_bytes(settings)
    assert caught.value.code == "model_folder_missing"
