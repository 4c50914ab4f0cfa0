"""Task files and data files for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def write_task(folder: Path, name: str = "mine", **changes: Any) -> Path:
    """A task file of a table with the protocol `char_f1`."""
    spec: dict[str, Any] = {
        "version": 1,
        "name": name,
        "title": {"ja": "私の課題", "en": "My task"},
        "protocol": "char_f1",
        "source": {"reader": "table", "data": {"path": "data.jsonl"}},
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    return path


def write_questions(folder: Path, count: int = 3) -> Path:
    rows = [{"id": f"q{n}", "question": f"{n} の次は？", "answer": str(n + 1)} for n in range(count)]
    return write_jsonl(folder / "data.jsonl", rows)
