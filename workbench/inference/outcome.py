"""How a call can fail, and the error that a person reads of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from workbench.errors import EndpointError
from workbench.schemas.inference import Endpoint

DETAIL_LIMIT = 300


class Failure(NamedTuple):
    """One failed call, sorted."""

    kind: Literal["retry", "wait", "request", "endpoint"]
    """`retry`: may work next time. `wait`: rate limit. `request`: this request never works. `endpoint`:
    none will."""
    code: str
    """`answer_*` and the like concern one answer, `endpoint_*` the whole endpoint."""
    detail: str = ""
    """What the server said, technical."""
    retry_after: float | None = None
    """Seconds that the server asked us to wait."""


class CallFailed(Exception):
    """A call failed; the failure says what that means."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


# what one answer lacked -> what that says of the endpoint where nothing but this call was to be tried
_OF_ENDPOINT = {
    "answer_timeout": "endpoint_timeout",
    "answer_unreachable": "endpoint_unreachable",
    "answer_server_error": "endpoint_server_error",
    "answer_not_chat": "endpoint_not_chat",
    "answer_filtered": "endpoint_refuses",
    "context_too_long": "endpoint_refuses",
    "request_refused": "endpoint_refuses",
}


def to_endpoint_error(endpoint: Endpoint, code: str, detail: str = "") -> EndpointError:
    """The error for an endpoint that did not even answer a trial."""
    return EndpointError(
        _OF_ENDPOINT.get(code, code), endpoint=endpoint.name, url=endpoint.base_url, detail=detail or "-"
    )
