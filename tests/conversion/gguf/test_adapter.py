"""An adapter's matrices arrive so that llama.cpp's one factor for all gives PEFT's sum for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conversion.checkpoints import load_folder
from tests.conversion.gguf.models import ADAPTERS, save_adapter
from tests.conversion.gguf.support import read_settings, read_tensors, read_types, write
from tests.conversion.gguf.test_model import expect
from workbench.errors import InputError

Find = Callable[[str], Path]
FindAdapter = Callable[[str, str], Path]
ARCHITECTURES = ["llama", "qwen3", "nemotron_h"]


def sum_by_peft(base: Path, adapter: Path) -> dict[str, torch.Tensor]:
    """The base's weights with the adapter merged in by PEFT in float32, under the names of the base's files."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged: Any = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    found = {name: value.detach() for name, value in merged.state_dict().items()}
    if "backbone.embeddings.weight" in load_folder(base):
        found = {
            name if name == "lm_head.weight" else name.replace("model.", "backbone.", 1): value
            for name, value in found.items()
        }
    return {name: found[name] for name in load_folder(base)}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("kind", ADAPTERS)
def test_base_plus_scaled_product_is_what_peft_merges(
    name: str, kind: str, models: Find, adapters: FindAdapter, tmp_path: Path
) -> None:
    base, adapter = models(name), adapters(name, kind)
    path = write(adapter, tmp_path, to="gguf-adapter", base=str(base))
    pairs, settings = read_tensors(path), read_settings(path)
    before, after = expect(name, load_folder(base)), expect(name, sum_by_peft(base, adapter))
    alpha = settings["adapter.lora.alpha"]
    touched = {key.removesuffix(".lora_a") for key in pairs if key.endswith(".lora_a")}
    assert touched == {key for key in before if not torch.equal(before[key], after[key])}
    for key in touched:
        a, b = pairs[f"{key}.lora_a"], pairs[f"{key}.lora_b"]
        product = (b @ a) * (alpha / a.shape[0])
        assert torch.allclose(before[key] + product, after[key], atol=2e-6, rtol=1e-5), key


def test_a_plain_adapter_is_written_as_it_is(models: Find, adapters: FindAdapter, tmp_path: Path) -> None:
    adapter = adapters("qwen3", "plain")
    path = write(adapter, tmp_path, to="gguf-adapter", base=str(models("qwen3")))
    stored = load_file(adapter / "adapter_model.safetensors")
    prefix = "base_model.model.model.layers.1.self_attn.q_proj.lora_"
    found = read_tensors(path)
    assert torch.equal(found["blk.1.attn_q.weight.lora_a"], stored[f"{prefix}A.weight"])
    assert torch.equal(found["blk.1.attn_q.weight.lora_b"], stored[f"{prefix}B.weight"])
    settings = read_settings(path)
    assert (settings["general.type"], settings["adapter.type"]) == ("adapter", "lora")
    assert (settings["general.architecture"], settings["adapter.lora.alpha"]) == ("qwen3", 8.0)
    assert set(read_types(path).values()) == {"F32"}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_is_merged_on_the_fly_without_rounding_twice(
    kind: str, models: Find, adapters: FindAdapter, tmp_path: Path
) -> None:
    base, adapter = models("llama"), adapters("llama", kind)
    found = read_tensors(write(adapter, tmp_path, to="gguf", dtype="f32", base=str(base)))
    wanted = expect("llama", sum_by_peft(base, adapter))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_a_merged_sum_over_a_bfloat16_base_keeps_its_bits_in_float32(tmp_path: Path) -> None:
    from tests.conversion.gguf.models import build_llama, save_model

    base = save_model(tmp_path / "base", build_llama, torch.bfloat16)
    adapter = save_adapter(base, tmp_path / "adapter", **ADAPTERS["plain"])
    found = read_tensors(write(adapter, tmp_path / "out", to="gguf", dtype="f32", base=str(base)))
    wanted = expect("llama", sum_by_peft(base, adapter))
    assert torch.equal(found["blk.0.ffn_up.weight"], wanted["blk.0.ffn_up.weight"])
    assert not torch.equal(wanted["blk.0.ffn_up.weight"], wanted["blk.0.ffn_up.weight"].bfloat16().float())


def change(adapter: Path, folder: Path, **settings: Any) -> Path:
    import shutil

    shutil.copytree(adapter, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


@pytest.mark.parametrize(
    "settings",
    [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}, {"fan_in_fan_out": True}],
)
def test_what_a_pair_of_matrices_cannot_express_is_refused_by_name(
    settings: dict[str, Any], models: Find, adapters: FindAdapter, tmp_path: Path
) -> None:
    changed = change(adapters("llama", "plain"), tmp_path / "changed", **settings)
    with pytest.raises(InputError) as raised:
        write(changed, tmp_path / "out", to="gguf-adapter", base=str(models("llama")))
    if "fan_in_fan_out" in settings:
        assert raised.value.code in ("adapter_shape", "adapter_unsupported")
    else:
        assert raised.value.code == "adapter_unsupported"
        assert next(iter(settings)) in str(raised.value.params["name"])


def test_an_adapter_of_the_head_is_refused_where_the_head_is_the_embedding(
    models: Find, adapters: FindAdapter, tmp_path: Path
) -> None:
    changed = change(adapters("qwen3", "plain"), tmp_path / "changed")
    path = changed / "adapter_model.safetensors"
    extra = {"A": torch.ones(4, 64), "B": torch.ones(512, 4)}
    head = {f"base_model.model.lm_head.lora_{part}.weight": value for part, value in extra.items()}
    save_file({**load_file(path), **head}, path)
    with pytest.raises(InputError) as raised:
        write(changed, tmp_path / "out", to="gguf-adapter", base=str(models("qwen3")))
    assert raised.value.code == "adapter_no_target"


def test_a_wrong_base_a_missing_one_and_types_for_models_are_refused(
    models: Find, adapters: FindAdapter, tmp_path: Path
) -> None:
    adapter = adapters("llama", "plain")
    cases: list[tuple[str, Path, dict[str, Any]]] = [
        ("adapter_shape", adapter, {"base": str(models("qwen3"))}),
        ("base_needed", adapter, {}),
        ("not_an_adapter", models("llama"), {"base": str(models("llama"))}),
        ("adapter_dtype", adapter, {"base": str(models("llama")), "dtype": "q8_0"}),
    ]
    for code, source, options in cases:
        with pytest.raises(InputError) as raised:
            write(source, tmp_path / "out", to="gguf-adapter", **options)
        assert raised.value.code == code
