from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from workbench.errors import InputError
from workbench.evaluation.formats import read_results
from workbench.evaluation.formats.promptfoo import write_promptfoo
from workbench.schemas.chat import ChatMessage
from workbench.schemas.evaluation import ScoredAnswer


def row(test: int, provider: str = "openai:chat:m", **changes: Any) -> dict[str, Any]:
    return {
        "testIdx": test,
        "promptIdx": 0,
        "provider": {"id": provider, "label": ""},
        "vars": {"question": f"問{test}", "expected": "2"},
        "response": {"output": "2"},
        "success": True,
        "score": 1,
        "latencyMs": 1500,
        **changes,
    }


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text(json.dumps({"evalId": "e", "results": {"version": 3, "results": rows}}), encoding="utf-8")
    return path


def test_results_are_read_with_their_states(tmp_path: Path) -> None:
    failed = row(1, response={"error": "timeout"}, error="timeout", success=False, score=0)
    wrong = row(
        2, response={"output": {"a": 1}}, success=False, score=0.25, error="Expected output to equal 2"
    )
    empty = row(3, response={"output": ""}, success=False, score=0)
    run = read_results([write(tmp_path / "out.json", [row(0), failed, wrong, empty])])
    assert [answer.state for answer in run.answers] == ["answered", "error", "answered", "empty"]
    assert run.answers[0].scores == {"passed": 1.0, "score": 1.0}
    assert (run.answers[1].scores, run.answers[2].prediction, run.answers[0].seconds) == ({}, '{"a": 1}', 1.5)
    figures = run.tasks["promptfoo"]
    # the empty answer counts as a wrong one, the error as nothing
    assert (figures.errors, figures.metrics["passed"].value) == (1, pytest.approx(1 / 3))


def test_one_provider_is_one_run(tmp_path: Path) -> None:
    path = write(tmp_path / "out.json", [row(0, "a"), row(0, "b", success=False)])
    with pytest.raises(InputError) as caught:
        read_results([path])
    assert (caught.value.code, caught.value.params["known"]) == ("import_choose_provider", "a, b")
    assert read_results([path], "b").answers[0].scores["passed"] == 0.0


@pytest.mark.parametrize(
    ("rows", "code"),
    [([row(0), row(0)], "import_ids_repeat"), ([{"x": 1}], "import_record_bad"), ([], "import_empty")],
)
def test_a_wrong_file_gets_one_sentence(tmp_path: Path, rows: list[Any], code: str) -> None:
    with pytest.raises(InputError, match=code):
        read_results([write(tmp_path / "out.json", rows)])


def test_files_of_no_known_program_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"results": 3}', encoding="utf-8")
    with pytest.raises(InputError, match="import_unknown"):
        read_results([tmp_path / "a.json"])
    with pytest.raises(InputError, match="import_one_file"):
        read_results([write(tmp_path / "b.json", [row(0)]), tmp_path / "a.json"])


def asked(name: str, task: str, prompt: str, system: str = "") -> ScoredAnswer:
    head = (ChatMessage(role="system", content=system),) if system else ()
    return ScoredAnswer(
        id=name,
        kind="task",
        task=task,
        question=prompt,
        target="2",
        prediction="",
        answer_state="ok",
        state="answered",
        messages=(*head, ChatMessage(role="user", content=prompt)),
    )


def test_a_configuration_asks_our_questions_and_names_no_key(tmp_path: Path) -> None:
    answers = [asked("1", "jcq", "どれ？", "短く"), asked("2", "free", "{{ danger }}")]
    details = {
        "label": "run",
        "endpoint": {"model": "m", "base_url": "http://x/v1", "api_key_env": "MY_KEY"},
        "sampling": {"temperature": 0.0},
        "tasks": {"jcq": {"max_tokens": 1}, "free": {"max_tokens": 64}},
    }
    told = write_promptfoo(tmp_path, answers, {"jcq": "jcq_llmjp", "free": "free_qa"}, details)
    assert (told["questions"], told["without_assertion"], told["without_prompt"]) == (2, 1, 0)
    config = yaml.safe_load((tmp_path / "promptfooconfig.yaml").read_text(encoding="utf-8"))
    (provider,) = config["providers"]
    assert provider["id"] == "openai:chat:m"
    assert provider["config"] == {
        "apiBaseUrl": "http://x/v1",
        "apiKeyEnvar": "MY_KEY",
        "temperature": 0.0,
        "max_tokens": 64,
    }
    first, second = json.loads((tmp_path / "tests.json").read_text(encoding="utf-8"))
    assert (first["vars"]["system"], first["vars"]["expected"], len(first["assert"])) == ("短く", "2", 1)
    assert second["vars"]["prompt"] == "{% raw %}{{ danger }}{% endraw %}"
    assert "assert" not in second
