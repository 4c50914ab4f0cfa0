"""One tab hands something to another."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.ui.context import UiContext
from workbench.ui.handlers import GRADIO
from workbench.ui.handover import Handed, Target, make_receiver


def hand(target: Target) -> Handed:
    return Handed(target=target, what="endpoint", name="judge", job="", at=1.0)


def fill(ctx: UiContext, handed: Handed) -> list[Any]:
    return [handed["name"], ctx.lang]


def test_what_is_meant_for_a_tab_fills_it(ctx: UiContext) -> None:
    assert make_receiver("data", fill, 2)(ctx, hand("data")) == ["judge", "ja"]


@pytest.mark.parametrize("handed", [None, hand("serve")])
def test_what_is_meant_for_another_tab_changes_nothing(ctx: UiContext, handed: Handed | None) -> None:
    assert make_receiver("data", fill, 2)(ctx, handed) == [GRADIO.skip()] * 2


def test_a_single_output_gets_its_value_and_no_list_of_it(ctx: UiContext) -> None:
    take = make_receiver("judge", lambda _, handed: [handed["name"]], 1)
    assert take(ctx, hand("judge")) == "judge"
    assert take(ctx, hand("live")) == GRADIO.skip()
