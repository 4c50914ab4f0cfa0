"""Base and adapter in llama.cpp answer token for token like transformers and PEFT."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conversion.gguf.models import ADAPTERS, save_model
from tests.conversion.gguf.support import convert, read_types, write
from workbench.conversion.detect import find_place
from workbench.conversion.gguf.quantise import guess_type
from workbench.conversion.gguf.work import GgufWork
from workbench.conversion.plan import prepare
from workbench.conversion.proof import gguf_answers, gguf_texts
from workbench.conversion.proof.gguf_answers import Answer, answer_by_llama, answer_by_transformers
from workbench.paths import Workspace
from workbench.schemas.conversion import ConvertConfig

pytestmark = pytest.mark.llama
pytest.importorskip("llama_cpp")

Find = Callable[[str], Path]
FindAdapter = Callable[[str, str], Path]
ARCHITECTURES = ["llama", "qwen3", "nemotron_h"]


def read_proof(folder: Path) -> dict[str, Any]:
    checks = json.loads((folder / "proof.json").read_text())["checks"]
    return {check["name"]: check for check in checks}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("kind", ADAPTERS)
def test_base_and_adapter_answer_like_transformers_and_peft(
    name: str, kind: str, models: Find, adapters: FindAdapter, tmp_path: Path
) -> None:
    base, adapter = models(name), adapters(name, kind)
    model = write(base, tmp_path / "base", to="gguf", dtype="f32")
    extra = write(adapter, tmp_path / "adapter", to="gguf-adapter", base=str(base))
    wanted = answer_by_transformers(find_place(adapter), base)
    check = gguf_answers.judge(wanted, answer_by_llama(model, extra, wanted), "f32")
    assert check.state == "passed", check.params
    assert check.params["same"] == check.params["prompts"] == 8
    # the adapter matters: without it the answers are others
    bare = gguf_answers.judge(wanted, answer_by_llama(model, None, wanted), "f32")
    assert bare.state == "failed"


@pytest.mark.parametrize("name", [*ARCHITECTURES, "qwen2"])
def test_a_model_alone_answers_like_transformers(name: str, models: Find, tmp_path: Path) -> None:
    model = write(models(name), tmp_path, to="gguf", dtype="f32")
    wanted = answer_by_transformers(find_place(models(name)), models(name))
    check = gguf_answers.judge(wanted, answer_by_llama(model, None, wanted), "f32")
    assert check.state == "passed", check.params


def test_a_job_proves_a_merged_file(
    models: Find, adapters: FindAdapter, workspace: Workspace, tmp_path: Path
) -> None:
    source, base = adapters("llama", "patterns"), models("llama")
    result = convert(workspace, source, tmp_path / "out", to="gguf", base=str(base), dtype="f32")
    assert set(result["proof"].values()) == {"passed"}, result["proof"]
    assert result["files"] == ["model-f32.gguf"]
    proof = read_proof(tmp_path / "out")
    assert proof["differs"]["params"] == {"changed": 14, "tensors": 21}
    assert proof["answers"]["params"]["distance"] < 1e-3


def test_a_job_proves_an_adapter_beside_a_base_made_for_the_moment(
    models: Find, adapters: FindAdapter, workspace: Workspace, tmp_path: Path
) -> None:
    source, base = adapters("nemotron_h", "rank_stabilised"), models("nemotron_h")
    result = convert(workspace, source, tmp_path / "out", to="gguf-adapter", base=str(base))
    proof = result["proof"]
    assert proof.pop("tokenizer") == proof.pop("template") == "not checked: adapter"
    assert set(proof.values()) == {"passed"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "adapter-f32.gguf",
        "conversion.json",
        "proof.json",
    ]


def wide(tokenizer: Any) -> Any:
    """Rows of 256, as K-quants want them."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            intermediate_size=512,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=4,
            max_position_embeddings=512,
            initializer_range=0.06,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def test_a_k_quant_is_made_by_a_child_process_with_the_planned_size(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = save_model(tmp_path / "model", wide, torch.bfloat16)
    result = convert(workspace, source, tmp_path / "out", to="gguf", dtype="q4_k_m")
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["conversion.json", "model-q4_k_m.gguf", "proof.json"]
    assert result["files"] == ["model-q4_k_m.gguf"]
    size = (tmp_path / "out" / "model-q4_k_m.gguf").stat().st_size
    assert abs(size - result["bytes"]) < 2000, (size, result["bytes"])
    checks = read_proof(tmp_path / "out")
    assert checks["weights"]["state"] == "passed"
    assert 0.01 < checks["weights"]["params"]["error"] < 0.15
    assert checks["tokenizer"]["state"] == "passed"
    assert 0 < checks["answers"]["params"]["kl"] < 1


def hybrid(tokenizer: Any) -> Any:
    """Fewer feed-forward blocks than layers, in rows of 256."""
    from tests.conversion.gguf.models import build_nemotron_h

    return build_nemotron_h(
        tokenizer,
        hidden_size=256,
        intermediate_size=512,
        mamba_num_heads=16,
        layers_block_type=["mamba", "mlp", "mamba", "mlp", "attention", "mlp", "mamba", "mlp"] * 2,
    )


@pytest.mark.parametrize("build", [wide, hybrid])
def test_a_k_quants_plan_knows_the_type_of_every_tensor(build: Callable[[Any], Any], tmp_path: Path) -> None:
    source = save_model(tmp_path / "model", build, torch.bfloat16)
    work = prepare(ConvertConfig(source=str(source), to="gguf", dtype="q4_k_m"), find_place(source))
    assert isinstance(work, GgufWork)
    planned = {tensor.name: guess_type(tensor, work.file).name for tensor in work.file.tensors}
    work.close()
    assert read_types(write(source, tmp_path / "out", to="gguf", dtype="q4_k_m")) == planned


def test_a_cancelled_k_quant_kills_its_process_and_goes_on_later(tmp_path: Path) -> None:
    source = save_model(tmp_path / "model", wide, torch.bfloat16)
    work = prepare(ConvertConfig(source=str(source), to="gguf", dtype="q4_k_m"), find_place(source))
    step, out = work.files[0], tmp_path / "out"
    out.mkdir()
    done = 0

    def stop(size: int) -> None:
        nonlocal done
        done += size
        # the first word from the child process comes after the intermediate file
        if (out / step.name).exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.write(out, stop)
    assert not (out / "model-q4_k_m.gguf").exists()
    assert done >= step.bytes
    work.write(out, lambda size: None)
    work.close()
    assert (out / "model-q4_k_m.gguf").is_file()
    assert not (out / step.name).exists()


def test_q8_is_what_llama_cpp_itself_makes(tmp_path: Path) -> None:
    import llama_cpp

    from tests.conversion.gguf.support import read_tensors

    source = save_model(tmp_path / "model", wide, torch.bfloat16)
    plain = write(source, tmp_path / "plain", to="gguf", dtype="bf16")
    ours = read_tensors(write(source, tmp_path / "ours", to="gguf", dtype="q8_0"))
    library: Any = llama_cpp
    settings = library.llama_model_quantize_default_params()
    settings.ftype = 7
    theirs = tmp_path / "theirs.gguf"
    assert library.llama_model_quantize(str(plain).encode(), str(theirs).encode(), settings) == 0
    found = read_tensors(theirs)
    assert found.keys() == ours.keys()
    assert all(torch.equal(found[name], ours[name]) for name in ours)


def test_the_starter_models_tokens_are_the_same_in_llama_cpp(starter_model: Path, tmp_path: Path) -> None:
    path = write(starter_model, tmp_path, to="gguf", dtype="f16")
    check = gguf_texts.check_tokenizer(path, starter_model, "")
    assert check.state == "passed", check.params


def test_another_tokenizer_fails_the_check(models: Find, starter_model: Path, tmp_path: Path) -> None:
    path = write(models("llama"), tmp_path, to="gguf", dtype="f16")
    check = gguf_texts.check_tokenizer(path, starter_model, "")
    assert (check.state, check.reason) == ("failed", "differs")


def test_answers_of_another_model_fail_the_check(models: Find, tmp_path: Path) -> None:
    wanted = answer_by_transformers(find_place(models("llama")), models("llama"))
    other = [Answer(answer.prompt, answer.tokens, np.roll(answer.logits, 1, axis=1)) for answer in wanted]
    path = write(models("llama"), tmp_path, to="gguf", dtype="f32")
    assert gguf_answers.judge(other, answer_by_llama(path, None, other), "q8_0").state == "failed"
