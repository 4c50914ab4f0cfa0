"""A model folder as the official converter's older libraries read it: links to the weights, two files adapted.

transformers 5 writes a tokenizer class that version 4 does not know, and moved some settings; the weights are
the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.conversion.gguf.vocabulary.base import as_list, as_mapping, read_object

NEW_CLASSES = ("TokenizersBackend", "SentencePieceBackend", "PythonBackend")
OLD_CLASS = "PreTrainedTokenizerFast"
CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"


def make_older_view(model: Path, folder: Path) -> Path:
    """Fill a folder; the model is only read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    changed = {CONFIG: adapt_config(read_object(model / CONFIG))}
    if (model / TOKENIZER).is_file():
        changed[TOKENIZER] = adapt_tokenizer(read_object(model / TOKENIZER))
    for path in model.iterdir():
        if path.is_file() and path.name not in changed:
            (folder / path.name).symlink_to(path.resolve())
    for name, content in changed.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder


def adapt_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of rotary embeddings where version 4 has them."""
    found = dict(config)
    rope = dict(as_mapping(found.get("rope_parameters")))
    if "rope_theta" in rope:
        found.setdefault("rope_theta", rope.pop("rope_theta"))
        if rope.get("rope_type") not in (None, "default"):
            found.setdefault("rope_scaling", rope)
        del found["rope_parameters"]
    if "dtype" in found:
        found.setdefault("torch_dtype", found["dtype"])
    return found


def adapt_tokenizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """The name of a class that version 4 knows, and further special tokens under their older name."""
    found = dict(config)
    if found.get("tokenizer_class") in NEW_CLASSES:
        found["tokenizer_class"] = OLD_CLASS
    if isinstance(found.get("extra_special_tokens"), list):
        found["additional_special_tokens"] = as_list(found.pop("extra_special_tokens"))
    return found
