"""Gradio's page with the language of ours, and with a word for the time until it is there.

Gradio chooses its own words (of an upload, of a menu) by the browser's language, and says that every page is English.
It shows nothing at first, then its own English word across a half-built page; a cover lies over both until the bar at
the top has been drawn (`static/workbench.js` lifts it). The scripts and styles that a page may bring come after that,
so the template itself is changed while it is read.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from jinja2 import FunctionLoader

from workbench.i18n import LANGUAGES, t

# the page is mounted under its language, which is the last part of its root path
_PLACE = "request.scope['root_path'].rsplit('/', 1)[-1]"
LANGUAGE = f"{{{{ {_PLACE} }}}}"
# the person's own choice of light or dark is known before the first thing is seen
SCRIPT = (
    f"<script>for (const [name, value] of [['language', '{LANGUAGE}'], ['languages', ['{LANGUAGE}']]])"
    " Object.defineProperty(navigator, name, {get: () => value});"
    " document.documentElement.dataset.wbTheme = localStorage.getItem('wb-theme') ?? '';</script>"
)
# where a script fails the cover goes by itself: what gradio says of the failure must be seen
STYLE = """<style>
.wb-cover {position: fixed; inset: 0; z-index: 10000; display: grid; place-items: center; margin: 0;
  background: inherit; color: inherit; animation: wb-cover-goes 0s 20s forwards}
html[data-wb-theme=light] .wb-cover {background: var(--bg); color: var(--col)}
html[data-wb-theme=dark] .wb-cover {background: var(--bg-dark); color: var(--col-dark)}
.wb-ready .wb-cover {display: none}
@keyframes wb-cover-goes {to {visibility: hidden}}
</style>"""

# what a page says of gradio to those who would share a link to it; one of them names a picture on the network
_CARD = re.compile(r"<meta\s+(?:property=\"og:|name=\"twitter:)[^>]*>")
_LANG = re.compile(r"(<html\b[^>]*?\blang=)\"[^\"]*\"")
_BODY = re.compile(r"<body\b[^>]*>")


def adapt(source: str) -> str:
    """The template's text with the page's language and its cover, and without cards for social networks."""
    words = {lang: t("page.loading", lang) for lang in LANGUAGES}
    cover = f'<p class="wb-cover" role="status">{{{{ {words!r}[{_PLACE}] }}}}</p>'
    source = _LANG.sub(rf'\1"{LANGUAGE}"', source, count=1)
    source = _BODY.sub(lambda body: body[0] + cover, source, count=1)
    return _CARD.sub("", source.replace("<head>", f"<head>{SCRIPT}{STYLE}", 1))


def install() -> None:
    """Let gradio's pages be made from the adapted template; harmless when repeated."""
    environment: Any = import_module("gradio.routes").templates.env
    inner = environment.loader
    if not isinstance(inner, FunctionLoader):
        environment.loader = FunctionLoader(lambda name: adapt(inner.get_source(environment, name)[0]))
