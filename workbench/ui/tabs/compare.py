"""比較: what came out, and the answers side by side, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.utils import get_upload_folder

from workbench.errors import InputError, StateError
from workbench.evaluation import read_items
from workbench.schemas.base import parse
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Vote
from workbench.ui.components import answer_view, command_line, command_payload, render_answer_view
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs.ticking import follow
from workbench.ui.views import comparison as view
from workbench.ui.views import items as one
from workbench.ui.views.html import Html, chip, el, join, paragraph
from workbench.ui.views.words import say_date

LISTED = 30
ARROWS = {"left": "←", "tie": "↓", "right": "→", "bad": "↑"}
VERDICTS = ("left", "tie", "right", "bad")
NAME_LENGTH = 80
DOWNLOAD = "() => { setTimeout(() => document.querySelector('#cmp-download')?.click(), 100); }"


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    chosen: gr.Dropdown
    summary: gr.HTML
    figures: gr.HTML
    filter: gr.Dropdown
    kind: gr.Dropdown
    search: gr.Textbox
    reviewer: gr.Textbox
    blind: gr.Checkbox
    current: gr.State
    progress: gr.HTML
    question: gr.HTML
    votes: tuple[gr.Button, ...]
    previous: gr.Button
    next: gr.Button
    undo: gr.Button
    comment: gr.Textbox
    tally: gr.HTML
    export: gr.Button
    download: gr.DownloadButton
    command: gr.HTML

    @property
    def page(self) -> list[Any]:
        """Inputs of every handler that shows a question, in the order of `Page`."""
        return [self.chosen, self.filter, self.kind, self.search, self.reviewer, self.blind, self.current]

    @property
    def shown(self) -> list[Any]:
        """Outputs of every handler that shows a question, in the order of `show`."""
        return [
            self.current,
            self.question,
            self.progress,
            self.filter,
            self.tally,
            self.votes[0],
            self.votes[2],
        ]


class Page(NamedTuple):
    """What a person has chosen on the page."""

    comparison: str
    filter: str
    kind: str
    search: str
    reviewer: str
    blind: bool
    current: str
    """Id of the question on display; empty: the first."""

    @classmethod
    def of(cls, values: Sequence[Any]) -> Page:
        comparison, filter_, kind, search, reviewer, blind, current = values
        texts = [str(value or "") for value in (comparison, filter_, kind, search)]
        return cls(*texts, str(reviewer or "").strip()[:NAME_LENGTH], bool(blind), str(current or ""))

    @property
    def choice(self) -> one.Choice:
        return one.Choice(self.filter, self.kind, self.search)


@lru_cache(maxsize=4)
def _items(path: Path, _modified_ns: int) -> tuple[ComparisonItem, ...]:
    return tuple(read_items(path))


def load_items(ctx: UiContext, comparison: str) -> tuple[ComparisonItem, ...]:
    """The questions of a comparison; read once while the file stays the same.

    Raises:
        NotFoundError: No such comparison.
    """
    path = ctx.artifacts.file(comparison, "items.jsonl")
    return _items(path, path.stat().st_mtime_ns)


def list_comparisons(ctx: UiContext, chosen: str | None) -> list[Any]:
    """The comparisons on disk; the chosen one stays chosen while it exists."""
    found = ctx.artifacts.list("comparison")[:LISTED]
    choices = [
        (ctx.t("compare_tab.choice", name=item.name, date=say_date(item.created_at)), item.id)
        for item in found
    ]
    ids = [item.id for item in found]
    return [
        gr.update(
            choices=choices, value=chosen if chosen in ids else next(iter(ids), None), visible=bool(ids)
        )
    ]


def show_comparison(ctx: UiContext, comparison: str | None) -> list[Any]:
    """Sentences, figures, and the command, of the chosen comparison."""
    if not comparison:
        return [paragraph(ctx.t("compare_tab.none"), "wb-empty"), "", command_payload([])]
    summary = view.read_summary(ctx.artifacts.folder(comparison))
    job = ctx.artifacts.get(comparison).job_id
    command = command_payload(["workbench", "jobs", "show", job] if job else [])
    return [view.render_summary(summary, ctx.lang), view.render_figures(summary, ctx.lang), command]


def show(ctx: UiContext, page: Page) -> list[Any]:
    """One question with its answers.

    Returns:
        Values for `Parts.shown`.
    """
    if not page.comparison:
        return ["", render_answer_view(None, ctx.lang), "", gr.skip(), "", gr.skip(), gr.skip()]
    items = load_items(ctx, page.comparison)
    votes = ctx.votes.votes(page.comparison)
    own = {vote.sample_id: vote for vote in votes if vote.reviewer == page.reviewer}
    found = one.select(items, page.choice, own.keys())
    item = next((item for item in found if item.id == page.current), next(iter(found), None))
    filters = gr.update(choices=one.count_filters(items, own.keys(), ctx.lang))
    place = found.index(item) + 1 if item else 0
    progress = render_progress(ctx, page, len(own), len(items), place, len(found))
    drawn = draw(ctx, page, item, own)
    return [
        item.id if item else "",
        drawn,
        progress,
        filters,
        tell_votes(ctx, page),
        *_vote_labels(ctx, page.blind),
    ]


def draw(ctx: UiContext, page: Page, item: ComparisonItem | None, own: dict[str, Vote]) -> str:
    """The payload of the answer view."""
    if item is None:
        return render_answer_view(None, ctx.lang)
    seat = one.seat_sides(page.comparison, item.id, page.reviewer, page.blind)
    said = [one.say_verdict(own[item.id], seat, page.blind, ctx.lang)] if item.id in own else []
    return render_answer_view(one.build_item(item, seat, page.blind, ctx.lang), ctx.lang, said)


def tell_votes(ctx: UiContext, page: Page) -> Html:
    """The verdicts so far; hidden while names are, because they would colour the next one."""
    title = el("h2", ctx.t("compare_tab.votes"))
    if page.blind:
        return join([title, paragraph(ctx.t("compare_tab.votes.hidden"), "wb-soft wb-tiny")])
    return join([title, view.render_votes(ctx.votes.summary(page.comparison), ctx.lang)])


def render_progress(ctx: UiContext, page: Page, done: int, total: int, place: int, count: int) -> Html:
    """How many questions this reviewer has judged, and where in the list we are."""
    share = done / total if total else 0.0
    fill = el("i", style=f"width:{share * 100:.1f}%")
    parts = [
        el("b", ctx.t("compare_tab.progress", done=done, total=total)),
        el(
            "span", fill, cls="wb-bar wv-progress-bar", role="progressbar", aria_valuenow=f"{share * 100:.0f}"
        ),
        el("span", ctx.t("compare_tab.progress.place", place=place, count=count), cls="wb-soft wb-tiny"),
        chip(ctx.t("compare_tab.hidden")) if page.blind else None,
        el("span", f"{page.reviewer or '–'} · {ctx.t('compare_tab.saved')}", cls="wb-soft wb-tiny wv-right"),
    ]
    if count == 0:
        parts.append(el("p", ctx.t("compare_tab.empty_filter"), cls="wb-empty wv-whole"))
    return el("div", *parts, cls="wv-progress")


def _vote_labels(ctx: UiContext, blind: bool) -> list[Any]:
    left, right = ("a", "b") if blind else ("baseline", "finetuned")
    names = {"left": left, "right": right}
    return [gr.update(value=vote_label(ctx, place, name)) for place, name in names.items()]


def vote_label(ctx: UiContext, place: str, name: str) -> str:
    """A verdict button's text with the key that presses it."""
    return f"{ARROWS[place]} {ctx.t(f'compare_tab.vote.{name}')}"


def step(ctx: UiContext, page: Page, by: int) -> list[Any]:
    """The next or the previous question of the list; at its end it stays."""
    items = load_items(ctx, page.comparison) if page.comparison else ()
    own = {vote.sample_id for vote in ctx.votes.votes(page.comparison, page.reviewer)}
    found = one.select(items, page.choice, own)
    ids = [item.id for item in found]
    place = ids.index(page.current) if page.current in ids else 0
    target = ids[max(0, min(len(ids) - 1, place + by))] if ids else ""
    return show(ctx, page._replace(current=target))


def cast_vote(ctx: UiContext, pressed: str, page: Page, comment: str) -> list[Any]:
    """Save a verdict and go on to the next question.

    Raises:
        StateError: No name, or no question on display.
        ConfigError: The comment is too long.
    """
    if not page.reviewer:
        raise StateError("reviewer_missing")
    items = load_items(ctx, page.comparison) if page.comparison else ()
    ids = {item.id for item in items}
    if page.current not in ids:
        raise StateError("vote_nothing")
    own = {vote.sample_id for vote in ctx.votes.votes(page.comparison, page.reviewer)}
    following = _following(one.select(items, page.choice, own), page.current)
    seat = one.seat_sides(page.comparison, page.current, page.reviewer, page.blind)
    values = {
        "comparison": page.comparison,
        "sample_id": page.current,
        "reviewer": page.reviewer,
        "verdict": one.verdict_of(pressed, seat),
        "left": seat.left,
        "comment": (comment or "").strip(),
    }
    ctx.votes.cast(parse(Vote, values))
    return ["", *show(ctx, page._replace(current=following or page.current))]


def _following(found: Sequence[ComparisonItem], current: str) -> str:
    """The question after the current one, as the list was before the verdict; empty at its end."""
    ids = [item.id for item in found]
    place = ids.index(current) + 1 if current in ids else 0
    return ids[place] if place < len(ids) else ""


def undo_vote(ctx: UiContext, page: Page) -> list[Any]:
    """Take back this reviewer's last verdict and show its question again.

    Raises:
        StateError: There is none.
    """
    taken = ctx.votes.undo(page.comparison, page.reviewer) if page.comparison and page.reviewer else None
    if taken is None:
        raise StateError("vote_none")
    return show(ctx, page._replace(current=taken.sample_id))


def export_votes(ctx: UiContext, comparison: str | None) -> Any:
    """Write all questions with all verdicts as CSV where the page may serve it from.

    Raises:
        InputError: No comparison was chosen.
    """
    if not comparison:
        raise InputError("comparison_not_chosen")
    folder = Path(get_upload_folder()) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ctx.artifacts.get(comparison).id}-votes.csv"
    path.write_bytes(one.build_csv(load_items(ctx, comparison), ctx.votes.votes(comparison), ctx.lang))
    return gr.update(value=str(path))


def refresh(ctx: UiContext, *values: Any) -> list[Any]:
    """What another reviewer may have changed meanwhile: the verdicts."""
    page = Page.of(values)
    return [tell_votes(ctx, page) if page.comparison else ""]


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    _wire(ctx, _lay_out(ctx))


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {"current": gr.State("")}
    with gr.Row(elem_classes="wv-title-row"):
        gr.HTML(el("h1", ctx.t("compare_tab.title")), elem_classes="wb-html")
        found["chosen"] = gr.Dropdown(
            [], label=ctx.t("compare_tab.choose"), elem_id="cmp-comparison", visible=False, scale=2
        )
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="wb-card", scale=4, min_width=340):
            found["summary"] = gr.HTML(elem_id="cmp-summary", elem_classes="wb-html")
        with gr.Column(elem_classes="wb-card", scale=5, min_width=340):
            found["figures"] = gr.HTML(elem_id="cmp-figures", elem_classes="wb-html")
    found |= _lay_out_review(ctx)
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="wb-card", scale=4):
            found["tally"] = gr.HTML(elem_id="cmp-votes", elem_classes="wb-html")
        with gr.Column(elem_classes="wb-buttons", scale=1, min_width=220):
            found["export"] = gr.Button(ctx.t("compare_tab.export"), elem_id="cmp-export")
            found["download"] = gr.DownloadButton(elem_id="cmp-download", visible="hidden")
    found["command"] = command_line(ctx, "compare-command")
    return Parts(**found)


def _lay_out_review(ctx: UiContext) -> dict[str, Any]:
    gr.HTML(el("h2", ctx.t("compare_tab.review")), elem_classes="wb-html")
    kinds = [(ctx.t(f"compare_tab.kind.{name}"), name) for name in one.KINDS]
    filters = [(ctx.t(f"compare_tab.filter.{name}"), name) for name in one.FILTERS]
    with gr.Row(elem_classes="wv-tools"):
        filter_ = gr.Dropdown(
            filters, value="all", label=ctx.t("compare_tab.filter"), elem_id="cmp-filter", min_width=170
        )
        kind = gr.Dropdown(
            kinds, value="all", label=ctx.t("compare_tab.kind"), elem_id="cmp-kind", min_width=150
        )
        search = gr.Textbox(
            label=ctx.t("compare_tab.search"),
            placeholder=ctx.t("compare_tab.search.hint"),
            elem_id="cmp-search",
            min_width=170,
        )
        reviewer = gr.Textbox(
            label=ctx.t("compare_tab.reviewer"),
            placeholder=ctx.t("compare_tab.reviewer.hint"),
            elem_id="cmp-reviewer",
            max_length=NAME_LENGTH,
            min_width=150,
        )
        blind = gr.Checkbox(
            label=ctx.t("compare_tab.blind"),
            info=ctx.t("compare_tab.blind.hint"),
            elem_id="cmp-blind",
            min_width=150,
        )
    progress = gr.HTML(elem_id="cmp-progress", elem_classes="wb-html")
    question = answer_view(ctx, "cmp-question")
    names = ("filter", "kind", "search", "reviewer", "blind", "progress", "question")
    made = dict(zip(names, (filter_, kind, search, reviewer, blind, progress, question), strict=True))
    return made | _lay_out_verdicts(ctx)


def _lay_out_verdicts(ctx: UiContext) -> dict[str, Any]:
    names = {"left": "baseline", "tie": "tie", "right": "finetuned", "bad": "bad"}
    with gr.Column(elem_classes="wb-card"):
        with gr.Row(elem_classes="wv-verdicts"):
            votes = tuple(
                gr.Button(vote_label(ctx, place, names[place]), elem_id=f"cmp-vote-{place}", min_width=140)
                for place in VERDICTS
            )
        with gr.Row(elem_classes="wv-comment"):
            comment = gr.Textbox(
                label=ctx.t("compare_tab.comment"),
                elem_id="cmp-comment",
                lines=1,
                max_lines=4,
                scale=6,
                max_length=4000,
            )
            previous = gr.Button(ctx.t("compare_tab.previous"), elem_id="cmp-prev", scale=1, min_width=90)
            following = gr.Button(ctx.t("compare_tab.next"), elem_id="cmp-next", scale=1, min_width=90)
            undo = gr.Button(ctx.t("compare_tab.undo"), elem_id="cmp-undo", scale=1, min_width=90)
    return {"votes": votes, "comment": comment, "previous": previous, "next": following, "undo": undo}


def _wire(ctx: UiContext, parts: Parts) -> None:
    follow(ctx, list_comparisons, inputs=[parts.chosen], outputs=[parts.chosen])
    follow(ctx, refresh, inputs=parts.page, outputs=[parts.tally])

    def look(ctx: UiContext, *values: Any) -> list[Any]:
        return show(ctx, Page.of(values))

    def look_first(ctx: UiContext, *values: Any) -> list[Any]:
        return show(ctx, Page.of(values)._replace(current=""))

    top = [parts.summary, parts.figures, parts.command]
    blocks_load = parts.chosen.change(ui_handler(ctx, show_comparison), parts.chosen, top, **QUIET)
    blocks_load.then(ui_handler(ctx, look_first), parts.page, parts.shown, **QUIET)
    narrowed = [parts.filter.input, parts.kind.input, parts.search.submit, parts.search.blur]
    gr.on(narrowed, ui_handler(ctx, look_first), parts.page, parts.shown, **QUIET)
    gr.on(
        [parts.reviewer.change, parts.blind.change], ui_handler(ctx, look), parts.page, parts.shown, **QUIET
    )
    _wire_buttons(ctx, parts)
    kept = gr.BrowserState("", storage_key="wb-reviewer", secret="keeps the name readable after a restart")
    _wire_name(ctx, parts, kept)


def _wire_buttons(ctx: UiContext, parts: Parts) -> None:
    for pressed, button in zip(VERDICTS, parts.votes, strict=True):
        once: dict[str, Any] = {**QUIET, "trigger_mode": "once"}
        button.click(
            _voter(ctx, pressed), [*parts.page, parts.comment], [parts.comment, *parts.shown], **once
        )
    for by, button in ((-1, parts.previous), (1, parts.next)):
        button.click(_stepper(ctx, by), parts.page, parts.shown, **QUIET)

    def take_back(ctx: UiContext, *values: Any) -> list[Any]:
        return undo_vote(ctx, Page.of(values))

    parts.undo.click(ui_handler(ctx, take_back), parts.page, parts.shown, **QUIET)
    written = parts.export.click(ui_handler(ctx, export_votes), parts.chosen, parts.download, **QUIET)
    written.success(None, js=DOWNLOAD, **QUIET)


def _voter(ctx: UiContext, pressed: str) -> Any:
    def press(ctx: UiContext, *values: Any) -> list[Any]:
        return cast_vote(ctx, pressed, Page.of(values[:-1]), str(values[-1] or ""))

    return ui_handler(ctx, press)


def _stepper(ctx: UiContext, by: int) -> Any:
    def press(ctx: UiContext, *values: Any) -> list[Any]:
        return step(ctx, Page.of(values), by)

    return ui_handler(ctx, press)


def _wire_name(ctx: UiContext, parts: Parts, kept: gr.BrowserState) -> None:
    """Keep the reviewer's name in this browser."""

    def keep(ctx: UiContext, name: str) -> str:
        return (name or "").strip()[:NAME_LENGTH]

    parts.reviewer.blur(ui_handler(ctx, keep), parts.reviewer, kept, **QUIET)
    root: Any = gr.context.Context.root_block
    root.load(ui_handler(ctx, keep), kept, parts.reviewer, **QUIET)
