"""Asking the container engine without waiting for it."""

from __future__ import annotations

import threading
import time

import pytest

from tests.ui.serve_samples import connect_to, leave_container
from workbench.containers.fakes import FakeEngine
from workbench.errors import InputError, ResourceError
from workbench.paths import Workspace
from workbench.ui.engine_look import SLOW_SECONDS, EngineLook, within


def test_the_first_look_waits_a_moment_for_the_answer(workspace: Workspace) -> None:
    engine = FakeEngine()
    record = leave_container(engine, "one")
    view = EngineLook(connect_to(engine), workspace, first_wait=10.0).read(record.id)
    assert view.info is not None
    assert [one.id for one in view.containers] == [record.id]
    assert view.stats is not None
    assert view.stats_of == record.id


def test_an_engine_that_hangs_keeps_nobody_waiting_and_is_told(workspace: Workspace) -> None:
    released, now = threading.Event(), [0.0]

    def hang(_: Workspace) -> FakeEngine:
        released.wait(30)
        return FakeEngine()

    look = EngineLook(hang, workspace, clock=lambda: now[0], first_wait=0.05)
    began = time.monotonic()
    assert not look.read().slow
    assert not look.read().asked
    assert time.monotonic() - began < 5
    now[0] = SLOW_SECONDS + 1
    assert look.read().slow
    released.set()


def test_a_missing_engine_is_an_answer(workspace: Workspace) -> None:
    def fail(_: Workspace) -> FakeEngine:
        raise ResourceError("engine_not_installed")

    view = EngineLook(fail, workspace, first_wait=10.0).read()
    assert view.error is not None
    assert view.error.code == "engine_not_installed"
    assert view.asked


def test_a_fault_that_nobody_foresaw_is_reported_and_keeps_nobody_waiting(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: reported.append(str(told.exc_value)))

    def break_down(_: Workspace) -> FakeEngine:
        raise RuntimeError("nobody thought of this")

    look = EngineLook(break_down, workspace, first_wait=10.0)
    error = look.read().error
    assert error is not None
    assert error.code == "internal"
    look.forget()
    look.read()
    deadline = time.monotonic() + 10
    while len(reported) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert reported == ["nobody thought of this"] * 2, "it was not asked again, or the cause was lost"


def test_it_is_asked_again_only_when_the_answer_is_old_or_something_was_changed(workspace: Workspace) -> None:
    asked, now = list[int](), [0.0]

    def count(_: Workspace) -> FakeEngine:
        asked.append(1)
        return FakeEngine()

    look = EngineLook(count, workspace, clock=lambda: now[0], first_wait=10.0)
    look.read()
    look.read()
    assert len(asked) == 1
    look.forget()
    look.read()
    deadline = time.monotonic() + 10
    while len(asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(asked) == 2


def test_the_known_containers_are_listed_without_an_engine(workspace: Workspace) -> None:
    engine = FakeEngine()
    record = leave_container(engine, "one")
    look = EngineLook(connect_to(engine), workspace, first_wait=10.0)
    assert look.known()(workspace).list() == ()
    look.read()
    engine.remove(record.id, force=True)
    assert [one.id for one in look.known()(workspace).list()] == [record.id]


def test_an_action_that_takes_too_long_is_given_up_with_a_sentence() -> None:
    released = threading.Event()
    with pytest.raises(ResourceError, match="engine_slow"):
        within(lambda: released.wait(30), 0.05)
    released.set()


def test_an_action_hands_on_what_it_returns_and_what_goes_wrong() -> None:
    def fail() -> None:
        raise InputError("serve_no_model")

    assert within(lambda: 3, 10.0) == 3
    with pytest.raises(InputError, match="serve_no_model"):
        within(fail, 10.0)
