"""Settings of a model server that the workbench starts, and what is known of one."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.containers import ContainerState, HealthState
from workbench.schemas.inference import Endpoint

ServeEngine = Literal["embedded", "nim1", "nim2", "nim_spark", "vllm", "llamacpp", "ollama"]
"""`nim1`, `nim2`: generations of NIM, whose variables differ; a wrong one is ignored without a word."""
ServerRole = Literal["", "before", "after", "teacher", "judge", "reward"]
Level = Literal["ok", "warn", "stop"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GPUS = re.compile(r"auto|none|all|[0-9]+(,[0-9]+)*")
_USER = re.compile(r"|auto|image|[0-9]+(:[0-9]+)?")


def _check_variable(value: str) -> str:
    if value and not _VARIABLE.fullmatch(value):
        raise ValueError("variable_name_bad")
    return value


def _check_gpus(value: str) -> str:
    if not _GPUS.fullmatch(value):
        raise ValueError("gpus_bad")
    return value


def _check_user(value: str) -> str:
    if not _USER.fullmatch(value):
        raise ValueError("container_user_bad")
    return value


VariableName = Annotated[str, AfterValidator(_check_variable)]


class AdapterMount(StrictModel):
    """An adapter served beside its base, chosen by model name."""

    name: SafeName
    path: str
    """Absolute path of the adapter's folder; for llama.cpp and Ollama of its GGUF file."""


class ServeConfig(StrictModel):
    """One server: a base model and its adapters in one set of weights.

    `max_context`, `memory_share` and `max_batch_size` are the three knobs that mean the same on every engine.
    """

    engine: ServeEngine = "embedded"
    role: ServerRole = ""
    """What the person uses it for; decides nothing about how it runs."""
    model: str = Field(min_length=1)
    """Absolute path of a local model folder, or of a GGUF file. For `ollama` also the name of a model that its
    server has, and for `nim_spark` the name of the model that is inside the image."""
    model_name: SafeName = "base"
    """Model name under which the base answers, with every adapter off."""
    adapters: tuple[AdapterMount, ...] = ()
    max_context: int = Field(default=4096, ge=64)
    """Prompt and answer of one request together, in tokens."""
    memory_share: float = Field(default=0.5, gt=0.0, le=0.95)
    """Share of the memory that the server may take for weights and cache together: of the GPU's, or of the machine's
    where the GPU uses that. Half is what NIM 2.x goes down to by itself on shared memory."""
    max_batch_size: int = Field(default=16, ge=1, le=256)
    """Requests worked on at the same time."""
    max_num_seqs: int | None = Field(default=None, ge=1, le=4096)
    """NIM 1.x and 2.x, vLLM: sequences that its scheduler holds at once; None: as many as `max_batch_size`."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    port: int = Field(default=0, ge=0, le=65535)
    """Loopback port; 0: a free one. A recipe that goes on after a pause asks for the port it had before."""
    idle_seconds: int = Field(default=1800, ge=0)
    """Seconds without a request after which the server stops itself; 0: never."""
    trust_remote_code: bool = False
    image: str = Field(default="", max_length=400)
    """Container image, best by digest; empty: the one that the engine's recipe names."""
    allow_other_image: bool = False
    """A person has agreed to an image from outside the list of known makers."""
    accept_licence: bool = False
    """A person has read and accepted the licence that the engine's recipe names."""
    api_key_env: VariableName = ""
    """Name of the environment variable that holds the registry's key; empty: pulled without a login."""
    gpus: Annotated[str, AfterValidator(_check_gpus)] = "auto"
    """`auto`: all where the recipe wants one and the engine has one; `all`, `none`, or indices as `0` or `0,1`."""
    shm_gib: float | None = Field(default=None, gt=0, le=1024)
    """Shared memory in GiB (`docker run` reads its `--shm-size=124GB` so too); None: as the recipe says."""
    cache_dir: str = ""
    """Absolute path of the engine's cache; empty: a folder of the workspace."""
    run_as: Annotated[str, AfterValidator(_check_user)] = "auto"
    """`auto`: as the recipe says; `image`: the image's own user; or `uid` or `uid:gid`."""
    container_name: SafeName | Literal[""] = ""
    """Empty: made from the job's id."""
    ready_seconds: int = Field(default=1800, ge=5, le=14400)
    """How long the model may take to load; the first start of a NIM compiles for several minutes."""

    @property
    def in_container(self) -> bool:
        """Whether a container engine is needed."""
        return self.engine != "embedded"

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the server answers to, the base first."""
        return (self.model_name, *(adapter.name for adapter in self.adapters))

    @model_validator(mode="after")
    def _check(self) -> ServeConfig:
        if self.in_container and len(set(self.names)) < len(self.names):
            raise ValueError("serve_names_repeat")
        if self.cache_dir and not self.cache_dir.startswith("/"):
            raise ValueError("path_not_absolute")
        return self


class TrainingContainer(StrictModel):
    """A training run inside NVIDIA's training image: where the work lies, and what is run."""

    image: str = Field(default="", max_length=400)
    """Empty: the one that the recipe names."""
    work_dir: str = Field(min_length=1)
    """Absolute path; is `/workspace` inside and can be written."""
    hub_cache: str = ""
    """Absolute path of the hub's cache, so that nothing is downloaded twice; empty: none."""
    packages: tuple[str, ...] = ()
    """Python packages that are installed before the run."""
    command: tuple[str, ...] = Field(min_length=1)
    """Program and arguments, with paths as they are inside."""
    gpus: Annotated[str, AfterValidator(_check_gpus)] = "all"
    container_name: SafeName | Literal[""] = ""


class PreflightCheck(StrictModel):
    """One thing that was looked at before a start. Sentence: `preflight.<code>.say`; what to do: `.do`."""

    code: str
    level: Level
    params: dict[str, str | int | float] = Field(default_factory=dict[str, str | int | float])


class Preflight(StrictModel):
    """What was found before a start, the worst first."""

    checks: tuple[PreflightCheck, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of all."""
        levels = {check.level for check in self.checks}
        return "stop" if "stop" in levels else "warn" if "warn" in levels else "ok"

    @property
    def stops(self) -> tuple[PreflightCheck, ...]:
        """What stands in the way."""
        return tuple(check for check in self.checks if check.level == "stop")


class ServedModel(StrictModel):
    """One name that a server answers to, and how it is asked."""

    name: str
    is_base: bool
    endpoint: Endpoint
    """With everything that makes it this model and no other: llama.cpp's adapter scales stand in `extra_body`."""


class GuardResult(StrictModel):
    """Whether baseline is baseline and tuned differs, as the running server answered."""

    state: Literal["held", "no_effect", "refused", "not checked"]
    code: str = ""
    """Key of the sentence: `guard.<code>`."""
    params: dict[str, str | int | float] = Field(default_factory=dict[str, str | int | float])
    method: Literal["", "logprobs", "tokens", "logits"] = ""
    """What was compared: probabilities of tokens, or only the tokens."""
    asked: int = 0
    differences: dict[str, float] = Field(default_factory=dict[str, float])
    """Adapter -> largest difference of a token's log-probability from the base's; for `tokens` the share of
    questions that were answered otherwise."""


class ServePlan(StrictModel):
    """What a start would do."""

    config: ServeConfig
    image: str = ""
    command: tuple[str, ...] = ()
    """The workbench's own command line."""
    run_command: tuple[str, ...] = ()
    """The `docker run` that does the same, secrets masked; empty for the embedded server."""
    memory_bytes: int = 0
    preflight: Preflight = Preflight()
    models: tuple[str, ...] = ()
    secret_names: tuple[str, ...] = ()


class ServeProvenance(StrictModel):
    """What an answer of this server must carry: two runs with unequal ones are not compared without a warning."""

    engine: str
    image: str = ""
    image_digest: str = ""
    """`repository@sha256:...`; empty for the embedded server."""
    base_sha256: str = ""
    adapters: dict[str, str] = Field(default_factory=dict[str, str])
    """Adapter name -> content hash."""
    quantisation: str = ""
    dtype: str = ""
    template_sha256: str = ""
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Flags and variables that decide how answers come out; no secrets, no paths of this machine."""


CardState = Literal[
    "waiting",
    "pulling",
    "starting",
    "ready",
    "unhealthy",
    "stopping",
    "paused",
    "stopped",
    "failed",
    "orphaned",
]
"""`orphaned`: a container of ours that no living job looks after: it can be taken up again or removed."""


class ServerCard(StrictModel):
    """A server as the page shows it: its job, its container, or both."""

    id: str
    """Job id, or container id where the job is gone."""
    job: str = ""
    container: str = ""
    container_name: str = ""
    title: str = ""
    engine: ServeEngine = "embedded"
    role: ServerRole = ""
    state: CardState
    container_state: ContainerState = "unknown"
    health: HealthState = "none"
    endpoint: str = ""
    models: tuple[ServedModel, ...] = ()
    image: str = ""
    memory_bytes: int = 0
    started_at: float = 0.0
    error_code: str = ""
    error_params: dict[str, str | int | float] = Field(default_factory=dict[str, str | int | float])
    can_reattach: bool = False
    """The container still runs and its job can be resumed: the model need not be loaded again."""
    config: ServeConfig | None = None
    guard: GuardResult | None = None
