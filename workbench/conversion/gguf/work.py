"""Prepares GGUF files: of a model, of a base with an adapter merged on the fly, and of an adapter alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.conversion.detect import Place, find_place, has_tokenizer, open_source, read_config
from workbench.conversion.gguf.adapter import lay_out_adapter, title_of_adapter
from workbench.conversion.gguf.model import find_family, find_rows, lay_out_model, title_of
from workbench.conversion.gguf.official import prepare_official
from workbench.conversion.gguf.quantise import KINDS, Quantised, require_llama
from workbench.conversion.gguf.tensors import TYPES
from workbench.conversion.gguf.vocabulary import read_vocabulary
from workbench.conversion.gguf.writing import GgufFile, write_gguf
from workbench.conversion.merge import Adapter, MergedSource
from workbench.conversion.part_files import Written, is_written
from workbench.conversion.plan import BARE_BYTES, TORCH_BYTES, Work, find_base_folder
from workbench.conversion.sidecars import adapt_config, read_template
from workbench.conversion.sources.base import BLOCK_BYTES, TensorInfo, TensorSource
from workbench.conversion.sources.files import closed_on_error
from workbench.errors import InputError
from workbench.schemas.conversion import ConvertConfig, PlannedFile

ADAPTERS = ("peft", "nemo_peft")
FROM_SOURCE = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
VOCABULARY_BYTES = 120_000_000
"""Of a large tokenizer in memory, and of the package that knows the format."""


@dataclass(frozen=True)
class GgufWork:
    """One GGUF file, ready to be written."""

    source: TensorSource
    file: GgufFile
    quantised: Quantised | None
    dtype: str
    peak_bytes: int

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """See `Work`; the intermediate file of a K-quant is named because the disk must hold it."""
        step = PlannedFile(
            name=self.file.name,
            bytes=self.file.bytes,
            tensors=len(self.file.tensors),
            kept=self.quantised is None,
        )
        if self.quantised is None:
            return (step,)
        final = PlannedFile(
            name=self.quantised.name, bytes=self.quantised.bytes, tensors=len(self.file.tensors)
        )
        return (step, final)

    def write(self, folder: Path, written: Written) -> None:
        """See `Work`."""
        if self.quantised is not None:
            self.quantised.write(folder, written)
        elif is_written(self.file, folder):
            written(self.file.bytes)
        else:
            write_gguf(self.file, folder, written)

    def close(self) -> None:
        """See `Work`."""
        self.source.close()


@dataclass(frozen=True)
class Opened:
    """A model's weights and what stands around them."""

    source: TensorSource
    config: Mapping[str, Any]
    tokenizer: Path
    template: str
    title: str
    merges: bool


def prepare_gguf(settings: ConvertConfig, place: Place) -> Work:
    """A model, or a base with the adapter merged into it tensor by tensor, as one GGUF file.

    Raises:
        InputError: What opening raises; `tokenizer_absent`, `tokenizer_unsupported`, `vocabulary_too_large`,
            `base_needed`, `gguf_is_final`.
        ResourceError: `llama_missing` where K-quants are asked for and llama-cpp-python is absent.
    """
    home = find_home(settings, place)
    config = read_config(home)
    if find_family(config) is None:
        return prepare_official(settings, place, config)
    opened = open_model(settings, place, home)
    with closed_on_error(opened.source):
        return lay_out(opened, choose_dtype(settings, opened.source))


def lay_out(opened: Opened, dtype: str) -> GgufWork:
    """The file of an opened model; see `prepare_gguf`."""
    if dtype in KINDS:
        require_llama(dtype)
    infos = opened.source.infos
    vocabulary = read_vocabulary(opened.tokenizer, opened.config, find_rows(infos), opened.template)
    step = choose_step(infos) if dtype in KINDS else dtype
    file = lay_out_model(opened.source, opened.config, vocabulary, dtype=step, title=opened.title)
    quantised = Quantised(file, f"model-{dtype}.gguf", KINDS[dtype]) if dtype in KINDS else None
    return GgufWork(opened.source, file, quantised, dtype, estimate_peak(opened, file))


def find_home(settings: ConvertConfig, place: Place) -> Path:
    """The folder with the model's configuration.

    Raises:
        InputError: `base_needed`, `base_missing`, `gguf_is_final`.
    """
    if place.layout == "gguf":
        raise InputError("gguf_is_final", path=str(place.weights))
    base = find_base_folder(settings)
    home = base or (None if place.layout in ADAPTERS else place.config)
    if home is None or not (home / "config.json").is_file():
        raise InputError("base_needed", path=str(place.weights))
    return home


def open_model(settings: ConvertConfig, place: Place, home: Path) -> Opened:
    """Open the weights; an adapter's sums are not rounded before the file's own type rounds them."""
    tokens = home if has_tokenizer(home) else place.tokenizer
    if tokens is None:
        raise InputError("tokenizer_absent", path=str(home))
    trained = read_template(place.tokenizer) if place.tokenizer is not None else ""
    merges = place.layout in ADAPTERS
    source = open_merged_exactly(find_place(home), place.weights) if merges else open_source(place)
    with closed_on_error(source):
        config = read_config(home)
        config |= adapt_config(config, list(source.infos.values()))
        title = title_of(Path(settings.target or settings.name))
        return Opened(source, config, tokens, trained or read_template(tokens), title, merges)


def open_merged_exactly(home: Place, adapter: Path) -> MergedSource:
    """A base with an adapter merged in, in float32 wherever the adapter adds something."""
    opened = Adapter(adapter)
    with closed_on_error(opened):
        base = open_source(home)
        with closed_on_error(base):
            return MergedSource(base, opened, exact=True)


def choose_dtype(settings: ConvertConfig, source: TensorSource) -> str:
    """The option's, else what most of the weights are."""
    return settings.dtype or FROM_SOURCE.get(find_most(source.infos), "f16")


def choose_step(infos: Mapping[str, TensorInfo]) -> str:
    """What the intermediate file of a K-quant holds: two bytes a weight, of the kind of the source."""
    return "f16" if find_most(infos) == "F16" else "bf16"


def find_most(infos: Mapping[str, TensorInfo]) -> str:
    """The dtype of most weights."""
    counts: dict[str, int] = {}
    for info in infos.values():
        counts[info.dtype] = counts.get(info.dtype, 0) + info.count
    return max(counts, key=lambda dtype: counts[dtype], default="")


def estimate_peak(opened: Opened, file: GgufFile) -> int:
    """Largest memory: the vocabulary, some blocks, and the largest tensor that is read whole."""
    whole = [info.count * 12 for name, info in opened.source.infos.items() if name.endswith(_WHOLE)]
    merging = TORCH_BYTES + 2 * opened.source.largest_delta if isinstance(opened.source, MergedSource) else 0
    return (
        BARE_BYTES + VOCABULARY_BYTES + 3 * BLOCK_BYTES + max(whole, default=0) + merging + len(file.header)
    )


_WHOLE = ("q_proj.weight", "k_proj.weight")


def prepare_adapter(settings: ConvertConfig, place: Place) -> Work:
    """An adapter as a GGUF file that a server loads beside the base's.

    Raises:
        InputError: `not_an_adapter`, `base_needed`, `adapter_dtype`, and what reading and fitting raise.
    """
    if place.layout not in ADAPTERS:
        raise InputError("not_an_adapter", path=str(place.weights))
    home = find_home(settings, place)
    dtype = settings.dtype or "f32"
    if dtype not in TYPES or dtype == "q8_0":
        raise InputError("adapter_dtype", dtype=dtype)
    adapter = Adapter(place.weights)
    with closed_on_error(adapter):
        base = open_source(find_place(home))
        with closed_on_error(base):
            # only to hear whether they fit
            source = MergedSource(base, adapter)
            title = title_of_adapter(place.weights, home)
            file = lay_out_adapter(adapter, base, read_config(home), dtype=dtype, title=title)
    peak = BARE_BYTES + VOCABULARY_BYTES // 2 + 6 * file.largest
    return GgufWork(source, file, None, dtype, peak)
