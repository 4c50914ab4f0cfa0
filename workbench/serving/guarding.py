"""The guard before a comparison: asks the two sides as they are going to be asked, and compares with the base.

Knows servers that we started, and llama.cpp servers that we did not: those tell which adapters they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import StateError
from workbench.inference.guard import QUESTIONS, prove_sides
from workbench.inference.server_state import read_list
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import GuardResult, ServedModel
from workbench.serving.sides import SCALES, choose_scales, switched_off

ADAPTERS_PATH = "/lora-adapters"


def find_off(baseline: Endpoint, models: Sequence[ServedModel] = ()) -> Endpoint:
    """How the baseline's server is asked for the base with every adapter explicitly off.

    Args:
        baseline: What is going to be asked as the base.
        models: Of the server, where we started it.

    Raises:
        StateError: `serve_side_unknown` where the server has no base.
    """
    if models:
        return switched_off(baseline, models)
    if baseline.engine != "llamacpp":
        # elsewhere the base is a model name of its own, and asking for it switches every adapter off
        return baseline
    count = len(read_list(f"{server_root(baseline.base_url)}{ADAPTERS_PATH}"))
    body = {name: value for name, value in baseline.extra_body.items() if name != SCALES}
    off = body | {SCALES: choose_scales(count, -1)} if count else body
    return baseline.model_copy(update={"extra_body": off})


async def guard_endpoints(
    baseline: Endpoint,
    tuned: Endpoint,
    *,
    environ: Mapping[str, str],
    models: Sequence[ServedModel] = (),
    questions: Sequence[str] = QUESTIONS,
) -> GuardResult:
    """Prove that the baseline answers as the base and that the tuned side does not.

    Raises:
        EndpointError: A side does not answer.
        StateError: `serve_side_unknown`.
    """
    off = find_off(baseline, models)
    return await prove_sides(baseline, {tuned.name: tuned}, off, environ=environ, questions=questions)


def require_held(result: GuardResult, baseline: Endpoint) -> None:
    """Refuse a comparison whose baseline is not the base.

    Raises:
        StateError: `serve_guard_refused`.
    """
    if result.state == "refused":
        raise StateError("serve_guard_refused", name=baseline.name)


def server_root(url: str) -> str:
    """A server's address without a path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def served_models(note: Mapping[str, Any]) -> tuple[ServedModel, ...]:
    """The models that a server's job tells of."""
    return tuple(ServedModel.model_validate(one) for one in note.get("served") or ())
