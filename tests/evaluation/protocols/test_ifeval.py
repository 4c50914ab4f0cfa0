from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import InputError
from workbench.evaluation.protocols import PROTOCOLS, Given
from workbench.evaluation.score_task import score_task_reply
from workbench.evaluation.task_figures import summarise_task
from workbench.schemas.chat import Sample
from workbench.schemas.inference import ChatReply

IFEVAL = PROTOCOLS["ifeval"]
META = {
    "instruction_id_list": ["punctuation:no_comma", "detectable_format:title"],
    "kwargs": [{}, {}],
}


def _sample(name: str) -> Sample:
    return Sample(
        id=name, kind="task", task="ifeval", messages=(), question="q", documents=(), target="", meta=META
    )


def test_a_question_is_right_when_all_its_instructions_are_followed() -> None:
    verdict = IFEVAL.measure(Given("<<T>>\nno commas", "", meta=META))
    assert verdict.scores == {"prompt_strict": 1.0, "prompt_loose": 1.0}
    assert verdict.lists == {"instructions_strict": (1.0, 1.0), "instructions_loose": (1.0, 1.0)}


def test_strict_and_loose_verdicts_stand_side_by_side() -> None:
    verdict = IFEVAL.measure(Given("Sure, here:\n<<T>>\nno commas", "", meta=META))
    assert verdict.scores == {"prompt_strict": 0.0, "prompt_loose": 1.0}
    assert verdict.lists["instructions_strict"] == (0.0, 1.0)


def test_the_figures_pool_the_instructions_of_all_questions() -> None:
    texts = ["<<T>>\nno commas", "one, two", "<<T>>, x"]
    answers = [
        score_task_reply(_sample(str(index)), ChatReply(text=text), IFEVAL)
        for index, text in enumerate(texts)
    ]
    figures = summarise_task(answers, IFEVAL, "ifeval")
    assert figures.metrics["prompt_strict"].value == pytest.approx(1 / 3)
    assert figures.metrics["instructions_strict"].value == pytest.approx(3 / 6)
    assert figures.metrics["instructions_strict"].n == 6


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"instruction_id_list": "punctuation:no_comma", "kwargs": [{}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": {}},
        {"instruction_id_list": [1], "kwargs": [{}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": ["x"]},
    ],
)
def test_lines_of_another_form_are_refused(meta: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        IFEVAL.measure(Given("text", "", meta=meta))
    assert caught.value.code == "ifeval_lists_bad"
