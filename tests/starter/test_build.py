"""The scripts that made the starter model and its sample: what ships is what they write, and they train what they say."""

from __future__ import annotations

import csv
import importlib
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from workbench.paths import assets_dir

Load = Any


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    """The scripts' modules: they run from their own folder and belong to no package of ours."""
    place = str(assets_dir() / "starter")
    sys.path.insert(0, place)

    def find(name: str) -> ModuleType:
        return importlib.import_module(f"build.{name}")

    yield find
    sys.path.remove(place)
    for name in [name for name in sys.modules if name.split(".")[0] == "build"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(assets_dir() / "starter" / "model"))


def test_the_sample_that_ships_is_what_the_script_writes(load: Load) -> None:
    samples, folder = load("samples"), assets_dir() / "samples"
    with (folder / "city_faq.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == samples.make_rows()
    lines = (folder / "general.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == samples.make_general()
    rehearsed = (folder / "general_rehearsal.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in rehearsed] == samples.make_rehearsal()


def test_what_is_rehearsed_is_never_asked(load: Load) -> None:
    samples = load("samples")
    asked = {"\n".join([item["question"], *item["choices"]]) for item in samples.make_general()}
    rows = [row["messages"][0]["content"] for row in samples.make_rehearsal()]
    bare = {re.sub(r"^\d\. ", "", row, flags=re.MULTILINE).rpartition("\n")[0] for row in rows}
    assert len(rows) == 30
    assert not asked & bare


def test_no_value_of_the_sample_can_have_been_learnt(load: Load) -> None:
    documents, names = load("documents"), load("names")
    rng = random.Random(3)
    drawn = [
        documents.make_fact(rng, names.make_service(rng), attribute).value
        for attribute in documents.ATTRIBUTES
        for _ in range(40)
    ]
    assert not [value for value in drawn if names.is_held_out(value)]


def test_the_instruction_is_the_products_own(load: Load) -> None:
    from workbench.generation.templates import build_prompt
    from workbench.schemas.generation import DEFAULT_SYSTEM_PROMPT

    tasks = load("tasks")
    assert tasks.CAUTIOUS_SYSTEM == DEFAULT_SYSTEM_PROMPT
    documents = ["手数料は200円です。", "窓口は市民課です。"]
    user = build_prompt(DEFAULT_SYSTEM_PROMPT, documents, "手数料は？")[-1]
    assert user.content == tasks.render_head(documents) + "手数料は？"


@torch.no_grad()
def test_questions_that_share_documents_are_read_as_if_each_stood_alone(load: Load, tokenizer: Any) -> None:
    tasks, batches, reader = load("tasks"), load("batches"), load("reader")
    torch.manual_seed(0)
    model = reader.make_model(tokenizer).eval()
    context = tasks.make_context(random.Random(5), tasks.CURRICULUM[-1])
    together = batches.collate(tokenizer, [context], 4.0)
    read = reader.Reader(model)
    hidden, *_ = read(together.ids, together.positions, batches.make_mask(together.branches))
    for number, turn in enumerate(context.turns, 1):
        alone = batches.collate(tokenizer, [tasks.Context(context.system, context.head, (turn,))], 4.0)
        size = int((alone.branches == 1).sum())
        expected, *_ = read(alone.ids, alone.positions, batches.make_mask(alone.branches))
        assert torch.equal(together.ids[together.branches == number], alone.ids[alone.branches == 1])
        found = hidden[together.branches == number]
        assert found.shape[0] == size
        assert torch.allclose(found, expected[alone.branches == 1], atol=1e-4)


def test_a_copied_word_knows_where_it_stands(load: Load, tokenizer: Any) -> None:
    tasks, batches = load("tasks"), load("batches")
    rng = random.Random(8)
    contexts = [tasks.make_context(rng, tasks.CURRICULUM[-1]) for _ in range(4)]
    batch = batches.collate(tokenizer, contexts, 4.0)
    for row, context in enumerate(contexts):
        pairs = [(column, origin) for column, origin in batch.copies[row].tolist() if column >= 0]
        # what is predicted at a column is the token behind it, and it stands in the document that holds the answer
        assert all(batch.ids[row, column + 1] == batch.ids[row, origin] for column, origin in pairs)
        assert all(
            batch.numbers[row, origin] == context.turns[batch.branches[row, column + 1] - 1].source
            for column, origin in pairs
        )
        marks = [int(batch.branches[row, column + 1]) for column, _ in pairs]
        for number, turn in enumerate(context.turns, 1):
            quoted = turn.kind.endswith("/present") and "「" in turn.answer and "提供" not in turn.answer
            assert not quoted or marks.count(number) > 5


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (96, 32)])
def test_the_update_turns_a_gradient_and_keeps_no_direction_small(load: Load, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    # singular values from 1 down to a hundredth, as gradients have them
    left, right = torch.linalg.qr(torch.randn(shape[0], 32)).Q, torch.linalg.qr(torch.randn(shape[1], 32)).Q
    gradient = left @ torch.diag(torch.logspace(0, -2, 32)) @ right.T
    found = load("muon").orthogonalise(gradient[None])[0]
    sizes = torch.linalg.svdvals(found)[:32]
    assert found.shape == shape
    assert sizes.min() > 0.5
    assert sizes.max() < 1.3
    # the directions themselves stay: in their own bases the update is diagonal
    turned = left.T @ found @ right
    # bfloat16 has eight bits, where the processor multiplies it itself
    tolerance = 2e-2 if load("muon").BFLOAT16 else 1e-3
    assert torch.allclose(turned, torch.diag(turned.diagonal()), atol=tolerance)


def test_the_optimizer_descends_and_leaves_alone_what_has_no_gradient(load: Load) -> None:
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(16, 24)) for _ in range(3)]
    idle = weights[2].detach().clone()
    optimizer = load("muon").Muon(weights, lr=0.1, weight_decay=0.0)

    def measure() -> torch.Tensor:
        return sum(((weight - 1) ** 2).mean() for weight in weights[:2])  # type: ignore[return-value]

    first = measure().item()
    for _ in range(60):
        optimizer.zero_grad()
        measure().backward()
        optimizer.step()
    assert measure().item() < first / 3
    assert torch.equal(weights[2], idle)


def test_the_tokenizer_that_ships_is_what_the_script_writes(load: Load, tmp_path: Path) -> None:
    load("tokenizer").save_tokenizer(tmp_path)
    shipped = assets_dir() / "starter" / "model"
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (tmp_path / name).read_text("utf-8") == (shipped / name).read_text("utf-8"), name


def test_the_weights_that_ship_tell_the_words_of_names_apart(load: Load, tokenizer: Any) -> None:
    names = load("names")
    words = {*names.KANJI, *names.HIRAGANA, *names.KATAKANA, *names.PIECES}
    vocabulary = tokenizer.get_vocab()
    ids = [vocabulary[word] for word in sorted(words) if word in vocabulary]
    assert len(ids) > 1200
    weights = load_file(assets_dir() / "starter" / "model" / "model.safetensors")
    embeddings = weights["model.embed_tokens.weight"][ids].float()
    assert _nearest(embeddings) < 0.8


def _nearest(vectors: torch.Tensor) -> float:
    """The largest cosine of two different ones."""
    units = torch.nn.functional.normalize(vectors)
    return (units @ units.T - 2 * torch.eye(len(units))).max().item()


@pytest.mark.slow
def test_a_training_that_was_stopped_ends_with_the_same_weights(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = load("train")
    make_contexts, drawn = train.make_contexts, {"left": 1_000_000}

    def few(rng: random.Random, progress: float) -> list[Any]:
        if not drawn["left"]:
            raise KeyboardInterrupt
        drawn["left"] -= 1
        return make_contexts(rng, progress)[:2]

    monkeypatch.setattr(train, "make_contexts", few)
    monkeypatch.setattr(train, "SAVE_EVERY", 1)
    settings = train.Settings(steps=4)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    train.train(settings, tmp_path / "whole", False)
    state = tmp_path / "state.pt"
    drawn["left"] = 6 + 2  # the probe's batches come first
    with pytest.raises(KeyboardInterrupt):
        train.train(settings, tmp_path / "parts", False, state=state)
    drawn["left"] = 1_000_000
    train.train(settings, tmp_path / "parts", False, state=state)
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with pytest.raises(ValueError, match="other settings"):
        train.train(train.Settings(steps=5), tmp_path / "parts", False, state=state)
