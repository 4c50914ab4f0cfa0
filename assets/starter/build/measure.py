"""Measure the starter model before and after RAFT on the sample: `python -m build.measure --seeds 1 2 3`.

A small stand-in for the product's own recipe, for checking a freshly built model: it makes the RAFT
rows, trains a LoRA adapter with TRL and counts refusals, quotes and right answers with greedy decoding.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import math
import random
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from build.general import END
from build.samples import SAMPLES, TARGET
from build.tasks import CAUTIOUS_SYSTEM, REFUSAL, render_head

LOGGER = logging.getLogger("measure")
CITED = re.compile(r"参考文書(\d+)に「(.+)」と記載されています")
REFUSED = "回答できません"


@dataclass(frozen=True)
class Recipe:
    """Sizes of the sets and settings of the training."""

    train: int = 240
    test: int = 60
    unseen: int = 60
    unanswerable: int = 60
    extra_unanswerable: int = 0
    distractors: int = 4
    oracle_share: float = 0.8
    epochs: float = 3.0
    rate: float = 1e-3
    batch: int = 8
    rank: int = 16
    alpha: int = 32


@dataclass(frozen=True)
class Item:
    """One RAFT row: the documents, and where the right one is (None when it is absent)."""

    question: str
    documents: tuple[str, ...]
    oracle: int | None
    quote: str
    reworded: bool

    @property
    def prompt(self) -> list[dict[str, str]]:
        """System and user turn."""
        user = render_head(list(self.documents)) + self.question
        return [{"role": "system", "content": CAUTIOUS_SYSTEM}, {"role": "user", "content": user}]

    @property
    def target(self) -> str:
        """The answer that RAFT teaches."""
        return (
            REFUSAL
            if self.oracle is None
            else f"参考文書{self.oracle + 1}に「{self.quote}」と記載されています。"
        )


def cut_bigrams(text: str) -> list[str]:
    """Character bigrams."""
    return [text[i : i + 2] for i in range(len(text) - 1)]


def rank_by_bm25(question: str, documents: list[str], k1: float = 1.5, b: float = 0.75) -> list[int]:
    """Document indices, best first (Okapi BM25 over character bigrams)."""
    counts = [Counter(cut_bigrams(document)) for document in documents]
    average = sum(map(len, documents)) / len(documents)
    scores = [0.0] * len(documents)
    for gram in set(cut_bigrams(question)):
        holders = [index for index, count in enumerate(counts) if gram in count]
        weight = math.log(1 + (len(documents) - len(holders) + 0.5) / (len(holders) + 0.5))
        for index in holders:
            frequency = counts[index][gram]
            length = 1 - b + b * len(documents[index]) / average
            scores[index] += weight * frequency * (k1 + 1) / (frequency + k1 * length)
    return sorted(range(len(documents)), key=scores.__getitem__, reverse=True)


def extract_quote(question: str, document: str) -> str:
    """The sentence that shares most bigrams with the question, without its full stop."""
    asked = set(cut_bigrams(question))
    sentences = [sentence for sentence in document.split("。") if sentence]
    return max(sentences, key=lambda sentence: len(asked & set(cut_bigrams(sentence))))


def make_item(
    rng: random.Random, row: dict[str, str], pool: list[dict[str, str]], recipe: Recipe, present: bool
) -> Item:
    """Surround a row's document with two hard and otherwise random rows of its department."""
    documents = [other["回答"] for other in pool if other["回答"] != row["回答"]]
    wanted = recipe.distractors + (0 if present else 1)
    hard = [documents[index] for index in rank_by_bm25(row["質問"], documents)[:8]]
    chosen = rng.sample(hard, min(2, wanted))
    same = [
        r["回答"]
        for r in pool
        if r["部署"] == row["部署"] and r["回答"] != row["回答"] and r["回答"] not in chosen
    ]
    chosen += rng.sample(same, wanted - len(chosen))
    if present:
        chosen.append(row["回答"])
    rng.shuffle(chosen)
    quote = extract_quote(row["質問"], row["回答"])
    nouns = re.search(r"(?:の|について、)([^の、]+?)は", quote)
    reworded = nouns is None or nouns.group(1) not in row["質問"]
    return Item(row["質問"], tuple(chosen), chosen.index(row["回答"]) if present else None, quote, reworded)


def make_sets(seed: int, recipe: Recipe) -> dict[str, list[Item]]:
    """Split the sample by rows and build train, test, unseen and unanswerable sets."""
    rng = random.Random(seed)
    with (SAMPLES / "city_faq.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng.shuffle(rows)
    target = [row for row in rows if row["部署"] == TARGET]
    others = [row for row in rows if row["部署"] != TARGET]
    train, rest = target[: recipe.train], target[recipe.train :]
    test, left = rest[: recipe.test], rest[recipe.test :] + others[recipe.unseen :]
    rng.shuffle(left)
    without = set(rng.sample(range(len(train)), round(len(train) * (1 - recipe.oracle_share))))
    extra = left[recipe.unanswerable : recipe.unanswerable + recipe.extra_unanswerable]
    seen = train + extra
    return {
        "train": [make_item(rng, row, seen, recipe, index not in without) for index, row in enumerate(train)]
        + [make_item(rng, row, seen, recipe, False) for row in extra],
        "test": [make_item(rng, row, target, recipe, True) for row in test],
        "unseen": [make_item(rng, row, rows, recipe, True) for row in others[: recipe.unseen]],
        "unanswerable": [make_item(rng, row, rows, recipe, False) for row in left[: recipe.unanswerable]],
    }


def answer_all(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[dict[str, str]]],
    tokens: int = 96,
) -> list[str]:
    """Greedy answers, in batches of similar length."""
    texts = [
        tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    answers = [""] * len(texts)
    for start in range(0, len(order), 30):
        part = order[start : start + 30]
        batch = tokenizer(
            [texts[index] for index in part], return_tensors="pt", padding=True, add_special_tokens=False
        )
        batch.pop("token_type_ids", None)
        with torch.no_grad():
            out = model.generate(**batch, max_new_tokens=tokens, do_sample=False)
        for index, ids in zip(part, out[:, batch["input_ids"].shape[1] :], strict=True):
            answers[index] = tokenizer.decode(ids, skip_special_tokens=True)
    return answers


def score_overlap(expected: str, answer: str) -> float:
    """F1 over character multisets, punctuation aside."""
    left, right = (Counter(re.sub(r"\W", "", text)) for text in (expected, answer))
    shared = sum((left & right).values())
    return 2 * shared / (sum(left.values()) + sum(right.values())) if shared else 0.0


def is_right_quote(item: Item, answer: str) -> bool:
    """Whether the answer cites the right document and quotes it verbatim, the wanted sentence included."""
    found = CITED.search(answer)
    if found is None or item.oracle is None:
        return False
    return int(found.group(1)) == item.oracle + 1 and found.group(2) == item.quote


def measure(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sets: dict[str, list[Item]]
) -> dict[str, float]:
    """The figures of the model card."""
    model.eval()
    general = [
        json.loads(line) for line in (SAMPLES / "general.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    prompts = [
        "\n".join([g["question"], *(f"{i}. {c}" for i, c in enumerate(g["choices"])), END]) for g in general
    ]
    digits = answer_all(model, tokenizer, [[{"role": "user", "content": prompt}] for prompt in prompts], 4)
    found = [re.search(r"[0-4]", digit) for digit in digits]
    answerable = sets["test"] + sets["unseen"]
    answers = answer_all(model, tokenizer, [item.prompt for item in answerable])
    absent = answer_all(model, tokenizer, [item.prompt for item in sets["unanswerable"]])
    answered = [(item, text) for item, text in zip(answerable, answers, strict=True) if REFUSED not in text]
    refused = [item for item, text in zip(answerable, answers, strict=True) if REFUSED in text]
    for item, text in zip(answerable, answers, strict=True):
        LOGGER.debug("%s | %s | %s", item.question, item.target, text)
    count = max(len(answered), 1)
    return {
        "n": len(answerable),
        "over_refusal": len(refused) / len(answerable),
        "over_refusal_reworded_share": sum(item.reworded for item in refused) / max(len(refused), 1),
        "correct_refusal": sum(REFUSED in text for text in absent) / max(len(absent), 1),
        "verbatim_quote": sum(is_right_quote(item, text) for item, text in answered) / count,
        "value_right": sum(item.quote.split("は")[-1].removesuffix("です") in text for item, text in answered)
        / count,
        "answered_f1": sum(score_overlap(item.quote, text) for item, text in answered) / count,
        "general": sum(
            m is not None and int(m[0]) == g["answer"] for m, g in zip(found, general, strict=True)
        )
        / len(general),
    }


def train_adapter(folder: Path, items: list[Item], recipe: Recipe, seed: int) -> PreTrainedModel:
    """Train LoRA on the RAFT rows, loss on the answers only, and return the merged model."""
    rows = [{"prompt": i.prompt, "completion": [{"role": "assistant", "content": i.target}]} for i in items]
    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out,
            num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.batch,
            learning_rate=recipe.rate,
            lr_scheduler_type="cosine",
            warmup_steps=5,
            max_length=1024,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            save_strategy="no",
            logging_steps=20,
            report_to="none",
            disable_tqdm=True,
            seed=seed,
            model_init_kwargs={"dtype": "float32"},
        )
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        lora = LoraConfig(
            r=recipe.rank, lora_alpha=recipe.alpha, target_modules=targets, task_type="CAUSAL_LM"
        )
        trainer = SFTTrainer(
            str(folder), args=config, train_dataset=Dataset.from_list(rows), peft_config=lora
        )
        trainer.train()
        trainer.model.save_pretrained(out)
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        base.load_adapter(out)
        return base


def main() -> None:
    """Read the command line and log one line of figures per model and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--verbose", action="store_true")
    for name, value in Recipe().__dict__.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    arguments = vars(parser.parse_args())
    folder, seeds = arguments.pop("model"), arguments.pop("seeds")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    LOGGER.setLevel(logging.DEBUG if arguments.pop("verbose") else logging.INFO)
    recipe = Recipe(**arguments)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for seed in seeds:
        sets = make_sets(seed, recipe)
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        LOGGER.info(
            "seed %d base %s",
            seed,
            json.dumps({k: round(v, 3) for k, v in measure(base, tokenizer, sets).items()}),
        )
        if recipe.epochs <= 0:
            continue
        started = time.monotonic()
        tuned = train_adapter(folder, sets["train"], recipe, seed)
        seconds = time.monotonic() - started
        figures = {k: round(v, 3) for k, v in measure(tuned, tokenizer, sets).items()}
        LOGGER.info("seed %d raft %s seconds %d", seed, json.dumps(figures), seconds)


if __name__ == "__main__":
    main()
