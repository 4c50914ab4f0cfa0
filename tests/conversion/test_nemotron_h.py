"""Dense NemotronH, Mamba layers included: bit for bit through every layout, and adapters merged as PEFT merges them.

Its files say `backbone.`, the library's view of it `model.`; what is converted keeps the names of its files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conversion.checkpoints import (
    load_folder,
    read_json_file,
    save_by_ranks,
    write_step,
    write_v1,
    write_v2,
)
from tests.conversion.test_convert import convert, prove_here  # noqa: F401
from tests.tiny_model import build_tokenizer
from workbench.paths import Workspace

Tensors = dict[str, torch.Tensor]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "in_proj"]


def to_file_name(name: str) -> str:
    """A name of the library's as NVIDIA's files have it."""
    return {
        "model.embed_tokens.weight": "backbone.embeddings.weight",
        "model.norm.weight": "backbone.norm_f.weight",
    }.get(name, name.replace("model.", "backbone.", 1))


@pytest.fixture(scope="module")
def nemotron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random dense NemotronH of four layers (Mamba, feed-forward, attention, Mamba) in bfloat16."""
    from transformers import NemotronHConfig, NemotronHForCausalLM

    folder = tmp_path_factory.mktemp("nemotron")
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(str(folder))
    torch.manual_seed(5)
    model: Any = NemotronHForCausalLM(
        NemotronHConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=96,
            layers_block_type=["mamba", "mlp", "attention", "mamba"],
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            mamba_num_heads=8,
            mamba_head_dim=16,
            ssm_state_size=16,
            n_groups=2,
            conv_kernel=4,
            use_mamba_kernels=False,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.to(torch.bfloat16).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def trained_nemotron(nemotron: Path) -> Tensors:
    trained = {name: value.float().clone() for name, value in load_folder(nemotron).items()}
    for name in trained:
        if name.endswith(("in_proj.weight", "A_log", "q_proj.weight")):
            trained[name] += 0.01
    return trained


def write_ranks(folder: Path, base: Path, tensors: Tensors) -> Path:
    save_by_ranks(tensors, write_step(folder, base) / "model", "dcp")
    return folder


def test_the_files_are_named_as_nvidias(nemotron: Path) -> None:
    names = load_folder(nemotron)
    assert "backbone.embeddings.weight" in names
    assert any(name.endswith("mixer.conv1d.weight") for name in names)
    assert read_json_file(nemotron / "config.json")["model_type"] == "nemotron_h"


@pytest.mark.parametrize("write", [write_v1, write_v2, write_ranks])
def test_every_layout_is_converted_bit_for_bit(
    write: Callable[[Path, Path, Tensors], Path],
    tmp_path: Path,
    workspace: Workspace,
    nemotron: Path,
    trained_nemotron: Tensors,
) -> None:
    source = write(tmp_path / "step_9", nemotron, trained_nemotron)
    result = convert(workspace, source, tmp_path / "out", base=str(nemotron))
    found = load_folder(tmp_path / "out")
    assert found.keys() == trained_nemotron.keys()
    for name, value in trained_nemotron.items():
        assert torch.equal(found[name], value.to(torch.bfloat16)), name
    assert set(result["proof"].values()) == {"passed"}, result["proof"]
    assert (tmp_path / "out" / "config.json").read_bytes() == (nemotron / "config.json").read_bytes()


def make_adapter(base: Path, folder: Path, **settings: Any) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    tuned: Any = get_peft_model(model, LoraConfig(target_modules=TARGETS, task_type="CAUSAL_LM", **settings))
    torch.manual_seed(3)
    for name, value in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.1)
    tuned.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"alpha_pattern": {"in_proj": 32}}])
def test_merging_equals_peft_to_the_last_bit(
    settings: dict[str, Any], tmp_path: Path, workspace: Workspace, nemotron: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = make_adapter(nemotron, tmp_path / "adapter", r=4, lora_alpha=8, **settings)
    result = convert(workspace, adapter, tmp_path / "out", to="merged", base=str(nemotron))
    model: Any = AutoModelForCausalLM.from_pretrained(nemotron, dtype=torch.bfloat16)
    merged: Any = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    wanted = {to_file_name(name): value for name, value in merged.state_dict().items()}
    found, before = load_folder(tmp_path / "out"), load_folder(nemotron)
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        assert torch.equal(value, wanted[name].to(value.dtype)), name
    changed = {
        name.rsplit(".", 2)[-2] for name, value in found.items() if not torch.equal(value, before[name])
    }
    assert changed == set(TARGETS)
    assert result["proof"]["answers"] == "passed"
