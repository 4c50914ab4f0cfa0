"""What the review desk asks for, action by action. Every answer is a plain mapping; every action saves at once.

The desk never hears which side stands where before it may know: it speaks of `left` and `right`, and the sides
come from the reviewer's own queue here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from workbench.errors import NotFoundError, StateError, WorkbenchError
from workbench.i18n import render_error
from workbench.review.store import to_vote
from workbench.schemas.base import parse
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import QueueItem, QueueKey, ReviewSession, Verdict, VoteDraft
from workbench.ui.context import UiContext
from workbench.ui.handlers import log_fault
from workbench.ui.tabs.compare_page import NAME_LENGTH
from workbench.ui.tabs.review_queue import Desk, narrow_items, open_desk
from workbench.ui.tabs.review_requests import Ask, At, Begin, Entry, Go, Press, Save
from workbench.ui.tabs.review_sources import read_judge, read_labels, read_system_prompt
from workbench.ui.tabs.review_start import make_plan, say_selection, start
from workbench.ui.views import review_item as view
from workbench.ui.views.words import cut
from workbench.ui.wording import say_eta

SHOWN_IN_LIST = 300
QUESTION_CUT = 80


def answer(ctx: UiContext, request: object) -> dict[str, Any]:
    """Answer one request `{action, ...}` of the desk; an error is an answer too, with its sentence."""
    try:
        given = dict(cast("Mapping[str, Any]", request)) if isinstance(request, Mapping) else {}
        action = str(given.pop("action", ""))
        if action not in ACTIONS:
            raise NotFoundError("review_action_unknown", name=action)
        with ctx.votes.held():
            return ACTIONS[action](ctx, _clean(given))
    except WorkbenchError as exc:
        said = render_error(exc, ctx.lang)
        return {"error": {"code": exc.code, "message": said.message, "hint": said.hint}}
    except Exception as exc:  # noqa: BLE001 - the edge of the face: nobody is shown a traceback
        said = render_error(log_fault(exc), ctx.lang)
        return {"error": {"code": "internal", "message": said.message, "hint": said.hint}}


def _clean(given: dict[str, Any]) -> dict[str, Any]:
    if isinstance(given.get("reviewer"), str):
        given["reviewer"] = given["reviewer"].strip()[:NAME_LENGTH].strip()
    return given


def begin(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a review, or go on with one that has the same plan.

    Raises:
        StateError: No name was given, or nothing is left to review.
    """
    ask = parse(Begin, given)
    if not ask.reviewer:
        raise StateError("reviewer_missing")
    if ask.mode == "adjudicate":
        return _show_first(open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=True))
    plan = make_plan(ask)
    known = ctx.votes.session(plan.comparison, ask.reviewer)
    if known is None or known.plan != plan:
        narrow_items(ctx, plan, ask.reviewer)
        ctx.votes.save_session(ask.reviewer, ReviewSession(plan=plan, at=time.time()))
    return _show_first(open_desk(ctx, ask.comparison, ask.reviewer))


def resume(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """Go on where the reviewer stopped."""
    ask = parse(Ask, given)
    return _show_first(open_desk(ctx, ask.comparison, ask.reviewer))


def _show_first(desk: Desk) -> dict[str, Any]:
    if not desk.queue:
        raise StateError("review_adjudication_none" if desk.adjudicating else "review_empty")
    return show(desk, desk.queue.find(desk.saved) or desk.next(None) or desk.queue[0])


def show(desk: Desk, place: QueueItem) -> dict[str, Any]:
    """A place, how far the reviewer is, and the place that comes next, so that it can be drawn at once."""
    key = place.key
    following = desk.next(key)
    progress = desk.progress(key)
    t = desk.ctx.t
    return {
        "item": draw(desk, place),
        "next": draw(desk, following) if following else None,
        "progress": {
            "text": t("review_tab.progress", done=progress.done, total=progress.total),
            "place": t("review_tab.place", position=progress.position, total=progress.total),
            "share": progress.done / progress.total if progress.total else 0.0,
            "eta": say_eta(progress.eta_seconds, t) if progress.done < progress.total else "",
            "finished": progress.done >= progress.total,
        },
        "desk": _tell_desk(desk),
    }


def _tell_desk(desk: Desk) -> dict[str, Any]:
    ctx, settings = desk.ctx, desk.ctx.votes.settings()
    return {
        "comparison": desk.plan.comparison,
        "reviewer": desk.reviewer,
        "blind": desk.plan.blind,
        "adjudicating": desk.adjudicating,
        "chips": [
            ctx.t("review_tab.chip.blind" if desk.plan.blind else "review_tab.chip.open"),
            ctx.t("review_tab.chip.adjudicating") if desk.adjudicating else say_selection(ctx, desk.plan),
        ],
        "tags": [[tag, view.say_tag(tag, ctx.lang)] for tag in settings.tags],
    }


def draw(desk: Desk, place: QueueItem) -> dict[str, Any]:
    """What the desk shows of a place."""
    ctx, item = desk.ctx, desk.items[place.sample_id]
    vote = desk.vote(place.key)
    entered = vote or desk.draft(place.key)
    oracle = vote is not None or ctx.votes.settings().oracle_before_vote
    drawn = view.build_item(item, place, ctx.lang, blind=desk.plan.blind, oracle_shown=oracle)
    drawn["entry"] = view.build_entry(entered, place)
    drawn["reveal"] = None if vote is None else _reveal(desk, place)
    if desk.disagreements is not None:
        votes = ctx.votes.votes_on(desk.plan.comparison, place.sample_id)
        drawn["opinions"] = view.build_opinions(desk.disagreements[place.sample_id], votes, place, ctx.lang)
    return drawn


def _reveal(desk: Desk, place: QueueItem) -> dict[str, Any]:
    ctx, comparison = desk.ctx, desk.plan.comparison
    judge = read_judge(ctx, comparison).get(place.sample_id, "")
    item = desk.items[place.sample_id]
    return view.reveal(item, place, read_labels(ctx, comparison), ctx.lang, judge)


def go(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """Go to a place, and remember it as where the reviewer is."""
    ask = parse(Go, given)
    desk = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    place = desk.place(ask.key)
    if ask.by == 1:
        place = desk.next(place.key) or desk.neighbour(place.key, 1) or place
    elif ask.by == -1:
        place = desk.neighbour(place.key, -1) or place
    _remember(desk, place)
    return show(desk, place)


def _remember(desk: Desk, place: QueueItem) -> None:
    if desk.adjudicating:
        return
    session = desk.ctx.votes.session(desk.plan.comparison, desk.reviewer)
    if session is not None and session.key != place.key:
        moved = {"sample_id": place.sample_id, "repeat": place.repeat}
        desk.ctx.votes.save_session(desk.reviewer, session.model_copy(update=moved))


def save(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what was entered: as a draft, or with the verdict where there is one already."""
    ask = parse(Save, given)
    desk = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    place = desk.place(ask.key)
    draft = make_draft(desk, place, ask.entry)
    vote = desk.vote(place.key)
    if vote is None:
        ctx.votes.save_draft(draft.model_copy(update={"comparison": desk.draft_room}))
        _remember(desk, place)
    else:
        _cast(desk, place, draft, vote.verdict)
    return {"saved": True, "key": [*place.key]}


def vote(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """Save a verdict with all that was entered. The same verdict twice is saved once."""
    ask = parse(Press, given)
    desk = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    place = desk.place(ask.key)
    _cast(desk, place, make_draft(desk, place, ask.entry), _verdict_of(ask.verdict, place))
    _remember(desk, place)
    after = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    return show(after, after.place(place.key))


def _verdict_of(pressed: Literal["left", "right", "tie", "bad"], place: QueueItem) -> Verdict:
    if pressed in ("left", "right"):
        return view.side_at(place, pressed)
    return "tie" if pressed == "tie" else "both_bad"


def make_draft(desk: Desk, place: QueueItem, entry: Entry) -> VoteDraft:
    """What was entered by place, by side."""
    item = desk.items[place.sample_id]
    pinned = [view.pin(place, note.model_dump(), item) for note in entry.notes]
    values = {
        "comparison": desk.plan.comparison,
        "sample_id": place.sample_id,
        "reviewer": desk.reviewer,
        "repeat": place.repeat,
        "strength": entry.strength,
        "correctness": view.to_sides(entry.correctness, place),
        "tags": view.to_sides({name: tags for name, tags in entry.tags.items() if tags}, place),
        "notes": tuple(note for note in pinned if note is not None),
        "correction": entry.correction,
        "states": view.to_sides(entry.states, place),
        "comment": entry.comment,
    }
    return parse(VoteDraft, values)


def _cast(desk: Desk, place: QueueItem, draft: VoteDraft, verdict: Verdict) -> None:
    vote = to_vote(
        draft,
        verdict=verdict,
        left=place.left,
        blind=desk.plan.blind,
        selection=place.selection,
        adjudication=desk.adjudicating,
    )
    known = desk.vote(place.key)
    # a request that was sent again after a lost answer must not become a second verdict
    if known is None or known.model_copy(update={"at": 0.0}) != vote:
        desk.ctx.votes.cast(vote)


def undo(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """Take back this reviewer's last saved verdict and show its question again.

    Raises:
        StateError: There is none.
    """
    ask = parse(At, given)
    desk = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    taken: Vote | None = ctx.votes.undo(desk.plan.comparison, ask.reviewer)
    if taken is None:
        raise StateError("vote_none")
    after = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    # the verdict may belong to an order that was gone through before
    place = after.queue.find(QueueKey(taken.sample_id, taken.repeat)) or after.place(ask.key)
    _remember(after, place)
    return show(after, place)


def list_places(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """The questions around the present one. Hidden repeats are left out: the list would give them away."""
    ask = parse(At, given)
    desk = open_desk(ctx, ask.comparison, ask.reviewer, adjudicating=ask.adjudicating)
    places = [one for one in desk.queue if not one.repeat]
    here = next((n for n, one in enumerate(places) if one.sample_id == ask.sample_id), 0)
    first = max(0, min(here - SHOWN_IN_LIST // 2, len(places) - SHOWN_IN_LIST))
    return {
        "places": [
            {
                "key": [one.sample_id, False],
                "number": number,
                "question": cut(" ".join(desk.items[one.sample_id].question.split()), QUESTION_CUT),
                "done": one.key in desk.done,
            }
            for number, one in enumerate(places[first : first + SHOWN_IN_LIST], start=first + 1)
        ]
    }


def tell_prompt(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """The system prompt that both models were given with a question; empty where it is not known any more."""
    ask = parse(At, given)
    return {"key": [*ask.key], "prompt": read_system_prompt(ctx, ask.comparison, ask.sample_id)}


ACTIONS: dict[str, Callable[[UiContext, Mapping[str, Any]], dict[str, Any]]] = {
    "start": start,
    "begin": begin,
    "resume": resume,
    "go": go,
    "save": save,
    "vote": vote,
    "undo": undo,
    "list": list_places,
    "prompt": tell_prompt,
}
