"""Imports aiohttp without reading certificates that nothing here uses.

aiohttp makes two TLS contexts while it is imported and reads the machine's certificates into both, which is half of
the time that importing it takes. Requests of ours bring their own context where an address needs one; for whoever
else uses aiohttp in this process, such a context reads them when a connection first asks for it.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

_POSTPONED = ("load_default_certs", "set_default_verify_paths")
_LOCK = threading.Lock()


class _LateContext(ssl.SSLContext):
    """A context whose certificates are read before its first connection."""

    def _read_certificates(self) -> None:
        with _LOCK:
            for read in vars(self).pop("postponed", ()):
                read()

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        self._read_certificates()
        return super().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self._read_certificates()
        return super().wrap_socket(*arguments, **options)


def _postpone(original: Callable[..., None]) -> Callable[..., None]:
    def postpone(context: ssl.SSLContext, *arguments: Any) -> None:
        # another thread's own kind of context reads now, as it would have
        if type(context) not in (ssl.SSLContext, _LateContext):
            original(context, *arguments)
            return
        # only the class changes: what the context requires of a connection is as Python and aiohttp set it
        context.__class__ = _LateContext
        vars(context).setdefault("postponed", []).append(lambda: original(context, *arguments))

    return postpone


@contextmanager
def _certificates_later() -> Generator[None]:
    originals = {name: getattr(ssl.SSLContext, name) for name in _POSTPONED}
    for name, original in originals.items():
        setattr(ssl.SSLContext, name, _postpone(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            # one that the base class written in C has is only inherited
            if original is getattr(ssl.SSLContext.__base__, name, None):
                delattr(ssl.SSLContext, name)
            else:
                setattr(ssl.SSLContext, name, original)


with _certificates_later():
    import aiohttp as aiohttp
