"""Checks of GGUF files: what was written is read again and compared with what it was made from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from workbench.conversion.casting import Array
from workbench.conversion.detect import Place, find_place, open_source, read_config
from workbench.conversion.gguf.adapter import lay_out_adapter
from workbench.conversion.gguf.model import find_family, find_shape, name_tensors
from workbench.conversion.gguf.reading import StoredFile, read_gguf
from workbench.conversion.gguf.tensors import (
    PIECE,
    PLAIN,
    Block,
    OutTensor,
    encode_array,
    regroup,
    stream_tensor,
)
from workbench.conversion.gguf.work import ADAPTERS, find_home, open_merged_exactly
from workbench.conversion.merge import Adapter
from workbench.conversion.proof import gguf_answers, gguf_texts
from workbench.conversion.proof.weights import checksum
from workbench.conversion.sidecars import adapt_config
from workbench.conversion.sources.base import TensorSource
from workbench.schemas.conversion import Check, ConvertConfig

TARGETS = ("gguf", "gguf-adapter", "ollama")
ROUNDING = {"Q8_0": 0.02, "Q6_K": 0.05, "Q5_0": 0.12, "Q4_K": 0.2}
"""Largest error of a tensor relative to its size (root mean square) that a type's rounding explains."""


@dataclass(frozen=True)
class Compared:
    """A written file and the tensors it should hold."""

    file: StoredFile
    wanted: Sequence[OutTensor]
    """In the types in which they were written, read from the source."""
    base: Sequence[OutTensor]
    """The same of the base model; empty where there is none to compare with."""


def check_gguf(settings: ConvertConfig, folder: Path) -> Iterator[Check]:
    """All checks of a folder with a model, an adapter, or a base and an adapter."""
    model, adapter = (next(folder.glob(f"{part}-*.gguf"), None) for part in ("model", "adapter"))
    place = find_place(Path(settings.source))
    if model is not None:
        shown = settings
        if adapter is not None:
            shown = settings.model_copy(update={"source": settings.base, "base": ""})
        yield from check_model(shown, read_gguf(model))
    if adapter is not None:
        checks = _check_adapter(settings, place, read_gguf(adapter))
        for check in checks:
            name = check.name if model is None else f"adapter_{check.name}"
            yield check.model_copy(update={"name": name})
    yield from gguf_texts.check_texts(settings, place, read_gguf(model) if model is not None else None)
    yield gguf_answers.check_answers(settings, place, model, adapter, folder)


def check_model(settings: ConvertConfig, file: StoredFile) -> Iterator[Check]:
    """The checks of a model's file against what it was made from."""
    place = find_place(Path(settings.source))
    home = find_home(settings, place)
    with ExitStack() as opened:
        source = opened.enter_context(closing(_open(place, home)))
        config = read_config(home)
        config |= adapt_config(config, list(source.infos.values()))
        family = find_family(config)
        if family is None:
            yield from _cannot_compare(file)
            return
        base: TensorSource | None = None
        if settings.base:
            base = opened.enter_context(closing(open_source(find_place(Path(settings.base)))))
        compared = Compared(
            file,
            _expect(source, config, file, opened),
            _expect(base, config, file, opened) if base is not None else (),
        )
        yield from _compare(compared)


def _open(place: Place, home: Path) -> TensorSource:
    if place.layout in ADAPTERS:
        return open_merged_exactly(find_place(home), place.weights)
    return open_source(place)


def _expect(
    source: TensorSource, config: dict[str, object], file: StoredFile, opened: ExitStack
) -> list[OutTensor]:
    """Every tensor of a source with its name and shape, in the type in which the file holds it."""
    family = find_family(config)
    assert family is not None
    found: list[OutTensor] = []
    for name, values in family.make_extra(config).items():
        kind = file.tensors[name].type if name in file.tensors else next(iter(PLAIN))
        found.append(OutTensor(name, tuple(values.shape), kind, partial(encode_array, values, kind)))
    for named in name_tensors(source.infos, family, config):
        stored = file.tensors.get(named.name)
        kind = stored.type if stored is not None and stored.type.name in _EXACT else next(iter(PLAIN))
        found.append(
            OutTensor(
                named.name,
                find_shape(named),
                kind,
                partial(stream_tensor, source, named.info, named.recipe, kind),
            )
        )
    return found


_EXACT = ("F32", "F16", "BF16", "Q8_0")
"""Types that we compute to the bit; of the others the error is measured."""


def _cannot_compare(file: StoredFile) -> Iterator[Check]:
    """What another program's converter wrote: its names and shapes are its own."""
    for name in ("keys", "shapes"):
        yield Check(name=name, state="not checked", reason="official")
    yield check_finite(file)
    for name in ("weights", "differs"):
        yield Check(name=name, state="not checked", reason="official")


def _check_adapter(settings: ConvertConfig, place: Place, file: StoredFile) -> Iterator[Check]:
    home = find_home(settings, place)
    with closing(Adapter(place.weights)) as adapter, closing(open_source(find_place(home))) as base:
        dtype = next(
            (kind.type.name.lower() for kind in file.tensors.values() if kind.type.name != "F32"), "f32"
        )
        wanted = lay_out_adapter(adapter, base, read_config(home), dtype=dtype, title="").tensors
        for check in _compare(Compared(file, wanted, ())):
            if check.name != "differs":
                yield check
        yield check_effect(file)


def _compare(compared: Compared) -> Iterator[Check]:
    yield check_keys(compared)
    yield check_shapes(compared)
    yield check_finite(compared.file)
    yield check_weights(compared)
    yield check_differs(compared)


def check_keys(compared: Compared) -> Check:
    """The tensors of the source, no more and no less."""
    have, want = set(compared.file.tensors), {tensor.name for tensor in compared.wanted}
    if have == want:
        return Check(name="keys", state="passed", params={"tensors": len(have)})
    params: dict[str, str | int | float] = {
        "missing": len(want - have),
        "extra": len(have - want),
        "name": min(have ^ want)[:200],
    }
    return Check(name="keys", state="failed", reason="differ", params=params)


def check_shapes(compared: Compared) -> Check:
    """The shapes of the source."""
    stored = compared.file.tensors
    wrong = [
        tensor.name
        for tensor in compared.wanted
        if tensor.name in stored and stored[tensor.name].shape != tensor.shape
    ]
    if not wrong:
        return Check(name="shapes", state="passed")
    params: dict[str, str | int | float] = {"count": len(wrong), "name": wrong[0][:200]}
    return Check(name="shapes", state="failed", reason="differ", params=params)


def check_finite(file: StoredFile) -> Check:
    """No NaN and no infinity, quantised numbers taken back to floats."""
    broken = [
        name
        for name in file.tensors
        if not all(bool(np.isfinite(block).all()) for block in file.read_floats(name))
    ]
    if not broken:
        return Check(name="finite", state="passed")
    params: dict[str, str | int | float] = {"count": len(broken), "name": broken[0][:200]}
    return Check(name="finite", state="failed", reason="found", params=params)


def check_weights(compared: Compared) -> Check:
    """Every number is the source's, rounded once: to the bit, or within what the type's rounding explains."""
    worst = 0.0
    for tensor in compared.wanted:
        stored = compared.file.tensors.get(tensor.name)
        if stored is None or stored.shape != tensor.shape:
            return _differ(tensor.name)
        if stored.type == tensor.type:
            if checksum(tensor.blocks()) != checksum(compared.file.read_bytes(tensor.name)):
                return _differ(tensor.name)
            continue
        error = _measure(tensor, compared.file)
        worst = max(worst, error)
        if error > ROUNDING.get(stored.type.name, 0.3):
            return _differ(tensor.name, error=round(error, 6))
    params: dict[str, str | int | float] = {"tensors": len(compared.wanted), "error": round(worst, 6)}
    return Check(name="weights", state="passed", reason="rounded" if worst else "", params=params)


def _differ(name: str, **params: float) -> Check:
    return Check(name="weights", state="failed", reason="differ", params={"name": name[:200], **params})


def _measure(tensor: OutTensor, file: StoredFile) -> float:
    """Root mean square of the error relative to that of the values."""
    squares = errors = 0.0
    for mine, theirs in zip(
        _floats(tensor.blocks()), _floats(_bytes(file.read_floats(tensor.name))), strict=True
    ):
        wanted, found = mine.astype(np.float64), theirs.astype(np.float64)
        squares += float(np.square(wanted).sum())
        errors += float(np.square(wanted - found).sum())
    return math.sqrt(errors / squares) if squares else math.sqrt(errors)


def _floats(blocks: Iterable[Block]) -> Iterator[Array]:
    for block in regroup(blocks, PIECE * 4):
        yield np.frombuffer(block, np.float32)


def _bytes(arrays: Iterable[Array]) -> Iterator[Block]:
    for array in arrays:
        yield np.ascontiguousarray(array).data.cast("B")


def check_differs(compared: Compared) -> Check:
    """Training changed something: a model equal to its base was never trained, or the wrong one was converted."""
    if not compared.base:
        return Check(name="differs", state="not checked", reason="no_base")
    other = {tensor.name: tensor for tensor in compared.base}
    shared = [
        tensor
        for tensor in compared.wanted
        if tensor.name in other and other[tensor.name].shape == tensor.shape
    ]
    changed = sum(checksum(tensor.blocks()) != checksum(other[tensor.name].blocks()) for tensor in shared)
    params: dict[str, str | int | float] = {"changed": changed, "tensors": len(shared)}
    if changed:
        return Check(name="differs", state="passed", params=params)
    return Check(name="differs", state="failed", reason="same", params=params)


def check_effect(file: StoredFile) -> Check:
    """The adapter adds something: its second matrices are not all zero."""
    pairs = [name for name in file.tensors if name.endswith(".lora_b")]
    changed = sum(any(bool(block.any()) for block in file.read_floats(name)) for name in pairs)
    params: dict[str, str | int | float] = {"changed": changed, "tensors": len(pairs)}
    if changed:
        return Check(name="differs", state="passed", params=params)
    return Check(name="differs", state="failed", reason="same", params=params)
