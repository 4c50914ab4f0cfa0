"""The guard in front of everything: who may ask, from which page, and with which password. Pure ASGI.

Gradio's own login does not cover all of its routes, and a page that listens on this machine can be reached by
any web site that the person visits. So every request passes here first, web sockets included.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from workbench.i18n import Lang, pick_language
from workbench.ui.login import login_page

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Clock = Callable[[], float]

SESSION_COOKIE = "wb_session"
LANG_COOKIE = "wb_lang"
LOGIN_PATH = "/login"
SESSION_SECONDS = 7 * 86400
BODY_LIMIT = 4096
TRIES = 5
TRIES_OF_ALL = 60
WINDOW_SECONDS = 60.0

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        # gradio compiles the templates and scripts of gr.HTML in the page
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(value: str) -> str:
    """The name of a Host header without its port and brackets; empty where it is malformed."""
    try:
        return (urlsplit(f"//{value}").hostname or "").lower()
    except ValueError:
        return ""


@dataclass(frozen=True)
class HostRule:
    """Which Host headers are ours. A foreign one means that a site's name was pointed at this machine.

    The port is not looked at: a tunnel may have another. On an open address any literal IP address passes,
    because only names can be pointed elsewhere.
    """

    names: frozenset[str]
    any_address: bool

    @classmethod
    def of(cls, host: str, names: Iterable[str] = ()) -> HostRule:
        own = {"localhost", host.lower(), *(name.lower() for name in names if name)}
        return cls(frozenset(own), any_address=not is_loopback(host))

    def accepts(self, header: str) -> bool:
        name = host_name(header)
        if name in self.names or is_loopback(name):
            return bool(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.any_address


@dataclass
class TryLimit:
    """Wrong passwords in the last minute, per address and of all addresses."""

    clock: Clock
    failures: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def blocked(self, address: str) -> bool:
        since = self.clock() - WINDOW_SECONDS
        self.failures = [entry for entry in self.failures if entry[0] > since]
        mine = sum(1 for _, who in self.failures if who == address)
        return mine >= TRIES or len(self.failures) >= TRIES_OF_ALL

    def note(self, address: str) -> None:
        self.failures.append((self.clock(), address))


@dataclass
class Sessions:
    """The one shared password and who gave it. Sessions end with the process."""

    password: str
    clock: Clock
    limit: TryLimit = field(init=False)
    _digest: bytes = field(init=False, repr=False)
    _open: dict[str, float] = field(default_factory=dict[str, float], repr=False)

    def __post_init__(self) -> None:
        self.limit = TryLimit(self.clock)
        self._digest = hashlib.sha256(self.password.encode()).digest()

    def matches(self, given: str) -> bool:
        """Compare in constant time; both sides are digests of equal length."""
        return hmac.compare_digest(self._digest, hashlib.sha256(given.encode()).digest())

    def begin(self) -> str:
        token = secrets.token_urlsafe(32)
        now = self.clock()
        self._open = {name: until for name, until in self._open.items() if until > now}
        self._open[token] = now + SESSION_SECONDS
        return token

    def holds(self, token: str) -> bool:
        return self._open.get(token, 0.0) > self.clock()


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope.get("headers", ()):
        if key == name:
            return value.decode("latin-1")
    return ""


def _cookie(scope: Scope, name: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(_header(scope, b"cookie"))
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""


def page_language(scope: Scope, default: Lang = "ja") -> Lang:
    """The saved choice, else the browser's language."""
    saved = _cookie(scope, LANG_COOKIE)
    return pick_language(saved or _header(scope, b"accept-language"), default)


def _safe_next(target: str) -> str:
    """A path on this server, never another site."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


class Guard:
    """Refuses foreign hosts and origins, asks for the password where one is set, adds security headers.

    Args:
        app: What stands behind.
        hosts: Which Host headers are ours.
        sessions: The password and who gave it; None: no password is asked.
    """

    def __init__(self, app: App, hosts: HostRule, sessions: Sessions | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if not self._from_here(scope):
            await _refuse(scope, send, 403)
        elif self._sessions is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["path"] == LOGIN_PATH and scope["type"] == "http":
            await self._login(self._sessions, scope, receive, send)
        elif self._sessions.holds(_cookie(scope, SESSION_COOKIE)):
            await self._app(scope, receive, _with_headers(send))
        else:
            await _ask_for_login(scope, send)

    def _from_here(self, scope: Scope) -> bool:
        host = _header(scope, b"host")
        if not self._hosts.accepts(host):
            return False
        origin = _header(scope, b"origin")
        if not origin:
            return True
        return urlsplit(origin).netloc.lower() == host.lower()

    async def _login(self, sessions: Sessions, scope: Scope, receive: Receive, send: Send) -> None:
        lang = page_language(scope)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        target = _safe_next(query.get("next", ["/"])[0])
        if scope["method"] != "POST":
            await _respond(send, 200, login_page(lang, target))
            return
        address = str((scope.get("client") or ("",))[0])
        if sessions.limit.blocked(address):
            await _respond(send, 429, login_page(lang, target, problem="login.too_many"))
            return
        form = parse_qs((await _read_body(receive)).decode("utf-8", errors="replace"))
        if not sessions.matches(form.get("password", [""])[0]):
            sessions.limit.note(address)
            await _respond(send, 401, login_page(lang, target, problem="login.wrong"))
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = (
            f"{SESSION_COOKIE}={sessions.begin()}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SESSION_SECONDS}"
        )
        await _redirect(send, target, (b"set-cookie", f"{cookie}{secure}".encode()))


async def _read_body(receive: Receive) -> bytes:
    """The body up to a small limit; what is longer cannot be a password form."""
    body = b""
    while len(body) <= BODY_LIMIT:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:BODY_LIMIT]


async def _ask_for_login(scope: Scope, send: Send) -> None:
    wants_page = (
        scope["type"] == "http" and scope["method"] == "GET" and "text/html" in _header(scope, b"accept")
    )
    if not wants_page:
        await _refuse(scope, send, 401)
        return
    query = scope.get("query_string", b"").decode("latin-1")
    target = f"{scope['path']}?{query}" if query else str(scope["path"])
    await _redirect(send, f"{LOGIN_PATH}?next={quote(target)}")


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _respond(send, status, f"{status}", content_type=b"text/plain; charset=utf-8")


async def _redirect(send: Send, target: str, *headers: tuple[bytes, bytes]) -> None:
    await _respond(send, 303, "", extra=((b"location", target.encode("latin-1", "ignore")), *headers))


async def _respond(
    send: Send,
    status: int,
    text: str,
    *,
    content_type: bytes = b"text/html; charset=utf-8",
    extra: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    body = text.encode()
    length = (b"content-length", str(len(body)).encode())
    headers = [
        (b"content-type", content_type),
        length,
        (b"cache-control", b"no-store"),
        *SECURITY_HEADERS,
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
        await send(message)

    return wrapped
