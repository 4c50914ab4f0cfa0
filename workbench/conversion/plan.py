"""What a conversion will write and need, before a weight is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.conversion.casting import NAMES
from workbench.conversion.detect import Place, detect, find_place, open_source
from workbench.conversion.megatron import MegatronWork
from workbench.conversion.merge import Adapter, MergedSource
from workbench.conversion.part_files import Written, is_written
from workbench.conversion.sidecars import Sidecars, gather
from workbench.conversion.sources.base import BLOCK_BYTES, TensorInfo, TensorSource
from workbench.conversion.sources.files import closed_on_error
from workbench.conversion.vocabulary import EMBEDDINGS, check_vocabulary
from workbench.conversion.writer import OutputFile, build_index, plan_files, write_file
from workbench.errors import InputError, ResourceError
from workbench.schemas.conversion import ConversionPlan, ConvertConfig, Detected, Dtype, PlannedFile, Target

RESERVE = 500_000_000
"""Bytes left free on the disk, so that other jobs can still write."""
BYTES_PER_SECOND = 400_000_000
"""For the estimate before anything is measured: a plain copy on a solid-state disk."""
TORCH_BYTES = 250_000_000
BARE_BYTES = 60_000_000
INDEX = "model.safetensors.index.json"


class Work(Protocol):
    """A conversion that is ready to run."""

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """What will be written, with exact sizes."""
        ...

    @property
    def dtype(self) -> str:
        """Dtype of the output, as shown."""
        ...

    @property
    def peak_bytes(self) -> int:
        """Estimate of the process's peak memory."""
        ...

    def write(self, folder: Path, written: Written) -> None:
        """Write everything into a folder; goes on where an earlier attempt stopped."""
        ...

    def close(self) -> None:
        """Close the source."""
        ...


@dataclass(frozen=True)
class SafetensorsWork:
    """A model folder in safetensors files."""

    source: TensorSource
    outputs: tuple[OutputFile, ...]
    sidecars: Sidecars
    dtype: str
    peak_bytes: int

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """See `Work`."""
        weights = [
            PlannedFile(name=file.name, bytes=file.bytes, tensors=len(file.tensors)) for file in self.outputs
        ]
        others = {name: path.stat().st_size for name, path in self.sidecars.copies.items()}
        others |= {name: len(content) for name, content in self.sidecars.written.items()}
        if len(self.outputs) > 1:
            others[INDEX] = len(build_index(self.outputs))
        return (*weights, *(PlannedFile(name=name, bytes=size, tensors=0) for name, size in others.items()))

    def write(self, folder: Path, written: Written) -> None:
        """See `Work`."""
        for file in self.outputs:
            if is_written(file, folder):
                written(file.bytes)
            else:
                write_file(file, self.source, folder, written)
        self.sidecars.write(folder)
        if len(self.outputs) > 1:
            (folder / INDEX).write_bytes(build_index(self.outputs))

    def close(self) -> None:
        """See `Work`."""
        self.source.close()


def prepare_safetensors(settings: ConvertConfig, place: Place) -> Work:
    """A checkpoint as a model folder."""
    if place.layout in ("peft", "nemo_peft"):
        raise InputError("adapter_not_model", path=str(place.weights))
    if place.layout == "gguf":
        raise InputError("gguf_is_final", path=str(place.weights))
    base = find_base_folder(settings)
    dtype = choose_dtype(settings, base)
    source = open_source(place)
    with closed_on_error(source):
        if base is not None:
            check_base(source.infos, find_place(base))
        sidecars = gather(place, base, source.infos.values())
        if not settings.accept_tokenizer:
            check_vocabulary(sidecars.copies.get("tokenizer.json"), source.infos.values())
        outputs = tuple(plan_files(source.infos.values(), dtype, settings.shard_bytes))
    return SafetensorsWork(source, outputs, sidecars, dtype or "source", BARE_BYTES + 6 * BLOCK_BYTES)


def check_base(infos: Mapping[str, TensorInfo], home: Place) -> None:
    """Refuse a base of another kind: its configuration would describe another model.

    Fewer layers, narrower feed-forward blocks, other heads and resized embeddings are no other kind.

    Raises:
        InputError: `base_differs`.
    """
    base = open_source(home)
    theirs = dict(base.infos)
    base.close()
    shared = [name for name in infos if name in theirs]
    if 2 * len(shared) < len(infos):
        raise InputError("base_differs", name=next(iter(infos), "")[:200], wanted="-", found="-")
    for name in shared:
        mine, other = infos[name].shape, theirs[name].shape
        if mine != other and not name.endswith(_MAY_DIFFER):
            raise InputError("base_differs", name=name[:200], wanted=str(list(other)), found=str(list(mine)))


_MAY_DIFFER = (
    *("up_proj.weight", "gate_proj.weight", "down_proj.weight", "up_proj.bias", "gate_proj.bias"),
    *("score.weight", "lm_head.weight", *EMBEDDINGS),
)


def prepare_merged(settings: ConvertConfig, place: Place) -> Work:
    """An adapter merged into its base."""
    if place.layout not in ("peft", "nemo_peft"):
        raise InputError("not_an_adapter", path=str(place.weights))
    base = find_base_folder(settings)
    if base is None:
        raise InputError("base_needed", path=str(place.weights))
    home = find_place(base)
    dtype = name_dtype(settings.dtype) if settings.dtype is not None else ""
    tokenizer = place.tokenizer or home.tokenizer
    source = open_merged(home, Adapter(place.weights))
    with closed_on_error(source):
        surroundings = Place(home.layout, home.weights, home.config, tokenizer)
        sidecars = gather(surroundings, base, source.infos.values())
        if not settings.accept_tokenizer:
            check_vocabulary(sidecars.copies.get("tokenizer.json"), source.infos.values())
        outputs = tuple(plan_files(source.infos.values(), dtype, settings.shard_bytes))
    peak = TORCH_BYTES + 6 * BLOCK_BYTES + 2 * source.largest_delta
    return SafetensorsWork(source, outputs, sidecars, dtype or "base", peak)


def open_merged(home: Place, adapter: Adapter) -> MergedSource:
    """A base with an adapter merged in; where they do not fit, both are closed."""
    with closed_on_error(adapter):
        base = open_source(home)
        with closed_on_error(base):
            return MergedSource(base, adapter)


def find_base_folder(settings: ConvertConfig) -> Path | None:
    """The base model's folder.

    Raises:
        InputError: `base_missing`.
    """
    if not settings.base:
        return None
    base = Path(settings.base).expanduser()
    if not (base / "config.json").is_file():
        raise InputError("base_missing", path=str(base))
    return base


def choose_dtype(settings: ConvertConfig, base: Path | None) -> str:
    """The wanted dtype in safetensors' names: the option's, else most of the base's weights, else the source's.

    Training keeps float32 copies of the weights; left as they are, everything after would be twice as large.
    """
    if settings.dtype is not None:
        return name_dtype(settings.dtype)
    if base is None:
        return ""
    found = detect(base).dtypes
    return max(found, key=lambda name: found[name]) if found else ""


def name_dtype(dtype: Dtype) -> str:
    """The option's value in safetensors' names.

    Raises:
        InputError: `dtype_is_gguf`.
    """
    if dtype not in NAMES:
        raise InputError("dtype_is_gguf", dtype=dtype)
    return NAMES[dtype]


def prepare_gguf(settings: ConvertConfig, place: Place) -> Work:
    """A model, or an adapter merged into its base, as a GGUF file."""
    # the package that knows the format is loaded only where it is needed
    from workbench.conversion.gguf.work import prepare_gguf as prepare_file

    return prepare_file(settings, place)


def prepare_gguf_adapter(settings: ConvertConfig, place: Place) -> Work:
    """An adapter alone as a GGUF file."""
    from workbench.conversion.gguf.work import prepare_adapter

    return prepare_adapter(settings, place)


def prepare_ollama(settings: ConvertConfig, place: Place) -> Work:
    """A model, or an adapter merged into its base, as a folder that Ollama takes."""
    from workbench.conversion.ollama.work import prepare_folder

    return prepare_folder(settings, place)


PREPARERS: dict[Target, Callable[[ConvertConfig, Place], Work]] = {
    "safetensors": prepare_safetensors,
    "merged": prepare_merged,
    "gguf": prepare_gguf,
    "gguf-adapter": prepare_gguf_adapter,
    "ollama": prepare_ollama,
}
"""What prepares each target."""


def prepare(settings: ConvertConfig, place: Place) -> Work:
    """Open the source and lay out the output; see `PREPARERS`. A plan with a `command` is not run here."""
    if place.layout == "nemo_megatron":
        return MegatronWork(place, settings)
    return PREPARERS[settings.to](settings, place)


def describe_plan(settings: ConvertConfig, detected: Detected, work: Work, target: Path) -> ConversionPlan:
    """The plan as it is shown."""
    total = sum(file.bytes for file in work.files)
    return ConversionPlan(
        detected=detected,
        to=settings.to,
        dtype=work.dtype,
        files=work.files,
        bytes=total,
        peak_bytes=work.peak_bytes,
        free_bytes=find_free(target),
        seconds=(detected.bytes + 2 * total) / BYTES_PER_SECOND,
        target=str(target),
        command=getattr(work, "command", ()),
    )


def find_free(target: Path) -> int:
    """Free bytes on the disk that will hold a path which may not exist yet."""
    place = target
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def check_space(plan: ConversionPlan) -> None:
    """Refuse what does not fit.

    Raises:
        ResourceError: `conversion_disk_full`.
    """
    if plan.free_bytes < plan.bytes + RESERVE:
        raise ResourceError(
            "conversion_disk_full", path=plan.target, needed=plan.bytes + RESERVE, free=plan.free_bytes
        )
