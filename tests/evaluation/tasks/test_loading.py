from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from tests.evaluation.tasks.files import write_jsonl, write_questions, write_task
from workbench.errors import ConfigError, EndpointError, InputError, NotFoundError, WorkbenchError
from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.tasks import list_tasks
from workbench.evaluation.tasks.data import fetch_data
from workbench.evaluation.tasks.loading import TaskSet, load_task_set
from workbench.schemas.evaluation import TaskChoice
from workbench.schemas.inference import Sampling
from workbench.schemas.tasks import DataFile, HubFile, WebFile

TEMPLATE = "{% for s in few_shots %}{{ s.input }}={{ s.output }} {% endfor %}{{ input }}="


def load(path: Path | str, data: Path | str = "", **more: Any) -> TaskSet:
    limit = more.pop("limit", 0)
    return load_task_set(TaskChoice(task=str(path), data=str(data), **more), Path("/nowhere"), limit=limit)


def error_of(*arguments: Any, **more: Any) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        load(*arguments, **more)
    return caught.value


def test_every_task_of_the_catalogue_can_be_read_and_has_words_in_both_languages() -> None:
    tasks = list_tasks()
    assert {
        "jcq_llmjp",
        "jcq_llmjp_nothink",
        "jcq_chat",
        "jsquad",
        "squad_v2",
        "gsm8k",
        "ifeval",
        "ifeval_ja",
    } <= {task.spec.name for task in tasks}
    for task in tasks:
        assert task.path.stem == task.spec.name
        assert set(task.spec.title) == set(task.spec.about) == {"ja", "en"}
        assert task.protocol is PROTOCOLS[task.spec.protocol]


def test_a_task_is_a_yaml_file_and_a_file_of_questions(tmp_path: Path) -> None:
    write_questions(tmp_path)
    found = load(write_task(tmp_path, prompt={"template": "問: {{ input }}", "system": "短く"}))
    assert [sample.id for sample in found.samples] == ["q0", "q1", "q2"]
    assert [message.content for message in found.samples[0].messages] == ["短く", "問: 0 の次は？"]
    assert (found.samples[0].task, found.samples[0].kind, found.samples[0].target) == ("mine", "task", "1")
    assert found.facts["protocol"] == "char_f1@1"
    assert found.facts["data_sha256"] == hashlib.sha256((tmp_path / "data.jsonl").read_bytes()).hexdigest()


def test_the_task_fixes_its_tokens_and_stops_and_leaves_the_rest(tmp_path: Path) -> None:
    write_questions(tmp_path)
    sampling = {"max_tokens": 3, "max_tokens_delta": 2, "stop": ["\n\n"]}
    found = load(write_task(tmp_path, sampling=sampling)).sampling(Sampling(temperature=0.5, seed=7))
    assert (found.max_tokens, found.stop, found.temperature, found.seed) == (5, ("\n\n",), 0.5, 7)


def test_solved_examples_are_the_first_of_their_file(tmp_path: Path) -> None:
    write_questions(tmp_path)
    write_jsonl(tmp_path / "ex.jsonl", [{"question": f"例{n}", "answer": f"答{n}"} for n in range(5)])
    source = {"reader": "table", "data": {"path": "data.jsonl"}, "examples": {"path": "ex.jsonl"}}
    task = write_task(tmp_path, source=source, prompt={"template": TEMPLATE}, shots=2)
    assert load(task).samples[0].messages[0].content == "例0=答0 例1=答1 0 の次は？="
    assert load(task).shots == 2
    assert load(task, shots=0).samples[0].messages[0].content == "0 の次は？="
    assert load(task, shots=9).shots == 5


def test_the_shots_are_those_in_the_prompt_and_unequal_prompts_have_unequal_hashes(tmp_path: Path) -> None:
    write_questions(tmp_path)
    write_jsonl(tmp_path / "ex.jsonl", [{"question": "例", "answer": "答"}])
    source = {"reader": "table", "data": {"path": "data.jsonl"}, "examples": {"path": "ex.jsonl"}}
    looping = load(write_task(tmp_path, source=source, prompt={"template": TEMPLATE}, shots=1))
    silent = load(write_task(tmp_path, source=source, prompt={"template": "{{ input }}"}, shots=1))
    assert (looping.shots, silent.shots, silent.shots_asked) == (1, 0, 1)
    assert looping.facts["template_sha256"] != silent.facts["template_sha256"]


def test_a_limit_of_the_choice_wins_over_that_of_the_evaluation(tmp_path: Path) -> None:
    write_questions(tmp_path)
    task = write_task(tmp_path)
    assert [len(load(task, limit=2).samples), len(load(task).samples)] == [2, 3]
    found = load_task_set(TaskChoice(task=str(task), limit=1), tmp_path, limit=2)
    assert (len(found.samples), found.facts["limit"]) == (1, 1)


def test_questions_without_ids_get_one_by_content_and_equal_ones_are_told_apart(tmp_path: Path) -> None:
    rows = [
        {"question": "a", "answer": "x"},
        {"question": "b", "answer": "x"},
        {"question": "a", "answer": "x"},
    ]
    write_jsonl(tmp_path / "data.jsonl", rows)
    names = [sample.id for sample in load(write_task(tmp_path)).samples]
    assert names[2] == f"{names[0]}-2"
    assert len(set(names)) == 3


def test_an_id_that_occurs_twice_is_told_with_its_line(tmp_path: Path) -> None:
    rows = [{"id": "1", "question": "a", "answer": "x"}, {"id": "1", "question": "b", "answer": "y"}]
    write_jsonl(tmp_path / "data.jsonl", rows)
    error = error_of(write_task(tmp_path))
    assert (error.code, error.params["line"], error.params["id"]) == ("task_ids_repeat", 2, "1")


def test_a_question_that_its_protocol_cannot_score_is_told(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "data.jsonl", [{"question": "a", "answer": "x"}, {"question": "b"}])
    error = error_of(write_task(tmp_path))
    assert (error.code, error.params["place"]) == ("task_question_unscorable", "2")
    error = error_of(write_task(tmp_path, protocol="choice"))
    assert (error.code, error.params["field"]) == ("task_question_unscorable", "choices")


def test_a_file_without_questions_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text("\n", encoding="utf-8")
    assert error_of(write_task(tmp_path)).code == "task_without_questions"


def test_examples_are_asked_for_where_there_are_none(tmp_path: Path) -> None:
    write_questions(tmp_path)
    assert error_of(write_task(tmp_path, shots=2)).code == "task_without_examples"
    source = {"data": {"path": "data.jsonl"}, "examples": {"names": ["train.jsonl"]}}
    error = error_of(write_task(tmp_path, source=source), tmp_path / "data.jsonl", shots=2)
    assert (error.code, error.params["names"]) == ("task_examples_missing", "train.jsonl")


@pytest.mark.parametrize(
    ("content", "code"),
    [("a: [", "task_file_bad"), ("- 1", "task_file_bad"), ("", "task_file_bad"), ("\xff", "task_file_bad")],
)
def test_a_broken_task_file_gets_one_sentence(tmp_path: Path, content: str, code: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(content.encode("latin-1"))
    assert error_of(path).code == code


def test_wrong_fields_of_a_task_file_are_all_told(tmp_path: Path) -> None:
    error = error_of(write_task(tmp_path, shots=-1, colour="red"))
    assert isinstance(error, ConfigError)
    assert {problem.field for problem in error.problems} == {"mine.yaml.shots", "mine.yaml.colour"}


def test_unknown_names_are_told_with_the_known_ones(tmp_path: Path) -> None:
    error = error_of("jcq")
    assert isinstance(error, NotFoundError)
    assert (error.code, "jcq_chat" in str(error.params["known"])) == ("task_unknown", True)
    error = error_of(write_task(tmp_path, protocol="bleu"))
    assert (error.code, "gsm8k" in str(error.params["known"])) == ("task_protocol_unknown", True)
    assert error_of(tmp_path / "none.yaml").code == "task_file_missing"


def test_a_yaml_file_cannot_run_anything(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("name: !!python/object/apply:os.system ['true']\n", encoding="utf-8")
    assert error_of(path).code == "task_file_bad"


def test_data_may_be_a_file_or_a_folder_that_holds_it_under_a_known_name(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    line = {"q_id": 7, "question": "果物は？", **{f"choice{n}": str(n) for n in range(5)}, "label": 1}
    write_jsonl(folder / "valid-v1.3.json", [line])
    assert (
        load("jcq_chat", folder).samples[0].id == load("jcq_chat", folder / "valid-v1.3.json").samples[0].id
    )
    error = error_of("jcq_chat", tmp_path)
    assert (error.code, "valid-v1.3.json" in str(error.params["names"])) == ("task_data_not_in_folder", True)
    assert error_of("choice").code == "task_needs_data"


def test_the_article_s_chat_prompt_is_put_word_for_word(tmp_path: Path) -> None:
    choices = {f"choice{n}": f"語{n}" for n in range(5)}
    path = write_jsonl(tmp_path / "v.json", [{"q_id": 1, "question": "問？", **choices, "label": 0}])
    (message,) = load("jcq_chat", path).samples[0].messages
    assert message.content == (
        "質問: 問？\n\n選択肢:\n0. 語0\n1. 語1\n2. 語2\n3. 語3\n4. 語4\n\n正しい選択肢の番号のみを回答してください。"
    )
    assert load("jcq_chat", path).max_tokens == 512


def test_a_dataset_of_llm_jp_eval_takes_its_examples_from_the_folder_train(tmp_path: Path) -> None:
    for split, text in (("test", "問"), ("train", "例")):
        (tmp_path / split).mkdir()
        content = {
            "instruction": "指示文",
            "output_length": 7,
            "answer_pattern_id": "answer_tags_jp",
            "samples": [{"input": f"{text}{n}", "output": f"答{n}"} for n in range(6)],
        }
        (tmp_path / split / "jnli.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    found = load("llmjp_dataset", tmp_path / "test" / "jnli.json")
    prompt = found.samples[0].messages[0].content
    assert (found.shots, found.max_tokens, found.facts["dataset"]) == (4, 7, "jnli")
    assert prompt.startswith(
        "### 指示\n指示文\n\n### 回答形式\n<answer></answer>タグで囲んで回答してください\n\n<examples>"
    )
    assert "例0\n### 応答:\n<answer>答0</answer>\n</example_1>" in prompt
    assert found.samples[0].meta["answer_pattern"] == "answer_tags_jp"


def test_dumped_prompts_keep_the_examples_they_have(tmp_path: Path) -> None:
    prompt = "### 指示\nx\n\n### 入力:\n例\n### 応答:\n1\n\n### 入力:\n問\n### 応答:\n"
    content = {"output_length": 1, "config": {}, "samples": [{"input": "問", "prompt": prompt, "gold": "2"}]}
    path = tmp_path / "jcommonsenseqa.eval-prompt.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = load("llmjp_prompts", path)
    assert found.samples[0].messages[0].content == prompt
    assert (found.shots, found.max_tokens, found.facts["dataset"]) == (1, 1, "jcommonsenseqa")


CONTENT = b'{"id": "1", "question": "q", "answer": "a"}\n'
SHA = hashlib.sha256(CONTENT).hexdigest()


class FakeHub:
    """Hands out one file."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(CONTENT)
        self.path = path
        self.calls = 0

    def hf_hub_download(self, *_: Any, **__: Any) -> str:
        self.calls += 1
        return str(self.path)


def test_a_file_of_the_hub_is_fetched_once_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = FakeHub(tmp_path / "source.jsonl")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.hf_hub_download)
    wanted = DataFile(hub=HubFile(repo="a/b", file="x/test.jsonl", sha256=SHA))
    store = tmp_path / "store"
    assert fetch_data(wanted, store).read_bytes() == CONTENT
    assert fetch_data(wanted, store).name == "a--b-main-test.jsonl"
    assert hub.calls == 1
    hub.path.write_bytes(b"other")
    with pytest.raises(InputError, match="task_fetched_differs"):
        fetch_data(wanted, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_without_a_network_the_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EndpointError, match="task_fetch_offline"):
        load_task_set(TaskChoice(task="jcq_chat"), tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    nobody = DataFile(web=WebFile(url="https://127.0.0.1:9/x.jsonl", sha256=SHA))
    with pytest.raises(EndpointError, match="task_fetch_failed"):
        fetch_data(nobody, tmp_path)


def test_what_was_fetched_before_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / f"{SHA[:12]}-x.jsonl").write_bytes(CONTENT)
    source = {"data": {"web": {"url": "https://example.org/x.jsonl", "sha256": SHA}}}
    task = write_task(tmp_path, source=source)
    assert load_task_set(TaskChoice(task=str(task)), tmp_path).samples[0].id == "1"


@pytest.mark.parametrize(
    "source",
    [
        {"data": {"web": {"url": "http://example.org/x", "sha256": "0" * 64}}},
        {"data": {"web": {"url": "https://example.org/x"}}},
        {"data": {"web": {"url": "https://example.org/x", "sha256": "abc"}}},
        {"data": {"web": {"url": "file:///etc/passwd", "sha256": "0" * 64}}},
    ],
)
def test_addresses_must_be_https_and_carry_the_hash_of_their_content(tmp_path: Path, source: Any) -> None:
    assert isinstance(error_of(write_task(tmp_path, source=source)), ConfigError)
