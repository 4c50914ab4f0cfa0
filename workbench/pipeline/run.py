"""Runs a recipe: each step is a job, finished steps are reused, servers live only as long as needed.

A recipe job holds no memory lease. Killed and resumed, it finds its children by their parent id: finished
ones count, running ones are waited for, ended ones are resumed, so nothing is done twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import StateError
from workbench.jobs import CancelRequested, JobContext, JobStore, PauseRequested
from workbench.pipeline.cache import StepCache
from workbench.pipeline.references import find_references, find_secrets, fingerprint, referenced_step, resolve
from workbench.pipeline.sides import has_unequal, settle_side
from workbench.pipeline.steps import STEPS
from workbench.pipeline.verdict import check_guard, give_verdict
from workbench.schemas.base import parse
from workbench.schemas.evaluation import EvaluateConfig, RunMetrics
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.recipe import Recipe, RecipeConfig, Step, StepRecord

logger = logging.getLogger(__name__)

SEVERITY = ("pass", "inconclusive", "fail")
POLL_SECONDS = 0.3
CHILD_STOP_SECONDS = 60.0
"""How long a child may take to reach its next step boundary after pause or cancel was asked."""


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Run a recipe to its verdict (job kind `recipe`)."""
    settings = parse(RecipeConfig, config)
    return RecipeRun(settings.recipe, settings.start_from, job).execute()


class RecipeRun:
    """One run of one recipe; knows its children only through the job store."""

    def __init__(self, recipe: Recipe, start_from: str, job: JobContext) -> None:
        self._recipe = recipe
        self._job = job
        self._jobs = JobStore(job.workspace)
        self._cache = StepCache(job.workspace, job.artifacts)
        self._records = {step.name: StepRecord(name=step.name, kind=step.kind) for step in recipe.steps}
        self._steps = {step.name: step for step in recipe.steps}
        self._results: dict[str, dict[str, Any]] = {}
        self._prints: dict[str, str] = {}
        self._servers: list[str] = []
        self._served: dict[str, dict[str, Any]] = {}
        """Address of a server that runs -> what its job tells of it."""
        names = [step.name for step in recipe.steps]
        self._forced = set(names[names.index(start_from) :]) if start_from else set[str]()

    def execute(self) -> dict[str, Any]:
        """All steps in order, then the verdict."""
        work = [step for step in self._recipe.steps if step.kind != "serve"]
        try:
            for index, step in enumerate(self._recipe.steps):
                self._job.check()
                self._prints[step.name] = fingerprint(step, self._prints)
                if step.kind == "serve":
                    # started by the first step that needs it, so that cached answers need no server
                    continue
                self._job.progress("recipe", done=work.index(step), total=len(work), unit="steps")
                self._do(step)
                logger.info("step %s (%s of %s) done", step.name, index + 1, len(self._recipe.steps))
        finally:
            self._stop_servers()
        self._job.progress("recipe", done=len(work), total=len(work), unit="steps")
        return self._conclude()

    def _do(self, step: Step) -> None:
        started = time.time()
        found = None if step.name in self._forced else self._cache.look_up(self._prints[step.name])
        child = self._child(step.name)
        if found is not None and child is None:
            self._finish(step, found, started, cached=True)
            return
        self._start_servers(step)
        if child is None:
            child = self._submit(step, request=f"{self._job.spec.id}/{step.name}")
        elif child.status.state in ("failed", "cancelled", "paused"):
            child = self._jobs.resume(child.spec.id)
        self._record(step.name, state="running", job=child.spec.id)
        ended = self._wait(child.spec.id)
        if ended.status.state != "succeeded":
            self._fail(step, ended)
        result = ended.result or {}
        self._cache.store(self._prints[step.name], result)
        seconds = max(0.0, ended.status.ended_at - (ended.status.started_at or started))
        self._finish(step, result, started, seconds=seconds)

    def _submit(self, step: Step, *, request: str, extra: Mapping[str, Any] | None = None) -> JobRecord:
        spec = STEPS[step.kind]
        values = {**resolve(step.config, self._results), **(extra or {})}
        config = parse(spec.schema, values, prefix=step.name)
        if isinstance(config, EvaluateConfig):
            config = settle_side(config, self._served.get(config.endpoint.base_url, {}))
            if has_unequal(config, self._served):
                self._job.event("sides_differ")
        return self._jobs.submit(
            step.kind,
            step.name,
            config,
            request_id=request,
            memory_bytes=spec.memory(config),
            secret_names=sorted(set(find_secrets(values))),
            parent=self._job.spec.id,
        )

    def _fail(self, step: Step, ended: JobRecord) -> None:
        state = "cancelled" if ended.status.state == "cancelled" else "failed"
        self._record(step.name, state=state)
        if state == "cancelled":
            raise CancelRequested
        reason = ended.error.code if ended.error else ended.status.state
        raise StateError("recipe_step_failed", step=step.name, job=ended.spec.id, reason=reason)

    def _wait(self, job_id: str) -> JobRecord:
        """Wait for a child; what is asked of the recipe is passed on to it."""
        told_to_stop = False
        try:
            while True:
                record = self._jobs.get(job_id)
                if record.status.state in ENDED:
                    return record
                if record.status.state == "paused":
                    # only a person, or a missing secret, pauses a child on its own: the recipe waits with it
                    raise PauseRequested
                if self._job.check() and not told_to_stop:
                    self._jobs.control(job_id, "stop")
                    told_to_stop = True
                time.sleep(POLL_SECONDS)
        except (PauseRequested, CancelRequested) as asked:
            self._pass_on(job_id, asked)
            raise

    def _pass_on(self, job_id: str, asked: PauseRequested | CancelRequested) -> None:
        record = self._jobs.get(job_id)
        if record.status.state in ENDED or record.status.state == "paused":
            return
        self._jobs.control(job_id, "pause" if isinstance(asked, PauseRequested) else "cancel")
        until = time.monotonic() + CHILD_STOP_SECONDS
        while time.monotonic() < until:
            if self._jobs.get(job_id).status.state not in ("running", "queued"):
                return
            time.sleep(POLL_SECONDS)

    def _start_servers(self, step: Step) -> None:
        for name in dict.fromkeys(referenced_step(ref) for ref in find_references(step.config)):
            if self._steps[name].kind == "serve" and name not in self._results:
                self._start_server(self._steps[name])

    def _start_server(self, step: Step) -> None:
        started = time.time()
        child = self._child(step.name)
        if child is None or child.status.state in ENDED or child.status.state == "paused":
            # answers journalled before a pause name the old address, so the old port is asked for again
            port = _port(child.status.endpoint) if child else 0
            count = len(self._children(step.name))
            request = f"{self._job.spec.id}/{step.name}/{count}"
            child = self._submit(step, request=request, extra={"port": port} if port else None)
        self._servers.append(child.spec.id)
        self._record(step.name, state="running", job=child.spec.id)
        while not child.status.ready:
            if child.status.state in ENDED:
                self._fail(step, child)
            self._job.check()
            time.sleep(POLL_SECONDS)
            child = self._jobs.get(child.spec.id)
        note = child.status.note
        self._served[child.status.endpoint] = note
        told = {name: note[name] for name in ("endpoints", "provenance") if name in note}
        self._results[step.name] = {"endpoint": child.status.endpoint, **told}
        self._record(step.name, state="succeeded", seconds=time.time() - started)

    def _stop_servers(self) -> None:
        for job_id in self._servers:
            # one that ended a moment ago needs no stopping
            with suppress(StateError):
                self._jobs.control(job_id, "stop")

    def _children(self, name: str) -> list[JobRecord]:
        return [record for record in self._jobs.list(parent=self._job.spec.id) if record.spec.title == name]

    def _child(self, name: str) -> JobRecord | None:
        """The newest child of that step, where an earlier run of this recipe job made one."""
        return next(iter(self._children(name)), None)

    def _finish(
        self,
        step: Step,
        result: dict[str, Any],
        started: float,
        *,
        seconds: float | None = None,
        cached: bool = False,
    ) -> None:
        self._results[step.name] = result
        self._record(
            step.name,
            state="succeeded",
            cached=cached,
            seconds=time.time() - started if seconds is None else seconds,
            artifact=str(result.get("artifact", "")),
        )

    def _record(self, name: str, **changes: Any) -> None:
        self._records[name] = self._records[name].model_copy(update=changes)
        self._job.note(steps=[record.model_dump(mode="json") for record in self._records.values()])

    def _conclude(self) -> dict[str, Any]:
        for name, record in self._records.items():
            if record.state == "waiting":
                self._record(name, state="skipped", cached=True)
        compared = next((step.name for step in reversed(self._recipe.steps) if step.kind == "compare"), None)
        result: dict[str, Any] = {"verdict": "pass", "metrics": {}, "guard": []}
        if compared:
            outcome = self._results[compared]
            sides = {
                side: RunMetrics.model_validate(outcome["metrics"][side])
                for side in ("baseline", "finetuned")
            }
            guard = check_guard(
                self._recipe.guard, sides["baseline"], sides["finetuned"], int(outcome["differ"])
            )
            result = {
                "verdict": give_verdict(guard),
                "metrics": {side: metrics.model_dump(mode="json") for side, metrics in sides.items()},
                "guard": [condition.model_dump(mode="json") for condition in guard],
                "comparison": outcome["artifact"],
                "sentences": outcome.get("sentences", []),
            }
        self._add_gates(result)
        result["steps"] = [record.model_dump(mode="json") for record in self._records.values()]
        return result

    def _add_gates(self, result: dict[str, Any]) -> None:
        """The recipe's verdict is the worst of the guard's and the gates'."""
        gates = [self._results[step.name] for step in self._recipe.steps if step.kind == "gate"]
        result["gates"] = gates
        result["verdict"] = max([result["verdict"], *(gate["verdict"] for gate in gates)], key=SEVERITY.index)


def _port(endpoint: str) -> int:
    return urlsplit(endpoint).port or 0
