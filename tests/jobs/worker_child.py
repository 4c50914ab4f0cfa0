"""A worker whose jobs are tiny: `python worker_child.py JOB_DIR` runs one as the real worker does."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from workbench.artifacts import append_jsonl, read_jsonl
from workbench.errors import InputError
from workbench.jobs import JobContext, LocalExecutor, run_job


def _command(folder: Path) -> list[str]:
    return [sys.executable, __file__, str(folder)]


def child_executor() -> LocalExecutor:
    """Starts this file instead of the real worker."""
    return LocalExecutor(_command)


def count_steps(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Counts to `steps`, one journalled line each, and goes on where an earlier run stopped."""
    journal = job.work_dir / "steps.jsonl"
    done = len(list(read_jsonl(journal))) if journal.exists() else 0
    job.event("counting", start=done)
    for step in range(done, config["steps"]):
        if job.check():
            job.mark_stopped_early()
            return {"steps": step, "resumed": job.resumed}
        append_jsonl(journal, [{"step": step}])
        job.metric(step=step, loss=1 / (step + 1))
        job.progress("counting", done=step + 1, total=config["steps"], unit="steps")
        time.sleep(config.get("pause", 0.0))
    return {"steps": config["steps"], "resumed": job.resumed}


def raise_error(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Fails in the way that the configuration names."""
    errors: dict[str, Exception] = {
        "ours": InputError("faq_empty", path="/data/faq.csv"),
        "disk": OSError(errno.ENOSPC, "No space left on device"),
        "memory": MemoryError(),
        "fault": ValueError("something odd"),
    }
    raise errors[config["error"]]


def hang(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Never looks at what was asked of it."""
    job.progress("hanging")
    while True:
        time.sleep(0.05)


def show_surroundings(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Tells where it runs, and says its secret in every way that a library might."""
    value = job.secret(config["secret"]) if config.get("secret") else ""
    if value:
        logging.getLogger("some.library").warning("the key is %s", value)
        print("printed", value)  # noqa: T201
        os.environ["LEFT_BEHIND"] = "by the job's function"
    return {
        "cwd": os.getcwd(),
        "files": os.listdir(),
        "session": os.getsid(0) == os.getpid(),
        "stdin_empty": sys.stdin.read() == "",
        "names": [name for name in config.get("names", []) if name in os.environ],
    }


def serve(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Stands for a model server: ready until it is stopped."""
    job.server_ready("http://127.0.0.1:1/v1", models=["base"])
    while not job.check():
        time.sleep(0.02)
    return {}


ACTIONS: dict[str, Callable[[dict[str, Any], JobContext], dict[str, Any]]] = {
    "count": count_steps,
    "raise": raise_error,
    "hang": hang,
    "surroundings": show_surroundings,
    "serve": serve,
}


def act(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """The function of every kind: does what the configuration names."""
    return ACTIONS[config["action"]](config, job)


if __name__ == "__main__":
    functions: Any = dict.fromkeys(["train", "serve", "evaluate", "download", "compare"], act)
    sys.exit(run_job(Path(sys.argv[1]), functions, executor=child_executor()))
