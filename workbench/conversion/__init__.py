"""Turns every checkpoint layout into what servers load, in bounded memory, and proves that nothing was lost."""

from workbench.conversion.detect import detect

__all__ = ["detect"]
