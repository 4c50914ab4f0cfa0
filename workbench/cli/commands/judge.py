"""`workbench judge RUN --rubric NAME --endpoint NAME|URL --model M`: a model judges the answers of a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.commands.following import follow
from workbench.cli.context import CliContext
from workbench.errors import InputError, NotFoundError
from workbench.evaluation.judging import list_rubrics, load_rubric
from workbench.inference import EndpointRegistry
from workbench.pipeline.judge import submit_judge
from workbench.pipeline.judge_check import check_judgement
from workbench.review import VoteStore
from workbench.schemas.base import parse
from workbench.schemas.inference import Endpoint
from workbench.schemas.judging import JUDGE_TOKENS, JudgeCheck, JudgeConfig, JudgementSummary

DEFAULT_RUBRICS = {"absolute": "raft", "pairwise": "pairwise"}


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `judge`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--pairwise", metavar="OTHER", default="")
    parser.add_argument("--rubric", metavar="NAME|FILE", default="")
    parser.add_argument("--endpoint", metavar="NAME|URL", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--api-key-env", metavar="VARIABLE", default="")
    parser.add_argument("--reward", action="store_true")
    parser.add_argument("--reward-model", metavar="DIR", default="")
    parser.add_argument("--limit", type=int, default=0, metavar="N")
    parser.add_argument("--repeats", type=int, default=1, metavar="N")
    parser.add_argument("--max-tokens", type=int, default=JUDGE_TOKENS, metavar="N")
    parser.add_argument("--in-flight", type=int, default=None, metavar="N")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Judge, and tell what came of it."""
    config = build_config(context, arguments)
    jobs = context.jobs()
    title = context.out.text("judging.title", name=config.rubric or arguments.model or config.reward_model)
    submitted = submit_judge(jobs, config, title)
    context.out.say("cli.submitted", job=submitted.spec.id)
    record = follow(context, jobs, submitted.spec.id)
    if record.status.state != "succeeded" or record.result is None:
        context.out.result({"job": record.spec.id, "state": record.status.state}, record.status.state)
        return 1
    artifact_id = str(record.result["artifact"])
    summary = JudgementSummary.model_validate(record.result["summary"])
    check = check_judgement(context.artifacts(), VoteStore(context.workspace).votes, artifact_id)
    told = {
        "artifact": artifact_id,
        "folder": str(context.artifacts().folder(artifact_id)),
        "summary": summary.model_dump(mode="json"),
        "check": check.model_dump(mode="json"),
    }
    context.out.result(told, "\n".join(say_summary(context, summary, check)))
    return 0


def build_config(context: CliContext, arguments: argparse.Namespace) -> JudgeConfig:
    """The job's settings from the arguments.

    Raises:
        WorkbenchError: They do not fit together, or name what does not exist.
    """
    mode = "reward" if arguments.reward or arguments.reward_model else _mode_of(arguments, context)
    # the candidate is RUN: a win is a win of RUN
    runs = [one for one in (str(arguments.pairwise), str(arguments.run)) if one]
    values: dict[str, Any] = {
        "mode": mode,
        "evaluations": [_absolute(one) for one in runs],
        "rubric": "" if mode == "reward" else _choose_rubric(context, mode, str(arguments.rubric)),
        "reward_model": _absolute(str(arguments.reward_model)) if arguments.reward_model else "",
        "limit": arguments.limit,
        "repeats": arguments.repeats,
        "sampling": {"max_tokens": arguments.max_tokens},
    }
    if not arguments.reward_model:
        values["endpoint"] = find_endpoint(context, arguments).model_dump()
    return parse(JudgeConfig, values, "judge")


def find_endpoint(context: CliContext, arguments: argparse.Namespace) -> Endpoint:
    """The judge's endpoint: one that was set up, or an address.

    Raises:
        InputError: `judge_no_endpoint`, or `judge_no_model` for an address without a model.
        NotFoundError: `endpoint_missing`.
    """
    given, model = str(arguments.endpoint), str(arguments.model)
    if not given:
        raise InputError("judge_no_endpoint")
    changes: dict[str, Any] = {"model": model} if model else {}
    if arguments.api_key_env:
        changes["api_key_env"] = arguments.api_key_env
    if arguments.in_flight is not None:
        changes["max_in_flight"] = arguments.in_flight
    if "://" not in given:
        known = EndpointRegistry(context.workspace).get(given)
        return parse(Endpoint, known.model_dump() | changes, "endpoint")
    if not model:
        raise InputError("judge_no_model")
    return parse(Endpoint, {"name": "judge", "base_url": given} | changes, "endpoint")


def say_summary(context: CliContext, summary: JudgementSummary, check: JudgeCheck) -> list[str]:
    """The figures in words, for reading."""
    text = context.out.text
    lines = [text("judging.said.counts", n=summary.n, errors=summary.errors, calls=summary.calls)]
    for name, figure in summary.criteria.items():
        shown = [
            f"{value:.2f}" if value is not None else "–" for value in (figure.value, figure.low, figure.high)
        ]
        title = summary.titles.get(name, name)
        lines.append(text("judging.said.mean", title=title, value=shown[0], low=shown[1], high=shown[2]))
    if summary.pairs is not None:
        pairs, rate = summary.pairs, summary.pairs.win_rate
        shown = [
            f"{100 * value:.1f}" if value is not None else "–" for value in (rate.value, rate.low, rate.high)
        ]
        lines.append(
            text("judging.said.pairs", wins=pairs.wins, losses=pairs.losses, ties=pairs.ties)
            + text("judging.said.disagreements", count=pairs.disagreements)
        )
        lines.append(text("judging.said.win_rate", value=shown[0], low=shown[1], high=shown[2]))
    lines += [text(f"judging.warning.{one.code}", **one.params) for one in summary.warnings]
    lines.append(text(f"judging.check.{check.reason}", n=check.n, needed=check.needed))
    return lines


def _mode_of(arguments: argparse.Namespace, context: CliContext) -> str:
    if arguments.rubric:
        pairwise = "pairwise" if arguments.pairwise else "absolute"
        return load_rubric(_choose_rubric(context, pairwise, str(arguments.rubric))).rubric.mode
    return "pairwise" if arguments.pairwise or _is_comparison(context, str(arguments.run)) else "absolute"


def _is_comparison(context: CliContext, run: str) -> bool:
    try:
        return context.artifacts().get(run).kind == "comparison"
    except NotFoundError:
        return False


def _choose_rubric(context: CliContext, mode: str, given: str) -> str:
    """The rubric by its full name, by its name without the language, or as a file.

    Raises:
        NotFoundError: `rubric_missing`.
    """
    names = {rubric.name for rubric in list_rubrics()}
    wanted = given or DEFAULT_RUBRICS[mode]
    for name in (wanted, f"{wanted}_{context.lang}"):
        if name in names:
            return name
    path = Path(wanted).expanduser()
    if not path.is_file():
        raise NotFoundError("rubric_missing", name=wanted, known=", ".join(sorted(names)))
    return str(path.resolve())


def _absolute(run: str) -> str:
    """Ids stay, folders become absolute: the worker stands elsewhere."""
    path = Path(run).expanduser()
    return str(path.resolve()) if path.exists() else run
