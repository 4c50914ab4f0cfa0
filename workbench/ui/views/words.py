"""Figures as people read them: percentages, sizes, times and intervals in words. Pure; knows no screen."""

from __future__ import annotations

import math
from html import escape

from workbench.i18n import Translator
from workbench.schemas.evaluation import Interval

NOTHING = "–"
_GB = 1_000_000_000
_MB = 1_000_000
_MINUTE = 60
_HOUR = 3600


def percent(share: float | None, digits: int = 1) -> str:
    """A share from 0 to 1 as `23.5 %`; a dash where nothing was measured."""
    return NOTHING if share is None else f"{share * 100:.{digits}f} %"


def decimal(value: float | None, digits: int = 2) -> str:
    """A number with fixed digits; a dash where nothing was measured or the value is not a number."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def whole(value: float | None) -> str:
    """A count with thousands separators."""
    return NOTHING if value is None else f"{round(value):,}"


def data_size(count: float | None) -> str:
    """Bytes as MB or GB (powers of 1000)."""
    if count is None:
        return NOTHING
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / _MB:.0f} MB"


def duration(seconds: float, t: Translator) -> str:
    """A length of time in its two largest fitting words, for example `3 分 20 秒`."""
    rest = max(0, round(seconds))
    if rest < _MINUTE:
        return t("view.seconds", seconds=rest)
    if rest < _HOUR:
        return t("view.minutes_seconds", minutes=rest // _MINUTE, seconds=rest % _MINUTE)
    return t("view.hours_minutes", hours=rest // _HOUR, minutes=rest % _HOUR // _MINUTE)


def time_left(eta_seconds: float | None, t: Translator) -> str:
    """The remaining time as a range: a single figure would promise more than a rate can hold."""
    if eta_seconds is None:
        return t("view.left_unknown")
    if eta_seconds < _MINUTE:
        return t("view.left_under_minute")
    low = math.floor(eta_seconds * 0.9 / _MINUTE)
    high = math.ceil(eta_seconds * 1.15 / _MINUTE)
    return t("view.left_minutes", low=max(1, low), high=max(high, 2))


def with_interval(figure: Interval | None, t: Translator, *, as_share: bool = True) -> str:
    """A figure with its 95 % interval and the number of questions behind it, in words."""
    if figure is None or figure.value is None:
        return t("view.not_measured")
    show = percent if as_share else decimal
    if figure.low is None or figure.high is None:
        return t("view.figure_n", value=show(figure.value), n=figure.n)
    return t(
        "view.figure_interval",
        value=show(figure.value),
        low=show(figure.low),
        high=show(figure.high),
        n=figure.n,
    )


def safe(text: object) -> str:
    """Text from a file or a model, harmless as HTML; line breaks stay visible."""
    return escape(str(text), quote=True).replace("\n", "<br>")


def cut(text: str, limit: int) -> str:
    """The beginning of a text, with an ellipsis where something was left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
