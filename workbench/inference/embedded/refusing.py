"""Turns errors into the JSON that OpenAI clients understand, and callers from elsewhere away."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from workbench.errors import EndpointError, WorkbenchError
from workbench.i18n import render_error

OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

# our code -> (HTTP status, OpenAI's code); all others are 400
_SPECIAL: dict[str, tuple[int, str]] = {
    "serve_context_too_long": (400, "context_length_exceeded"),
    "serve_model_unknown": (404, "model_not_found"),
    "serve_body_too_big": (413, "body_too_big"),
    "serve_line_full": (429, "rate_limit_exceeded"),
    "serve_model_failed": (500, "model_failed"),
    "serve_loading": (503, "loading"),
    "serve_stopping": (503, "stopping"),
    "serve_out_of_memory": (503, "out_of_memory"),
    "serve_foreign_caller": (403, "foreign_caller"),
}


def describe_error(error: WorkbenchError) -> dict[str, Any]:
    """The body of an error answer. English, as clients of this API expect."""
    code = _SPECIAL.get(error.code, (400, error.code))[1]
    blame_caller = not isinstance(error, EndpointError)
    kind = "invalid_request_error" if blame_caller else "server_error"
    shown = render_error(error, "en")
    return {"error": {"message": shown.text, "type": kind, "param": None, "code": code}}


def refuse(error: WorkbenchError, *, status: int = 400) -> JSONResponse:
    """The error as an HTTP answer; the status is for errors that have none of their own."""
    status = _SPECIAL.get(error.code, (status, ""))[0]
    wait = error.retry_after if isinstance(error, EndpointError) else None
    headers = {} if wait is None else {"Retry-After": str(max(1, round(wait)))}
    return JSONResponse(describe_error(error), status, headers)


class OwnMachineOnly:
    """Lets only callers through that mean this machine.

    A page on the web can make a browser send requests to 127.0.0.1: by a name of its own that resolves
    there (then the Host header is foreign) or outright (then the Origin is). Both are refused.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and not is_own(scope["headers"]):
            await refuse(WorkbenchError("serve_foreign_caller"))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_own(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether Host, and Origin where there is one, name this machine."""
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    names = [_host_of(f"//{host}") for host in hosts] + [_host_of(origin) for origin in origins]
    return len(hosts) == 1 and all(name in OWN_NAMES for name in names)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def write_event(content: dict[str, Any] | str) -> str:
    """One server-sent event."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return f"data: {text}\n\n"
