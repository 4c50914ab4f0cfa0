"""Recipes of engines: how one generation of images is configured. Data files in `assets/engines/`, validated here."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.containers import Hardening, ImageReference, Ulimit
from workbench.schemas.inference import Engine
from workbench.schemas.serving import ServeEngine

PLACEHOLDERS = frozenset(
    {
        "model_name",
        "model_inside",
        "max_context",
        "context_total",
        "memory_share",
        "max_batch_size",
        "max_num_seqs",
        "dtype",
        "uid",
        "gid",
        "lora_count",
        "lora_rank",
        "adapter_name",
        "adapter_inside",
    }
)
"""What a recipe's values may name. `context_total`: context of one request times requests at once, for engines that
divide one window among their slots. `adapter_*` only in settings that are repeated for each adapter."""

Condition = Literal["", "trust_remote_code", "adapters", "dtype"]
"""When a setting is written: always, or only where the person's choice gives it something to say."""


def _check_template(value: str) -> str:
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as exc:
        raise ValueError("template_malformed") from exc
    if names - PLACEHOLDERS:
        raise ValueError("placeholder_unknown")
    return value


Template = Annotated[str, AfterValidator(_check_template)]


class Setting(StrictModel):
    """One environment variable, or some arguments, of the container."""

    env: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    value: Template = ""
    """Of the variable."""
    args: tuple[Template, ...] = ()
    when: Condition = ""
    each: Literal["", "adapters"] = ""
    """Repeat the arguments for every adapter."""
    join: Literal["", "adapters"] = ""
    """Write the last argument once, with the adapters joined by commas."""

    @model_validator(mode="after")
    def _check(self) -> Setting:
        if bool(self.env) == bool(self.args):
            raise ValueError("setting_env_or_args")
        return self


class ModelMount(StrictModel):
    """How the engine is given its model."""

    kind: Literal["folder", "file", "name", "inside"]
    """`folder`: safetensors with their configuration. `file`: one GGUF. `name`: of a model that the server keeps.
    `inside`: the model is part of the image."""
    target: str = ""
    """Where it is mounted, read-only; for `file` a folder."""

    @model_validator(mode="after")
    def _check(self) -> ModelMount:
        if (self.kind in ("folder", "file")) != bool(self.target):
            raise ValueError("model_target_missing")
        return self


class AdapterSupport(StrictModel):
    """How adapters are served beside their base."""

    way: Literal["by_name", "by_scale", "by_model", "none"]
    """`by_name`: the model's name chooses. `by_scale`: every request carries a scale for each adapter.
    `by_model`: each adapter becomes a model of its own, on the same base."""
    kind: Literal["folder", "file", ""] = ""
    target: str = ""
    """Folder under which each adapter is mounted by its name, read-only."""
    below_version: str = ""
    """Only servers older than this take adapters; newer ones need a merged model."""


class CacheMount(StrictModel):
    """A folder that the server writes to and that outlives it."""

    target: str
    name: SafeName
    """Folder below the workspace's engine cache."""


class Readiness(StrictModel):
    """HTTP 200 here means that requests are answered."""

    path: str = Field(pattern=r"^/")
    usual_seconds: int = Field(ge=1)
    """What the first start usually takes; shown, never enforced."""


class Activity(StrictModel):
    """How the engine shows that somebody asks it: what decides whether it is idle."""

    kind: Literal["prometheus", "ollama_ps", "none"]
    path: str = ""
    busy: tuple[str, ...] = ()
    """Gauges above 0 while a request is worked on."""
    counters: tuple[str, ...] = ()
    """Counters that grow with every request."""


class KeyUse(StrictModel):
    """What a key is for."""

    usual_name: str = ""
    """Variable that people usually keep it in; a suggestion, nothing is read from it unasked."""
    username: str = "$oauthtoken"
    to_pull: bool = False
    inside: str = ""
    """Variable in which the container needs it for its own downloads; empty: the key never enters the container."""


class Licence(StrictModel):
    """Terms that a person must have accepted."""

    name: str
    url: str = Field(pattern=r"^https://")


class EngineRecipe(StrictModel):
    """How one generation of images is run."""

    version: Literal[1]
    engine: ServeEngine | Literal["ngc_training"]
    title: dict[Literal["ja", "en"], str]
    about: dict[Literal["ja", "en"], str]
    image: ImageReference | Literal[""] = ""
    """Empty: the person names one."""
    other_images: tuple[ImageReference, ...] = ()
    """Images of the same generation, for other machines or models."""
    gpu_images: dict[Literal["amd64", "arm64"], ImageReference] = Field(
        default_factory=dict[Literal["amd64", "arm64"], ImageReference]
    )
    """Where a GPU is used, by architecture, if that takes another image."""
    usual_image_gib: float = Field(default=0, ge=0)
    """Disk that an image of this kind usually takes once unpacked; a guide, the registry does not tell before."""
    architectures: tuple[Literal["amd64", "arm64"], ...] = ("amd64", "arm64")
    """What the maker publishes; what the pulled image says wins."""
    api: Engine = "openai"
    dialect: Literal["openai", "ollama"] = "openai"
    port: int = Field(default=8000, ge=0, le=65535)
    """Inside the container; 0: it serves nothing."""
    ready: Readiness | None = None
    activity: Activity = Activity(kind="none")
    gpu: Literal["required", "optional", "none"] = "required"
    shm_gib: float | None = Field(default=None, gt=0)
    ipc_host: bool = False
    ulimits: tuple[Ulimit, ...] = ()
    user: Template = ""
    """Empty: the image's own."""
    model: ModelMount
    adapters: AdapterSupport = AdapterSupport(way="none")
    caches: tuple[CacheMount, ...] = ()
    """The first is the one that `cache_dir` moves."""
    environment: tuple[Setting, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[Setting, ...] = ()
    command_env: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    """Variable that takes the arguments, for images whose entry point takes none."""
    memory_limit_by_share: bool = False
    """The engine has no setting for the memory share: the container gets a limit instead."""
    hardening: Hardening = Hardening()
    key: KeyUse = KeyUse()
    licence: Licence | None = None
    notes: tuple[str, ...] = ()
    """Keys of sentences to show: `engine.note.<name>`."""

    @model_validator(mode="after")
    def _check(self) -> EngineRecipe:
        if any(setting.args for setting in self.environment) or any(setting.env for setting in self.command):
            raise ValueError("setting_misplaced")
        if self.port and self.ready is None:
            raise ValueError("ready_missing")
        if any(not re.match(r"^/", cache.target) for cache in self.caches):
            raise ValueError("path_not_absolute")
        return self
