"""Tokenizers are written as what they are, or refused by name."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import normalizers

from tests.conversion.gguf.models import build_llama, save_model
from tests.conversion.gguf.small_tokenizers import build_byte_level, build_characters, build_unigram
from tests.conversion.gguf.support import read_settings, write
from tests.tiny_model import SENTENCES
from workbench.conversion.gguf.vocabulary import read_vocabulary
from workbench.conversion.gguf.vocabulary.pretokenizers import GPT4O, LLAMA3, QWEN2, TEKKEN
from workbench.conversion.gguf.vocabulary.sentencepiece import read_sentencepiece
from workbench.conversion.proof.gguf_texts import check_tokenizer
from workbench.errors import InputError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
TEXTS = (
    *SENTENCES,
    "It's 2024, isn't it? We'LL see: 1234567 x\n\n  two\tspaces  ",
    "①②③ ㈱ 全角ＡＢＣ　空白  二つ",
    "😀👩‍👩‍👧‍👦 Ω≈ç√∫ def f(x):\n    return x ** 2",
    "<|user|>質問<think>はい</think>",
    " leading space",
)
KINDS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "gpt2": (lambda: build_byte_level(""), "gpt2", "gpt-2"),
    "llama3": (lambda: build_byte_level(LLAMA3, whole=True, bos=True), "gpt2", "llama-bpe"),
    "llama3_merging": (lambda: build_byte_level(LLAMA3), "gpt2", "llama-bpe"),
    "qwen2": (lambda: build_byte_level(QWEN2), "gpt2", "qwen2"),
    "tekken": (lambda: build_byte_level(TEKKEN, whole=True, bos=True), "gpt2", "tekken"),
    "gpt4o": (lambda: build_byte_level(GPT4O), "gpt2", "gpt-4o"),
    "digits": (lambda: build_byte_level("", digits=True), "gpt2", "smollm"),
    "llama2": (lambda: build_characters(prefixed=True, complete=True), "llama", "default"),
    "marked": (lambda: build_characters(prefixed=False, complete=True), "llama", "default"),
    "by_merges": (lambda: build_characters(prefixed=False, complete=False), "gpt2", "sarvam-moe"),
    "unigram": (build_unigram, "t5", "default"),
}


def save(folder: Path, build: Callable[[], Any]) -> Path:
    return save_model(folder, build_llama, tokenizer=build())


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_written_as_what_it_is(name: str, tmp_path: Path) -> None:
    build, model, pre = KINDS[name]
    found = read_settings(write(save(tmp_path / "model", build), tmp_path / "out", to="gguf"))
    assert found["tokenizer.ggml.model"] == model
    # where merging reaches every token, a splitting that takes words whole gives the same
    assert found["tokenizer.ggml.pre"] == pre or (name, found["tokenizer.ggml.pre"]) == (
        "llama3_merging",
        "smaug-bpe",
    )
    tokens, types = found["tokenizer.ggml.tokens"], found["tokenizer.ggml.token_type"]
    assert types[tokens.index("<|user|>")] == CONTROL
    assert found["tokenizer.ggml.bos_token_id"] == tokens.index("<s>")
    if "<think>" in tokens:
        assert types[tokens.index("<think>")] == USER_DEFINED
    if "<0x0A>" in tokens:
        assert types[tokens.index("<0x0A>")] == BYTE
    if model == "t5":
        assert types[tokens.index("<unk>")] == UNKNOWN
        assert found["tokenizer.ggml.add_eos_token"] is False
        assert min(found["tokenizer.ggml.scores"]) < -1


@pytest.mark.llama
@pytest.mark.parametrize("name", KINDS)
def test_llama_cpp_gives_the_same_tokens(name: str, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    source = save(tmp_path / "model", KINDS[name][0])
    texts = tmp_path / "texts.jsonl"
    # what SentencePiece does with spaces at the beginning is its own affair
    plain = [text for text in TEXTS if KINDS[name][1] == "gpt2" or not text.startswith(" ")]
    if KINDS[name][1] != "gpt2":
        plain = [text for text in plain if "<|user|>" not in text]
    texts.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in plain))
    check = check_tokenizer(write(source, tmp_path / "out", to="gguf"), source, str(texts))
    assert check.state == "passed", check.params


def test_a_beginning_of_text_is_added_where_the_tokenizer_adds_one(tmp_path: Path) -> None:
    with_bos = save(tmp_path / "a", lambda: build_byte_level(QWEN2, bos=True))
    without = save(tmp_path / "b", lambda: build_byte_level(QWEN2))
    for folder, wanted in ((with_bos, True), (without, False)):
        found = read_settings(write(folder, folder / "out", to="gguf"))
        assert found["tokenizer.ggml.add_bos_token"] is wanted


def test_merges_are_read_as_pairs_and_as_strings(tmp_path: Path) -> None:
    source = save(tmp_path / "model", lambda: build_byte_level(QWEN2))
    path = source / "tokenizer.json"
    content = json.loads(path.read_text())
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in content["model"]["merges"]]
    found: list[list[str]] = []
    for merges in (pairs, [" ".join(pair) for pair in pairs]):
        content["model"]["merges"] = merges
        path.write_text(json.dumps(content))
        found.append(read_vocabulary(source, {}, 600, "").merges)
    assert found[0] == found[1] == [" ".join(pair) for pair in pairs]


def test_the_template_comes_from_its_file_or_from_the_configuration(tmp_path: Path) -> None:
    source = save(tmp_path / "model", lambda: build_byte_level(""))
    config = source / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"chat_template": "{{ messages }} old"}))
    found = read_settings(write(source, tmp_path / "a", to="gguf"))
    assert found["tokenizer.chat_template"] == "{{ messages }} old"
    (source / "chat_template.jinja").write_text("{{ messages }} new")
    found = read_settings(write(source, tmp_path / "b", to="gguf"))
    assert found["tokenizer.chat_template"] == "{{ messages }} new"


def change(source: Path, **changes: Any) -> None:
    path = source / "tokenizer.json"
    content = json.loads(path.read_text())
    for key, value in changes.items():
        if key.startswith("model_"):
            content["model"][key.removeprefix("model_")] = value
        else:
            content[key] = value
    path.write_text(json.dumps(content))


def split(pattern: str, *steps: dict[str, Any]) -> dict[str, Any]:
    first = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [first, *steps]}}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "pre_tokenizer": (lambda: build_byte_level(""), split(r"\w+|\W", BYTES)),
    "add_prefix_space": (
        lambda: build_byte_level(""),
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}},
    ),
    "Lowercase": (lambda: build_byte_level(""), {"normalizer": {"type": "Lowercase"}}),
    "WordPiece": (lambda: build_byte_level(""), {"model_type": "WordPiece"}),
    "NFKC": (lambda: build_unigram(normalizer=normalizers.NFKC()), {}),
    "bytes": (lambda: build_characters(prefixed=False, complete=True), {"model_byte_fallback": False}),
    "word's edge": (lambda: build_characters(prefixed=False, complete=False), split(".")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_llama_cpp_cannot_do_is_refused_by_name(name: str, tmp_path: Path) -> None:
    build, changes = REFUSED[name]
    source = save(tmp_path / "model", build)
    change(source, **changes)
    with pytest.raises(InputError) as raised:
        read_vocabulary(source, {}, 1000, "")
    assert raised.value.code == "tokenizer_unsupported"
    assert name in str(raised.value.params["name"])


def field(number: int, value: bytes | int | float) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    if isinstance(value, float):
        return bytes([number << 3 | 5]) + struct.pack("<f", value)
    return bytes([number << 3 | 2, len(value)]) + value


def test_scores_are_read_from_sentencepieces_own_file(tmp_path: Path) -> None:
    pieces = [("<unk>", 0.0), ("▁の", -1.5), ("参考", -2.25)]
    data = b"".join(field(1, field(1, text.encode()) + field(2, score)) for text, score in pieces)
    data += field(3, field(1, b"nmt_nfkc") + field(2, b"\x04\x00\x00\x00rule") + field(4, 0))
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    found = read_sentencepiece(path)
    assert found.scores == dict(pieces)
    assert (found.charsmap, found.removes_spaces, found.adds_prefix) == (b"\x04\x00\x00\x00rule", False, True)
    path.write_bytes(data[:-3])
    with pytest.raises(InputError) as raised:
        read_sentencepiece(path)
    assert raised.value.code == "checkpoint_file_damaged"
