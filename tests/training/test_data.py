"""Tokens and labels of training rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.support import chat_row, chat_rows, write_rows
from workbench.errors import InputError, NotFoundError
from workbench.training.data import IGNORED, Encoder, prepare_file


class Told:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}

    def event(self, code: str, **params: Any) -> None:
        self.events[code] = params

    def check(self) -> bool:
        return False

    def progress(self, phase: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        pass


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(tiny_model))


def test_only_the_answer_and_its_end_token_are_trained(tokenizer: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [chat_row("開館は？", "午前九時です。")])
    prepared = prepare_file(path, Encoder(tokenizer, 256, "completion"), Told())
    trained = [int(token) for token in prepared.labels[0] if token != IGNORED]
    assert tokenizer.decode(trained).strip() == "午前九時です。</s>"


def test_loss_on_all_trains_every_token(tokenizer: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", chat_rows(3))
    prepared = prepare_file(path, Encoder(tokenizer, 256, "all"), Told())
    assert prepared.trained_tokens == prepared.tokens
    assert all((ids == labels).all() for ids, labels in zip(prepared.ids, prepared.labels, strict=True))


@pytest.mark.parametrize("form", ["conversation", "text"])
def test_tokens_are_those_that_trl_makes(tokenizer: Any, tiny_model: Path, tmp_path: Path, form: str) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows: list[dict[str, Any]] = [
        {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in chat_rows(5)
    ]
    if form == "text":
        rows = [{"prompt": f"質問{i}:", "completion": f"午前{i}時です。"} for i in range(5)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    ours = prepare_file(path, Encoder(tokenizer, 40, "completion"), Told())
    arguments = SFTConfig(
        output_dir=str(tmp_path / "out"),
        max_length=40,
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
    )
    theirs = SFTTrainer(
        model=str(tiny_model), args=arguments, train_dataset=Dataset.from_list(rows)
    ).train_dataset
    assert [list(map(int, ids)) for ids in ours.ids] == theirs["input_ids"][:]
    assert [list(map(int, labels)) for labels in ours.labels] == theirs["labels"][:]


def test_rows_that_are_cut_or_lost_are_named_by_their_line(tokenizer: Any, tmp_path: Path) -> None:
    rows = [chat_row("短い", "はい。"), chat_row("短い", "はい。" * 60), chat_row("長い" * 60, "はい。")]
    told = Told()
    prepared = prepare_file(
        write_rows(tmp_path / "r.jsonl", rows), Encoder(tokenizer, 64, "completion"), told
    )
    assert prepared.kept == 2
    assert told.events["rows_truncated"] == {"file": "r.jsonl", "count": 1, "rows": "2"}
    assert told.events["rows_masked"] == {"file": "r.jsonl", "count": 1, "rows": "3"}


def test_a_template_without_an_end_token_is_noticed(tokenizer: Any, tmp_path: Path) -> None:
    import copy

    endless = copy.deepcopy(tokenizer)
    endless.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    told = Told()
    prepare_file(write_rows(tmp_path / "r.jsonl", chat_rows(4)), Encoder(endless, 256, "completion"), told)
    assert told.events["rows_endless"]["count"] == 4


def test_a_model_without_a_chat_template_is_refused_for_conversations_only(
    tokenizer: Any, tmp_path: Path
) -> None:
    import copy

    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    encoder = Encoder(bare, 256, "completion")
    with pytest.raises(InputError) as caught:
        prepare_file(write_rows(tmp_path / "chat.jsonl", chat_rows(1)), encoder, Told())
    assert caught.value.code == "model_no_chat_template"
    text = write_rows(tmp_path / "text.jsonl", [{"prompt": "質問:", "completion": "答え"}])
    assert prepare_file(text, encoder, Told()).kept == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "train_file_empty"),
        (b"\n\n", "train_file_empty"),
        ("質問,回答\n".encode(), "train_none_not_json"),
        (b'{"text": "x"}\n', "train_none_no_fields"),
        (b'{"messages": "x"}\n', "train_none_bad_messages"),
        (b'{"messages": [{"role": "user", "content": "x"}]}\n', "train_none_no_answer"),
        (b'{"prompt": "", "completion": "x"}\n', "train_none_no_prompt"),
        (b'{"prompt": "x", "completion": " "}\n', "train_none_empty_answer"),
        (b"\x93\x8c\x8b\x9e\xff\xfe", "train_file_not_text"),
    ],
)
def test_a_file_without_usable_rows_says_why(
    tokenizer: Any, tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        prepare_file(path, Encoder(tokenizer, 256, "completion"), Told())
    assert caught.value.code == code


def test_a_file_that_is_gone_says_so(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        prepare_file(tmp_path / "none.jsonl", Encoder(tokenizer, 256, "completion"), Told())
    assert caught.value.code == "train_file_missing"


def test_prompts_that_fill_the_whole_length_are_told_as_such(tokenizer: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "r.jsonl", [chat_row("長い" * 60, "はい。")])
    with pytest.raises(InputError) as caught:
        prepare_file(path, Encoder(tokenizer, 32, "completion"), Told())
    assert caught.value.code == "train_none_masked"


def test_a_byte_order_mark_does_not_spoil_the_first_row(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "bom.jsonl"
    path.write_text(json.dumps(chat_row("質問", "答え"), ensure_ascii=False) + "\n", encoding="utf-8-sig")
    assert prepare_file(path, Encoder(tokenizer, 256, "completion"), Told()).kept == 1
