from dataclasses import replace
from pathlib import Path

from workbench.training.coverage import Coverage
from workbench.training.memory import Fix
from workbench.training.models import describe_model
from workbench.training.plan import MemoryPlan, RowStats
from workbench.ui.views.planning import render_consent, render_model, render_plan

GB = 2**30
PLAN = MemoryPlan(
    parts={"weights": 18 * GB, "activations": 8 * GB, "optimizer": GB, "overhead": GB},
    device="cuda",
    precision="bf16",
    checkpointing=True,
    packing=False,
    budget=100 * GB,
    fix=None,
    coverage=Coverage(
        modules=10, names=("q_proj",), missing=(), covered=420, total=1000, body=868, adapter=50
    ),
    rows=RowStats(rows=1100, mean=400.0, longest=900, too_long=0.0),
    eval_rows=50,
    steps=138,
    tokens=440_000,
    disk_bytes=3 * GB,
    adapter_bytes=GB,
)


def test_the_outlook_tells_memory_steps_and_both_denominators() -> None:
    html = render_plan(PLAN, 90 * GB, "ja")
    for part in ("28 GB", "100 GB", "138 ステップ", "42.0 %", "48.4 %", "GPU"):
        assert part in html
    assert "wv-box" not in html


def test_a_run_that_does_not_fit_names_the_cheapest_way_out() -> None:
    changes = {"per_device_train_batch_size": 2, "gradient_checkpointing": "on"}
    tight = replace(PLAN, budget=20 * GB, fix=Fix("checkpointing", changes, 9 * GB))
    html = render_plan(tight, 20 * GB, "ja")
    assert "足りません" in html
    # as the form names the fields and the choice
    assert "「一度に読む行数」を 2、「勾配チェックポイント」を 使う（on）" in html
    assert "9.0 GB" in html
    english = render_plan(tight, 20 * GB, "en")
    assert "&quot;Rows per pass&quot; to 2, &quot;Gradient checkpointing&quot; to on" in english
    too_large = replace(PLAN, budget=20 * GB, fix=Fix("smaller_model"))
    assert "もっと小さいモデル" in render_plan(too_large, 20 * GB, "ja")


def test_a_run_that_must_wait_for_another_says_so() -> None:
    assert "空くまで待って" in render_plan(PLAN, 10 * GB, "ja")


def test_rows_that_lose_their_end_are_pointed_out() -> None:
    cut = replace(PLAN, rows=RowStats(rows=1100, mean=400.0, longest=9000, too_long=0.2))
    assert "20.0 %" in render_plan(cut, 90 * GB, "ja")


def test_a_layer_that_the_model_lacks_is_pointed_out() -> None:
    missing = replace(PLAN, coverage=replace(PLAN.coverage, missing=("gate_proj",)))
    assert "gate_proj" in render_plan(missing, 90 * GB, "ja")


def test_a_model_and_its_own_program_are_described_and_escaped(tiny_model: Path) -> None:
    info = describe_model(tiny_model)
    assert info.architecture in render_model(info, "ja")
    risky = replace(info, needs_remote_code=True, code_files=("<b>.py",))
    html = render_consent(risky, "ja")
    assert "&lt;b&gt;.py" in html
