"""Figures as people read them: with their unit, in the page's language. Pure."""

from __future__ import annotations

from workbench.i18n import Translator

MINUTE, HOUR, DAY = 60, 3600, 86400
KIB = 1024


def say_seconds(seconds: float, t: Translator) -> str:
    """`12 秒`, `1 分 48 秒`, `2 時間 5 分`."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return t("duration.seconds", s=whole)
    if whole < HOUR:
        return t("duration.minutes", m=whole // MINUTE, s=whole % MINUTE)
    return t("duration.hours", h=whole // HOUR, m=whole % HOUR // MINUTE)


def say_eta(seconds: float | None, t: Translator) -> str:
    """`残り 約 20 秒`; coarse, because an estimate to the second claims too much. Empty where unknown."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return t("eta.seconds", s=max(5, round(seconds / 5) * 5))
    if seconds < HOUR:
        return t("eta.minutes", m=round(seconds / MINUTE))
    return t("eta.hours", h=int(seconds // HOUR), m=int(seconds % HOUR // MINUTE))


def say_ago(then: float, now: float, t: Translator) -> str:
    """How long ago a moment was (seconds since the epoch)."""
    passed = max(0.0, now - then)
    if passed < MINUTE:
        return t("ago.now")
    if passed < HOUR:
        return t("ago.minutes", m=int(passed // MINUTE))
    if passed < DAY:
        return t("ago.hours", h=int(passed // HOUR))
    return t("ago.days", d=int(passed // DAY))


def say_bytes(count: float) -> str:
    """`12 KB`, `3.4 MB`, `121 GB`; powers of 1,024, as the system's own tools count."""
    value, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < KIB or unit == "TB":
            break
        value /= KIB
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def say_share(share: float | None) -> str:
    """`23.5 %` of a share from 0 to 1; a dash where nothing was measured."""
    return "–" if share is None else f"{share * 100:.1f} %"


def say_number(value: float, digits: int = 2) -> str:
    """Thousands separated; small numbers in scientific form."""
    if value and abs(value) < 10**-digits:
        return f"{value:.1e}"
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"
