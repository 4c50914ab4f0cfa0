"""What a checkpoint is, what becomes of it, and what was checked afterwards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.ollama import OllamaName, OptionalUrl

Layout = Literal[
    "nemo_dcp_v1",
    "nemo_dcp_v2",
    "nemo_sharded",
    "nemo_consolidated",
    "nemo_peft",
    "nemo_megatron",
    "dcp",
    "hf_safetensors",
    "hf_bin",
    "peft",
    "gguf",
]
"""`dcp`: a distributed checkpoint that is not inside a NeMo RL folder."""

Target = Literal["safetensors", "merged", "gguf", "gguf-adapter", "ollama"]
Dtype = Literal["bf16", "f16", "f32", "q8_0", "q4_k_m"]
"""The last two are for GGUF alone."""

CheckState = Literal["passed", "failed", "not checked"]


class Detected(StrictModel):
    """What a folder or file holds."""

    layout: Layout
    path: str
    """Absolute path of what was looked at."""
    weights: str
    """Absolute path of the folder or file with the weights."""
    step: int | None = None
    """Training step, where the folder says it."""
    base: str = ""
    """Base model that the checkpoint names: hub id or path."""
    architecture: str = ""
    """First of the configuration's `architectures`."""
    tensors: int = 0
    parameters: int = 0
    dtypes: dict[str, int] = Field(default_factory=dict[str, int])
    """Tensors by dtype, in the names of safetensors (`F32`, `BF16`, …)."""
    bytes: int = 0
    """Of the weights alone."""
    largest_bytes: int = 0
    """Of the largest tensor."""
    tokenizer: str = ""
    """Absolute path of the folder with the tokenizer; empty where there is none."""
    remote_code: bool = False
    """The configuration names code files of its own (`auto_map`)."""


class ConvertConfig(StrictModel):
    """Turn a checkpoint into something that can be served."""

    source: str = Field(min_length=1)
    """Absolute path of a checkpoint, a model or an adapter."""
    target: str = ""
    """Absolute path of the folder or file to write; empty: an artifact of the workspace."""
    to: Target = "safetensors"
    base: str = ""
    """Absolute path of the base model: gives configuration, tokenizer, and for adapters the weights."""
    dtype: Dtype | None = None
    """None: the base's own, or the source's where there is no base."""
    name: SafeName = "converted"
    shard_bytes: int = Field(default=5_000_000_000, ge=1_000_000)
    """Largest size of one output file in bytes."""
    texts: str = ""
    """JSONL of the person's own data, for comparing tokenizers; empty: built-in sentences."""
    tools: str = ""
    """Absolute path of the folder with llama.cpp's own converter, for architectures that are not converted here;
    empty: the workspace's, and set up there when first needed."""
    accept_tokenizer: bool = False
    """Finish although the tokenizer gives other tokens than the source's for some texts."""
    ollama_url: OptionalUrl = None
    """Root of an Ollama server to upload to; None: the folder is made and the commands are shown."""
    ollama_name: OllamaName = ""
    """Name of the model on the server; empty: from `name`."""
    ollama_adapter: bool = False
    """Register base and adapter apart (`ADAPTER`), which only servers older than 0.34.1 take."""
    system: str = Field(default="", max_length=100_000)
    """System prompt that Ollama's model carries; empty: none."""


class PlannedFile(StrictModel):
    """One file to be written."""

    name: str
    bytes: int
    tensors: int
    kept: bool = True
    """False: an intermediate file, removed when it has served."""


class ConversionPlan(StrictModel):
    """What a conversion will take. Bytes are exact, peak memory and time are estimates."""

    detected: Detected
    to: Target
    dtype: str
    files: tuple[PlannedFile, ...]
    bytes: int
    peak_bytes: int
    free_bytes: int
    """Free on the target's disk."""
    seconds: float
    target: str
    command: tuple[str, ...] = ()
    """The command of another program that does it, where the workbench itself does not (Megatron, rare
    architectures to GGUF); sizes are estimates then."""

    @property
    def fits(self) -> bool:
        """Whether the disk has room, with a reserve."""
        return self.free_bytes >= self.bytes + 500_000_000


class Check(StrictModel):
    """One check of a proof."""

    name: str
    state: CheckState
    reason: str = ""
    """Code of the reason, for `failed` and `not checked`: text `proof.<name>.<reason>` of the catalogue."""
    params: dict[str, str | int | float] = Field(default_factory=dict[str, str | int | float])


class ProofReport(StrictModel):
    """`proof.json` of a converted artifact."""

    checks: tuple[Check, ...]
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether a check ran and failed; one that could not be made is no failure."""
        return any(check.state == "failed" for check in self.checks)
