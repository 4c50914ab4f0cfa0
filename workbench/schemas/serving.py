"""Settings of a model server that the workbench starts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import SafeName, StrictModel


class AdapterMount(StrictModel):
    """An adapter served beside its base, chosen by model name."""

    name: SafeName
    path: str
    """Absolute path of the adapter's folder."""


class ServeConfig(StrictModel):
    """One server process: a base model and its adapters in one set of weights."""

    engine: Literal["embedded"] = "embedded"
    model: str = Field(min_length=1)
    """Absolute path of a local model folder."""
    model_name: SafeName = "base"
    """Model name under which the base answers, with every adapter off."""
    adapters: tuple[AdapterMount, ...] = ()
    max_batch_size: int = Field(default=16, ge=1, le=256)
    """Requests answered in one forward pass."""
    max_context: int = Field(default=4096, ge=64)
    """Prompt and answer together, in tokens."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    port: int = Field(default=0, ge=0, le=65535)
    """Loopback port; 0: a free one. A recipe that goes on after a pause asks for the port it had before."""
    idle_seconds: int = Field(default=1800, ge=0)
    """Seconds without a request after which the server stops itself; 0: never."""
    trust_remote_code: bool = False
