"""Rubric files: those that ship with the program, and a person's own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.errors import InputError, NotFoundError
from workbench.paths import assets_dir
from workbench.schemas.base import StrictModel, parse
from workbench.schemas.judging import Rubric
from workbench.schemas.tasks import Language

MAX_BYTES = 1_000_000


class Frame(StrictModel):
    """What the program says around every rubric of a language."""

    notice: str
    criteria: str
    question: str
    documents: str
    document: str
    reference: str
    answer: str
    answer_a: str
    answer_b: str
    note: str
    case: str
    order: str
    absolute: str
    score: str
    pairwise: str


@dataclass(frozen=True)
class LoadedRubric:
    """A rubric with its frame, and the file it came from."""

    rubric: Rubric
    frame: Frame
    path: Path

    @property
    def sha256(self) -> str:
        """Over all that shapes the prompt; comments and layout of the files do not count."""
        content = [self.rubric.model_dump(mode="json"), self.frame.model_dump(mode="json")]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def list_rubrics() -> list[Rubric]:
    """The rubrics that ship with the program, by name."""
    return [load_rubric(path.stem).rubric for path in sorted(_folder().glob("*.yaml"))]


def load_rubric(name: str) -> LoadedRubric:
    """A rubric by its name, or by the path of its file.

    Raises:
        NotFoundError: `rubric_missing`.
        InputError: `rubric_unreadable`.
        ConfigError: Fields are wrong; all are named.
    """
    path = _find(name)
    rubric = parse(Rubric, _read(path), path.stem)
    return LoadedRubric(rubric, load_frame(rubric.language), path)


@cache
def load_frame(language: Language) -> Frame:
    """The frame of a language."""
    return parse(Frame, _read(_folder() / "frames" / f"{language}.yaml"), "frame")


def _folder() -> Path:
    return assets_dir() / "rubrics"


def _find(name: str) -> Path:
    shipped = {path.stem: path for path in _folder().glob("*.yaml")}
    if name in shipped:
        return shipped[name]
    path = Path(name).expanduser()
    if not name or not path.is_file():
        raise NotFoundError("rubric_missing", name=name, known=", ".join(sorted(shipped)))
    return path.resolve()


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("rubric_unreadable", path=str(path))
        content: object = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as exc:
        raise InputError("rubric_unreadable", path=str(path)) from exc
    if not isinstance(content, dict):
        raise InputError("rubric_unreadable", path=str(path))
    return {str(key): value for key, value in cast("dict[Any, Any]", content).items()}
