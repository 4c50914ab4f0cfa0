"""The catalogue on the published data, held against what llm-jp-eval itself wrote."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from workbench.evaluation.tasks.llmjp import JCQ_INSTRUCTION_V1, dump_dataset_v1, split_pool
from workbench.evaluation.tasks.loading import load_task_set
from workbench.evaluation.tasks.readers import READERS
from workbench.schemas.evaluation import TaskChoice

pytestmark = pytest.mark.data

DEV_SHA256 = "ac30df014eee8d24d62a5e1fbd4ed1e3b5d76bffb836ffb4c9fa59e72a056591"
"""Published by llm-jp for jcommonsenseqa's dev file of v1.3.1 and v1.4.1."""


def test_the_dev_file_is_the_one_that_llm_jp_published(shared_data: Path) -> None:
    pool = READERS["jglue_jcq"](shared_data / "jcommonsenseqa" / "train-v1.3.json", {}).questions
    train, dev = split_pool(pool)
    assert (len(train), len(dev)) == (8045, 894)
    text = dump_dataset_v1(JCQ_INSTRUCTION_V1, 1, dev)
    assert hashlib.sha256(text.encode("utf-8")).hexdigest() == DEV_SHA256


def test_prompts_are_those_of_a_real_run_of_llm_jp_eval(shared_data: Path, tmp_path: Path) -> None:
    found = load_task_set(TaskChoice(task="jcq_llmjp", data=str(shared_data / "jcommonsenseqa")), tmp_path)
    result = shared_data / "llm_jp_eval_v2_result_sample" / "result_run_a.json"
    records = [
        record
        for record in json.loads(result.read_text(encoding="utf-8"))["records"]
        if record["target_dataset"] == "jcommonsenseqa"
    ]
    for record, sample in zip(records, found.samples, strict=False):
        assert sample.messages[0].content == record["prompt"]
        assert sample.target == record["true"]
    assert (len(found.samples), found.shots, found.max_tokens) == (1119, 4, 1)


def test_the_article_s_template_is_without_examples_though_four_are_asked_for(
    shared_data: Path, tmp_path: Path
) -> None:
    choice = TaskChoice(task="jcq_llmjp_nothink", data=str(shared_data / "jcommonsenseqa"), shots=4)
    found = load_task_set(choice, tmp_path)
    assert (found.shots, found.shots_asked) == (0, 4)
    assert found.samples[0].messages[0].content.startswith("/no_think### 指示\n質問と回答の")


@pytest.mark.parametrize(
    ("task", "folder", "questions"),
    [
        ("jcq_chat", "jcommonsenseqa", 1119),
        ("jsquad", "jsquad", 4442),
        ("squad_v2", "squad_v2_subset", 6078),
        ("gsm8k", "gsm8k", 1319),
        ("ifeval", "ifeval", 541),
    ],
)
def test_published_data_is_read_whole(
    shared_data: Path, tmp_path: Path, task: str, folder: str, questions: int
) -> None:
    found = load_task_set(TaskChoice(task=task, data=str(shared_data / folder)), tmp_path)
    assert len(found.samples) == questions
    assert len({sample.id for sample in found.samples}) == questions


def test_half_of_squad_has_no_answer(shared_data: Path, tmp_path: Path) -> None:
    choice = TaskChoice(task="squad_v2", data=str(shared_data / "squad_v2_subset"))
    found = load_task_set(choice, tmp_path)
    assert sum(not sample.target for sample in found.samples) == 3168
