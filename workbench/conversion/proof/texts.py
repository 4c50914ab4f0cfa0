"""Checks of what stands around the weights: the tokenizer on the person's own texts, and the chat template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from workbench.conversion.detect import has_tokenizer
from workbench.conversion.sidecars import read_template
from workbench.schemas.conversion import Check

MAX_TEXTS = 500
BUILT_IN: tuple[str, ...] = (
    "所得税の確定申告は、翌年の2月16日から3月15日までに行います。",
    "参考文書3に「手数料は1,200円です。」と記載されています。",
    "Fine-tuning keeps 100 % of the tokenizer: “quotes”, tabs\tand\nnew lines.",
    "①②③ ㈱ ﾊﾝｶｸ 全角ＡＢＣ　空白  二つ",
    "😀👩‍👩‍👧‍👦 é é Ω ≈ ç √ ∫",
    "def f(x):\n    return x ** 2  # comment",
)
"""Sentences of our own with what tokenizers get wrong, where the person gives no texts."""


def check_tokenizer(folder: Path, source: Path | None, texts: Sequence[str]) -> Check:
    """The same token ids as the source's tokenizer on every text."""
    if source is None or not has_tokenizer(source):
        return Check(name="tokenizer", state="not checked", reason="no_source")
    if not has_tokenizer(folder):
        return Check(name="tokenizer", state="not checked", reason="no_tokenizer")
    from transformers import AutoTokenizer

    load = cast("Any", AutoTokenizer).from_pretrained
    mine, theirs = load(str(folder)), load(str(source))
    samples = [*(texts or BUILT_IN), *map(str, theirs.all_special_tokens)]
    equal = sum(mine(text)["input_ids"] == theirs(text)["input_ids"] for text in samples)
    params: dict[str, str | int | float] = {"equal": equal, "texts": len(samples)}
    if equal == len(samples):
        return Check(name="tokenizer", state="passed", params=params)
    return Check(name="tokenizer", state="failed", reason="differs", params=params)


def check_template(folder: Path, source: Path | None) -> Check:
    """The same chat template as the training used."""
    if source is None or not read_template(source):
        return Check(name="template", state="not checked", reason="no_template")
    if read_template(folder) == read_template(source):
        return Check(name="template", state="passed")
    return Check(name="template", state="failed", reason="differs")


def read_texts(path: str) -> list[str]:
    """Strings of a JSONL file, wherever they stand in its lines; at most MAX_TEXTS."""
    if not path:
        return []
    found: list[str] = []
    with Path(path).open(encoding="utf-8-sig", errors="replace") as handle:
        for line in handle:
            try:
                found.extend(_strings(json.loads(line)))
            except json.JSONDecodeError:
                found.append(line.rstrip("\n"))
            if len(found) >= MAX_TEXTS:
                break
    return [text for text in found if text.strip()][:MAX_TEXTS]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in cast("dict[str, Any]", value).values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            yield from _strings(part)
