"""A comparison counted again with what reviewers say an answer is: refused, partly answered, answered."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.artifacts import ArtifactStore, read_json
from workbench.evaluation.compare import Comparison, compare
from workbench.evaluation.items import read_items
from workbench.evaluation.runs import Side
from workbench.review import apply_overrides, collect_overrides
from workbench.schemas.comparison import ComparisonSummary
from workbench.schemas.evaluation import Vote


def recount(artifacts: ArtifactStore, comparison: str, votes: Sequence[Vote]) -> Comparison:
    """The comparison as it is with overruled states; its items and figures, not a new artifact.

    Args:
        artifacts: Where the comparison lies.
        comparison: Artifact id.
        votes: Those that count.

    Raises:
        NotFoundError: There is no such comparison.
    """
    items = read_items(artifacts.file(comparison, "items.jsonl"))
    before = ComparisonSummary.model_validate(read_json(artifacts.file(comparison, "summary.json")))
    overrides = collect_overrides(votes)
    baseline = apply_overrides([item.baseline for item in items], overrides, "baseline")
    finetuned = apply_overrides([item.finetuned for item in items], overrides, "finetuned")
    found = compare(
        Side(before.baseline, baseline, {"label": before.labels.get("baseline", "")}),
        Side(before.finetuned, finetuned, {"label": before.labels.get("finetuned", "")}),
    )
    # the protocols were checked when both sides were at hand; overruling a state changes nothing about them
    summary = found.summary.model_copy(update={"warnings": before.warnings, "unpaired": before.unpaired})
    return Comparison(summary, found.items)
