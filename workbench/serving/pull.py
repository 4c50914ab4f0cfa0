"""The job `pull`: an image from a registry into the container engine of this machine."""

from __future__ import annotations

from typing import Any

from workbench.containers import RegistryLogin
from workbench.containers.references import check_allowed, digest_for
from workbench.errors import StateError
from workbench.jobs import CancelRequested, JobContext
from workbench.schemas.base import parse
from workbench.schemas.containers import ImageRecord, PullConfig, PullProgress
from workbench.serving.docking import Connect, connect


def run(config: dict[str, Any], job: JobContext, connecting: Connect = connect) -> dict[str, Any]:
    """Pull an image.

    A worker that is killed leaves nothing of its own: its connection ends, the engine gives the pull up and keeps
    whole layers, and the resumed job goes on from them.

    Args:
        config: `PullConfig` as JSON.
        job: The job.
        connecting: Gives the engine.

    Returns:
        `reference`, `digest` (what to run by), `id`, `arch`, `bytes`.

    Raises:
        InputError: `image_not_allowed`, `image_reference_malformed`, `pull_wrong_architecture`.
        NotFoundError: `pull_not_found`.
        ResourceError: No engine (`engine_...`), or why the pull failed (`pull_...`).
    """
    settings = parse(PullConfig, config)
    check_allowed(settings.reference, confirmed=settings.confirmed)
    login = RegistryLogin(settings.username, job.secret(settings.key_env)) if settings.key_env else None
    engine = connecting(job.workspace)
    try:
        job.progress("pull_waiting")
        image = engine.pull(
            settings.reference,
            login=login,
            on_progress=ProgressShower(job).show,
            should_stop=job.check,
            confirmed=settings.confirmed,
        )
    except StateError as error:
        # a pull that is stopped keeps nothing that is better than nothing
        if error.code == "pull_cancelled":
            raise CancelRequested from error
        raise
    finally:
        engine.close()
    job.event("image_pulled", image=settings.reference, digest=digest_for(image, settings.reference))
    return describe_image(image, settings.reference)


class ProgressShower:
    """Shows how far a pull is; while it unpacks there is no total to measure by."""

    def __init__(self, job: JobContext) -> None:
        self._job = job
        self._shown: tuple[str, int, int] = ("", 0, 0)

    def show(self, progress: PullProgress) -> None:
        """Tell the job; details that change with every message wait for the next layer."""
        measured = progress.phase == "downloading"
        total = progress.total_bytes if measured else 0
        self._job.progress(f"pull_{progress.phase}", progress.done_bytes, total, "bytes")
        now = (progress.phase, progress.layers, progress.layers_done)
        if now != self._shown:
            self._shown = now
            self._job.note(pull=progress.model_dump(mode="json"))


def describe_image(image: ImageRecord, reference: str) -> dict[str, Any]:
    """What the job leaves behind."""
    return {
        "reference": reference,
        "digest": digest_for(image, reference),
        "id": image.id,
        "arch": image.arch,
        "bytes": image.size_bytes,
    }
