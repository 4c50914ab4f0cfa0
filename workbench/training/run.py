"""The job `train`: from settings to a committed adapter."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from workbench.jobs import JobContext
from workbench.schemas.base import parse
from workbench.schemas.training import SFTSettings, TrainSettings
from workbench.training.environment import prepare_environment

logger = logging.getLogger(__name__)

Method = Callable[[TrainSettings, JobContext], dict[str, Any]]

# modules, not functions: they load torch, which must happen after the environment is set
METHODS: dict[str, str] = {"sft": "workbench.training.session"}


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Train an adapter.

    Args:
        config: `SFTSettings` as JSON.
        job: The job.

    Returns:
        `artifact`, `path` (the adapter's folder), `steps`, `train_loss`, `eval_loss`, `stopped_early`.

    Raises:
        WorkbenchError: The settings, the model or a file cannot be used, or the machine lacks memory.
        JobInterrupt: A person paused or cancelled the run.
    """
    settings = parse(SFTSettings, config)
    job.progress("train_load")
    prepare_environment(os.environ, job.work_dir)
    train = cast("Method", import_module(METHODS[settings.method]).train)
    return train(settings, job)
