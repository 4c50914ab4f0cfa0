"""Checkpoints of a run: which one is whole, and making sure that it stays so after a power cut.

The trainer writes a checkpoint file by file, `trainer_state.json` last. A process that was killed in the
middle leaves a folder that must not be resumed from.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workbench.errors import InputError
from workbench.training.weights import read_header

logger = logging.getLogger(__name__)

STATE_FILE = "trainer_state.json"
ADAPTER_FILE = "adapter_model.safetensors"
_NAME = re.compile(r"checkpoint-(\d+)")
# torch.save writes zip archives: a file that was cut off has no directory at its end
_ARCHIVES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that can be resumed from."""

    path: Path
    step: int
    tokens: int
    """Tokens trained on up to here, all runs of the job together."""


def find_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint, or None where there is none."""
    for step, path in sorted(_numbered(folder), reverse=True):
        state = _read_whole(path, step)
        if state is not None:
            return Checkpoint(path, step, count_tokens(state.get("log_history", ())))
        logger.warning("%s is not whole; looking for an older one", path.name)
    return None


def drop_broken(folder: Path, newest: Checkpoint | None) -> list[str]:
    """Delete the half-written checkpoints after the newest whole one; their names.

    Left in place they would count as newer than what the resumed run saves, and push it out.
    """
    kept = newest.step if newest else -1
    broken = [path for step, path in _numbered(folder) if step > kept]
    for path in broken:
        shutil.rmtree(path)
    return [path.name for path in broken]


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    found = [(path, _NAME.fullmatch(path.name)) for path in folder.glob("checkpoint-*") if path.is_dir()]
    return [(int(match.group(1)), path) for path, match in found if match]


def _read_whole(path: Path, step: int) -> dict[str, Any] | None:
    """The trainer's state if the checkpoint is whole."""
    try:
        state = cast("dict[str, Any]", json.loads((path / STATE_FILE).read_text(encoding="utf-8")))
        if state["global_step"] != step:
            return None
        read_header(path / ADAPTER_FILE)
        json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
        for name in _ARCHIVES:
            with zipfile.ZipFile(path / name) as archive:
                if archive.testzip() is not None:
                    return None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, InputError):
        return None
    return state


def count_tokens(history: Sequence[Mapping[str, Any]]) -> int:
    """Tokens trained on, from a trainer's log.

    The trainer counts from zero again after every resume; the ends of all counts are added up.
    """
    total = last = 0
    for entry in history:
        value = entry.get("num_tokens", entry.get("eval_num_tokens"))
        if not isinstance(value, int | float):
            continue
        if value < last:
            total += last
        last = int(value)
    return total + last


def sync_folder(folder: Path) -> None:
    """Wait until the disk holds every file of a folder, so that a power cut does not take it back."""
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
