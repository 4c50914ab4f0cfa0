"""A model's chat template, rendered as transformers renders it, without loading transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.conversion.ollama.chat_shape import ChatShape, Messages, Render, find_shape
from workbench.conversion.sidecars import read_template

NO_THINK = "/no_think"
"""The word in a system prompt by which some models are told not to think."""


class _Generation(Extension):
    """`{% generation %}`, with which training marks what the model says; it prints what it holds."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@dataclass(frozen=True)
class Chat:
    """What a tokenizer says of conversations."""

    shape: ChatShape | None
    """None: there is no template, or it does more than put texts around turns."""
    no_think: ChatShape | None
    """The same with thinking switched off, where the template has a switch."""
    stops: tuple[str, ...]
    """Texts of the tokens that end an answer."""


def read_chat(folder: Path | None, config: Mapping[str, Any], generation: Mapping[str, Any]) -> Chat:
    """Read a tokenizer's folder.

    Args:
        folder: With `tokenizer_config.json`, `tokenizer.json` and the template.
        config: The model's `config.json`.
        generation: Its `generation_config.json`.
    """
    if folder is None:
        return Chat(None, None, ())
    settings = read_object(folder / "tokenizer_config.json")
    shape, no_think = _find_shapes(read_template(folder), _named_tokens(settings))
    start = _first_token(folder, settings)
    ids = generation.get("eos_token_id", config.get("eos_token_id"))
    return Chat(
        shape.without_start(start) if shape else None,
        no_think.without_start(start) if no_think else None,
        _stops(folder, settings, cast("list[Any]", ids) if isinstance(ids, list) else [ids]),
    )


def _find_shapes(template: str, tokens: Mapping[str, str]) -> tuple[ChatShape | None, ChatShape | None]:
    if not template:
        return None, None
    usual = find_shape(build_render(template, tokens))
    quiet = find_shape(build_render(template, {**tokens, "enable_thinking": False}))
    if quiet is None or (usual is not None and quiet.generation == usual.generation):
        quiet = find_shape(_with_word(build_render(template, tokens)))
    if quiet is None or usual is None or quiet.generation == usual.generation:
        return usual, None
    return usual, quiet


def _with_word(render: Render) -> Render:
    """Renders with the word that switches thinking off in the system prompt."""

    def call(messages: Messages, generate: bool) -> str | None:
        system = [message["content"] for message in messages if message["role"] == "system"]
        said = {"role": "system", "content": " ".join([*system, NO_THINK])}
        others = [message for message in messages if message["role"] != "system"]
        return render([said, *others], generate)

    return call


def build_render(template: str, values: Mapping[str, Any]) -> Render:
    """A template as a function of messages."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=_refuse, strftime_now=_refuse)  # pyright: ignore
    try:
        compiled = environment.from_string(template)
    except TemplateError:
        return lambda messages, generate: None

    def call(messages: Messages, generate: bool) -> str | None:
        given = {"messages": [dict(message) for message in messages], "tools": None, "documents": None}
        try:
            return compiled.render(**given, add_generation_prompt=generate, **values)
        # a template is a program: it fails in every way in which programs fail
        except (TemplateError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            return None

    return call


def _refuse(message: object = "") -> None:
    """`raise_exception`; and `strftime_now`, since a template that prints the date has no fixed shape."""
    raise TemplateError(str(message))


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    try:
        content: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _named_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """`bos_token` and its like, each as text."""
    return {
        name: text
        for name in ("bos_token", "eos_token", "pad_token", "unk_token")
        if (text := _text(settings.get(name)))
    }


def _text(token: Any) -> str:
    if isinstance(token, dict):
        token = cast("dict[str, Any]", token).get("content")
    return token if isinstance(token, str) else ""


def _first_token(folder: Path, settings: Mapping[str, Any]) -> str:
    """The token that the server puts in front of every prompt by itself; empty where it does not."""
    token = _text(settings.get("bos_token"))
    said = settings.get("add_bos_token")
    if isinstance(said, bool):
        return token if said else ""
    after = read_object(folder / "tokenizer.json").get("post_processor")
    return token if token and _puts_in_front(after, token) else ""


def _puts_in_front(after: Any, token: str) -> bool:
    """Whether a tokenizer's post-processor begins every text with a token."""
    if not isinstance(after, dict):
        return False
    processor = cast("dict[str, Any]", after)
    if any(_puts_in_front(part, token) for part in processor.get("processors") or ()):
        return True
    single = cast("list[dict[str, Any]]", processor.get("single") or [])
    return bool(single) and cast("dict[str, Any]", single[0].get("SpecialToken") or {}).get("id") == token


def _stops(folder: Path, settings: Mapping[str, Any], ids: list[Any]) -> tuple[str, ...]:
    added = cast("list[dict[str, Any]]", read_object(folder / "tokenizer.json").get("added_tokens") or [])
    texts = {token.get("id"): _text(token) for token in added}
    named = [texts.get(one, "") for one in ids if isinstance(one, int)]
    return tuple(dict.fromkeys(text for text in (*named, _text(settings.get("eos_token"))) if text))
