"""Networks that are slow or broken, between the engine and a registry."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator


class SlowProxy:
    """Hands bytes on, those towards the engine no faster than `rate` a second."""

    def __init__(self, target: str, rate: int) -> None:
        host, _, port = target.partition(":")
        self._target, self._rate = (host, int(port)), rate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        self.open_connections = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pump, args=(client, server, 0), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, self._rate), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, rate: int) -> None:
        with self._lock:
            self.open_connections += bool(rate)
        try:
            while data := source.recv(32_768):
                sink.sendall(data)
                if rate:
                    self.sent += len(data)
                    time.sleep(len(data) / rate)
        except OSError:
            pass
        finally:
            with self._lock:
                self.open_connections -= bool(rate)
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def slow_proxy(target: str, rate: int) -> Iterator[SlowProxy]:
    proxy = SlowProxy(target, rate)
    try:
        yield proxy
    finally:
        proxy.close()
