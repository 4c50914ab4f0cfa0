"""The beginning of a GGUF file: settings, vocabulary and the table of tensors, made in memory before a weight is read."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_VERSION, GGUF_DEFAULT_ALIGNMENT
from gguf.gguf_writer import GGUFWriter, WriterState

from workbench.conversion.gguf.tensors import OutTensor


class HeaderWriter(GGUFWriter):
    """The package's writer, writing into memory: the weights are streamed elsewhere."""

    def __init__(self, arch: str) -> None:
        super().__init__(None, arch)
        self.buffer = io.BytesIO()

    def open_output_file(self, path: Any = None) -> None:
        """Take the buffer for the file."""
        target: Any = self.buffer
        self.fout = [target]
        self.state = WriterState.EMPTY


def build_header(arch: str, tensors: Sequence[OutTensor], fill: Callable[[GGUFWriter], None]) -> bytes:
    """Everything before the first weight, padded to where that begins.

    Args:
        arch: llama.cpp's name of the architecture.
        tensors: In the order in which they will follow.
        fill: Adds the settings.
    """
    writer = HeaderWriter(arch)
    fill(writer)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    for tensor in tensors:
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), tensor.bytes, tensor.type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    content = writer.buffer.getvalue()
    return content + bytes(-len(content) % GGUF_DEFAULT_ALIGNMENT)


def pad(size: int) -> int:
    """Bytes that a tensor takes with what is filled up behind it."""
    return -(-size // GGUF_DEFAULT_ALIGNMENT) * GGUF_DEFAULT_ALIGNMENT
