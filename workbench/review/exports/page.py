"""A page that holds everything in itself: no script, nothing from outside, readable on paper."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.i18n import t
from workbench.review.exports.pairs import correcting_vote
from workbench.review.exports.source import ExportSource, answer_of
from workbench.review.exports.words import say, say_kind, say_moment, say_notes, say_tags
from workbench.review.settle import SIDES
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Side, Vote
from workbench.text.diff import DiffSegment, diff
from workbench.text.escape import clean_xml
from workbench.text.markup import Child, Html, el, join

TEXT_LIMIT = 20_000
"""Characters of an answer or document on the page."""
DIFF_LIMIT = 4_000
"""Longer answers are shown without marks: a diff of them is slow and helps nobody."""

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.7 "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", Meiryo, sans-serif;
  color: #1d2530; background: #fff; max-width: 1180px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 28px 0 8px; } h3 { font-size: 15px; margin: 0 0 6px; }
small, .soft { color: #5b6675; } table { border-collapse: collapse; } td, th { padding: 4px 12px 4px 0; text-align: left;
  vertical-align: top; border-bottom: 1px solid #e3e7ec; font-weight: normal; }
article { border-top: 2px solid #2f3e4e; padding: 14px 0 18px; }
.sides { display: flex; gap: 16px; } .side { flex: 1 1 0; min-width: 0; border: 1px solid #d5dae0; border-radius: 6px;
  padding: 10px 12px; } .won { border: 2px solid #1b7f3b; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
del, ins { text-decoration: none; border-radius: 2px; } del { background: #fbe0dd; } ins { background: #ddf2e3; }
.strong { outline: 1.5px solid #b3261e; }
.tag { display: inline-block; border: 1px solid #b9c1cb; border-radius: 10px; padding: 0 8px; font-size: 13px; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } article { break-inside: avoid-page; } }
"""


def write_page(source: ExportSource) -> bytes:
    """Every question with its documents folded, both answers with their differences, and all votes."""
    lang = source.lang
    body = join(
        [
            el("h1", t("review.page.title", lang, name=source.title)),
            el(
                "p",
                t("review.page.made", lang, date=say_moment(source.moment), n=len(source.items)),
                cls="soft",
            ),
            _summary(source),
            *(_article(source, number, item) for number, item in enumerate(source.items, start=1)),
        ]
    )
    return wrap(source, body, STYLE)


def wrap(source: ExportSource, body: Html, style: str) -> bytes:
    """A whole document that may load and run nothing, whatever stands in its text."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        el("title", source.title),
        Html(f"<style>{style}</style>"),
    )
    document = el("html", head, el("body", body), lang=source.lang)
    # the one place where text that UTF-8 or a browser cannot hold is replaced
    return clean_xml(f"<!DOCTYPE html>\n{document}\n").encode()


def shorten(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text that a page can show, with a note of how much was left out."""
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit:,})"


def _summary(source: ExportSource) -> Html:
    lang, summary = source.lang, source.summary
    rows = [
        el("tr", el("th", say(lang, "verdict", verdict)), el("td", str(getattr(summary, verdict))))
        for verdict in ("finetuned", "baseline", "tie", "both_bad")
    ]
    return el("table", *rows)


def _article(source: ExportSource, number: int, item: ComparisonItem) -> Html:
    lang = source.lang
    votes = source.by_sample.get(item.key, [])
    documents = [el("p", shorten(document), cls="text") for document in item.documents]
    return el(
        "article",
        el("h3", f"{number}. ", el("span", shorten(item.question), cls="text")),
        el("small", f"{say_kind(lang, item)} · {item.key}"),
        el("details", el("summary", t("review.page.documents", lang, n=len(documents))), *documents)
        if documents
        else None,
        _labelled(t("review.column.target", lang), item.target),
        el("div", *_sides(source, item), cls="sides"),
        el("ul", *(_vote(source, item, vote) for vote in votes)) if votes else None,
        _correction(source, item),
    )


def _labelled(label: str, value: str) -> Html | None:
    return (
        el("p", el("small", f"{label}: "), el("span", shorten(value), cls="text")) if value.strip() else None
    )


def _sides(source: ExportSource, item: ComparisonItem) -> Iterable[Html]:
    deciding = source.deciding.get(item.key)
    parts = _differences(item)
    for side in SIDES:
        answer = answer_of(item, side)
        won = deciding is not None and deciding.verdict == side
        yield el(
            "section",
            el("h3", f"{say(source.lang, 'side', side)}{' ✓' if won else ''}"),
            el("small", say(source.lang, "state", answer.state)),
            el("div", _marked(parts, side) if parts else shorten(answer.prediction), cls="text"),
            cls="side won" if won else "side",
        )


def _differences(item: ComparisonItem) -> list[DiffSegment]:
    longest = max(len(item.baseline.prediction), len(item.finetuned.prediction))
    return diff(item.baseline.prediction, item.finetuned.prediction) if longest <= DIFF_LIMIT else []


def _marked(parts: Iterable[DiffSegment], side: Side) -> Html:
    def mark(part: DiffSegment) -> Child:
        piece = part.text_a if side == "baseline" else part.text_b
        if part.op == "equal" or not piece:
            return piece
        return el("del" if side == "baseline" else "ins", piece, cls="strong" if part.important else "")

    return join(mark(part) for part in parts)


def _vote(source: ExportSource, item: ComparisonItem, vote: Vote) -> Html:
    lang = source.lang
    said = [say(lang, "verdict", vote.verdict), say(lang, "strength", vote.strength)]
    if vote.adjudication:
        said.insert(0, say(lang, "role", "adjudication"))
    reasons = [_reasons(source, vote, side, answer_of(item, side)) for side in SIDES]
    words = t("review.list_comma", lang).join(part for part in said if part)
    return el(
        "li",
        el("b", vote.reviewer),
        f": {words}",
        *reasons,
        _labelled(t("review.column.comment", lang), vote.comment),
    )


def _reasons(source: ExportSource, vote: Vote, side: Side, answer: ScoredAnswer) -> Html | None:
    lang = source.lang
    parts = [
        say(lang, "correctness", vote.correctness.get(side, "")),
        say(lang, "state", vote.states.get(side, "")),
        say_tags(lang, vote.tags.get(side, ())),
        say_notes(vote, side, answer.prediction),
    ]
    told = [part for part in parts if part]
    return el("div", f"{say(lang, 'side', side)}: ", join(told, " · "), cls="text") if told else None


def _correction(source: ExportSource, item: ComparisonItem) -> Html | None:
    vote = correcting_vote(source, item)
    return _labelled(t("review.column.correction", source.lang), vote.correction) if vote else None
