"""A LoRA adapter as a GGUF file of its own.

llama.cpp multiplies every pair of matrices by alpha / r with one alpha for the whole file. Rank-stabilised
scaling and patterns of ranks and alphas are therefore folded into B; where there are none, both matrices are
written as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from gguf.constants import MODEL_ARCH_NAMES, GGUFType, Keys
from gguf.gguf_writer import GGUFWriter
from gguf.tensor_mapping import get_tensor_name_map

from workbench.conversion.casting import Array
from workbench.conversion.gguf.families.base import Config, Family
from workbench.conversion.gguf.header import build_header
from workbench.conversion.gguf.model import FILE_TYPES, HEAD, count_layers, find_family, say_obstacle
from workbench.conversion.gguf.tensors import TYPES, Block, OutTensor, Rows, choose_type, encode_array
from workbench.conversion.gguf.writing import GgufFile
from workbench.conversion.merge import Adapter, Delta, find_target
from workbench.conversion.sources.base import TensorInfo, TensorSource
from workbench.errors import InputError


def lay_out_adapter(
    adapter: Adapter, base: TensorSource, config: Config, *, dtype: str, title: str
) -> GgufFile:
    """The whole file, without reading a weight.

    Args:
        adapter: Its settings were checked when it was opened.
        base: The base model, for names.
        config: The base's configuration.
        dtype: `f32`, `f16` or `bf16`.
        title: The adapter's name.

    Raises:
        InputError: `gguf_adapter_architecture`, `adapter_no_target`, `adapter_unsupported`.
    """
    family = find_family(config)
    if family is None:
        raise InputError("gguf_adapter_architecture", name=say_obstacle(config)[:200])
    if adapter.config.get("fan_in_fan_out"):
        raise InputError("adapter_unsupported", name="fan_in_fan_out")
    alpha = float(adapter.config.get("lora_alpha") or 1.0)
    pairs = [
        pair
        for delta in adapter.deltas.values()
        for pair in _lay_out_pair(adapter, delta, base, family, config, alpha=alpha, dtype=dtype)
    ]

    def fill(writer: GGUFWriter) -> None:
        writer.add_type(GGUFType.ADAPTER)
        writer.add_string(Keys.Adapter.TYPE, "lora")
        writer.add_name(title)
        writer.add_float32(Keys.Adapter.LORA_ALPHA, alpha)
        writer.add_file_type(FILE_TYPES[dtype])

    header = build_header(MODEL_ARCH_NAMES[family.arch], pairs, fill)
    return GgufFile(f"adapter-{dtype}.gguf", header, tuple(pairs))


def _lay_out_pair(
    adapter: Adapter,
    delta: Delta,
    base: TensorSource,
    family: Family,
    config: Config,
    *,
    alpha: float,
    dtype: str,
) -> Iterator[OutTensor]:
    target = find_target(delta.module, base.infos)
    recipe = family.find_recipe(target, config)
    known = get_tensor_name_map(family.arch, count_layers(config))
    name = known.get_name(recipe.name, try_suffixes=(".weight",))
    if name is None or recipe.change is not None or _is_unreachable(target, name, config):
        raise InputError("adapter_unsupported", name=delta.module[:200])
    rank = delta.a.shape[0]
    factor = delta.scale * rank / alpha
    matrices: tuple[tuple[str, TensorInfo, Rows | None, float], ...] = (
        ("lora_a", delta.a, None, 1.0),
        ("lora_b", delta.b, recipe.rows, factor),
    )
    for part, info, rows, times in matrices:
        full_name = f"{name}.{part}"
        kind = choose_type(full_name, info.shape, TYPES[dtype], full=False)
        read = partial(_read_matrix, adapter, info, rows, times)
        yield OutTensor(full_name, info.shape, kind, partial(_stream, read, full_name, dtype))


def _is_unreachable(target: str, name: str, config: Config) -> bool:
    """Matrices that llama.cpp has no place for: an embedding's, and that of a head which is the embedding."""
    tied = bool(config.get("tie_word_embeddings")) and target == HEAD
    return tied or name.startswith("token_embd")


def _read_matrix(adapter: Adapter, info: TensorInfo, rows: Rows | None, times: float) -> Array:
    values = adapter.read(info)
    if rows is not None:
        values = values[rows]
    # float64 for the factor alone: alpha / sqrt(r) is no float32
    return values if times == 1.0 else (values * np.float64(times)).astype(np.float32)


def _stream(read: partial[Array], name: str, dtype: str) -> Iterator[Block]:
    values = read()
    yield from encode_array(values, choose_type(name, values.shape, TYPES[dtype], full=False))


def title_of_adapter(folder: Path, base: Path) -> str:
    """A name for an adapter: its folder's and the base's."""
    return f"{folder.name} ({base.name})"
