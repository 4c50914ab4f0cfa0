"""A page's context on an empty workspace, with jobs that never really start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.artifacts import ArtifactStore
from workbench.i18n import Lang, translator
from workbench.jobs import FakeExecutor, JobFolder, JobStore
from workbench.paths import Workspace
from workbench.review import VoteStore
from workbench.schemas.artifact import Artifact, ArtifactKind
from workbench.schemas.job import JobErrorRecord, JobKind, JobRecord, JobStatus
from workbench.schemas.recipe import Recipe, RecipeConfig, Step
from workbench.schemas.training import DownloadConfig
from workbench.ui.context import Services, UiContext

SAMPLE = Recipe(
    name="sample",
    title={"ja": "サンプル", "en": "Sample"},
    steps=(
        Step(name="data", kind="generate_raft"),
        Step(name="train", kind="train"),
        Step(name="serve", kind="serve"),
        Step(name="baseline", kind="evaluate"),
        Step(name="compare", kind="compare"),
    ),
)


def make_ctx(workspace: Workspace, lang: Lang = "ja", services: Services | None = None) -> UiContext:
    jobs = JobStore(workspace, executor=FakeExecutor(), environ={})

    def run_sample(request_id: str) -> JobRecord:
        return jobs.submit("recipe", SAMPLE.title[lang], RecipeConfig(recipe=SAMPLE), request_id=request_id)

    def run_recipe(path: Path, values: Mapping[str, object], request_id: str) -> JobRecord:
        return run_sample(request_id)

    return UiContext(
        lang=lang,
        t=translator(lang),
        workspace=workspace,
        jobs=jobs,
        artifacts=ArtifactStore(workspace),
        votes=VoteStore(workspace),
        base_path=f"/{lang}",
        run_sample=run_sample,
        run_recipe=run_recipe,
        services=services or Services(),
    )


def submit(ctx: UiContext, title: str = "a", kind: JobKind = "download", parent: str = "") -> JobRecord:
    return ctx.jobs.submit(kind, title, DownloadConfig(repo_id="o/m"), parent=parent)


def set_status(ctx: UiContext, job: JobRecord, state: str, **changes: Any) -> JobRecord:
    """Write what a worker would have written, and read the job again."""
    folder = JobFolder.of(ctx.workspace, job.spec.id)
    known = folder.read_status() or job.status
    folder.write_status(JobStatus.model_validate({**known.model_dump(), "state": state, **changes}))
    return ctx.jobs.get(job.spec.id)


def finish(
    ctx: UiContext, job: JobRecord, result: Mapping[str, Any] | None = None, **changes: Any
) -> JobRecord:
    folder = JobFolder.of(ctx.workspace, job.spec.id)
    folder.result_file.write_text(json.dumps(dict(result or {})), encoding="utf-8")
    return set_status(ctx, job, "succeeded", started_at=100.0, ended_at=112.0, **changes)


def fail(ctx: UiContext, job: JobRecord, code: str, **changes: Any) -> JobRecord:
    folder = JobFolder.of(ctx.workspace, job.spec.id)
    folder.error_file.write_text(
        JobErrorRecord(code=code, params={"id": "x1"}).model_dump_json(), encoding="utf-8"
    )
    return set_status(ctx, job, "failed", started_at=100.0, ended_at=112.0, **changes)


def make_artifact(
    ctx: UiContext, kind: ArtifactKind, name: str, files: Mapping[str, str] | None = None, made_from: str = ""
) -> Artifact:
    draft = ctx.artifacts.begin(kind, name)
    for path, text in (files or {"data.txt": "x"}).items():
        (draft.folder / path).write_text(text, encoding="utf-8")
    return draft.commit(inputs=[ctx.artifacts.ref(made_from)] if made_from else [])


def metrics(over: float, f1: float, n: int = 60) -> dict[str, Any]:
    return {"n": n, "over_refusal_rate": over, "answered_f1": f1}
