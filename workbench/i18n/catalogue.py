"""Looks up text in the catalogue and fills its placeholders. Knows no screen and no command."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal, get_args

from workbench.errors import ConfigError, Param, Problem, WorkbenchError

logger = logging.getLogger(__name__)

Lang = Literal["ja", "en"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)
Translator = Callable[..., str]


@cache
def load_catalogue(lang: Lang) -> dict[str, str]:
    """All texts of one language, keys of every area merged.

    Raises:
        ValueError: Two areas define the same key.
    """
    merged: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / lang).glob("*.json")):
        area: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        clash = merged.keys() & area.keys()
        if clash:
            raise ValueError(f"{path}: keys defined twice: {sorted(clash)}")
        merged.update(area)
    return merged


def has_key(key: str, lang: Lang = "ja") -> bool:
    """Whether the catalogue of that language holds the key."""
    return key in load_catalogue(lang)


def t(key: str, lang: Lang, **params: Param) -> str:
    """The text of a key in a language; an unknown key is shown as it is and logged."""
    text = load_catalogue(lang).get(key)
    if text is None:
        logger.error("missing text: %s (%s)", key, lang)
        return key
    return text.format(**params) if params else text


def translator(lang: Lang) -> Translator:
    """`t` with its language bound."""
    return partial(t, lang=lang)


def pick_language(accept_language: str, default: Lang = "ja") -> Lang:
    """The first of our languages in an Accept-Language header or a locale name such as `en_US.UTF-8`."""
    for part in accept_language.replace("_", "-").split(","):
        prefix = part.strip().lower()[:2]
        for lang in LANGUAGES:
            if prefix == lang:
                return lang
    return default


@dataclass(frozen=True)
class RenderedError:
    """What a person reads of an error."""

    code: str
    message: str
    hint: str

    @property
    def text(self) -> str:
        return f"{self.message} {self.hint}".strip()


def render_problem(problem: Problem, lang: Lang) -> str:
    """One line for one bad field, naming the field by its label where it has one."""
    label_key = f"field.{problem.field}.label"
    name = t(label_key, lang) if has_key(label_key, lang) else problem.field
    return t("problem.line", lang, field=name, reason=t(f"problem.{problem.code}", lang, **problem.params))


def render_error(error: WorkbenchError, lang: Lang) -> RenderedError:
    """Message and hint of an error in the reader's language."""
    message = t(f"error.{error.code}.message", lang, **error.params)
    hint = t(f"error.{error.code}.hint", lang, **error.params)
    if isinstance(error, ConfigError):
        message = "\n".join([message, *(render_problem(problem, lang) for problem in error.problems)])
    return RenderedError(error.code, message, hint)
