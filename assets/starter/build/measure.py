"""Measure the starter model as its card says: `python -m build.measure --seeds 42 1 2` (from assets/starter).

First on freshly drawn problems of the kind it was trained on, then in the product's own cycle on the sample
(assets/recipes/raft_starter.yaml: RAFT data, a LoRA adapter, base and fine-tuned answers), once for each seed of the data.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from build.batches import collate
from build.reader import Reader
from build.tasks import make_contexts
from build.train import Settings, measure_kinds

LOGGER = logging.getLogger("measure")
STARTER = Path(__file__).parent.parent
RECIPE = STARTER.parent / "recipes" / "raft_starter.yaml"
# training draws from the seed of its settings, and its probe from the next one
FRESH_SEED = 1_000_003
FIGURES = (
    "over_refusal_rate",
    "correct_refusal_rate",
    "verbatim_quote_rate",
    "answered_f1",
    "general_accuracy",
)


def measure_fresh(folder: Path, batches: int) -> str:
    """For each kind of question: exact answers / right tokens in per cent, on problems of the last stage of training."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rng = random.Random(FRESH_SEED)
    drawn = (collate(tokenizer, make_contexts(rng, 1.0), Settings().turning_weight) for _ in range(batches))
    return measure_kinds(model, Reader(model), drawn)


def run_cycle(folder: Path, seed: int, workspace: Path) -> dict[str, dict[str, float]]:
    """The figures of `FIGURES` before and after RAFT (`baseline`, `finetuned`), as the product counts them.

    Raises:
        CalledProcessError: The recipe did not end; what it said stands above.
    """
    settings = (f"data.seed={seed}", f"train.model={folder}", f"serve.model={folder}")
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    command = [
        sys.executable,
        "-m",
        "workbench",
        "--workspace",
        str(workspace),
        "run",
        str(RECIPE),
        *chosen,
        "--json",
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1, 2):  # 1 and 2 are verdicts, with the same figures
        done.check_returncode()
    metrics: dict[str, Any] = json.loads(done.stdout)["metrics"]
    return {
        side: {name: float(metrics[side][name]) for name in FIGURES} for side in ("baseline", "finetuned")
    }


def write_table(found: dict[int, dict[str, dict[str, float]]]) -> str:
    """A Markdown table, before → after, one column per seed."""
    lines = [
        "| figure | " + " | ".join(f"seed {seed}" for seed in found) + " |",
        "|---" * (len(found) + 1) + "|",
    ]
    for name in FIGURES:
        cells = [f"{one['baseline'][name]:.3f} → {one['finetuned'][name]:.3f}" for one in found.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER / "model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2])
    parser.add_argument("--batches", type=int, default=30, help="of 80 fresh questions each")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = arguments.model.resolve()
    LOGGER.info("exact / right tokens: %s", measure_fresh(folder, arguments.batches))
    found: dict[int, dict[str, dict[str, float]]] = {}
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as workspace:
            found[seed] = run_cycle(folder, seed, Path(workspace))
        LOGGER.info("seed %d %s", seed, found[seed])
    LOGGER.info("%s", write_table(found))


if __name__ == "__main__":
    main()
