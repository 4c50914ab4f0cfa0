"""The next token of a row, from its logits: in the order in which `generate` of transformers does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers

TORCH: Any = torch
PROCESSORS: Any = transformers

# settings of a generation config that change what `generate` gives and that this server does not follow
_NOT_FOLLOWED: dict[str, Any] = {
    "num_beams": 1,
    "bad_words_ids": None,
    "sequence_bias": None,
    "min_length": 0,
    "min_new_tokens": None,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "exponential_decay_length_penalty": None,
    "guidance_scale": 1.0,
    "encoder_repetition_penalty": 1.0,
    "penalty_alpha": None,
    "min_p": None,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}


@dataclass(frozen=True)
class Drawing:
    """How the tokens of one answer are drawn."""

    temperature: float = 0.0
    """0: the likeliest token."""
    top_p: float = 1.0
    top_k: int = 0
    """0: all tokens."""
    seed: int = 0


def read_default_drawing(generation_config: Any) -> Drawing:
    """What `generate` would do where a request says nothing."""
    if not getattr(generation_config, "do_sample", False):
        return Drawing()
    return Drawing(
        temperature=_number(generation_config, "temperature", 1.0),
        top_p=_number(generation_config, "top_p", 1.0),
        top_k=int(_number(generation_config, "top_k", 50)),
    )


def list_ignored_settings(generation_config: Any) -> tuple[str, ...]:
    """Settings of the model's generation config that this server does not follow."""
    found: list[str] = []
    for name, neutral in _NOT_FOLLOWED.items():
        value = getattr(generation_config, name, None)
        if value is not None and value != neutral:
            found.append(name)
    return tuple(found)


def _number(config: Any, name: str, default: float) -> float:
    value = getattr(config, name, None)
    return default if value is None else float(value)


class TokenChooser:
    """Chooses the tokens of one answer.

    Penalties look at the prompt and the answer without padding, as for a prompt that is alone in its batch.

    Args:
        drawing: How to draw.
        generation_config: The model's; its `repetition_penalty`, `no_repeat_ngram_size`, `suppress_tokens`
            and `begin_suppress_tokens` are followed.
        prompt_length: Tokens of the prompt.
        device: Where the logits are.
    """

    def __init__(self, drawing: Drawing, generation_config: Any, prompt_length: int, device: str) -> None:
        self._drawing = drawing
        self._device = device
        self._processors = _build_processors(generation_config, prompt_length, device)
        # always on the CPU and one per answer: neighbours in the batch must not change what is drawn
        self._random: Any = TORCH.Generator().manual_seed(drawing.seed)

    @property
    def is_plain(self) -> bool:
        """Whether the likeliest token of the untouched logits is the choice."""
        return self._drawing.temperature == 0 and not self._processors

    def choose(self, logits: Any, tokens: Sequence[int]) -> int:
        """The next token.

        Args:
            logits: float32 tensor of shape (vocabulary,).
            tokens: Prompt and answer so far.
        """
        scores = logits[None, :].clone()
        if self._processors:
            ids = TORCH.tensor([list(tokens)], device=self._device)
            for processor in self._processors:
                scores = processor(ids, scores)
        if self._drawing.temperature == 0:
            return int(scores[0].argmax())
        return self._draw(scores[0].cpu() / self._drawing.temperature)

    def _draw(self, scores: Any) -> int:
        if 0 < self._drawing.top_k < len(scores):
            smallest = scores.topk(self._drawing.top_k).values[-1]
            scores = scores.masked_fill(scores < smallest, float("-inf"))
        if self._drawing.top_p < 1:
            scores = _keep_top_p(scores, self._drawing.top_p)
        return int(TORCH.multinomial(scores.softmax(-1), 1, generator=self._random))


def _keep_top_p(scores: Any, top_p: float) -> Any:
    """The smallest set of likeliest tokens whose probabilities reach `top_p`; the likeliest one always
    stays.
    """
    ascending, order = scores.sort()
    dropped = ascending.softmax(-1).cumsum(-1) <= 1 - top_p
    dropped[-1] = False
    return scores.masked_fill(TORCH.zeros_like(dropped).scatter(0, order, dropped), float("-inf"))


def _build_processors(config: Any, prompt_length: int, device: str) -> list[Any]:
    processors: list[Any] = []
    penalty = getattr(config, "repetition_penalty", None)
    if penalty is not None and penalty != 1.0:
        processors.append(PROCESSORS.RepetitionPenaltyLogitsProcessor(float(penalty)))
    size = getattr(config, "no_repeat_ngram_size", None)
    if size:
        processors.append(PROCESSORS.NoRepeatNGramLogitsProcessor(int(size)))
    suppressed = getattr(config, "suppress_tokens", None)
    if suppressed:
        processors.append(PROCESSORS.SuppressTokensLogitsProcessor(suppressed, device=device))
    at_begin = getattr(config, "begin_suppress_tokens", None)
    if at_begin:
        processors.append(
            PROCESSORS.SuppressTokensAtBeginLogitsProcessor(at_begin, prompt_length, device=device)
        )
    return processors
