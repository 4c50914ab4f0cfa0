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
from workbench.ui.tabs import evaluate_page

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
    found = GuardResult(state="held", code=code, params=params if code == "servers_differ" else {})
    assert guarding.say_guard(ctx, found).endswith("。")


def test_an_evaluation_whose_baseline_is_tuned_is_not_started(ctx: UiContext) -> None:
    def refuse(*_: Any) -> None:
        raise StateError("serve_guard_refused", name="before")

    EndpointRegistry(ctx.workspace).add(ASKED)
    given = {"what": "endpoint", "endpoint": "before", "dataset": "", "limit": 0, "token": "t"}
    tasks = [{"task": "choice", "data": "", "limit": 0, "shots": None}]
    with pytest.raises(StateError, match="serve_guard_refused"):
        evaluate_page.start_evaluation(with_guard(ctx, refuse), **given, tasks=tasks)
    assert evaluate_page.list_jobs(ctx) == []
