"""What the rest of the program knows of a model server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from workbench.schemas.inference import ChatChunk, ChatReply, ChatRequest


class ChatClient(Protocol):
    """Answers chat requests."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """One answer. What concerns this request alone comes back as a reply in the state `error`.

        Raises:
            EndpointError: The whole endpoint cannot be used; asking on would waste the remaining questions.
        """
        ...

    async def close(self) -> None:
        """Give connections back. Calling it twice is fine."""
        ...


@runtime_checkable
class Streamer(ChatClient, Protocol):
    """A client that can also hand an answer out while it comes in."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatChunk]:
        """The answer bit by bit; the last chunk carries the whole reply.

        What goes wrong with this request alone is a reply in the state `error`, which keeps what had come.
        Closing the generator closes the connection, and the server stops.

        Raises:
            EndpointError: The whole endpoint cannot be used.
        """
        ...


@runtime_checkable
class ModelLister(Protocol):
    """A client that can also say which models its server has."""

    async def models(self) -> tuple[str, ...]:
        """Names of the models, empty where the server keeps no list.

        Raises:
            EndpointError: The server does not answer or refuses the key.
        """
        ...
