"""Running a conversion, and reading what it wrote with the format's own package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

from tests.training.support import make_job
from workbench.conversion.detect import find_place
from workbench.conversion.plan import prepare
from workbench.conversion.run import run
from workbench.paths import Workspace
from workbench.schemas.conversion import ConvertConfig


def write(source: Path, folder: Path, **options: Any) -> Path:
    """Convert without a job and without a proof; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = ConvertConfig(source=str(source), **options)
    work = prepare(settings, find_place(source))
    sizes: list[int] = []
    try:
        planned = work.files[-1]
        work.write(folder, sizes.append)
    finally:
        work.close()
    path = folder / planned.name
    if len(work.files) == 1:
        assert path.stat().st_size == planned.bytes == sum(sizes)
    return path


def convert(workspace: Workspace, source: Path, target: Path, **options: Any) -> dict[str, Any]:
    """Convert as a job, proof included."""
    job = make_job(workspace, "convert", f"job-{target.name}")
    try:
        return run({"source": str(source), "target": str(target), **options}, job)
    finally:
        job.close()


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors in float32."""
    found: dict[str, torch.Tensor] = {}
    for tensor in GGUFReader(path).tensors:
        shape = tuple(int(side) for side in reversed(tensor.shape))
        values = np.array(dequantize(np.array(tensor.data), tensor.tensor_type), np.float32)
        found[tensor.name] = torch.from_numpy(values.reshape(shape))
    return found


def read_types(path: Path) -> dict[str, str]:
    return {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(path).tensors}


def read_settings(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}
