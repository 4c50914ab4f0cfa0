"""What every tab is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.artifacts import ArtifactStore
from workbench.i18n import Lang, Translator
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.review import VoteStore
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import JobRecord
from workbench.schemas.probing import EndpointReport
from workbench.schemas.serving import GuardResult
from workbench.serving.docking import Connect


@dataclass(frozen=True)
class HubModel:
    """What is known of a hub's model before it is downloaded."""

    repo_id: str
    bytes: int
    license: str


@dataclass(frozen=True)
class Services:
    """What a page asks of other rooms and may wait for. None: the page leaves the button out."""

    look_up_model: Callable[[str, str], HubModel] | None = None
    """(repo id, revision) -> size and licence; asks the hub."""
    test_endpoint: Callable[[Endpoint], EndpointReport] | None = None
    """Tries an endpoint: models, one answer, streaming, thinking, speed."""
    connect_engine: Connect | None = None
    """How the container engine is reached; None: this machine's."""
    guard_sides: Callable[[Endpoint, JobStore], GuardResult | None] | None = None
    """Holds the sides of a server of ours against each other before an evaluation; asks it several questions."""


@dataclass(frozen=True)
class UiContext:
    """Built once per language in `server`, passed down, never imported."""

    lang: Lang
    t: Translator
    workspace: Workspace
    jobs: JobStore
    artifacts: ArtifactStore
    votes: VoteStore
    base_path: str
    """Where this language is mounted, for example `/ja`."""
    run_sample: Callable[[str], JobRecord]
    """Starts the sample recipe; the argument is the request id that makes a double click start once."""
    run_recipe: Callable[[Path, Mapping[str, object], str], JobRecord]
    """Starts a recipe file with values set (dotted path -> value) under a request id."""
    services: Services = field(default_factory=Services)
