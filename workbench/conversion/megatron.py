"""Megatron checkpoints: only Megatron's own libraries read them. The command for NeMo RL's container, shown and not run."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from workbench.conversion.detect import Place, find_base
from workbench.errors import InputError
from workbench.schemas.conversion import ConvertConfig, PlannedFile

IMAGE = "nvcr.io/nvidia/nemo-rl:v0.5.0"
"""For both amd64 and arm64. The tag of the training is the safest choice: formats change between versions."""
_SCRIPT = "examples/converters/convert_megatron_to_hf.py"
_STEP, _BASE, _OUT = "/checkpoint", "/base", "/out"


@dataclass(frozen=True)
class MegatronWork:
    """A plan whose work another program does; see `Work`."""

    place: Place
    settings: ConvertConfig
    dtype: str = "source"
    peak_bytes: int = 0

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """Not known: the container decides."""
        return ()

    @property
    def command(self) -> tuple[str, ...]:
        """What a person runs."""
        return build_command(self.place, self.settings)

    def write(self, folder: Path, written: Callable[[int], None]) -> None:
        """Refuse, with the command."""
        refuse(self.place, self.settings)

    def close(self) -> None:
        """Nothing is open."""


def refuse(place: Place, settings: ConvertConfig) -> NoReturn:
    """Say what to run instead.

    Raises:
        InputError: `checkpoint_needs_container`.
    """
    command = shlex.join(build_command(place, settings))
    raise InputError("checkpoint_needs_container", path=str(place.weights), command=command)


def build_command(place: Place, settings: ConvertConfig) -> tuple[str, ...]:
    """`docker run ...` that makes a Hugging Face folder of the checkpoint; the checkpoint is mounted read-only."""
    step = place.run_config.parent if place.run_config is not None else place.weights.parent
    target = (
        Path(settings.target).expanduser().absolute()
        if settings.target
        else step.with_name(f"{step.name}-hf")
    )
    model, mounts = _name_base(place, settings)
    mounts = [(str(step), f"{_STEP}:ro"), *mounts, (str(target.parent), _OUT)]
    return (
        *("docker", "run", "--rm", "--gpus", "all", "--shm-size", "16g", "-w", "/opt/nemo-rl"),
        *(word for source, place_inside in mounts for word in ("-v", f"{source}:{place_inside}")),
        *(IMAGE, "uv", "run", "--extra", "mcore", "python", _SCRIPT),
        *("--config", f"{_STEP}/config.yaml", "--hf-model-name", model),
        *("--megatron-ckpt-path", f"{_STEP}/{place.weights.relative_to(step)}"),
        *("--hf-ckpt-path", f"{_OUT}/{target.name}"),
    )


def _name_base(place: Place, settings: ConvertConfig) -> tuple[str, list[tuple[str, str]]]:
    """How the container calls the base model, and what must be mounted for it."""
    base = settings.base or find_base(place)
    if base.startswith(("/", "~", ".")):
        return _BASE, [(str(Path(base).expanduser().absolute()), f"{_BASE}:ro")]
    return base or "MODEL", []
