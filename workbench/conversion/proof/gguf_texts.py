"""Checks of a GGUF file's tokenizer and chat template against the source's."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.conversion.detect import Place, has_tokenizer
from workbench.conversion.gguf.quantise import PACKAGE, has_llama
from workbench.conversion.gguf.reading import StoredFile
from workbench.conversion.gguf.work import find_home
from workbench.conversion.proof.texts import BUILT_IN, read_texts
from workbench.conversion.sidecars import read_template
from workbench.schemas.conversion import Check, ConvertConfig

TALK: tuple[tuple[str, str], ...] = (
    ("system", "参考文書を基に質問に答えてください。"),
    ("user", "図書館は何時に開館しますか。"),
    ("assistant", "午前九時です。"),
    ("user", "Thank you. 休館日は？"),
)
"""A talk that every template can write; without its first line where one takes no system message."""


def check_texts(settings: ConvertConfig, place: Place, file: StoredFile | None) -> Iterator[Check]:
    """Tokenizer and template; an adapter alone has neither."""
    home = find_home(settings, place)
    tokens = home if has_tokenizer(home) else place.tokenizer
    if file is None:
        for name in ("tokenizer", "template"):
            yield Check(name=name, state="not checked", reason="adapter")
        return
    if tokens is None:
        for name in ("tokenizer", "template"):
            yield Check(name=name, state="not checked", reason="no_source")
        return
    yield check_tokenizer(file.path, tokens, settings.texts)
    trained = read_template(place.tokenizer) if place.tokenizer is not None else ""
    yield check_template(file, tokens, trained or read_template(tokens))


def check_tokenizer(path: Path, source: Path, texts: str) -> Check:
    """llama.cpp gives the same token ids as the source's tokenizer on every text, special tokens among them."""
    if not has_llama():
        return Check(name="tokenizer", state="not checked", reason="no_llama")
    theirs = load_tokenizer(source)
    given = read_texts(texts) or list(BUILT_IN)
    special = [str(token) for token in theirs.all_special_tokens]
    samples = [*given, *(f"{token}{given[0]}" for token in special)]
    with closing(load_llama(path, vocab_only=True)) as mine:
        equal = sum(tokenize(mine, text) == list(theirs(text)["input_ids"]) for text in samples)
    params: dict[str, str | int | float] = {"equal": equal, "texts": len(samples)}
    if equal == len(samples):
        return Check(name="tokenizer", state="passed", params=params)
    return Check(name="tokenizer", state="failed", reason="differs", params=params)


def check_template(file: StoredFile, source: Path, template: str) -> Check:
    """The same chat template as the training used, and the same prompt out of it."""
    if not template:
        return Check(name="template", state="not checked", reason="no_template")
    stored = str(file.settings.get("tokenizer.chat_template") or "")
    if stored != template:
        return Check(name="template", state="failed", reason="differs")
    theirs = load_tokenizer(source)
    try:
        wanted = render(template, theirs.bos_token or "", theirs.eos_token or "")
        found = render(stored, _name(file, "bos"), _name(file, "eos"))
    except jinja2.TemplateError:
        return Check(name="template", state="passed", reason="unrendered")
    if wanted == found:
        return Check(name="template", state="passed")
    return Check(name="template", state="failed", reason="renders_differently")


def _name(file: StoredFile, role: str) -> str:
    number = file.settings.get(f"tokenizer.ggml.{role}_token_id")
    return str(file.settings["tokenizer.ggml.tokens"][number]) if number is not None else ""


def render(template: str, bos: str, eos: str) -> str:
    """The prompt that a template makes of a short talk.

    Raises:
        jinja2.TemplateError: It refuses the talk or uses what only a server offers.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment.globals["raise_exception"] = refuse  # pyright: ignore[reportArgumentType]
    known = {"bos_token": bos, "eos_token": eos, "add_generation_prompt": True}
    for start in (0, 1):
        talk = [{"role": role, "content": text} for role, text in TALK[start:]]
        try:
            return environment.from_string(template).render(messages=talk, **known)
        except jinja2.TemplateError:
            if start:
                raise
    return ""


class _Generation(Extension):
    """`{% generation %}`, which marks the assistant's words in training and writes nothing itself."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Any) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def load_tokenizer(folder: Path) -> Any:
    """The source's tokenizer."""
    from transformers import AutoTokenizer

    return cast("Any", AutoTokenizer).from_pretrained(str(folder))


def load_llama(path: Path, **options: Any) -> Any:
    """A GGUF file in llama.cpp, keys and values of attention in float32: rounding them alone costs 1e-2."""
    library: Any = importlib.import_module(PACKAGE)
    return library.Llama(model_path=str(path), verbose=False, type_k=0, type_v=0, **{"n_ctx": 512, **options})


def tokenize(model: Any, text: str) -> list[int]:
    """Token ids, with what the tokenizer adds by itself and special tokens read out of the text."""
    return list(model.tokenize(text.encode(), add_bos=True, special=True))
