"""Tells result files of other programs apart, and reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from workbench.artifacts import ArtifactStore, ref_path
from workbench.errors import InputError
from workbench.evaluation.formats.imported import ImportedRun, publish_run
from workbench.evaluation.formats.llm_jp_result import is_llm_jp_result, read_llm_jp_result
from workbench.evaluation.formats.lm_eval import is_lm_eval_line, read_lm_eval
from workbench.evaluation.formats.promptfoo import is_promptfoo, read_promptfoo
from workbench.evaluation.formats.shapes import as_mapping
from workbench.evaluation.tasks.rows import check_file, read_object
from workbench.schemas.artifact import Artifact

FORMATS = ("llm-jp-eval", "lm-eval", "promptfoo")


def read_results(paths: Sequence[Path], provider: str = "") -> ImportedRun:
    """A run from the result files of another program, found out by their shape.

    Args:
        paths: One file; for lm-eval any number of `samples_*.jsonl`, or the folder that holds them.
        provider: Which provider of a promptfoo file.

    Raises:
        NotFoundError: A file does not exist.
        InputError: It is not one of the known formats, or broken.
    """
    files = [file for path in paths for file in _expand(path)]
    first = files[0]
    check_file(first)
    if first.suffix.lower() == ".jsonl":
        _check_first_line(first)
        return read_lm_eval(files)
    content = read_object(first)
    if len(files) > 1:
        raise InputError("import_one_file", path=str(files[1]))
    if is_llm_jp_result(content):
        return read_llm_jp_result(content, first)
    if is_promptfoo(content):
        return read_promptfoo(content, first, provider)
    raise InputError("import_unknown", path=str(first), known=", ".join(FORMATS))


def import_results(
    paths: Sequence[Path], artifacts: ArtifactStore, *, label: str = "", provider: str = ""
) -> tuple[Artifact, ImportedRun]:
    """Read result files and keep them as an evaluation."""
    run = read_results(paths, provider)
    if label:
        run = ImportedRun(label, run.answers, run.tasks, run.details, run.notes)
    sources = [ref_path(file) for path in paths for file in _expand(path)]
    return publish_run(run, artifacts, sources), run


def _expand(path: Path) -> list[Path]:
    """The samples in a folder of lm-eval's, or the file itself."""
    if not path.is_dir():
        return [path.resolve()]
    found = sorted(path.resolve().rglob("samples_*.jsonl"))
    if not found:
        raise InputError("import_folder_empty", path=str(path))
    return found


def _check_first_line(path: Path) -> None:
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        line = next((text for text in handle if text.strip()), "")
    try:
        values: object = json.loads(line)
    except ValueError:
        values = None
    if not is_lm_eval_line(as_mapping(values)):
        raise InputError("import_unknown", path=str(path), known=", ".join(FORMATS))
