"""Inside a network of its own: hands connections on to a unix socket, which reaches across."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import signal
import socket
import struct
import sys
import threading

SIOCSIFFLAGS = 0x8914
UP_AND_RUNNING = 0x41
PR_SET_PDEATHSIG = 1


def raise_loopback() -> None:
    """A new network has its loopback switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def carry(one: socket.socket, other: socket.socket) -> None:
    """Both ways until one end is gone."""
    with one, other:
        back = threading.Thread(target=pump, args=(other, one), daemon=True)
        back.start()
        pump(one, other)
        back.join()


def join_ends(one: socket.socket, other: socket.socket) -> None:
    threading.Thread(target=carry, args=(one, other), daemon=True).start()


def main(port: int, path: str) -> None:
    # the shell that started this becomes the browser: it ends with it
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    raise_loopback()
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        client, _ = listener.accept()
        across = socket.socket(socket.AF_UNIX)
        across.connect(path)
        join_ends(client, across)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
