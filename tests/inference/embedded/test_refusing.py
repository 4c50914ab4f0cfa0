from __future__ import annotations

import json

import pytest

from workbench.errors import EndpointError, NotFoundError
from workbench.inference.embedded.refusing import is_own, refuse


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"host": "127.0.0.1:8000"}, True),
        ({"host": "localhost"}, True),
        ({"host": "[::1]:99"}, True),
        ({"host": "evil.example:8000"}, False),
        ({"host": "127.0.0.1.evil.example"}, False),
        ({"host": "127.0.0.1@evil.example"}, False),
        ({"host": ""}, False),
        ({"host": "["}, False),
        ({}, False),
        ({"host": "127.0.0.1", "origin": "http://evil.example"}, False),
        ({"host": "127.0.0.1", "origin": "null"}, False),
        ({"host": "127.0.0.1", "origin": "http://localhost:7860"}, True),
    ],
)
def test_only_callers_that_mean_this_machine_are_let_in(headers: dict[str, str], own: bool) -> None:
    assert is_own([(name.encode(), value.encode()) for name, value in headers.items()]) is own


def test_two_host_headers_are_refused() -> None:
    assert not is_own([(b"host", b"127.0.0.1"), (b"host", b"127.0.0.1")])


def test_errors_have_the_shape_that_clients_know() -> None:
    answer = refuse(NotFoundError("serve_model_unknown", model="x", models="base"))
    body = json.loads(bytes(answer.body))
    assert answer.status_code == 404
    assert body["error"]["code"] == "model_not_found"
    assert body["error"]["type"] == "invalid_request_error"
    assert "base" in body["error"]["message"]


def test_a_full_line_says_when_to_come_back() -> None:
    answer = refuse(EndpointError("serve_line_full", retry_after=1.0, waiting=3))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
