"""Says what a folder or file holds: every layout that NeMo RL, transformers and PEFT write, and GGUF."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.conversion.sources.base import TensorInfo, TensorSource
from workbench.conversion.sources.files import refuse_links
from workbench.conversion.sources.safetensors import INDEX, ShardedSource, open_model
from workbench.conversion.sources.torch_files import BinSource, DcpSource
from workbench.errors import InputError, NotFoundError
from workbench.schemas.conversion import Detected, Layout

ADAPTER = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_STEP = re.compile(r"step_(\d+)")
_UNFINISHED = re.compile(r"(tmp|old)_step_\d+")
_MAX_YAML = 5_000_000


@dataclass(frozen=True)
class Place:
    """Where the weights of a checkpoint lie, and what stands around them."""

    layout: Layout
    weights: Path
    config: Path | None = None
    """Folder with `config.json`."""
    tokenizer: Path | None = None
    run_config: Path | None = None
    """NeMo RL's `config.yaml`."""
    step: int | None = None


def detect(path: Path) -> Detected:
    """What a path holds.

    Raises:
        NotFoundError: `checkpoint_missing`.
        InputError: `checkpoint_unfinished` for the folders of a save that is still going on,
            `checkpoint_unknown`, `path_leaves_folder`, or what reading it raises.
    """
    place = find_place(path)
    if place.layout == "gguf":
        return _describe_gguf(place, path)
    if place.layout == "nemo_megatron":
        return _describe(place, path, {})
    source = open_source(place)
    try:
        return _describe(place, path, source.infos)
    finally:
        source.close()


def find_place(path: Path) -> Place:
    """Where the weights lie; see `detect`."""
    path = path.expanduser().resolve()
    if not path.exists():
        raise NotFoundError("checkpoint_missing", path=str(path))
    if any(_UNFINISHED.fullmatch(part) for part in path.parts):
        raise InputError("checkpoint_unfinished", path=str(path))
    if path.is_file():
        return _find_file(path)
    step = _newest_step(path)
    if step is not None:
        return find_place(step)
    policy = _find_policy(path)
    found = _find_nemo(policy) if policy is not None else _find_plain(path)
    if found is None:
        raise InputError("checkpoint_unknown", path=str(path))
    for folder in {found.weights, found.config, found.tokenizer}:
        if folder is not None and folder.is_dir():
            refuse_links(folder)
    return found


def _find_file(path: Path) -> Place:
    if path.suffix == ".gguf":
        return Place("gguf", path)
    if path.suffix in (".safetensors", ".bin", ".json"):
        return find_place(path.parent)
    raise InputError("checkpoint_unknown", path=str(path))


def _newest_step(folder: Path) -> Path | None:
    """The newest finished step below a folder of checkpoints."""
    steps = {int(match[1]): child for child in folder.iterdir() if (match := _STEP.fullmatch(child.name))}
    return steps[max(steps)] if steps else None


def _find_policy(folder: Path) -> Path | None:
    """NeMo RL's `policy` folder, from any place inside a step's folder."""
    if (folder / "policy" / "weights").is_dir():
        return folder / "policy"
    for parent in (folder, *folder.parents[:3]):
        if parent.name == "policy" and (parent / "weights").is_dir():
            return parent
    return None


def _find_nemo(policy: Path) -> Place | None:
    weights = policy / "weights"
    model = weights / "model"
    found = _find_weights(weights, model)
    if found is None:
        return None
    layout, folder = found
    match = _STEP.fullmatch(policy.parent.name)
    configs = (folder, model / ".hf_metadata", weights)
    tokenizers = (policy / "tokenizer", model / ".hf_metadata", folder)
    run_config = policy.parent / "config.yaml"
    return Place(
        layout,
        folder,
        config=next((place for place in configs if (place / "config.json").is_file()), None),
        tokenizer=next((place for place in tokenizers if has_tokenizer(place)), None),
        run_config=run_config if run_config.is_file() else None,
        step=int(match[1]) if match else None,
    )


def _find_weights(weights: Path, model: Path) -> tuple[Layout, Path] | None:
    if any(weights.glob("iter_*")):
        return "nemo_megatron", max(weights.glob("iter_*"))
    if (model / "consolidated").is_dir() and any((model / "consolidated").glob("*.safetensors")):
        return "nemo_consolidated", model / "consolidated"
    if (model / ADAPTER).is_file():
        return "nemo_peft", model
    if any(model.glob("shard-*.safetensors")):
        return "nemo_sharded", model
    if (model / ".metadata").is_file():
        return "nemo_dcp_v2", model
    if (weights / ".metadata").is_file():
        return "nemo_dcp_v1", weights
    return None


def _find_plain(folder: Path) -> Place | None:
    tokenizer = folder if has_tokenizer(folder) else None
    config = folder if (folder / "config.json").is_file() else None
    for layout, matches in _PLAIN.items():
        if matches(folder):
            return Place(layout, folder, config, tokenizer)
    gguf = sorted(folder.glob("*.gguf"))
    return Place("gguf", gguf[0]) if len(gguf) == 1 else None


_PLAIN: Mapping[Layout, Callable[[Path], bool]] = {
    "peft": lambda folder: (folder / ADAPTER_CONFIG).is_file() and (folder / ADAPTER).is_file(),
    "dcp": lambda folder: (folder / ".metadata").is_file(),
    "nemo_sharded": lambda folder: any(folder.glob("shard-*-model-*.safetensors")),
    "hf_safetensors": lambda folder: (folder / INDEX).is_file() or any(folder.glob("*.safetensors")),
    "hf_bin": lambda folder: any(folder.glob("pytorch_model*.bin")),
}


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer."""
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def open_source(place: Place) -> TensorSource:
    """The weights of a checkpoint, ready to be read in blocks.

    Raises:
        InputError: A file is damaged or missing; `checkpoint_unknown` for what is no table of weights.
    """
    opener = _OPENERS.get(place.layout)
    if opener is None:
        raise InputError("checkpoint_unknown", path=str(place.weights))
    return opener(place.weights)


def _open_bin(folder: Path) -> TensorSource:
    return BinSource(sorted(folder.glob("pytorch_model*.bin")))


def _open_shards(folder: Path) -> TensorSource:
    return ShardedSource(sorted(folder.glob("shard-*.safetensors")))


def _open_adapter(folder: Path) -> TensorSource:
    from workbench.conversion.sources.safetensors import SafetensorsSource

    return SafetensorsSource([folder / ADAPTER])


_OPENERS: Mapping[Layout, Callable[[Path], TensorSource]] = {
    "nemo_dcp_v1": DcpSource,
    "nemo_dcp_v2": DcpSource,
    "dcp": DcpSource,
    "nemo_sharded": _open_shards,
    "nemo_consolidated": open_model,
    "hf_safetensors": open_model,
    "hf_bin": _open_bin,
    "nemo_peft": _open_adapter,
    "peft": _open_adapter,
}


def _describe(place: Place, path: Path, infos: Mapping[str, TensorInfo]) -> Detected:
    config = read_config(place.config)
    sizes = [info.bytes for info in infos.values()]
    layout: Layout = place.layout
    return Detected(
        layout=layout,
        path=str(path.expanduser().resolve()),
        weights=str(place.weights),
        step=place.step,
        base=find_base(place),
        architecture=str(next(iter(config.get("architectures") or ()), "")),
        tensors=len(sizes),
        parameters=sum(info.count for info in infos.values()),
        dtypes=dict(Counter(info.dtype for info in infos.values())),
        bytes=sum(sizes) or (place.weights.stat().st_size if place.weights.is_file() else 0),
        largest_bytes=max(sizes, default=0),
        tokenizer=str(place.tokenizer or ""),
        remote_code=bool(config.get("auto_map")),
    )


def _describe_gguf(place: Place, path: Path) -> Detected:
    # the package that knows the format is loaded only where it is needed
    from workbench.conversion.gguf.reading import read_gguf

    file = read_gguf(place.weights)
    tensors = file.tensors.values()
    return Detected(
        layout="gguf",
        path=str(path.expanduser().resolve()),
        weights=str(place.weights),
        base=str(file.settings.get("general.name") or ""),
        architecture=str(file.settings.get("general.architecture") or ""),
        tensors=len(tensors),
        parameters=sum(tensor.count for tensor in tensors),
        dtypes=dict(Counter(tensor.type.name for tensor in tensors)),
        bytes=sum(tensor.bytes for tensor in tensors),
        largest_bytes=max((tensor.bytes for tensor in tensors), default=0),
    )


def read_config(folder: Path | None) -> dict[str, Any]:
    """`config.json` of a folder; empty where there is none.

    Raises:
        InputError: `model_config_unreadable`.
    """
    if folder is None or not (folder / "config.json").is_file():
        return {}
    try:
        content: object = json.loads((folder / "config.json").read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise InputError("model_config_unreadable", path=str(folder)) from exc
    if not isinstance(content, dict):
        raise InputError("model_config_unreadable", path=str(folder))
    return cast("dict[str, Any]", content)


def find_base(place: Place) -> str:
    """The base model that a checkpoint names; empty where it names none."""
    adapter = place.weights / ADAPTER_CONFIG if place.weights.is_dir() else None
    if adapter is not None and adapter.is_file():
        return str(_read_mapping(adapter, json.loads).get("base_model_name_or_path") or "")
    if place.run_config is not None and place.run_config.stat().st_size <= _MAX_YAML:
        policy = _read_mapping(place.run_config, yaml.safe_load).get("policy")
        if isinstance(policy, dict):
            return str(cast("dict[str, Any]", policy).get("model_name") or "")
    return ""


def _read_mapping(path: Path, read: Callable[[bytes], object]) -> dict[str, Any]:
    try:
        content = read(path.read_bytes())
    except (ValueError, yaml.YAMLError) as exc:
        raise InputError("checkpoint_file_damaged", path=str(path)) from exc
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
