"""Publishes the votes of a comparison as an artifact that gates and exports read."""

from __future__ import annotations

from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.errors import StateError
from workbench.review.store import VoteStore
from workbench.review.tally import tally
from workbench.schemas.artifact import Artifact


def publish(votes: VoteStore, artifacts: ArtifactStore, comparison: str, *, job_id: str = "") -> Artifact:
    """The votes as they stand now: `votes.jsonl` and `summary.json`.

    Raises:
        NotFoundError: The comparison does not exist.
        StateError: `no_votes` where nobody has voted on it.
    """
    source = artifacts.get(comparison)
    valid = votes.votes(comparison)
    if not valid:
        raise StateError("no_votes", name=source.name)
    summary = tally(comparison, valid)
    draft = artifacts.begin("review", source.name, job_id=job_id)
    try:
        write_jsonl_atomic(draft.folder / "votes.jsonl", valid)
        write_json_atomic(draft.folder / "summary.json", summary)
        rate = summary.win_rate.value
        return draft.commit(
            inputs=[artifacts.ref(comparison)],
            numbers={"votes": summary.votes, "samples": summary.samples}
            | ({} if rate is None else {"win_rate": rate}),
            details={"comparison": comparison},
        )
    finally:
        # nothing is left to discard once it was committed
        draft.discard()
