"""Keeps secrets out of logs, and out of the environment of workers that do not need them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from workbench.text.secrets import MASK, Redactor, is_secret_name

__all__ = [
    "MASK",
    "RedactingFilter",
    "RedactingStream",
    "Redactor",
    "is_secret_name",
    "missing_secrets",
    "worker_environment",
]


def worker_environment(environ: Mapping[str, str], secret_names: Iterable[str]) -> dict[str, str]:
    """The environment of a worker: everything but the secrets that its job does not name."""
    wanted = set(secret_names)
    return {name: value for name, value in environ.items() if name in wanted or not is_secret_name(name)}


def missing_secrets(environ: Mapping[str, str], secret_names: Iterable[str]) -> list[str]:
    """The named secrets that the environment does not hold."""
    return [name for name in secret_names if not environ.get(name)]


class RedactingFilter(logging.Filter):
    """Masks secrets in log records, their arguments and tracebacks included."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.msg = self._redactor.mask(record.getMessage())
        except (TypeError, ValueError, KeyError):
            return True  # a library's call does not fit its format; the handler reports that as usual
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redactor.mask(record.exc_text)
        return True


class RedactingStream:
    """A text stream that masks secrets in what libraries print past the logging system."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.mask(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
