"""Fewer points for a chart without losing a spike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.startup import later

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
else:
    np = later("numpy")


class Points(NamedTuple):
    """A curve; NaN in `y` is a gap."""

    x: list[float]
    y: list[float]


def downsample(x: ArrayLike, y: ArrayLike, limit: int = 600) -> Points:
    """At most `limit` points of a curve, among them its first and last, and every part's minimum and maximum.

    The curve is cut into parts of equally many points, and each part keeps the places of its smallest and its
    largest value, in their order. So no spike vanishes, whatever its width.

    Args:
        x: Positions, in increasing order.
        y: Values, as many as positions; NaN is a gap and is left out where points have to go.
        limit: At least 4.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(xs) > limit:
        keep = ~np.isnan(ys)
        xs, ys = xs[keep], ys[keep]
    if len(xs) > limit:
        chosen = _extremes(ys, (limit - 2) // 2)
        xs, ys = xs[chosen], ys[chosen]
    return Points(xs.tolist(), ys.tolist())


def _extremes(values: NDArray[np.float64], parts: int) -> NDArray[Any]:
    """Sorted places of the first and last value and of each part's minimum and maximum."""
    size = len(values) // parts
    whole = values[: size * parts].reshape(parts, size)
    starts = np.arange(parts) * size
    places = [starts + whole.argmin(axis=1), starts + whole.argmax(axis=1)]
    rest = values[size * parts :]
    if len(rest):
        # the last part takes what does not divide evenly
        last = values[size * (parts - 1) :]
        places[0][-1] = starts[-1] + last.argmin()
        places[1][-1] = starts[-1] + last.argmax()
    return np.unique(np.concatenate([[0, len(values) - 1], *places]))
