"""Before an evaluation of a server of ours starts: are the two sides what they claim, and is everything else equal?

Base and adapters of one server have engine, image and settings in common; there both sides are asked. Two servers,
one before and one after, are held against each other by what they tell of themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.jobs import JobStore
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import GuardResult, ServedModel
from workbench.serving.guarding import guard_endpoints, require_held, served_models
from workbench.serving.servers import find_note
from workbench.serving.sides import find_side

HELD_EQUAL = ("engine", "image_digest", "quantisation", "dtype", "template_sha256", "options")
"""Facts of a server that must not differ between the sides of a comparison."""
COUNTERPARTS = {"before": "after", "after": "before"}


def provenance_of(note: Mapping[str, Any]) -> dict[str, Any]:
    """What a server's job tells that its answers must carry; empty where it tells nothing."""
    return dict(note.get("provenance", {}))


def list_unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """The facts of `HELD_EQUAL` in which two servers differ; what one of them does not tell counts as none."""
    return tuple(name for name in HELD_EQUAL if (one.get(name) or None) != (other.get(name) or None))


async def guard_sides(
    endpoint: Endpoint, jobs: JobStore, *, environ: Mapping[str, str]
) -> GuardResult | None:
    """Hold the side that is going to be asked against its counterpart.

    Args:
        endpoint: What is going to be asked.
        jobs: Where the servers are found.
        environ: Where keys are looked up.

    Returns:
        What was found; None where no running server of ours answers at that address.

    Raises:
        StateError: `serve_side_unknown`; `serve_guard_refused` where the baseline is not the base.
        EndpointError: A side does not answer.
    """
    note = find_note(endpoint, jobs)
    models = served_models(note)
    if not models:
        return None
    side = find_side(endpoint, models)
    tuned = [model for model in models if not model.is_base]
    if tuned:
        return await _ask_both(endpoint, side, models, tuned, environ)
    other = _find_counterpart(endpoint, jobs)
    if other is None:
        return GuardResult(state="not checked", code="one_side")
    return compare_servers(provenance_of(note), provenance_of(other))


async def _ask_both(
    endpoint: Endpoint,
    side: ServedModel,
    models: tuple[ServedModel, ...],
    tuned: list[ServedModel],
    environ: Mapping[str, str],
) -> GuardResult:
    base = next(model for model in models if model.is_base)
    before, after = (endpoint, tuned[0].endpoint) if side.is_base else (base.endpoint, endpoint)
    found = await guard_endpoints(before, after, environ=environ, models=models)
    require_held(found, before)
    return found.model_copy(update={"code": "one_server"}) if found.state == "held" else found


def compare_servers(one: Mapping[str, Any], other: Mapping[str, Any]) -> GuardResult:
    """Whether two servers differ in nothing but their weights, by what they tell of themselves."""
    unequal = list_unequal(one, other)
    if unequal:
        return GuardResult(state="not checked", code="servers_differ", params={"facts": ",".join(unequal)})
    same = all(one.get(name) == other.get(name) for name in ("base_sha256", "adapters"))
    if same and one.get("base_sha256"):
        return GuardResult(state="no_effect", code="same_weights")
    return GuardResult(state="held", code="servers_equal")


def _find_counterpart(endpoint: Endpoint, jobs: JobStore) -> Mapping[str, Any] | None:
    """What the server of the other role tells; None where there is none that runs."""
    running = [
        record
        for record in jobs.list(kind="serve")
        if record.status.state == "running" and record.status.ready
    ]
    own = next((record for record in running if record.status.endpoint == endpoint.base_url), None)
    wanted = COUNTERPARTS.get(str(own.spec.config.get("role"))) if own is not None else None
    return (
        next((one.status.note for one in running if one.spec.config.get("role") == wanted), None)
        if wanted
        else None
    )
