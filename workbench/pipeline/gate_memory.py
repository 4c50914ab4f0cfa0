"""The latest verdict on each pair of runs: kept when a gate is evaluated, told in the report of a review."""

from __future__ import annotations

import hashlib

from pydantic import ValidationError

from workbench.artifacts import read_json, write_json_atomic
from workbench.errors import InputError
from workbench.i18n import Lang
from workbench.paths import Workspace
from workbench.pipeline.gate_report import say_condition, say_reason, say_sentence
from workbench.review.exports import GateNote
from workbench.schemas.artifact import Artifact
from workbench.schemas.gate import GateReport


def keep_report(workspace: Workspace, report: GateReport) -> None:
    """Keep the outcome of a gate in place of an earlier one on the same two runs."""
    folder = workspace.gate_reports
    folder.mkdir(parents=True, exist_ok=True)
    write_json_atomic(folder / _name(report.baseline, report.candidate), report)


def recall_note(workspace: Workspace, comparison: Artifact, lang: Lang) -> GateNote | None:
    """What a gate said last of the two runs of a comparison; None where none was evaluated."""
    runs = (str(comparison.details.get(side, "")) for side in ("baseline", "finetuned"))
    try:
        report = GateReport.model_validate(read_json(workspace.gate_reports / _name(*runs)))
    except (FileNotFoundError, InputError, ValidationError):
        return None
    invalid = [say_sentence("invalid", sentence, lang) for sentence in report.invalid]
    open_ = [one for one in report.conditions if one.outcome != "pass"]
    said = [f"{say_condition(one, lang)} — {say_reason(one, lang)}" for one in open_]
    return GateNote(report.verdict, (*invalid, *said))


def _name(baseline: str, candidate: str) -> str:
    # a run may also be a path, which is no file name
    digest = hashlib.sha256("\0".join((baseline, candidate)).encode("utf-8", "surrogatepass"))
    return f"{digest.hexdigest()[:32]}.json"
