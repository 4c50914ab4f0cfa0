"""What the verdicts of a comparison add up to, in words and small tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.i18n import Lang, t
from workbench.schemas.comparison import ComparisonSummary
from workbench.schemas.evaluation import Interval
from workbench.schemas.review import MetricCheck, SelectionTally, VoteSummary
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph, table
from workbench.ui.views.review_item import SIDES, say_score, say_tag
from workbench.ui.views.words import NOTHING, say_decimal
from workbench.ui.wording import say_share

COIN = 0.5
DOUBTFUL_P = 0.05
STEADY = 0.8
"""Share of hidden repeats judged alike from which a reviewer counts as steady."""
SELECTIONS = ("random", "all", "targeted")


def render_results(summary: VoteSummary, checks: Sequence[MetricCheck], lang: Lang) -> Html:
    """The whole panel."""
    if not summary.votes:
        return paragraph(t("review_tab.results.none", lang), "wb-soft")
    return join(
        [
            render_headline(summary, lang),
            _section("selections", render_selections(summary, lang), lang),
            _section("people", render_people(summary, lang), lang),
            _section("reasons_found", render_reasons(summary, lang), lang),
            _section("sanity", render_checks(checks, lang), lang),
        ]
    )


def _section(name: str, body: Html | None, lang: Lang) -> Html | None:
    if body is None:
        return None
    return join([el("h3", t(f"review_tab.results.{name}", lang)), body])


def render_headline(summary: VoteSummary, lang: Lang) -> Html:
    """Win rate with its interval, how many verdicts are still needed, and what may mislead."""
    counts = t(
        "review_tab.results.counts",
        lang,
        finetuned=summary.finetuned,
        baseline=summary.baseline,
        tie=summary.tie,
        bad=summary.both_bad,
        votes=summary.votes,
        samples=summary.samples,
    )
    lines: list[Child] = [el("p", el("b", say_rate(summary.win_rate, lang)), cls="rv-rate")]
    lines.append(paragraph(say_evidence(summary, lang)))
    lines.append(paragraph(counts, "wb-soft wb-tiny"))
    lines += [el("div", warning, cls="wv-box warn", role="note") for warning in find_warnings(summary, lang)]
    return join(lines)


def say_rate(rate: Interval, lang: Lang) -> str:
    """The win rate with its interval, in a sentence."""
    if rate.value is None or rate.low is None or rate.high is None:
        return t("review_tab.results.rate_none", lang)
    shown = {"share": say_share(rate.value), "low": say_share(rate.low), "high": say_share(rate.high)}
    return t("review_tab.results.rate", lang, n=rate.n, **shown)


def say_evidence(summary: VoteSummary, lang: Lang) -> str:
    """Whether that is enough to say anything, and how many more decisions it takes."""
    rate, needed = summary.win_rate, summary.votes_needed
    if needed is None:
        return t("review_tab.results.needed_unknown", lang)
    if needed:
        return t("review_tab.results.needed", lang, n=needed)
    return t(
        "review_tab.results.decided_up" if (rate.value or 0) > COIN else "review_tab.results.decided_down",
        lang,
    )


def find_warnings(summary: VoteSummary, lang: Lang) -> list[str]:
    """What a reader must know before trusting the rate."""
    found: list[str] = []
    left = summary.left_share
    if summary.left_p is not None and summary.left_p < DOUBTFUL_P:
        found.append(t("review_tab.results.position", lang, share=say_share(left.value), n=left.n))
    steady = summary.consistency
    if steady is not None and steady.rate.value is not None and steady.rate.value < STEADY:
        found.append(t("review_tab.results.unsteady", lang, count=steady.count, n=steady.n))
    waiting = summary.disagreements - summary.adjudicated
    if waiting > 0:
        found.append(t("review_tab.results.split", lang, n=waiting))
    return found


def render_selections(summary: VoteSummary, lang: Lang) -> Html:
    """Random and targeted questions apart: the targeted ones were picked by their outcome."""
    names = ("selection", "n", "won", "lost", "tie", "bad", "rate")
    head: list[Child] = [t(f"review_tab.col.{name}", lang) for name in names]
    rows = [
        _selection_row(name, summary.by_selection[name], lang)
        for name in SELECTIONS
        if name in summary.by_selection
    ]
    note = paragraph(t("review_tab.results.apart", lang), "wb-soft wb-tiny")
    return join([table(head, rows, numbers=range(1, 6)), note])


def _selection_row(name: str, found: SelectionTally, lang: Lang) -> list[Child]:
    counts = (found.votes, found.finetuned, found.baseline, found.tie, found.both_bad)
    rate = found.win_rate
    shown = NOTHING if rate.value is None else f"{say_share(rate.value)}{_range(rate, lang)}"
    return [t(f"review.selection.{name}", lang), *(f"{count:,}" for count in counts), shown]


def _range(rate: Interval, lang: Lang) -> str:
    if rate.low is None or rate.high is None:
        return ""
    return " " + t("review_tab.range", lang, low=say_share(rate.low), high=say_share(rate.high))


def render_people(summary: VoteSummary, lang: Lang) -> Html:
    """Who judged how much and how steadily, and how far they agree."""
    head: list[Child] = [t(f"review_tab.col.{name}", lang) for name in ("reviewer", "n", "repeats")]
    rows: list[list[Child]] = []
    for name, count in sorted(summary.reviewers.items()):
        steady = summary.consistency_by.get(name)
        same = NOTHING if steady is None else t("review_tab.of", lang, count=steady.count, n=steady.n)
        rows.append([name, f"{count:,}", same])
    lines = [table(head, rows, numbers=(1, 2)), paragraph(say_agreement(summary, lang))]
    left = summary.left_share
    if left.value is not None:
        said = t("review_tab.results.left", lang, share=say_share(left.value), n=left.n)
        lines.append(paragraph(said, "wb-soft wb-tiny"))
    return join(lines)


def say_agreement(summary: VoteSummary, lang: Lang) -> str:
    """How far reviewers agree, with the measures by name for those who know them."""
    found = summary.agreement
    if not found.pairs or found.raw is None:
        return t("review_tab.results.agreement_none", lang)
    said = t("review_tab.results.agreement", lang, n=found.questions, share=say_share(found.raw))
    measures = [
        ("κ", found.kappa),
        (t("review_tab.results.weighted", lang), found.weighted_kappa),
        ("α", found.alpha),
    ]
    told = " · ".join(f"{name} {say_decimal(value)}" for name, value in measures if value is not None)
    return f"{said} {told}".strip()


def render_recount(overruled: int, before: ComparisonSummary, after: ComparisonSummary, lang: Lang) -> Html:
    """Refusals as the program counted them, and as they are with the states that reviewers gave."""
    head: list[Child] = [
        t(f"review_tab.col.{name}", lang) for name in ("figure", "side", "program", "people")
    ]
    rows: list[list[Child]] = [
        [t(f"measure.{name}", lang), t(f"review_tab.col.{side}", lang), say_share(old), say_share(new)]
        for name in ("over_refusal_rate", "correct_refusal_rate")
        for side in SIDES
        for old, new in [(getattr(before.metrics[side], name), getattr(after.metrics[side], name))]
        if old is not None and new is not None
    ]
    told = paragraph(t("review_tab.results.recount_why", lang, count=overruled), "wb-soft wb-tiny")
    title = el("h3", t("review_tab.results.recount", lang))
    return join([title, table(head, rows, numbers=(2, 3)), told])


def render_reasons(summary: VoteSummary, lang: Lang) -> Html | None:
    """The reasons that were given, by side, the most frequent first."""
    tags = dict.fromkeys(tag for side in SIDES for tag in summary.tags.get(side, {}))
    if not tags:
        return None
    counts = {tag: [summary.tags.get(side, {}).get(tag, 0) for side in SIDES] for tag in tags}
    head: list[Child] = [t(f"review_tab.col.{name}", lang) for name in ("tag", "baseline", "finetuned")]
    rows: list[list[Child]] = [
        [say_tag(tag, lang), *(f"{count:,}" for count in counts[tag])]
        for tag in sorted(counts, key=lambda tag: -sum(counts[tag]))
    ]
    return table(head, rows, numbers=(1, 2))


def render_checks(checks: Sequence[MetricCheck], lang: Lang) -> Html:
    """How often each metric, and the judge, names the answer that people prefer."""
    shown = [check for check in checks if check.n]
    intro = paragraph(t("review_tab.results.sanity_intro", lang), "wb-soft wb-tiny")
    if not shown:
        return join([intro, paragraph(t("review_tab.results.sanity_none", lang), "wb-soft")])
    head: list[Child] = [t(f"review_tab.col.{name}", lang) for name in ("metric", "agrees", "trust")]
    return join([intro, table(head, [_check_row(check, lang) for check in shown], numbers=(1,))])


def _check_row(check: MetricCheck, lang: Lang) -> list[Child]:
    told = t("review_tab.of", lang, count=check.agree, n=check.n)
    share = f"{say_share(check.rate.value)}{_range(check.rate, lang)}"
    decided = check.p is not None and check.p < DOUBTFUL_P
    above = (check.rate.value or 0) > COIN
    verdict, tone = (
        ("with", "good") if decided and above else ("against", "bad") if decided else ("unknown", "")
    )
    return [
        say_score(check.metric, lang),
        join([told, el("br"), el("small", share, cls="wb-soft")]),
        chip(t(f"review_tab.trust.{verdict}", lang), tone),
    ]
