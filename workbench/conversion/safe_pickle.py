"""Reads the pickles of checkpoints without running them.

A pickle can call any function of any library while it is read. Ours knows a handful of names by heart, maps
each to a record of our own, and refuses every other: nothing of torch is imported, nothing is executed.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, NamedTuple, cast

from workbench.errors import InputError

DTYPES: dict[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
"""Torch's names of dtypes and those of safetensors."""

STORAGES: dict[str, str] = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "UntypedStorage": "",
}


class Record:
    """Stands in for any record of a checkpoint: keeps what was set and does nothing."""

    # set on the class: pickle makes objects without calling __init__
    state: Any = None

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def get(self, name: str, default: Any = None) -> Any:
        """A field of the record's state."""
        state: object = self.state
        fields = cast("dict[str, Any]", state) if isinstance(state, dict) else {}
        return fields.get(name, default)


class IndexRecord(Record):
    """Key of the table that says where a piece of a tensor lies."""


class StorageView(NamedTuple):
    """A tensor as torch's files describe it: a view of a storage, strides and offset in elements."""

    dtype: str
    key: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def _rebuild(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StorageView:
    kind, key = storage
    return StorageView(kind, key, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    return data


def _tuple(*values: Any) -> tuple[Any, ...]:
    return tuple(values[0]) if values else ()


def _path(*parts: Any) -> PurePosixPath:
    return PurePosixPath(*(str(part) for part in parts))


_DCP = "torch.distributed.checkpoint"
KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    **{
        (f"{_DCP}.metadata", name): Record
        for name in (
            "Metadata",
            "TensorStorageMetadata",
            "BytesStorageMetadata",
            "ChunkStorageMetadata",
            "TensorProperties",
            "StorageMeta",
            "_MEM_FORMAT_ENCODING",
        )
    },
    (f"{_DCP}.metadata", "MetadataIndex"): IndexRecord,
    (f"{_DCP}.filesystem", "_StorageInfo"): Record,
    ("torch", "Size"): _tuple,
    ("torch.serialization", "_get_layout"): Record,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("pathlib", "PosixPath"): _path,
    ("pathlib", "PurePosixPath"): _path,
    ("pathlib", "Path"): _path,
    ("pathlib._local", "PosixPath"): _path,
}
_NAMED: dict[tuple[str, str], str] = {
    **{("torch", name): code for name, code in DTYPES.items()},
    **{("torch", name): code for name, code in STORAGES.items()},
    ("torch.storage", "UntypedStorage"): "",
}


class SafeUnpickler(pickle.Unpickler):
    """Knows the names above and no other."""

    def __init__(self, data: bytes, source: str) -> None:
        super().__init__(io.BytesIO(data))
        self._source = source

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a known name.

        Raises:
            InputError: `pickle_refused`.
        """
        named = _NAMED.get((module, name))
        if named is not None:
            return named
        try:
            return KNOWN[(module, name)]
        except KeyError as exc:
            raise InputError("pickle_refused", path=self._source, name=f"{module}.{name}"[:120]) from exc

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Torch's reference to a storage: its dtype and the name of its record in the file."""
        match pid:
            case ("storage", str(kind), key, *_):
                return kind, str(key)
            case _:
                raise InputError("pickle_damaged", path=self._source)


# what an unpickler raises on bytes that are no pickle, or half of one
_DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    MemoryError,
)


def load_pickle(data: bytes, source: str) -> Any:
    """Read a pickle into records of our own.

    Args:
        data: The pickle.
        source: Its path, for messages.

    Raises:
        InputError: `pickle_refused` where it names anything unknown, `pickle_damaged` where it cannot be read.
    """
    try:
        return SafeUnpickler(data, source).load()
    except InputError:
        raise
    except _DAMAGED as exc:
        raise InputError("pickle_damaged", path=source) from exc
