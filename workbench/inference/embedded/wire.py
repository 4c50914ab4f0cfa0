"""The shapes of OpenAI's API, as far as this server knows them."""

from __future__ import annotations

import time
from typing import Any, Literal, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.errors import InputError
from workbench.inference.embedded.engine import ModelInfo
from workbench.inference.embedded.rows import Done

# parameters that would change the answer if this server knew them: better refused than passed over
_REFUSED: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "echo": (None, False),
    "logprobs": (None, False, 0),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "tools": (None, []),
    "functions": (None, []),
    "response_format": (None, {"type": "text"}),
    "suffix": (None, ""),
}


class _Body(BaseModel):
    # unknown fields are let through: clients add their own
    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model: str
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    stop: list[str] = Field(default_factory=list[str], max_length=16)
    stream: bool = False
    stream_options: dict[str, Any] | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if value is None:
            return []
        return [value] if isinstance(value, str) else value

    @field_validator("stream", mode="before")
    @classmethod
    def _null_is_no(cls, value: object) -> object:
        return False if value is None else value

    @property
    def reports_usage(self) -> bool:
        """Whether a stream ends with the token counts."""
        return bool((self.stream_options or {}).get("include_usage"))


class TextPart(BaseModel):
    """A part of a message; pictures and sounds have no place in a text model."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def flatten(self) -> dict[str, str]:
        """Role and text as chat templates want them."""
        content = self.content
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class ChatBody(_Body):
    """A chat request."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CompletionBody(_Body):
    """A request to go on with a text."""

    prompt: str | list[int] | list[str] | list[list[int]]
    max_tokens: int | None = Field(default=16, ge=1)

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """One entry per answer that is wanted."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if self.prompt and isinstance(self.prompt[0], int):
            return [self.prompt]  # pyright: ignore[reportReturnType]
        return self.prompt  # pyright: ignore[reportReturnType]


Body = TypeVar("Body", bound=_Body)


def parse_body(model: type[Body], content: object) -> Body:
    """A request from JSON.

    Raises:
        InputError: It is no such request; the sentence names the fields.
    """
    if isinstance(content, dict):
        for name, neutral in _REFUSED.items():
            if content.get(name) not in neutral:  # pyright: ignore[reportUnknownMemberType]
                raise InputError("serve_parameter_unknown", name=name)
    try:
        return model.model_validate(content)
    except ValidationError as exc:
        found = [f"{'.'.join(map(str, error['loc'])) or 'body'}: {error['msg']}" for error in exc.errors()]
        raise InputError("serve_body_invalid", problems="; ".join(found[:5])) from exc


class Shapes:
    """Writes the answers of one request, whole or in chunks.

    Args:
        kind: `chat` or `text`.
        model: The model name that was asked.
    """

    def __init__(self, kind: Literal["chat", "text"], model: str) -> None:
        self._chat = kind == "chat"
        self._head = {
            "id": f"{'chatcmpl' if self._chat else 'cmpl'}-{uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, answers: list[Done]) -> dict[str, Any]:
        """The answer to a request that does not stream."""
        name = "chat.completion" if self._chat else "text_completion"
        choices = [self._choice(index, answer) for index, answer in enumerate(answers)]
        return {**self._head, "object": name, "choices": choices, "usage": usage(answers)}

    def begin(self) -> dict[str, Any]:
        """The first chunk of a stream."""
        return self._chunk({"role": "assistant", "content": ""}, "", None)

    def piece(self, text: str) -> dict[str, Any]:
        """A chunk with text."""
        return self._chunk({"content": text}, text, None)

    def end(self, answer: Done) -> dict[str, Any]:
        """The chunk that says how the answer ended."""
        return self._chunk({}, "", answer.finish_reason)

    def counts(self, answer: Done) -> dict[str, Any]:
        """The chunk with the token counts, for those who asked for it."""
        return self._named_chunk([]) | {"usage": usage([answer])}

    def _choice(self, index: int, answer: Done) -> dict[str, Any]:
        end = {"index": index, "finish_reason": answer.finish_reason, "logprobs": None}
        if self._chat:
            return end | {"message": {"role": "assistant", "content": answer.text}}
        return end | {"text": answer.text}

    def _chunk(self, delta: dict[str, str], text: str, reason: str | None) -> dict[str, Any]:
        said: dict[str, Any] = {"delta": delta} if self._chat else {"text": text}
        return self._named_chunk([{"index": 0, "finish_reason": reason, "logprobs": None} | said])

    def _named_chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        name = "chat.completion.chunk" if self._chat else "text_completion"
        return {**self._head, "object": name, "choices": choices}


def usage(answers: list[Done]) -> dict[str, int]:
    """Token counts of all answers together."""
    read = sum(answer.prompt_tokens for answer in answers)
    made = sum(answer.completion_tokens for answer in answers)
    return {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}


def show_model(info: ModelInfo, created: float) -> dict[str, Any]:
    """An entry of `/v1/models`, with what the check at load time found."""
    return {
        "id": info.name,
        "object": "model",
        "created": int(created),
        "owned_by": "workbench",
        "max_model_len": info.window,
        "is_base": info.is_base,
        "difference_from_base": info.difference,
        "notes": list(info.notes),
    }
