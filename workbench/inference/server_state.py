"""Small questions to a model server that are no chat: is it ready, what does it count, which models has it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import httpx

SECONDS = 5.0
_SAMPLE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{.*\})?\s+(\S+)(?:\s+\d+)?")


@dataclass(frozen=True)
class Activity:
    """How busy a server is."""

    busy: bool
    """A request is worked on or waits."""
    total: float
    """Grows with every request; only its changes mean something."""


def read_status(url: str, *, seconds: float = SECONDS) -> int | None:
    """The HTTP status at an address; None where nothing answers. A proxy of the environment is not asked."""
    answer = _get(url, seconds)
    return None if answer is None else answer.status_code


def read_text(url: str, *, seconds: float = SECONDS) -> str | None:
    """What stands at an address; None where that is not 200."""
    answer = _get(url, seconds)
    return answer.text if answer is not None and answer.status_code == 200 else None


def _get(url: str, seconds: float) -> httpx.Response | None:
    # imported here: most commands ask no server, and loading it takes as long as all else that they need of ours
    import httpx

    try:
        with httpx.Client(trust_env=False, timeout=seconds, follow_redirects=False) as client:
            return client.get(url)
    except (httpx.HTTPError, OSError):
        return None


def read_object(url: str, *, seconds: float = SECONDS) -> dict[str, Any] | None:
    """A JSON object at an address; None where there is none."""
    text = read_text(url, seconds=seconds)
    try:
        content: Any = json.loads(text) if text is not None else None
    except ValueError:
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None


def list_names(content: dict[str, Any] | None) -> tuple[str, ...]:
    """Names in a list of models, OpenAI's shape or Ollama's."""
    entries: Any = (content or {}).get("data") or (content or {}).get("models") or ()
    named: list[Any] = [entry for entry in entries if isinstance(entry, dict)]
    return tuple(str(entry.get("id") or entry.get("name")) for entry in named)


def read_prometheus(text: str, busy: Iterable[str], counters: Iterable[str]) -> Activity | None:
    """How busy a server is, by its metrics; None where none of the named ones are there.

    Args:
        text: In Prometheus' text format.
        busy: Gauges that are above 0 while a request is worked on.
        counters: Counters that grow with every request.
    """
    values: dict[str, float] = {}
    for line in text.splitlines():
        match = _SAMPLE.fullmatch(line.strip())
        if match is None:
            continue
        try:
            values[match[1]] = values.get(match[1], 0.0) + float(match[2])
        except ValueError:
            continue
    gauges = [values[name] for name in busy if name in values]
    counts = [values[name] for name in counters if name in values]
    if not gauges and not counts:
        return None
    return Activity(any(value > 0 for value in gauges), sum(counts))


def read_ollama_ps(content: dict[str, Any] | None) -> Activity | None:
    """How busy Ollama is: each request moves the time until which its model stays loaded."""
    if content is None:
        return None
    listed: Any = content.get("models") or ()
    models = [cast("dict[str, Any]", model) for model in listed if isinstance(model, dict)]
    marks = sorted(f"{model.get('name')} {model.get('expires_at')}" for model in models)
    return Activity(False, float(hash(tuple(marks)) & 0xFFFFFFFF))


def read_list(url: str, *, seconds: float = SECONDS) -> list[Any]:
    """A JSON list at an address; empty where there is none."""
    text = read_text(url, seconds=seconds)
    try:
        content: Any = json.loads(text) if text is not None else None
    except ValueError:
        return []
    return cast("list[Any]", content) if isinstance(content, list) else []
