"""`workbench convert SRC DST --to FORM`: a checkpoint or an adapter becomes a model that servers load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from workbench.cli.commands.following import follow, public_record
from workbench.cli.context import CliContext
from workbench.errors import WorkbenchError
from workbench.schemas.base import parse
from workbench.schemas.conversion import ConvertConfig, Dtype, Target

_PASSED = ("accept_tokenizer", "ollama_url", "ollama_name", "ollama_adapter", "system")


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `convert`."""
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("target", metavar="DST")
    parser.add_argument("--to", choices=get_args(Target), default="safetensors")
    parser.add_argument("--base", default="")
    parser.add_argument("--dtype", choices=get_args(Dtype), default=None)
    parser.add_argument("--texts", default="", metavar="JSONL")
    parser.add_argument("--accept-tokenizer", action="store_true")
    parser.add_argument("--ollama-url", default="", metavar="URL")
    parser.add_argument("--ollama-name", default="", metavar="NAME")
    parser.add_argument("--ollama-adapter", action="store_true")
    parser.add_argument("--system", default="", metavar="TEXT")
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
            **{name: getattr(arguments, name) for name in _PASSED},
        },
    )
    jobs = context.jobs()
    try:
        record = follow(context, jobs, jobs.submit("convert", Path(config.source).name, config).spec.id)
    except WorkbenchError as error:
        # no fault of the program: a check ran, and what it found waits for a person's word
        if error.code != "tokenizer_not_confirmed":
            raise
        context.out.error(error)
        return 1
    if record.status.state != "succeeded" or record.result is None:
        context.out.result(public_record(record), f"{record.spec.id}: {record.status.state}")
        return 1
    proof: dict[str, str] = record.result["proof"]
    lines = [str(record.result["path"]), *(f"  {name}: {state}" for name, state in proof.items())]
    ollama: dict[str, Any] = record.result.get("ollama") or {}
    lines += [str(name) for name in ollama.get("models") or ollama.get("commands") or ()]
    context.out.result(record.result, "\n".join(lines))
    return 1 if "failed" in proof.values() else 0
