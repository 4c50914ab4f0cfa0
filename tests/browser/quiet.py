"""A browser that does not notice what a container engine does to the network.

Chromium gives up every request under way when an address appears or goes, and each container brings one. In a
network of its own it sees none of that; its one port leads to the page through a unix socket.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.browser.forward import join_ends

FORWARD = Path(__file__).with_name("forward.py")


@contextlib.contextmanager
def quiet_chromium(chromium: str, folder: Path, port: int) -> Iterator[str]:
    """The path of a program that starts such a browser; needs root.

    Args:
        chromium: The real browser.
        folder: For the socket and the program; its path must be short.
        port: Of the page on 127.0.0.1, there and here.
    """
    path = folder / "page.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    threading.Thread(target=_accept, args=(listener, port), daemon=True).start()
    forward = shlex.join([sys.executable, str(FORWARD), str(port), str(path)])
    inside = f'{forward} </dev/null >/dev/null 2>&1 & exec {shlex.quote(chromium)} "$@"'
    program = folder / "chromium"
    program.write_text(f'#!/bin/sh\nexec unshare --net /bin/sh -c {shlex.quote(inside)} sh "$@"\n')
    program.chmod(0o755)
    try:
        yield str(program)
    finally:
        listener.close()


def _accept(listener: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            join_ends(client, socket.create_connection(("127.0.0.1", port)))
