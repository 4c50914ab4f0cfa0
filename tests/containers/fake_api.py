"""An Engine API on a unix socket: replays what a real engine said, or passes it on and writes it down."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

RECORDINGS = Path(__file__).parent / "recordings"
_VERSION = re.compile(r"^/v\d+\.\d+")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def _pack(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _unpack(chunk: dict[str, str]) -> bytes:
    return chunk["text"].encode() if "text" in chunk else base64.b64decode(chunk["base64"])


class Exchanges:
    """Answers in the order in which they were given; the last one of its kind goes on being given."""

    def __init__(self, exchanges: list[dict[str, Any]]) -> None:
        self._left = list(exchanges)
        self._last: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path and JSON body of every request."""

    def take(self, method: str, path: str) -> dict[str, Any] | None:
        with self._lock:
            for index, item in enumerate(self._left):
                if (item["method"], item["path"]) == (method, path):
                    self._last[method, path] = self._left.pop(index)
                    break
            return self._last.get((method, path))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = _VERSION.sub("", urlsplit(self.path).path)
        self.server.exchanges.asked.append((self.command, path, json.loads(body) if body else None))
        if self.server.real is not None:
            self._pass_on(path, body)
        else:
            self._replay(path)

    do_GET = do_POST = do_DELETE = do_HEAD = _answer

    def _replay(self, path: str) -> None:
        found = self.server.exchanges.take(self.command, path)
        if found is None:
            self._send(404, "application/json", [json.dumps({"message": f"not recorded: {path}"}).encode()])
        else:
            self._send(found["status"], found["type"], [_unpack(chunk) for chunk in found["chunks"]])

    def _send(self, status: int, kind: str, chunks: list[bytes]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status in (204, 304):
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self._write_chunk(chunk)
        self.wfile.write(b"0\r\n\r\n")

    def _write_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _pass_on(self, path: str, body: bytes) -> None:
        assert self.server.real is not None
        connection = _UnixConnection(self.server.real)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        entry: dict[str, Any] = {
            "method": self.command,
            "path": path,
            "status": answer.status,
            "type": answer.headers.get("Content-Type", ""),
            "chunks": [],
        }
        self.server.recorded.append(entry)
        self.send_response(answer.status)
        self.send_header("Content-Type", entry["type"])
        if answer.status in (204, 304):
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            while data := answer.read1(65_536):
                entry["chunks"].append(_pack(data))
                self._write_chunk(data)
            self.wfile.write(b"0\r\n\r\n")
        connection.close()


class ApiServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, exchanges: list[dict[str, Any]], real: Path | None = None) -> None:
        super().__init__(str(path), _Handler)
        self.exchanges, self.real = Exchanges(exchanges), real
        self.recorded: list[dict[str, Any]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


@contextlib.contextmanager
def serving(server: ApiServer) -> Iterator[ApiServer]:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def load(name: str) -> dict[str, Any]:
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
