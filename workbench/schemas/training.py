"""Settings of a training run. Names of fields are those of TRL and PEFT."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import StrictModel


class LoraSettings(StrictModel):
    """The adapter: PEFT's LoraConfig."""

    r: int = Field(default=16, ge=1, le=512)
    lora_alpha: int = Field(default=32, ge=1, le=1024)
    lora_dropout: float = Field(default=0.05, ge=0.0, lt=1.0)
    target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    use_rslora: bool = False


class SFTSettings(StrictModel):
    """Supervised fine-tuning with LoRA (TRL's SFTTrainer)."""

    method: Literal["sft"] = "sft"
    model: str = Field(min_length=1)
    """Absolute path of a local model folder."""
    train_file: str = Field(min_length=1)
    """JSONL with `messages` (or `prompt` and `completion`)."""
    eval_file: str = ""
    """JSONL of the same form, never trained on; empty: no evaluation loss."""
    rehearsal_file: str = ""
    """JSONL of the same form, mixed into the training rows so that what the model could do before is not forgotten."""
    lora: LoraSettings = LoraSettings()
    num_train_epochs: float = Field(default=1.0, gt=0, le=100)
    max_steps: int = Field(default=-1, ge=-1)
    """Optimizer steps; -1: as many as the epochs need."""
    learning_rate: float = Field(default=2e-4, gt=0, lt=1)
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "cosine"
    warmup_steps: float = Field(default=0.03, ge=0)
    """Steps; below 1 it is a share of all steps."""
    per_device_train_batch_size: int = Field(default=1, ge=1, le=512)
    """Rows per forward pass."""
    gradient_accumulation_steps: int = Field(default=8, ge=1, le=1024)
    """Forward passes per optimizer step."""
    max_length: int = Field(default=4096, ge=16, le=1_048_576)
    """Tokens; longer rows are cut at the end."""
    packing: bool = False
    """Several rows share one sequence (exact on plain attention models)."""
    loss_on: Literal["completion", "all"] = "completion"
    """`all` also trains on the prompt, as the seed article did."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    logging_steps: int = Field(default=1, ge=1)
    eval_steps: int = Field(default=0, ge=0)
    """Optimizer steps between evaluations and checkpoints; 0: about ten times a run."""
    save_total_limit: int = Field(default=2, ge=1)
    """Checkpoints kept, the best one included."""
    early_stopping_patience: int = Field(default=0, ge=0)
    """Evaluations without improvement before training ends; 0: never."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    gradient_checkpointing: Literal["auto", "on", "off"] = "auto"
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only with the person's consent."""
    seed: int = Field(default=42, ge=0)
    name: str = ""
    """Name of the adapter that comes out."""


TrainSettings = SFTSettings
"""One member per training method; the second one makes this a union discriminated by `method`."""


class DownloadConfig(StrictModel):
    """A model from a hub."""

    repo_id: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
    revision: str = "main"
    token_env: str = ""
    """Environment variable that holds the hub token; empty for none."""
