"""Figures with their range, and texts cut to a length. Pure; plain figures are in `workbench.ui.wording`."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from workbench.i18n import Translator
from workbench.schemas.evaluation import Interval
from workbench.ui.wording import MINUTE, say_share

NOTHING = "–"
FASTER, SLOWER = 0.9, 1.15
"""How far a run may end before or after the time that its rate so far predicts."""


def say_decimal(value: float | None, digits: int = 2) -> str:
    """A number with fixed digits; a dash where nothing was measured."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def say_time_left(eta_seconds: float | None, t: Translator) -> str:
    """The remaining time as a range: a single figure would promise more than a rate can hold."""
    if eta_seconds is None:
        return t("view.left_unknown")
    if eta_seconds < MINUTE:
        return t("view.left_under_minute")
    low = max(1, math.floor(eta_seconds * FASTER / MINUTE))
    high = math.ceil(eta_seconds * SLOWER / MINUTE)
    return t("view.left_minutes", low=low, high=max(high, low + 1))


def say_interval(
    figure: Interval | None, t: Translator, show: Callable[[float | None], str] = say_share
) -> str:
    """The 95 % interval of a figure and the number of questions behind it; stands beside the figure."""
    if figure is None or figure.value is None:
        return t("view.not_measured")
    if figure.low is None or figure.high is None:
        return t("view.questions", n=figure.n)
    return t("view.interval", low=show(figure.low), high=show(figure.high), n=figure.n)


def say_date(seconds: float) -> str:
    """A moment (seconds since the epoch) in this machine's time zone, as `11-21 07:25`."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%m-%d %H:%M")


def cut(text: str, limit: int) -> str:
    """The beginning of a text, with an ellipsis where something was left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
