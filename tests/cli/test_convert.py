"""`convert` and `inspect` as a person calls them: real jobs, exit codes, one JSON document."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conversion.checkpoints import load_folder, read_json_file, train_a_little, write_step, write_v1
from tests.inference import fake_ollama
from tests.inference.fake_ollama import OllamaServer
from tests.tiny_model import build_tiny_model
from workbench.cli.main import main
from workbench.inference.ollama_fake import FakeOllama


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoModelForCausalLM

    folder = build_tiny_model(tmp_path_factory.mktemp("base"))
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def step(tmp_path: Path, base: Path) -> Path:
    return write_v1(tmp_path / "step_4", base, train_a_little(load_folder(base)))


def call(arguments: list[str], home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code = main([*arguments, "--json"], home)
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_checkpoint_becomes_a_model_of_an_ollama_server(
    tmp_path: Path, home: dict[str, str], base: Path, step: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    with fake_ollama.running(OllamaServer(FakeOllama("0.34.2"))) as server:
        arguments = ["convert", str(step), str(target), "--to", "ollama", "--base", str(base)]
        told = ["--ollama-url", server.url, "--ollama-name", "city", "--system", "一文で答えてください。"]
        code, result = call([*arguments, *told], home, capsys)
    assert code == 0, result
    assert result["ollama"]["models"] == ["city"]
    assert server.fake.models["city:latest"].system == "一文で答えてください。"
    assert "failed" not in result["proof"].values()
    assert result["artifact"] == str(target)
    assert (target / "Modelfile").is_file()


@pytest.mark.slow
def test_another_tokenizer_ends_with_one_until_it_is_accepted(
    tmp_path: Path, home: dict[str, str], base: Path, step: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = step / "policy" / "tokenizer" / "tokenizer.json"
    content = read_json_file(path)
    content["model"]["merges"] = content["model"]["merges"][:20]
    path.write_text(json.dumps(content))
    arguments = ["convert", str(step), str(tmp_path / "out"), "--base", str(base)]
    code, told = call(arguments, home, capsys)
    assert (code, told["error"]["code"]) == (1, "tokenizer_not_confirmed")
    assert "--accept-tokenizer" in told["error"]["hint"]
    assert not (tmp_path / "out").exists()
    code, told = call([*arguments, "--accept-tokenizer"], home, capsys)
    assert (code, told["proof"]["tokenizer"]) == (1, "failed")
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("flag", "value"), [("--ollama-url", "file:///etc/passwd"), ("--ollama-name", "../up")]
)
def test_a_bad_address_or_name_is_a_wrong_usage(
    flag: str, value: str, tmp_path: Path, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = call(
        ["convert", str(tmp_path), str(tmp_path / "o"), "--to", "ollama", flag, value], home, capsys
    )
    assert (code, told["error"]["code"]) == (3, "config_invalid")


def test_inspecting_a_megatron_checkpoint_shows_the_containers_command(
    tmp_path: Path, home: dict[str, str], base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = write_step(tmp_path / "step_2", base)
    (weights / "iter_0000000").mkdir()
    code, told = call(["inspect", str(tmp_path / "step_2")], home, capsys)
    assert (code, told["kind"]) == (0, "nemo_megatron")
    assert told["details"]["command"].startswith("docker run")
    shutil.rmtree(weights / "iter_0000000")
