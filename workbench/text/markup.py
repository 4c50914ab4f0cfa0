"""Markup that cannot forget to escape: text put into an element is escaped, only `Html` passes as it is."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Html(str):
    """Text that is already safe as HTML."""

    __slots__ = ()


Child = str | Html | None
_VOID = frozenset({"br", "hr", "meta"})


def text(value: object) -> Html:
    """Any value as escaped text; line breaks stay visible."""
    return Html(escape(str(value), quote=True).replace("\n", "<br>"))


def join(children: Iterable[Child], between: str = "") -> Html:
    """Children one after the other; `between` is escaped too."""
    parts = [child if isinstance(child, Html) else text(child) for child in children if child is not None]
    return Html(text(between).join(parts))


def el(name: str, *children: Child, cls: str = "", **attributes: str) -> Html:
    """One element.

    Args:
        name: Tag name.
        *children: Text (escaped) or `Html`; None is left out.
        cls: CSS classes.
        **attributes: Further attributes; `_` in a name becomes `-`.
    """
    given = {"class": cls} if cls else {}
    given |= {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    written = "".join(f' {key}="{escape(value, quote=True)}"' for key, value in given.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")
