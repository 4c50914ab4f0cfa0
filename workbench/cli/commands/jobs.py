"""`workbench jobs list|show|pause|resume|stop|cancel`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from workbench.cli.commands.following import public_record
from workbench.cli.context import CliContext
from workbench.jobs import JobStore
from workbench.schemas.job import JobRecord

ACTIONS: dict[str, Callable[[JobStore, str], JobRecord]] = {
    "show": lambda jobs, job_id: jobs.get(job_id),
    "pause": lambda jobs, job_id: jobs.control(job_id, "pause"),
    "resume": lambda jobs, job_id: jobs.resume(job_id),
    "stop": lambda jobs, job_id: jobs.control(job_id, "stop"),
    "cancel": lambda jobs, job_id: jobs.control(job_id, "cancel"),
}


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `jobs`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", parents=[common])
    for name in ACTIONS:
        actions.add_parser(name, parents=[common]).add_argument("job", metavar="ID")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """List the jobs, or show or steer one."""
    jobs = context.jobs()
    if arguments.action == "list":
        records = jobs.list()
        lines = [f"{r.spec.id}  {r.status.state:<9}  {r.spec.kind:<13}  {r.spec.title}" for r in records]
        text = "\n".join(lines) or context.out.text("cli.jobs.none")
        context.out.result({"jobs": [public_record(record) for record in records]}, text)
        return 0
    record = ACTIONS[arguments.action](jobs, arguments.job)
    context.out.result(public_record(record), f"{record.spec.id}: {record.status.state}")
    return 0
