"""What pages ask of a hub and of model servers. Imported late: both bring slow libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from workbench.jobs import JobStore
from workbench.schemas.inference import Endpoint
from workbench.schemas.probing import EndpointReport
from workbench.schemas.serving import GuardResult
from workbench.ui.context import HubModel, Services


def make_services(environ: Mapping[str, str]) -> Services:
    """Services of this machine.

    Args:
        environ: Where keys are looked up by their names.
    """

    def look_up_model(repo_id: str, revision: str) -> HubModel:
        # the hub's library takes a second to import, and the page must open without it
        from workbench.training.hub import HuggingFaceHub

        found = HuggingFaceHub(environ.get("HF_ENDPOINT", "")).describe(repo_id, revision)
        return HubModel(found.repo_id, found.size, found.license)

    def test_endpoint(endpoint: Endpoint) -> EndpointReport:
        from workbench.inference.probe import examine

        return asyncio.run(examine(endpoint, environ=environ))

    def hold_sides(endpoint: Endpoint, jobs: JobStore) -> GuardResult | None:
        from workbench.serving.equal_sides import guard_sides

        return asyncio.run(guard_sides(endpoint, jobs, environ=environ))

    return Services(look_up_model, test_endpoint, guard_sides=hold_sides)
