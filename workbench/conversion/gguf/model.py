"""A model as a GGUF file: which tensor becomes which, and what stands in front of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gguf.constants import MODEL_ARCH_NAMES, GGUFType, LlamaFileType
from gguf.gguf_writer import GGUFWriter
from gguf.tensor_mapping import get_tensor_name_map

from workbench.conversion.casting import Array
from workbench.conversion.gguf.families import ARCHITECTURES
from workbench.conversion.gguf.families.base import Config, Family
from workbench.conversion.gguf.header import build_header
from workbench.conversion.gguf.tensors import (
    F32,
    TYPES,
    OutTensor,
    Recipe,
    choose_type,
    encode_array,
    stream_tensor,
)
from workbench.conversion.gguf.vocabulary import Vocabulary
from workbench.conversion.gguf.writing import GgufFile
from workbench.conversion.sources.base import TensorInfo, TensorSource
from workbench.errors import InputError

FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
}
IGNORED = (".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias")
"""Endings of stored tensors that are computed anew everywhere."""
HEAD = "lm_head.weight"


@dataclass(frozen=True)
class Named:
    """A tensor with its name and recipe."""

    info: TensorInfo
    name: str
    """In the GGUF file."""
    recipe: Recipe


def find_family(config: Config) -> Family | None:
    """How a configuration's models are converted here; None where they are not."""
    names = config.get("architectures") or ()
    family = ARCHITECTURES.get(str(names[0])) if names else None
    if family is None or config.get("quantization_config") or family.find_obstacle(config):
        return None
    return family


def say_obstacle(config: Config) -> str:
    """Why a configuration's models are not converted here."""
    names = config.get("architectures") or ()
    name = str(names[0]) if names else "?"
    family = ARCHITECTURES.get(name)
    if family is None:
        return name
    if config.get("quantization_config"):
        return f"{name}, quantization_config"
    return f"{name}, {family.find_obstacle(config)}"


def name_tensors(infos: Mapping[str, TensorInfo], family: Family, config: Config) -> list[Named]:
    """What every stored tensor becomes; a tied head is not written, as llama.cpp takes the embedding then.

    Raises:
        InputError: `gguf_tensor_unknown`.
    """
    known = get_tensor_name_map(family.arch, count_layers(config))
    tied = bool(config.get("tie_word_embeddings"))
    found: list[Named] = []
    for name, info in infos.items():
        if name.endswith(IGNORED) or (tied and name == HEAD):
            continue
        recipe = family.find_recipe(name, config)
        new = known.get_name(recipe.name, try_suffixes=(".weight", ".bias"))
        if new is None:
            raise InputError("gguf_tensor_unknown", name=name[:200])
        found.append(Named(info, new, recipe))
    return found


def count_layers(config: Config) -> int:
    """Number of blocks."""
    listed = config.get("hybrid_override_pattern") or config.get("layers_block_type") or ()
    return int(config.get("num_hidden_layers") or len(listed))


def find_shape(named: Named) -> tuple[int, ...]:
    """The tensor's shape in the file."""
    import numpy as np

    if named.recipe.change is None:
        return named.info.shape
    # a recipe that computes is for small tensors, so its shape is found by trying
    return tuple(int(side) for side in named.recipe.change(np.zeros(named.info.shape, np.float32)).shape)


def lay_out_tensors(source: TensorSource, family: Family, config: Config, dtype: str) -> Iterator[OutTensor]:
    """All tensors of the file, computed ones first."""
    for name, values in family.make_extra(config).items():
        yield OutTensor(name, tuple(values.shape), F32, partial(encode_array, values, F32))
    for named in name_tensors(source.infos, family, config):
        shape = find_shape(named)
        kind = choose_type(named.name, shape, TYPES[dtype], full=named.recipe.full)
        yield OutTensor(
            named.name, shape, kind, partial(stream_tensor, source, named.info, named.recipe, kind)
        )


def find_rows(infos: Mapping[str, TensorInfo]) -> int:
    """Rows of the embedding.

    Raises:
        InputError: `gguf_tensor_unknown` where there is none.
    """
    for name, info in infos.items():
        if name.endswith(("embed_tokens.weight", "embeddings.weight")) and len(info.shape) == 2:
            return info.shape[0]
    raise InputError("gguf_tensor_unknown", name="embed_tokens.weight")


def lay_out_model(
    source: TensorSource, config: Config, vocabulary: Vocabulary, *, dtype: str, title: str
) -> GgufFile:
    """The whole file, without reading a weight.

    Args:
        source: The weights.
        config: The model's configuration; its family is one of ours.
        vocabulary: As many tokens as the embedding has rows.
        dtype: One of `TYPES`.
        title: The model's name.
    """
    family = find_family(config)
    if family is None:
        raise InputError("gguf_architecture", name=say_obstacle(config)[:200])
    tensors = tuple(lay_out_tensors(source, family, config, dtype))
    whole: dict[str, Any] = {**config, "vocab_size": len(vocabulary.tokens)}

    def fill(writer: GGUFWriter) -> None:
        writer.add_type(GGUFType.MODEL)
        writer.add_name(title)
        family.add_parameters(writer, whole)
        writer.add_file_type(FILE_TYPES[dtype])
        vocabulary.add_to(writer)

    header = build_header(MODEL_ARCH_NAMES[family.arch], tensors, fill)
    return GgufFile(f"model-{dtype}.gguf", header, tensors)


def convert_array(values: Array, recipe: Recipe) -> Array:
    """What a recipe makes of a whole tensor in float32."""
    if recipe.rows is not None:
        values = values[recipe.rows]
    return recipe.change(values) if recipe.change is not None else values


def title_of(folder: Path) -> str:
    """A name for a model: its folder's."""
    return folder.name or "model"
