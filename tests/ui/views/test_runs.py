from tests.ui.fakes import finish, set_status, submit
from workbench.schemas.training import DownloadConfig
from workbench.ui.context import UiContext
from workbench.ui.views.runs import keep_choice, make_request_id, pick_run, run_choices

CONFIG = DownloadConfig(repo_id="o/m")


def test_the_newest_run_that_still_goes_on_is_shown_without_a_choice(ctx: UiContext) -> None:
    old = submit(ctx, "old")
    new = submit(ctx, "new")
    finish(ctx, new)
    shown = pick_run(ctx.jobs.list(), "")
    assert shown is not None
    assert shown.spec.id == old.spec.id


def test_a_chosen_run_is_shown_even_when_another_goes_on(ctx: UiContext) -> None:
    done = submit(ctx, "done")
    finish(ctx, done)
    submit(ctx, "going")
    shown = pick_run(ctx.jobs.list(), done.spec.id)
    assert shown is not None
    assert shown.spec.id == done.spec.id


def test_a_choice_that_was_deleted_falls_back_to_the_newest(ctx: UiContext) -> None:
    job = submit(ctx, "a")
    shown = pick_run(ctx.jobs.list(), "gone")
    assert shown is not None
    assert shown.spec.id == job.spec.id
    assert keep_choice(ctx.jobs.list(), "gone") == ""
    assert keep_choice(ctx.jobs.list(), job.spec.id) == job.spec.id


def test_without_jobs_nothing_is_shown(ctx: UiContext) -> None:
    assert pick_run([], "") is None
    assert [value for _, value in run_choices([], "ja")] == [""]


def test_two_clicks_make_one_request(ctx: UiContext) -> None:
    first = make_request_id("token", CONFIG, ctx.jobs.list())
    submit(ctx)
    assert make_request_id("token", CONFIG, ctx.jobs.list()) == first


def test_the_same_settings_may_run_again_once_the_run_has_ended(ctx: UiContext) -> None:
    first = make_request_id("token", CONFIG, ctx.jobs.list())
    finish(ctx, submit(ctx))
    assert make_request_id("token", CONFIG, ctx.jobs.list()) != first


def test_other_settings_and_another_page_are_other_requests(ctx: UiContext) -> None:
    first = make_request_id("token", CONFIG, [])
    assert make_request_id("other", CONFIG, []) != first
    assert make_request_id("token", DownloadConfig(repo_id="o/n"), []) != first


def test_a_paused_run_counts_as_going_on(ctx: UiContext) -> None:
    paused = submit(ctx, "paused")
    set_status(ctx, paused, "paused", waiting_for="user")
    done = submit(ctx, "done")
    finish(ctx, done)
    shown = pick_run(ctx.jobs.list(), "")
    assert shown is not None
    assert shown.spec.id == paused.spec.id
