"""Submits a judge's job: the one place that knows what memory and secrets it needs."""

from __future__ import annotations

from workbench.evaluation.judging.rubrics import load_rubric
from workbench.jobs import JobStore
from workbench.schemas.job import JobRecord
from workbench.schemas.judging import JudgeConfig
from workbench.schemas.serving import ServeConfig
from workbench.serving.memory import serving_bytes


def submit_judge(jobs: JobStore, config: JudgeConfig, title: str, *, request_id: str = "") -> JobRecord:
    """Put a judge's job into the queue.

    Args:
        jobs: The workspace's jobs.
        config: What to judge, and who judges.
        title: What people read in the list.
        request_id: Of the click or call.

    Raises:
        NotFoundError: `rubric_missing`.
        InputError: The rubric cannot be read.
        ResourceError: The reward model is too large for this machine.
    """
    if config.rubric:
        load_rubric(config.rubric)
    # a reward model takes as much as the same model would as a server
    memory = serving_bytes(ServeConfig(model=config.reward_model)) if config.reward_model else 0
    endpoint = config.endpoint
    secrets = [endpoint.api_key_env] if endpoint and endpoint.api_key_env else []
    return jobs.submit(
        "judge", title, config, request_id=request_id, memory_bytes=memory, secret_names=secrets
    )
