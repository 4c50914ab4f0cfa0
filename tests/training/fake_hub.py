"""A model hub on the loopback interface that answers as huggingface.co does, its file store included."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000
"""Files of at least this size lie in the file store, as with Git LFS."""


@dataclass
class Seen:
    """One request."""

    server: str
    method: str
    path: str
    authorization: str
    range: str


@dataclass
class FakeHub:
    """What the hub holds, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    repo: str = "acme/tiny"
    token: str = ""
    """Needed where not empty."""
    gated: bool = False
    card: dict[str, Any] = field(default_factory=lambda: {"license": "apache-2.0"})
    break_after: int = 0
    """Bytes after which the connection breaks, once, in the first file that is longer."""
    damage: bool = False
    status: int = 200
    seen: list[Seen] = field(default_factory=list[Seen])
    hub_url: str = ""
    store_url: str = ""

    def __enter__(self) -> FakeHub:
        self._servers = [self._serve("hub"), self._serve("store")]
        self.hub_url, self.store_url = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, name: str) -> ThreadingHTTPServer:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.answer(name, self)

            def do_HEAD(self) -> None:
                fake.answer(name, self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def paths(self, server: str, method: str = "GET") -> list[str]:
        return [seen.path for seen in self.seen if seen.server == server and seen.method == method]

    # ---- answering

    def answer(self, server: str, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        headers = request.headers
        self.seen.append(
            Seen(server, request.command, path, headers.get("Authorization", ""), headers.get("Range", ""))
        )
        if server == "store":
            self._send_file(request, path.rsplit("/", 1)[-1])
        elif self.status != 200:
            self._send(request, self.status, b"{}")
        elif not path.startswith((f"/api/models/{self.repo}", f"/{self.repo}/")):
            self._send(request, 401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif self.token and headers.get("Authorization") != f"Bearer {self.token}":
            code = "GatedRepo" if self.gated else "RepoNotFound"
            self._send(request, 403 if self.gated else 401, b"{}", {"X-Error-Code": code})
        elif path.startswith("/api/"):
            self._describe(request, path)
        else:
            self._resolve(request, path)

    def _describe(self, request: BaseHTTPRequestHandler, path: str) -> None:
        if path.rsplit("/", 1)[-1] not in ("main", SHA):
            self._send(request, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [self._sibling(name, data) for name, data in self.files.items()]
        about = {
            "id": self.repo,
            "sha": SHA,
            "siblings": siblings,
            "cardData": self.card,
            "tags": [],
            "private": False,
        }
        self._send(request, 200, json.dumps(about).encode())

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": "b" * 40}
        if len(data) >= LARGE:
            digest = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
        return entry

    def _resolve(self, request: BaseHTTPRequestHandler, path: str) -> None:
        name = path.rsplit("/", 1)[-1]
        if name not in self.files:
            self._send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
        elif len(self.files[name]) >= LARGE:
            headers = {"Location": f"{self.store_url}/blobs/{name}", "X-Repo-Commit": SHA}
            self._send(request, 302, b"", headers)
        else:
            self._send_file(request, name)

    def _send_file(self, request: BaseHTTPRequestHandler, name: str) -> None:
        data = self.files[name]
        if self.damage and len(data) >= LARGE:
            data = b"\0" * len(data)
        wanted = request.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        headers = {"ETag": '"etag"', "X-Repo-Commit": SHA}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(request, 206 if wanted else 200, data[start:], headers)

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "HEAD":
            return
        if 0 < self.break_after < len(body):
            cut, self.break_after = self.break_after, 0
            request.wfile.write(body[:cut])
            request.wfile.flush()
            request.close_connection = True
            request.connection.close()
            return
        request.wfile.write(body)
