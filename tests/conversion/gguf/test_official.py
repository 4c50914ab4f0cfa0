"""What is not converted here goes through llama.cpp's own converter, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conversion.checkpoints import load_folder, write_v1
from tests.conversion.gguf.models import save_adapter, save_model
from tests.conversion.gguf.small_tokenizers import build_characters
from tests.conversion.gguf.support import convert, read_tensors, write
from workbench.conversion.detect import detect, find_place
from workbench.conversion.gguf.official import READY, SCRIPT, extract_tree, find_python, install_converter
from workbench.conversion.gguf.older_view import make_older_view
from workbench.conversion.plan import describe_plan, prepare
from workbench.errors import InputError, ResourceError
from workbench.paths import Workspace
from workbench.schemas.conversion import ConvertConfig

Find = Callable[[str], Path]
STAND_IN = """
import json, sys, time
from pathlib import Path
model, _, target, _, kind = sys.argv[1:]
if "fail" in Path(model, "config.json").read_text():
    sys.exit("NotImplementedError: the pre-tokenizer was not recognized")
with open(target, "wb") as out:
    for _ in range(5):
        out.write(bytes(1000)); out.flush(); time.sleep(0.15)
print(sorted(path.name for path in Path(model).iterdir()), kind)
"""


def rename(source: Path, folder: Path, **changes: Any) -> Path:
    """The same model under an architecture that is not converted here."""
    shutil.copytree(source, folder)
    path = folder / "config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"architectures": ["GlmForCausalLM"], **changes})
    )
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """An installed converter, its script replaced by one that writes five kilobytes slowly."""
    folder = tmp_path / "tools"
    python = find_python(folder)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (folder / "llama.cpp").mkdir()
    (folder / "llama.cpp" / SCRIPT).write_text(STAND_IN)
    (folder / READY).write_text("here")
    return folder


def test_the_plan_shows_the_command(models: Find, tools: Path, tmp_path: Path) -> None:
    source = rename(models("llama"), tmp_path / "other")
    settings = ConvertConfig(source=str(source), to="gguf", dtype="f16", tools=str(tools))
    work = prepare(settings, find_place(source))
    plan = describe_plan(settings, detect(source), work, tmp_path / "out")
    work.close()
    assert plan.command[1:3] == (str(tools / "llama.cpp" / SCRIPT), str(source))
    assert plan.command[-2:] == ("--outtype", "f16")
    assert plan.bytes > 0


def test_the_job_runs_it_and_tells_how_the_file_grows(models: Find, tools: Path, tmp_path: Path) -> None:
    source = rename(models("llama"), tmp_path / "other")
    settings = ConvertConfig(source=str(source), to="gguf", dtype="f16", tools=str(tools))
    work = prepare(settings, find_place(source))
    sizes: list[int] = []
    (tmp_path / "out").mkdir()
    work.write(tmp_path / "out", sizes.append)
    work.close()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model-f16.gguf"]
    assert 0 < max(sizes) < sum(sizes) <= 5000


@pytest.mark.parametrize("kind", ["checkpoint", "adapter"])
def test_what_is_no_model_folder_becomes_one_first(
    kind: str, models: Find, tools: Path, tmp_path: Path
) -> None:
    base = rename(models("llama"), tmp_path / "base")
    if kind == "adapter":
        source = save_adapter(models("llama"), tmp_path / "adapter", r=4, lora_alpha=8)
    else:
        source = write_v1(tmp_path / "step_1", base, load_folder(base))
    write(source, tmp_path / "out", to="gguf", dtype="bf16", base=str(base), tools=str(tools))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model-bf16.gguf"]


def test_a_cancel_ends_it(models: Find, tools: Path, tmp_path: Path) -> None:
    source = rename(models("llama"), tmp_path / "other")
    settings = ConvertConfig(source=str(source), to="gguf", tools=str(tools))
    work = prepare(settings, find_place(source))
    (tmp_path / "out").mkdir()

    def stop(size: int) -> None:
        if size:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.write(tmp_path / "out", stop)
    assert not (tmp_path / "out" / "model-bf16.gguf").exists()


def test_its_own_words_are_passed_on(models: Find, tools: Path, tmp_path: Path) -> None:
    source = rename(models("llama"), tmp_path / "other", note="fail")
    with pytest.raises(ResourceError) as raised:
        write(source, tmp_path / "out", to="gguf", tools=str(tools))
    assert raised.value.code == "converter_failed"
    assert "pre-tokenizer was not recognized" in str(raised.value.params["reason"])


def test_a_model_with_code_of_its_own_is_left_to_the_container(models: Find, tmp_path: Path) -> None:
    source = rename(models("llama"), tmp_path / "other", auto_map={"AutoModelForCausalLM": "modeling.Model"})
    with pytest.raises(InputError) as raised:
        write(source, tmp_path / "out", to="gguf")
    assert raised.value.code == "gguf_remote_code"
    assert "--network none" in str(raised.value.params["command"])


def test_an_adapter_of_such_a_model_is_refused(models: Find, tmp_path: Path) -> None:
    base = rename(models("llama"), tmp_path / "base")
    adapter = save_adapter(models("llama"), tmp_path / "adapter", r=4, lora_alpha=8)
    with pytest.raises(InputError) as raised:
        write(adapter, tmp_path / "out", to="gguf-adapter", base=str(base))
    assert raised.value.code == "gguf_adapter_architecture"
    assert "GlmForCausalLM" in str(raised.value.params["name"])


def test_only_the_converter_is_taken_out_of_the_source_package(tmp_path: Path) -> None:
    inside = "llama_cpp_python-0.3.36/vendor/llama.cpp"
    files = {f"{inside}/{SCRIPT}": "a", f"{inside}/conversion/base.py": "b", f"{inside}/src/llama.cpp": "c"}
    archive = tmp_path / "source.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name, text in files.items():
            path = tmp_path / "file"
            path.write_text(text)
            packed.add(path, name)
    extract_tree(archive, tmp_path / "tree")
    found = sorted(str(path.relative_to(tmp_path / "tree")) for path in (tmp_path / "tree").rglob("*.*"))
    assert found == ["conversion/base.py", SCRIPT]


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3", "nemotron_h"])
def test_llama_cpps_own_converter_writes_the_same_tensors(name: str, models: Find, tmp_path: Path) -> None:
    tools = find_installed()
    ours = write(models(name), tmp_path / "ours", to="gguf", dtype="f16")
    theirs = convert_officially(models(name), tmp_path / "theirs", tools)
    mine, other = read_tensors(ours), read_tensors(theirs)
    assert mine.keys() == other.keys()
    for key, value in other.items():
        assert mine[key].shape == value.shape, key
        assert torch.equal(mine[key], value) or torch.allclose(mine[key], value, rtol=1e-6, atol=0), key


def build_granite(tokenizer: Any) -> Any:
    """An architecture that is not converted here."""
    from transformers import GraniteConfig, GraniteForCausalLM

    return GraniteForCausalLM(
        GraniteConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=8,
            num_key_value_heads=2,
            max_position_embeddings=512,
            initializer_range=0.2,
            tie_word_embeddings=False,
            embedding_multiplier=2.0,
            logits_scaling=1.5,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


@pytest.mark.llama
def test_a_model_of_another_architecture_answers_like_its_source(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The whole way: plan, converter in its own environment, proof."""
    tools = find_installed()
    source = save_model(
        tmp_path / "model", build_granite, tokenizer=build_characters(prefixed=True, complete=True)
    )
    result = convert(workspace, source, tmp_path / "out", to="gguf", dtype="f32", tools=str(tools))
    proof = result["proof"]
    assert {proof.pop(name) for name in ("keys", "shapes", "weights")} == {"not checked: official"}
    assert proof.pop("differs").startswith("not checked")
    assert proof.pop("template") == "not checked: no_template"
    assert set(proof.values()) == {"passed"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "conversion.json",
        "model-f32.gguf",
        "proof.json",
    ]


def find_installed() -> Path:
    """The official converter's environment; WORKBENCH_CONVERTER names the folder a conversion has set up."""
    tools = Path(os.environ.get("WORKBENCH_CONVERTER", "/nowhere"))
    if not (tools / READY).is_file():
        pytest.skip("llama.cpp's own converter is not installed (WORKBENCH_CONVERTER)")
    install_converter(tools, lambda size: None)
    return tools


RUNNER = """
import runpy, sys
tree, *rest = sys.argv[1:]
sys.path.insert(0, tree)
sys.path.insert(1, tree + "/gguf-py")
from conversion.base import TextModel
# a tokenizer trained in a test has no place in its table of known ones
TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv = [tree + "/convert_hf_to_gguf.py", *rest]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def convert_officially(source: Path, target: Path, tools: Path) -> Path:
    """The file that the official converter writes for the same weights, their configuration in its older form."""
    shutil.copytree(source, target)
    config = json.loads((target / "config.json").read_text())
    config |= {key: value for key, value in config.pop("rope_parameters", {}).items() if key == "rope_theta"}
    kinds = config.pop("layers_block_type", None)
    if kinds:
        letters = {"linear_attention": "M", "full_attention": "*", "mlp": "-"}
        config["hybrid_override_pattern"] = "".join(letters[kind] for kind in kinds)
        config["num_hidden_layers"] = len(kinds)
        config = {key: value for key, value in config.items() if "expert" not in key and "moe" not in key}
    (target / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((target / "tokenizer_config.json").read_text())
    tokenizer |= {"tokenizer_class": "PreTrainedTokenizerFast"}
    (target / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    path = target / "model.gguf"
    script, tree = tools / "runner.py", tools / "llama.cpp"
    script.write_text(RUNNER)
    command = [find_python(tools), script, tree, target, "--outfile", path, "--outtype", "f16"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return path


def test_what_transformers_5_writes_is_put_into_its_older_form(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0}
    (model / "config.json").write_text(json.dumps({"rope_parameters": rope, "dtype": "float16"}))
    (model / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<a>"]})
    )
    (model / "model.safetensors").write_bytes(b"weights")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    view = make_older_view(model, tmp_path / "view")
    assert json.loads((view / "config.json").read_text()) == {
        "rope_theta": 5000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        "dtype": "float16",
        "torch_dtype": "float16",
    }
    assert json.loads((view / "tokenizer_config.json").read_text()) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "additional_special_tokens": ["<a>"],
    }
    assert (view / "model.safetensors").read_bytes() == b"weights"
    assert before == {path.name: path.read_bytes() for path in model.iterdir()}
