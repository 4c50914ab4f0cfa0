"""A model server of the standard library alone, so that it also runs inside a container that has nothing but Python.

`python fake_server.py KIND PORT [SECONDS]`: KIND is `nim` (not ready for so many seconds: 503, then 200) or
`llamacpp` (a request that names no adapter gets all of them at full scale, as the real one does). What an answer says
depends on the model's name and the adapters' scales, so a guard can tell the sides apart.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADAPTERS = 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeModelServer

    def log_message(self, *values: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        fake = self.server
        if self.path in ("/v1/health/ready", "/health"):
            ready = time.monotonic() - fake.started >= fake.ready_after
            self._json({"status": "ok" if ready else "loading"}, 200 if ready else 503)
        elif self.path == "/v1/models":
            self._json({"object": "list", "data": [{"id": name, "object": "model"} for name in fake.names]})
        elif self.path == "/lora-adapters" and fake.kind == "llamacpp":
            self._json([{"id": index, "path": "x", "scale": 1.0} for index in range(ADAPTERS)])
        elif self.path in ("/v1/metrics", "/metrics"):
            lines = [f"vllm:num_requests_running 0\nvllm:request_success_total {fake.answered}\n"]
            lines.append(f"llamacpp:requests_processing 0\nllamacpp:prompt_tokens_total {fake.answered}\n")
            self._send("".join(lines).encode(), "text/plain", 200)
        else:
            self._json({"error": {"message": "no such path"}}, 404)

    def do_POST(self) -> None:
        fake = self.server
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        fake.bodies.append(body)
        if self.path != "/v1/chat/completions" or body["model"] not in fake.names:
            self._json({"error": {"message": f"no model {body.get('model')}"}}, 404)
            return
        fake.answered += 1
        tokens, logprob = self._say(body)
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "".join(tokens)},
        }
        if body.get("logprobs") and fake.tells_logprobs:
            content = [{"token": token, "logprob": logprob, "top_logprobs": []} for token in tokens]
            choice["logprobs"] = {"content": content}
        usage = {"prompt_tokens": 3, "completion_tokens": len(tokens), "total_tokens": 3 + len(tokens)}
        self._json(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
        )

    def _say(self, body: dict[str, Any]) -> tuple[list[str], float]:
        """Tokens and the log-probability of each: an adapter shifts it, and answers in its own words where it is strong."""
        fake = self.server
        question = body["messages"][-1]["content"]
        strength = 0.0 if body["model"] == fake.names[0] else fake.effect
        if fake.kind == "llamacpp":
            given = body.get("lora")
            scales = (
                {one["id"]: one["scale"] for one in given} if given else dict.fromkeys(range(ADAPTERS), 1.0)
            )
            strength = sum(scales.values()) * fake.effect
        words = ["答え", ":", question[:4]] if strength < 1 else ["別", "の", "答え"]
        return words, -0.1 - strength / 10

    def _json(self, content: object, status: int = 200) -> None:
        self._send(json.dumps(content, ensure_ascii=False).encode(), "application/json", status)

    def _send(self, data: bytes, kind: str, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class FakeModelServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        kind: str,
        address: tuple[str, int],
        ready_after: float = 0.0,
        names: tuple[str, ...] = ("base", "ft"),
    ) -> None:
        super().__init__(address, Handler)
        self.kind, self.ready_after, self.names = kind, ready_after, names
        self.started = time.monotonic()
        self.answered = 0
        self.effect = 2.0
        """How much an adapter changes; 0: not at all."""
        self.tells_logprobs = True
        self.bodies: list[dict[str, Any]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> FakeModelServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def main() -> None:
    kind, port = sys.argv[1], int(sys.argv[2])
    ready_after = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    names = (os.environ.get("NIM_SERVED_MODEL_NAME", "base"),)
    loras = os.environ.get("NIM_PEFT_SOURCE", "")
    if loras and os.path.isdir(loras):
        names += tuple(sorted(os.listdir(loras)))
    said = f"loading {os.environ.get('NIM_MODEL_NAME', '')} key={os.environ.get('NGC_API_KEY', '')}\n"
    sys.stdout.write(said)
    sys.stdout.flush()
    server = FakeModelServer(kind, ("0.0.0.0", port), ready_after, names)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
