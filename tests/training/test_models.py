"""What a local model folder is told to be."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError, NotFoundError, WorkbenchError
from workbench.training.models import describe_model, is_supported_natively, list_models, require_consent


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def change_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def test_a_model_is_described_from_its_files(model: Path) -> None:
    (model / "README.md").write_text(
        "---\nlanguage: ja\nlicense: apache-2.0\n---\n# A model\nlicense: none\n"
    )
    info = describe_model(model)
    assert (info.architecture, info.model_type, info.layers, info.hidden) == (
        "LlamaForCausalLM",
        "llama",
        2,
        64,
    )
    assert info.context == 2048
    assert info.has_chat_template
    assert not info.needs_remote_code
    assert info.license == "apache-2.0"
    assert info.parameters == sum(tensor.numel for tensor in info.tensors) > 100_000


def test_parameters_are_those_that_torch_counts(model: Path) -> None:
    from transformers import AutoModelForCausalLM

    loaded: Any = AutoModelForCausalLM.from_pretrained(str(model))
    assert describe_model(model).parameters == sum(p.numel() for p in loaded.parameters())


def test_a_licence_of_its_own_is_told_by_its_name(model: Path) -> None:
    (model / "README.md").write_text("---\nlicense: other\nlicense_name: gemma-terms\n---\n")
    assert describe_model(model).license == "gemma-terms"


SPOILED: dict[str, Callable[[Path], Any]] = {
    "model_no_config": lambda folder: (folder / "config.json").unlink(),
    "model_config_broken": lambda folder: (folder / "config.json").write_text("{"),
    "model_no_tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "model_no_weights": lambda folder: (folder / "model.safetensors").unlink(),
    "model_pickle_only": lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
    "model_weights_broken": lambda folder: cut(folder / "model.safetensors", 0.9),
    "model_not_text": lambda folder: change_config(folder, architectures=["BertForMaskedLM"]),
}


@pytest.mark.parametrize("code", SPOILED)
def test_a_folder_that_cannot_be_used_says_why(model: Path, code: str) -> None:
    SPOILED[code](model)
    with pytest.raises(InputError) as caught:
        describe_model(model)
    assert caught.value.code == code


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        describe_model(tmp_path / "none")
    assert caught.value.code == "model_folder_missing"


def test_an_adapter_is_not_taken_for_a_model(model: Path) -> None:
    (model / "config.json").rename(model / "adapter_config.json")
    with pytest.raises(InputError) as caught:
        describe_model(model)
    assert caught.value.code == "model_is_adapter"


def test_a_missing_shard_is_named(model: Path) -> None:
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError) as caught:
        describe_model(model)
    assert caught.value.code == "model_shard_missing"
    assert caught.value.params["file"] == "model-00002-of-00002.safetensors"


def test_an_index_cannot_name_files_elsewhere(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../secret"}}))
    with pytest.raises(InputError) as caught:
        describe_model(model)
    assert caught.value.code == "model_weights_broken"


def test_a_header_longer_than_its_file_is_refused(model: Path) -> None:
    (model / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(InputError) as caught:
        describe_model(model)
    assert caught.value.code == "model_weights_broken"


def test_code_of_an_unknown_family_needs_consent(model: Path) -> None:
    change_config(model, model_type="acme_9000", auto_map={"AutoModelForCausalLM": "modeling_acme.Acme"})
    (model / "modeling_acme.py").write_text("raise SystemExit('must not run')\n")
    info = describe_model(model)
    assert info.needs_remote_code
    assert info.code_files == ("modeling_acme.py",)
    with pytest.raises(WorkbenchError) as caught:
        require_consent(info, trust_remote_code=False)
    assert caught.value.code == "model_needs_code"
    require_consent(info, trust_remote_code=True)


def test_code_of_a_family_that_is_known_here_is_not_needed(model: Path) -> None:
    change_config(model, auto_map={"AutoModelForCausalLM": "modeling_llama.Llama"})
    assert not describe_model(model).needs_remote_code


def test_known_families_are_found_without_loading_the_library() -> None:
    assert is_supported_natively("llama")
    assert is_supported_natively("nemotron_h")
    assert not is_supported_natively("acme_9000")
    assert not is_supported_natively("")


def test_a_list_of_models_leaves_out_what_cannot_be_used(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert [info.path for info in list_models([tmp_path / "empty", model])] == [model]
