import pytest

from tests.ui.fakes import finish, set_status, submit
from workbench.errors import InputError, NotFoundError
from workbench.ui.context import UiContext
from workbench.ui.tabs.controls import ask_job


def test_every_verb_reaches_the_job(ctx: UiContext) -> None:
    job = submit(ctx)
    set_status(ctx, job, "paused", waiting_for="user")
    resumed = ask_job(ctx, job.spec.id, "resume")
    assert resumed is not None
    assert resumed.status.state in ("queued", "running")
    seen = ask_job(ctx, job.spec.id, "log")
    assert seen is not None
    finish(ctx, job)
    assert ask_job(ctx, job.spec.id, "delete") is None
    assert ctx.jobs.list() == []


def test_a_verb_that_does_not_exist_is_refused(ctx: UiContext) -> None:
    with pytest.raises(InputError, match="verb_unknown"):
        ask_job(ctx, submit(ctx).spec.id, "explode")


@pytest.mark.parametrize("forged", ["", "..", "../../etc", "none"])
def test_a_forged_id_is_refused(ctx: UiContext, forged: str) -> None:
    with pytest.raises(NotFoundError):
        ask_job(ctx, forged, "cancel")
