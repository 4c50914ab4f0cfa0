from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import build_tokenizer
from workbench.errors import InputError, NotFoundError
from workbench.inference.embedded.reward import RewardClient, RewardModel, load_reward
from workbench.inference.rewards import parse_rewards
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatRequest

TEXTS = (
    "はい。",
    "図書館は午前九時に開館します。",
    "手数料は一点につき三百円です。" * 3,
    "Yes",
    "いいえ、違います。",
)


def build(folder: Path, labels: int = 1, pad: int | None = None, names: dict[int, str] | None = None) -> Path:
    """A two-layer Llama with a random score head."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(str(folder))
    extra: dict[str, Any] = {"id2label": names} if names else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model: Any = LlamaForSequenceClassification(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                initializer_range=0.3,
                num_labels=labels,
                pad_token_id=pad,
                **extra,
            )
        )
    model.save_pretrained(str(folder))
    return folder


def talk(answer: str) -> tuple[ChatMessage, ...]:
    return (
        ChatMessage(role="user", content="図書館は何時に開館しますか。"),
        ChatMessage(role="assistant", content=answer),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("reward"))


@pytest.fixture(scope="module")
def model(folder: Path) -> RewardModel:
    return load_reward(folder)


def reference(folder: Path, answer: str) -> float:
    """The score as transformers itself gives it for one conversation."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
    net: Any = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    turns = [message.model_dump() for message in talk(answer)]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return float(net(input_ids=ids).logits[0, 0])


def first_scores(model: RewardModel, batch: int = 8) -> list[float]:
    found = model.score_tokens([model.encode(talk(text)) for text in TEXTS], batch)
    return [scores[model.names[0]] for scores in found]


def test_a_batch_scores_as_transformers_does_one_by_one(folder: Path, model: RewardModel) -> None:
    scores = first_scores(model, batch=3)
    assert scores == pytest.approx([reference(folder, text) for text in TEXTS], abs=1e-4)
    assert len({round(score, 4) for score in scores}) == len(TEXTS)
    assert model.names == ("reward",)


def test_a_padding_token_that_ends_the_answer_is_treated_as_the_model_treats_it(tmp_path: Path) -> None:
    # the template ends an assistant's turn with </s> and a line break; `\n` is the last token here
    tokenizer = build_tokenizer()
    last = tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    folder = build(tmp_path, pad=last)
    scores = first_scores(load_reward(folder))
    assert scores == pytest.approx([reference(folder, text) for text in TEXTS], abs=1e-4)


def test_five_attributes_carry_the_names_of_the_model(tmp_path: Path) -> None:
    names = dict(enumerate(("Helpfulness", "Correctness", "Coherence", "Complexity", "Verbosity")))
    loaded = load_reward(build(tmp_path, labels=5, names=names))
    (scores,) = loaded.score_tokens([loaded.encode(talk("はい。"))])
    assert list(scores) == ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]


def test_a_language_model_is_no_reward_model(tiny_model: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_reward(tiny_model)
    assert caught.value.code == "reward_no_head"
    assert "CausalLM" in str(caught.value.params["found"])


def test_a_head_that_is_only_claimed_is_found_out(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "claimed"
    shutil.copytree(tiny_model, folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace("LlamaForCausalLM", "LlamaForSequenceClassification"))
    with pytest.raises(InputError) as caught:
        load_reward(folder)
    assert caught.value.code == "reward_no_head"


def test_a_missing_folder_gets_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_reward(tmp_path / "nothing")


async def test_as_a_client_it_scores_together_what_waits_together(model: RewardModel) -> None:
    sizes: list[int] = []

    class Counting(RewardModel):
        def score_tokens(self, rows: Any, batch: int = 8) -> list[dict[str, float]]:
            sizes.append(len(rows))
            return model.score_tokens(rows, batch)

    counting = Counting(model._net, model._tokenizer, "cpu")
    client = RewardClient(counting, batch=4)
    texts = [*TEXTS, "長い" * 500]
    replies = await asyncio.gather(*(client.complete(ChatRequest(messages=talk(text))) for text in texts))
    await client.close()
    assert sizes == [4, 1]
    expected = first_scores(model)
    assert [parse_rewards(reply.text)["reward"] for reply in replies[:-1]] == pytest.approx(
        expected, abs=1e-5
    )
    assert (replies[-1].state, replies[-1].error_code) == ("error", "context_too_long")


async def test_a_model_that_fails_leaves_nobody_waiting(model: RewardModel) -> None:
    class Broken(RewardModel):
        def score_tokens(self, rows: Any, batch: int = 8) -> list[dict[str, float]]:
            raise RuntimeError("broken")

    client = RewardClient(Broken(model._net, model._tokenizer, "cpu"))
    requests = [client.complete(ChatRequest(messages=talk(text))) for text in TEXTS]
    ended = await asyncio.gather(*requests, return_exceptions=True)
    await client.close()
    assert [type(one) for one in ended] == [RuntimeError] * len(TEXTS)
