from __future__ import annotations

import pytest

from workbench.jobs.progress import EtaMeter
from workbench.schemas.job import Progress


def _at(done: float, total: float = 100, phase: str = "training") -> Progress:
    return Progress(phase=phase, done=done, total=total)


def test_nothing_is_said_before_there_is_a_rate() -> None:
    meter = EtaMeter()
    assert meter.update(_at(0), 0.0) is None
    assert meter.update(_at(0), 5.0) is None


def test_a_steady_rate_gives_the_time_left() -> None:
    meter = EtaMeter()
    for second in range(11):
        eta = meter.update(_at(second * 2), float(second))
    assert eta == pytest.approx(40.0)


def test_a_resumed_run_counts_only_its_own_steps() -> None:
    meter = EtaMeter()
    meter.update(_at(80), 0.0)
    # one step in 10 seconds; were the first 80 counted, it would seem to be done at once
    assert meter.update(_at(81), 10.0) == pytest.approx(190.0)


def test_a_new_phase_starts_its_own_rate() -> None:
    meter = EtaMeter()
    meter.update(_at(0), 0.0)
    meter.update(_at(50), 1.0)
    assert meter.update(_at(60, phase="evaluating"), 2.0) is None
    assert meter.update(_at(70, phase="evaluating"), 12.0) == pytest.approx(30.0)


def test_a_rate_that_changed_is_followed() -> None:
    meter = EtaMeter(spacing=1.0, samples=10)
    done = 0.0
    eta = None
    for second in range(100):
        done += 10 if second < 50 else 1
        eta = meter.update(_at(done, total=1000), float(second))
    assert eta == pytest.approx(1000 - done)


def test_without_an_end_nothing_is_said() -> None:
    meter = EtaMeter()
    meter.update(_at(0, total=0), 0.0)
    assert meter.update(_at(5, total=0), 5.0) is None
