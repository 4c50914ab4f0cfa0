"""What a judge found, in words: means, wins, what may have swayed it, and how people agree with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from workbench.i18n import Lang, has_key, t, translator
from workbench.schemas.evaluation import Interval
from workbench.schemas.judging import JudgeCall, JudgeCheck, Judgement, JudgementSummary, PairFigures
from workbench.text.figures import say_signed
from workbench.text.stats import MIN_PAIRS
from workbench.ui.views.html import Child, Html, chip, el, fold, join, paragraph, table
from workbench.ui.views.words import NOTHING, cut, say_decimal, say_interval
from workbench.ui.wording import say_share

QUESTION_CHARS = 120
SHOWN = 20
CHECK_TONES = {"ok": "good", "one_sided": "warn", "too_few": "warn", "by_chance": "bad"}
RESULT_TONES = {"better": "good", "worse": "bad", "undecided": "", "too_few": "warn"}
EVEN = 0.5

Show = Callable[[float | None], str]


class Row(NamedTuple):
    """One figure: its name, its value, and what explains it."""

    name: str
    value: Child
    note: Child


def render_summary(summary: JudgementSummary, lang: Lang, check: JudgeCheck | None = None) -> Html:
    """A judgement as a page shows it: warnings first, then the figures, then the judge itself."""
    return el(
        "div",
        render_warnings(summary, lang),
        paragraph(_say_facts(summary, lang), "wb-soft"),
        render_pairs(summary.pairs, lang) if summary.pairs else None,
        render_criteria(summary, lang) if summary.criteria else None,
        render_check(check, lang) if check else None,
        paragraph(_say_left_out(summary, lang), "wb-soft wb-tiny"),
        cls="wv-judging",
    )


def render_warnings(summary: JudgementSummary, lang: Lang) -> Html | None:
    """What to know before trusting the figures; None where nothing speaks against them."""
    if not summary.warnings:
        return None
    lines = [t(f"judging.warning.{one.code}", lang, **one.params) for one in summary.warnings]
    items = [el("li", chip(t("judging.caution", lang), "warn"), " ", line) for line in lines]
    return el("ul", *items, cls="wv-warnings")


def render_pairs(pairs: PairFigures, lang: Lang) -> Html:
    """Wins and losses in words, the win rate, and both orders."""
    result = say_result(pairs)
    counts = {"wins": pairs.wins, "losses": pairs.losses, "ties": pairs.ties}
    head = el(
        "p",
        chip(t(f"judging.result.{result}", lang), RESULT_TONES[result]),
        " ",
        el("b", t("judging.pairs.counts", lang, **counts)),
    )
    rows = [_share_row("win_rate", pairs.win_rate, lang)]
    if pairs.flip_rate is not None:
        rows.append(_share_row("flip_rate", pairs.flip_rate, lang, count=pairs.disagreements))
    if pairs.first_share is not None:
        rows.append(_share_row("first_share", pairs.first_share, lang))
    rows.append(_share_row("longer_share", pairs.longer_share, lang))
    if pairs.identical:
        note = t("judging.pairs.identical.note", lang)
        rows.append(Row(t("judging.pairs.identical", lang), f"{pairs.identical:,}", note))
    return el("div", el("h3", t("judging.pairs", lang)), head, _list_rows(rows))


def say_result(pairs: PairFigures) -> str:
    """`better`, `worse`, `undecided` or `too_few`: what the win rate's interval says of the candidate."""
    rate = pairs.win_rate
    if rate.low is None or rate.high is None or rate.n < MIN_PAIRS:
        return "too_few"
    if rate.low > EVEN:
        return "better"
    return "worse" if rate.high < EVEN else "undecided"


def render_criteria(summary: JudgementSummary, lang: Lang) -> Html:
    """Mean score per criterion; of two runs both means and their difference."""
    two = bool(summary.baseline_criteria)
    names = ("criterion", "baseline", "candidate", "difference") if two else ("criterion", "mean", "interval")
    head: list[Child] = [t(f"judging.col.{name}", lang) for name in names]
    if summary.distribution:
        head.append(t("judging.col.distribution", lang))
    rows = [_criterion_row(name, summary, lang) for name in summary.criteria]
    scale = (
        t("judging.scale", lang, low=f"{summary.low:g}", high=f"{summary.high:g}")
        if _has_scale(summary)
        else ""
    )
    title = el("h3", t("judging.criteria", lang), " ", el("small", scale))
    return el("div", title, table(head, rows, cls="wv-criteria", numbers=range(1, len(names))))


def render_check(check: JudgeCheck, lang: Lang) -> Html:
    """How people agree with the judge, and whether it may enter a gate."""
    words = t(f"judging.check.{check.reason}", lang, n=check.n, needed=check.needed)
    head = el(
        "p",
        chip(t(f"judging.usable.{str(check.usable).lower()}", lang), CHECK_TONES[check.reason]),
        " ",
        words,
    )
    said = say_interval(check.interval, translator(lang))
    rows = [Row(t("judging.check.agreement", lang), say_share(check.agreement), said)]
    rows.append(
        Row(t("judging.check.kappa", lang), say_decimal(check.kappa), t("judging.check.kappa.note", lang))
    )
    if check.decisive_n:
        note = t("view.questions", lang, n=check.decisive_n)
        rows.append(Row(t("judging.check.decisive", lang), say_share(check.decisive_agreement), note))
    basis = paragraph(t(f"judging.check.basis.{check.basis}", lang, split=check.split), "wb-soft wb-tiny")
    return el("div", el("h3", t("judging.check", lang)), head, _list_rows(rows), basis)


def render_disagreements(judgements: Sequence[Judgement], lang: Lang) -> Html:
    """The questions whose two orders disagree, with what the judge said each time."""
    found = [one for one in judgements if one.disagreements]
    title = el("h3", t("judging.disagreements", lang, count=len(found)))
    if not found:
        return el("div", title, paragraph(t("judging.disagreements.none", lang), "wb-soft"))
    items = [el("li", _render_disagreement(one, lang)) for one in found[:SHOWN]]
    return el("div", title, el("ol", *items, cls="wv-disagreements"))


def _render_disagreement(judgement: Judgement, lang: Lang) -> Html:
    replies = [_render_call(call, lang) for call in judgement.calls]
    return fold(cut(judgement.question, QUESTION_CHARS), *replies)


def _render_call(call: JudgeCall, lang: Lang) -> Html:
    first = t(f"judging.side.{call.side}", lang)
    said = t(f"judging.choice.{call.choice or 'none'}", lang)
    head = t("judging.order", lang, side=first, choice=said)
    return el("div", el("b", head), el("blockquote", call.raw or NOTHING))


def _criterion_row(name: str, summary: JudgementSummary, lang: Lang) -> list[Child]:
    own = summary.criteria[name]
    title: Child = say_criterion(name, summary, lang)
    if name == summary.primary:
        title = join([title, " ", chip(t("judging.primary", lang))])
    row: list[Child] = [title]
    if summary.baseline_criteria:
        before, change = summary.baseline_criteria.get(name), summary.differences.get(name)
        row += [_say_value(before), _say_value(own), _say_change(change, lang)]
    else:
        row += [_say_value(own), say_interval(own, translator(lang), say_decimal)]
    if summary.distribution:
        counts = summary.distribution.get(name, {})
        row.append(" ".join(f"{score}: {count}" for score, count in counts.items()))
    return row


def say_criterion(name: str, summary: JudgementSummary, lang: Lang) -> str:
    """A criterion in words: the rubric's own, ours for a reward's attributes, or the name itself."""
    if name in summary.titles:
        return summary.titles[name]
    key = f"judging.reward.{name}"
    return t(key, lang) if has_key(key, lang) else name


def _say_value(figure: Interval | None) -> str:
    return say_decimal(figure.value if figure else None)


def _say_change(figure: Interval | None, lang: Lang) -> str:
    if figure is None or figure.value is None:
        return NOTHING
    said = say_signed(figure.value)
    return (
        f"{said} ({say_interval(figure, translator(lang), say_decimal)})" if figure.low is not None else said
    )


def _share_row(name: str, figure: Interval, lang: Lang, **params: int) -> Row:
    note = t(f"judging.pairs.{name}.note", lang, **params)
    said = say_interval(figure, translator(lang))
    return Row(t(f"judging.pairs.{name}", lang), say_share(figure.value), join([said, el("br"), note]))


def _list_rows(rows: Sequence[Row]) -> Html:
    parts: list[Html] = []
    for row in rows:
        parts.append(el("dt", row.name))
        parts.append(el("dd", el("b", row.value), " ", el("span", row.note, cls="wb-soft wb-tiny")))
    return el("dl", *parts, cls="wv-figures")


def _say_facts(summary: JudgementSummary, lang: Lang) -> str:
    families = ", ".join(summary.judge.families) or t("judging.family_unknown", lang)
    return t(
        f"judging.facts.{'reward' if summary.mode == 'reward' else 'rubric'}",
        lang,
        model=summary.judge.model,
        families=families,
        rubric=summary.rubric,
        protocol=summary.protocol,
        n=f"{summary.n:,}",
    )


def _say_left_out(summary: JudgementSummary, lang: Lang) -> str:
    parts = [t("judging.calls", lang, calls=f"{summary.calls:,}", retried=summary.retried)]
    for reason, count in summary.errors_by.items():
        parts.append(t(f"judging.error.{reason}", lang, count=count))
    for reason, count in summary.skipped.items():
        parts.append(t(f"judging.skipped.{reason}", lang, count=count))
    return " ".join(parts)


def _has_scale(summary: JudgementSummary) -> bool:
    return summary.low is not None and summary.high is not None
