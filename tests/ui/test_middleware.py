"""The guard: foreign hosts and origins, the password, the headers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from workbench.ui.middleware import (
    SESSION_COOKIE,
    TRIES,
    WINDOW_SECONDS,
    Guard,
    HostRule,
    Sessions,
    page_language,
)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Answer:
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.messages[0].get("status", 0)

    @property
    def headers(self) -> dict[str, str]:
        return {key.decode(): value.decode() for key, value in self.messages[0]["headers"]}

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages[1:]).decode()


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(
    guard: Guard,
    path: str = "/ja/",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    query: str = "",
    kind: str = "http",
    client: str = "10.0.0.9",
) -> Answer:
    sent = {"host": "127.0.0.1:7860", **(headers or {})}
    scope = {
        "type": kind,
        "path": path,
        "method": method,
        "query_string": query.encode(),
        "client": (client, 5),
        "headers": [(key.encode(), value.encode()) for key, value in sent.items()],
    }
    answer = Answer()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answer.messages.append(dict(message))

    asyncio.run(guard(scope, receive, send))
    return answer


@pytest.fixture
def open_guard() -> Guard:
    return Guard(inner, HostRule.of("127.0.0.1"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def locked(clock: Clock) -> Guard:
    return Guard(inner, HostRule.of("0.0.0.0", ["spark"]), Sessions("opensesame", clock))


def log_in(guard: Guard, password: str, client: str = "10.0.0.9", target: str = "/ja/") -> Answer:
    body = urlencode({"password": password}).encode()
    return ask(guard, "/login", method="POST", body=body, query=f"next={target}", client=client)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:8080", "[::1]:7860"])
def test_this_machines_own_names_pass_whatever_the_port(open_guard: Guard, host: str) -> None:
    assert ask(open_guard, headers={"host": host}).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "", "10.1.2.3:7860", "127.0.0.1.evil.example"]
)
def test_a_foreign_host_is_refused(open_guard: Guard, host: str) -> None:
    answer = ask(open_guard, headers={"host": host})
    assert answer.status == 403
    assert "inside" not in answer.body


def test_an_open_address_takes_ip_addresses_and_its_own_names_but_no_other_name() -> None:
    rule = HostRule.of("0.0.0.0", ["spark.local"])
    assert rule.accepts("10.1.2.3:7860")
    assert rule.accepts("Spark.local")
    assert not rule.accepts("evil.example")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_foreign_origin_is_refused(open_guard: Guard, origin: str) -> None:
    assert ask(open_guard, method="POST", headers={"origin": origin}).status == 403


def test_the_pages_own_origin_passes(open_guard: Guard) -> None:
    assert ask(open_guard, method="POST", headers={"origin": "http://127.0.0.1:7860"}).status == 200


def test_a_foreign_web_socket_is_closed(open_guard: Guard) -> None:
    answer = ask(open_guard, kind="websocket", headers={"origin": "http://evil.example"})
    assert answer.messages == [{"type": "websocket.close", "code": 1008}]


def test_every_answer_carries_the_security_headers(open_guard: Guard, locked: Guard) -> None:
    for answer in (ask(open_guard), ask(locked, "/login"), ask(open_guard, headers={"host": "evil.example"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_without_the_password_a_page_leads_to_the_login_and_anything_else_is_refused(locked: Guard) -> None:
    page = ask(locked, "/ja/", headers={"accept": "text/html"})
    assert (page.status, page.headers["location"]) == (303, "/login?next=/ja/")
    for path in ("/ja/gradio_api/queue/join", "/ja/gradio_api/mcp/sse", "/static/workbench.js"):
        assert ask(locked, path, method="POST").status == 401


def test_a_link_to_a_tab_still_leads_there_after_the_password(locked: Guard) -> None:
    page = ask(locked, "/en/", headers={"accept": "text/html"}, query="tab=review")
    assert page.headers["location"] == "/login?next=/en/%3Ftab%3Dreview"
    assert log_in(locked, "opensesame", target="/en/%3Ftab%3Dreview").headers["location"] == "/en/?tab=review"


def test_the_password_opens_a_session(locked: Guard) -> None:
    answer = log_in(locked, "opensesame")
    assert (answer.status, answer.headers["location"]) == (303, "/ja/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    token = cookie.split(";")[0].removeprefix(f"{SESSION_COOKIE}=")
    assert ask(locked, headers={"cookie": f"{SESSION_COOKIE}={token}"}).body == "inside"
    assert ask(locked, headers={"cookie": f"{SESSION_COOKIE}={token}x"}).status == 401


def test_a_session_ends_after_a_week(locked: Guard, clock: Clock) -> None:
    cookie = log_in(locked, "opensesame").headers["set-cookie"].split(";")[0]
    clock.now += 7 * 86400 + 1
    assert ask(locked, headers={"cookie": cookie}).status == 401


def test_a_wrong_password_is_told_and_too_many_are_refused_even_if_the_next_is_right(
    locked: Guard, clock: Clock
) -> None:
    for _ in range(TRIES):
        assert log_in(locked, "wrong").status == 401
    assert log_in(locked, "opensesame").status == 429
    assert log_in(locked, "opensesame", client="10.0.0.10").status == 303
    clock.now += WINDOW_SECONDS + 1
    assert log_in(locked, "opensesame").status == 303


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_the_login_leads_to_no_other_site(locked: Guard, target: str) -> None:
    assert log_in(locked, "opensesame", target=target).headers["location"] == "/"


def test_a_long_body_is_cut(locked: Guard) -> None:
    assert log_in(locked, "x" * 100_000).status == 401


@pytest.mark.parametrize(
    ("headers", "lang"),
    [
        ({"cookie": "wb_lang=en", "accept-language": "ja"}, "en"),
        ({"accept-language": "en-US,en;q=0.9,ja;q=0.8"}, "en"),
        ({"accept-language": "fr"}, "ja"),
        ({"cookie": "wb_lang=<script>"}, "ja"),
    ],
)
def test_the_saved_language_wins_over_the_browsers(headers: dict[str, str], lang: str) -> None:
    scope = {"headers": [(key.encode(), value.encode()) for key, value in headers.items()]}
    assert page_language(scope) == lang
