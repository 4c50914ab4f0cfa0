"""Servers in words: one card for each role, what is known of one server, and the container engine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.i18n import Lang, Translator, has_key, render_error, t, translator
from workbench.schemas.containers import ContainerStats, EngineInfo
from workbench.schemas.job import JobRecord
from workbench.schemas.serving import CardState, GuardResult, ServeConfig, ServerCard, ServerRole
from workbench.ui.components import to_json
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph
from workbench.ui.wording import say_bytes, say_seconds

ROLES: tuple[ServerRole, ...] = ("before", "after", "teacher", "judge", "reward")
LIVING: frozenset[CardState] = frozenset(
    {"waiting", "pulling", "starting", "ready", "unhealthy", "stopping", "paused"}
)
TONES: Mapping[CardState, str] = {
    "waiting": "plain",
    "pulling": "run",
    "starting": "run",
    "ready": "good",
    "unhealthy": "warn",
    "stopping": "plain",
    "paused": "warn",
    "stopped": "plain",
    "failed": "bad",
    "orphaned": "warn",
}
BUSY: frozenset[CardState] = frozenset({"pulling", "starting", "stopping"})
SHORT_DIGEST = 12


@dataclass(frozen=True)
class RoleCard:
    """What the page knows of one role."""

    role: ServerRole
    card: ServerCard | None = None
    job: JobRecord | None = None
    config: ServeConfig | None = None
    """What a start would start; None where a model has to be chosen first."""
    model: str = ""
    """The model's name, as people know it."""
    shared: ServerCard | None = None
    """Another role's server that answers for this one too, with its adapters off."""


def pick_card(cards: Sequence[ServerCard], role: ServerRole) -> ServerCard | None:
    """The server of a role: one that lives, else the newest.

    Args:
        cards: Newest first.
        role: Whose.
    """
    own = [card for card in cards if card.role == role]
    return next((card for card in own if card.state in LIVING), next(iter(own), None))


def other_cards(cards: Sequence[ServerCard]) -> list[ServerCard]:
    """Living servers and containers that no role's card shows."""
    shown = {card.id for role in ROLES if (card := pick_card(cards, role))}
    return [card for card in cards if card.id not in shown and (card.state in LIVING or is_leftover(card))]


def is_leftover(card: ServerCard) -> bool:
    """A container that nobody looks after any more."""
    return card.state == "orphaned" or (bool(card.container) and card.state in ("stopped", "failed"))


def share_pulled(job: JobRecord | None) -> float | None:
    """How much of an image has come, from 0 to 1; None while nothing is known."""
    progress = job.status.progress if job else None
    return min(1.0, progress.done / progress.total) if progress and progress.total else None


def say_state(card: ServerCard | None, job: JobRecord | None, now: float, lang: Lang) -> str:
    """The one big sentence."""
    if card is None:
        return t("serve.state.stopped", lang)
    if card.state == "pulling":
        share = share_pulled(job)
        if share is not None:
            return t("serve_tab.state.pulling_share", lang, percent=int(share * 100))
    if card.state == "starting" and card.started_at:
        since = say_passed(now - card.started_at, translator(lang))
        return t("serve_tab.state.starting_since", lang, time=since)
    return t(f"serve.state.{card.state}", lang)


def say_passed(seconds: float, tr: Translator) -> str:
    """Whole minutes after the first one: a sentence that changes every second is not read."""
    minute = 60
    return say_seconds(seconds, tr) if seconds < minute else tr("serve_tab.minutes", m=int(seconds // minute))


def say_detail(card: ServerCard | None, job: JobRecord | None, usual_seconds: int, lang: Lang) -> str:
    """A line below it: what is being done, or how long it usually takes."""
    if card is None or job is None:
        return ""
    status = job.status
    if card.state == "pulling" and status.progress.total:
        done, total = say_bytes(status.progress.done), say_bytes(status.progress.total)
        return t("serve_tab.detail.pulled", lang, done=done, total=total)
    if card.state == "waiting" or card.state == "paused":
        key = f"job.waiting.{status.waiting_for}"
        return t(key, lang) if status.waiting_for and has_key(key, lang) else ""
    if card.state == "starting":
        key = f"phase.{status.progress.phase}"
        said = t(key, lang) if has_key(key, lang) else ""
        usual = say_passed(usual_seconds, translator(lang)) if usual_seconds else ""
        wait = t("serve_tab.detail.usual", lang, time=usual) if usual else ""
        return " · ".join(part for part in (said, wait) if part)
    return ""


def card_row(found: RoleCard, now: float, lang: Lang, *, usual_seconds: int = 0) -> dict[str, Any]:
    """One role's card as JSON.

    Args:
        found: What is known.
        now: Seconds since the epoch.
        lang: The page's language.
        usual_seconds: How long the engine's start usually takes; 0 where nobody knows.
    """
    card, config = found.card, found.config
    state: CardState = card.state if card else "stopped"
    engine = card.engine if card and state in LIVING else (config.engine if config else "")
    chips = [{"text": say_engine(engine, lang), "tone": "plain"}] if engine else []
    return {
        "role": found.role,
        "title": t(f"serve_tab.role.{found.role}", lang),
        "about": t(f"serve_tab.role.{found.role}.about", lang),
        "state": "shared" if found.shared and state not in LIVING else state,
        "tone": "good" if found.shared and state not in LIVING else TONES[state],
        "sentence": say_state(card, found.job, now, lang)
        if not (found.shared and state not in LIVING)
        else t("serve.state.ready", lang),
        "detail": _say_shared(found, lang) or say_detail(card, found.job, usual_seconds, lang),
        "model": found.model or t("serve_tab.no_model", lang),
        "chips": chips,
        "busy": state in BUSY,
        "share": share_pulled(found.job) if state == "pulling" else None,
        "error": _say_failure(card, lang),
        "action": _action(found, state, lang),
    }


def say_engine(engine: str, lang: Lang) -> str:
    """An engine's name, short enough for a chip."""
    short = f"serve_tab.chip.{engine}"
    return t(short if has_key(short, lang) else f"choice.ServeConfig.engine.{engine}", lang)


def _say_shared(found: RoleCard, lang: Lang) -> str:
    if found.shared is None or (found.card and found.card.state in LIVING):
        return ""
    return t("serve_tab.detail.shared", lang, role=t(f"serve_tab.role.{found.shared.role}", lang))


def _say_failure(card: ServerCard | None, lang: Lang) -> dict[str, str] | None:
    if card is None or card.state != "failed" or not card.error_code:
        return None
    rendered = render_error(WorkbenchError(card.error_code, **card.error_params), lang)
    return {"message": rendered.message, "hint": rendered.hint}


def _action(found: RoleCard, state: CardState, lang: Lang) -> dict[str, Any]:
    """The one main button."""
    if state == "stopping":
        return _button("stop", lang, disabled=True)
    if state in LIVING:
        verb = "stop" if state in ("ready", "unhealthy") else "cancel"
        return _button(verb, lang, careful=verb == "stop")
    if state == "orphaned":
        return _button("reattach" if found.card and found.card.can_reattach else "remove", lang)
    if found.config is None:
        return _button("choose", lang)
    return _button("start_own" if found.shared else "start", lang, primary=found.shared is None)


def _button(
    verb: str, lang: Lang, *, primary: bool = False, careful: bool = False, disabled: bool = False
) -> dict[str, Any]:
    return {
        "verb": verb.removesuffix("_own"),
        "label": t(f"serve_tab.do.{verb}", lang),
        "hint": t(f"serve_tab.do.{verb}.hint", lang),
        "primary": primary or verb == "reattach",
        "careful": careful,
        "disabled": disabled,
    }


def cards_payload(rows: Sequence[dict[str, Any]], chosen: str) -> str:
    """JSON of all cards."""
    return to_json({"cards": list(rows), "chosen": chosen})


# ---- what is known of one server


def render_facts(
    found: RoleCard, stats: ContainerStats | None, lang: Lang, *, adapters: Sequence[str] = ()
) -> Html:
    """Facts of the chosen server, two columns of name and value.

    Args:
        found: The role's card.
        stats: What its container uses now, where it has one that runs.
        lang: The page's language.
        adapters: Names of its adapters, as people know them.
    """
    card = found.card
    if card is None:
        return Html()
    tr = translator(lang)
    facts: list[tuple[str, Child]] = [
        (tr("serve_tab.fact.engine"), tr(f"choice.ServeConfig.engine.{card.engine}")),
        (tr("serve_tab.fact.model"), found.model),
    ]
    if adapters:
        facts.append(
            (tr("serve_tab.fact.adapters"), "、".join(adapters) if lang == "ja" else ", ".join(adapters))
        )
    facts += _address_facts(card, tr)
    facts += _container_facts(card, stats, tr)
    if card.guard is not None:
        facts.append((tr("serve_tab.fact.guard"), render_guard(card.guard, lang)))
    rows = [join([el("dt", name), el("dd", value)]) for name, value in facts]
    return el("dl", *rows, cls="sv-facts")


def _address_facts(card: ServerCard, tr: Translator) -> list[tuple[str, Child]]:
    facts: list[tuple[str, Child]] = []
    if card.endpoint:
        facts.append((tr("serve_tab.fact.address"), el("code", card.endpoint)))
    names = [model.name for model in card.models]
    if names:
        facts.append((tr("serve_tab.fact.names"), el("code", ", ".join(names))))
    if card.config is not None:
        config = card.config
        said = tr(
            "serve_tab.fact.knobs.value",
            context=f"{config.max_context:,}",
            share=round(config.memory_share * 100),
            batch=config.max_batch_size,
        )
        facts.append((tr("serve_tab.fact.knobs"), said))
    if card.memory_bytes:
        facts.append((tr("serve_tab.fact.memory"), say_bytes(card.memory_bytes)))
    return facts


def _container_facts(
    card: ServerCard, stats: ContainerStats | None, tr: Translator
) -> list[tuple[str, Child]]:
    if not card.container and not card.image:
        return []
    facts: list[tuple[str, Child]] = []
    if card.image:
        facts.append((tr("serve_tab.fact.image"), el("code", short_image(card.image), title=card.image)))
    if card.container:
        health = tr(f"serve_tab.health.{card.health}")
        said = tr("serve_tab.fact.container.value", name=card.container_name, health=health)
        facts.append((tr("serve_tab.fact.container"), said))
    if stats is not None:
        facts.append((tr("serve_tab.fact.uses"), say_stats(stats, tr)))
    return facts


def say_stats(stats: ContainerStats, tr: Translator) -> str:
    """Memory and CPU of a container in one line."""
    memory = say_bytes(stats.memory_bytes)
    if stats.memory_limit:
        memory = f"{memory} / {say_bytes(stats.memory_limit)}"
    return tr("serve_tab.uses", memory=memory, cpu=round(stats.cpu_percent), processes=stats.processes)


def short_image(image: str) -> str:
    """An image with its digest cut to what people compare by eye."""
    name, found, digest = image.partition("@sha256:")
    if not found and name.startswith("sha256:"):
        return f"sha256:{name[7 : 7 + SHORT_DIGEST]}…"
    return f"{name}@sha256:{digest[:SHORT_DIGEST]}…" if found else image


def render_guard(guard: GuardResult, lang: Lang) -> Html:
    """Whether baseline is baseline and tuned differs."""
    tone = {"held": "good", "no_effect": "warn", "refused": "bad"}.get(guard.state, "")
    label = t(f"serve_tab.guard.{guard.state.replace(' ', '_')}", lang)
    return el("span", chip(label, tone), " ", say_guard(guard, lang))


def say_guard(guard: GuardResult, lang: Lang) -> str:
    """What the guard found, in words; empty where it says no more than its state."""
    key = f"guard.{guard.code}"
    params = dict(guard.params)
    if facts := params.get("facts"):
        names = (t(f"guard.fact.{name}", lang) for name in str(facts).split(","))
        params["facts"] = t("guard.and", lang).join(names)
    return t(key, lang, **params) if guard.code and has_key(key, lang) else ""


# ---- the container engine


def render_engine(info: EngineInfo | None, error: WorkbenchError | None, lang: Lang, *, slow: bool) -> Html:
    """Whether containers can be used, and what to install where they cannot."""
    if slow:
        return _engine_box(t("serve_tab.engine.slow", lang), t("serve_tab.engine.slow.do", lang), lang)
    if error is not None:
        rendered = render_error(error, lang)
        return _engine_box(rendered.message, rendered.hint, lang)
    if info is None:
        return paragraph(t("serve_tab.engine.asking", lang), "wb-soft wb-tiny")
    gpu = t(f"containers.gpu.{info.gpu}", lang)
    name = t(f"serve_tab.engine.kind.{info.kind}", lang)
    said = t("serve_tab.engine.ok", lang, name=name, version=info.version, gpu=gpu)
    differences = [
        paragraph(t(f"containers.difference.{one}", lang), "wb-soft wb-tiny")
        for one in info.differences
        if has_key(f"containers.difference.{one}", lang)
    ]
    return el(
        "div", paragraph(join([chip(t("serve_tab.engine.ready", lang), "good"), " ", said])), *differences
    )


def _engine_box(message: str, hint: str, lang: Lang) -> Html:
    still = paragraph(t("serve_tab.engine.still", lang), "wb-soft")
    return el("div", el("b", message), paragraph(hint), still, cls="wv-box warn")
