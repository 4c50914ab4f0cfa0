"""The whole build of a RAFT data set."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.generation.faqs import csv_text, make_rows, write_faq
from workbench.artifacts import hash_file
from workbench.errors import ConfigError, InputError
from workbench.generation import raft
from workbench.generation.neardup import similarity
from workbench.generation.raft import build_raft
from workbench.generation.report import RaftReport
from workbench.generation.templates import REFUSALS
from workbench.i18n import LANGUAGES, has_key, render_error
from workbench.inference import MockClient
from workbench.schemas.chat import RaftRow
from workbench.schemas.generation import REFUSAL_SENTENCE, FaqSource, RaftConfig
from workbench.schemas.inference import ChatRequest
from workbench.text.quotes import check_quotes
from workbench.text.refusals import classify

SIZES = {"train": 40, "test": 12, "unseen": 10, "unanswerable": 10, "extra_unanswerable": 6}
GROUPS = ["市民課", "税務課", "市民課"]


def config(path: Path, **changes: Any) -> RaftConfig:
    return RaftConfig.model_validate(
        {"source": {"path": str(path), "license": "CC0"}, "group": "市民課", **SIZES, **changes}
    )


def build(tmp_path: Path, rows: int = 200, **changes: Any) -> RaftReport:
    return build_raft(config(write_faq(tmp_path / "faq.csv", rows, GROUPS), **changes), tmp_path / "out")


def read(report: RaftReport, name: str) -> list[RaftRow]:
    lines = Path(report.files[name]).read_text(encoding="utf-8").splitlines()  # type: ignore[index]
    return [RaftRow.model_validate_json(line) for line in lines]


def documents(row: RaftRow) -> list[str]:
    user = row.messages[1].content
    blocks = user.split("\n\n質問: ")[0].split("\n\n参考文書")[1:]
    return [block.split(":\n", 1)[1] for block in blocks]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> RaftReport:
    return build(tmp_path_factory.mktemp("raft"))


def test_every_requested_row_is_made_and_nothing_is_listed(report: RaftReport):
    assert report.requested == report.kept == SIZES
    assert report.listed == ()
    counts = {name: len(read(report, name)) for name in report.files}
    assert counts == {"train": 46, "valid": 2, "test": 12, "test_unseen": 10, "test_unanswerable": 10}


def test_training_rows_end_with_the_assistant_and_test_rows_with_the_user(report: RaftReport):
    for name in report.files:
        trains = name in ("train", "valid")
        roles = ("system", "user", "assistant") if trains else ("system", "user")
        for row in read(report, name):
            assert tuple(message.role for message in row.messages) == roles
            assert row.metadata.split == name
            assert row.metadata.license == "CC0"


def test_the_share_of_rows_with_an_answer_is_exact(report: RaftReport):
    rows = [row.metadata for row in read(report, "train")]
    plain = [row for row in rows if not row.is_extra_unanswerable]
    assert sum(row.has_oracle for row in plain) == 32
    assert (report.oracle_share, report.refusal_share) == (0.8, round(14 / 46, 4))
    assert sum(row.is_extra_unanswerable for row in rows) == 6


def test_the_oracle_stands_where_the_metadata_says_and_nowhere_in_other_rows(report: RaftReport):
    for name in report.files:
        for row in read(report, name):
            shown, known = documents(row), row.metadata
            assert len(shown) == 5 == len(set(known.doc_ids))
            assert len(known.neg_kinds) == 4 + (not known.has_oracle)
            if known.has_oracle:
                assert known.oracle_position is not None
                assert shown[known.oracle_position - 1] == known.expected_answer
                assert known.doc_ids[known.oracle_position - 1] == known.id
                assert known.quote in known.expected_answer
                assert known.reference_short
            else:
                assert known.id not in known.doc_ids
                assert (known.oracle_position, known.reference_short, known.expected_answer) == (None, "", "")


def test_no_document_of_training_is_an_answer_of_a_test_and_none_of_a_test_is_shown_in_training(
    report: RaftReport,
):
    trained = {
        doc for name in ("train", "valid") for row in read(report, name) for doc in row.metadata.doc_ids
    }
    for name in ("test", "test_unseen", "test_unanswerable"):
        for row in read(report, name):
            assert not trained & {*row.metadata.doc_ids, row.metadata.id}


def test_no_row_is_in_two_files_and_groups_are_where_they_belong(report: RaftReport):
    rows = {name: read(report, name) for name in report.files}
    ids = [row.metadata.id for members in rows.values() for row in members]
    assert len(ids) == len(set(ids))
    assert {row.metadata.copyright for row in rows["test_unseen"]} == {"税務課"}
    for name in ("train", "valid", "test", "test_unanswerable"):
        assert {row.metadata.copyright for row in rows[name]} == {"市民課"}


def test_targets_quote_the_oracle_or_refuse(report: RaftReport):
    for row in [*read(report, "train"), *read(report, "valid")]:
        said = row.messages[-1].content
        if row.metadata.has_oracle:
            quotes = check_quotes(said, documents(row))
            assert [(quote.state, quote.cited) for quote in quotes] == [
                ("verbatim", row.metadata.oracle_position)
            ]
            assert (
                said
                == f"参考文書{row.metadata.oracle_position}に「{row.metadata.quote}」と記載されています。"
            )
            assert classify(said) == "answered"
        else:
            assert said == REFUSAL_SENTENCE
            assert f"「{said}」" in row.messages[0].content


def test_without_a_sentence_of_its_own_a_set_refuses_in_five_wordings(tmp_path: Path):
    made = build(tmp_path, 600, train=250, oracle_share=0.5, refusal="")
    said = {row.messages[-1].content for row in read(made, "train") if not row.metadata.has_oracle}
    assert said == set(REFUSALS)


def test_a_refusal_that_an_evaluation_would_not_count_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, refusal="窓口にお越しください。")
    assert [(one.field, one.code) for one in caught.value.problems] == [
        ("RaftConfig.refusal", "refusal_unclear")
    ]
    assert not (tmp_path / "out").exists()


def test_every_refusal_is_read_as_one_by_the_evaluation():
    assert len(set(REFUSALS)) == 5
    assert [classify(refusal) for refusal in REFUSALS] == ["refused"] * 5


def test_positions_of_the_oracle_are_spread_over_all_places(tmp_path: Path):
    made = build(tmp_path, 600, train=250, oracle_share=1.0, extra_unanswerable=0)
    counts = Counter(row.metadata.oracle_position for row in read(made, "train"))
    assert set(counts) == {1, 2, 3, 4, 5}
    assert min(counts.values()) > 25


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path):
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    third = build(tmp_path / "c", seed=7)
    same = [hash_file(Path(one.files["train"])) for one in (first, second, third)]
    assert same[0] == same[1] != same[2]


def test_documents_of_a_row_do_not_depend_on_the_other_sizes_beyond_the_split(tmp_path: Path):
    one = {row.metadata.id: row for row in read(build(tmp_path / "a", oracle_share=1.0), "test")}
    other = {row.metadata.id: row for row in read(build(tmp_path / "b", oracle_share=0.5), "test")}
    assert one == other


def test_what_the_file_cannot_give_is_listed_row_by_row(tmp_path: Path):
    made = build(tmp_path, 60, train=100, test=10, unseen=30, unanswerable=5, extra_unanswerable=0)
    assert made.kept["test"] == 10
    assert made.kept["unseen"] == 20
    missing = {name: made.requested[name] - made.kept[name] for name in made.requested}
    assert Counter(entry.set for entry in made.listed) == {
        name: count for name, count in missing.items() if count
    }
    assert {entry.reason for entry in made.listed} == {"not_enough_rows"}
    assert made.kept["train"] + made.valid == 25


def test_rows_that_are_missing_are_laid_to_the_bad_rows_of_the_file(tmp_path: Path):
    rows = make_rows(60)
    rows[4] = (rows[4][0], "", "")
    path = tmp_path / "faq.csv"
    path.write_text(csv_text(rows), encoding="utf-8")
    made = build_raft(
        config(path, group="", train=60, test=5, unseen=0, unanswerable=5, extra_unanswerable=0), tmp_path
    )
    assert (made.listed[0].row, made.listed[0].reason) == (5, "answer_empty")
    assert len(made.listed) == sum(made.requested.values()) - sum(made.kept.values())
    assert made.source.skipped_by_reason == {"answer_empty": 1}


def test_without_a_group_all_rows_are_one_target_and_unseen_rows_are_listed(tmp_path: Path):
    made = build(tmp_path, group="")
    assert made.kept["unseen"] == 0
    assert Counter(entry.reason for entry in made.listed) == {"no_group": 10}
    assert {row.metadata.copyright for row in read(made, "train")} == {"市民課", "税務課"}


def test_size_zero_is_an_empty_file(tmp_path: Path):
    made = build(tmp_path, train=0, test=0, unseen=0, unanswerable=0, extra_unanswerable=0)
    assert all(Path(path).read_bytes() == b"" for path in made.files.values())
    assert (made.difficulty, made.refusal_share, made.oracle_share) == (None, None, None)
    assert made.listed == ()


@pytest.mark.parametrize(("distractors", "share"), [(1, 1.0), (9, 0.0), (3, 0.5)])
def test_other_numbers_of_documents_and_shares_work(tmp_path: Path, distractors: int, share: float):
    made = build(tmp_path, distractors=distractors, oracle_share=share, extra_unanswerable=0)
    assert {len(documents(row)) for name in made.files for row in read(made, name)} == {distractors + 1}
    assert made.oracle_share == share


def test_near_duplicates_never_stand_on_both_sides_nor_in_one_row(tmp_path: Path):
    rows = make_rows(100)
    twins = [
        (f"{q}（再掲{n}）について知りたいです", a.replace("くわしくは", "詳細は"), g)
        for n, (q, a, g) in enumerate(rows)
    ]
    path = tmp_path / "faq.csv"
    path.write_text(csv_text([*rows, *twins]), encoding="utf-8")
    made = build_raft(config(path, group="", train=60, test=20, unseen=0, unanswerable=15), tmp_path / "out")
    answers = dict(enumerate([row[1] for row in [*rows, *twins]], start=1))
    sides: list[set[int]] = []
    for names in (("train", "valid"), ("test", "test_unanswerable")):
        members = [row for name in names for row in read(made, name)]
        sides.append({int(doc[1:]) for row in members for doc in (*row.metadata.doc_ids, row.metadata.id)})
        for row in members:
            own = int(row.metadata.id[1:])
            shown = [int(doc[1:]) for doc in row.metadata.doc_ids if int(doc[1:]) != own]
            assert all(similarity(answers[own], answers[doc]) < 0.7 for doc in shown)
    assert not {(one - 1) % 100 for one in sides[0]} & {(one - 1) % 100 for one in sides[1]}


def test_unknown_groups_and_groups_without_a_column_get_a_sentence(tmp_path: Path):
    with pytest.raises(InputError, match="faq_group_unknown") as caught:
        build(tmp_path, group="総務課")
    assert "市民課, 税務課" in render_error(caught.value, "ja").message
    path = tmp_path / "plain.csv"
    path.write_text(csv_text([row[:2] for row in make_rows(40)], ("質問", "回答")), encoding="utf-8")
    with pytest.raises(InputError, match="faq_no_groups"):
        build_raft(config(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_group_is_found_whatever_its_width(tmp_path: Path):
    path = write_faq(tmp_path / "faq.csv", 100, ["Ａ 課", "B課"])
    sizes = {"train": 10, "test": 3, "unseen": 3, "unanswerable": 3}
    assert build_raft(config(path, group="A 課", **sizes), tmp_path / "out").kept["train"] == 10


def test_a_target_folder_that_is_a_file_gets_a_sentence(tmp_path: Path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="raft_out_unusable"):
        build(tmp_path)


def test_card_and_manifest_say_what_the_files_are(report: RaftReport):
    folder = Path(report.files["train"]).parent
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "raft_card." not in card
    assert "CC0" in card
    assert "市民課" in card
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["train"] == 46
    assert manifest["sha256"]["train.jsonl"] == hash_file(folder / "train.jsonl")
    assert manifest["config"]["seed"] == 42
    assert manifest["report"]["files"]["test"] == "test.jsonl"


def test_difficulty_and_nearness_are_told(report: RaftReport):
    assert report.difficulty is not None
    assert 0.5 < report.difficulty <= 1.0
    assert report.nearest_ratio is not None
    assert 0.1 < report.nearest_ratio < 0.95


def test_a_teacher_model_writes_the_targets_of_training_rows_only(tmp_path: Path):
    path = write_faq(tmp_path / "faq.csv", 200, GROUPS)

    def say(request: ChatRequest) -> str:
        number = int(request.messages[0].content.split("答えが書かれているのは参考文書")[1][0])
        block = request.messages[1].content.split(f"参考文書{number}:\n")[1].split("。")[0]
        return json.dumps(
            {"quote": block, "doc_no": number, "reason": "", "short_answer": "そのとおりです。"}
        )

    client = MockClient(say)
    endpoint = {"name": "t", "base_url": "http://127.0.0.1:9/v1", "model": "big"}
    asked = config(path, teacher="endpoint", endpoint=endpoint)
    made = build_raft(asked, tmp_path / "out", client=client)
    trained = [row for row in [*read(made, "train"), *read(made, "valid")] if row.metadata.has_oracle]
    assert len(client.requests) == len(trained) == 34
    assert {row.metadata.teacher for row in trained} == {"endpoint:big"}
    assert all("したがって、そのとおりです。" in row.messages[-1].content for row in trained)
    assert {row.metadata.teacher for row in read(made, "test")} == {"extractive"}
    assert made.prompt_tokens > 0
    again = build_raft(asked, tmp_path / "out", client=MockClient(["never asked"]))
    assert again.kept == made.kept


def test_rows_that_the_teacher_fails_are_listed_with_the_reason(tmp_path: Path):
    path = write_faq(tmp_path / "faq.csv", 200, GROUPS)
    endpoint = {"name": "t", "base_url": "http://127.0.0.1:9/v1", "model": "big"}
    asked = config(path, teacher="endpoint", endpoint=endpoint)
    made = build_raft(asked, tmp_path / "out", client=MockClient(["no json"]))
    assert made.kept["train"] == 8
    assert Counter(entry.reason for entry in made.listed) == {"answer_not_json": 32}
    assert all(has_key(f"reason.{entry.reason}", lang) for entry in made.listed for lang in LANGUAGES)
    assert made.refusal_share == 1.0


def test_a_stop_keeps_what_is_there(tmp_path: Path):
    calls = iter(range(1000))
    path = write_faq(tmp_path / "faq.csv", 200, GROUPS)
    made = build_raft(config(path), tmp_path / "out", should_stop=lambda: next(calls) > 20)
    assert made.stopped_early
    assert made.kept["test"] == 12
    assert {entry.reason for entry in made.listed} == {"stopped"}


def test_progress_names_every_phase(tmp_path: Path):
    seen: dict[str, tuple[int, int]] = {}
    path = write_faq(tmp_path / "faq.csv", 200, GROUPS)
    build_raft(
        config(path),
        tmp_path / "out",
        progress=lambda phase, done, total: seen.update({phase: (done, total)}),
    )
    assert list(seen) == ["raft_read", "raft_compare", "raft_draw", "raft_teach", "raft_write"]
    assert seen["raft_teach"] == (34, 34)
    assert all(has_key(f"phase.{phase}", lang) for phase in seen for lang in LANGUAGES)


def test_a_very_long_file_is_thinned_with_the_target_group_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(raft, "_ROW_LIMIT", 60)
    sizes = {"train": 8, "test": 4, "unseen": 4, "unanswerable": 2, "extra_unanswerable": 0}
    made = build(tmp_path, 400, **sizes)
    assert made.kept == sizes


@pytest.mark.data
def test_the_real_sample_gives_a_whole_data_set(shared_data: Path, tmp_path: Path):
    source = FaqSource(path=str(shared_data / "jagovfaqs_sample" / "faq.csv"))
    asked = RaftConfig(source=source, group="国税庁", train=100, test=40, unseen=20, unanswerable=20)
    made = build_raft(asked, tmp_path)
    assert made.listed == ()
    quoted = [row.metadata.quote for row in read(made, "train") if row.metadata.has_oracle]
    assert len(quoted) == 80
    statements = [quote for quote in quoted if quote.endswith(("す", "せん", "さい", "した", "）", ")"))]
    assert len(statements) >= 76
    assert not [quote for quote in quoted if "【" in quote]
