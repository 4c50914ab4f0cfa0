"""The outlook on a training run, in words: memory and its parts, steps, what the adapter reaches."""

from __future__ import annotations

from workbench.i18n import Lang, t
from workbench.training.memory import Fix
from workbench.training.models import ModelInfo
from workbench.training.plan import MemoryPlan
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph
from workbench.ui.wording import say_bytes, say_number, say_share

TONES = {"fits": "good", "tight": "warn", "too_big": "bad", "unknown": ""}
SHOWN_PARTS = 3
CUT_WARNING = 0.02
"""Share of rows that are cut at the length from which the page says so."""


def render_plan(plan: MemoryPlan, free_bytes: int, lang: Lang) -> Html:
    """What a run will need and reach.

    Args:
        plan: The estimate, with the machine's budget.
        free_bytes: What other jobs leave of the budget now.
        lang: The page's language.
    """
    lines: list[Child] = [
        el(
            "p",
            chip(t(f"train_tab.plan.{plan.verdict}.chip", lang), TONES[plan.verdict]),
            " ",
            _memory(plan, lang),
        ),
        paragraph(_parts(plan, lang), "wb-soft wb-tiny"),
    ]
    if plan.fix is not None:
        lines.append(el("p", t("train_tab.plan.fix", lang, fix=say_fix(plan.fix, lang)), cls="wv-box warn"))
    elif plan.budget and plan.total > free_bytes:
        waits = {"needed": say_bytes(plan.total), "free": say_bytes(free_bytes)}
        lines.append(el("p", t("train_tab.plan.waits", lang, **waits), cls="wv-box warn"))
    lines += [paragraph(_length(plan, lang)), paragraph(_coverage(plan, lang))]
    if plan.rows.too_long > CUT_WARNING:
        cut = t(
            "train_tab.plan.cut", lang, share=say_share(plan.rows.too_long), longest=f"{plan.rows.longest:,}"
        )
        lines.append(el("p", cut, cls="wv-box warn"))
    if plan.coverage.missing:
        missing = t("train_tab.plan.missing", lang, names=", ".join(plan.coverage.missing))
        lines.append(el("p", missing, cls="wv-box warn"))
    return el("div", el("h3", t("train_tab.plan.heading", lang)), *lines, cls="wv-plan")


def _memory(plan: MemoryPlan, lang: Lang) -> str:
    return t(
        f"train_tab.plan.{plan.verdict}", lang, needed=say_bytes(plan.total), budget=say_bytes(plan.budget)
    )


def _parts(plan: MemoryPlan, lang: Lang) -> str:
    largest = sorted(plan.parts.items(), key=lambda part: part[1], reverse=True)[:SHOWN_PARTS]
    said = [f"{t(f'train_tab.plan.part.{name}', lang)} {say_bytes(size)}" for name, size in largest]
    return t("train_tab.plan.parts", lang, parts=" · ".join(said))


def _length(plan: MemoryPlan, lang: Lang) -> str:
    return t(
        "train_tab.plan.length",
        lang,
        rows=f"{plan.rows.rows:,}",
        steps=f"{plan.steps:,}",
        tokens=say_number(plan.tokens, 0),
        device=t(f"train_tab.plan.device.{plan.device}", lang),
        disk=say_bytes(plan.disk_bytes),
    )


def _coverage(plan: MemoryPlan, lang: Lang) -> str:
    reach = plan.coverage
    return t(
        "train_tab.coverage",
        lang,
        all=say_share(reach.of_all),
        linear=say_share(reach.of_body),
        trainable=f"{reach.adapter:,}",
        ratio=say_share(reach.trained_ratio),
    )


def say_fix(fix: Fix, lang: Lang) -> str:
    """The cheapest change that makes a run fit."""
    if not fix.changes:
        return t("train_tab.fix.smaller_model", lang)
    changes = t("train_tab.fix.joint", lang).join(
        t(
            "train_tab.fix.one",
            lang,
            field=t(f"field.SFTSettings.{name}.label", lang),
            value=_say_value(name, value, lang),
        )
        for name, value in fix.changes.items()
    )
    cost = t(f"train_tab.fix.cost.{fix.code}", lang)
    return t("train_tab.fix.all", lang, changes=changes, cost=cost, saved=say_bytes(fix.saved))


def _say_value(name: str, value: int | str, lang: Lang) -> str:
    return f"{value:,}" if isinstance(value, int) else t(f"choice.SFTSettings.{name}.{value}", lang)


def render_model(info: ModelInfo, lang: Lang) -> Html:
    """A model in one line, as its files describe it."""
    facts = t(
        "train_tab.model.fact",
        lang,
        parameters=say_parameters(info.parameters, lang),
        architecture=info.architecture or info.model_type,
        license=info.license or t("train_tab.model.no_license", lang),
        context=f"{info.context:,}",
    )
    return paragraph(facts, "wb-soft wb-tiny")


def say_parameters(count: int, lang: Lang) -> str:
    """The size of a model in the unit that the language counts in: 億 and 万, or billions and millions."""
    large, small = (1e8, 1e4) if lang == "ja" else (1e9, 1e6)
    if count >= large:
        return t("train_tab.model.count_large", lang, count=f"{count / large:.1f}")
    return t("train_tab.model.count_small", lang, count=f"{count / small:,.{0 if lang == 'ja' else 1}f}")


def render_consent(info: ModelInfo, lang: Lang) -> Html:
    """What a model's own program may do, before anybody lets it."""
    files = ", ".join(info.code_files) or "*.py"
    return join(
        [
            el("b", t("train_tab.consent.heading", lang)),
            el("p", t("train_tab.consent.note", lang, files=files)),
        ]
    )
