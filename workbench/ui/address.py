"""Where the page listens, and the address to open."""

from __future__ import annotations

import errno
import socket

from workbench.errors import ResourceError
from workbench.i18n import Lang

PORTS_TRIED = 50


def _bind(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket on the wanted port, or on the next free one.

    Raises:
        ResourceError: None of the next ports is free, or the host is not an address of this machine.
    """
    if port == 0:
        return _bind(host, 0)
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        try:
            return _bind(host, candidate)
        except OSError as exc:
            if exc.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ResourceError("host_unusable", host=host) from exc
    raise ResourceError("no_free_port", port=port, last=port + PORTS_TRIED - 1)


def page_address(host: str, port: int, lang: Lang | None) -> str:
    """The address to open on this machine."""
    name = "127.0.0.1" if host in ("0.0.0.0", "") else "[::1]" if host == "::" else host
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return f"http://{name}:{port}/{f'{lang}/' if lang else ''}"
