"""A model's tensors arrive under llama.cpp's names, in its order of rows, with the source's numbers."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file

from tests.conversion.checkpoints import load_folder, write_v1
from tests.conversion.gguf.models import build_llama, save_model
from tests.conversion.gguf.support import convert, read_settings, read_tensors, read_types, write
from tests.tiny_model import build_tokenizer
from workbench.artifacts import write_json_atomic
from workbench.conversion import run as conversion_run
from workbench.conversion.detect import detect, find_place
from workbench.conversion.gguf import quantise as quantise_module
from workbench.conversion.gguf.families.llama import compute_llama3_factors
from workbench.conversion.gguf.reading import read_gguf
from workbench.conversion.plan import prepare
from workbench.conversion.proof.gguf import check_model
from workbench.conversion.prove import prove
from workbench.errors import InputError, ResourceError
from workbench.jobs import CancelRequested, JobContext
from workbench.paths import Workspace
from workbench.schemas.conversion import ConvertConfig, ProofReport

Find = Callable[[str], Path]
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
MIXER = {
    "q_proj.weight": "attn_q.weight",
    "k_proj.weight": "attn_k.weight",
    "v_proj.weight": "attn_v.weight",
    "o_proj.weight": "attn_output.weight",
    "up_proj.weight": "ffn_up.weight",
    "down_proj.weight": "ffn_down.weight",
    "in_proj.weight": "ssm_in.weight",
    "out_proj.weight": "ssm_out.weight",
    "conv1d.weight": "ssm_conv1d.weight",
    "conv1d.bias": "ssm_conv1d.bias",
    "norm.weight": "ssm_norm.weight",
    "dt_bias": "ssm_dt.bias",
    "A_log": "ssm_a",
    "D": "ssm_d",
}
WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "backbone.embeddings.weight": "token_embd.weight",
    "backbone.norm_f.weight": "output_norm.weight",
}


def side_by_side(value: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows i and i + half of each head next to each other."""
    half = value.shape[0] // heads // 2
    rows = [
        value[head * 2 * half + pair + offset * half]
        for head in range(heads)
        for pair in range(half)
        for offset in (0, 1)
    ]
    return torch.stack(rows)


def expect(name: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the file of an architecture should hold."""
    found: dict[str, torch.Tensor] = {}
    for key, value in tensors.items():
        if key in WHOLE:
            found[WHOLE[key]] = value
            continue
        _, _, layer, part = key.split(".", 3)
        rotates = name in ("llama", "nemotron_h")
        if rotates and "q_proj" in part:
            value = side_by_side(value, 8)
        if rotates and "k_proj" in part:
            value = side_by_side(value, 2)
        if part == "norm.weight":
            found[f"blk.{layer}.attn_norm.weight"] = value
        elif part.startswith("mixer."):
            inner = part.removeprefix("mixer.")
            change: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
                "A_log": lambda tensor: -tensor.exp()[:, None],
                "D": lambda tensor: tensor[:, None],
                "norm.weight": lambda tensor: tensor.reshape(2, -1),
                "conv1d.weight": lambda tensor: tensor[:, 0, :],
            }
            found[f"blk.{layer}.{MIXER[inner]}"] = change.get(inner, lambda tensor: tensor)(value)
        else:
            stem, suffix = part.rsplit(".", 1)
            found[f"blk.{layer}.{PARTS[stem]}.{suffix}"] = value
    return found


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3", "nemotron_h"])
def test_every_tensor_has_the_sources_numbers(name: str, models: Find, tmp_path: Path) -> None:
    source = models(name)
    found = read_tensors(write(source, tmp_path, to="gguf", dtype="f32"))
    wanted = expect(name, load_folder(source))
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key].shape == value.shape, key
        if key.endswith("ssm_a"):
            # two libraries' exponential functions differ in the last place
            assert torch.allclose(found[key], value, rtol=1e-6, atol=0)
        else:
            assert torch.equal(found[key], value), key


@pytest.mark.parametrize("dtype", ["f16", "bf16", "q8_0"])
def test_a_type_rounds_matrices_once_and_leaves_vectors_in_float32(
    dtype: str, models: Find, tmp_path: Path
) -> None:
    source = models("llama")
    path = write(source, tmp_path, to="gguf", dtype=dtype)
    kind = GGMLQuantizationType[dtype.upper()]
    found, types, exact = read_tensors(path), read_types(path), expect("llama", load_folder(source))
    for key, value in exact.items():
        if value.ndim == 1:
            assert types[key] == "F32"
            assert torch.equal(found[key], value)
            continue
        assert types[key] == kind.name, key
        wanted = dequantize(quantize(np.ascontiguousarray(value.numpy()), kind), kind)
        assert torch.equal(found[key], torch.from_numpy(np.array(wanted, np.float32)).reshape(value.shape)), (
            key
        )


def test_rows_that_blocks_do_not_fill_become_float16(tmp_path: Path) -> None:
    source = save_model(tmp_path / "model", lambda tokenizer: build_llama(tokenizer, intermediate_size=80))
    types = read_types(write(source, tmp_path / "out", to="gguf", dtype="q8_0"))
    assert types["blk.0.ffn_down.weight"] == "F16"
    assert types["blk.0.ffn_up.weight"] == "Q8_0"


def test_settings_say_what_the_architecture_needs(models: Find, tmp_path: Path) -> None:
    found = read_settings(write(models("llama"), tmp_path / "a", to="gguf", dtype="f16"))
    assert {key: found[f"llama.{key}"] for key in ("block_count", "embedding_length", "context_length")} == {
        "block_count": 2,
        "embedding_length": 64,
        "context_length": 512,
    }
    assert (found["llama.attention.head_count"], found["llama.attention.head_count_kv"]) == (8, 2)
    assert found["llama.rope.freq_base"] == 10000.0
    assert (found["general.type"], found["general.file_type"]) == ("model", 1)
    hybrid = read_settings(write(models("nemotron_h"), tmp_path / "b", to="gguf", dtype="f32"))
    assert hybrid["nemotron_h.attention.head_count_kv"] == [0, 0, 2, 0, 0, 0]
    assert hybrid["nemotron_h.feed_forward_length"] == [0, 96, 0, 96, 0, 96]
    assert (hybrid["nemotron_h.ssm.inner_size"], hybrid["nemotron_h.ssm.group_count"]) == (128, 2)


def test_without_an_option_the_file_has_the_sources_type(tmp_path: Path) -> None:
    source = save_model(tmp_path / "model", build_llama, torch.bfloat16)
    path = write(source, tmp_path / "out", to="gguf")
    assert path.name == "model-bf16.gguf"
    assert read_types(path)["blk.0.attn_q.weight"] == "BF16"


def test_a_distributed_checkpoint_becomes_the_same_file_as_its_model(models: Find, tmp_path: Path) -> None:
    base = models("qwen3")
    trained = {name: value + 0.01 for name, value in load_folder(base).items()}
    trained["lm_head.weight"] = trained["model.embed_tokens.weight"].clone()
    step = write_v1(tmp_path / "step_3", base, trained)
    found = read_tensors(write(step, tmp_path / "out", to="gguf", dtype="f32", base=str(base)))
    assert "output.weight" not in found
    assert torch.equal(found["token_embd.weight"], trained["model.embed_tokens.weight"])
    assert torch.equal(found["blk.1.attn_q.weight"], trained["model.layers.1.self_attn.q_proj.weight"])


def test_llama3s_slower_rotation_is_written_as_transformers_computes_it(tmp_path: Path) -> None:
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rope = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    source = save_model(
        tmp_path / "model", lambda tokenizer: build_llama(tokenizer, head_dim=32, rope_parameters=rope)
    )
    found = read_tensors(write(source, tmp_path / "out", to="gguf", dtype="f32"))["rope_freqs.weight"]
    config: Any = build_llama(build_tokenizer(), head_dim=32, rope_parameters=rope).config
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    plain = 1.0 / (500000.0 ** (torch.arange(0, 32, 2).float() / 32))
    assert torch.allclose(found, plain / scaled, rtol=1e-5)
    assert torch.equal(found, torch.from_numpy(compute_llama3_factors(rope, 32)))


def change_config(source: Path, folder: Path, **changes: Any) -> Path:
    shutil.copytree(source, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def test_a_vocabulary_larger_than_the_embedding_and_an_absent_tokenizer_are_refused(
    models: Find, tmp_path: Path
) -> None:
    cut = change_config(models("llama"), tmp_path / "cut", vocab_size=500)
    tensors = load_folder(cut)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = tensors[name][:500].contiguous()
    save_file(tensors, cut / "model.safetensors")
    bare = change_config(models("llama"), tmp_path / "bare")
    for path in bare.glob("*token*"):
        path.unlink()
    for code, folder in (("vocabulary_too_large", cut), ("tokenizer_absent", bare)):
        with pytest.raises(InputError) as raised:
            write(folder, tmp_path / "out", to="gguf")
        assert raised.value.code == code
    assert not list((tmp_path / "out").iterdir())


def test_a_smaller_vocabulary_is_filled_up_with_unused_tokens(models: Find, tmp_path: Path) -> None:
    wide = change_config(models("llama"), tmp_path / "wide", vocab_size=528)
    tensors = load_folder(wide)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = torch.cat([tensors[name], torch.zeros(16, 64)])
    save_file(tensors, wide / "model.safetensors")
    found = read_settings(write(wide, tmp_path / "out", to="gguf"))
    assert len(found["tokenizer.ggml.tokens"]) == 528
    assert found["tokenizer.ggml.tokens"][512:514] == ["[PAD512]", "[PAD513]"]
    assert set(found["tokenizer.ggml.token_type"][512:]) == {5}


def test_a_cancelled_file_has_no_final_name_and_is_made_anew(models: Find, tmp_path: Path) -> None:
    settings = ConvertConfig(source=str(models("llama")), to="gguf", dtype="f32")
    work = prepare(settings, find_place(models("llama")))
    seen: list[int] = []

    def stop(size: int) -> None:
        seen.append(size)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.write(tmp_path, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["model-f32.gguf.part"]
    work.write(tmp_path, lambda size: None)
    again: list[int] = []
    work.write(tmp_path, again.append)
    work.close()
    path = tmp_path / "model-f32.gguf"
    assert again == [path.stat().st_size]
    assert [found.name for found in tmp_path.iterdir()] == ["model-f32.gguf"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_written_file_says_what_it_is(models: Find, tmp_path: Path) -> None:
    found = detect(write(models("qwen3"), tmp_path, to="gguf", dtype="q8_0"))
    assert (found.layout, found.architecture) == ("gguf", "qwen3")
    assert found.parameters == sum(value.numel() for value in load_folder(models("qwen3")).values())
    assert found.dtypes["Q8_0"] == 15


def test_a_cut_file_and_one_of_another_kind_are_told(models: Find, tmp_path: Path) -> None:
    path = write(models("llama"), tmp_path, to="gguf", dtype="f16")
    path.write_bytes(path.read_bytes()[:-5000])
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF" + bytes(range(64)) * 10)
    for file in (path, other):
        with pytest.raises(InputError) as raised:
            detect(file)
        assert raised.value.code == "gguf_damaged"


def test_what_another_source_began_is_not_gone_on_with(
    models: Find, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two trainings of one model give files of one size with one header."""

    def end_in_the_proof(settings: ConvertConfig, part: Path, job: JobContext) -> ProofReport:
        raise CancelRequested

    other = tmp_path / "other"
    shutil.copytree(models("llama"), other)
    save_file(
        {name: value + 1 for name, value in load_folder(other).items()},
        other / "model.safetensors",
        metadata={"format": "pt"},
    )
    with monkeypatch.context() as patched:
        patched.setattr(conversion_run, "prove", end_in_the_proof)
        with pytest.raises(CancelRequested):
            convert(workspace, models("llama"), tmp_path / "out", to="gguf", dtype="f32")
        assert (tmp_path / "out.part" / "model-f32.gguf").is_file()
    patched_report = ProofReport(checks=())
    monkeypatch.setattr(conversion_run, "prove", lambda settings, part, job: patched_report)
    convert(workspace, other, tmp_path / "out", to="gguf", dtype="f32")
    found = read_tensors(tmp_path / "out" / "model-f32.gguf")
    assert torch.equal(found["output_norm.weight"], load_folder(other)["model.norm.weight"])


def test_without_llama_cpp_k_quants_are_refused_and_the_proof_says_what_was_not_asked(
    models: Find, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise_module, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(ResourceError) as raised:
        write(models("llama"), tmp_path / "out", to="gguf", dtype="q4_k_m")
    assert raised.value.code == "llama_missing"

    def check(settings: ConvertConfig, part: Path, job: JobContext) -> ProofReport:
        report = prove(part)
        write_json_atomic(part / "proof.json", report)
        return report

    monkeypatch.setattr(conversion_run, "prove", check)
    proof = convert(workspace, models("llama"), tmp_path / "plain", to="gguf", dtype="bf16")["proof"]
    assert proof["tokenizer"] == proof["answers"] == "not checked: no_llama"
    assert {proof[name] for name in ("keys", "shapes", "finite", "weights", "template")} == {"passed"}


def test_a_changed_number_and_a_nan_fail_the_proof(
    models: Find, adapters: Callable[[str, str], Path], tmp_path: Path
) -> None:
    base, adapter = models("llama"), adapters("llama", "plain")
    path = write(adapter, tmp_path, to="gguf", dtype="f32", base=str(base))
    settings = ConvertConfig(source=str(adapter), base=str(base), to="gguf", dtype="f32")
    file = read_gguf(path)
    at = file.tensors["blk.1.ffn_up.weight"].offset
    content = bytearray(path.read_bytes())
    for value, failing in ((1.25, {"weights"}), (float("nan"), {"weights", "finite"})):
        content[at : at + 4] = np.float32(value).tobytes()
        path.write_bytes(content)
        states = {check.name: check.state for check in check_model(settings, read_gguf(path))}
        assert {name for name, state in states.items() if state == "failed"} == failing
        assert states["differs"] == "passed"
