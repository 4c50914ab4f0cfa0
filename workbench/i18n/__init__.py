"""Text for people, in Japanese and English.

The catalogue is a folder per language with one JSON file per area (`errors.json`, `training.json`, ...), each a
flat mapping of keys to plain text with `str.format` placeholders. Files per area keep a change to one
part of the program in one small file; the keys form one name space.
"""

from workbench.i18n.catalogue import (
    LANGUAGES,
    Lang,
    RenderedError,
    Translator,
    has_key,
    load_catalogue,
    pick_language,
    render_error,
    render_problem,
    t,
    translator,
)

__all__ = [
    "LANGUAGES",
    "Lang",
    "RenderedError",
    "Translator",
    "has_key",
    "load_catalogue",
    "pick_language",
    "render_error",
    "render_problem",
    "t",
    "translator",
]
