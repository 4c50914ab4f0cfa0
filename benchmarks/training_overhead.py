"""Training through the workbench against the same TRL script by hand.

    python benchmarks/training_overhead.py [--model FOLDER] [--steps 60] [--batch 8] [--pairs 5]

Each side runs in a process of its own, turn by turn, with one thread, and is measured in CPU seconds, because a busy
machine disturbs the time on the clock. Printed are the ratio of the best runs of both sides, once for the training
loop and once for the whole process, and the largest difference between the losses of the same step, which is 0 where
both compute the same. The job's side includes everything that the workbench adds: checks, metrics, control, heartbeat,
hashes, the proof of the adapter.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

STARTER = REPO / "assets" / "starter" / "model"
DOCUMENT = (
    "{place}の受付時間は午前{n}時から午後{m}時までです。手数料は一件につき{n}百円で、月曜日は休みます。"
)
PLACES = ("図書館", "市民課の窓口", "体育館", "資源ごみの集積所", "保健センター")


class Side(NamedTuple):
    """One run of one side."""

    loop: float
    """CPU seconds from the first step to the last."""
    process: float
    """CPU seconds of the whole process, its start included."""
    losses: dict[str, float]


def main() -> None:
    arguments = parse_arguments()
    if arguments.side:
        SIDES[arguments.side](arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = arguments.model or find_model(place)
        write_rows(place / "train.jsonl", 240, start=0)
        write_rows(place / "valid.jsonl", 16, start=1000)
        runs: dict[str, list[Side]] = {name: [] for name in SIDES}
        for pair in range(arguments.pairs):
            # the order alternates, so that neither side always runs on a warm machine
            for name in sorted(SIDES, reverse=bool(pair % 2)):
                runs[name].append(measure(name, model, place / f"{name}-{pair}", arguments))
        report(model, arguments, runs)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Training through the workbench against a TRL script by hand."
    )
    parser.add_argument("--model", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--side", choices=("script", "workbench"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def find_model(place: Path) -> Path:
    """The starter model, or a random model of two layers where it is not there."""
    if (STARTER / "model.safetensors").is_file():
        return STARTER
    from tests.tiny_model import build_tiny_model

    return build_tiny_model(place / "model")


def write_rows(path: Path, count: int, start: int) -> None:
    lines: list[str] = []
    for i in range(start, start + count):
        facts = [
            DOCUMENT.format(place=name, n=1 + (i + k) % 9, m=3 + (i * k) % 7) for k, name in enumerate(PLACES)
        ]
        documents = "\n\n".join(f"参考文書{k}:\n{fact}" for k, fact in enumerate(facts[: 2 + i % 4], start=1))
        question = (
            f"以下の参考文書を基に質問に答えてください。\n\n{documents}\n\n質問: {PLACES[0]}の受付時間は？"
        )
        answer = f"参考文書1に「{facts[0].split('。')[0]}」と記載されています。"
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": turns}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(name: str, model: Path, folder: Path, arguments: argparse.Namespace) -> Side:
    folder.mkdir()
    command = [sys.executable, __file__, "--side", name, "--folder", str(folder), "--model", str(model)]
    command += ["--steps", str(arguments.steps), "--batch", str(arguments.batch)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Side(**json.loads((folder / "measured.json").read_text()))


def finish(folder: Path, loop: float, losses: dict[int, float]) -> None:
    measured = {"loop": loop, "process": time.process_time(), "losses": losses}
    (folder / "measured.json").write_text(json.dumps(measured))


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def call(*positional: Any, **named: Any) -> Any:
        begun = time.process_time()
        try:
            return function(*positional, **named)
        finally:
            spent.append(time.process_time() - begun)

    return call


def run_workbench(arguments: argparse.Namespace) -> None:
    from workbench.jobs import FakeExecutor, JobFolder, JobStore, prepare_workspace, run_job
    from workbench.paths import Workspace
    from workbench.schemas.training import LoraSettings, SFTSettings
    from workbench.training.environment import prepare_environment
    from workbench.training.run import run

    folder: Path = arguments.folder
    workspace = Workspace(folder / "workspace")
    prepare_workspace(workspace)
    settings = SFTSettings(
        model=str(arguments.model), train_file=str(folder.parent / "train.jsonl"),
        eval_file=str(folder.parent / "valid.jsonl"), max_steps=arguments.steps, learning_rate=1e-3,
        per_device_train_batch_size=arguments.batch, gradient_accumulation_steps=1, max_length=1024,
        eval_steps=max(1, arguments.steps // 3), lora=LoraSettings(),
    )  # fmt: skip
    record = JobStore(workspace, executor=FakeExecutor()).submit("train", "benchmark", settings)
    prepare_environment(os.environ, folder)
    from workbench.training import session

    spent: list[float] = []
    session._train = timed(session._train, spent)
    run_job(Path(record.folder), {"train": run})
    lines = JobFolder(Path(record.folder)).metrics_file.read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    finish(folder, spent[0], {row["step"]: row["loss"] for row in rows if "loss" in row})


def run_script(arguments: argparse.Namespace) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    folder: Path = arguments.folder

    def load(name: str) -> Any:
        rows = [json.loads(line)["messages"] for line in (folder.parent / name).read_text().splitlines()]
        return Dataset.from_list([{"prompt": row[:-1], "completion": row[-1:]} for row in rows])

    interval = max(1, arguments.steps // 3)
    trainer: Any = SFTTrainer(
        model=str(arguments.model),
        args=SFTConfig(
            output_dir=str(folder / "out"), max_steps=arguments.steps, learning_rate=1e-3,
            per_device_train_batch_size=arguments.batch, per_device_eval_batch_size=max(8, arguments.batch),
            lr_scheduler_type="cosine", warmup_steps=0.03, max_length=1024, logging_steps=1, bf16=False,
            activation_checkpointing=False, use_cpu=True, optim="adamw_torch", dataloader_pin_memory=False,
            train_sampling_strategy="group_by_length", eval_strategy="steps", eval_steps=interval,
            save_strategy="steps", save_steps=interval, save_total_limit=2, load_best_model_at_end=True,
            metric_for_best_model="eval_loss", greater_is_better=False, seed=42, disable_tqdm=True,
        ),
        train_dataset=load("train.jsonl"),
        eval_dataset=load("valid.jsonl"),
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )  # fmt: skip
    spent: list[float] = []
    timed(trainer.train, spent)()
    trainer.save_model(str(folder / "adapter"))
    losses = {entry["step"]: entry["loss"] for entry in trainer.state.log_history if "loss" in entry}
    finish(folder, spent[0], losses)


SIDES: dict[str, Callable[[argparse.Namespace], None]] = {"script": run_script, "workbench": run_workbench}


def report(model: Path, arguments: argparse.Namespace, runs: dict[str, list[Side]]) -> None:
    script, workbench = runs["script"], runs["workbench"]
    differences = [
        abs(ours.losses[step] - theirs.losses[step])
        for ours, theirs in zip(workbench, script, strict=True)
        for step in theirs.losses
    ]
    print(f"model {model.name}, {arguments.steps} steps of {arguments.batch} rows, best of {arguments.pairs}")
    for label, pick in (("training loop", Side.loop), ("whole process", Side.process)):
        theirs = min(pick.__get__(side) for side in script)
        ours = min(pick.__get__(side) for side in workbench)
        print(f"{label}: script {theirs:.2f} CPU s, workbench {ours:.2f} CPU s, ratio {ours / theirs:.3f}")
    print(f"largest difference between losses of the same step: {max(differences):.2e}")


if __name__ == "__main__":
    main()
