"""The serving page's plain functions: cards, one server in detail, start and stop, handing a server over."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import InputError, NotFoundError, StateError, WorkbenchError
from workbench.inference import EndpointRegistry, guess_locality
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.serving import ServeConfig, ServedModel, ServerCard, ServerRole
from workbench.serving.docking import Connect
from workbench.serving.planning import submit_server
from workbench.serving.servers import find_servers, reattach_server, stop_server
from workbench.ui.components import log_payload, read_tail, to_json
from workbench.ui.context import UiContext
from workbench.ui.engine_look import EngineLook, within
from workbench.ui.handlers import read_event
from workbench.ui.handover import Handed, Target
from workbench.ui.tabs import serve_form as form
from workbench.ui.views import preflight as checks
from workbench.ui.views import serving as view
from workbench.ui.views.html import Html, el, paragraph
from workbench.ui.views.runs import make_request_id
from workbench.ui.wording import say_ago

ROLES = view.ROLES
TARGETS: tuple[Target, ...] = ("evaluate", "live", "data")


def check_role(role: str | None) -> ServerRole:
    """A role of the page; anything else is refused, whoever sent it.

    Raises:
        InputError: `verb_unknown`.
    """
    if role not in ROLES:
        raise InputError("verb_unknown", verb=str(role))
    return role


def list_cards(ctx: UiContext, look: EngineLook) -> tuple[ServerCard, ...]:
    """All servers, from the jobs and from the containers as they were seen last."""
    return find_servers(ctx.workspace, ctx.jobs, connect=look.known())


def gather(ctx: UiContext, cards: Sequence[ServerCard], role: ServerRole) -> view.RoleCard:
    """Everything that the page knows of a role."""
    card = view.pick_card(cards, role)
    config = form.offer_config(ctx, role)
    alive = card is not None and card.state in view.LIVING
    shown = card.config if alive and card and card.config else config
    return view.RoleCard(
        role=role,
        card=card,
        job=_find_job(ctx, card),
        config=config,
        model=_say_model(ctx, shown),
        shared=None if alive else find_shared(cards, role),
    )


def _find_job(ctx: UiContext, card: ServerCard | None) -> JobRecord | None:
    try:
        return ctx.jobs.get(card.job) if card and card.job else None
    except NotFoundError:
        return None


def _say_model(ctx: UiContext, config: ServeConfig | None) -> str:
    if config is None:
        return ""
    name = form.name_model(ctx, config.model)
    if not config.adapters:
        return name
    adapters = [form.name_adapter(ctx, adapter.path) for adapter in config.adapters]
    return ctx.t("serve_tab.model_with", model=name, adapters=", ".join(adapters))


def find_shared(cards: Sequence[ServerCard], role: ServerRole) -> ServerCard | None:
    """The server of the tuned model answers as the base too, with its adapters off: same engine, same weights."""
    if role != "before":
        return None
    after = view.pick_card(cards, "after")
    ready = after is not None and after.state == "ready" and any(not one.is_base for one in after.models)
    return after if ready else None


def show_cards(ctx: UiContext, look: EngineLook, chosen: str | None) -> list[Any]:
    """Everything that changes by itself: cards, engine, the chosen server, others, what can be pressed.

    Returns:
        Cards, engine, facts, live box, hand-over box, log, what a start needs, others and their box, leftovers' box
        and words.
    """
    role = check_role(chosen)
    cards = list_cards(ctx, look)
    found = {one: gather(ctx, cards, one) for one in ROLES}
    picked = found[role]
    engine = look.read(picked.card.container if picked.card else "")
    now = time.time()
    rows = [view.card_row(one, now, ctx.lang, usual_seconds=_usual(one)) for one in found.values()]
    leftovers = [card for card in cards if view.is_leftover(card)]
    return [
        view.cards_payload(rows, role),
        view.render_engine(engine.info, engine.error, ctx.lang, slow=engine.slow),
        *show_detail(ctx, picked, engine.stats if _is_of(picked, engine.stats_of) else None),
        read_others(ctx, cards, now),
        gr.update(visible=bool(view.other_cards(cards))),
        gr.update(visible=bool(leftovers)),
        _say_leftovers(ctx, leftovers),
    ]


def _is_of(found: view.RoleCard, container: str) -> bool:
    return bool(found.card and container and found.card.container == container)


def _usual(found: view.RoleCard) -> int:
    recipe = form.recipe_of(found.card.engine) if found.card else None
    return recipe.ready.usual_seconds if recipe and recipe.ready else 0


def show_detail(ctx: UiContext, found: view.RoleCard, stats: Any) -> list[Any]:
    """The chosen server: facts, whether it is there and can be used, the end of its log, whether one can be started."""
    card = found.card
    adapters = (
        [form.name_adapter(ctx, one.path) for one in card.config.adapters] if card and card.config else []
    )
    facts = view.render_facts(found, stats, ctx.lang, adapters=adapters)
    usable = bool(found.shared) or (card is not None and card.state == "ready")
    log = log_payload(read_log(found.job), found.job.spec.title) if found.job else log_payload("")
    startable = card is None or card.state not in view.LIVING
    return [
        facts,
        gr.update(visible=card is not None),
        gr.update(visible=usable),
        log,
        gr.update(visible=startable),
    ]


def read_log(job: JobRecord) -> str:
    """The end of a server's log: our own lines and those of its container, masked when they were written."""
    return read_tail(Path(job.folder) / "log.txt")


def read_others(ctx: UiContext, cards: Sequence[ServerCard], now: float) -> str:
    """Servers that no role's card shows, as JSON for the table."""
    rows = [
        {
            "id": card.id,
            "cells": [
                card.title or card.container_name,
                ctx.t(f"choice.ServeConfig.engine.{card.engine}"),
                {"chip": ctx.t(f"serve.state.{card.state}"), "tone": view.TONES[card.state]},
                say_ago(card.started_at, now, ctx.t),
            ],
            "actions": [_row_action(ctx, verb) for verb in _row_verbs(card)],
        }
        for card in view.other_cards(cards)
    ]
    columns = [ctx.t(f"serve_tab.others.{name}") for name in ("name", "engine", "state", "since")]
    return to_json({"columns": columns, "rows": rows})


def _row_verbs(card: ServerCard) -> list[str]:
    if card.can_reattach:
        return ["reattach", "remove"]
    return ["remove"] if view.is_leftover(card) else ["stop"]


def _row_action(ctx: UiContext, verb: str) -> dict[str, Any]:
    key = f"serve_tab.do.{verb}"
    careful = verb in ("stop", "remove")
    return {"verb": verb, "label": ctx.t(key), "hint": ctx.t(f"{key}.hint"), "careful": careful}


def _say_leftovers(ctx: UiContext, leftovers: Sequence[ServerCard]) -> Html:
    if not leftovers:
        return Html()
    names = ", ".join(card.container_name or card.title for card in leftovers)
    title = el("b", ctx.t("serve_tab.leftovers", count=len(leftovers)))
    return el("div", title, paragraph(ctx.t("serve_tab.leftovers.say", names=names)), cls="wv-box warn")


# ---- what can be pressed


def press_card(
    ctx: UiContext, look: EngineLook, connect: Connect, event: gr.EventData, state: Mapping[str, Any]
) -> tuple[str, Html | None]:
    """A card was pressed.

    Args:
        ctx: The page's context.
        look: The engine as it was seen last.
        connect: The engine itself.
        event: Which card, and which of its buttons.
        state: `chosen` (role), `token`, and `values` of the form.

    Returns:
        The role that is chosen now, and the preflight where it stands in the way of a start.
    """
    data = read_event(event)
    role, verb = check_role(str(data.get("role", ""))), str(data.get("verb", ""))
    if verb in ("choose", "setup", "view"):
        return role, None
    if verb == "start":
        same = role == state["chosen"]
        config = form.read_config(role, state["values"]) if same else form.offer_config(ctx, role)
        if config is None:
            raise InputError("serve_no_model")
        return role, start_server(ctx, look, connect, config, str(state["token"]), warned=False)
    card = view.pick_card(list_cards(ctx, look), role)
    if card is None:
        raise StateError("serve_nothing_runs")
    act(ctx, look, connect, card.id, verb)
    return role, None


def start_server(
    ctx: UiContext, look: EngineLook, connect: Connect, config: ServeConfig, token: str, *, warned: bool
) -> Html | None:
    """Start a server unless something stands in the way.

    Args:
        ctx: The page's context.
        look: The engine as it was seen last.
        connect: The engine itself.
        config: What to start.
        token: Of the page view.
        warned: The person has seen the warnings.

    Returns:
        The preflight that stands in the way; None where the server was started.

    Raises:
        StateError: `serve_role_busy`: the role has a server already.
    """
    card = view.pick_card(list_cards(ctx, look), config.role)
    if card is not None and card.state in view.LIVING:
        raise StateError("serve_role_busy", role=ctx.t(f"serve_tab.role.{config.role}"))
    plan = form.make_plan(ctx, config, connect)
    level = plan.preflight.level
    if level == "stop" or (level == "warn" and not warned):
        return checks.render_preflight(plan.preflight, ctx.lang)
    request = make_request_id(token, config, ctx.jobs.list(kind="serve"))
    submit_server(config, ctx.jobs, title=form.safe_title(ctx, config), request_id=request)
    look.forget()
    return None


def act(ctx: UiContext, look: EngineLook, connect: Connect, card_id: str, verb: str) -> None:
    """Stop, cancel, remove or take up a server.

    Raises:
        InputError: No such verb.
        NotFoundError: No such server.
        ResourceError: The engine takes too long.
    """
    if verb == "reattach":
        reattach_server(card_id, ctx.workspace, ctx.jobs, connect=look.known())
    elif verb in ("stop", "cancel", "remove"):
        living = _is_alive(ctx, card_id)
        # a living job ends its container itself; only what nobody looks after is removed from here
        reach = look.known() if living else connect
        within(lambda: stop_server(card_id, ctx.workspace, ctx.jobs, connect=reach))
    else:
        raise InputError("verb_unknown", verb=verb)
    look.forget()


def _is_alive(ctx: UiContext, card_id: str) -> bool:
    try:
        return ctx.jobs.get(card_id).status.state not in ENDED
    except WorkbenchError:
        return False


def press_other(ctx: UiContext, look: EngineLook, connect: Connect, event: gr.EventData) -> None:
    """A button of the table of other servers."""
    data = read_event(event)
    act(ctx, look, connect, str(data.get("row", "")), str(data.get("verb", "")))


def clear_leftovers(ctx: UiContext, look: EngineLook, connect: Connect) -> int:
    """Remove every container of this workspace that nobody looks after; how many that were."""
    leftovers = within(
        lambda: [
            card for card in find_servers(ctx.workspace, ctx.jobs, connect=connect) if view.is_leftover(card)
        ]
    )
    for card in leftovers:
        within(lambda card=card: stop_server(card.id, ctx.workspace, ctx.jobs, connect=connect))
    look.forget()
    return len(leftovers)


# ---- handing a server over


def hand_over(ctx: UiContext, look: EngineLook, role: str | None, target: Target) -> Handed:
    """Register the role's server as an endpoint under the role's name, for another tab.

    Raises:
        StateError: `serve_not_ready`, or `serve_endpoint_name_taken` where a person keeps another endpoint there.
    """
    known = check_role(role)
    cards = list_cards(ctx, look)
    found = gather(ctx, cards, known)
    card = found.shared or found.card
    if card is None or card.state != "ready" or not card.models:
        raise StateError("serve_not_ready", role=ctx.t(f"serve_tab.role.{known}"))
    endpoint = pick_model(card.models, known).endpoint.model_copy(update={"name": known})
    keep_endpoint(ctx, endpoint)
    goal: Target = "judge" if target == "evaluate" and known == "judge" else target
    return Handed(target=goal, what="endpoint", name=known, job=card.job, at=time.time())


def pick_model(models: Sequence[ServedModel], role: ServerRole) -> ServedModel:
    """Which of a server's models a role means: the base for "before", else the first adapter where there is one."""
    base = next((model for model in models if model.is_base), models[0])
    if role == "before":
        return base
    return next((model for model in models if not model.is_base), base)


def keep_endpoint(ctx: UiContext, endpoint: Endpoint) -> None:
    """Register an endpoint of ours; an older one of ours is replaced, a person's own never.

    Raises:
        StateError: `serve_endpoint_name_taken`.
    """
    registry = EndpointRegistry(ctx.workspace)
    known = next((one for one in registry.list() if one.name == endpoint.name), None)
    # ours lie on a port of this machine and need no key
    if known is not None and (guess_locality(known.base_url) != "local" or known.api_key_env):
        raise StateError("serve_endpoint_name_taken", name=endpoint.name, url=known.base_url)
    registry.add(endpoint, replace=True)
