"""A model that says what it was told to say: for tests, and for trying a recipe without a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from workbench.errors import WorkbenchError
from workbench.schemas.inference import ChatChunk, ChatReply, ChatRequest

Scripted = str | ChatReply | WorkbenchError
PIECE = 4
"""Characters per chunk of a streamed answer."""
Script = Sequence[Scripted] | Mapping[str, Scripted] | Callable[[ChatRequest], Scripted]


class MockClient:
    """Answers from a script, the same way every time.

    Args:
        script: A sequence (one entry per call, the last one for ever), a mapping from the last message's
            text, or a function of the request. A text becomes an answer, an empty text an empty answer, an
            error is raised.
        model_names: What `models` lists.
    """

    def __init__(self, script: Script = ("",), *, model_names: Sequence[str] = ("mock",)) -> None:
        self._script = script
        self._names = tuple(model_names)
        self.requests: list[ChatRequest] = []
        """Every request so far, in order of arrival."""
        self.closed = False

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The scripted answer."""
        self.requests.append(request)
        said = self._choose(request)
        if isinstance(said, WorkbenchError):
            raise said
        if isinstance(said, ChatReply):
            return said
        return ChatReply(
            text=said,
            state="ok" if said else "empty",
            finish_reason="stop",
            prompt_tokens=sum(len(message.content) for message in request.messages),
            completion_tokens=len(said),
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatChunk]:
        """The scripted answer in pieces of a few characters."""
        reply = await self.complete(request)
        if reply.reasoning:
            yield ChatChunk(reasoning=reply.reasoning)
        for start in range(0, len(reply.text), PIECE):
            yield ChatChunk(text=reply.text[start : start + PIECE])
        yield ChatChunk(reply=reply)

    async def models(self) -> tuple[str, ...]:
        """The names it was made with."""
        return self._names

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _choose(self, request: ChatRequest) -> Scripted:
        script = self._script
        if callable(script):
            return script(request)
        if isinstance(script, Sequence):
            return script[min(len(self.requests), len(script)) - 1]
        return script.get(request.messages[-1].content, "")
