"""The job kind `judge`: lets a model judge the answers of one run, or of two against each other."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from workbench.artifacts import ArtifactDraft, ref_path, write_json_atomic, write_jsonl_atomic
from workbench.errors import EndpointError, InputError
from workbench.evaluation.judging.asking import Asking, Read, ask_all
from workbench.evaluation.judging.families import families_of
from workbench.evaluation.judging.material import Material, gather
from workbench.evaluation.judging.parsing import Reading, read_choice, read_scores, read_state
from workbench.evaluation.judging.rubrics import LoadedRubric, load_rubric
from workbench.evaluation.judging.summary import PROTOCOLS, summarise_judgements
from workbench.evaluation.judging.verdicts import judge_subjects
from workbench.inference import ChatClient, create_client, create_reward_client
from workbench.inference.rewards import add_weighted, choose_primary, parse_rewards
from workbench.jobs import JobContext
from workbench.schemas.artifact import Artifact, ArtifactRef
from workbench.schemas.base import parse
from workbench.schemas.inference import ChatReply
from workbench.schemas.judging import JudgeConfig, JudgeIdentity, Judgement, JudgementSummary

LOCAL_IN_FLIGHT = 8
"""Requests that wait together for a model in this process: one batch."""


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Judge answers (job kind `judge`)."""
    settings = parse(JudgeConfig, config)
    # everything that can be wrong with the answers is told before a model is loaded or a key asked for
    work = prepare(settings, job)
    return judge(work, job, connect_judge(settings, job))


@dataclass(frozen=True)
class Work:
    """One job's settings with what they name."""

    settings: JudgeConfig
    rubric: LoadedRubric | None
    material: Material


def prepare(settings: JudgeConfig, job: JobContext) -> Work:
    """Read rubric and answers.

    Raises:
        WorkbenchError: One of them cannot be used.
    """
    job.progress("judge_read")
    rubric = None if settings.mode == "reward" else load_rubric(settings.rubric)
    if rubric is not None and rubric.rubric.mode != settings.mode:
        raise InputError("rubric_other_mode", name=rubric.rubric.name, mode=rubric.rubric.mode)
    return Work(settings, rubric, gather(settings, rubric, job.artifacts))


def connect_judge(settings: JudgeConfig, job: JobContext) -> ChatClient:
    """The judge that the settings name.

    Raises:
        StateError: `secret_missing`; the job waits for it.
        InputError: The reward model's folder cannot be used.
    """
    endpoint = settings.endpoint
    if endpoint is None:
        # imported here: torch belongs into a worker that needs it, and nowhere else
        from workbench.inference.embedded.reward import RewardClient, load_reward

        job.progress("judge_load")
        return RewardClient(load_reward(Path(settings.reward_model)))
    environ = dict(os.environ)
    if endpoint.api_key_env:
        environ[endpoint.api_key_env] = job.secret(endpoint.api_key_env)
    create = create_reward_client if settings.mode == "reward" else create_client
    return create(endpoint, environ=environ)


def judge(work: Work, job: JobContext, client: ChatClient) -> dict[str, Any]:
    """Ask, add up and publish.

    Args:
        work: What to ask.
        job: Where to write, and whom to tell.
        client: Whom to ask; closed here.

    Raises:
        EndpointError: `judging_no_verdicts` where not a single reply could be used.
    """
    settings, material = work.settings, work.material
    asking = Asking(
        material.asks,
        sampling=settings.sampling,
        # a reward model says the same again
        tries=1 if settings.mode == "reward" else settings.tries,
        read=choose_reader(work),
        job=job,
    )
    in_flight = settings.endpoint.max_in_flight if settings.endpoint else LOCAL_IN_FLIGHT
    asyncio.run(ask_all(asking, client, in_flight))
    primary = _find_primary(work, asking)
    rubric = work.rubric.rubric if work.rubric else None
    judgements = judge_subjects(material, asking.calls, settings.mode, rubric, primary)
    failed = [one for one in judgements if one.state == "error"]
    if len(failed) == len(judgements):
        reason = failed[0].reason if failed else "stopped"
        raise EndpointError("judging_no_verdicts", count=len(failed), reason=reason)
    summary = summarise_judgements(
        settings, identify(work), work.rubric, material.runs, judgements, material.skipped, primary
    )
    artifact = publish(work, job, judgements, summary)
    return {"artifact": artifact.id, "summary": summary.model_dump(mode="json")}


def choose_reader(work: Work) -> Read:
    """What takes scores or a verdict out of a reply of this judge."""
    if work.rubric is None:
        return read_rewards
    if work.settings.mode == "pairwise":
        return read_choice
    return partial(read_scores, rubric=work.rubric.rubric)


def read_rewards(reply: ChatReply) -> Reading:
    """The scores of a reward model."""
    state = read_state(reply)
    if state is not None:
        return Reading(state, {})
    scores = add_weighted(parse_rewards(reply.text))
    return Reading("ok" if scores else "unreadable", scores)


def identify(work: Work) -> JudgeIdentity:
    """Who judges, with a key over everything that could make it judge otherwise."""
    settings, endpoint = work.settings, work.settings.endpoint
    model = endpoint.model if endpoint else Path(settings.reward_model).name
    shaped = {
        "protocol": PROTOCOLS[settings.mode],
        "model": model,
        "thinking": endpoint.thinking if endpoint else "",
        "extra_body": endpoint.extra_body if endpoint else {},
        "rubric": work.rubric.sha256 if work.rubric else "",
        "sampling": settings.sampling.model_dump(mode="json", exclude={"seed"}),
        "repeats": settings.repeats,
    }
    key = hashlib.sha256(json.dumps(shaped, sort_keys=True, default=str).encode()).hexdigest()
    return JudgeIdentity(
        model=model,
        endpoint=endpoint.name if endpoint else "",
        engine=endpoint.engine if endpoint else "embedded",
        families=tuple(sorted(families_of(model))),
        key=key,
    )


def publish(
    work: Work, job: JobContext, judgements: Sequence[Judgement], summary: JudgementSummary
) -> Artifact:
    """The judgements as an artifact."""
    name = work.settings.name or (work.rubric.rubric.name if work.rubric else summary.judge.model)
    draft = job.artifacts.begin("judgement", name, job_id=job.spec.id)
    try:
        return _fill(draft, work, job, judgements, summary)
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def _fill(
    draft: ArtifactDraft,
    work: Work,
    job: JobContext,
    judgements: Sequence[Judgement],
    summary: JudgementSummary,
) -> Artifact:
    write_jsonl_atomic(draft.folder / "judgements.jsonl", judgements)
    write_json_atomic(draft.folder / "summary.json", summary)
    if work.rubric is not None:
        write_json_atomic(draft.folder / "rubric.json", work.rubric.rubric)
    mean = summary.criteria.get(summary.primary)
    figures = {
        "mean": mean.value if mean else None,
        "win_rate": summary.pairs.win_rate.value if summary.pairs else None,
    }
    return draft.commit(
        inputs=_inputs(work, job),
        numbers={"n": summary.n, "errors": summary.errors}
        | {key: value for key, value in figures.items() if value is not None},
        details={
            "mode": summary.mode,
            "judge_key": summary.judge.key,
            "judge_model": summary.judge.model,
            "rubric": summary.rubric,
            "evaluations": list(summary.evaluations),
            "comparison": work.material.comparison,
            "primary": summary.primary,
            "protocol": summary.protocol,
            "config": work.settings.model_dump(mode="json"),
        },
    )


def _inputs(work: Work, job: JobContext) -> list[ArtifactRef]:
    ids = [*dict.fromkeys([run.id for run in work.material.runs] + [work.material.comparison])]
    known = {artifact.id for artifact in job.artifacts.list()}
    refs = [job.artifacts.ref(one) if one in known else ref_path(Path(one)) for one in ids if one]
    if work.rubric is not None:
        refs.append(ref_path(work.rubric.path))
    return refs


def _find_primary(work: Work, asking: Asking) -> str:
    if work.rubric is not None:
        return work.rubric.rubric.primary
    return choose_primary(name for call in asking.calls.values() for name in call.scores)
