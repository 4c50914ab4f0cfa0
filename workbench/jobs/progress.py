"""How long it still takes, from the speed of this run only."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from workbench.schemas.job import Progress


class _Sample(NamedTuple):
    at: float
    done: float


class EtaMeter:
    """Seconds left in a phase, from the rate over its last minutes.

    A resumed run begins at the step of its checkpoint; the steps before belong to an earlier run and do not
    count into the rate.

    Args:
        spacing: Seconds between samples that are kept.
        samples: Samples that are kept; with the default the rate covers about four minutes.
    """

    def __init__(self, spacing: float = 2.0, samples: int = 120) -> None:
        self._spacing = spacing
        self._samples: deque[_Sample] = deque(maxlen=samples)
        self._phase = ""

    def update(self, progress: Progress, now: float) -> float | None:
        """Take in a progress report and say how many seconds are left, None where that is not known yet.

        Args:
            progress: How far the phase is.
            now: Seconds of a clock that never jumps.
        """
        last = self._samples[-1] if self._samples else None
        if last is None or progress.phase != self._phase or progress.done < last.done:
            self._phase = progress.phase
            self._samples.clear()
            self._samples.append(_Sample(now, progress.done))
            return None
        first = self._samples[0]
        if now - last.at >= self._spacing:
            self._samples.append(_Sample(now, progress.done))
        advanced, took = progress.done - first.done, now - first.at
        if progress.total <= 0 or advanced <= 0 or took <= 0:
            return None
        return max(0.0, (progress.total - progress.done) * took / advanced)
