from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from tests.inference.embedded.reference import generate, load_reference
from workbench.errors import EndpointError, InputError, NotFoundError
from workbench.inference.embedded.engine import Engine, Order, load_engine
from workbench.inference.embedded.rows import Done, Event, Failed, Piece
from workbench.schemas.serving import ServeConfig

TEXTS = (
    "図書館は何時に開館しますか。",
    "粗大ごみの手数料",
    "みどり市の図書館は午前九時に開館し、午後七時に閉館します。" * 6,
    "hi",
    "参考文書1: 月曜日は休館日です。\n\n質問: いつ休みですか。",
    "0 1 2 3",
    "The quick brown fox",
    "申込みが必要です。" * 20,
)


def prompts_of(engine: Engine) -> list[tuple[int, ...]]:
    return [tuple(engine.codec.render([{"role": "user", "content": text}], {})) for text in TEXTS]


def answer_all(engine: Engine, orders: Sequence[Order]) -> list[Done]:
    with ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(engine.generate, orders))


def order(engine: Engine, model: str = "base", text: str = TEXTS[0], **values: Any) -> Order:
    prompt = tuple(engine.codec.render([{"role": "user", "content": text}], {}))
    return Order(**{"model": model, "prompt": prompt, "max_tokens": 24, "temperature": 0.0, **values})


def test_greedy_answers_of_a_mixed_batch_are_those_of_generate_token_for_token(
    engine: Engine, tiny_model: Path, adapters: dict[str, Path]
) -> None:
    prompts = prompts_of(engine)
    nets = {"base": load_reference(tiny_model)}
    nets |= {name: load_reference(tiny_model, path) for name, path in adapters.items()}
    # different lengths of answers too: rows leave at different steps, and new ones join those that stay
    wanted = [(name, prompt, 9 + 7 * number) for name in nets for number, prompt in enumerate(prompts)]
    orders = [Order(model=name, prompt=prompt, max_tokens=n, temperature=0.0) for name, prompt, n in wanted]
    answers = answer_all(engine, orders)
    assert max(engine.batches) > 1
    for (name, prompt, limit), answer in zip(wanted, answers, strict=True):
        assert list(answer.tokens) == generate(nets[name], prompt, limit), (name, len(prompt))
        assert answer.prompt_tokens == len(prompt)
    assert answers[0].tokens != answers[len(prompts)].tokens


def test_a_request_that_comes_later_joins_the_running_ones(engine: Engine, tiny_model: Path) -> None:
    net = load_reference(tiny_model)
    begun = threading.Event()
    first: list[Event] = []
    ended = threading.Event()

    def listen(event: Event) -> None:
        first.append(event)
        begun.set()
        if isinstance(event, (Done, Failed)):
            ended.set()

    long = order(engine, text=TEXTS[2], max_tokens=400, stream=True)
    engine.submit(long, listen)
    begun.wait()
    short = order(engine, text=TEXTS[3], max_tokens=12)
    answer = engine.generate(short)
    assert list(answer.tokens) == generate(net, short.prompt, 12)
    ended.wait()
    assert isinstance(first[-1], Done)
    assert list(first[-1].tokens) == generate(net, long.prompt, 400)


def test_generation_settings_of_the_model_are_followed_as_generate_follows_them(
    tiny_model: Path, tmp_path: Path
) -> None:
    net = load_reference(tiny_model)
    net.generation_config.repetition_penalty = 1.7
    net.generation_config.no_repeat_ngram_size = 3
    net.generation_config.suppress_tokens = list(range(100, 300))
    net.generation_config.min_new_tokens = 2
    folder = copy_model(net, tiny_model, tmp_path / "settings")
    engine = load_engine(ServeConfig.model_validate({"model": str(folder)}))
    try:
        prompts = prompts_of(engine)
        answers = answer_all(
            engine, [Order(model="base", prompt=prompt, max_tokens=20, temperature=0.0) for prompt in prompts]
        )
        net.generation_config.min_new_tokens = None
        assert [list(answer.tokens) for answer in answers] == [
            generate(net, prompt, 20) for prompt in prompts
        ]
        assert engine.facts["ignored_settings"] == ["min_new_tokens"]
    finally:
        engine.close()


def test_a_sliding_window_model_answers_as_generate_does(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(3)
    shape = LlamaConfig.from_pretrained(str(tiny_model)).to_dict()
    keys = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    config = MistralConfig(
        **{key: shape[key] for key in keys},
        num_key_value_heads=2,
        sliding_window=16,
        initializer_range=0.2,
        eos_token_id=1,
        bos_token_id=0,
        pad_token_id=2,
    )
    folder = copy_model(MistralForCausalLM(config), tiny_model, tmp_path / "mistral")
    net: Any = AutoModelForCausalLM.from_pretrained(str(folder)).eval()
    engine = load_engine(ServeConfig.model_validate({"model": str(folder), "max_batch_size": 4}))
    assert engine._loaded.cache_kind == "shrinks"
    try:
        prompts = prompts_of(engine)
        answers = answer_all(
            engine,
            [
                Order(model="base", prompt=p, max_tokens=5 + 4 * n, temperature=0.0)
                for n, p in enumerate(prompts)
            ],
        )
        for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            assert list(answer.tokens) == generate(net, prompt, 5 + 4 * number)
    finally:
        engine.close()


def copy_model(net: Any, tokenizer_from: Path, folder: Path) -> Path:
    net.save_pretrained(str(folder))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).write_bytes((tokenizer_from / name).read_bytes())
    return folder


def test_the_base_is_listed_first_and_adapters_show_how_much_they_change(engine: Engine) -> None:
    infos = {info.name: info for info in engine.models}
    assert list(infos) == ["base", "ft-1.0", "other", "hollow"]
    assert infos["base"].is_base
    assert infos["base"].difference is None
    assert (infos["ft-1.0"].difference or 0) > 0.1
    assert infos["ft-1.0"].notes == ()
    assert infos["hollow"].difference == 0
    assert infos["hollow"].notes == ("adapter_has_no_effect",)
    assert infos["base"].window == 1024


def test_sampling_depends_on_the_seed_and_not_on_the_neighbours(engine: Engine) -> None:
    drawn = order(engine, temperature=1.5, top_p=0.9, seed=11)
    alone = engine.generate(drawn)
    crowd = answer_all(engine, [drawn, *[order(engine, temperature=1.5, seed=n) for n in range(6)]])
    assert crowd[0].tokens == alone.tokens
    assert crowd[1].tokens != crowd[2].tokens


def test_a_tiny_top_p_leaves_the_likeliest_token_only(engine: Engine) -> None:
    assert (
        engine.generate(order(engine, temperature=1.0, top_p=1e-6)).tokens
        == engine.generate(order(engine)).tokens
    )


def test_without_a_temperature_the_models_own_setting_holds(engine: Engine) -> None:
    silent = order(engine, temperature=None, seed=None)
    assert engine.generate(silent).tokens == engine.generate(order(engine)).tokens


def test_a_stop_string_ends_the_answer_before_itself(engine: Engine) -> None:
    whole = engine.generate(order(engine, max_tokens=40)).text
    stop = whole[6:8]
    answer = engine.generate(order(engine, max_tokens=40, stops=(stop, "never said")))
    assert answer.text == whole[: whole.index(stop)]
    assert answer.finish_reason == "stop"
    assert answer.completion_tokens < 40


def test_an_answer_that_reaches_its_limit_says_so_and_counts_its_tokens(engine: Engine) -> None:
    answer = engine.generate(order(engine, max_tokens=5))
    assert (answer.finish_reason, answer.completion_tokens, len(answer.tokens)) == ("length", 5, 5)


def test_pieces_of_a_stream_are_the_answer(engine: Engine) -> None:
    events: list[Event] = []
    ended = threading.Event()

    def listen(event: Event) -> None:
        events.append(event)
        if not isinstance(event, Piece):
            ended.set()

    engine.submit(order(engine, text=TEXTS[4], max_tokens=60, stream=True), listen)
    ended.wait()
    pieces = [event.text for event in events if isinstance(event, Piece)]
    whole = engine.generate(order(engine, text=TEXTS[4], max_tokens=60))
    assert len(pieces) > 5
    assert "".join(pieces) == whole.text
    assert isinstance(events[-1], Done)
    assert events[-1].text == whole.text


def test_an_answer_gets_no_more_room_than_the_context_has(engine: Engine) -> None:
    prompt = tuple([5] * 1000)
    answer = engine.generate(Order(model="base", prompt=prompt, max_tokens=500, temperature=0.0))
    assert answer.completion_tokens <= 24
    with pytest.raises(InputError) as caught:
        engine.generate(Order(model="base", prompt=tuple([5] * 1024)))
    assert caught.value.params == {"tokens": 1024, "window": 1024}


@pytest.mark.parametrize(
    ("values", "kind", "code"),
    [
        ({"model": "gone"}, NotFoundError, "serve_model_unknown"),
        ({"prompt": ()}, InputError, "serve_prompt_empty"),
        ({"prompt": (3, 512)}, InputError, "serve_token_unknown"),
        ({"prompt": (-1, 5)}, InputError, "serve_token_unknown"),
    ],
)
def test_impossible_orders_are_refused(engine: Engine, values: dict[str, Any], kind: type, code: str) -> None:
    with pytest.raises(kind, match=code):
        engine.generate(order(engine, **values))


def test_a_cancelled_request_leaves_its_row_to_others(engine: Engine) -> None:
    begun = threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        begun.set()

    row = engine.submit(order(engine, max_tokens=900, text=TEXTS[2], stream=True), listen)
    begun.wait()
    row.cancelled = True
    engine.generate(order(engine))
    while engine.pending:
        pass
    assert row.made < 900
    assert not any(isinstance(event, Done) for event in events)


def test_a_failing_forward_pass_fails_its_requests_and_not_the_engine(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        device = "cpu"

        def __call__(self, *_: object) -> None:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    from workbench.inference.embedded.batching import RowGroup

    with monkeypatch.context() as patched:
        patched.setattr(
            engine._scheduler,
            "_new_group",
            lambda: RowGroup(Failing(), pad_id=0),  # type: ignore[arg-type]
        )
        patched.setattr(engine._scheduler, "_max_rows", 8)
        with pytest.raises(EndpointError, match="serve_out_of_memory"):
            engine.generate(order(engine))
        assert engine._scheduler._max_rows == 4
    assert engine.generate(order(engine)).completion_tokens > 0


def test_a_closed_engine_tells_those_who_wait(serve_config: ServeConfig) -> None:
    engine = load_engine(serve_config.model_copy(update={"adapters": ()}))
    events: list[Event] = []
    engine.submit(order(engine, max_tokens=900, text=TEXTS[2], stream=True), events.append)
    engine.close()
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "serve_stopping"
    with pytest.raises(EndpointError, match="serve_stopping"):
        engine.generate(order(engine))


def test_idle_time_counts_from_the_last_request(serve_config: ServeConfig) -> None:
    from workbench.inference.embedded.loading import load_model

    now = [100.0]
    engine = Engine(
        load_model(serve_config.model_copy(update={"adapters": ()})), max_rows=2, clock=lambda: now[0]
    )
    try:
        now[0] = 130.0
        assert engine.idle_seconds() == 30.0
        engine.generate(order(engine))
        # the answer comes a moment before its row leaves the line
        while engine.pending:
            time.sleep(0.001)
        now[0] = 131.0
        assert engine.idle_seconds() == 1.0
        assert engine.answered == 1
    finally:
        engine.close()
