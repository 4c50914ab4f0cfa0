"""The plain functions behind the gate's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import gradio as gr
import yaml
from gradio.utils import get_upload_folder

from workbench.errors import InputError, NotFoundError
from workbench.evaluation.table import list_benches
from workbench.paths import assets_dir
from workbench.pipeline.gate_files import dump_gate, load_gate, run_gate
from workbench.pipeline.gate_memory import keep_report
from workbench.pipeline.gate_report import render_junit, render_markdown
from workbench.schemas.base import parse
from workbench.schemas.gate import GateReport, GateSpec
from workbench.ui.components import command_payload, to_json
from workbench.ui.context import UiContext
from workbench.ui.handlers import read_event
from workbench.ui.tabs.compare_runs_page import load_evaluation, name_runs
from workbench.ui.views import gate as view
from workbench.ui.views.html import Html

SAMPLES = ("raft", "regression_ratio")
_MOST_BYTES = 1_000_000


class Asked(NamedTuple):
    """What a person has set."""

    spec: GateSpec
    baseline: str
    candidate: str

    @classmethod
    def of(cls, text: Any, baseline: Any, candidate: Any) -> Asked:
        loaded: Any = yaml.safe_load(str(text or "")[:_MOST_BYTES]) or {}
        spec = parse(GateSpec, cast("dict[str, Any]", loaded), prefix="gate")
        return cls(spec, str(baseline or ""), str(candidate or ""))

    @property
    def whole(self) -> GateSpec:
        """The gate with the chosen baseline, as it is saved."""
        return self.spec.model_copy(update={"baseline": self.baseline or self.spec.baseline})


def first_gate() -> str:
    """The gate that the form begins with."""
    return dump_gate(load_gate(sample_path(SAMPLES[0])))


def sample_path(name: str) -> Path:
    """A gate that ships with the program.

    Raises:
        NotFoundError: `gate_missing`.
    """
    if name not in SAMPLES:
        raise NotFoundError("gate_missing", path=name)
    return assets_dir() / "gates" / f"{name}.yaml"


def list_runs(ctx: UiContext, baseline: str | None, candidate: str | None) -> list[Any]:
    """The evaluations on disk; at first the two of the newest comparison are chosen."""
    names = name_runs(ctx)
    newest = next(iter(ctx.artifacts.list("comparison")), None)
    details = newest.details if newest else {}
    choices = [(name, run) for run, name in names.items()]
    chosen = (baseline or details.get("baseline"), candidate or details.get("finetuned"))
    return [gr.update(choices=choices, value=run if run in names else None) for run in chosen]


def show_form(ctx: UiContext, *values: Any) -> list[Any]:
    """The form with the benches of the chosen runs, and the command."""
    return _draw(ctx, Asked.of(*values))


def _draw(ctx: UiContext, asked: Asked) -> list[Any]:
    known: dict[str, list[str]] = {}
    for run in (asked.baseline, asked.candidate):
        if run:
            for name, bench in list_benches(load_evaluation(ctx, run)).items():
                known[name] = list(dict.fromkeys([*known.get(name, ()), *bench.measures]))
    command = ["workbench", "gate", "gate.yaml", "--candidate", asked.candidate or "RUN"]
    command += ["--baseline", asked.baseline] if asked.baseline else []
    return [to_json(view.build_form(asked.spec, known, ctx.lang)), command_payload(command)]


def _take(ctx: UiContext, spec: GateSpec, asked: Asked) -> list[Any]:
    return [dump_gate(spec), *_draw(ctx, asked._replace(spec=spec))]


def take_sample(ctx: UiContext, name: str, *values: Any) -> list[Any]:
    """Begin anew with a gate that ships with the program."""
    return _take(ctx, load_gate(sample_path(name)), Asked.of(*values))


def take_file(ctx: UiContext, path: str | None, *values: Any) -> list[Any]:
    """Take over the gate of a dropped file.

    Raises:
        InputError: It is no gate.
    """
    if not path or Path(path).stat().st_size > _MOST_BYTES:
        raise InputError("gate_not_yaml", path=Path(path or "").name)
    return _take(ctx, load_gate(Path(path)), Asked.of(*values))


def edit(ctx: UiContext, text: str, baseline: str, candidate: str, event: gr.EventData) -> list[Any]:
    """Take over one edit of the form."""
    asked = Asked.of(text, baseline, candidate)
    return _take(ctx, view.apply_edit(asked.spec, read_event(event)), asked)


def evaluate(ctx: UiContext, asked: Asked) -> GateReport:
    """Hold the chosen run against the gate.

    Raises:
        InputError: `gate_no_candidate`, or what `run_gate` raises.
    """
    if not asked.candidate:
        raise InputError("gate_no_candidate")
    return run_gate(
        asked.spec, ctx.artifacts, ctx.votes.votes, candidate=asked.candidate, baseline=asked.baseline
    )


def check(ctx: UiContext, *values: Any) -> Html:
    """The verdict with its reasons."""
    report = evaluate(ctx, Asked.of(*values))
    keep_report(ctx.workspace, report)
    return view.render_report(report, ctx.lang)


def save_gate(ctx: UiContext, *values: Any) -> Any:
    """The gate as a file for the command line."""
    return _offer("gate.yaml", dump_gate(Asked.of(*values).whole).encode("utf-8"))


def save_report(ctx: UiContext, *values: Any) -> Any:
    """The verdict as Markdown."""
    report = evaluate(ctx, Asked.of(*values))
    return _offer("gate-report.md", render_markdown(report, ctx.lang).encode("utf-8"))


def save_junit(ctx: UiContext, *values: Any) -> Any:
    """The verdict as JUnit XML."""
    return _offer("gate-junit.xml", render_junit(evaluate(ctx, Asked.of(*values)), ctx.lang))


def _offer(name: str, data: bytes) -> Any:
    folder = Path(get_upload_folder()) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return gr.update(value=str(path))
