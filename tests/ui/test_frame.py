"""The bar and the steps."""

from __future__ import annotations

import json

from tests.ui.fakes import make_artifact, submit
from workbench.inference import EndpointRegistry
from workbench.schemas.inference import Endpoint
from workbench.ui.components.header import HeaderState, header_payload
from workbench.ui.context import UiContext
from workbench.ui.frame import DoneSteps, read_header


def test_a_step_is_done_when_its_result_is_on_disk(ctx: UiContext) -> None:
    done = DoneSteps(ctx.artifacts)
    assert done.read(ctx) == ()
    made = make_artifact(ctx, "dataset", "d")
    make_artifact(ctx, "evaluation", "e")
    assert done.read(ctx) == ("data", "evaluate")
    ctx.artifacts.delete(made.id)
    assert done.read(ctx) == ("evaluate",)


def test_the_step_of_conversions_is_done_by_a_model_or_a_gguf_file(ctx: UiContext) -> None:
    made = make_artifact(ctx, "gguf", "g")
    assert DoneSteps(ctx.artifacts).read(ctx) == ("convert",)
    ctx.artifacts.delete(made.id)
    make_artifact(ctx, "model", "m")
    assert DoneSteps(ctx.artifacts).read(ctx) == ("convert",)


def test_the_bar_counts_jobs_and_sees_an_endpoint_outside(ctx: UiContext) -> None:
    submit(ctx)
    state = read_header(ctx, DoneSteps(ctx.artifacts))
    assert state.jobs_running + state.jobs_waiting == 1
    assert 0 < state.memory_used < state.memory_total
    assert not state.leaves_house
    cloud = Endpoint(name="far", base_url="https://api.example/v1", model="m", locality="cloud")
    EndpointRegistry(ctx.workspace).add(cloud)
    assert read_header(ctx, DoneSteps(ctx.artifacts)).leaves_house


def test_a_machine_without_a_gpu_and_one_that_does_not_tell_its_load() -> None:
    state = HeaderState(False, 2**30, 4 * 2**30, None, None, 0, 0)
    none = json.loads(header_payload(state, "ja"))
    assert (none["gpu"], none["gpu_share"], none["memory_share"]) == ("なし", None, 0.25)
    silent = json.loads(header_payload(HeaderState(True, 1, 2, "NVIDIA GB10", None, 1, 2), "en"))
    assert (silent["machine"], silent["gpu"], silent["gpu_share"]) == ("NVIDIA GB10", "", None)
    assert silent["leaves"]
    busy = json.loads(header_payload(HeaderState(True, 1, 2, "NVIDIA GB10", 92.0, 1, 2), "en"))
    assert (busy["gpu"], busy["gpu_share"]) == ("92 %", 0.92)
