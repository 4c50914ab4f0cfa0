"""Supervised fine-tuning with LoRA: TRL's SFTTrainer as the settings ask for it, and nothing else."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import psutil
import torch
import transformers
import trl

from workbench.errors import InputError, ResourceError
from workbench.schemas.training import SFTSettings
from workbench.training.callbacks import JobCallback
from workbench.training.coverage import Coverage, blocked_modules, is_hybrid, linear_names, measure_coverage
from workbench.training.data import Encoder, Prepared, Teller, prepare_file
from workbench.training.memory import Device, Fix, Load, suggest_fix
from workbench.training.models import ModelInfo, describe_model, require_consent
from workbench.training.ordering import FOLDER, KeptOrder
from workbench.training.plan import Compute, choose_compute

# untyped libraries
TORCH: Any = torch
TRANSFORMERS: Any = transformers
TRL: Any = trl
PEFT: Any = peft
logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
# ten evaluations and checkpoints a run: below 1 the trainer takes it for a share of all steps
DEFAULT_INTERVAL = 0.1
# rows per pass of an evaluation, which keeps no activations
EVAL_BATCH = 8
_MEMORY_FIX: dict[str, str] = {
    "batch": "train_memory_batch",
    "checkpointing": "train_memory_checkpointing",
    "length": "train_memory_length",
    "smaller_model": "train_memory_model",
}


@dataclass(frozen=True)
class Prelude:
    """Everything that is known before the weights are loaded."""

    info: ModelInfo
    coverage: Coverage
    compute: Compute
    max_length: int
    packing: bool
    tokenizer: Any
    train: Prepared
    valid: Prepared | None


def prepare(settings: SFTSettings, job: Teller) -> Prelude:
    """Check the model, load its tokenizer, and turn the rows into tokens.

    Raises:
        WorkbenchError: The model or a file cannot be used.
    """
    job.progress("train_data")
    quieten()
    info = describe_model(Path(settings.model))
    require_consent(info, settings.trust_remote_code)
    coverage = _choose_targets(settings, info, job)
    max_length = min(settings.max_length, info.context or settings.max_length)
    if max_length < settings.max_length:
        job.event("length_limited", length=max_length, asked=settings.max_length)
    packing = settings.packing and not is_hybrid(info.model_type)
    if packing != settings.packing:
        job.event("packing_off", family=info.model_type)
    tokenizer = load_tokenizer(info, settings.trust_remote_code)
    encoder = Encoder(tokenizer, max_length, settings.loss_on)
    rows = prepare_file(Path(settings.train_file), encoder, job)
    if settings.rehearsal_file:
        rows.mix_in(prepare_file(Path(settings.rehearsal_file), encoder, job))
    return Prelude(
        info=info,
        coverage=coverage,
        compute=choose_compute(settings, find_torch_device()),
        max_length=max_length,
        packing=packing,
        tokenizer=tokenizer,
        train=rows,
        valid=prepare_file(Path(settings.eval_file), encoder, job) if settings.eval_file else None,
    )


def quieten() -> None:
    """Leave progress bars and advice out of the job's log; warnings stay."""
    TRANSFORMERS.utils.logging.disable_progress_bar()
    for name in ("httpx", "datasets", "accelerate", "transformers"):
        logging.getLogger(name).setLevel(logging.WARNING)


def find_torch_device() -> Device:
    """Where torch can compute in this process."""
    return "cuda" if TORCH.cuda.is_available() else "cpu"


def _choose_targets(settings: SFTSettings, info: ModelInfo, job: Teller) -> Coverage:
    coverage = measure_coverage(info.tensors, info.model_type, settings.lora)
    missing = ", ".join(coverage.missing)
    if not coverage.modules:
        known = ", ".join(linear_names(info.tensors, info.model_type))
        raise InputError("train_targets_missing", names=missing or "all-linear", known=known or "?")
    if coverage.missing:
        job.event("targets_ignored", names=missing)
    return coverage


def load_tokenizer(info: ModelInfo, trust_remote_code: bool) -> Any:
    """The model's tokenizer.

    Raises:
        InputError: `model_tokenizer_broken`.
    """
    try:
        return TRANSFORMERS.AutoTokenizer.from_pretrained(str(info.path), trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, ImportError) as exc:
        raise InputError("model_tokenizer_broken", path=str(info.path), reason=str(exc)[:200]) from exc


class Trainer(TRL.SFTTrainer):
    """TRL's trainer with one difference: the order of every epoch is kept in the run's folder."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        arguments: Any = self.args
        sampler: Any = TRL.SFTTrainer._get_train_sampler(self, train_dataset)
        if arguments.train_sampling_strategy != "group_by_length":
            # accelerate seeds a random sampler by its epoch, which survives a resume
            return sampler
        return KeptOrder(sampler, len(sampler), Path(arguments.output_dir).parent / FOLDER)


def build_trainer(settings: SFTSettings, prelude: Prelude, work_dir: Path, callback: JobCallback) -> Any:
    """The SFTTrainer with the model loaded and the adapter on it.

    Raises:
        InputError: `model_family_unknown`.
    """
    _check_family(prelude.info, settings.trust_remote_code)
    arguments = sft_arguments(settings, prelude, work_dir / CHECKPOINTS)
    trainer: Any = Trainer(
        # a path, not an object: the trainer changes the model it is given for good
        model=str(prelude.info.path),
        args=TRL.SFTConfig(**keep_known(TRL.SFTConfig, arguments)),
        train_dataset=prelude.train.dataset(),
        eval_dataset=prelude.valid.dataset() if prelude.valid else None,
        processing_class=prelude.tokenizer,
        peft_config=lora_config(settings, prelude),
        callbacks=[callback],
    )
    trainer.remove_callback(TRANSFORMERS.PrinterCallback)
    return trainer


def _check_family(info: ModelInfo, trust_remote_code: bool) -> None:
    try:
        TRANSFORMERS.AutoConfig.from_pretrained(str(info.path), trust_remote_code=trust_remote_code)
    except (ValueError, KeyError, OSError) as exc:
        raise InputError(
            "model_family_unknown", family=info.model_type or "?", reason=str(exc)[:200]
        ) from exc


def lora_config(settings: SFTSettings, prelude: Prelude) -> Any:
    """PEFT's settings; names that match nothing are left out, and modules that refuse an adapter excluded."""
    lora = settings.lora
    blocked = sorted(blocked_modules(prelude.info.model_type))
    every = lora.target_modules == "all-linear"
    return PEFT.LoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        use_rslora=lora.use_rslora,
        target_modules="all-linear" if every else list(prelude.coverage.names),
        exclude_modules=blocked if every and blocked else None,
        task_type="CAUSAL_LM",
    )


def sft_arguments(settings: SFTSettings, prelude: Prelude, output_dir: Path) -> dict[str, Any]:
    """Everything that TRL's SFTConfig is given."""
    on_gpu = prelude.compute.device == "cuda"
    evaluated = prelude.valid is not None
    interval = settings.eval_steps or DEFAULT_INTERVAL
    bf16 = prelude.compute.precision == "bf16"
    model_arguments: dict[str, Any] = {"dtype": "bfloat16" if bf16 else "float32", "use_safetensors": True}
    if on_gpu:
        model_arguments["device_map"] = {"": 0}
    return {
        **_same_names(settings),
        "output_dir": str(output_dir),
        "model_init_kwargs": model_arguments,
        "per_device_eval_batch_size": max(settings.per_device_train_batch_size, EVAL_BATCH),
        "max_length": prelude.max_length,
        "packing": prelude.packing,
        "eval_packing": False,
        # rows come with their labels, cut to length; only packing has work left
        "dataset_kwargs": None if prelude.packing else {"skip_prepare_dataset": True},
        "train_sampling_strategy": "random" if prelude.packing else "group_by_length",
        "logging_strategy": "steps",
        "logging_first_step": True,
        # a loss that is no number must be seen, not smoothed away
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if evaluated else "no",
        "eval_steps": interval if evaluated else None,
        "save_strategy": "steps",
        "save_steps": interval,
        "load_best_model_at_end": evaluated,
        "metric_for_best_model": "eval_loss" if evaluated else None,
        "greater_is_better": False if evaluated else None,
        "bf16": bf16,
        "fp16": False,
        "use_cpu": not on_gpu,
        "optim": "adamw_torch_fused" if on_gpu else "adamw_torch",
        "activation_checkpointing": prelude.compute.checkpointing,
        "dataloader_pin_memory": on_gpu,
        "report_to": "none",
        "disable_tqdm": True,
    }


_SAME_NAMES = (
    "num_train_epochs",
    "max_steps",
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "weight_decay",
    "max_grad_norm",
    "logging_steps",
    "save_total_limit",
    "trust_remote_code",
    "seed",
)


def _same_names(settings: SFTSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in _SAME_NAMES}


# newer name -> the name under which an older library knows it
_OLDER_NAMES = {"activation_checkpointing": "gradient_checkpointing"}


def keep_known(config: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a library's dataclass has, under the names of the installed version."""
    known = {item.name for item in dataclasses.fields(config)}
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        here = name if name in known else _OLDER_NAMES.get(name, name)
        if here in known:
            kept[here] = value
        else:
            logger.warning("%s has no argument %s; left out", config.__name__, name)
    return kept


def read_memory(device: Device) -> int:
    """Bytes in use: on a GPU the most that torch ever reserved, otherwise what the process holds."""
    if device == "cuda":
        return int(TORCH.cuda.max_memory_reserved())
    return int(psutil.Process().memory_info().rss)


def out_of_memory(settings: SFTSettings, prelude: Prelude) -> ResourceError:
    """The error of a run that ran out of memory, with the cheapest change that helps."""
    load = Load(
        batch=settings.per_device_train_batch_size,
        length=prelude.max_length,
        checkpointing=prelude.compute.checkpointing,
        device=prelude.compute.device,
        bytes_per_weight=2 if prelude.compute.precision == "bf16" else 4,
    )
    fix: Fix = suggest_fix(load, settings.gradient_accumulation_steps)
    return ResourceError(_MEMORY_FIX[fix.code], **fix.changes)


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether an exception of torch says that memory ran out, on a GPU or in main memory."""
    if isinstance(exc, (MemoryError, TORCH.OutOfMemoryError)):
        return True
    return isinstance(exc, RuntimeError) and "can't allocate memory" in str(exc)
