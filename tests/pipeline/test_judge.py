from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import NotFoundError
from workbench.jobs import FakeExecutor, JobStore
from workbench.paths import Workspace
from workbench.pipeline.judge import submit_judge
from workbench.schemas.inference import Endpoint
from workbench.schemas.judging import JudgeConfig
from workbench.serving.memory import OVERHEAD_BYTES

ENDPOINT = Endpoint(name="j", base_url="http://127.0.0.1:9/v1", model="m", api_key_env="JUDGE_KEY")


@pytest.fixture
def jobs(workspace: Workspace) -> JobStore:
    return JobStore(workspace, executor=FakeExecutor(), environ={})


def test_a_judge_behind_a_server_takes_no_memory_and_names_its_key(jobs: JobStore) -> None:
    config = JudgeConfig(mode="absolute", evaluations=("x",), rubric="raft_ja", endpoint=ENDPOINT)
    record = submit_judge(jobs, config, "審査", request_id="once")
    assert (record.spec.memory_bytes, record.spec.secret_names) == (0, ("JUDGE_KEY",))
    assert submit_judge(jobs, config, "審査", request_id="once").spec.id == record.spec.id


def test_a_reward_model_of_this_machine_reserves_memory(jobs: JobStore, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"0" * 1000)
    config = JudgeConfig(mode="reward", evaluations=("x",), reward_model=str(tmp_path))
    assert submit_judge(jobs, config, "審査").spec.memory_bytes > OVERHEAD_BYTES


def test_a_rubric_that_does_not_exist_is_told_before_a_job_is_made(jobs: JobStore) -> None:
    config = JudgeConfig(mode="absolute", evaluations=("x",), rubric="nothing", endpoint=ENDPOINT)
    with pytest.raises(NotFoundError):
        submit_judge(jobs, config, "審査")
    assert jobs.list() == []
