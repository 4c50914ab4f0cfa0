"""The review desk: one question, its documents and two answers, and the verdict under the fingers.

The scripts `review_*.js` draw it and hear the keys; for everything it knows it asks one function. Texts of files
and models become text nodes there and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from workbench.ui.components.json_view import json_view, labels_of
from workbench.ui.context import UiContext

SCRIPTS = ("review_text.js", "review_draw.js", "review_desk.js")
LABELS = (
    *(
        "title",
        "none",
        "comparison",
        "name",
        "name_hint",
        "name_why",
        "which",
        "blind",
        "blind_why",
        "begin",
        "saved_always",
    ),
    *("resume", "size", "questions", "filter", "tag", "order", "failed", "loading"),
    *(f"mode_{name}" for name in ("random", "worst", "all", "filter", "adjudicate")),
    *(f"mode_{name}_why" for name in ("random", "worst", "all", "filter")),
    *("offline", "offline_hint", "saving", "saved", "list", "help", "leave", "close"),
    *("question", "prompt", "prompt_none", "document", "oracle", "quote_go"),
    *("answer", "answer_empty", "answer_cut", "side_baseline", "side_finetuned"),
    *("correctness", "mark_right", "mark_partly", "mark_wrong"),
    *("state", "state_auto", "state_answered", "state_partial", "state_refused"),
    *("diff", "diff_word", "diff_char", "diff_sentence", "important", "gold", "gold_none", "opinions"),
    *("vote_left", "vote_right", "vote_tie", "vote_bad", "strength", "strength_slight", "strength_clear"),
    *("reasons", "side_switch", "pin", "pin_how", "note", "note_hint", "note_remove"),
    *("comment", "comment_hint", "correction", "correction_hint", "take_left", "take_right"),
    *("previous", "next", "skip", "undo", "auto", "finish", "score", "scores"),
    *("finished", "finished_why", "results", "look_again"),
    *("help_title", "help_ime", "key_left", "key_right", "key_tie", "key_bad", "key_strength", "key_tags"),
    *("key_side", "key_marks", "key_pin", "key_comment", "key_correction", "key_next", "key_previous"),
    *("key_undo", "key_documents", "key_diff", "key_important", "key_gold", "key_list", "key_escape"),
)


def review_desk(
    ctx: UiContext, elem_id: str, answer: Callable[[UiContext, object], dict[str, Any]]
) -> gr.HTML:
    """The desk; it fires `click` with `{comparison, reviewer}` when either of them changes.

    Args:
        ctx: The page's context.
        elem_id: Element id.
        answer: Answers the desk's requests; raises nothing.
    """

    def ask(request: object) -> str:
        # escaped to ASCII: a lone surrogate in a model's answer has no UTF-8
        return json.dumps(answer(ctx, request), separators=(",", ":"), allow_nan=False)

    return json_view(
        "review",
        elem_id=elem_id,
        labels=labels_of(ctx, "review_tab", LABELS),
        scripts=SCRIPTS,
        classes=("wb-review",),
        ask=ask,
    )
