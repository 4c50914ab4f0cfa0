"""Answers of up to four models side by side while they stream, with their quotes marked in the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from workbench.i18n import Lang, has_key, render_error, t
from workbench.inference import has_thought_unasked
from workbench.schemas.inference import ChatReply
from workbench.text.quotes import check_quotes
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext
from workbench.ui.live_answers import Column

LABELS = ("documents", "document", "thinking", "quote_go", "nothing_yet", "no_text")
STATE_TONES = {"waiting": "plain", "answering": "run", "done": "good", "stopped": "warn", "error": "bad"}
# how a reply that came whole ended, where that is worth a word
REPLY_TONES = {"empty": "bad", "truncated": "warn", "thinking_truncated": "bad"}
QUOTE_TONES = {
    "verbatim": "good",
    "elided": "good",
    "near": "warn",
    "misattributed": "warn",
    "from_question": "plain",
    "unsupported": "bad",
    "unclosed": "warn",
}


def render_live(
    run: str,
    columns: Sequence[Column],
    lang: Lang,
    *,
    question: str = "",
    documents: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """JSON text for the view.

    Args:
        run: Another value for every question asked: the columns are drawn anew.
        columns: The answers so far.
        lang: The page's language.
        question: What was asked.
        documents: What the models were given.
        notes: Sentences above the answers: what speaks against comparing them.
    """
    return to_json(
        {
            "run": run,
            "question": question,
            "documents": list(documents),
            "notes": list(notes),
            "columns": [_column(column, documents, question, lang) for column in columns],
        }
    )


def _column(column: Column, documents: Sequence[str], question: str, lang: Lang) -> dict[str, Any]:
    whole = column.state in ("done", "stopped")
    quotes = check_quotes(column.text, documents, question) if whole and documents else ()
    return {
        "label": column.source.label,
        "model": column.source.endpoint.model,
        "state": column.state,
        "chips": _chips(column, lang),
        "text": column.text,
        "reasoning": column.reasoning,
        "facts": _facts(column, lang),
        "error": _error(column, lang),
        "quotes": [
            {
                "start": quote.start,
                "end": quote.end,
                "document": quote.found_in,
                "span": quote.span,
                "tone": QUOTE_TONES.get(quote.state, "warn"),
                "badge": t(f"live_tab.quote.{quote.state}", lang),
            }
            for quote in quotes
        ],
    }


def _chips(column: Column, lang: Lang) -> list[dict[str, str]]:
    reply = column.reply
    if reply is not None and reply.state in REPLY_TONES and column.state == "done":
        chips = [{"text": t(f"live_tab.reply.{reply.state}", lang), "tone": REPLY_TONES[reply.state]}]
    else:
        chips = [{"text": t(f"live_tab.state.{column.state}", lang), "tone": STATE_TONES[column.state]}]
    if reply is not None and has_thought_unasked(column.source.endpoint, reply):
        chips.append({"text": t("live_tab.thought_unasked", lang), "tone": "warn"})
    return chips


def _facts(column: Column, lang: Lang) -> list[str]:
    """Tokens, speed and times, as far as they are known."""
    reply = column.reply
    if reply is None or not reply.completion_tokens:
        return []
    facts = [_say_tokens(reply, lang)]
    speed = column.tokens_per_second
    if speed is not None:
        facts.append(t("live_tab.fact.speed", lang, speed=f"{speed:.1f}"))
    if reply.first_token_seconds is not None:
        facts.append(t("live_tab.fact.first", lang, seconds=f"{reply.first_token_seconds:.2f}"))
    return [*facts, t("live_tab.fact.seconds", lang, seconds=f"{reply.seconds:.1f}")]


def _say_tokens(reply: ChatReply, lang: Lang) -> str:
    # a server that does not count its prompt did not count the answer either: that figure is ours
    key = "live_tab.fact.tokens" if reply.prompt_tokens else "live_tab.fact.about_tokens"
    return t(key, lang, count=f"{reply.completion_tokens:,}")


def _error(column: Column, lang: Lang) -> dict[str, str] | None:
    if column.error is None:
        return None
    if not has_key(f"error.{column.error.code}.message", lang):
        return {"message": column.error.code, "hint": ""}
    rendered = render_error(column.error, lang)
    detail = column.reply.error_detail if column.reply else ""
    return {"message": rendered.message, "hint": "\n".join(part for part in (rendered.hint, detail) if part)}


def live_view(ctx: UiContext, elem_id: str) -> gr.HTML:
    """The view. A handler returns or yields `render_live(...)` as its value.

    Ctrl+Enter (Cmd+Enter) inside `#live-question` presses `#live-send`, unless an IME is composing.
    """
    return json_view(
        "live",
        elem_id=elem_id,
        labels=labels_of(ctx, "live_tab.view", LABELS),
        scripts=("review_text.js", "live.js"),
        classes=("wb-live",),
    )
