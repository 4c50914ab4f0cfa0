"""What a trial of an endpoint showed, and how it bears load."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import StrictModel
from workbench.schemas.inference import Endpoint, Locality

LEVELS = (1, 4, 16, 64)


class EndpointReport(StrictModel):
    """What one press of the trial button found; a failure is an error instead."""

    endpoint: str
    models: tuple[str, ...] = ()
    """Empty where the server keeps no list."""
    answer: str
    seconds: float
    completion_tokens: int = 0
    tokens_per_second: float | None = None
    """While the answer came in; None where too few tokens came to tell."""
    streams: bool | None = None
    """Whether an answer comes in bits; None where that could not be tried."""
    stream_error: str = ""
    """Code of what went wrong with the streamed answer."""
    first_token_seconds: float | None = None
    thinks: bool = False
    """A thinking part came."""
    thinking_leaks: bool = False
    """It came although it is switched off: the switch does not reach the model, and answers are slower and dearer."""
    locality: Locality = "local"
    seems: Locality = "local"
    """Where the address lies, as far as it tells."""
    leaves_house: bool = False
    """Questions go to somebody else's machines."""


class LoadProbeConfig(StrictModel):
    """Ask an endpoint with more and more requests at the same time."""

    endpoint: Endpoint
    levels: tuple[int, ...] = Field(default=LEVELS, min_length=1, max_length=12)
    """Requests at the same time, from low to high."""
    rounds: int = Field(default=3, ge=1, le=50)
    """Requests per place in flight and level."""
    max_requests: int = Field(default=128, ge=1, le=10000)
    """Of one level: high levels would take very long otherwise."""
    max_tokens: int = Field(default=64, ge=1, le=4096)
    budget_seconds: float = Field(default=180.0, gt=0, le=7200)
    """For all levels together; one that is under way then ends early."""
    question: str = Field(default="", max_length=20000)
    """Empty: a short one of ours. A long one shows how reading the prompt counts."""


class LoadLevel(StrictModel):
    """One level of a load probe; a line of the chart."""

    in_flight: int
    requests: int
    ok: int
    errors: int = 0
    seconds: float
    """From the first request to the last answer."""
    requests_per_second: float
    tokens_per_second: float
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    complete: bool = True
    """False where the budget or a person ended it."""
    error_code: str = ""
    """Of the first error."""


class LoadReport(StrictModel):
    """All levels, and how many requests at the same time are worth sending."""

    endpoint: str
    levels: tuple[LoadLevel, ...]
    knee: int | None = None
    """The smallest number in flight that reaches nine tenths of the best throughput; None where nothing answered."""
    ended: Literal["done", "budget", "stopped", "errors"] = "done"
