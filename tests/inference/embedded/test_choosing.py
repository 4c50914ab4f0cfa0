from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, TopKLogitsWarper, TopPLogitsWarper

from workbench.inference.embedded.choosing import (
    Drawing,
    TokenChooser,
    list_ignored_settings,
    read_default_drawing,
)

LOGITS: Any = torch.tensor([2.0, 1.0, 0.5, -1.0, -9.0])


def make(config: Any = None, **drawing: Any) -> TokenChooser:
    return TokenChooser(Drawing(**drawing), config or GenerationConfig(), prompt_length=2, device="cpu")


def test_temperature_zero_takes_the_likeliest_token() -> None:
    assert make().is_plain
    assert make().choose(LOGITS, [0, 1]) == 0


def test_drawn_tokens_follow_their_probabilities() -> None:
    chooser = make(temperature=1.0, seed=5)
    counts = Counter(chooser.choose(LOGITS, [0, 1]) for _ in range(4000))
    shares = LOGITS.softmax(-1).tolist()
    assert all(abs(counts[token] / 4000 - shares[token]) < 0.03 for token in range(5))


def test_top_p_and_top_k_leave_the_tokens_that_transformers_leaves() -> None:
    scores = LOGITS / 0.7
    for top_p, top_k in ((0.5, 0), (0.8, 0), (0.95, 3), (1.0, 2)):
        warpers: Any = LogitsProcessorList()
        if top_k:
            warpers.append(TopKLogitsWarper(top_k))
        if top_p < 1:
            warpers.append(TopPLogitsWarper(top_p))
        left = set(torch.isfinite(warpers(None, scores[None])[0]).nonzero().flatten().tolist())
        chooser = make(temperature=0.7, top_p=top_p, top_k=top_k)
        assert {chooser.choose(LOGITS, [0, 1]) for _ in range(500)} == left


def test_the_repetition_penalty_looks_at_prompt_and_answer() -> None:
    config = GenerationConfig(repetition_penalty=3.0)
    assert not make(config).is_plain
    assert make(config).choose(LOGITS, [0]) == 1
    assert make(config).choose(LOGITS, [3]) == 0


def test_suppressed_tokens_are_never_chosen_and_begin_tokens_not_at_the_beginning() -> None:
    assert make(GenerationConfig(suppress_tokens=[0, 1])).choose(LOGITS, [4, 4]) == 2
    at_begin = make(GenerationConfig(begin_suppress_tokens=[0]))
    assert at_begin.choose(LOGITS, [4, 4]) == 1
    assert at_begin.choose(LOGITS, [4, 4, 1]) == 0


def test_choosing_does_not_change_the_logits() -> None:
    logits = LOGITS.clone()
    make(GenerationConfig(repetition_penalty=3.0), temperature=0.5, top_p=0.5).choose(logits, [0])
    assert torch.equal(logits, LOGITS)


def test_defaults_come_from_the_models_generation_config() -> None:
    assert read_default_drawing(GenerationConfig(temperature=0.3)) == Drawing()
    sampled = GenerationConfig(do_sample=True, temperature=0.3, top_p=0.8, top_k=20)
    assert read_default_drawing(sampled) == Drawing(temperature=0.3, top_p=0.8, top_k=20)


def test_settings_that_are_not_followed_are_named() -> None:
    assert list_ignored_settings(GenerationConfig()) == ()
    assert list_ignored_settings(GenerationConfig(num_beams=4, min_p=0.1)) == ("num_beams", "min_p")
