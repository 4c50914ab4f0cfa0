from tests.ui.fakes import fail, finish, set_status
from workbench.jobs import Points
from workbench.schemas.job import JobRecord
from workbench.schemas.training import SFTSettings
from workbench.ui.context import UiContext
from workbench.ui.views.training import (
    RunFacts,
    collect_notices,
    event_tone,
    find_trend,
    render_headline,
    render_kpis,
    render_notices,
    total_steps,
)

SETTINGS = SFTSettings(model="/models/m", train_file="/data/train.jsonl")  # pyright: ignore[reportCallIssue]


def submit_run(ctx: UiContext, title: str = "税 FAQ") -> JobRecord:
    return ctx.jobs.submit("train", title, SETTINGS)


def test_a_title_from_a_person_is_escaped(ctx: UiContext) -> None:
    assert "<b>" not in render_headline(submit_run(ctx, "<b>x</b>"), "ja").replace("<br>", "")


def test_without_a_run_the_page_says_what_to_do() -> None:
    assert "新しい学習" in render_headline(None, "ja")


def test_both_denominators_of_the_reach_are_shown(ctx: UiContext) -> None:
    html = render_headline(submit_run(ctx), "ja", known=RunFacts(1100, 0.42, 0.484))
    assert "1,100 件" in html
    assert "42.0 %" in html
    assert "48.4 %" in html


def test_a_failed_run_says_why_and_what_to_do(ctx: UiContext) -> None:
    html = render_headline(fail(ctx, submit_run(ctx), "internal"), "ja")
    assert "wv-box bad" in html
    assert "失敗" in html


def test_a_run_that_was_asked_to_stop_says_that_it_will(ctx: UiContext) -> None:
    job = submit_run(ctx)
    job = job.model_copy(update={"status": job.status.model_copy(update={"state": "running"})})
    assert "いちばん良い時点" in render_headline(job, "ja", asked="stop")
    assert "閉じても" in render_headline(job, "ja")


def test_a_paused_run_says_how_it_goes_on(ctx: UiContext) -> None:
    job = set_status(ctx, submit_run(ctx), "paused", waiting_for="user")
    assert "つづきから再開" in render_headline(job, "ja")


def test_a_finished_run_tells_how_long_it_took(ctx: UiContext) -> None:
    assert "12 秒" in render_headline(finish(ctx, submit_run(ctx)), "ja")


def test_figures_stand_with_their_unit_and_what_was_planned() -> None:
    curves = {
        "loss": Points([1.0], [0.86]),
        "eval_loss": Points([1.0], [0.9]),
        "token_accuracy": Points([1.0], [0.779]),
        "tokens_per_second": Points([1.0], [1412.0]),
        "memory_bytes": Points([1.0], [27.1 * 2**30]),
    }
    html = render_kpis(curves, 28 * 2**30, "ja")
    for part in ("0.86", "検証 0.90", "77.9 %", "1,412", "トークン/秒", "予測 28 GB", "27 GB"):
        assert part in html


def test_before_the_first_step_figures_are_dashes() -> None:
    assert render_kpis({}, 0, "ja").count("–") == 4


def test_a_falling_validation_loss_is_good_news() -> None:
    trend = find_trend({"eval_loss": Points([20.0, 100.0], [0.93, 0.89])}, "ja")
    assert trend is not None
    assert trend.tone == "good"
    assert "80 ステップ" in trend.text


def test_a_validation_loss_above_its_best_is_a_warning() -> None:
    trend = find_trend({"eval_loss": Points([1.0, 2.0, 3.0], [0.9, 0.8, 0.9])}, "ja")
    assert trend is not None
    assert trend.tone == "warn"


def test_one_evaluation_is_no_trend() -> None:
    assert find_trend({"eval_loss": Points([1.0], [0.9])}, "ja") is None


def test_a_loss_that_is_no_number_comes_first() -> None:
    notices = collect_notices([], {"eval_loss": Points([1.0, 2.0], [0.9, 0.8])}, {"loss": None}, "ja")
    assert notices[0].tone == "bad"


def test_an_event_without_a_sentence_is_left_out() -> None:
    assert collect_notices([{"code": "no_such_event", "params": {}}], {}, {}, "ja") == []


def test_what_a_file_lost_is_a_warning_and_a_resume_is_a_note() -> None:
    assert event_tone("rows_truncated") == "warn"
    assert event_tone("loss_not_finite") == "bad"
    assert event_tone("resumed") == ""


def test_no_notice_is_said_in_words() -> None:
    assert "気になることはありません" in render_notices([], "ja")


def test_only_steps_of_training_draw_the_way_that_is_left(ctx: UiContext) -> None:
    job = submit_run(ctx)
    steps = job.status.model_copy(
        update={"progress": {"phase": "p", "done": 1, "total": 138, "unit": "train_steps"}}
    )
    rows = job.status.model_copy(
        update={"progress": {"phase": "p", "done": 1, "total": 138, "unit": "train_rows"}}
    )
    remake = JobRecord.model_validate
    assert total_steps(remake({**job.model_dump(), "status": steps.model_dump(warnings=False)})) == 138
    assert total_steps(remake({**job.model_dump(), "status": rows.model_dump(warnings=False)})) == 0
