"""Whether every token has a row in the embedding. A token without one ends a server in the middle of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from workbench.conversion.sources.base import TensorInfo
from workbench.errors import InputError

EMBEDDINGS = ("embed_tokens.weight", "backbone.embeddings.weight", "wte.weight")


def check_vocabulary(tokenizer: Path | None, infos: Iterable[TensorInfo]) -> None:
    """Compare a `tokenizer.json` with the rows of the embedding; says nothing where either is not there.

    Raises:
        InputError: `tokens_without_rows`.
    """
    rows = next((info.shape[0] for info in infos if info.name.endswith(EMBEDDINGS)), 0)
    tokens = count_tokens(tokenizer) if tokenizer is not None and rows else 0
    if tokens > rows:
        raise InputError("tokens_without_rows", tokens=tokens, rows=rows)


def count_tokens(path: Path) -> int:
    """One more than the largest id of a `tokenizer.json`; 0 where it cannot be read."""
    try:
        content: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return 0
    if not isinstance(content, dict):
        return 0
    fields = cast("dict[str, Any]", content)
    added = cast("list[Mapping[str, Any]]", fields.get("added_tokens") or [])
    ids = [int(token["id"]) for token in added if isinstance(token.get("id"), int)]
    vocabulary: object = cast("dict[str, Any]", fields.get("model") or {}).get("vocab")
    if isinstance(vocabulary, dict):
        ids.extend(
            number for number in cast("dict[str, Any]", vocabulary).values() if isinstance(number, int)
        )
    elif isinstance(vocabulary, list):
        ids.append(len(cast("list[Any]", vocabulary)) - 1)
    return max(ids, default=-1) + 1
