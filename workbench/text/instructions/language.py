"""Which language a text is in, by langdetect with a fixed seed, so that the same text always gets the same verdict."""

from __future__ import annotations

from functools import lru_cache
from importlib import util
from typing import Any

from workbench.errors import StateError

SEED = 0
LONGEST = 100_000
"""Characters that are looked at. langdetect itself stops at 10,000, not counting addresses of pages and mails."""


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


CODES = _split(
    "af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl "
    "no pa pl pt ro ru sk sl so sq sv sw ta te th tl tr uk ur vi zh-cn zh-tw"
)
"""Languages that langdetect 1.0.9 knows."""


def can_detect() -> bool:
    """Whether langdetect is installed (the extra `ifeval`)."""
    return util.find_spec("langdetect") is not None


def detect_language(text: str) -> str | None:
    """The language's code; None where the text has nothing to tell it by.

    Raises:
        StateError: `ifeval_langdetect_missing`.
    """
    factory, nothing = _load()
    detector = factory.create()
    detector.append(text[:LONGEST])
    try:
        return str(detector.detect())
    except nothing:
        return None


@lru_cache(maxsize=1)
def _load() -> tuple[Any, type[Exception]]:
    """A factory of our own, so that the seed changes nothing for others in the process."""
    try:
        import langdetect
    except ImportError as exc:
        raise StateError("ifeval_langdetect_missing") from exc
    factory: Any = langdetect.DetectorFactory()
    factory.load_profile(langdetect.PROFILES_DIRECTORY)
    factory.set_seed(SEED)
    return factory, langdetect.LangDetectException
