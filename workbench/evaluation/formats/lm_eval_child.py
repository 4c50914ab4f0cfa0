"""Runs lm-evaluation-harness as a process of its own against one of our endpoints.

It is an extra (`pip install "fine-tuning-workbench[lm-eval]"`) for published benchmarks that are not in our
catalogue. Only tasks that generate text work over a chat API; those that compare likelihoods do not.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.errors import EndpointError, InputError, StateError
from workbench.inference.clients import read_key
from workbench.schemas.inference import Endpoint

MODULE = "lm_eval"
RETRIES = 3
TAIL = 400
"""Characters of its output that a message repeats."""


def find_python(given: str) -> str:
    """The interpreter that has lm-eval: the given one, or ours.

    Raises:
        StateError: `lm_eval_missing`.
    """
    if given:
        return given
    if importlib.util.find_spec(MODULE) is None:
        raise StateError("lm_eval_missing")
    return sys.executable


def build_command(
    python: str, endpoint: Endpoint, tasks: Sequence[str], out: Path, *, limit: int = 0, include: str = ""
) -> list[str]:
    """The call; the key is no part of it.

    Args:
        python: Interpreter that has lm-eval.
        endpoint: Whom to ask.
        tasks: Names of its tasks.
        out: Folder for its files.
        limit: Questions per task; 0: all.
        include: Folder with further task files; empty for none.

    Raises:
        InputError: `lm_eval_task_bad`, or the model's name cannot stand in its argument list.
    """
    for name in tasks:
        if not name or name.startswith("-") or "," in name:
            raise InputError("lm_eval_task_bad", name=name)
    if "," in endpoint.model or "," in endpoint.base_url:
        raise InputError("lm_eval_task_bad", name=endpoint.model)
    model = {
        "model": endpoint.model,
        "base_url": f"{endpoint.base_url}/chat/completions",
        "num_concurrent": str(endpoint.max_in_flight),
        "max_retries": str(RETRIES),
        "timeout": str(round(endpoint.timeout_s)),
    }
    command = [python, "-m", MODULE, "--model", "local-chat-completions"]
    command += ["--model_args", ",".join(f"{name}={value}" for name, value in model.items())]
    command += ["--tasks", ",".join(tasks), "--apply_chat_template", "--log_samples"]
    command += ["--output_path", str(out)]
    command += ["--limit", str(limit)] if limit else []
    return command + (["--include_path", include] if include else [])


def run_lm_eval(
    command: Sequence[str], endpoint: Endpoint, environ: Mapping[str, str], out: Path
) -> list[Path]:
    """Run it to its end; its samples, one file per task.

    Raises:
        StateError: `secret_missing` or `lm_eval_missing`.
        EndpointError: `lm_eval_failed`.
    """
    key = read_key(endpoint, environ)
    child = {**os.environ, **environ, "OPENAI_API_KEY": key or "none"}
    try:
        done = subprocess.run(command, env=child, cwd=out, capture_output=True, text=True, check=False)
    except OSError as exc:
        raise StateError("lm_eval_missing") from exc
    samples = sorted(out.rglob("samples_*.jsonl"))
    if done.returncode or not samples:
        said = (done.stderr or done.stdout).strip()[-TAIL:]
        raise EndpointError(
            "lm_eval_failed", status=done.returncode, detail=said.replace(key, "***") if key else said
        )
    return samples
