"""A merged adapter has the very numbers of PEFT's own merge; what cannot be merged is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conversion.checkpoints import load_folder
from tests.conversion.test_convert import base, convert, prove_here, workspace  # noqa: F401
from workbench.conversion.detect import detect
from workbench.errors import InputError
from workbench.paths import Workspace

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"r": 4, "lora_alpha": 8},
    "rank_stabilised": {"r": 4, "lora_alpha": 8, "use_rslora": True},
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "rank_pattern": {"q_proj": 8, r"layers\.1\.mlp\.up_proj": 2},
        "alpha_pattern": {"v_proj": 32, r"layers\.0\.self_attn\.q_proj": 3},
    },
}


def make_adapter(base: Path, folder: Path, **settings: Any) -> Path:  # noqa: F811
    """An adapter with random matrices, as PEFT saves it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    tuned: Any = get_peft_model(model, LoraConfig(target_modules=LINEAR, task_type="CAUSAL_LM", **settings))
    torch.manual_seed(3)
    for name, value in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.1)
    tuned.save_pretrained(folder)
    return folder


def merge_by_peft(base: Path, adapter: Path) -> dict[str, torch.Tensor]:  # noqa: F811
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    merged: Any = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return dict(merged.state_dict())


@pytest.mark.parametrize("name", SETTINGS)
def test_merging_equals_peft_to_the_last_bit(
    name: str,
    tmp_path: Path,
    workspace: Workspace,  # noqa: F811
    base: Path,  # noqa: F811
) -> None:
    adapter = make_adapter(base, tmp_path / "adapter", **SETTINGS[name])
    assert detect(adapter).layout == "peft"
    result = convert(workspace, adapter, tmp_path / "out", to="merged", base=str(base))
    wanted, found = merge_by_peft(base, adapter), load_folder(tmp_path / "out")
    assert all(torch.equal(found[key], wanted[key]) for key in found)
    assert found.keys() == wanted.keys()
    assert result["proof"]["answers"] == "passed"
    assert result["proof"]["differs"] == "passed"


def change_settings(adapter: Path, **changes: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"use_dora": True},
        {"lora_bias": True},
        {"modules_to_save": ["lm_head"]},
        {"trainable_token_indices": [1]},
        {"layer_replication": [[0, 1]]},
        {"bias": "all"},
        {"peft_type": "IA3"},
    ],
)
def test_what_a_sum_cannot_express_is_refused_by_name(
    changes: dict[str, Any],
    tmp_path: Path,
    workspace: Workspace,  # noqa: F811
    base: Path,  # noqa: F811
) -> None:
    adapter = make_adapter(base, tmp_path / "adapter", r=4, lora_alpha=8)
    change_settings(adapter, **changes)
    with pytest.raises(InputError) as raised:
        convert(workspace, adapter, tmp_path / "out", to="merged", base=str(base))
    assert raised.value.code == "adapter_unsupported"
    name = "IA3" if "peft_type" in changes else next(iter(changes))
    assert name in str(raised.value.params["name"])


def test_a_wrong_base_is_told(
    tmp_path: Path,
    workspace: Workspace,  # noqa: F811
    base: Path,  # noqa: F811
) -> None:
    from safetensors.torch import load_file, save_file

    adapter = make_adapter(base, tmp_path / "adapter", r=4, lora_alpha=8)
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    save_file(
        {name: value[:, :-1].contiguous() if "lora_A" in name else value for name, value in tensors.items()},
        path,
    )
    with pytest.raises(InputError) as raised:
        convert(workspace, adapter, tmp_path / "out", to="merged", base=str(base))
    assert raised.value.code == "adapter_shape"
    save_file({name.replace("layers", "blocks"): value for name, value in tensors.items()}, path)
    with pytest.raises(InputError) as raised:
        convert(workspace, adapter, tmp_path / "out", to="merged", base=str(base))
    assert raised.value.code == "adapter_no_target"


def test_an_adapter_without_a_base_and_a_model_as_an_adapter_are_refused(
    tmp_path: Path,
    workspace: Workspace,  # noqa: F811
    base: Path,  # noqa: F811
) -> None:
    adapter = make_adapter(base, tmp_path / "adapter", r=4, lora_alpha=8)
    cases: list[tuple[str, Path, dict[str, Any]]] = [
        ("base_needed", adapter, {"to": "merged"}),
        ("adapter_not_model", adapter, {"to": "safetensors", "base": str(base)}),
        ("not_an_adapter", base, {"to": "merged", "base": str(base)}),
    ]
    for code, source, options in cases:
        with pytest.raises(InputError) as raised:
            convert(workspace, source, tmp_path / "out", **options)
        assert raised.value.code == code
