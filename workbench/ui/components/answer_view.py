"""Question, documents with the quotes of both answers, and the two answers side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from workbench.i18n import Lang, t
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext

LABELS = (
    "question",
    "document",
    "documents_none",
    "oracle",
    "diff",
    "diff_off",
    "diff_all",
    "diff_important",
    "diff_same",
    "reference",
    "reference_none",
    "answer_empty",
    "quote_go",
    "empty",
)

# how a quote's state is told: (catalogue key, tone of the badge)
QUOTE_BADGES: dict[str, tuple[str, str]] = {
    "verbatim": ("verbatim", "good"),
    "elided": ("near", "good"),
    "near": ("near", "warn"),
    "misattributed": ("other_document", "warn"),
    "from_question": ("from_question", "warn"),
    "unsupported": ("missing", "bad"),
    "unclosed": ("unclosed", "warn"),
}
STATE_TONES: dict[str, str] = {
    "refused": "plain",
    "partial": "plain",
    "empty": "bad",
    "truncated": "bad",
    "error": "bad",
}


def _quote(quote: Mapping[str, Any], lang: Lang) -> dict[str, Any]:
    state = str(quote.get("state", ""))
    key, tone = QUOTE_BADGES.get(state, ("missing", "bad"))
    return {
        "start": quote.get("start", 0),
        "end": quote.get("end", 0),
        "document": quote.get("found_in"),
        "span": quote.get("span"),
        "tone": tone,
        "badge": t(f"quote.{key}", lang),
    }


def _answer(side: Mapping[str, Any], lang: Lang) -> dict[str, Any]:
    state = str(side.get("state", "answered"))
    badge = (
        {"text": t(f"answer_state.{state}", lang), "tone": STATE_TONES[state]}
        if state in STATE_TONES
        else None
    )
    return {
        "label": str(side.get("label", "")),
        "side": str(side.get("side", "")),
        "text": str(side.get("text", "")),
        "badge": badge,
        "quotes": [_quote(quote, lang) for quote in side.get("quotes", ())],
    }


def _first_document(item: Mapping[str, Any]) -> int:
    """The document to show first: the first one quoted by either side, else the answering one, else 1."""
    for side in ("left", "right"):
        for quote in item.get(side, {}).get("quotes", ()):
            if quote.get("found_in"):
                return int(quote["found_in"])
    return int(item.get("oracle_position") or 1)


def render_answer_view(item: Mapping[str, Any] | None, lang: Lang) -> str:
    """JSON text for an answer view.

    Args:
        item: `{id, kind, question, documents[], target, oracle_position, left, right, diff[]}`; `left` and
            `right` are `{label, text, state, quotes[], side}` where `side` (baseline, finetuned) gives the
            colour and is left out while names are hidden; a diff entry is `{op, a, b, important}` with op
            equal, insert, delete or replace. None shows the empty page.
        lang: The page's language.
    """
    if item is None:
        return to_json({"empty": True})
    return to_json(
        {
            "id": str(item.get("id", "")),
            "question": str(item.get("question", "")),
            "kind": t(f"sample_kind.{item['kind']}", lang) if item.get("kind") else "",
            "documents": [str(document) for document in item.get("documents", ())],
            "first": _first_document(item),
            "oracle": item.get("oracle_position"),
            "target": str(item.get("target", "")),
            "left": _answer(item.get("left", {}), lang),
            "right": _answer(item.get("right", {}), lang),
            "diff": [dict(part) for part in item.get("diff", ())],
        }
    )


def answer_view(ctx: UiContext, elem_id: str) -> gr.HTML:
    """The view. A handler returns `render_answer_view(...)` as its value.

    Keys work while it is on the screen and no text is being typed: N and P press `#cmp-next` and `#cmp-prev`; D
    changes the diff, G the reference answer, Shift+1..5 the document.
    """
    return json_view(
        "answers",
        elem_id=elem_id,
        labels=labels_of(ctx, "answer_view", LABELS),
        scripts=("answer.js",),
        classes=("wb-answers",),
    )
