"""A component of our own: Python sends JSON, our script draws it with `textContent`.

`gr.HTML` with a template that never changes keeps its DOM node between updates, so that a zoomed curve stays
zoomed and a focused button stays focused. No text of a file or a model ever passes through an HTML template.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from workbench.ui.context import UiContext

STATIC_URL = "/static"
CORE_SCRIPT = "workbench.js"
# One script after the other, each once per page. Gradio's own `head` promises neither: of a tag that is there
# already it takes for granted that it has been run.
LOAD = """const known = (window.wbScripts ||= {});
const load = (name) => (known[name] ||= new Promise((done, fail) => {
  const tag = document.createElement("script");
  Object.assign(tag, { src: "%s/" + name, onload: done, onerror: () => { delete known[name]; fail(new Error(name)); } });
  document.head.append(tag);
}));
%s.reduce((before, name) => before.then(() => load(name)), Promise.resolve()).then(() => {
  WB.mount(%s, element, props, trigger, watch, %s%s);
});"""


def to_json(payload: object) -> str:
    """JSON that is also safe inside a page: `<` can never open a tag."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def json_view(
    renderer: str,
    *,
    elem_id: str,
    labels: Mapping[str, str],
    value: str = "null",
    scripts: Sequence[str] = (),
    classes: Sequence[str] = (),
    visible: bool = True,
    ask: Callable[[Any], Any] | None = None,
) -> gr.HTML:
    """A place that a renderer of our scripts draws into.

    Args:
        renderer: Name under which the script registered itself with `WB.register`.
        elem_id: Element id, for tests and styles.
        labels: Fixed words of the page's language that the renderer needs.
        value: JSON text from `to_json`; a handler returns the next one.
        scripts: Files of `/static` to load after the core script, in order.
        classes: Extra CSS classes.
        visible: Whether the component is shown.
        ask: A function of one JSON value that the renderer may call and wait for; it is given to the renderer as
            its fourth argument. It answers anybody who can open the page, so it must check what it is given.

    Returns:
        The component. Buttons inside it fire `.click(handler)`; the handler reads `gr.EventData`.
    """
    server = "" if ask is None else f", server.{ask.__name__}"
    names = json.dumps([CORE_SCRIPT, *scripts])
    return gr.HTML(
        value=value,
        html_template='<div class="wb-view"></div>',
        # the words travel in the script: a component that is mounted late, in a row that was hidden, gets its
        # value but not its other properties
        js_on_load=LOAD % (STATIC_URL, names, json.dumps(renderer), to_json(dict(labels)), server),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=["wb-html", *classes],
        visible=visible,
        server_functions=[ask] if ask else None,
    )


def labels_of(ctx: UiContext, prefix: str, names: Sequence[str]) -> dict[str, str]:
    """`{name: text}` of the catalogue's keys `<prefix>.<name>`."""
    return {name: ctx.t(f"{prefix}.{name}") for name in names}
