"""Gradio's page with the language of ours.

Gradio chooses its own words (of an upload, of a menu) by the browser's language, and says that every page is English.
The scripts and styles that a page may bring come after that, so the template itself is changed while it is read.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from jinja2 import FunctionLoader

# the page is mounted under its language, which is the last part of its root path
LANGUAGE = "{{ request.scope['root_path'].rsplit('/', 1)[-1] }}"
SCRIPT = (
    f"<script>for (const [name, value] of [['language', '{LANGUAGE}'], ['languages', ['{LANGUAGE}']]])"
    " Object.defineProperty(navigator, name, {get: () => value});</script>"
)

# what a page says of gradio to those who would share a link to it; one of them names a picture on the network
_CARD = re.compile(r"<meta\s+(?:property=\"og:|name=\"twitter:)[^>]*>")
_LANG = re.compile(r"(<html\b[^>]*?\blang=)\"[^\"]*\"")


def adapt(source: str) -> str:
    """The template's text with the page's language in it, and without cards for social networks."""
    source = _LANG.sub(rf'\1"{LANGUAGE}"', source, count=1)
    return _CARD.sub("", source.replace("<head>", f"<head>{SCRIPT}", 1))


def install() -> None:
    """Let gradio's pages be made from the adapted template; harmless when repeated."""
    environment: Any = import_module("gradio.routes").templates.env
    inner = environment.loader
    if not isinstance(inner, FunctionLoader):
        environment.loader = FunctionLoader(lambda name: adapt(inner.get_source(environment, name)[0]))
