"""What the page says before an evaluation of our servers starts."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from workbench.errors import EndpointError, StateError
from workbench.inference import EndpointRegistry
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import GuardResult
from workbench.ui import guarding
from workbench.ui.context import Services, UiContext
from workbench.ui.live_sources import Source
from workbench.ui.tabs import evaluate_page, live_models
from workbench.ui.views.serving import say_guard

ASKED = Endpoint(name="before", base_url="http://127.0.0.1:9/v1", model="base")
Guard = Callable[..., GuardResult | None]


def with_guard(ctx: UiContext, guard: Guard) -> UiContext:
    return dataclasses.replace(ctx, services=Services(guard_sides=guard))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []

    def note(kind: str) -> Any:
        return lambda message, **_: shown.append((kind, message))

    monkeypatch.setattr(gr, "Info", note("info"))
    monkeypatch.setattr(gr, "Warning", note("warning"))
    return shown


def test_a_sentence_is_shown_before_the_start(ctx: UiContext, said: list[tuple[str, str]]) -> None:
    held = GuardResult(state="held", code="one_server")
    guarding.guard_start(with_guard(ctx, lambda *_: held), ASKED)
    differ = GuardResult(state="not checked", code="servers_differ", params={"facts": "engine,image_digest"})
    guarding.guard_start(with_guard(ctx, lambda *_: differ), ASKED)
    assert [kind for kind, _ in said] == ["info", "warning"]
    assert "エンジン・イメージ・設定は同じです" in said[0][1]
    assert "エンジン、イメージが違います" in said[1][1]


def test_what_is_not_ours_is_asked_without_a_word(ctx: UiContext, said: list[tuple[str, str]]) -> None:
    guarding.guard_start(ctx, ASKED)
    guarding.guard_start(with_guard(ctx, lambda *_: None), ASKED)
    assert said == []


def test_a_slow_server_is_not_waited_for_and_that_is_said(
    ctx: UiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarding, "GUARD_SECONDS", 0.05)
    found = guarding.check_sides(with_guard(ctx, lambda *_: time.sleep(0.5)), ASKED)
    assert found is not None
    assert found.code == "slow"


def test_a_side_that_does_not_answer_is_an_error(ctx: UiContext) -> None:
    def fail(*_: Any) -> None:
        raise EndpointError("endpoint_down", name="before")

    with pytest.raises(EndpointError):
        guarding.check_sides(with_guard(ctx, fail), ASKED)


@pytest.mark.parametrize(
    "code", ["one_server", "one_side", "servers_equal", "same_weights", "slow", "servers_differ"]
)
def test_every_finding_has_its_words(ctx: UiContext, code: str) -> None:
    params: dict[str, Any] = {"facts": "options,dtype,quantisation,template_sha256"}
    found = GuardResult(state="not checked", code=code, params=params)
    assert say_guard(found, ctx.lang).endswith("。")


def test_an_evaluation_whose_baseline_is_tuned_is_not_started(ctx: UiContext) -> None:
    def refuse(*_: Any) -> None:
        raise StateError("serve_guard_refused", name="before")

    EndpointRegistry(ctx.workspace).add(ASKED)
    given = {"what": "endpoint", "endpoint": "before", "dataset": "", "limit": 0, "token": "t"}
    tasks = [{"task": "choice", "data": "", "limit": 0, "shots": None}]
    with pytest.raises(StateError, match="serve_guard_refused"):
        evaluate_page.start_evaluation(with_guard(ctx, refuse), **given, tasks=tasks)
    assert evaluate_page.list_jobs(ctx) == []


def source(name: str, server: str = "", *, is_base: bool = False) -> Source:
    asked = Endpoint(name=name, base_url=f"http://127.0.0.1:9/{server}/v1", model=name)
    return Source(f"serve:{server}:{name}", name, asked, is_base=is_base, server=server)


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ([], []),
        ([source("outside"), source("other")], []),
        ([source("base", "s1", is_base=True), source("tuned", "s1"), source("second", "s1")], ["tuned", "second"]),
        ([source("tuned", "s1")], []),
        ([source("base", "s1", is_base=True), source("tuned", "s2")], []),
        ([source("before", "s1", is_base=True), source("after", "s2", is_base=True)], ["before"]),
        ([source("before", "s1", is_base=True), source("outside")], []),
    ],
)  # fmt: skip
def test_only_models_that_claim_to_be_two_sides_are_checked(chosen: list[Source], wanted: list[str]) -> None:
    assert [found.label for found in guarding.sides_to_check(chosen)] == wanted


def test_the_live_page_says_of_each_adapter_what_was_found(ctx: UiContext) -> None:
    def guard(endpoint: Endpoint, _jobs: Any) -> GuardResult:
        if endpoint.name == "bad":
            raise StateError("serve_guard_refused", name="<base>")
        return GuardResult(state="held", code="one_server")

    chosen = [source("base", "s1", is_base=True), source("good", "s1"), source("bad", "s1")]
    said = guarding.render_sides(with_guard(ctx, guard), chosen)
    assert said.count("<p>") == 2
    assert "エンジン・イメージ・設定は同じです" in said
    assert "「&lt;base&gt;」の答えが" in said


def test_a_server_without_a_counterpart_is_no_side(ctx: UiContext) -> None:
    alone = GuardResult(state="not checked", code="one_side")
    chosen = [source("a", "s1", is_base=True), source("b", "s2", is_base=True)]
    assert guarding.render_sides(with_guard(ctx, lambda *_: alone), chosen) == ""


async def test_one_choice_is_checked_once(ctx: UiContext, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [source("base", "s1", is_base=True), source("tuned", "s1")]
    monkeypatch.setattr(live_models, "list_sources", lambda _: chosen)
    asked: list[str] = []

    def guard(endpoint: Endpoint, _jobs: Any) -> GuardResult:
        asked.append(endpoint.name)
        return GuardResult(state="held", code="one_server")

    ids = [one.id for one in chosen]
    watched = with_guard(ctx, guard)
    shown = [found async for found in live_models.check_sides(watched, [*ids, "gone"], [])]
    assert "確かめています" in shown[0][0]
    assert "エンジン・イメージ・設定は同じです" in shown[1][0]
    assert [checked for _, checked in shown] == [ids, ids]
    again = [found async for found in live_models.check_sides(watched, ids, ids)]
    assert again == [(live_models.SKIP, live_models.SKIP)]
    assert asked == ["tuned"]
    # a choice that is no pair takes the sentence away
    assert [found async for found in live_models.check_sides(watched, ids[:1], ids)] == [("", ids[:1])]
