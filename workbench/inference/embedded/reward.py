"""A reward model from a folder: a sequence-classification head over a language model, scored in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import torch
import transformers
from safetensors import SafetensorError

from workbench.errors import InputError, ResourceError
from workbench.inference.embedded.folders import check_model_folder, read_config
from workbench.inference.rewards import SINGLE, write_rewards
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest

logger = logging.getLogger(__name__)

TORCH: Any = torch
TRANSFORMERS: Any = transformers
HEAD = "ForSequenceClassification"
BATCH = 8
Conversation = Sequence[ChatMessage]


class RewardModel:
    """Scores conversations that end with the assistant's turn.

    Attributes:
        names: Of the scores, in the order of the model's outputs.
        window: Longest conversation in tokens.
    """

    def __init__(self, net: Any, tokenizer: Any, device: str) -> None:
        self._net = net
        self._tokenizer = tokenizer
        self._device = device
        text_config = net.config.get_text_config()
        self.names = _score_names(net.config)
        self.window = int(getattr(text_config, "max_position_embeddings", 0) or 1 << 20)

    def encode(self, messages: Conversation) -> list[int]:
        """Tokens of a conversation by the model's own chat template.

        Raises:
            InputError: `serve_template_refused`.
        """
        try:
            turns = [message.model_dump() for message in messages]
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
            # the template writes the special tokens itself
            return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        except (jinja2.TemplateError, ValueError, TypeError, KeyError) as exc:
            raise InputError("serve_template_refused", detail=str(exc)[:300]) from exc

    def score_tokens(self, rows: Sequence[list[int]], batch: int = BATCH) -> list[dict[str, float]]:
        """All scores of encoded conversations that fit the window."""
        # equal lengths together: less padding
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        scores: dict[int, dict[str, float]] = {}
        for first in range(0, len(order), batch):
            chosen = order[first : first + batch]
            outputs = self._forward([rows[index] for index in chosen])
            for index, output in zip(chosen, outputs, strict=True):
                scores[index] = dict(zip(self.names, output, strict=True))
        return [scores[index] for index in range(len(rows))]

    def _forward(self, rows: Sequence[list[int]]) -> list[list[float]]:
        width = max(len(row) for row in rows)
        config = self._net.config.get_text_config()
        # the model takes the last token that is not padding, so a model without a padding token gets one
        # that no row ends with
        stated = config.pad_token_id
        ends = {row[-1] for row in rows}
        pad = (
            stated
            if stated is not None
            else next(token for token in range(len(rows) + 1) if token not in ends)
        )
        ids = [row + [pad] * (width - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        config.pad_token_id = pad
        try:
            with TORCH.inference_mode():
                outputs = self._net(
                    input_ids=TORCH.tensor(ids, device=self._device),
                    attention_mask=TORCH.tensor(mask, device=self._device),
                )
        finally:
            config.pad_token_id = stated
        return outputs.logits.float().tolist()


def load_reward(path: Path) -> RewardModel:
    """Load a reward model for one process's use.

    Raises:
        NotFoundError: `model_folder_missing`.
        InputError: The folder lacks something, or holds a model without a score head: transformers would
            draw one at random, and its scores would mean nothing.
        ResourceError: `serve_no_memory`.
    """
    check_model_folder(path)
    kinds: Any = read_config(path / "config.json").get("architectures") or []
    if not any(str(kind).endswith(HEAD) for kind in kinds):
        raise InputError("reward_no_head", path=str(path), found=", ".join(map(str, kinds)) or "-")
    device = "cuda" if TORCH.cuda.is_available() else "cpu"
    try:
        tokenizer = TRANSFORMERS.AutoTokenizer.from_pretrained(str(path), local_files_only=True)
        net, report = TRANSFORMERS.AutoModelForSequenceClassification.from_pretrained(
            str(path),
            dtype=TORCH.bfloat16 if device == "cuda" else TORCH.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise ResourceError("serve_no_memory", path=str(path)) from exc
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError) as exc:
        logger.warning("cannot load %s: %s", path, exc)
        raise InputError("serve_not_loadable", path=str(path), detail=str(exc)[:300]) from exc
    if report["missing_keys"]:
        names = ", ".join(sorted(map(str, report["missing_keys"]))[:5])
        raise InputError("reward_no_head", path=str(path), found=names)
    if not tokenizer.chat_template:
        raise InputError("serve_no_chat_template", path=str(path))
    return RewardModel(net.to(device).eval(), tokenizer, device)


def _score_names(config: Any) -> tuple[str, ...]:
    count = int(config.num_labels)
    labels = [str(config.id2label.get(index, f"LABEL_{index}")) for index in range(count)]
    if count == 1 and labels[0] == "LABEL_0":
        return (SINGLE,)
    return tuple(label.lower() for label in labels)


class RewardClient:
    """A reward model in the place of a chat server: requests that wait together are scored together."""

    def __init__(self, model: RewardModel, batch: int = BATCH) -> None:
        self._model = model
        self._batch = batch
        self._waiting: list[tuple[ChatRequest, asyncio.Future[ChatReply]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The scores of one conversation, as a reward server would write them."""
        future: asyncio.Future[ChatReply] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def close(self) -> None:
        """Wait for the batch under way; the model goes with its process."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _work(self) -> None:
        # let the other callers of this moment line up first
        await asyncio.sleep(0)
        while self._waiting:
            batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            # gathered, so that a failure reaches those who wait instead of leaving them waiting
            (outcome,) = await asyncio.gather(
                asyncio.to_thread(self._score, [request for request, _ in batch]), return_exceptions=True
            )
            for index, (_, future) in enumerate(batch):
                if future.done():
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome[index])

    def _score(self, requests: Sequence[ChatRequest]) -> list[ChatReply]:
        encoded = [self._encode(request) for request in requests]
        rows = [row for row in encoded if isinstance(row, list)]
        scores = iter(self._model.score_tokens(rows, self._batch))
        return [
            ChatReply(text=write_rewards(next(scores)), finish_reason="stop")
            if isinstance(row, list)
            else row
            for row in encoded
        ]

    def _encode(self, request: ChatRequest) -> list[int] | ChatReply:
        """The tokens of a conversation, or the reply that says why it cannot be scored."""
        try:
            tokens = self._model.encode(request.messages)
        except InputError as exc:
            return _refuse("request_refused", str(exc.params.get("detail", "")))
        return tokens if len(tokens) <= self._model.window else _refuse("context_too_long")


def _refuse(code: str, detail: str = "") -> ChatReply:
    return ChatReply(text="", state="error", error_code=code, error_detail=detail)
