"""Which checkpoint a run goes on from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.training.checkpoints import count_tokens, drop_broken, find_checkpoint


def make_checkpoint(folder: Path, step: int, tokens: int = 100) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    save_file({"a": np.zeros(100, dtype=np.float32)}, str(path / "adapter_model.safetensors"))
    (path / "adapter_config.json").write_text("{}")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        with zipfile.ZipFile(path / name, "w") as archive:
            archive.writestr("data", b"0123456789" * 100)
    state = {"global_step": step, "log_history": [{"num_tokens": tokens}]}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


def test_the_newest_whole_checkpoint_is_found(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, 5)
    newest = make_checkpoint(tmp_path, 10, tokens=700)
    found = find_checkpoint(tmp_path)
    assert found is not None
    assert (found.path, found.step, found.tokens) == (newest, 10, 700)


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path / "none") is None


@pytest.mark.parametrize(
    "name",
    ["adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"],
)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_checkpoint_with_a_damaged_file_is_passed_over(tmp_path: Path, name: str, damage: str) -> None:
    whole = make_checkpoint(tmp_path, 5)
    broken = make_checkpoint(tmp_path, 10) / name
    data = broken.read_bytes()
    broken.unlink()
    if damage != "missing":
        broken.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    found = find_checkpoint(tmp_path)
    assert found is not None
    assert found.path == whole
    assert drop_broken(tmp_path, found) == ["checkpoint-10"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]


def test_a_flipped_byte_in_the_optimizer_is_noticed(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, 5)
    path = make_checkpoint(tmp_path, 10) / "optimizer.pt"
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    found = find_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 5


def test_tokens_of_several_runs_are_added_up() -> None:
    history = [
        {"num_tokens": 50},
        {"num_tokens": 90},
        {"eval_num_tokens": 95},
        {"num_tokens": 30},
        {"loss": 1.0},
    ]
    assert count_tokens(history) == 125
    assert count_tokens([]) == 0
