"""`workbench train SPEC`: one training run from a YAML or JSON file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.cli.commands.following import follow, public_record
from workbench.cli.context import CliContext
from workbench.errors import InputError, NotFoundError
from workbench.schemas.base import parse
from workbench.schemas.training import SFTSettings
from workbench.training.plan import training_bytes

PATH_FIELDS = ("model", "train_file", "eval_file", "rehearsal_file")


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `train`."""
    parser.add_argument("spec", type=Path, metavar="SPEC")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Train and print the run's record."""
    settings = load_settings(arguments.spec)
    jobs = context.jobs()
    title = settings.name or arguments.spec.stem
    submitted = jobs.submit("train", title, settings, memory_bytes=training_bytes(settings))
    context.out.say("cli.submitted", job=submitted.spec.id)
    record = follow(context, jobs, submitted.spec.id)
    context.out.result(public_record(record), f"{record.spec.id}: {record.status.state}\n{record.folder}")
    return 0 if record.status.state == "succeeded" else 1


def load_settings(path: Path) -> SFTSettings:
    """Training settings from a file; its relative paths are relative to the file.

    Raises:
        NotFoundError: No such file.
        InputError: Neither YAML nor JSON.
        ConfigError: Fields are wrong.
    """
    if not path.is_file():
        raise NotFoundError("spec_missing", path=str(path))
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise InputError("spec_not_yaml", path=str(path)) from exc
    if not isinstance(loaded, dict):
        raise InputError("spec_not_yaml", path=str(path))
    values = cast("dict[str, Any]", loaded)
    # a job's own spec.json holds the settings under `config`
    values = cast("dict[str, Any]", values["config"]) if "config" in values and "kind" in values else values
    for field in PATH_FIELDS:
        if isinstance(values.get(field), str) and values[field]:
            values[field] = str((path.resolve().parent / Path(values[field]).expanduser()).resolve())
    return parse(SFTSettings, values)
