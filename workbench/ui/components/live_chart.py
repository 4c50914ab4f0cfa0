"""Live curves of a training run. The reader's zoom survives every update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from workbench.i18n import Lang, has_key, t
from workbench.jobs import downsample
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext

POINTS = 500
"""Points sent per curve: more cannot be told apart on a screen."""
SMOOTHING = 0.9
LABELS = ("raw", "smooth", "evaluation", "metric", "zoom_kept", "empty", "step", "now", "table")

# panel -> the names under which metrics.jsonl may hold its training curve and its evaluation curve
PANELS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "loss": (("loss",), ("eval_loss",)),
    "token_accuracy": (
        ("mean_token_accuracy", "token_accuracy"),
        ("eval_mean_token_accuracy", "eval_token_accuracy"),
    ),
    "learning_rate": (("learning_rate",), ()),
    "grad_norm": (("grad_norm",), ()),
    "tokens_per_second": (("tokens_per_second",), ()),
    "memory": (("memory_bytes", "memory"), ()),
    "reward": (("reward",), ("eval_reward",)),
    "kl": (("kl",), ("eval_kl",)),
}
SMOOTHED = frozenset({"loss", "token_accuracy", "grad_norm", "reward", "kl"})
SCALES = {"memory": 1 / 2**30}


@dataclass
class Curve:
    """One growing curve: optimizer steps and values of equal length."""

    x: list[float] = field(default_factory=list[float])
    y: list[float] = field(default_factory=list[float])


Series = Mapping[str, Any]
"""Metric name -> anything with equally long `x` (steps) and `y` (values)."""


def add_rows(series: dict[str, Curve], rows: Iterable[Mapping[str, Any]]) -> dict[str, Curve]:
    """Append lines of `metrics.jsonl` to the curves. Lines without `step` are left out."""
    for row in rows:
        step = row.get("step")
        if not isinstance(step, (int, float)):
            continue
        for name, value in row.items():
            if name not in ("step", "at", "epoch") and isinstance(value, (int, float)):
                curve = series.setdefault(name, Curve())
                # a resumed run writes the steps since its checkpoint again: the later line counts
                while curve.x and curve.x[-1] >= step:
                    curve.x.pop()
                    curve.y.pop()
                curve.x.append(float(step))
                curve.y.append(float(value))
    return series


def smooth(values: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """Exponential moving average with the bias of its start taken out (Adam's correction)."""
    smoothed: list[float] = []
    total, scale = 0.0, 0.0
    for value in values:
        total = weight * total + (1 - weight) * value
        scale = weight * scale + (1 - weight)
        smoothed.append(total / scale)
    return smoothed


def _pick(series: Series, names: Sequence[str]) -> Any | None:
    return next((series[name] for name in names if name in series), None)


def _points(x: Sequence[float], y: Sequence[float], scale: float) -> dict[str, list[float]]:
    thin = downsample(x, y, POINTS)
    return {"x": [round(v, 6) for v in thin[0]], "y": [float(f"{v * scale:.6g}") for v in thin[1]]}


def _panel(series: Series, name: str, lang: Lang) -> dict[str, Any] | None:
    train_names, eval_names = PANELS[name]
    train, evaluation = _pick(series, train_names), _pick(series, eval_names)
    if train is None and evaluation is None:
        return None
    scale = SCALES.get(name, 1.0)
    panel: dict[str, Any] = {"name": name, "title": t(f"chart.{name}", lang)}
    unit_key = f"chart.{name}.unit"
    panel["unit"] = t(unit_key, lang) if has_key(unit_key, lang) else ""
    if train is not None:
        panel["raw"] = _points(train.x, train.y, scale)
        if name in SMOOTHED:
            panel["smooth"] = _points(train.x, smooth(train.y), scale)
    if evaluation is not None:
        panel["evaluation"] = _points(evaluation.x, evaluation.y, scale)
    return panel


def chart_payload(series: Series, lang: Lang, *, run: str = "", total_steps: float = 0) -> str:
    """JSON text for a live chart.

    Args:
        series: Metric name -> curve (see `Curve`).
        lang: The page's language.
        run: Id of the run; another id resets zoom, the same keeps it.
        total_steps: Planned optimizer steps, 0 where not known; draws the line "now".
    """
    panels = [panel for name in PANELS if (panel := _panel(series, name, lang))]
    last = max((curve.x[-1] for curve in series.values() if len(curve.x)), default=0)
    return to_json({"run": run, "now": last, "total": total_steps, "panels": panels})


def live_chart(ctx: UiContext, elem_id: str, height: int = 320) -> gr.HTML:
    """The chart. A handler returns `chart_payload(...)` as its value."""
    labels = {**labels_of(ctx, "chart.label", LABELS), "height": str(height)}
    return json_view(
        "chart",
        elem_id=elem_id,
        labels=labels,
        scripts=("plotly.min.js", "chart.js"),
        classes=("wb-chart",),
    )
