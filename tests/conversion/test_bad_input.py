"""Whatever is wrong is told in one sentence; the source stays as it was, and nothing half-done gets the final name."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.conversion.checkpoints import load_folder, read_json_file, train_a_little, write_v1, write_v2
from tests.conversion.test_convert import convert, prove_here  # noqa: F401
from workbench.conversion import part_files, plan
from workbench.conversion.detect import detect
from workbench.errors import InputError, ResourceError, StateError, WorkbenchError
from workbench.i18n import render_error
from workbench.paths import Workspace

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def source(tmp_path: Path, base: Path, trained: Tensors) -> Path:
    return write_v1(tmp_path / "step_3", base, trained)


@pytest.fixture
def plain(tmp_path: Path, base: Path) -> Path:
    """A model folder of its own, in two files with an index."""
    from safetensors.torch import save_file

    folder = tmp_path / "plain"
    shutil.copytree(base, folder)
    (folder / "model.safetensors").unlink()
    tensors = train_a_little(load_folder(base))
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        save_file({name: tensors[name] for name in part}, folder / f"model-0000{number}-of-00002.safetensors")
    weight_map = {name: f"model-0000{1 + place % 2}-of-00002.safetensors" for place, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": weight_map})
    )
    return folder


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def expect(code: str, workspace: Workspace, source: Path, target: Path, **options: Any) -> WorkbenchError:
    """The conversion is refused with this sentence, and nothing has changed."""
    before = snapshot(source)
    with pytest.raises(WorkbenchError) as raised:
        convert(workspace, source, target, **options)
    assert raised.value.code == code, raised.value
    for lang in ("ja", "en"):
        said = render_error(raised.value, lang)  # type: ignore[arg-type]
        assert said.message
        assert said.hint
        assert "{" not in said.message
    assert snapshot(source) == before
    assert not target.exists() or not any(target.iterdir())
    return raised.value


def first(folder: Path, pattern: str) -> Path:
    return sorted(folder.rglob(pattern))[0]


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a shard that ends early": ("checkpoint_short", lambda f: halve(first(f, "model-00002*"))),
    "an empty shard": ("safetensors_damaged", lambda f: first(f, "model-00001*").write_bytes(b"")),
    "a missing shard": ("checkpoint_file_missing", lambda f: first(f, "model-00002*").unlink()),
    "half an index": ("index_damaged", lambda f: halve(first(f, "*.index.json"))),
    "a configuration that is no JSON": ("model_config_unreadable", lambda f: halve(f / "config.json")),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_half_written_models_are_refused(
    name: str, tmp_path: Path, workspace: Workspace, plain: Path
) -> None:
    code, damage = DAMAGED[name]
    damage(plain)
    expect(code, workspace, plain, tmp_path / "out")


def test_half_a_table_of_contents_is_refused(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path
) -> None:
    halve(first(source, ".metadata"))
    expect("pickle_damaged", workspace, source, tmp_path / "out", base=str(base))


def test_a_checkpoint_that_names_files_outside_its_folder_is_refused(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path
) -> None:
    path = first(source, ".metadata")
    metadata = pickle.loads(path.read_bytes())
    for info in metadata.storage_data.values():
        info.relative_path = "../../../secret"
    path.write_bytes(pickle.dumps(metadata))
    expect("path_leaves_folder", workspace, source, tmp_path / "out", base=str(base))


@pytest.mark.parametrize("name", ["tokenizer.json", "model-00001-of-00002.safetensors"])
def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    name: str, tmp_path: Path, workspace: Workspace, plain: Path
) -> None:
    outside = tmp_path / "outside"
    (plain / name).rename(outside)
    (plain / name).symlink_to(outside)
    error = expect("path_leaves_folder", workspace, plain, tmp_path / "out")
    assert error.params["path"] == name


def test_links_within_the_folder_and_those_of_a_hubs_cache_are_followed(
    tmp_path: Path, workspace: Workspace, plain: Path
) -> None:
    snapshots, blobs = tmp_path / "models--a--b" / "snapshots" / "c0ffee", tmp_path / "models--a--b" / "blobs"
    snapshots.mkdir(parents=True)
    blobs.mkdir()
    for path in plain.iterdir():
        shutil.copy(path, blobs / path.name)
        (snapshots / path.name).symlink_to(Path("../../blobs") / path.name)
    convert(workspace, snapshots, tmp_path / "out")
    assert not (tmp_path / "out" / "config.json").is_symlink()
    assert detect(snapshots).layout == "hf_safetensors"


def test_a_target_that_is_a_link_is_refused(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    expect("target_is_link", workspace, source, tmp_path / "out", base=str(base))
    assert not any((tmp_path / "real").iterdir())


def test_too_little_room_is_told_before_a_weight_is_written(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "find_free", lambda target: 1000)
    error = expect("conversion_disk_full", workspace, source, tmp_path / "out", base=str(base))
    assert isinstance(error, ResourceError)
    assert not list((tmp_path / "out.part").glob("*.safetensors*"))


def test_a_disk_that_fills_up_leaves_no_file_under_its_final_name_and_it_goes_on(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(part_files, "os", SimpleNamespace(fsync=fail, fchmod=os.fchmod))
        expect("conversion_disk_filled", workspace, source, tmp_path / "out", base=str(base))
    assert not list((tmp_path / "out.part").glob("*.safetensors"))
    convert(workspace, source, tmp_path / "out", base=str(base))
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A place where nothing can be written, also for the superuser: below a file."""
    (tmp_path / "file").write_text("")
    yield tmp_path / "file"
    assert (tmp_path / "file").read_text() == ""


def test_a_place_where_nothing_can_be_written_is_told(
    workspace: Workspace, base: Path, source: Path, unwritable: Path
) -> None:
    expect("target_unwritable", workspace, source, unwritable / "out", base=str(base))


def bound_by_modes() -> list[str]:
    """What goes before a command so that the superuser, too, cannot write where the mode forbids it."""
    return ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []


def test_a_read_only_folder_is_told(tmp_path: Path, base: Path, source: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    target = str(locked / "out")
    command = [sys.executable, "-m", "workbench", "convert", str(source), target, "--to", "safetensors"]
    options = ["--base", str(base), "--json", "--workspace", str(tmp_path / "workspace")]
    before = snapshot(source)
    ran = subprocess.run(
        [*bound_by_modes(), *command, *options], capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode not in (0, 1), ran.stdout
    assert json.loads(ran.stdout)["error"]["code"] == "target_unwritable", ran.stdout + ran.stderr
    assert snapshot(source) == before
    assert list(locked.iterdir()) == []


def grow_tokenizer(folder: Path, tokens: int) -> None:
    content = read_json_file(folder / "tokenizer.json")
    content["added_tokens"].append({**content["added_tokens"][0], "id": tokens - 1, "content": "<new>"})
    (folder / "tokenizer.json").write_text(json.dumps(content))


def test_tokens_without_a_row_in_the_embedding_are_refused_unless_accepted(
    tmp_path: Path, workspace: Workspace, plain: Path
) -> None:
    rows = read_json_file(plain / "config.json")["vocab_size"]
    grow_tokenizer(plain, rows + 1)
    error = expect("tokens_without_rows", workspace, plain, tmp_path / "out")
    assert error.params == {"tokens": rows + 1, "rows": rows}
    convert(workspace, plain, tmp_path / "out", accept_tokenizer=True)


@pytest.mark.parametrize("to", ["gguf", "ollama"])
def test_gguf_and_ollama_refuse_a_model_without_a_tokenizer(
    to: str, tmp_path: Path, workspace: Workspace, plain: Path
) -> None:
    for path in plain.glob("*token*"):
        path.unlink()
    expect("tokenizer_absent", workspace, plain, tmp_path / "out", to=to)


def test_safetensors_without_a_tokenizer_say_what_was_not_checked(
    tmp_path: Path, workspace: Workspace, plain: Path
) -> None:
    for path in plain.glob("*token*"):
        path.unlink()
    result = convert(workspace, plain, tmp_path / "out")
    assert result["proof"]["tokenizer"] == "not checked: no_source"
    assert "failed" not in result["proof"].values()


def test_a_base_of_another_kind_is_refused_before_anything_is_written(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    wide = {
        name: value.repeat(1, 2) if name.endswith("q_proj.weight") else value
        for name, value in trained.items()
    }
    source = write_v2(tmp_path / "step_5", base, wide)
    error = expect("base_differs", workspace, source, tmp_path / "out", base=str(base))
    assert error.params["found"] == "[64, 128]"
    renamed = {name.replace("model.layers", "transformer.h"): value for name, value in trained.items()}
    other = write_v2(tmp_path / "step_6", base, renamed)
    expect("base_differs", workspace, other, tmp_path / "out", base=str(base))


def test_rows_for_new_tokens_change_the_configuration(
    tmp_path: Path, workspace: Workspace, base: Path, trained: Tensors
) -> None:
    more = {
        name: torch.cat([value, torch.randn(8, 64)])
        if name in ("model.embed_tokens.weight", "lm_head.weight")
        else value
        for name, value in trained.items()
    }
    result = convert(workspace, write_v2(tmp_path / "step_5", base, more), tmp_path / "out", base=str(base))
    rows = read_json_file(base / "config.json")["vocab_size"]
    assert read_json_file(tmp_path / "out" / "config.json")["vocab_size"] == rows + 8
    assert result["proof"]["answers"] == "passed"


def test_a_tokenizer_that_gives_other_tokens_waits_for_a_persons_word(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path
) -> None:
    path = source / "policy" / "tokenizer" / "tokenizer.json"
    content = read_json_file(path)
    content["model"]["merges"] = content["model"]["merges"][:20]
    path.write_text(json.dumps(content))
    with pytest.raises(StateError) as raised:
        convert(workspace, source, tmp_path / "out", base=str(base))
    assert raised.value.code == "tokenizer_not_confirmed"
    assert int(raised.value.params["equal"]) < int(raised.value.params["texts"])
    part = Path(str(raised.value.params["path"]))
    assert not (tmp_path / "out").exists()
    written = (part / "model.safetensors").stat().st_mtime_ns
    result = convert(workspace, source, tmp_path / "out", base=str(base), accept_tokenizer=True)
    assert result["proof"]["tokenizer"] == "failed"
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == written


def test_a_megatron_checkpoint_names_the_containers_command_and_writes_nothing(
    tmp_path: Path, workspace: Workspace, base: Path, source: Path
) -> None:
    weights = source / "policy" / "weights"
    shutil.rmtree(weights)
    (weights / "iter_0000000").mkdir(parents=True)
    (weights / "iter_0000000" / "common.pt").write_bytes(b"")
    assert detect(source).layout == "nemo_megatron"
    error = expect("checkpoint_needs_container", workspace, source, tmp_path / "out", base=str(base))
    command = str(error.params["command"])
    assert command.startswith("docker run --rm --gpus all")
    for word in (
        f"-v {source}:/checkpoint:ro",
        f"-v {base}:/base:ro",
        "nvcr.io/nvidia/nemo-rl:",
        "--config /checkpoint/config.yaml",
        "--megatron-ckpt-path /checkpoint/policy/weights/iter_0000000",
        "--hf-ckpt-path /out/out",
    ):
        assert word in command
    assert not list(tmp_path.glob("out*"))


def test_the_plan_of_a_megatron_checkpoint_is_its_command(tmp_path: Path, source: Path) -> None:
    from workbench.conversion.detect import find_place
    from workbench.schemas.conversion import ConvertConfig

    weights = source / "policy" / "weights"
    shutil.rmtree(weights)
    (weights / "iter_0000000").mkdir(parents=True)
    settings = ConvertConfig(source=str(source), target=str(tmp_path / "out"))
    work = plan.prepare(settings, find_place(source))
    found = plan.describe_plan(settings, detect(source), work, tmp_path / "out")
    assert found.command[:2] == ("docker", "run")
    with pytest.raises(InputError):
        work.write(tmp_path, lambda size: None)
