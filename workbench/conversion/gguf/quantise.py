"""K-quants, made by llama.cpp from a finished file, in a process of its own that can be watched and killed.

`python -m workbench.conversion.gguf.quantise SOURCE TARGET TYPE` is that process.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf.constants import GGMLQuantizationType, LlamaFileType

from workbench.conversion.gguf.tensors import OutTensor, count_bytes
from workbench.conversion.gguf.writing import GgufFile, write_gguf
from workbench.conversion.part_files import PART, Written, finish, is_written
from workbench.errors import InternalError, ResourceError

PACKAGE = "llama_cpp"
POLL = 0.1
"""Seconds between two looks at the growing file."""
BUFFER = 512 << 20
"""Bytes of rows that llama.cpp keeps in memory at once; its own choice is 8 GiB."""
KINDS: Mapping[str, LlamaFileType] = {"q4_k_m": LlamaFileType.MOSTLY_Q4_K_M}
STEP = "bf16"
"""What the intermediate file holds: half of float32's bytes, and exact for what was trained in bfloat16."""


def has_llama() -> bool:
    """Whether llama-cpp-python is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def require_llama(dtype: str) -> None:
    """Refuse before anything is written.

    Raises:
        ResourceError: `llama_missing`, which names the extra and the container that do it too.
    """
    if not has_llama():
        raise ResourceError("llama_missing", dtype=dtype)


@dataclass(frozen=True)
class Quantised:
    """A file to be made from another one."""

    source: GgufFile
    name: str
    kind: LlamaFileType

    @property
    def bytes(self) -> int:
        """Size on disk, by llama.cpp's mixture of types."""
        return len(self.source.header) + sum(
            -(-count_bytes(tensor.shape, guess_type(tensor, self.source)) // 32) * 32
            for tensor in self.source.tensors
        )

    def write(self, folder: Path, written: Written) -> None:
        """Write the intermediate file, make this one of it, remove that.

        Raises:
            InternalError: `quantise_failed`.
        """
        path = folder / self.name
        if path.is_file():
            written(self.source.bytes + self.bytes)
            return
        if is_written(self.source, folder):
            written(self.source.bytes)
        else:
            write_gguf(self.source, folder, written)
        part = folder / f"{self.name}{PART}"
        part.unlink(missing_ok=True)
        run_quantiser(folder / self.source.name, part, self.kind, written)
        finish(part, path)
        (folder / self.source.name).unlink()


def guess_type(tensor: OutTensor, file: GgufFile) -> GGMLQuantizationType:
    """The type that llama.cpp's Q4_K_M gives to a tensor: more bits where errors hurt most."""
    kinds = GGMLQuantizationType
    if len(tensor.shape) < 2 or not tensor.name.endswith(".weight") or tensor.type == kinds.F32:
        return tensor.type
    fine = _wants_more(tensor.name, file)
    if tensor.shape[-1] % 256:
        # rows that blocks of 256 do not fill get blocks of 32
        narrow = kinds.Q8_0 if fine else kinds.Q5_0
        return narrow if tensor.shape[-1] % 32 == 0 else kinds.F16
    return kinds.Q6_K if fine else kinds.Q4_K


def _wants_more(name: str, file: GgufFile) -> bool:
    names = [tensor.name for tensor in file.tensors]
    if name == "output.weight" or (name == "token_embd.weight" and "output.weight" not in names):
        return True
    for part in ("attn_v.weight", "ffn_down.weight"):
        if name.endswith(part):
            peers = sorted((other for other in names if other.endswith(part)), key=_layer)
            # hybrids have fewer feed-forward blocks than layers: llama.cpp counts the former against the latter
            count = len(peers) if part == "attn_v.weight" else 1 + max(map(_layer, filter(_in_layer, names)))
            place = peers.index(name)
            return place < count // 8 or place >= 7 * count // 8 or (place - count // 8) % 3 == 2
    return False


def _in_layer(name: str) -> bool:
    return name.startswith("blk.")


def _layer(name: str) -> int:
    return int(name.split(".")[1])


def run_quantiser(source: Path, target: Path, kind: LlamaFileType, written: Written) -> None:
    """Start the process and follow it by the size of what it writes; it dies with a cancel.

    Raises:
        InternalError: `quantise_failed`.
    """
    log = target.with_name(f"{target.name}.log")
    command = [sys.executable, "-m", __name__, str(source), str(target), str(int(kind))]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as child:
        try:
            seen = 0
            while child.poll() is None:
                time.sleep(POLL)
                size = target.stat().st_size if target.exists() else 0
                written(max(size - seen, 0))
                seen = max(size, seen)
        finally:
            # does nothing to one that has ended
            child.kill()
    lines = log.read_text(encoding="utf-8", errors="replace").strip()
    log.unlink()
    if child.returncode or not target.is_file():
        raise InternalError("quantise_failed", reason=lines[-400:])


def main(arguments: list[str]) -> int:
    """Quantise one file; 0 where it worked."""
    source, target, kind = arguments
    library: Any = importlib.import_module(PACKAGE)
    settings: Any = library.llama_model_quantize_default_params()
    settings.ftype = int(kind)
    settings.allow_requantize = False
    if hasattr(settings, "max_buf_size"):
        settings.max_buf_size = BUFFER
    return int(library.llama_model_quantize(source.encode(), target.encode(), settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
