"""Publishes the votes of a comparison as an artifact that gates, evaluations and exports read."""

from __future__ import annotations

from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.artifacts.exported import EXPORTED
from workbench.errors import StateError
from workbench.i18n import Lang
from workbench.review.exports import Exported, GateNote, export, load_source
from workbench.review.store import VoteStore
from workbench.schemas.artifact import Artifact


def publish(votes: VoteStore, artifacts: ArtifactStore, comparison: str, *, job_id: str = "") -> Artifact:
    """The votes as they stand now: `votes.jsonl`, `summary.json`, and `exported.jsonl`.

    The summary holds the overruled refusal states; the last file the questions that went into training files.

    Raises:
        NotFoundError: The comparison does not exist.
        StateError: `no_votes` where nobody has voted on it.
    """
    source = artifacts.get(comparison)
    valid = votes.votes(comparison)
    if not valid:
        raise StateError("no_votes", name=source.name)
    summary = votes.summary(comparison)
    draft = artifacts.begin("review", source.name, job_id=job_id)
    try:
        write_jsonl_atomic(draft.folder / "votes.jsonl", valid)
        write_json_atomic(draft.folder / "summary.json", summary)
        write_jsonl_atomic(draft.folder / EXPORTED, votes.exported(comparison))
        rate = summary.win_rate.value
        numbers = {"votes": summary.votes, "samples": summary.samples, "exported": summary.exported}
        return draft.commit(
            inputs=[artifacts.ref(comparison)],
            numbers=numbers | ({} if rate is None else {"win_rate": rate}),
            details={"comparison": comparison},
        )
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def save_export(
    votes: VoteStore,
    artifacts: ArtifactStore,
    comparison: str,
    name: str,
    lang: Lang,
    *,
    gate: GateNote | None = None,
) -> Exported:
    """A review in a format; the questions of a training file are marked first, and published with the votes.

    Args:
        votes: The votes.
        artifacts: Where the comparison lies.
        comparison: Artifact id.
        name: Key of `EXPORTS`.
        lang: Of headings and reports.
        gate: What a gate said, for the report.

    Raises:
        WorkbenchError: As `load_source` and `export` do.
    """
    made = export(load_source(artifacts, votes, comparison, lang, gate=gate), name)
    if made.questions:
        votes.mark_exported(made.questions)
        publish(votes, artifacts, comparison)
    return made
