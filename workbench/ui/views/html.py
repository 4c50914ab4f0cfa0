"""The page's pieces of markup; text put into them is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.text.markup import Child, Html, el, join, text


def chip(label: str, tone: str = "") -> Html:
    """A small rounded label; tones: good, warn, bad, run, or none."""
    return el("span", label, cls=f"wb-chip wb-{tone or 'plain'}")


def table(
    head: Sequence[Child], rows: Iterable[Sequence[Child]], *, cls: str = "", numbers: Sequence[int] = ()
) -> Html:
    """A table that scrolls inside its own box.

    Args:
        head: Column names.
        rows: Cells, as many per row as there are column names.
        cls: Further classes of the table.
        numbers: Columns set to the right, counted from 0.
    """
    right = {column: "wv-num" for column in numbers}
    top = el("tr", *(el("th", cell, cls=right.get(i, ""), scope="col") for i, cell in enumerate(head)))
    body = [el("tr", *(el("td", cell, cls=right.get(i, "")) for i, cell in enumerate(row))) for row in rows]
    whole = el("table", el("thead", top), el("tbody", *body), cls=f"wb-table {cls}".strip())
    return el("div", whole, cls="wb-table-box")


def fold(summary: Child, *children: Child, open_: bool = False) -> Html:
    """Something behind one click."""
    inner = (el("summary", summary), *children)
    return el("details", *inner, open="") if open_ else el("details", *inner)


def paragraph(value: Child, cls: str = "") -> Html:
    """One paragraph."""
    return el("p", value, cls=cls)


def mark_quote(document: str, quote: str) -> Html:
    """A document with the quoted passage marked where it stands word for word; unmarked where it does not."""
    start = document.find(quote) if quote else -1
    if start < 0:
        return text(document)
    end = start + len(quote)
    marked = el("mark", document[start:end], cls="wv-quote")
    return join([document[:start], marked, document[end:]])
