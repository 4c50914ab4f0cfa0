from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.tiny_model import build_tiny_adapter, build_tiny_model
from workbench.errors import NotFoundError, StateError, WorkbenchError
from workbench.inference.embedded import loading
from workbench.inference.embedded.loading import load_model
from workbench.schemas.serving import AdapterMount, ServeConfig


def config(model: Path, *adapters: Path, **values: Any) -> ServeConfig:
    mounts = tuple(AdapterMount(name=f"a{number}", path=str(path)) for number, path in enumerate(adapters))
    return ServeConfig.model_validate({"model": str(model), "adapters": mounts, **values})


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def adapter(adapters: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(adapters["other"], tmp_path / "adapter"))


def refused(wanted: ServeConfig) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        load_model(wanted)
    return caught.value


def test_a_model_without_its_parts_is_named_by_the_part(model: Path) -> None:
    assert isinstance(refused(config(model / "gone")), NotFoundError)
    (model / "chat_template.jinja").unlink()
    assert refused(config(model)).code == "serve_no_chat_template"
    (model / "tokenizer.json").unlink()
    assert refused(config(model)).code == "model_no_tokenizer"
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert refused(config(model)).code == "model_pickle_only"
    (model / "pytorch_model.bin").unlink()
    assert refused(config(model)).code == "model_no_weights"
    (model / "config.json").write_text("{")
    (model / "x.safetensors").touch()
    (model / "config.json").unlink()
    assert refused(config(model)).code == "model_no_config"


def test_broken_weights_are_reported(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"no weights")
    assert refused(config(model)).code == "serve_not_loadable"


def test_a_model_with_code_of_its_own_is_refused_without_consent(model: Path) -> None:
    (model / "modeling_own.py").write_text("raise SystemExit('ran')")
    content = json.loads((model / "config.json").read_text())
    content["auto_map"] = {
        "AutoConfig": "modeling_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.Own",
    }
    content["model_type"] = "own"
    (model / "config.json").write_text(json.dumps(content))
    error = refused(config(model))
    assert error.code == "model_needs_code"
    assert error.params["files"] == "modeling_own.py"


def test_an_adapter_folder_in_place_of_the_model_is_recognised(adapter: Path) -> None:
    assert refused(config(adapter)).code == "model_is_adapter"


def test_an_adapter_without_its_parts_is_named_by_the_part(tiny_model: Path, adapter: Path) -> None:
    assert refused(config(tiny_model, adapter / "gone")).code == "adapter_folder_missing"
    assert refused(config(tiny_model, tiny_model)).code == "adapter_without_config"
    weights = adapter / "adapter_model.safetensors"
    weights.rename(adapter / "adapter_model.bin")
    assert refused(config(tiny_model, adapter)).code == "adapter_without_safetensors"
    content = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(content | {"peft_type": "PREFIX_TUNING"}))
    assert refused(config(tiny_model, adapter)).code == "adapter_kind_unknown"


def test_an_adapter_of_another_base_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig.from_pretrained(str(build_tiny_model(tmp_path / "copy")))
    shape.hidden_size, shape.head_dim = 32, 16
    LlamaForCausalLM(shape).save_pretrained(str(tmp_path / "narrow"))
    foreign = build_tiny_adapter(tmp_path / "foreign", tmp_path / "narrow")
    error = refused(config(tiny_model, foreign))
    assert (error.code, error.params["name"]) == ("adapter_does_not_fit", "a0")


def test_an_adapter_whose_tensors_find_no_place_is_refused(tiny_model: Path, adapter: Path) -> None:
    weights = load_file(str(adapter / "adapter_model.safetensors"))
    renamed = {name.replace("layers.1", "layers.7"): tensor for name, tensor in weights.items()}
    save_file(renamed, str(adapter / "adapter_model.safetensors"))
    assert refused(config(tiny_model, adapter)).code == "adapter_does_not_fit"


def test_two_models_of_one_name_are_refused(tiny_model: Path, adapter: Path) -> None:
    assert refused(config(tiny_model, adapter, model_name="a0")).code == "serve_names_repeat"


def test_off_is_the_base_and_on_is_the_adapter(tiny_model: Path, adapters: dict[str, Path]) -> None:
    loaded = load_model(config(tiny_model, adapters["ft-1.0"], adapters["other"]))
    base: Any = AutoModelForCausalLM.from_pretrained(str(tiny_model)).eval()
    ids = torch.tensor([[3, 5, 7, 11]])
    with torch.inference_mode():
        plain = base(ids, logits_to_keep=1).logits
        seen = {}
        # in an order that would show an adapter that stays on
        for name in ("a0", "base", "a1", "a0", "base"):
            loaded.activate(name)
            seen[name] = loaded.forward(ids, torch.ones_like(ids), None).logits
    assert torch.equal(seen["base"], plain)
    assert not torch.equal(seen["a0"], plain)
    assert not torch.equal(seen["a0"], seen["a1"])
    assert not any(parameter.requires_grad for parameter in loaded.net.parameters())


def test_a_base_that_adapters_change_even_when_off_is_not_served(
    tiny_model: Path, adapters: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def merge(net: Any, wanted: ServeConfig) -> Any:
        tuner, keys = mount(net, wanted)
        tuner.merge_adapter()
        return tuner, keys

    mount = loading._mount
    monkeypatch.setattr(loading, "_mount", merge)
    monkeypatch.setattr(loading.LoadedModel, "activate", lambda self, name: None)
    with pytest.raises(StateError, match="serve_base_changed"):
        load_model(config(tiny_model, adapters["ft-1.0"]))


def test_the_context_is_no_longer_than_the_model_allows(tiny_model: Path) -> None:
    assert load_model(config(tiny_model, max_context=300)).window == 300
    assert load_model(config(tiny_model, max_context=9000)).window == 2048


def test_the_precision_follows_the_device_unless_it_is_named(tiny_model: Path) -> None:
    automatic = load_model(config(tiny_model))
    assert automatic.dtype == ("bfloat16" if torch.cuda.is_available() else "float32")
    named = load_model(config(tiny_model, dtype="bfloat16"))
    assert next(named.net.parameters()).dtype == torch.bfloat16
