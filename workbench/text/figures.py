"""Figures as people read them, the same in every language."""

from __future__ import annotations


def say_signed(value: float, digits: int = 2) -> str:
    """A change with its sign; the minus sign of typography, because a hyphen is lost beside Japanese text."""
    return f"{value:+.{digits}f}".replace("-", "−")
