"""From an endpoint to a client: one entry per dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.errors import InputError, StateError
from workbench.inference.protocol import ChatClient
from workbench.inference.retrier import Retrier
from workbench.inference.retry import RetryPolicy
from workbench.schemas.inference import Endpoint


def _create_openai(endpoint: Endpoint, key: str, policy: RetryPolicy) -> ChatClient:
    # imported here, so that listing endpoints or reading a schema does not load openai
    from workbench.inference.openai_client import OpenAIClient

    return OpenAIClient(endpoint, key, retrier=Retrier(endpoint.name, policy=policy))


def _create_ollama(endpoint: Endpoint, key: str, policy: RetryPolicy) -> ChatClient:
    from workbench.inference.ollama_client import OllamaClient

    return OllamaClient(endpoint, key, retrier=Retrier(endpoint.name, policy=policy))


DIALECTS: dict[str, Callable[[Endpoint, str, RetryPolicy], ChatClient]] = {
    "openai": _create_openai,
    "ollama": _create_ollama,
}


def create_client(
    endpoint: Endpoint, *, environ: Mapping[str, str], policy: RetryPolicy | None = None
) -> ChatClient:
    """A client for the endpoint; the key is read from the named environment variable and nowhere else.

    Raises:
        InputError: The endpoint's dialect has no client.
        StateError: The named variable is not set.
    """
    create = DIALECTS.get(endpoint.dialect)
    if create is None:
        raise InputError("endpoint_dialect_unknown", endpoint=endpoint.name, dialect=endpoint.dialect)
    return create(endpoint, read_key(endpoint, environ), policy or RetryPolicy())


def create_reward_client(
    endpoint: Endpoint, *, environ: Mapping[str, str], policy: RetryPolicy | None = None
) -> ChatClient:
    """A client for a reward model behind a server; the text of its replies is for `parse_rewards`.

    Raises:
        InputError: The endpoint does not speak OpenAI's API.
        StateError: The named variable is not set.
    """
    from workbench.inference.openai_client import OpenAIClient
    from workbench.inference.rewards import build_reward_body, read_reward_completion

    if endpoint.dialect != "openai":
        raise InputError("endpoint_dialect_unknown", endpoint=endpoint.name, dialect=endpoint.dialect)
    return OpenAIClient(
        endpoint,
        read_key(endpoint, environ),
        retrier=Retrier(endpoint.name, policy=policy or RetryPolicy()),
        build=build_reward_body,
        read=read_reward_completion,
    )


def read_key(endpoint: Endpoint, environ: Mapping[str, str]) -> str:
    """The endpoint's key, empty where it needs none."""
    if not endpoint.api_key_env:
        return ""
    key = environ.get(endpoint.api_key_env, "").strip()
    if not key:
        raise StateError("secret_missing", name=endpoint.api_key_env)
    return key
