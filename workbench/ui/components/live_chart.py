"""Live curves of a training run. The reader's zoom survives every update."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import ArrayLike

from workbench.i18n import Lang, has_key, t
from workbench.jobs import downsample
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext

POINTS = 500
"""Points sent per curve: more cannot be told apart on a screen."""
WINDOWS = 20
"""A smoothed value looks back over a twentieth of the run, at most ten points."""
LABELS = ("raw", "smooth", "evaluation", "metric", "zoom_kept", "empty", "step", "now")

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


Curve = tuple[ArrayLike, ArrayLike]
"""Optimizer steps and values, equally long; NaN is a gap. `MetricSeries.points` gives such a pair."""
Series = Mapping[str, Curve]


def smooth(values: Sequence[float]) -> list[float]:
    """Exponential moving average with the bias of its start taken out (Adam's correction)."""
    weight = 1 - 1 / min(10.0, max(2.0, len(values) / WINDOWS))
    smoothed: list[float] = []
    total, scale = 0.0, 0.0
    for value in values:
        total = weight * total + (1 - weight) * value
        scale = weight * scale + (1 - weight)
        smoothed.append(total / scale)
    return smoothed


def smooth_curve(x: ArrayLike, y: ArrayLike, limit: int = POINTS) -> tuple[list[float], list[float]]:
    """A smoothed curve of at most `limit` points; a long run is averaged over equal parts first."""
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    keep = ~np.isnan(ys)
    xs, ys = xs[keep], ys[keep]
    size = -(-len(xs) // limit) if limit else 1
    if size > 1:
        whole = len(xs) // size * size
        xs, ys = (values[:whole].reshape(-1, size).mean(axis=1) for values in (xs, ys))
    return xs.tolist(), smooth(ys.tolist())


def _pick(series: Series, names: Sequence[str]) -> Curve | None:
    return next((series[name] for name in names if name in series), None)


def _points(curve: Curve, scale: float) -> dict[str, list[float | None]]:
    """Rounded to six digits; a gap becomes null, because JSON has no NaN."""
    x, y = curve
    values = np.asarray(y, dtype=np.float64) * scale
    rounded = [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]
    return {
        "x": [round(float(step), 3) for step in np.asarray(x, dtype=np.float64).tolist()],
        "y": [*rounded],
    }


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
        panel["raw"] = _points(downsample(*train, POINTS), scale)
        if name in SMOOTHED:
            panel["smooth"] = _points(smooth_curve(*train), scale)
    if evaluation is not None:
        panel["evaluation"] = _points(downsample(*evaluation, POINTS), scale)
    return panel


def chart_payload(series: Series, lang: Lang, *, run: str = "", total_steps: float = 0) -> str:
    """JSON text for a live chart.

    Args:
        series: Metric name -> steps and values.
        lang: The page's language.
        run: Id of the run; another id resets zoom, the same keeps it.
        total_steps: Planned optimizer steps, 0 where not known; draws the line "now".
    """
    panels = [panel for name in PANELS if (panel := _panel(series, name, lang))]
    steps = [np.asarray(curve[0]) for curve in series.values()]
    last = max((float(x[-1]) for x in steps if len(x)), default=0.0)
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
