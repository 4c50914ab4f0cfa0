"""The job kind `gate`: a step of a recipe that says whether the fine-tuned model may go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.jobs import JobContext
from workbench.pipeline.gate_files import load_gate, run_gate
from workbench.pipeline.gate_memory import keep_report
from workbench.review import VoteStore
from workbench.schemas.base import parse
from workbench.schemas.gate import GateConfig

PHASE = "gate"


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Evaluate a gate (job kind `gate`). A verdict of `fail` is a result, not an error of the job."""
    settings = parse(GateConfig, config)
    job.progress(PHASE)
    report = run_gate(
        settings.gate or load_gate(Path(settings.file)),
        job.artifacts,
        VoteStore(job.workspace).votes,
        candidate=settings.candidate,
        baseline=settings.baseline,
    )
    keep_report(job.workspace, report)
    count = len(report.conditions)
    job.progress(PHASE, done=count, total=count, unit="conditions")
    return report.model_dump(mode="json")
