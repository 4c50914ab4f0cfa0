"""Every layout becomes a model folder with the very numbers of the training, and proves it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conversion.checkpoints import (
    load_folder,
    read_json_file,
    save_by_ranks,
    train_a_little,
    write_hf_metadata,
    write_step,
    write_v1,
    write_v2,
)
from tests.tiny_model import build_tiny_model
from tests.training.support import make_job
from workbench.artifacts import write_json_atomic
from workbench.conversion import run as conversion_run
from workbench.conversion.detect import detect
from workbench.conversion.prove import prove
from workbench.conversion.run import run
from workbench.errors import InputError, StateError, WorkbenchError
from workbench.jobs import CancelRequested, JobContext, JobFolder
from workbench.paths import Workspace
from workbench.schemas.conversion import ConvertConfig, ProofReport

Tensors = dict[str, torch.Tensor]
REAL_PROVE = conversion_run.prove


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model in bfloat16."""
    from transformers import AutoModelForCausalLM

    folder = build_tiny_model(tmp_path_factory.mktemp("base"))
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(base: Path) -> Tensors:
    return train_a_little(load_folder(base))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "home")
    for folder in found.folders():
        folder.mkdir(parents=True, exist_ok=True)
    return found


@pytest.fixture(autouse=True)
def prove_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check in this process: starting another for every test would only take time. One test does."""

    def check(settings: ConvertConfig, part: Path, job: JobContext) -> ProofReport:
        write_json_atomic(part / "conversion.json", settings)
        report = prove(part)
        write_json_atomic(part / "proof.json", report)
        return report

    monkeypatch.setattr(conversion_run, "prove", check)


def convert(workspace: Workspace, source: Path, target: Path, **options: Any) -> dict[str, Any]:
    job = make_job(workspace, "convert", f"job-{target.name}")
    try:
        return run({"source": str(source), "target": str(target), **options}, job)
    finally:
        job.close()


def expect_equal(found: Tensors, wanted: Tensors, dtype: torch.dtype) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].dtype == dtype
        assert torch.equal(found[name], value.to(dtype)), name


def write_sharded(folder: Path, base: Path, tensors: Tensors) -> Path:
    model = write_step(folder, base) / "model"
    save_by_ranks(tensors, model, "safetensors")
    write_hf_metadata(model, base)
    return folder


def write_three_ranks(folder: Path, base: Path, tensors: Tensors) -> Path:
    save_by_ranks(tensors, write_step(folder, base) / "model", "dcp")
    return folder


def write_bin(folder: Path, base: Path, tensors: Tensors) -> Path:
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder


LAYOUTS: dict[str, tuple[str, Callable[[Path, Path, Tensors], Path]]] = {
    "v1": ("nemo_dcp_v1", write_v1),
    "v2": ("nemo_dcp_v2", write_v2),
    "three_ranks": ("nemo_dcp_v2", write_three_ranks),
    "sharded": ("nemo_sharded", write_sharded),
    "bin": ("hf_bin", write_bin),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_checkpoint_of_each_layout_is_converted_bit_for_bit(
    name: str, tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    layout, write = LAYOUTS[name]
    source = write(tmp_path / "step_138", base, trained)
    assert detect(source).layout == layout
    result = convert(workspace, source, tmp_path / "out", base=str(base))
    expect_equal(load_folder(tmp_path / "out"), trained, torch.bfloat16)
    assert set(result["proof"].values()) == {"passed"}, result["proof"]
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "out" / file).read_bytes() == (base / file).read_bytes()
    assert not list(tmp_path.glob("out.*"))


def test_the_proof_runs_in_a_process_of_its_own(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion_run, "prove", REAL_PROVE)
    source = write_v1(tmp_path / "step_1", base, trained)
    result = convert(workspace, source, tmp_path / "out", base=str(base))
    assert set(result["proof"].values()) == {"passed"}
    assert read_json_file(tmp_path / "out" / "proof.json")["checks"]


def test_a_step_says_its_number_base_and_size(tmp_path: Path, base: Path, trained: Tensors) -> None:
    found = detect(write_v1(tmp_path / "results" / "step_138", base, trained).parent)
    assert (found.step, found.base, found.dtypes) == (138, str(base), {"F32": len(trained)})
    assert found.parameters == sum(value.numel() for value in trained.values())


def test_without_a_base_the_source_keeps_its_dtype_and_says_what_was_not_checked(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    source = write_sharded(tmp_path / "step_1", base, trained)
    result = convert(workspace, source, tmp_path / "out")
    expect_equal(load_folder(tmp_path / "out"), trained, torch.float32)
    assert result["proof"]["keys"] == "not checked: no_base"
    assert result["proof"]["weights"] == "passed"


def test_many_files_have_an_index_that_transformers_reads(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    from transformers import AutoModelForCausalLM

    source = write_v2(tmp_path / "step_1", base, trained)
    # the smallest allowed size still holds the tiny model, so two tensors are made large
    big = {**trained, "extra.one": torch.randn(600, 1000), "extra.two": torch.randn(600, 1000)}
    shutil.rmtree(source)
    source = write_v2(tmp_path / "step_1", base, big)
    result = convert(workspace, source, tmp_path / "out", base=str(base), dtype="f16", shard_bytes=1_000_000)
    index = read_json_file(tmp_path / "out" / "model.safetensors.index.json")
    assert len(set(index["weight_map"].values())) > 1
    expect_equal(load_folder(tmp_path / "out"), big, torch.float16)
    assert result["proof"]["keys"] == "failed"
    loaded: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float16)
    assert torch.equal(loaded.lm_head.weight, big["lm_head.weight"].half())


def test_a_tied_head_is_no_missing_tensor(tmp_path: Path, workspace: Workspace, base: Path) -> None:
    from safetensors.torch import save_file

    tied = tmp_path / "tied"
    shutil.copytree(base, tied)
    config = read_json_file(tied / "config.json") | {"tie_word_embeddings": True}
    (tied / "config.json").write_text(json.dumps(config))
    stored = {name: value for name, value in load_folder(base).items() if name != "lm_head.weight"}
    save_file(stored, tied / "model.safetensors", metadata={"format": "pt"})
    tensors = train_a_little(stored)
    with_head = {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"].clone()}
    source = write_v1(tmp_path / "step_1", tied, with_head)
    result = convert(workspace, source, tmp_path / "out", base=str(tied))
    assert result["proof"]["keys"] == "passed"


def test_a_model_equal_to_its_base_fails_the_proof(tmp_path: Path, workspace: Workspace, base: Path) -> None:
    frozen = {name: value.float() for name, value in load_folder(base).items()}
    result = convert(workspace, write_v1(tmp_path / "step_1", base, frozen), tmp_path / "out", base=str(base))
    assert result["proof"]["differs"] == "failed"


def test_a_nan_fails_the_proof(tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors) -> None:
    broken = {name: value.clone() for name, value in trained.items()}
    broken["model.norm.weight"][3] = float("nan")
    result = convert(workspace, write_v1(tmp_path / "step_1", base, broken), tmp_path / "out", base=str(base))
    assert result["proof"]["finite"] == "failed"


def narrow(name: str, value: torch.Tensor) -> torch.Tensor:
    """A feed-forward block of 96 instead of 128."""
    if name.endswith(("up_proj.weight", "gate_proj.weight")):
        return value[:96]
    return value[:, :96].contiguous() if name.endswith("down_proj.weight") else value


def test_fewer_layers_and_narrower_blocks_change_the_configuration_and_nothing_else(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    from transformers import AutoModelForCausalLM

    pruned = {name: narrow(name, value) for name, value in trained.items() if ".layers.1." not in name}
    result = convert(workspace, write_v2(tmp_path / "step_1", base, pruned), tmp_path / "out", base=str(base))
    config, before = read_json_file(tmp_path / "out" / "config.json"), read_json_file(base / "config.json")
    changed = {key for key in config if config[key] != before.get(key)}
    assert changed <= {"num_hidden_layers", "intermediate_size", "layer_types"}
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 96)
    loaded: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.num_parameters() == sum(value.numel() for value in pruned.values())
    assert result["proof"]["keys"] == "passed"


def test_a_reward_model_keeps_its_head(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    from transformers import AutoModelForSequenceClassification

    reward = {name: value for name, value in trained.items() if name != "lm_head.weight"}
    reward["score.weight"] = torch.randn(1, 64)
    convert(workspace, write_v1(tmp_path / "step_1", base, reward), tmp_path / "out", base=str(base))
    loaded: Any = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", dtype=torch.bfloat16)
    assert torch.equal(loaded.score.weight, reward["score.weight"].bfloat16())


@pytest.mark.parametrize("name", ["tmp_step_7", "old_step_7"])
def test_a_checkpoint_that_is_being_saved_is_refused(
    name: str, tmp_path: Path, base: Path, trained: Tensors
) -> None:
    with pytest.raises(InputError) as raised:
        detect(write_v1(tmp_path / name, base, trained))
    assert raised.value.code == "checkpoint_unfinished"


class Planted:
    """Runs a command when an ordinary unpickler reads it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def test_a_planted_pickle_is_refused_and_does_not_run(tmp_path: Path, base: Path, trained: Tensors) -> None:
    source = write_v1(tmp_path / "step_1", base, trained)
    marker = tmp_path / "ran"
    (source / "policy" / "weights" / ".metadata").write_bytes(pickle.dumps(Planted(marker)))
    with pytest.raises(InputError) as raised:
        detect(source)
    assert raised.value.code == "pickle_refused"
    torch.save({"a": Planted(marker)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError) as raised:
        detect(tmp_path / "pytorch_model.bin")
    assert raised.value.code == "pickle_refused"
    assert not marker.exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_half_written_files_and_missing_shards_are_told(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    source = write_v1(tmp_path / "step_1", base, trained)
    data = next((source / "policy" / "weights").glob("*.distcp"))
    cut(data)
    with pytest.raises(InputError) as raised:
        convert(workspace, source, tmp_path / "out", base=str(base))
    assert raised.value.code in ("checkpoint_short", "torch_file_damaged")
    assert not (tmp_path / "out").exists()
    data.unlink()
    with pytest.raises(InputError) as raised:
        convert(workspace, source, tmp_path / "out", base=str(base))
    assert raised.value.code == "checkpoint_file_missing"
    sharded = write_sharded(tmp_path / "step_2", base, trained)
    next((sharded / "policy" / "weights" / "model").glob("shard-00002*")).unlink()
    with pytest.raises(InputError) as raised:
        convert(workspace, sharded, tmp_path / "out", base=str(base))
    assert raised.value.code in ("pieces_incomplete", "tensors_missing")


def test_an_index_that_points_outside_its_folder_is_refused(tmp_path: Path, base: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    index = {"weight_map": {"a": "../base.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError) as raised:
        detect(folder)
    assert raised.value.code == "path_leaves_folder"


def test_a_cancelled_conversion_leaves_no_file_under_the_final_name_and_goes_on_later(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    source = write_v1(tmp_path / "step_1", base, trained)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    job = make_job(workspace, "convert", "job-cancel", asked=(1, "cancel"))
    with pytest.raises(CancelRequested):
        run({"source": str(source), "target": str(tmp_path / "out"), "base": str(base)}, job)
    job.close()
    # so that the job itself can be resumed
    assert JobFolder(workspace.jobs / "job-cancel").has_work()
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "out.part").glob("*.safetensors"))
    convert(workspace, source, tmp_path / "out", base=str(base))
    expect_equal(load_folder(tmp_path / "out"), trained, torch.bfloat16)
    assert before == {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}


def test_targets_that_would_destroy_something_are_refused(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    source = write_v1(tmp_path / "step_1", base, trained)
    full = tmp_path / "full"
    full.mkdir()
    (full / "keep.txt").write_text("mine")
    cases = {"target_not_empty": full, "target_in_source": source / "out"}
    for code, target in cases.items():
        with pytest.raises(WorkbenchError) as raised:
            convert(workspace, source, target, base=str(base))
        assert raised.value.code == code
    assert (full / "keep.txt").read_text() == "mine"


def test_a_second_conversion_into_the_same_target_is_refused(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    from filelock import FileLock

    source = write_v1(tmp_path / "step_1", base, trained)
    with FileLock(tmp_path / "out.lock"), pytest.raises(StateError) as raised:
        convert(workspace, source, tmp_path / "out", base=str(base))
    assert raised.value.code == "conversion_running"


def test_other_users_may_read_the_files(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    convert(workspace, write_v1(tmp_path / "step_1", base, trained), tmp_path / "out", base=str(base))
    assert stat.S_IMODE((tmp_path / "out" / "model.safetensors").stat().st_mode) == 0o644


def test_a_training_of_the_template_carries_its_own(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    source = write_v1(tmp_path / "step_1", base, trained)
    (source / "policy" / "tokenizer" / "chat_template.jinja").write_text("{{ messages }} changed")
    result = convert(workspace, source, tmp_path / "out", base=str(base))
    assert "changed" in (tmp_path / "out" / "chat_template.jinja").read_text()
    assert result["proof"]["template"] == "passed"


def test_without_a_target_the_model_is_an_artifact_with_its_lineage(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    source = write_v1(tmp_path / "step_1", base, trained)
    job = make_job(workspace, "convert", "job-artifact")
    try:
        result = run({"source": str(source), "base": str(base), "name": "mine"}, job)
        artifact = job.artifacts.get(result["artifact"])
    finally:
        job.close()
    assert {ref.id for ref in artifact.inputs} == {str(source), str(base)}
    assert {"model.safetensors", "proof.json", "config.json"} <= {entry.path for entry in artifact.files}
