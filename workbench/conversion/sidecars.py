"""The files beside the weights: configuration, tokenizer, code. Copied byte for byte from the base model.

Saving them again through a library would rewrite them: newer versions drop keys that older servers need, and
name tokenizer classes that those do not know.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from workbench.conversion.detect import Place, has_tokenizer, read_config
from workbench.conversion.sources.base import TensorInfo
from workbench.conversion.vocabulary import EMBEDDINGS
from workbench.errors import InputError

CONFIGS = ("config.json", "generation_config.json")
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
)
TEMPLATE = "chat_template.jinja"
_IMPORT = re.compile(r"^\s*from\s+\.([A-Za-z0-9_]+)\s+import\b", re.MULTILINE)
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")


@dataclass(frozen=True)
class Sidecars:
    """Files to be written beside the weights."""

    copies: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Name -> file to be copied."""
    written: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Name -> content of our own, where the base's file would be wrong."""
    changed: tuple[str, ...] = ()
    """Keys of the configuration that the weights forced us to change."""
    template_changed: bool = False
    """The training used another chat template than the base has; the training's is written."""

    def write(self, folder: Path) -> None:
        """Put them into a folder."""
        for name, path in self.copies.items():
            shutil.copyfile(path, folder / name)
        for name, content in self.written.items():
            (folder / name).write_bytes(content)


def gather(place: Place, base: Path | None, infos: Iterable[TensorInfo]) -> Sidecars:
    """Choose the files.

    Args:
        place: The checkpoint.
        base: Folder of the base model; None: what the checkpoint itself brings.
        infos: Its tensors, from which a pruned model's sizes are read.

    Raises:
        InputError: `base_needed` where nothing says what kind of model it is.
    """
    home = base or place.config
    if home is None or not (home / "config.json").is_file():
        raise InputError("base_needed", path=str(place.weights))
    copies = {name: home / name for name in CONFIGS if (home / name).is_file()}
    copies |= {path.name: path for path in find_code(home)}
    tokens, changed_template = _gather_tokenizer(place, home)
    copies |= tokens
    config = read_config(home)
    changes = adapt_config(config, list(infos))
    written: dict[str, bytes] = {}
    if changes:
        del copies["config.json"]
        written["config.json"] = json.dumps(config | changes, ensure_ascii=False, indent=2).encode() + b"\n"
    return Sidecars(copies, written, tuple(changes), changed_template)


def _gather_tokenizer(place: Place, home: Path) -> tuple[dict[str, Path], bool]:
    names = (*TOKENIZER, TEMPLATE)
    source = home if has_tokenizer(home) else place.tokenizer
    if source is None:
        return {}, False
    copies = {name: source / name for name in names if (source / name).is_file()}
    trained = read_template(place.tokenizer) if place.tokenizer is not None else ""
    if trained and trained != read_template(source) and place.tokenizer is not None:
        own = place.tokenizer / TEMPLATE
        key = TEMPLATE if own.is_file() else "tokenizer_config.json"
        copies[key] = place.tokenizer / key
        return copies, True
    return copies, False


def read_template(folder: Path) -> str:
    """The chat template of a tokenizer, empty where it has none."""
    path = folder / TEMPLATE
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return ""
    try:
        content: object = json.loads(config.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise InputError("checkpoint_file_damaged", path=str(config)) from exc
    template = cast("dict[str, Any]", content).get("chat_template") if isinstance(content, dict) else None
    return template if isinstance(template, str) else ""


def find_code(folder: Path) -> list[Path]:
    """The code files that the configuration names, and what they import from beside them."""
    mapped = read_config(folder).get("auto_map")
    references = list(cast("dict[str, Any]", mapped).values()) if isinstance(mapped, dict) else []
    open_names = {str(name).split("--")[-1].split(".")[0] for name in _flatten(references)}
    found: dict[str, Path] = {}
    while open_names:
        name = open_names.pop()
        path = folder / f"{name}.py"
        if name.isidentifier() and name not in found and path.is_file():
            found[name] = path
            open_names |= set(_IMPORT.findall(path.read_text(encoding="utf-8", errors="replace")))
    return sorted(found.values())


def _flatten(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _flatten(cast("list[Any]", value))


def adapt_config(config: Mapping[str, Any], infos: Iterable[TensorInfo]) -> dict[str, Any]:
    """What the weights say otherwise than the base's configuration.

    A pruned model has fewer layers or narrower feed-forward blocks; a reward model has a classification head;
    new tokens have rows of their own in the embedding.

    Returns:
        Keys to be set; empty where the configuration fits.
    """
    shapes = {info.name: info.shape for info in infos}
    changes: dict[str, Any] = {}
    layers = {int(match[1]) for name in shapes if (match := _LAYER.search(name))}
    if layers and "num_hidden_layers" in config and config["num_hidden_layers"] != len(layers):
        changes["num_hidden_layers"] = len(layers)
        kinds = config.get("layer_types")
        if isinstance(kinds, list):
            changes["layer_types"] = cast("list[Any]", kinds)[: len(layers)]
    widths = {
        shape[0]
        for name, shape in shapes.items()
        if name.endswith(("mlp.up_proj.weight", "mlp.gate_proj.weight"))
    }
    if len(widths) == 1 and config.get("intermediate_size") not in (None, *widths):
        changes["intermediate_size"] = widths.pop()
    rows = {shape[0] for name, shape in shapes.items() if name.endswith(EMBEDDINGS)}
    if len(rows) == 1 and config.get("vocab_size") not in (None, *rows):
        changes["vocab_size"] = rows.pop()
    head = shapes.get("score.weight")
    names = [str(name) for name in config.get("architectures") or ()]
    if head is not None and not any("SequenceClassification" in name for name in names):
        changes["architectures"] = [
            re.sub(r"For[A-Za-z]+$", "", name) + "ForSequenceClassification" for name in names
        ]
        changes["num_labels"] = head[0]
    return changes
