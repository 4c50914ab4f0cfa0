"""What was looked at before a start, as a list of plain sentences, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.errors import WorkbenchError
from workbench.i18n import Lang, has_key, render_error, t
from workbench.schemas.serving import Level, Preflight, PreflightCheck
from workbench.ui.views.html import Child, Html, chip, el, fold, join, paragraph

MARKS: Mapping[Level, tuple[str, str]] = {"ok": ("✓", "good"), "warn": ("!", "warn"), "stop": ("×", "bad")}


def say_check(check: PreflightCheck, lang: Lang) -> str:
    """The sentence of a check; its bare code where a newer part of the program knows more than the catalogue."""
    key = f"preflight.{check.code}.say"
    return t(key, lang, **check.params) if has_key(key, lang) else check.code


def say_remedy(check: PreflightCheck, lang: Lang) -> str:
    """What to do; empty where nothing is to be done."""
    key = f"preflight.{check.code}.do"
    return t(key, lang, **check.params) if has_key(key, lang) else ""


def render_preflight(preflight: Preflight, lang: Lang) -> Html:
    """The verdict, what stands in the way, and behind one click what is in order."""
    worse = [check for check in preflight.checks if check.level != "ok"]
    fine = [check for check in preflight.checks if check.level == "ok"]
    level = preflight.level
    tone = MARKS[level][1]
    count = sum(check.level == level for check in worse)
    head = paragraph(
        join([chip(t(f"serve_tab.check.{level}", lang), tone), " ", _verdict(level, count, lang)])
    )
    parts: list[Child] = [head]
    if worse:
        parts.append(_list(worse, lang))
    if fine and worse:
        parts.append(fold(t("serve_tab.check.fine", lang, count=len(fine)), _list(fine, lang)))
    elif fine:
        parts.append(_list(fine, lang))
    return el("div", *parts, cls="sv-checks")


def _verdict(level: Level, count: int, lang: Lang) -> str:
    return t(f"serve_tab.check.{level}.say", lang, count=count)


def _list(checks: list[PreflightCheck], lang: Lang) -> Html:
    return el("ul", *(_row(check, lang) for check in checks), cls="wv-sentences")


def _row(check: PreflightCheck, lang: Lang) -> Html:
    sign, tone = MARKS[check.level]
    said: list[Child] = [say_check(check, lang)]
    remedy = say_remedy(check, lang) if check.level != "ok" else ""
    if remedy:
        said.append(el("div", remedy, cls="wb-soft"))
    mark = el("span", sign, cls=f"wv-mark wv-{tone}", aria_label=t(f"serve_tab.check.{check.level}", lang))
    return el("li", mark, el("div", *said), cls=f"sv-check-{check.level}")


def render_problem(error: WorkbenchError, lang: Lang) -> Html:
    """Nothing could be looked at: what has to be chosen or mended first."""
    rendered = render_error(error, lang)
    lines = [el("div", line, cls="wb-soft") for line in rendered.hint.splitlines() if line]
    body = el("div", rendered.message, *lines)
    row = el("li", el("span", "×", cls="wv-mark wv-bad"), body, cls="sv-check-stop")
    return el("div", el("ul", row, cls="wv-sentences"), cls="sv-checks")
