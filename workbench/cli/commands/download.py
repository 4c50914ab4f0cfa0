"""`workbench download ORG/NAME`: a model from a hub, as a job that can be resumed."""

from __future__ import annotations

import argparse

from workbench.cli.commands.following import follow, public_record
from workbench.cli.context import CliContext
from workbench.schemas.base import parse
from workbench.schemas.training import DownloadConfig


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `download`."""
    parser.add_argument("repo_id", metavar="ORG/NAME")
    parser.add_argument("--revision", default="main")
    parser.add_argument("--token-env", default="", metavar="VARIABLE")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Download and print where the model lies."""
    values = {"repo_id": arguments.repo_id, "revision": arguments.revision, "token_env": arguments.token_env}
    config = parse(DownloadConfig, values)
    jobs = context.jobs()
    secrets = (config.token_env,) if config.token_env else ()
    submitted = jobs.submit("download", config.repo_id, config, secret_names=secrets)
    record = follow(context, jobs, submitted.spec.id)
    context.out.result(public_record(record), f"{record.spec.id}: {record.status.state}")
    return 0 if record.status.state == "succeeded" else 1
