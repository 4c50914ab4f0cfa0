"""Benches, figures and their values as people read them, in tables, gates and reports. Pure."""

from __future__ import annotations

from workbench.i18n import Lang, has_key, t
from workbench.schemas.evaluation import Interval
from workbench.text.figures import say_signed

NOTHING = "–"


def say_bench(name: str, lang: Lang) -> str:
    """A bench: the sets of the program by their words, a task by its name."""
    key = f"bench.{name}"
    return t(key, lang) if has_key(key, lang) else name


def say_measure(name: str, lang: Lang) -> str:
    """A figure: by its words where it has some, else by its name."""
    key = f"measure.{name}"
    return t(key, lang) if has_key(key, lang) else name


def say_value(value: float | None, *, rate: bool) -> str:
    """A figure: a share in per cent, anything else with three digits."""
    if value is None:
        return NOTHING
    text = f"{value * 100:.1f} %" if rate else f"{value:.3f}"
    return text.replace("-", "−")


def say_change(value: float | None, lang: Lang, *, rate: bool) -> str:
    """A difference with its sign: percentage points for shares."""
    if value is None:
        return NOTHING
    text = say_signed(value * 100, 1) if rate else say_signed(value, 3)
    return t("measure.points", lang, value=text) if rate else text


def say_bounds(interval: Interval, lang: Lang, *, rate: bool, signed: bool = False) -> str:
    """The ends of an interval, without their unit; empty where there is none."""
    if interval.low is None or interval.high is None:
        return ""
    digits = (100.0, 1) if rate else (1.0, 3)
    sign = "+" if signed else ""
    low, high = (f"{end * digits[0]:{sign}.{digits[1]}f}" for end in (interval.low, interval.high))
    return t("view.range", lang, low=low, high=high).replace("-", "−")
