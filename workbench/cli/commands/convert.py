"""`workbench convert SRC DST --to FORM`: a checkpoint or an adapter becomes a model that servers load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from workbench.cli.commands.following import follow, public_record
from workbench.cli.context import CliContext
from workbench.schemas.base import parse
from workbench.schemas.conversion import ConvertConfig, Dtype, Target


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `convert`."""
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("target", metavar="DST")
    parser.add_argument("--to", choices=get_args(Target), default="safetensors")
    parser.add_argument("--base", default="")
    parser.add_argument("--dtype", choices=get_args(Dtype), default=None)
    parser.add_argument("--texts", default="", metavar="JSONL")
    parser.add_argument(
        "--max-shard-bytes", type=int, default=ConvertConfig.model_fields["shard_bytes"].default
    )


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Convert as a job and print what was written and proved; 1 where a check failed."""
    absolute = {
        name: str(Path(value).expanduser().absolute()) if value else ""
        for name in ("source", "target", "base", "texts")
        if (value := getattr(arguments, name)) is not None
    }
    config = parse(
        ConvertConfig,
        {
            **absolute,
            "to": arguments.to,
            "dtype": arguments.dtype,
            "shard_bytes": arguments.max_shard_bytes,
        },
    )
    jobs = context.jobs()
    record = follow(context, jobs, jobs.submit("convert", Path(config.source).name, config).spec.id)
    if record.status.state != "succeeded" or record.result is None:
        context.out.result(public_record(record), f"{record.spec.id}: {record.status.state}")
        return 1
    proof: dict[str, str] = record.result["proof"]
    lines = [str(record.result["path"]), *(f"  {name}: {state}" for name, state in proof.items())]
    context.out.result(record.result, "\n".join(lines))
    return 1 if "failed" in proof.values() else 0
