"""Runs the server in this process: loads in the main thread, answers from the first moment that it is
still loading.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from workbench.errors import ResourceError
from workbench.inference.embedded.app import EngineSlot, create_app
from workbench.inference.embedded.engine import Engine, ModelInfo, load_engine
from workbench.schemas.serving import ServeConfig

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
POLL_SECONDS = 0.25
SHUTDOWN_SECONDS = 5
BACKLOG = 2048


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    port: int
    engine: Engine

    @property
    def endpoint(self) -> str:
        """Base URL for OpenAI clients."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        return self.engine.models

    @property
    def facts(self) -> dict[str, Any]:
        """What a score measured here must carry."""
        return self.engine.facts


def serve(
    config: ServeConfig,
    port: int,
    on_ready: Callable[[RunningServer], None],
    should_stop: Callable[[], bool],
    *,
    load: Callable[[ServeConfig], Engine] = load_engine,
) -> None:
    """Serve on this machine's loopback address until asked to stop.

    Args:
        config: What to serve.
        port: Where; 0 takes a free one.
        on_ready: Called once requests are answered.
        should_stop: Asked a few times a second; may raise, which stops the server too.
        load: Makes the engine.

    Raises:
        ResourceError: The port is taken, or the server died.
        WorkbenchError: Whatever loading raises.
    """
    slot = EngineSlot()
    with _listen(port) as sock:
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(slot),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        thread = threading.Thread(target=server.run, args=([sock],), name="http", daemon=True)
        thread.start()
        try:
            slot.engine = load(config)
            on_ready(RunningServer(sock.getsockname()[1], slot.engine))
            while not should_stop():
                if not thread.is_alive():
                    raise ResourceError("serve_died")
                time.sleep(POLL_SECONDS)
        finally:
            _shut_down(slot, server, thread)


def _listen(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        # at once, so that callers queue instead of being turned away until the HTTP thread runs
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise ResourceError("serve_port_taken", port=port) from exc
    return sock


def _shut_down(slot: EngineSlot, server: uvicorn.Server, thread: threading.Thread) -> None:
    # the engine first: its requests get an answer while there still is a server to send it
    if slot.engine is not None:
        slot.engine.close()
    server.should_exit = True
    thread.join(SHUTDOWN_SECONDS * 2)
