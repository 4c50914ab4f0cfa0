"""The engine behind the server: requests in, events out. Knows nothing of HTTP."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import peft
import torch
import transformers

from workbench.errors import EndpointError, InputError, NotFoundError
from workbench.inference.embedded.batching import RowGroup
from workbench.inference.embedded.choosing import (
    Drawing,
    TokenChooser,
    list_ignored_settings,
    read_default_drawing,
)
from workbench.inference.embedded.codec import TextCodec
from workbench.inference.embedded.loading import LoadedModel, load_model
from workbench.inference.embedded.rows import Done, Event, Failed, Listener, Row
from workbench.inference.embedded.scheduler import Scheduler
from workbench.schemas.serving import ServeConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelInfo:
    """One name under which the engine answers."""

    name: str
    is_base: bool
    window: int
    """Prompt and answer together, in tokens."""
    difference: float | None
    """Largest difference of a logit from the base's; None for the base itself."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """What a caller wants generated. None: what the model's own generation config says."""

    model: str
    prompt: tuple[int, ...]
    max_tokens: int | None = None
    """None: as much as fits."""
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    """None: another one each time."""
    stops: tuple[str, ...] = ()
    stream: bool = False


class Engine:
    """A loaded model that answers.

    Args:
        loaded: Base and adapters.
        max_rows: Requests in one forward pass.
        clock: A steady clock in seconds.
    """

    def __init__(
        self, loaded: LoadedModel, max_rows: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._loaded = loaded
        self._clock = clock
        self._generation: Any = loaded.net.generation_config
        self._default = read_default_drawing(self._generation)
        self._stop_ids = _read_stop_ids(self._generation, loaded.codec)
        self._last_used = clock()
        self.answered = 0
        """Requests that were answered since the start."""
        self.started_at = time.time()
        self._scheduler = Scheduler(
            loaded.activate,
            lambda: RowGroup(loaded.forward, pad_id=min(self._stop_ids, default=0)),
            max_rows,
            loaded.cache_kind,
        )
        self._scheduler.start()

    @property
    def codec(self) -> TextCodec:
        return self._loaded.codec

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The base first."""
        proofs = {proof.name: proof for proof in self._loaded.proofs}
        return tuple(
            ModelInfo(
                name=name,
                is_base=key is None,
                window=self._loaded.window,
                difference=proofs[name].difference if name in proofs else None,
                notes=proofs[name].notes if name in proofs else (),
            )
            for name, key in self._loaded.keys.items()
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What a score measured here must carry."""
        return {
            "engine": "embedded",
            "device": self._loaded.device,
            "dtype": self._loaded.dtype,
            "template_sha256": self.codec.template_sha256,
            "versions": {module.__name__: str(module.__version__) for module in (torch, transformers, peft)},
            "ignored_settings": list(list_ignored_settings(self._generation)),
        }

    @property
    def batches(self) -> list[int]:
        """Rows of the latest forward passes."""
        return list(self._scheduler.batches)

    @property
    def pending(self) -> int:
        """Requests that wait or are being answered."""
        return self._scheduler.pending

    def idle_seconds(self) -> float:
        """Seconds since the last request ended; 0 while there is one."""
        return 0.0 if self.pending else self._clock() - self._last_used

    def check_model(self, name: str) -> None:
        """Whether the engine answers under that name.

        Raises:
            NotFoundError: It does not.
        """
        if name not in self._loaded.keys:
            raise NotFoundError("serve_model_unknown", model=name, models=", ".join(self._loaded.keys))

    def submit(self, order: Order, listener: Listener) -> Row:
        """Put an order in line. The listener is called from the engine's thread.

        Raises:
            NotFoundError: Unknown model name.
            InputError: The prompt is empty, too long, or holds unknown tokens.
            EndpointError: The engine is stopping, or the line is full.
        """
        self.check_model(order.model)
        row = self._make_row(order, listener)
        self._last_used = self._clock()
        self._scheduler.submit(row)
        return row

    def generate(self, order: Order) -> Done:
        """Answer an order and wait for it.

        Raises:
            EndpointError: It failed on the way.
        """
        ended = threading.Event()
        events: list[Event] = []

        def listen(event: Event) -> None:
            events.append(event)
            if isinstance(event, (Done, Failed)):
                ended.set()

        self.submit(order, listen)
        ended.wait()
        last = events[-1]
        if isinstance(last, Done):
            return last
        raise EndpointError(last.code if isinstance(last, Failed) else "serve_model_failed")

    def close(self) -> None:
        """Stop the engine's thread; requests under way are told so."""
        self._scheduler.close()

    def _make_row(self, order: Order, listener: Listener) -> Row:
        self._check_prompt(order.prompt)
        room = self._loaded.window - len(order.prompt)
        drawing = self._choose_drawing(order)
        return Row(
            model=order.model,
            prompt=order.prompt,
            # what does not fit is not generated: the answer then ends with the reason `length`
            max_tokens=room if order.max_tokens is None else min(order.max_tokens, room),
            stop_ids=self._stop_ids,
            chooser=TokenChooser(drawing, self._generation, len(order.prompt), self._loaded.device),
            listener=self._count(listener),
            decode=self.codec.decode,
            stops=order.stops,
            stream=order.stream,
        )

    def _check_prompt(self, prompt: Sequence[int]) -> None:
        if not prompt:
            raise InputError("serve_prompt_empty")
        if len(prompt) >= self._loaded.window:
            raise InputError("serve_context_too_long", tokens=len(prompt), window=self._loaded.window)
        if not 0 <= min(prompt) <= max(prompt) < self.codec.vocabulary:
            raise InputError("serve_token_unknown", limit=self.codec.vocabulary - 1)

    def _choose_drawing(self, order: Order) -> Drawing:
        default = self._default
        return Drawing(
            temperature=default.temperature if order.temperature is None else order.temperature,
            top_p=default.top_p if order.top_p is None else order.top_p,
            top_k=default.top_k,
            seed=secrets.randbits(31) if order.seed is None else order.seed,
        )

    def _count(self, listener: Listener) -> Listener:
        def listen(event: Event) -> None:
            if isinstance(event, (Done, Failed)):
                self._last_used = self._clock()
                self.answered += isinstance(event, Done)
            listener(event)

        return listen


def load_engine(config: ServeConfig) -> Engine:
    """Load a base and its adapters, check them, and begin to answer; see `load_model` for what it raises."""
    engine = Engine(load_model(config), config.max_batch_size)
    for info in engine.models:
        if info.notes:
            logger.warning("%s: %s", info.name, ", ".join(info.notes))
    return engine


def _read_stop_ids(generation: Any, codec: TextCodec) -> frozenset[int]:
    """Tokens that end an answer, as `generate` has them; the tokenizer's where the config names none."""
    named: Any = getattr(generation, "eos_token_id", None)
    if named is None:
        named = codec.eos_id
    listed: list[int] = [] if named is None else list(named) if hasattr(named, "__iter__") else [named]
    return frozenset(listed)
