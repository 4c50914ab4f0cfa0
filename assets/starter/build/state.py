"""All that a training needs to go on exactly where it stopped, in one file."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn


def save_state(
    path: Path,
    step: int,
    settings: dict[str, Any],
    reader: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    rng: random.Random,
) -> None:
    """Keep what stands before `step`; a file of an earlier step is replaced in one go."""
    kept = {
        "step": step,
        "settings": settings,
        "reader": reader.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "rng": rng.getstate(),
        "torch": torch.get_rng_state(),
    }
    temporary = path.with_name(f".{path.name}.tmp")
    torch.save(kept, temporary)
    os.replace(temporary, path)


def restore_state(
    path: Path,
    settings: dict[str, Any],
    reader: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    rng: random.Random,
) -> int:
    """Take up what was kept.

    Returns:
        The step to go on with.

    Raises:
        ValueError: It was kept by a training with other settings.
    """
    kept = torch.load(path, weights_only=True)
    if kept["settings"] != settings:
        raise ValueError(f"{path} belongs to a training with other settings: {kept['settings']}")
    reader.load_state_dict(kept["reader"])
    for optimizer, state in zip(optimizers, kept["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    rng.setstate(kept["rng"])
    torch.set_rng_state(kept["torch"])
    return int(kept["step"])
