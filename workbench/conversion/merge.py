"""Merges a LoRA adapter into its base tensor by tensor, with the very numbers of PEFT's `merge_and_unload`.

The only part of the streaming path that needs torch: the product of the two small matrices must be computed by
the same library to be equal to the last bit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.conversion.casting import from_float, to_float
from workbench.conversion.detect import ADAPTER, ADAPTER_CONFIG
from workbench.conversion.sources.base import ITEM_BYTES, TensorInfo, TensorSource
from workbench.conversion.sources.files import closed_on_error
from workbench.conversion.sources.safetensors import SafetensorsSource
from workbench.errors import InputError

if TYPE_CHECKING:
    import torch

PREFIX = "base_model.model."
_KEY = re.compile(r"(?P<module>.+)\.lora_(?P<part>[AB])(?:\.[A-Za-z0-9_-]+)?\.weight")
REFUSED: tuple[str, ...] = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
    "alora_invocation_tokens",
    "use_qalora",
    "exclude_merge",
)
"""Settings of an adapter that a sum of two matrices cannot express."""


@dataclass(frozen=True)
class Delta:
    """What an adapter adds to one weight: scale * B @ A."""

    module: str
    a: TensorInfo
    b: TensorInfo
    scale: float

    @property
    def count(self) -> int:
        """Elements of the product."""
        return self.b.shape[0] * self.a.shape[1]


class Adapter:
    """A PEFT LoRA adapter on disk.

    Raises:
        InputError: `adapter_unsupported` naming the setting, `adapter_damaged`, or what reading raises.
    """

    def __init__(self, folder: Path) -> None:
        self.config = read_adapter_config(folder)
        self._source = SafetensorsSource([folder / ADAPTER])
        with closed_on_error(self._source):
            self.deltas = self._pair(folder)

    def _pair(self, folder: Path) -> dict[str, Delta]:
        parts: dict[str, dict[str, TensorInfo]] = {}
        for name, info in self._source.infos.items():
            match = _KEY.fullmatch(name.removeprefix(PREFIX))
            if match is None:
                raise InputError("adapter_unsupported", name=name[:200])
            parts.setdefault(match["module"], {})[match["part"]] = info
        if any(pair.keys() != {"A", "B"} for pair in parts.values()) or not parts:
            raise InputError("adapter_damaged", path=str(folder))
        return {
            module: Delta(module, pair["A"], pair["B"], self.scale_of(module, pair["A"].shape[0]))
            for module, pair in parts.items()
        }

    def scale_of(self, module: str, rank: int) -> float:
        """The factor alpha / r, or alpha / sqrt(r) with rank-stabilised LoRA."""
        alpha = self._by_pattern("alpha_pattern", module, self.config.get("lora_alpha", rank))
        named = self._by_pattern("rank_pattern", module, self.config.get("r", rank))
        if named != rank:
            raise InputError("adapter_rank", name=module[:200], named=named, found=rank)
        return float(alpha) / (math.sqrt(rank) if self.config.get("use_rslora") else rank)

    def _by_pattern(self, key: str, module: str, default: Any) -> Any:
        """The first pattern that matches the end of the module's path, as PEFT looks for it."""
        for pattern, value in cast("dict[str, Any]", self.config.get(key) or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return value
        return default

    def multiply(self, delta: Delta, room: torch.Tensor) -> torch.Tensor:
        """The matrix B @ A, shape as the weight's, in float32 and still without its scale.

        Args:
            delta: Which.
            room: Where to put it: memory of a vector that is at least as large.
        """
        import torch

        a, b = (torch.as_tensor(self.read(info)) for info in (delta.a, delta.b))
        product = torch.mm(b, a, out=room[: delta.count].view(len(b), a.shape[1]))
        return product.T if self.config.get("fan_in_fan_out") else product

    def read(self, info: TensorInfo) -> Any:
        """One of the small matrices in float32."""
        data = b"".join(bytes(block) for block in self._source.read_blocks(info.name))
        values = to_float(np.frombuffer(data, np.uint8), info.dtype)
        return np.array(values, dtype=np.float32).reshape(info.shape)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """`adapter_config.json`, refused where it asks for more than plain LoRA.

    Raises:
        InputError: `adapter_damaged`, `adapter_unsupported`.
    """
    path = folder / ADAPTER_CONFIG
    try:
        content: object = json.loads(path.read_bytes())
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise InputError("adapter_damaged", path=str(folder)) from exc
    if not isinstance(content, dict):
        raise InputError("adapter_damaged", path=str(folder))
    config = cast("dict[str, Any]", content)
    refused = [name for name in REFUSED if config.get(name)]
    if config.get("peft_type", "LORA") != "LORA":
        refused.append(str(config["peft_type"])[:60])
    if str(config.get("bias", "none")) != "none":
        refused.append(f"bias={config['bias']}"[:60])
    if refused:
        raise InputError("adapter_unsupported", name=", ".join(refused))
    return config


class MergedSource:
    """A base with an adapter merged in, tensor by tensor.

    Args:
        base: The base's weights.
        adapter: The adapter.
        exact: Hand merged weights on in float32; otherwise they are rounded to the base's dtype, as PEFT does.

    Raises:
        InputError: `adapter_no_target` where a module of the adapter has no weight in the base (a wrong base),
            `adapter_shape` where sizes differ, `base_quantised`.
    """

    def __init__(self, base: TensorSource, adapter: Adapter, *, exact: bool = False) -> None:
        self._base, self._adapter, self._exact = base, adapter, exact
        self._targets: dict[str, Delta] = {}
        self._room: torch.Tensor | None = None
        for delta in adapter.deltas.values():
            name = find_target(delta.module, base.infos)
            self._check(delta, base.infos[name])
            self._targets[name] = delta

    def _check(self, delta: Delta, info: TensorInfo) -> None:
        shape = (delta.b.shape[0], delta.a.shape[1])
        if self._adapter.config.get("fan_in_fan_out"):
            shape = shape[::-1]
        if info.dtype not in ("F32", "F16", "BF16"):
            raise InputError("base_quantised", name=info.name[:200], dtype=info.dtype)
        if shape != info.shape or delta.a.shape[0] != delta.b.shape[1]:
            raise InputError(
                "adapter_shape", name=info.name[:200], wanted=str(list(info.shape)), found=str(list(shape))
            )

    @property
    def largest_delta(self) -> int:
        """Bytes of the largest product of two matrices, in float32."""
        return max((delta.count * 4 for delta in self._targets.values()), default=0)

    @property
    def touched(self) -> int:
        """Number of weights that the adapter changes."""
        return len(self._targets)

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """See `TensorSource`."""
        if not self._exact:
            return self._base.infos
        return {
            name: TensorInfo(name, "F32", info.shape) if name in self._targets else info
            for name, info in self._base.infos.items()
        }

    def read_blocks(self, name: str) -> Iterator[bytes | memoryview]:
        """See `TensorSource`."""
        delta = self._targets.get(name)
        if delta is None:
            yield from self._base.read_blocks(name)
            return
        room = self._take_room()
        added = self._adapter.multiply(delta, room).numpy().reshape(-1)
        dtype, at = self._base.infos[name].dtype, 0
        for block in self._base.read_blocks(name):
            count = len(block) // ITEM_BYTES[dtype]
            # block by block: what a processor has just read need not come from memory again
            part = added[at : at + count]
            part *= delta.scale
            at += count
            sums = to_float(np.frombuffer(block, np.uint8), dtype) + part
            yield from_float(sums, "F32" if self._exact else dtype).data.cast("B")
        self._room = room

    def _take_room(self) -> torch.Tensor:
        """Memory for the largest product; it is used again, because the system hands out large pieces slowly."""
        import torch

        # gone while it is in use: whoever reads a second tensor meanwhile gets a piece of its own
        room, self._room = self._room, None
        return torch.empty(self.largest_delta // 4) if room is None else room

    def close(self) -> None:
        """See `TensorSource`."""
        self._base.close()
        self._adapter.close()


_RENAMED = (
    ("model.", "backbone."),
    ("backbone.", "model."),
    ("model.language_model.", "model."),
    ("", "model."),
)
"""Beginnings of module paths that differ between a library's view of a model and its files (NemotronH:
`backbone.` in files, `model.` in transformers 5)."""


def find_target(module: str, names: Mapping[str, TensorInfo]) -> str:
    """The weight of the base that a module of the adapter belongs to.

    Raises:
        InputError: `adapter_no_target`.
    """
    candidates = [
        module,
        *(new + module.removeprefix(old) for old, new in _RENAMED if module.startswith(old)),
    ]
    for candidate in candidates:
        if f"{candidate}.weight" in names:
            return f"{candidate}.weight"
    raise InputError("adapter_no_target", name=module[:200])
