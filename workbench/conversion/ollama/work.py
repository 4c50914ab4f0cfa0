"""The target `ollama`: GGUF files, Modelfiles beside them, and what a server is told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.conversion.detect import Place, find_place, read_config
from workbench.conversion.ollama.chat_shape import ChatShape
from workbench.conversion.ollama.chat_template import Chat, read_chat, read_object
from workbench.conversion.ollama.modelfile import Modelfile, Option, quote
from workbench.conversion.ollama.options import build_options
from workbench.conversion.part_files import Written
from workbench.conversion.plan import Work, prepare_gguf, prepare_gguf_adapter
from workbench.conversion.sidecars import read_template
from workbench.conversion.sources.files import closed_on_error
from workbench.errors import InputError
from workbench.schemas.conversion import ConvertConfig, Dtype, PlannedFile
from workbench.schemas.ollama import OLLAMA_EXPORT, OllamaExport, OllamaVariant

MODELFILE = "Modelfile"
QUIET = "nothink"
"""Added to the name of the variant that does not think."""
DTYPE: Dtype = "q8_0"
"""Where the person names none: half the size of the weights, and next to no loss."""


@dataclass(frozen=True)
class OllamaWork:
    """GGUF files and what Ollama needs beside them; see `Work`."""

    parts: tuple[Work, ...]
    """Base alone, or base and adapter."""
    texts: Mapping[str, str]
    """Name -> content of the small files."""

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """See `Work`."""
        small = [
            PlannedFile(name=name, bytes=len(text.encode()), tensors=0) for name, text in self.texts.items()
        ]
        return (*(file for part in self.parts for file in part.files), *small)

    @property
    def dtype(self) -> str:
        """See `Work`."""
        return self.parts[0].dtype

    @property
    def peak_bytes(self) -> int:
        """See `Work`."""
        return max(part.peak_bytes for part in self.parts)

    @property
    def command(self) -> tuple[str, ...]:
        """The command of another program, where one writes the GGUF."""
        return tuple(getattr(self.parts[0], "command", ()))

    def write(self, folder: Path, written: Written) -> None:
        """See `Work`."""
        for part in self.parts:
            part.write(folder, written)
        for name, text in self.texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
            written(len(text.encode()))

    def close(self) -> None:
        """See `Work`."""
        for part in self.parts:
            part.close()


def prepare_folder(settings: ConvertConfig, place: Place) -> Work:
    """A model, or an adapter merged into its base, as a folder that Ollama takes.

    Raises:
        InputError: What preparing a GGUF raises; `not_an_adapter`, `base_needed`, `ollama_adapter_needs_server`,
            `modelfile_text` for a system prompt that cannot be written.
    """
    chat, config, generation = _read_model(settings, place)
    options = build_options(config, generation, chat.stops)
    parts = tuple(_prepare_parts(settings, place))
    with ExitStack() as opened:
        for part in parts:
            opened.callback(part.close)
        names = [name for part in parts for name in _gguf_names(part)]
        export = OllamaExport(models=tuple(_variants(settings, names, chat, options)))
        work = OllamaWork(parts, _write_texts(settings, export))
        opened.pop_all()
    return work


def _prepare_parts(settings: ConvertConfig, place: Place) -> list[Work]:
    whole = settings.model_copy(update={"to": "gguf", "dtype": settings.dtype or DTYPE})
    if not settings.ollama_adapter:
        return [prepare_gguf(whole, place)]
    if place.layout not in ("peft", "nemo_peft"):
        raise InputError("not_an_adapter", path=str(place.weights))
    if not settings.base:
        raise InputError("base_needed", path=str(place.weights))
    if settings.ollama_url is None:
        raise InputError("ollama_adapter_needs_server")
    base = whole.model_copy(update={"source": settings.base, "base": ""})
    first = prepare_gguf(base, find_place(Path(settings.base)))
    with closed_on_error(first):
        alone = settings.model_copy(update={"to": "gguf-adapter", "dtype": None})
        return [first, prepare_gguf_adapter(alone, place)]


def _gguf_names(part: Work) -> list[str]:
    return [file.name for file in part.files if file.kept and file.name.endswith(".gguf")]


def _read_model(settings: ConvertConfig, place: Place) -> tuple[Chat, dict[str, Any], dict[str, Any]]:
    base = find_place(Path(settings.base)) if settings.base else None
    homes = [found.config for found in (base, place) if found is not None and found.config is not None]
    home = homes[0] if homes else None
    config = read_config(home)
    generation = read_object(home / "generation_config.json") if home is not None else {}
    return read_chat(_find_tokenizer(place, base), config, generation), config, generation


def _find_tokenizer(place: Place, base: Place | None) -> Path | None:
    """The tokenizer with the template that was trained with, else the base's."""
    folders = [found for found in (place.tokenizer, base.tokenizer if base else None) if found is not None]
    return next((folder for folder in folders if read_template(folder)), folders[0] if folders else None)


def _variants(
    settings: ConvertConfig, names: Sequence[str], chat: Chat, options: Mapping[str, Option]
) -> list[OllamaVariant]:
    def build(shape: ChatShape | None, suffix: str) -> OllamaVariant:
        return OllamaVariant(
            modelfile=f"{MODELFILE}-{suffix}" if suffix else MODELFILE,
            suffix=suffix,
            file=names[0],
            adapter=names[1] if len(names) > 1 else "",
            template=shape.to_go() if shape is not None else "",
            system=settings.system,
            options=dict(options),
        )

    found = [build(chat.shape, "")]
    return [*found, build(chat.no_think, QUIET)] if chat.no_think is not None else found


def _write_texts(settings: ConvertConfig, export: OllamaExport) -> dict[str, str]:
    texts = {OLLAMA_EXPORT: json.dumps(export.model_dump(), ensure_ascii=False, indent=2) + "\n"}
    for variant, command in zip(export.models, list_commands(settings, export), strict=True):
        # what a Modelfile cannot hold still reaches a server as it is
        sent = settings.ollama_url is not None and quote(variant.system) is None
        texts[variant.modelfile] = Modelfile(
            variant.file,
            adapter=variant.adapter,
            template=variant.template,
            system="" if sent else variant.system,
            options=variant.options,
            notes=(command,),
        ).render()
    return texts


def list_commands(settings: ConvertConfig, export: OllamaExport) -> list[str]:
    """What registers the models by hand, in the folder."""
    return [
        shlex.join(["ollama", "create", name_model(settings, variant), "-f", variant.modelfile])
        for variant in export.models
    ]


def name_model(settings: ConvertConfig, variant: OllamaVariant) -> str:
    """The model's name on the server."""
    name = settings.ollama_name or settings.name.lower()
    if not variant.suffix:
        return name
    path, slash, last = name.rpartition("/")
    plain, colon, tag = last.partition(":")
    return f"{path}{slash}{plain}-{variant.suffix}{colon}{tag}"
