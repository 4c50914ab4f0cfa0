"""Figures as people read them."""

from __future__ import annotations

import pytest

from workbench.i18n import translator
from workbench.ui.wording import say_ago, say_bytes, say_eta, say_number, say_seconds, say_share

JA = translator("ja")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 秒"), (12, "12 秒"), (108, "1 分 48 秒"), (3600 * 2 + 300, "2 時間 5 分"), (-3, "0 秒")],
)
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert say_seconds(seconds, JA) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (1, "残り 約 5 秒"),
        (22, "残り 約 20 秒"),
        (700, "残り 約 12 分"),
        (7300, "残り 約 2 時間 1 分"),
    ],
)
def test_what_is_left_is_told_coarsely(seconds: float | None, said: str) -> None:
    assert say_eta(seconds, JA) == said


@pytest.mark.parametrize(
    ("passed", "said"),
    [(3, "たった今"), (125, "2 分前"), (7300, "2 時間前"), (90000, "1 日前"), (-9, "たった今")],
)
def test_how_long_ago(passed: float, said: str) -> None:
    assert say_ago(1000.0, 1000.0 + passed, JA) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (900, "900 B"), (2048, "2.0 KB"), (121 * 2**30, "121 GB"), (3 * 2**50, "3072 TB")],
)
def test_sizes(count: int, said: str) -> None:
    assert say_bytes(count) == said


def test_shares_and_numbers() -> None:
    assert (say_share(0.235), say_share(None)) == ("23.5 %", "–")
    assert (say_number(0.86), say_number(1412.4), say_number(0.0002), say_number(0)) == (
        "0.86",
        "1,412",
        "2.0e-04",
        "0.00",
    )
