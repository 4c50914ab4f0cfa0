"""Which family a model belongs to, as far as its name says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

import yaml

from workbench.paths import assets_dir
from workbench.schemas.base import StrictModel, parse


class Families(StrictModel):
    """`assets/model_families.yaml`."""

    version: int
    families: dict[str, tuple[str, ...]]


def families_of(*names: str) -> frozenset[str]:
    """Families whose words stand in one of the names; empty where no name gives one away."""
    lowered = [name.casefold() for name in names]
    return frozenset(
        family for family, pattern in _patterns().items() if any(pattern.search(name) for name in lowered)
    )


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    content = yaml.safe_load((assets_dir() / "model_families.yaml").read_text(encoding="utf-8"))
    return {family: _pattern(words) for family, words in parse(Families, content).families.items()}


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    # `phi-4` is not in `dolphi-4`, `llama` is in `llama3` and not in `llamas`, `gpt-4` is in `gpt-4o`
    bounded = (re.escape(word) + (r"(?!\d)" if word[-1].isdigit() else r"(?![a-z])") for word in words)
    return re.compile(rf"(?<![a-z])(?:{'|'.join(bounded)})")
