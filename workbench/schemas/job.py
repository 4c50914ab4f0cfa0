"""Jobs as they lie on disk (docs/architecture.md describes the folder)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from workbench.schemas.base import StrictModel

JobKind = Literal[
    "generate_raft",
    "train",
    "download",
    "pull",
    "serve",
    "load_probe",
    "evaluate",
    "compare",
    "judge",
    "convert",
    "gate",
    "recipe",
]
JobState = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
ControlVerb = Literal["pause", "stop", "cancel"]

ENDED: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


class JobSpec(StrictModel):
    """`spec.json`: what to do. Never changed after submission; paths in it are absolute; no secrets."""

    id: str
    kind: JobKind
    title: str
    config: dict[str, Any]
    """The kind's own schema, as JSON."""
    created_at: float
    """Seconds since the epoch."""
    request_id: str = ""
    """Submitting the same request id twice starts once."""
    memory_bytes: int = 0
    """Bytes reserved from the machine's budget while the job runs."""
    secret_names: tuple[str, ...] = ()
    """Environment variables that the worker needs."""
    parent: str = ""
    """Id of the recipe job that submitted this one."""
    executor: Literal["local"] = "local"


class Progress(StrictModel):
    """How far a job is."""

    phase: str = ""
    """Key of the phase's name in the catalogue: `phase.<phase>`."""
    done: float = 0
    total: float = 0
    """0 where the end is not known."""
    unit: str = ""
    """Key of the unit's name: `unit.<unit>`."""


class JobStatus(StrictModel):
    """`status.json`, replaced atomically. The submitter writes `queued`, then only the worker writes."""

    state: JobState
    updated_at: float
    pid: int = 0
    pid_started_at: float = 0.0
    """Start time of that process, so that a reused pid is not taken for it."""
    heartbeat: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    progress: Progress = Progress()
    eta_seconds: float | None = None
    ready: bool = False
    """For servers: requests are answered."""
    endpoint: str = ""
    """For servers: base URL."""
    stopped_early: bool = False
    waiting_for: str = ""
    """Why a queued or paused job waits: `memory`, `secret`, `user`, or empty."""
    note: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Small facts a kind wants to show, for example the models of a server."""


class JobErrorRecord(StrictModel):
    """`error.json`."""

    code: str
    params: dict[str, str | int | float] = Field(default_factory=dict[str, str | int | float])
    traceback: str = ""
    at: float = 0.0


class JobRecord(StrictModel):
    """A job as readers see it: spec, status as it really is, and how it ended."""

    spec: JobSpec
    status: JobStatus
    error: JobErrorRecord | None = None
    result: dict[str, Any] | None = None
    folder: str
    """Absolute path of the job's folder."""
    resumable: bool = False
