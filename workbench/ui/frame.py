"""What stands around every tab: the bar with its meters, and the tabs as steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import gradio as gr

from workbench.artifacts import ArtifactStore
from workbench.inference import EndpointRegistry
from workbench.jobs import read_machine
from workbench.schemas.artifact import ArtifactKind
from workbench.ui.components.header import HeaderState, header, header_payload
from workbench.ui.context import UiContext
from workbench.ui.tabs.ticking import follow

TabBuilder = Callable[[UiContext], None]

# the step of a tab is done when an artifact of one of these kinds exists
STEP_RESULTS: dict[str, frozenset[ArtifactKind]] = {
    "data": frozenset({"dataset"}),
    "train": frozenset({"adapter"}),
    "convert": frozenset({"model", "gguf"}),
    "evaluate": frozenset({"evaluation"}),
    "compare": frozenset({"comparison"}),
    "review": frozenset({"review"}),
}
SIDE_TABS = frozenset({"jobs", "settings"})


@dataclass
class DoneSteps:
    """Which steps have a result. Reads the manifests again only when the artifacts' folder changed."""

    store: ArtifactStore
    stamp: int = -1
    found: tuple[str, ...] = ()

    def read(self, ctx: UiContext) -> tuple[str, ...]:
        stamp = ctx.workspace.artifacts.stat().st_mtime_ns
        if stamp != self.stamp:
            kinds = {artifact.kind for artifact in self.store.list()}
            self.found = tuple(tab for tab, wanted in STEP_RESULTS.items() if wanted & kinds)
            self.stamp = stamp
        return self.found


def read_header(ctx: UiContext, done: DoneSteps) -> HeaderState:
    """Everything the bar shows, from the machine and the disk."""
    machine = read_machine(ctx.workspace.root)
    jobs = ctx.jobs.list()
    states = [job.status.state for job in jobs]
    # a server leaves nothing on disk: its step is done once one has answered
    served = any(
        job.spec.kind == "serve" and (job.status.ready or job.status.state == "succeeded") for job in jobs
    )
    return HeaderState(
        leaves_house=any(e.locality == "cloud" for e in EndpointRegistry(ctx.workspace).list()),
        memory_used=machine.memory_used,
        memory_total=machine.memory_total,
        gpu_name=machine.gpu_name,
        gpu_share=machine.gpu_utilisation,
        jobs_running=states.count("running"),
        jobs_waiting=states.count("queued"),
        done=(*done.read(ctx), *(("serve",) if served else ())),
    )


def build_frame(ctx: UiContext, tabs: Mapping[str, TabBuilder]) -> None:
    """Lay out the bar and the tabs inside an open `gr.Blocks`."""
    done = DoneSteps(ctx.artifacts)
    bar = header(ctx, [name for name in tabs if name not in SIDE_TABS])

    def read(ctx: UiContext) -> list[str]:
        return [header_payload(read_header(ctx, done), ctx.lang)]

    with gr.Tabs(elem_id="wb-tabs", selected="start", overflow_behavior="wrap"):
        for name, build in tabs.items():
            side = "right" if name in SIDE_TABS else "left"
            with gr.Tab(ctx.t(f"tab.{name}"), id=name, elem_id=f"tab-{name}", alignment=side):
                build(ctx)
    follow(ctx, read, inputs=[], outputs=[bar])
