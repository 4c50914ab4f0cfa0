"""Evaluation: 1,119 five-choice questions, ours against lm-evaluation-harness and promptfoo, whole processes.

    python benchmarks/evaluation.py [--lm-eval-python PATH] [--promptfoo PATH] [--rounds 3] [--data FILE]

All ask one mock server that answers at once, 200 at a time, in turns, so that a busy machine disturbs all alike;
medians are compared. Nothing is installed: the peers lie where you put them, for example

    python -m venv peers && peers/bin/pip install "lm-eval[api]==0.4.13"
    npm install --prefix peers promptfoo@0.121.20

Every program must have asked all questions and found the same number of right answers, or nothing is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

from workbench.evaluation.formats.promptfoo import write_promptfoo  # noqa: E402
from workbench.evaluation.tasks.loading import TaskSet, load_task_set  # noqa: E402
from workbench.schemas.evaluation import ScoredAnswer, TaskChoice  # noqa: E402

QUESTIONS = 1119
IN_FLIGHT = 200
TASK = "jcq_chat"
SHARED = REPO.parent / "shared" / "data" / "jcommonsenseqa" / "valid-v1.3.json"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "OPENAI_API_KEY": "none",
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
}
GOALS = {"lm-eval": 2.0, "promptfoo": 10.0}


class Outcome(NamedTuple):
    """What one run found."""

    asked: int
    right: int


class Bench(NamedTuple):
    """What every program is given."""

    folder: Path
    url: str
    tasks: TaskSet


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = arguments.data or (SHARED if SHARED.is_file() else write_questions(folder / "valid.json"))
        tasks = load_task_set(TaskChoice(task=TASK, data=str(data)), folder)
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("mock_chat_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            bench = Bench(folder, f"http://127.0.0.1:{int(server.stdout.readline())}/v1", tasks)
            report(measure(bench, find_programs(arguments), arguments.rounds))
        finally:
            server.communicate("")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Evaluation runners on an instant mock server.")
    parser.add_argument("--lm-eval-python", default="", help="a Python that has lm-eval[api]")
    parser.add_argument("--promptfoo", default="", help="the promptfoo executable")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="JCommonsenseQA validation file")
    return parser.parse_args()


Program = Callable[[Bench, Path], Outcome]


def find_programs(arguments: argparse.Namespace) -> dict[str, Program]:
    """Ours, and the peers that are here."""
    programs: dict[str, Program] = {"ours": run_ours}
    peers: dict[str, tuple[str, Callable[[str], Program]]] = {
        "lm-eval": (arguments.lm_eval_python, lm_eval_at),
        "promptfoo": (arguments.promptfoo, promptfoo_at),
    }
    for name, (path, make) in peers.items():
        if path and Path(path).is_file():
            programs[name] = make(str(Path(path).absolute()))
        else:
            print(f"{name} is not here ({path or 'no path given'}): left out")
    return programs


def write_questions(path: Path) -> Path:
    """Questions of JCommonsenseQA's shape, where the real ones are absent."""
    lines = [
        {
            "q_id": number,
            "question": f"{number} 番の箱に入っているものはどれか？",
            **{f"choice{choice}": f"品物{number * 7 + choice}" for choice in range(5)},
            "label": number % 5,
        }
        for number in range(QUESTIONS)
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def measure(bench: Bench, programs: Mapping[str, Program], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run, the programs in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    outcomes: set[Outcome] = set()
    for number in range(rounds):
        for name, program in programs.items():
            folder = bench.folder / f"{name}-{number}"
            folder.mkdir()
            started = time.perf_counter()
            outcome = program(bench, folder)
            seconds[name].append(time.perf_counter() - started)
            outcomes.add(outcome)
            print(
                f"{name:<10} {seconds[name][-1]:8.1f} s  {outcome.asked} asked, {outcome.right} right",
                flush=True,
            )
    if len(outcomes) != 1:
        raise SystemExit("the programs did not do the same work; nothing is compared")
    return seconds


def call(command: list[str], folder: Path, **environ: str) -> str:
    """Run a program to its end; its standard output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **OFFLINE, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    # promptfoo ends with 100 where an answer is wrong
    if done.returncode not in (0, 100):
        raise SystemExit(f"{command[0]} failed ({done.returncode}): {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def run_ours(bench: Bench, folder: Path) -> Outcome:
    command = [sys.executable, "-m", "workbench", "--json", "--workspace", str(folder / "home"), "evaluate"]
    command += ["--task", f"{TASK}={bench.tasks.data}", "--endpoint", bench.url, "--model", "mock"]
    said = call([*command, "--engine", "vllm", "--in-flight", str(IN_FLIGHT)], folder, PYTHONPATH=str(REPO))
    figures: dict[str, Any] = json.loads(said)["metrics"]["tasks"][TASK]
    return Outcome(figures["n"], round(figures["metrics"]["correct"]["value"] * figures["n"]))


def lm_eval_at(python: str) -> Program:
    """lm-evaluation-harness in the environment of that Python."""

    def run(bench: Bench, folder: Path) -> Outcome:
        write_lm_eval_task(bench, folder)
        model = f"model=mock,base_url={bench.url}/chat/completions,num_concurrent={IN_FLIGHT},max_retries=3"
        command = [python, "-m", "lm_eval", "--model", "local-chat-completions", "--model_args", model]
        command += ["--tasks", "jcq_bench", "--include_path", str(folder), "--apply_chat_template"]
        call([*command, "--output_path", str(folder / "out"), "--log_samples"], folder)
        (samples,) = (folder / "out").rglob("samples_*.jsonl")
        found = [json.loads(line)["exact_match"] for line in samples.read_text(encoding="utf-8").splitlines()]
        return Outcome(len(found), round(sum(found)))

    return run


def write_lm_eval_task(bench: Bench, folder: Path) -> None:
    """The same questions as a task file of lm-evaluation-harness."""
    rows = [{"prompt": one.messages[-1].content, "expected": one.target} for one in bench.tasks.samples]
    data = folder / "jcq.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    task = {
        "task": "jcq_bench",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"validation": str(data)}},
        "validation_split": "validation",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{expected}}",
        "generation_kwargs": {"until": [], "max_gen_toks": 512, "do_sample": False, "temperature": 0.0},
        "filter_list": [
            {
                "name": "first_digit",
                "filter": [{"function": "regex", "regex_pattern": "([0-4])"}, {"function": "take_first"}],
            }
        ],
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "jcq_bench.yaml").write_text(yaml.safe_dump(task, sort_keys=False), encoding="utf-8")


def promptfoo_at(executable: str) -> Program:
    """promptfoo, with a configuration as `workbench evaluate export` writes it."""

    def run(bench: Bench, folder: Path) -> Outcome:
        details = {
            "endpoint": {"model": "mock", "base_url": bench.url},
            "tasks": {TASK: bench.tasks.facts},
        }
        write_promptfoo(
            folder,
            [as_answer(bench, index) for index in range(len(bench.tasks.samples))],
            {TASK: TASK},
            details,
        )
        command = [
            executable,
            "eval",
            "-c",
            str(folder / "promptfooconfig.yaml"),
            "-o",
            str(folder / "out.json"),
        ]
        command += ["-j", str(IN_FLIGHT), "--no-cache", "--no-progress-bar", "--no-table"]
        call(command, folder, PROMPTFOO_CONFIG_DIR=str(folder / "home"))
        rows = json.loads((folder / "out.json").read_text(encoding="utf-8"))["results"]["results"]
        return Outcome(len(rows), sum(bool(row["success"]) for row in rows))

    return run


def as_answer(bench: Bench, index: int) -> ScoredAnswer:
    sample = bench.tasks.samples[index]
    return ScoredAnswer(
        id=sample.id,
        kind="task",
        task=TASK,
        question=sample.question,
        target=sample.target,
        prediction="",
        answer_state="ok",
        state="answered",
        messages=sample.messages,
    )


def report(seconds: Mapping[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {name: median / medians["ours"] for name, median in medians.items() if name != "ours"}
    for name, median in medians.items():
        goal = f", goal {GOALS[name]:.0f}x" if name in GOALS else ""
        ratio = f"  {ratios[name]:6.1f}x our time{goal}" if name in ratios else ""
        print(f"{name:<10} median {median:8.1f} s{ratio}")
    print(json.dumps({"seconds": medians, "ratios": ratios}))


if __name__ == "__main__":
    main()
