"""How llm-jp-eval divides a dataset and lays it out in its files. Facts of its formats, in our own words."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from workbench.evaluation.tasks.questions import Question

SEED = 42
TRAIN_SHARE = 0.9
SLOT = "<%input%>"
"""Where its dumped templates want the question."""
JCQ_INSTRUCTION_V1 = (
    "質問と回答の選択肢を入力として受け取り、選択肢から回答を選択してください。なお、回答は選択肢の番号（例：0）で"
    "するものとします。 回答となる数値をint型で返し、他には何も含めないことを厳守してください。"
)
ANSWER_FORMS = {
    "choice_only_jp": "選択肢の番号または文字のみで回答してください",
    "answer_tags_jp": "<answer></answer>タグで囲んで回答してください",
    "custom": "",
    "": "",
}
"""What a template says of the form of an answer, by the pattern's id."""


def split_pool(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """The published training questions as llm-jp-eval's `train` and `dev`: shuffled, the last tenth set aside.

    Solved examples in a prompt are the first of `train`, the same for every question.
    """
    pool = list(questions)
    random.Random(SEED).shuffle(pool)
    cut = int(TRAIN_SHARE * len(pool))
    return pool[:cut], pool[cut:]


def show_output(output: str, pattern: str) -> str:
    """A solved example's answer in the form that the prompt asks for."""
    return f"<answer>{output}</answer>" if pattern == "answer_tags_jp" else output


def dump_dataset_v1(instruction: str, output_length: int, questions: Sequence[Question]) -> str:
    """The text of a dataset file of llm-jp-eval v1.x, byte for byte."""
    content = {
        "instruction": instruction,
        "output_length": output_length,
        "metrics": ["exact_match"],
        "few_shots": [],
        "samples": [{"input": item.input, "output": item.output} for item in questions],
    }
    return json.dumps(content, ensure_ascii=False, indent=4)


def count_dumped_shots(prompt: str) -> int:
    """Solved examples in a prompt that llm-jp-eval dumped: its tags, else the headings before the last."""
    headings = max(prompt.count(f"### {word}") for word in ("入力", "Input"))
    return prompt.count("<example_") or max(0, headings - 1)
