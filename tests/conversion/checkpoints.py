"""Makes real checkpoints in every layout, with torch's own writers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.distributed import checkpoint as dcp

Tensors = dict[str, torch.Tensor]


def train_a_little(tensors: Tensors) -> Tensors:
    """Float32 copies with one weight moved: what a training run would save."""
    trained = {name: value.float().clone() for name, value in tensors.items()}
    first = next(name for name in trained if name.endswith("q_proj.weight"))
    trained[first] += 0.01
    return trained


def write_step(folder: Path, base: Path, *, tokenizer: bool = True) -> Path:
    """The folder of a NeMo RL step without weights; returns `policy/weights`."""
    weights = folder / "policy" / "weights"
    weights.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"policy": {"model_name": str(base)}}))
    (folder / "training_info.json").write_text("{}")
    if tokenizer:
        (folder / "policy" / "tokenizer").mkdir()
        for path in base.glob("*token*"):
            shutil.copy(path, folder / "policy" / "tokenizer" / path.name)
        for path in base.glob("*.jinja"):
            shutil.copy(path, folder / "policy" / "tokenizer" / path.name)
    return weights


def save_dcp(state: dict[str, Any], folder: Path) -> None:
    """A distributed checkpoint by one process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=str(folder), no_dist=True)


def write_v1(folder: Path, base: Path, tensors: Tensors) -> Path:
    """DTensor v1: keys under `model.`."""
    save_dcp({"model": tensors}, write_step(folder, base))
    return folder


def write_v2(folder: Path, base: Path, tensors: Tensors) -> Path:
    """DTensor v2 with `torch_save`: flat keys in `model/`."""
    save_dcp(dict(tensors), write_step(folder, base) / "model")
    return folder


_SHARDED = """
import json, sys, torch, torch.distributed as dist, warnings
warnings.simplefilter("ignore")
from safetensors.torch import load_file
from torch.distributed import checkpoint as dcp
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
rank, world, store, source, target, form = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=world)
mesh = init_device_mesh("cpu", (world,))
state = {name: distribute_tensor(value, mesh, [Shard(0)]) for name, value in load_file(source).items()}
if form == "dcp":
    dcp.save(state, checkpoint_id=target)
else:
    mapping = {name: 1 for name in state}
    dcp.save(state, storage_writer=HuggingFaceStorageWriter(target, mapping, save_distributed=True))
dist.destroy_process_group()
"""


def save_by_ranks(tensors: Tensors, folder: Path, form: str, ranks: int = 3) -> None:
    """What three processes write who hold a third of every tensor each (gloo, CPU)."""
    from safetensors.torch import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    source, store = folder.parent / "whole.safetensors", folder.parent / "store"
    save_file(tensors, source)
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                _SHARDED,
                str(rank),
                str(ranks),
                str(store),
                str(source),
                str(folder),
                form,
            ],
            stderr=subprocess.PIPE,
        )
        for rank in range(ranks)
    ]
    errors = [worker.communicate()[1].decode() for worker in workers]
    assert all(worker.returncode == 0 for worker in workers), errors
    source.unlink()
    store.unlink(missing_ok=True)


def write_hf_metadata(model: Path, base: Path) -> None:
    """The folder `.hf_metadata` that stands beside sharded safetensors."""
    target = model / ".hf_metadata"
    target.mkdir()
    for path in base.glob("*.json"):
        shutil.copy(path, target / path.name)


def load_folder(folder: Path) -> Tensors:
    """All tensors of a model folder, by the safetensors library."""
    from safetensors.torch import load_file

    found: Tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found


def read_json_file(path: Path) -> Any:
    """A JSON file's content."""
    return json.loads(path.read_text(encoding="utf-8"))
