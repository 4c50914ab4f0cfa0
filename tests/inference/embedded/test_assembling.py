from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from workbench.inference.embedded.assembling import TextAssembler

TEXT = "図書館は、午前9時に開館します。😀 <ok>\n"
BYTES = TEXT.encode()


def decode_bytes(tokens: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes: no Japanese character is whole in one token."""
    return bytes(tokens).decode(errors="replace")


def feed(assembler: TextAssembler, data: bytes) -> list[str]:
    pieces: list[str] = []
    for byte in data:
        assembler.add(byte)
        pieces.append(assembler.take())
        if assembler.stopped:
            break
    else:
        assembler.finish()
    pieces.append(assembler.take(final=True))
    return pieces


def test_characters_made_of_several_tokens_come_out_whole() -> None:
    assembler = TextAssembler(decode_bytes)
    pieces = feed(assembler, BYTES)
    assert "".join(pieces) == assembler.text == TEXT
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_that_stays_unfinished_is_handed_out_at_the_end() -> None:
    assembler = TextAssembler(decode_bytes)
    pieces = feed(assembler, BYTES[:4])
    assert "".join(pieces) == decode_bytes(BYTES[:4])


@pytest.mark.parametrize("stop", ["開館", "。", "😀", "図", " <ok", "\n"])
def test_nothing_of_a_stop_string_is_ever_handed_out(stop: str) -> None:
    assembler = TextAssembler(decode_bytes, ["nowhere", stop])
    pieces = feed(assembler, BYTES)
    assert assembler.stopped
    assert "".join(pieces) == assembler.text == TEXT[: TEXT.index(stop)]


def test_the_earliest_of_several_stop_strings_counts() -> None:
    assembler = TextAssembler(lambda tokens: "".join("abcdef"[token] for token in tokens), ["de", "cd"])
    for token in range(6):
        assembler.add(token)
        if assembler.stopped:
            break
    assert assembler.text == "ab"


def test_the_beginning_of_a_stop_string_waits_and_comes_out_if_it_goes_on_otherwise() -> None:
    assembler = TextAssembler(lambda tokens: "".join(map(chr, tokens)), ["END"])
    seen: list[str] = []
    for character in "xENyEND":
        assembler.add(ord(character))
        seen.append(assembler.take())
    assert seen == ["x", "", "", "ENy", "", "", ""]
    assert assembler.text == "xENy"


def test_any_bytes_give_the_text_of_all_of_them() -> None:
    rng = random.Random(0)
    for _ in range(50):
        data = bytes(rng.randrange(256) for _ in range(30))
        assembler = TextAssembler(decode_bytes)
        assert "".join(feed(assembler, data)) == assembler.text
        assert assembler.text.replace("\ufffd", "") == decode_bytes(data).replace("\ufffd", "")
