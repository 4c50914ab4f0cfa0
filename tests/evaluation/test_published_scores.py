"""Published scores of real answers, reproduced from their texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import WorkbenchError
from workbench.evaluation.protocols import PROTOCOLS, Given
from workbench.evaluation.published import CUT, list_sides, read_published
from workbench.evaluation.samples import load_file
from workbench.evaluation.score_file import score_file
from workbench.text.llmjp import char_f1_llmjp, extract_llmjp
from workbench.text.matching import exact_match_nfkc

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def nta(shared_data: Path) -> Path:
    return shared_data / "nta_raft_ja"


@pytest.mark.parametrize(("side", "uncut"), [("baseline", 18), ("raft", 11)])
def test_the_articles_scores_and_refusals_are_reproduced_wherever_the_text_is_whole(
    nta: Path, side: str, uncut: int
) -> None:
    records = read_published(nta / "answers_first60.json", side, load_file(nta / "test.jsonl", "answerable"))
    report = score_file(records, PROTOCOLS["seed001_raft"])
    whole = [item.scores for item in report.items if not item.scores["cut"]]
    assert (len(report.items), len(whole)) == (60, uncut)
    for scores in whole:
        assert scores["f1"] == pytest.approx(scores["published_f1"], abs=1e-12)
        assert scores["refused"] == scores["published_refused"]


def test_a_reference_that_was_cut_too_is_known_as_such(nta: Path) -> None:
    report = score_file(read_published(nta / "answers_first60.json", "raft"), PROTOCOLS["seed001_raft"])
    whole = [item.scores for item in report.items if not item.scores["cut"]]
    assert len(whole) == 7
    for scores in whole:
        assert scores["f1"] == pytest.approx(scores["published_f1"], abs=1e-12)


def test_results_of_other_questions_are_refused(nta: Path) -> None:
    samples = load_file(nta / "test.jsonl", "answerable")
    for other in (samples[1:], samples[:10]):
        with pytest.raises(WorkbenchError) as caught:
            list(read_published(nta / "answers_first60.json", "raft", other))
        assert caught.value.code == "published_other_questions"


@pytest.mark.parametrize(("side", "published", "found"), [("baseline", 14, 13), ("raft", 1, 1)])
def test_beside_a_cut_answer_stands_the_published_flag(
    nta: Path, side: str, published: int, found: int
) -> None:
    report = score_file(read_published(nta / "answers_first60.json", side), PROTOCOLS["seed001_raft"])
    flags = [(item.scores["refused"], item.scores["published_refused"]) for item in report.items]
    assert (sum(theirs == 1.0 for _, theirs in flags), sum(ours == 1.0 for ours, _ in flags)) == (
        published,
        found,
    )
    for item, (ours, theirs) in zip(report.items, flags, strict=True):
        assert ours == theirs or item.scores["cut"] == 1.0


@pytest.mark.parametrize("side", ["baseline", "raft"])
def test_the_articles_jcommonsenseqa_flags_are_reproduced(nta: Path, side: str) -> None:
    report = score_file(read_published(nta / "jcq_first300.json", side), PROTOCOLS["jcq_chat"])
    assert len(report.items) == 300
    for item in report.items:
        assert item.scores["correct"] == item.scores["published_correct"]


@pytest.mark.parametrize("side", ["baseline", "raft"])
def test_the_first_digit_is_the_one_that_the_article_took(nta: Path, side: str) -> None:
    for row in list_sides(nta / "jcq_first300.json")[side]:
        values: dict[str, Any] = row  # type: ignore[assignment]
        label = PROTOCOLS["jcq_chat"].measure(Given(values["response"], str(values["gold"]))).extracted
        assert label == ("" if values["pred"] is None or values["pred"] < 0 else str(values["pred"]))


def test_published_files_in_another_form_are_refused(nta: Path, tmp_path: Path) -> None:
    path = nta / "answers_first60.json"
    with pytest.raises(WorkbenchError) as caught:
        list(read_published(path, "teacher"))
    assert (caught.value.code, caught.value.params["known"]) == ("published_side_missing", "baseline, raft")
    for text in ("[]", "{}", "no json", '{"a": {"results": [1]}}'):
        (tmp_path / "p.json").write_text(text, encoding="utf-8")
        with pytest.raises(WorkbenchError) as caught:
            list(read_published(tmp_path / "p.json", "a"))
        assert caught.value.code == "published_unreadable"
    with pytest.raises(WorkbenchError) as caught:
        list(read_published(tmp_path / "none.json", "a"))
    assert caught.value.code == "answers_missing"
    assert CUT == 200


_PATTERN = {"jcommonsenseqa": "choice_only_jp"}


def test_real_records_of_llm_jp_eval_score_the_same_again(shared_data: Path) -> None:
    path = shared_data / "llm_jp_eval_v2_result_sample" / "result_run_a.json"
    records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["records"]
    assert len(records) == 20
    for record in records:
        pattern = _PATTERN.get(record["target_dataset"], "answer_tags_jp")
        taken = extract_llmjp(record["output"], pattern)
        assert taken == record["pred"]
        assert exact_match_nfkc(taken, record["true"]) == record["exact"]
        assert char_f1_llmjp(taken, record["true"]) == record["char_f1"]


def test_protocols_score_the_records_of_their_tasks_the_same(shared_data: Path) -> None:
    path = shared_data / "llm_jp_eval_v2_result_sample" / "result_run_a.json"
    for record in json.loads(path.read_text(encoding="utf-8"))["records"]:
        given = Given(record["output"], record["true"])
        if record["target_dataset"] == "jcommonsenseqa":
            found = PROTOCOLS["jcq_llmjp"].measure(given)
            ours = (found.scores["exact_match"], found.scores["char_f1"])
        else:
            found = PROTOCOLS["jsquad"].measure(given)
            ours = (found.scores["exact_match_llmjp"], found.scores["char_f1_llmjp"])
        assert (found.extracted, *ours) == (record["pred"], record["exact"], record["char_f1"])


def test_the_references_of_squad_score_full(shared_data: Path) -> None:
    path = shared_data / "squad_v2_subset" / "dev-v2.0-subset.json"
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    questions = [qa for one in articles for part in one["paragraphs"] for qa in part["qas"]]
    assert len(questions) == 6078
    measure = PROTOCOLS["squad_v2"].measure
    unanswerable = 0
    for qa in questions:
        texts = [answer["text"] for answer in qa["answers"]]
        unanswerable += not texts
        said = texts[-1] if texts else "unanswerable"
        expected, *further = texts or [""]
        scores = measure(Given(said, expected, references=tuple(further))).scores
        assert (scores["em"], scores["f1"], scores["refused"]) == (1.0, 1.0, float(not texts))
    assert unanswerable == 3168


def test_the_references_of_jsquad_score_full(shared_data: Path) -> None:
    path = shared_data / "jsquad" / "valid-v1.3.json"
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    questions = [qa for one in articles for part in one["paragraphs"] for qa in part["qas"]]
    assert len(questions) == 4442
    for qa in questions:
        first, *further = [answer["text"] for answer in qa["answers"]]
        given = Given(f"<answer>{first}</answer>", first, references=tuple(further))
        assert set(PROTOCOLS["jsquad"].measure(given).scores.values()) == {1.0}


def test_the_solutions_of_gsm8k_score_full(shared_data: Path) -> None:
    lines = (shared_data / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1319
    for line in lines:
        answer = json.loads(line)["answer"]
        scores = PROTOCOLS["gsm8k"].measure(Given(answer, answer)).scores
        assert (scores["correct"], scores["strict"]) == (1.0, 1.0)
