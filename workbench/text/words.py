"""F1 over Japanese words, where a tokenizer is installed (extra `ja-tokenizer`); absent otherwise.

The dictionaries take 70 to 250 MB of disk, so that nothing depends on them: without one, figures by character
stand alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from workbench.text.normalise import norm_ja, norm_light

Tokenize = Callable[[str], list[str]]


def has_tokenizer() -> bool:
    """Whether Japanese words can be told apart on this machine."""
    return load_tokenizer() is not None


@cache
def load_tokenizer() -> Tokenize | None:
    """Splits a text into words: SudachiPy (mode C) where it and its dictionary are installed, else fugashi."""
    if find_spec("sudachipy") and find_spec("sudachidict_core"):
        return _load_sudachi()
    if find_spec("fugashi") and (find_spec("unidic_lite") or find_spec("unidic")):
        return _load_fugashi()
    return None


def token_f1_ja(prediction: str, target: str, tokenize: Tokenize) -> float:
    """F1 over the multisets of words; punctuation is no word. 1 where both are empty."""
    said, wanted = _count(prediction, tokenize), _count(target, tokenize)
    if not said or not wanted:
        return float(said == wanted)
    return 2 * (said & wanted).total() / (said.total() + wanted.total())


def _count(text: str, tokenize: Tokenize) -> Counter[str]:
    words = (norm_ja(word) for word in tokenize(norm_light(text)))
    return Counter(word for word in words if word)


def _load_sudachi() -> Tokenize:
    library: Any = import_module("sudachipy")
    tokenizer = library.Dictionary(dict="core").tokenizer(mode=library.SplitMode.C)
    return lambda text: [word.surface() for word in tokenizer.tokenize(text)]


def _load_fugashi() -> Tokenize:
    library: Any = import_module("fugashi")
    tagger = library.Tagger()
    return lambda text: [word.surface for word in tagger(text)]
