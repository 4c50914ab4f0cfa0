"""One page for people who decide: what improved, what got worse, examples, and how sure it is. To print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workbench.i18n import has_key, t
from workbench.review.exports.page import wrap
from workbench.review.exports.source import ExportSource
from workbench.review.exports.words import cut, say, say_kind, say_moment, say_tags
from workbench.review.settle import DECISIVE, SIDES
from workbench.schemas.comparison import ComparisonItem, Sentence
from workbench.schemas.evaluation import Side, Vote
from workbench.schemas.review import VoteSummary
from workbench.text.figures import say_signed
from workbench.text.markup import Html, el
from workbench.text.stats import MIN_PAIRS

EXAMPLES = 3
LINES = 4
"""Sentences under a heading; more would not fit one page."""
_STYLE = """
@page { size: A4; margin: 11mm 13mm; }
body { font: 9.3pt/1.5 "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", Meiryo, sans-serif;
  color: #1d2530; background: #fff; max-width: 184mm; margin: 8mm auto; }
h1 { font-size: 15pt; margin: 0; } h2 { font-size: 10.5pt; margin: 7px 0 2px; border-bottom: 1.5px solid #2f3e4e; }
p, ul { margin: 2px 0; } ul { padding-left: 16px; } .soft { color: #5b6675; font-size: 8.4pt; }
.columns { display: flex; gap: 12px; } .columns > section { flex: 1 1 0; min-width: 0; }
.box { border: 1.5px solid #2f3e4e; border-radius: 5px; padding: 4px 10px; margin: 6px 0; }
.good h2 { border-color: #1b7f3b; } .bad h2 { border-color: #b3261e; }
.example { border-left: 3px solid #d5dae0; padding-left: 7px; margin: 5px 0; break-inside: avoid;
  font-size: 8.4pt; line-height: 1.4; }
.text { overflow-wrap: anywhere; unicode-bidi: isolate; }
@media print { body { margin: 0; max-width: none; } }
"""


class _Example(NamedTuple):
    item: ComparisonItem
    vote: Vote | None


def write_report(source: ExportSource) -> bytes:
    """The report as a page of its own."""
    lang = source.lang
    title = t("review.report.title", lang, name=cut(source.title, 40))
    about = t("review.report.about", lang, date=say_moment(source.moment), n=len(source.items))
    body = el(
        "main",
        el("h1", title),
        el("p", f"{about} {_names(source)}".rstrip(), cls="soft"),
        _gate(source),
        el("div", *(el("p", line) for line in say_win_rate(source)), cls="box"),
        el("div", _changes(source, "improved"), _changes(source, "worse"), cls="columns"),
        el("div", _examples(source, "finetuned"), _examples(source, "baseline"), cls="columns"),
        el("h2", t("review.report.reading", lang)),
        el("ul", *(el("li", line) for line in _cautions(source))),
    )
    return wrap(source, body, _STYLE)


def say_win_rate(source: ExportSource) -> list[str]:
    """The win rate with its interval in words, and what it allows to say."""
    lang, summary = source.lang, source.summary
    rate = summary.win_rate
    if rate.value is None or rate.low is None or rate.high is None:
        return [t("review.report.no_rate", lang)]
    won = round(rate.value * rate.n)
    said = t(
        "review.report.rate",
        lang,
        n=rate.n,
        won=won,
        rate=_percent(rate.value),
        low=_percent(rate.low),
        high=_percent(rate.high),
    )
    return [said, _conclude(source, summary)]


def _conclude(source: ExportSource, summary: VoteSummary) -> str:
    lang, rate = source.lang, summary.win_rate
    if summary.votes_needed == 0:
        side: Side = "finetuned" if (rate.value or 0.0) > 0.5 else "baseline"
        return t("review.report.decided", lang, side=say(lang, "side", side))
    if summary.votes_needed is None:
        return t("review.report.undecided", lang)
    return t("review.report.needed", lang, count=summary.votes_needed)


def _percent(value: float) -> int:
    return round(value * 100)


def _names(source: ExportSource) -> str:
    labels = [source.label(side) for side in SIDES]
    if not all(labels):
        return ""
    before, after = (cut(label, 40) for label in labels)
    return t("review.report.labels", source.lang, before=before, after=after)


def _gate(source: ExportSource) -> Html | None:
    if source.gate is None:
        return None
    verdict = t(f"review.report.gate.{source.gate.verdict}", source.lang)
    reasons = [el("li", cut(reason, 160)) for reason in source.gate.reasons[:LINES]]
    return el("div", el("b", verdict), el("ul", *reasons) if reasons else None, cls="box")


def _changes(source: ExportSource, verdict: str) -> Html:
    """What the figures say improved or got worse, in sentences."""
    lang = source.lang
    told = [_say(source, one) for one in source.figures.sentences] if source.figures else []
    found = [text for code, text in told if code.endswith(f"_{verdict}")][:LINES]
    lines = found or [t(f"review.report.none_{verdict}", lang)]
    heading = el("h2", t(f"review.report.{verdict}", lang))
    return el("section", heading, el("ul", *(el("li", line) for line in lines)), cls=_TONE[verdict])


_TONE = {"improved": "good", "worse": "bad", "finetuned": "good", "baseline": "bad"}


def _say(source: ExportSource, sentence: Sentence) -> tuple[str, str]:
    key = f"sentence.{sentence.code}"
    text = t(key, source.lang, **sentence.params) if has_key(key, source.lang) else ""
    return (sentence.code, text) if text else ("", "")


def _examples(source: ExportSource, side: Side) -> Html:
    lang = source.lang
    chosen = choose_examples(source, side)
    shown = [_example(source, one) for one in chosen] or [el("p", t("review.report.no_example", lang))]
    return el("section", el("h2", t(f"review.report.examples_{side}", lang)), *shown, cls=_TONE[side])


def choose_examples(source: ExportSource, side: Side) -> list[_Example]:
    """Questions that a side won: judged by people first, clear ones with reasons before others; then by score."""
    sign = 1 if side == "finetuned" else -1
    found: list[tuple[tuple[bool, bool, bool, float], _Example]] = []
    for item in source.items:
        vote, change = source.deciding.get(item.key), sign * (item.delta or 0.0)
        by_people = vote is not None and vote.verdict in DECISIVE
        if by_people and vote is not None and vote.verdict != side:
            continue
        if vote is not None and not by_people:
            continue
        if by_people or change > 0:
            clear = vote is not None and vote.strength == "clear"
            told = vote is not None and bool(vote.comment or vote.tags)
            found.append(((not by_people, not clear, not told, -change), _Example(item, vote)))
    return [example for _, example in sorted(found, key=lambda pair: pair[0])[:EXAMPLES]]


def _example(source: ExportSource, example: _Example) -> Html:
    lang, item = source.lang, example.item
    lines: list[tuple[str, str]] = [
        (say(lang, "side", side), cut(answer.prediction, 110) or say(lang, "state", answer.state))
        for side, answer in zip(SIDES, (item.baseline, item.finetuned), strict=True)
    ]
    reason = _reason(source, example.vote)
    if reason:
        lines.append((t("review.report.reason", lang), reason))
    return el(
        "div",
        el("b", cut(item.question, 80), cls="text"),
        *(el("div", el("span", f"{name}: ", cls="soft"), text, cls="text") for name, text in lines),
        cls="example",
    )


def _reason(source: ExportSource, vote: Vote | None) -> str:
    if vote is None:
        return t("review.report.by_score", source.lang)
    tags = {tag: None for given in vote.tags.values() for tag in given}
    parts = [say_tags(source.lang, tags), vote.comment]
    return cut(" ".join(part for part in parts if part), 90)


def _cautions(source: ExportSource) -> Iterable[str]:
    lang, summary = source.lang, source.summary
    yield t(
        "review.report.votes",
        lang,
        votes=summary.votes,
        samples=summary.samples,
        people=len(summary.reviewers),
    )
    if summary.win_rate.n and summary.win_rate.n < MIN_PAIRS:
        yield t("review.report.few", lang, n=summary.win_rate.n)
    targeted = summary.by_selection.get("targeted")
    if targeted:
        yield t("review.report.targeted", lang, n=targeted.samples)
    if summary.agreement.raw is not None:
        raw = _percent(summary.agreement.raw)
        yield t("review.report.agreement", lang, n=summary.agreement.questions, raw=raw)
    if summary.consistency:
        told = summary.consistency
        yield t("review.report.consistency", lang, n=told.n, same=told.count)
    if summary.left_p is not None and summary.left_p < 0.05:
        yield t("review.report.position", lang, share=_percent(summary.left_share.value or 0.0))
    yield from _kinds(source)
    yield from _sources(source)


def _kinds(source: ExportSource) -> Sequence[str]:
    """The questions by kind, so that a reader knows what was asked."""
    counts: dict[str, int] = {}
    for item in source.items:
        kind = say_kind(source.lang, item)
        counts[kind] = counts.get(kind, 0) + 1
    listed = [f"{cut(kind, 30)} {n}" for kind, n in list(counts.items())[:6]]
    return [t("review.report.kinds", source.lang, kinds=t("review.list_comma", source.lang).join(listed))]


def _sources(source: ExportSource) -> Sequence[str]:
    """The change of the score by where the documents come from, largest groups first."""
    changes: dict[str, list[float]] = {}
    for item in source.items:
        if item.source and item.delta is not None:
            changes.setdefault(item.source, []).append(item.delta)
    largest = sorted(changes.items(), key=lambda group: -len(group[1]))[:6]
    listed = [
        t(
            "review.report.source",
            source.lang,
            name=cut(name, 30),
            n=len(found),
            change=say_signed(sum(found) / len(found)),
        )
        for name, found in largest
    ]
    comma = t("review.list_comma", source.lang)
    return [t("review.report.sources", source.lang, sources=comma.join(listed))] if listed else []
