"""The serving page's functions, with an engine in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.ui.fakes import fail, set_status
from tests.ui.serve_samples import (
    connect_to,
    leave_container,
    look_at,
    make_config,
    make_ready,
    set_running,
    submit_server,
    with_adapter,
)
from workbench.containers.fakes import FakeEngine
from workbench.errors import InputError, NotFoundError, StateError
from workbench.inference import EndpointRegistry
from workbench.jobs import JobFolder
from workbench.schemas.inference import Endpoint
from workbench.ui.context import UiContext
from workbench.ui.tabs import serve_form as form
from workbench.ui.tabs import serve_page as page

# positions in what `show_cards` returns
CARDS, ENGINE, FACTS, LIVE, USABLE, LOG, STARTING, OTHERS, OTHERS_BOX, LEFT_BOX, LEFT = range(11)


def show(ctx: UiContext, engine: FakeEngine | None = None, chosen: str = "after") -> list[Any]:
    return page.show_cards(ctx, look_at(ctx, engine), chosen)


def cards(ctx: UiContext, engine: FakeEngine | None = None) -> dict[str, dict[str, Any]]:
    return {card["role"]: card for card in json.loads(show(ctx, engine)[CARDS])["cards"]}


def press(
    ctx: UiContext, role: str, verb: str, engine: FakeEngine | None = None, **state: Any
) -> tuple[str, Any]:
    made = engine or FakeEngine()
    given = {"chosen": "before", "token": "t", "values": {}, **state}
    event = gr.EventData(None, {"role": role, "verb": verb})
    return page.press_card(ctx, look_at(ctx, made), connect_to(made), event, given)


def test_an_empty_workspace_shows_a_card_for_every_role_and_says_what_to_do(ctx: UiContext) -> None:
    found = cards(ctx)
    assert list(found) == ["before", "after", "teacher", "judge", "reward"]
    assert {card["sentence"] for card in found.values()} == {"止まっています"}
    assert found["before"]["action"]["verb"] == "start"
    assert found["judge"]["action"]["verb"] == "choose"
    shown = show(ctx)
    assert not shown[LIVE]["visible"]
    assert not shown[USABLE]["visible"]
    assert not shown[LEFT_BOX]["visible"]


def test_a_server_that_answers_can_be_used_and_stopped(ctx: UiContext, tmp_path: Path) -> None:
    job = make_ready(ctx, make_config(tmp_path, role="after"))
    card = cards(ctx)["after"]
    assert (card["sentence"], card["action"]["verb"]) == ("使えます", "stop")
    shown = show(ctx)
    assert shown[USABLE]["visible"]
    assert not shown[STARTING]["visible"], "it cannot be started twice"
    assert "40123" in shown[FACTS]
    press(ctx, "after", "stop")
    control = JobFolder(Path(job.folder)).read_control()
    assert control is not None
    assert control.verb == "stop"


def test_the_tuned_models_server_answers_as_before_too(ctx: UiContext, tmp_path: Path) -> None:
    make_ready(ctx, with_adapter(tmp_path, role="after"))
    before = cards(ctx)["before"]
    assert (before["state"], before["sentence"]) == ("shared", "使えます")
    assert "同じエンジン" in before["detail"]
    assert show(ctx, chosen="before")[USABLE]["visible"]


def test_a_server_without_an_adapter_is_no_second_side(ctx: UiContext, tmp_path: Path) -> None:
    make_ready(ctx, make_config(tmp_path, role="after"))
    assert cards(ctx)["before"]["state"] == "stopped"


def test_a_pull_is_told_by_bytes(ctx: UiContext, tmp_path: Path) -> None:
    job = submit_server(ctx, make_config(tmp_path, role="teacher", engine="nim1"))
    progress = {"phase": "serve_pulling", "done": 43 * 2**20, "total": 100 * 2**20, "unit": "bytes"}
    set_running(ctx, job, progress=progress, started_at=1.0)
    card = cards(ctx)["teacher"]
    assert card["sentence"] == "イメージを取得しています 43 %"
    assert card["detail"] == "43 MB / 100 MB"
    assert card["share"] == pytest.approx(0.43)
    assert card["action"]["verb"] == "cancel"


def test_a_failure_says_why_and_what_to_do_and_keeps_its_log(ctx: UiContext, tmp_path: Path) -> None:
    job = fail(ctx, submit_server(ctx, make_config(tmp_path, role="after")), "serve_died")
    JobFolder(Path(job.folder)).log_file.write_text("<b>boom</b>\n", encoding="utf-8")
    card = cards(ctx)["after"]
    assert card["error"]["message"]
    assert card["error"]["hint"]
    log = show(ctx)[LOG]
    assert json.loads(log)["text"] == "<b>boom</b>\n"
    assert "<b>" not in log, "a tag could open inside the page"


def test_nothing_is_started_while_something_stands_in_the_way(ctx: UiContext, tmp_path: Path) -> None:
    plain = form.read_config("after", {"model": str(tmp_path), "engine": "embedded"})
    stands = page.start_server(ctx, look_at(ctx), connect_to(FakeEngine()), plain, "t", warned=True)
    assert stands is not None
    assert "sv-check-stop" in stands
    assert ctx.jobs.list(kind="serve") == []


def start(ctx: UiContext, config: Any, token: str = "t") -> Any:
    return page.start_server(ctx, look_at(ctx), connect_to(FakeEngine()), config, token, warned=True)


def test_a_server_is_started_once_for_a_role(ctx: UiContext, tmp_path: Path) -> None:
    config = make_config(tmp_path, role="after")
    assert start(ctx, config) is None
    job = ctx.jobs.list(kind="serve")[0]
    assert job.spec.title == "学習後 · model"
    assert job.spec.memory_bytes > 0
    with pytest.raises(StateError, match="serve_role_busy"):
        start(ctx, config)


def test_the_card_starts_what_its_role_last_had_and_the_form_of_the_chosen_role(
    ctx: UiContext, tmp_path: Path
) -> None:
    config = make_config(tmp_path, role="judge", max_context=512)
    set_status(ctx, submit_server(ctx, config), "cancelled")
    role, _ = press(ctx, "judge", "start")
    if not [job for job in ctx.jobs.list(kind="serve") if job.status.state == "queued"]:
        pytest.skip("this machine has too little memory free to start at once")
    assert role == "judge"
    newest = ctx.jobs.list(kind="serve")[0].spec.config
    assert (newest["role"], newest["max_context"]) == ("judge", 512)


def test_choosing_a_card_starts_nothing(ctx: UiContext) -> None:
    assert press(ctx, "judge", "choose") == ("judge", None)
    assert ctx.jobs.list(kind="serve") == []


@pytest.mark.parametrize(
    ("role", "verb", "code"), [("boss", "view", "verb_unknown"), ("judge", "start", "serve_no_model")]
)
def test_what_no_button_sends_is_refused(ctx: UiContext, role: str, verb: str, code: str) -> None:
    with pytest.raises(InputError, match=code):
        press(ctx, role, verb)


def test_a_card_without_a_server_cannot_be_stopped(ctx: UiContext) -> None:
    with pytest.raises(StateError, match="serve_nothing_runs"):
        press(ctx, "judge", "stop")
    with pytest.raises(NotFoundError):
        page.act(ctx, look_at(ctx), connect_to(FakeEngine()), "nobody", "stop")


def test_containers_that_belong_to_no_job_are_found_and_removed_with_one_button(ctx: UiContext) -> None:
    engine = FakeEngine()
    left = [leave_container(engine, f"left-{number}") for number in range(2)]
    foreign = engine.add_foreign("somebody-elses")
    shown = show(ctx, engine)
    assert shown[LEFT_BOX]["visible"]
    assert "left-0" in shown[LEFT]
    rows = json.loads(shown[OTHERS])["rows"]
    assert {row["id"] for row in rows} == {record.id for record in left}
    assert page.clear_leftovers(ctx, look_at(ctx, engine), connect_to(engine)) == 2
    assert list(engine.containers) == [foreign.id]
    assert not show(ctx, engine)[LEFT_BOX]["visible"]


def test_a_leftover_of_a_role_is_shown_on_its_card_and_removed_there(ctx: UiContext) -> None:
    engine = FakeEngine()
    leave_container(engine, "left", [("workbench.serving.role", "judge")])
    card = cards(ctx, engine)["judge"]
    assert (card["state"], card["action"]["verb"]) == ("orphaned", "remove")
    press(ctx, "judge", "remove", engine)
    assert engine.containers == {}


def test_a_server_without_a_role_is_listed_and_stopped(ctx: UiContext, tmp_path: Path) -> None:
    job = make_ready(ctx, make_config(tmp_path))
    rows = json.loads(show(ctx)[OTHERS])["rows"]
    assert [(row["id"], row["actions"][0]["verb"]) for row in rows] == [(job.spec.id, "stop")]
    event = gr.EventData(None, {"row": job.spec.id, "verb": "stop"})
    page.press_other(ctx, look_at(ctx), connect_to(FakeEngine()), event)
    assert JobFolder(Path(job.folder)).read_control() is not None


@pytest.mark.parametrize(("role", "name"), [("before", "base"), ("after", "finetuned")])
def test_a_server_is_handed_over_under_its_roles_name(
    ctx: UiContext, tmp_path: Path, role: str, name: str
) -> None:
    job = make_ready(ctx, with_adapter(tmp_path, role="after"))
    handed = page.hand_over(ctx, look_at(ctx), role, "evaluate")
    assert (handed["target"], handed["name"], handed["job"]) == ("evaluate", role, job.spec.id)
    assert EndpointRegistry(ctx.workspace).get(role).model == name


def test_a_judge_goes_to_the_judges_card(ctx: UiContext, tmp_path: Path) -> None:
    make_ready(ctx, make_config(tmp_path, role="judge"))
    assert page.hand_over(ctx, look_at(ctx), "judge", "evaluate")["target"] == "judge"


def test_an_older_address_of_ours_is_replaced_and_a_persons_own_is_not(
    ctx: UiContext, tmp_path: Path
) -> None:
    make_ready(ctx, make_config(tmp_path, role="judge"))
    registry = EndpointRegistry(ctx.workspace)
    registry.add(Endpoint(name="judge", base_url="http://127.0.0.1:1/v1", model="old"))
    page.hand_over(ctx, look_at(ctx), "judge", "data")
    assert registry.get("judge").base_url.endswith(":40123/v1")
    mine = Endpoint(name="judge", base_url="https://api.example.com/v1", model="big", locality="cloud")
    registry.add(mine, replace=True)
    with pytest.raises(StateError, match="serve_endpoint_name_taken"):
        page.hand_over(ctx, look_at(ctx), "judge", "data")
    assert registry.get("judge") == mine


def test_what_does_not_answer_yet_is_not_handed_over(ctx: UiContext, tmp_path: Path) -> None:
    submit_server(ctx, make_config(tmp_path, role="after"))
    with pytest.raises(StateError, match="serve_not_ready"):
        page.hand_over(ctx, look_at(ctx), "after", "live")
    assert EndpointRegistry(ctx.workspace).list() == []
