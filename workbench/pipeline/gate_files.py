"""Reads a gate file, finds the runs and the opinions it speaks of, and holds the one against the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from workbench.artifacts import ArtifactStore, read_json
from workbench.errors import InputError, NotFoundError, StateError
from workbench.evaluation.runs import PREFIX, Side, load_run
from workbench.pipeline.gate import Gate, check_gate
from workbench.pipeline.gate_opinions import JudgeOpinion, Opinions
from workbench.pipeline.judge_check import VotesOf, check_judgement
from workbench.review import apply_overrides
from workbench.schemas.artifact import Artifact
from workbench.schemas.base import parse
from workbench.schemas.comparison import Sentence
from workbench.schemas.gate import GateReport, GateSpec, HumanConditions, JudgeConditions
from workbench.schemas.judging import JudgementSummary
from workbench.schemas.review import VoteSummary

SUMMARY = "summary.json"


def load_gate(path: Path) -> GateSpec:
    """A gate from its file; a baseline that starts with `./` or `../` is relative to the file.

    Raises:
        NotFoundError: `gate_missing`.
        InputError: `gate_not_yaml`.
        ConfigError: Fields are wrong; all of them are reported.
    """
    if not path.is_file():
        raise NotFoundError("gate_missing", path=str(path))
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise InputError("gate_not_yaml", path=str(path)) from exc
    if not isinstance(loaded, dict):
        raise InputError("gate_not_yaml", path=str(path))
    values = cast("dict[str, Any]", loaded)
    baseline = values.get("baseline")
    if isinstance(baseline, str) and baseline.removeprefix(PREFIX).startswith(("./", "../")):
        values["baseline"] = str((path.resolve().parent / baseline.removeprefix(PREFIX)).resolve())
    return parse(GateSpec, values, prefix="gate")


def dump_gate(spec: GateSpec) -> str:
    """The gate as its file, defaults left out."""
    values = spec.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    return yaml.safe_dump({"version": 1, **values}, allow_unicode=True, sort_keys=False, width=120)


def run_gate(
    spec: GateSpec, artifacts: ArtifactStore, votes: VotesOf, *, candidate: str, baseline: str = ""
) -> GateReport:
    """Evaluate a gate.

    Args:
        spec: The conditions.
        artifacts: Where runs, reviews and judgements are looked up.
        votes: With which a judge is compared before it may decide.
        candidate: Artifact id or folder of the run to judge.
        baseline: The same of the run to compare with; wins over the file's.

    Raises:
        InputError: `gate_no_baseline`, or what `check_gate` raises.
        NotFoundError: A run does not exist.
    """
    if not (baseline or spec.baseline):
        raise InputError("gate_no_baseline")
    before = load_run(baseline or spec.baseline, artifacts)
    after = load_run(candidate, artifacts)
    if before.id == after.id:
        raise InputError("gate_same_run", id=after.id)
    judge = _find_judge(spec.judge, artifacts, before, after) if spec.judge else None
    review = _find_votes(spec.human or HumanConditions(), artifacts, before, after)
    opinions = Opinions(
        votes=review if spec.human else None,
        judge=JudgeOpinion(judge[1], check_judgement(artifacts, votes, judge[0])) if judge else None,
    )
    if review is None or not review.overrides:
        return check_gate(spec, Gate(before, after, opinions))
    report = check_gate(spec, Gate(*_overrule(before, after, review), opinions))
    overruled = Sentence(code="states_overruled", params={"count": len(review.overrides)})
    return report.model_copy(update={"notes": (*report.notes, overruled)})


def _overrule(before: Side, after: Side, review: VoteSummary) -> tuple[Side, Side]:
    """Both runs with what reviewers say an answer is: the program may take an answer for a refusal."""
    return (
        replace(before, answers=apply_overrides(before.answers, review.overrides, "baseline")),
        replace(after, answers=apply_overrides(after.answers, review.overrides, "finetuned")),
    )


def _find_votes(
    conditions: HumanConditions, artifacts: ArtifactStore, before: Side, after: Side
) -> VoteSummary | None:
    review = next(_list_reviews(conditions, artifacts, before, after), None)
    if review is None:
        return None
    try:
        return VoteSummary.model_validate(read_json(artifacts.file(review.id, SUMMARY)))
    except (ValidationError, InputError, NotFoundError) as exc:
        raise InputError("gate_opinion_unreadable", id=review.id) from exc


def _list_reviews(
    conditions: HumanConditions, artifacts: ArtifactStore, before: Side, after: Side
) -> Iterator[Artifact]:
    if conditions.review:
        yield _get(artifacts, conditions.review, "review")
        return
    for review in artifacts.list("review"):
        try:
            compared = artifacts.get(str(review.details.get("comparison", ""))).details
        except NotFoundError:
            continue
        if (compared.get("baseline"), compared.get("finetuned")) == (before.id, after.id):
            yield review


def _find_judge(
    conditions: JudgeConditions, artifacts: ArtifactStore, before: Side, after: Side
) -> tuple[str, JudgementSummary] | None:
    """The judgement that speaks of the two runs, with its id."""
    chosen = [_get(artifacts, conditions.judgement, "judgement")] if conditions.judgement else None
    for artifact in chosen or artifacts.list("judgement"):
        try:
            summary = JudgementSummary.model_validate(read_json(artifacts.file(artifact.id, SUMMARY)))
        except (ValidationError, InputError, NotFoundError) as exc:
            if conditions.judgement:
                raise InputError("gate_opinion_unreadable", id=artifact.id) from exc
            continue
        if conditions.judgement or _speaks_of(summary, conditions, before, after):
            return artifact.id, summary
    return None


def _speaks_of(summary: JudgementSummary, conditions: JudgeConditions, before: Side, after: Side) -> bool:
    runs = summary.evaluations
    if runs not in ((before.id, after.id), (after.id,)):
        return False
    if conditions.min_win_rate is not None and summary.pairs is None:
        return False
    return not conditions.rubric or summary.rubric in (conditions.rubric, Path(conditions.rubric).stem)


def _get(artifacts: ArtifactStore, artifact_id: str, kind: str) -> Artifact:
    artifact = artifacts.get(artifact_id)
    if artifact.kind != kind:
        raise StateError("gate_wrong_artifact", id=artifact_id, kind=kind)
    return artifact
