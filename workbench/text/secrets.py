"""Finds secrets in text and masks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MASK = "***"
_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_PASSWORD", "_SECRET")
# shorter values would blot out ordinary words
_MIN_LENGTH = 6


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of this name holds a secret."""
    return name.upper().endswith(_SECRET_ENDINGS)


def mask_values(text: str, values: Iterable[str]) -> str:
    """The text with every one of the values replaced; values that are too short to be secrets are left."""
    # the longest first, so that a secret that contains another one is masked as a whole
    for value in sorted(set(values), key=len, reverse=True):
        if len(value) >= _MIN_LENGTH:
            text = text.replace(value, MASK)
    return text


class Redactor:
    """Masks the values of secret environment variables in text.

    Args:
        environ: Where the values stand.
        names: Further variables to mask, beside those whose name tells.
    """

    def __init__(self, environ: Mapping[str, str], names: Iterable[str] = ()) -> None:
        further = set(names)
        self._values = {value for name, value in environ.items() if name in further or is_secret_name(name)}

    def mask(self, text: str) -> str:
        """The text with every secret value replaced."""
        return mask_values(text, self._values)
