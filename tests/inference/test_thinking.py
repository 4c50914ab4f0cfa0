"""The switch for thinking, by engine and by family of models."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.inference import has_thought_unasked, prepare_messages
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, Endpoint

USER = ChatMessage(role="user", content="質問")
SYSTEM = ChatMessage(role="system", content="丁寧に答えてください。")


def endpoint(model: str, **values: Any) -> Endpoint:
    given = {"name": "e", "base_url": "http://h/v1", "model": model, **values}
    return Endpoint.model_validate(given)


@pytest.mark.parametrize(
    ("model", "off", "on"),
    [
        ("nvidia/NVIDIA-Nemotron-Nano-9B-v2", "/no_think", "/think"),
        ("nvidia/nvidia-nemotron-nano-9b-v2-japanese", "/no_think", "/think"),
        ("nvidia/llama-3.3-nemotron-super-49b-v1.5", "/no_think", "/think"),
        ("nvidia/Llama-3.1-Nemotron-Nano-8B-v1", "detailed thinking off", "detailed thinking on"),
        ("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", "detailed thinking off", "detailed thinking on"),
    ],
)
def test_families_that_listen_to_words_are_told_in_words(model: str, off: str, on: str) -> None:
    for thinking, word in (("off", off), ("on", on)):
        said = prepare_messages(endpoint(model, thinking=thinking), (USER,))
        assert said == (ChatMessage(role="system", content=word), USER)
        with_system = prepare_messages(endpoint(model, thinking=thinking), (SYSTEM, USER))
        assert with_system[0].content == f"{word}\n\n{SYSTEM.content}"
        assert with_system[1:] == (USER,)


@pytest.mark.parametrize("model", ["base", "qwen3-8b", "nvidia/llama-3.1-nemotron-70b-instruct"])
def test_other_models_get_the_prompt_as_it_is(model: str) -> None:
    assert prepare_messages(endpoint(model), (SYSTEM, USER)) == (SYSTEM, USER)


def test_an_adapter_with_a_name_of_its_own_can_be_told_in_words_too() -> None:
    said = prepare_messages(endpoint("finetuned", thinking_words="slash"), (USER,))
    assert said[0].content == "/no_think"


def test_a_prompt_that_holds_the_word_already_is_left_alone() -> None:
    prompt = (ChatMessage(role="user", content="/no_think\n質問"),)
    nano = endpoint("nemotron-nano-9b-v2", thinking="on")
    assert prepare_messages(nano, prompt) == prompt


def test_a_server_that_decides_itself_is_told_nothing() -> None:
    assert prepare_messages(endpoint("nemotron-nano-9b-v2", thinking="default"), (USER,)) == (USER,)


def test_thinking_that_came_although_it_was_switched_off_is_noticed() -> None:
    thought = ChatReply(text="答え", reasoning="考え")
    assert has_thought_unasked(endpoint("m"), thought)
    assert has_thought_unasked(endpoint("m"), ChatReply(text="", state="thinking_truncated"))
    assert not has_thought_unasked(endpoint("m", thinking="on"), thought)
    assert not has_thought_unasked(endpoint("m"), ChatReply(text="答え"))
