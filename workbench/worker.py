"""`python -m workbench.worker JOB_DIR`: the one entry point of every worker process (`--wait KIND`: see `spare`).

Maps a job's kind to the function that does it. The function's module is imported only here and only for
that kind, so that listing or submitting jobs never loads torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from workbench.spare import WAIT, await_order
from workbench.startup import collection_paused

with collection_paused():
    from workbench.jobs import JobContext, run_job
    from workbench.schemas.job import JobKind

JobFunction = Callable[[dict[str, Any], JobContext], dict[str, Any]]

FUNCTIONS: dict[JobKind, str] = {
    "generate_raft": "workbench.generation.run",
    "train": "workbench.training.run",
    "download": "workbench.training.download",
    "pull": "workbench.serving.pull",
    "serve": "workbench.serving.run",
    "load_probe": "workbench.serving.load",
    "evaluate": "workbench.evaluation.run",
    "compare": "workbench.evaluation.compare",
    "judge": "workbench.evaluation.judging.run",
    "convert": "workbench.conversion.run",
    "gate": "workbench.pipeline.gate_job",
    "recipe": "workbench.pipeline.run",
}


FURTHER: dict[str, tuple[str, ...]] = {"evaluate": ("workbench.inference.openai_client",)}
"""What jobs of a kind load later, by what they are told; a worker that waits for its job loads it ahead."""


def _deferred(module: str) -> JobFunction:
    def call(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
        with collection_paused():
            run = import_module(module).run
        return run(config, job)

    return call


def main(arguments: list[str]) -> int:
    """Run one job folder to its end; the exit code is 0 where the job did what it was asked.

    With `--wait KIND` load what jobs of that kind need, and wait to be told the folder.
    """
    if arguments[0] == WAIT:
        with collection_paused():
            for module in (FUNCTIONS[cast("JobKind", arguments[1])], *FURTHER.get(arguments[1], ())):
                import_module(module)
        order = await_order(sys.stdin.buffer)
        if order is None:
            return 0
        arguments = [str(order.folder)]
    functions: dict[JobKind, JobFunction] = {kind: _deferred(module) for kind, module in FUNCTIONS.items()}
    return run_job(Path(arguments[0]), functions)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
